//! What became of a file of a workspace or a changeset: what changed it, and what last set each of its lines.

use super::views::{People, PersonBody};
use crate::extract::{AppMember, PageLimit, PageNumber, PathId, QueryOf};
use crate::problem::Answer;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use conman_domain::RepoPath;
use conman_domain::id::{ChangesetId, WorkspaceId};
use conman_git::{ChangeKind, LineSource};
use conman_workflow::{FileOrigin, FileOrigins, LineOrigins, Page};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(get_workspace_file_history))
        .routes(routes!(get_workspace_blame))
        .routes(routes!(get_changeset_file_history))
        .routes(routes!(get_changeset_blame))
}

/// What a change did to a file.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum FileChangeKind {
    /// It is new.
    Added,
    /// Its content changed.
    Modified,
    /// It is gone.
    Deleted,
    /// It has another path, and at least half of its content.
    Renamed,
}

impl From<ChangeKind> for FileChangeKind {
    fn from(kind: ChangeKind) -> Self {
        match kind {
            ChangeKind::Added => Self::Added,
            ChangeKind::Modified => Self::Modified,
            ChangeKind::Deleted => Self::Deleted,
            ChangeKind::Renamed => Self::Renamed,
        }
    }
}

/// A change of a file with what brought it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FileOrigin)]
struct OriginBody {
    commit: String,
    kind: FileChangeKind,
    /// The path that the file has since.
    path: String,
    /// The path before, where it was renamed.
    old_path: Option<String>,
    /// Who wrote it, as the commit says.
    author: String,
    #[schema(format = DateTime)]
    at: String,
    /// The first line of what the commit says.
    summary: String,
    /// The release that published it; null for what was there before the first one.
    release: Option<OriginReleaseBody>,
    /// The changeset that it came with.
    changeset: Option<OriginChangesetBody>,
}

/// The release that published a change.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OriginRelease)]
struct OriginReleaseBody {
    id: Uuid,
    tag: String,
}

/// The changeset that a change came with.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OriginChangeset)]
struct OriginChangesetBody {
    id: Uuid,
    number: u32,
    title: String,
    author: PersonBody,
    /// Who approved what was released.
    approved_by: Vec<PersonBody>,
}

/// What changed a file, a page of it.
#[derive(Debug, Serialize, ToSchema)]
struct FileHistory {
    /// Newest first.
    data: Vec<OriginBody>,
    page: u32,
    limit: u32,
    /// Whether there are more pages.
    has_more: bool,
    /// Whether the search was given up before the history's beginning: older changes are not told.
    is_cut: bool,
}

/// Lines of a file that stand together and come from the same.
#[derive(Debug, Serialize, ToSchema)]
struct BlamedLines {
    /// The first of them, from 1.
    first: u32,
    /// The last of them.
    last: u32,
    /// What last set them, by its place in `origins`, from 0; null for lines that no release has.
    origin: Option<u32>,
    /// Whether they are older than what was looked at.
    is_older: bool,
}

/// A text, and what last set each of its lines.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Blame)]
struct BlameBody {
    text: String,
    /// What lines come from, newest first.
    origins: Vec<OriginBody>,
    /// All lines in order.
    lines: Vec<BlamedLines>,
}

impl OriginBody {
    async fn all(state: &AppState, origins: &[FileOrigin]) -> Answer<Vec<Self>> {
        let changesets = origins.iter().filter_map(|origin| origin.changeset.as_ref());
        let ids: Vec<_> = changesets
            .flat_map(|changeset| changeset.approved_by.iter().chain([&changeset.author_id]))
            .copied()
            .collect();
        let people = People::of(state, &ids).await?;
        Ok(origins.iter().map(|origin| Self::of(origin, &people)).collect())
    }

    fn of(origin: &FileOrigin, people: &People) -> Self {
        let change = &origin.change;
        Self {
            commit: change.commit.id.to_string(),
            kind: change.kind.into(),
            path: change.path.to_string(),
            old_path: change.old_path.as_ref().map(ToString::to_string),
            author: change.commit.author.name.clone(),
            at: change.commit.author.at.to_string(),
            summary: change.commit.message.lines().next().unwrap_or_default().chars().take(200).collect(),
            release: origin
                .release
                .as_ref()
                .map(|(id, tag)| OriginReleaseBody { id: id.uuid(), tag: tag.to_string() }),
            changeset: origin.changeset.as_ref().map(|changeset| OriginChangesetBody {
                id: changeset.id.uuid(),
                number: changeset.number,
                title: changeset.title.to_string(),
                author: people.person(changeset.author_id),
                approved_by: changeset.approved_by.iter().map(|id| people.person(*id)).collect(),
            }),
        }
    }
}

impl FileHistory {
    async fn of(state: &AppState, page: Page, found: FileOrigins) -> Answer<Json<Self>> {
        let data = OriginBody::all(state, &found.origins).await?;
        let (has_more, is_cut) = (found.has_more, found.is_cut);
        Ok(Json(Self { data, page: page.page, limit: page.limit, has_more, is_cut }))
    }
}

impl BlameBody {
    async fn of(state: &AppState, found: LineOrigins) -> Answer<Json<Self>> {
        let mut lines: Vec<BlamedLines> = Vec::new();
        for (source, number) in found.blame.lines.iter().zip(1_u32..) {
            let (origin, is_older) = match source {
                LineSource::Own => (None, false),
                LineSource::Older => (None, true),
                LineSource::Change(place) => (u32::try_from(*place).ok(), false),
            };
            match lines.last_mut() {
                Some(before) if before.origin == origin && before.is_older == is_older => {
                    before.last = number;
                }
                Some(_) | None => lines.push(BlamedLines { first: number, last: number, origin, is_older }),
            }
        }
        let origins = OriginBody::all(state, &found.origins).await?;
        Ok(Json(Self { text: found.text, origins, lines }))
    }
}

/// Which file, and which part of what changed it.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WorkspaceHistoryQuery {
    #[param(value_type = String)]
    path: RepoPath,
    /// The page's number, from 1.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, default = 1)]
    page: PageNumber,
    /// How many rows a page has, 1 to 200.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200, default = 50)]
    limit: PageLimit,
}

/// Which file of which revision, and which part of what changed it.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ChangesetHistoryQuery {
    #[param(value_type = String)]
    path: RepoPath,
    /// The revision; the newest if left out.
    #[serde(default)]
    revision: Option<u32>,
    /// The page's number, from 1.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, default = 1)]
    page: PageNumber,
    /// How many rows a page has, 1 to 200.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200, default = 50)]
    limit: PageLimit,
}

/// Which file.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WorkspaceBlameQuery {
    #[param(value_type = String)]
    path: RepoPath,
}

/// Which file of which revision.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ChangesetBlameQuery {
    #[param(value_type = String)]
    path: RepoPath,
    /// The revision; the newest if left out.
    #[serde(default)]
    revision: Option<u32>,
}

/// Lists what changed a file of a workspace before it came there, newest first.
#[utoipa::path(get, path = "/api/apps/{appId}/workspaces/{workspaceId}/files/history",
    operation_id = "get_workspace_file_history", tag = "workspaces",
    params(("appId" = Uuid, Path, description = "The app"), ("workspaceId" = Uuid, Path, description = "The workspace"),
        WorkspaceHistoryQuery),
    responses((status = 200, description = "What changed it", body = FileHistory)))]
async fn get_workspace_file_history(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<WorkspaceId>,
    QueryOf(query): QueryOf<WorkspaceHistoryQuery>,
) -> Answer<Json<FileHistory>> {
    let page = query.page.of(query.limit);
    let found = state.workflow.workspace_file_history(&member, id, &query.path, page).await?;
    FileHistory::of(&state, page, found).await
}

/// Reads a file of a workspace with what last set each of its lines.
#[utoipa::path(get, path = "/api/apps/{appId}/workspaces/{workspaceId}/files/blame",
    operation_id = "get_workspace_blame", tag = "workspaces",
    params(("appId" = Uuid, Path, description = "The app"), ("workspaceId" = Uuid, Path, description = "The workspace"),
        WorkspaceBlameQuery),
    responses((status = 200, description = "The lines", body = BlameBody)))]
async fn get_workspace_blame(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<WorkspaceId>,
    QueryOf(query): QueryOf<WorkspaceBlameQuery>,
) -> Answer<Json<BlameBody>> {
    BlameBody::of(&state, state.workflow.workspace_blame(&member, id, &query.path).await?).await
}

/// Lists what changed a file of a revision before it came there, newest first.
#[utoipa::path(get, path = "/api/apps/{appId}/changesets/{changesetId}/files/history",
    operation_id = "get_changeset_file_history", tag = "changesets",
    params(("appId" = Uuid, Path, description = "The app"), ("changesetId" = Uuid, Path, description = "The changeset"),
        ChangesetHistoryQuery),
    responses((status = 200, description = "What changed it", body = FileHistory)))]
async fn get_changeset_file_history(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<ChangesetId>,
    QueryOf(query): QueryOf<ChangesetHistoryQuery>,
) -> Answer<Json<FileHistory>> {
    let page = query.page.of(query.limit);
    let workflow = &state.workflow;
    let found = workflow.changeset_file_history(&member, id, query.revision, &query.path, page).await?;
    FileHistory::of(&state, page, found).await
}

/// Reads a file of a revision with what last set each of its lines.
#[utoipa::path(get, path = "/api/apps/{appId}/changesets/{changesetId}/files/blame",
    operation_id = "get_changeset_blame", tag = "changesets",
    params(("appId" = Uuid, Path, description = "The app"), ("changesetId" = Uuid, Path, description = "The changeset"),
        ChangesetBlameQuery),
    responses((status = 200, description = "The lines", body = BlameBody)))]
async fn get_changeset_blame(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<ChangesetId>,
    QueryOf(query): QueryOf<ChangesetBlameQuery>,
) -> Answer<Json<BlameBody>> {
    let found = state.workflow.changeset_blame(&member, id, query.revision, &query.path).await?;
    BlameBody::of(&state, found).await
}
