//! The queue, and releases from draft to publication.

use super::changeset_views::ChangesetBody;
use super::changesets::states;
use super::collision_views::CollisionBody;
use super::diffs::DiffBody;
use super::shared::{DiffMode, DiffQuery, List, Nothing};
use super::views::{FindingBody, People, PersonBody, StartedJob, allowed};
use crate::etag::Tagged;
use crate::extract::{AppMember, IfMatch, JsonBody, PageLimit, PageNumber, PathId, QueryOf, RequiredIfMatch};
use crate::problem::Answer;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use conman_domain::id::{ChangesetId, EnvironmentId, ReleaseId};
use conman_domain::job::OnIsolation;
use conman_domain::policy::{self, ReleaseAction};
use conman_domain::release::{MemberResult, ReleaseMember, ReleaseStatus};
use conman_workflow::{FullRelease, Member};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(get_queue))
        .routes(routes!(reorder_queue))
        .routes(routes!(list_releases, draft_release))
        .routes(routes!(get_release, edit_release))
        .routes(routes!(set_release_changesets))
        .routes(routes!(reorder_release))
        .routes(routes!(assemble_release))
        .routes(routes!(publish_release))
        .routes(routes!(preview_release))
}

/// The queue.
#[derive(Debug, Serialize, ToSchema)]
struct Queue {
    /// In order.
    data: Vec<ChangesetBody>,
}

/// Reads the queue, in order.
#[utoipa::path(get, path = "/api/apps/{appId}/queue", operation_id = "get_queue", tag = "queue",
    params(("appId" = Uuid, Path, description = "The app")),
    responses((status = 200, description = "The queue", body = Queue)))]
async fn get_queue(State(state): State<AppState>, member: AppMember) -> Answer<Json<Queue>> {
    let queued = state.workflow.queue(member.app_id()).await?;
    Ok(Json(Queue { data: ChangesetBody::all(&state, &member, &queued).await? }))
}

/// Changesets in order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangesetIds {
    changeset_ids: Vec<Uuid>,
}

impl ChangesetIds {
    fn ids(self) -> Vec<ChangesetId> {
        self.changeset_ids.into_iter().map(ChangesetId::new).collect()
    }
}

/// Puts the queue into a new order; the list names exactly what is queued.
#[utoipa::path(post, path = "/api/apps/{appId}/queue/reorder", operation_id = "reorder_queue", tag = "queue",
    params(("appId" = Uuid, Path, description = "The app")), request_body = ChangesetIds,
    responses((status = 200, description = "The queue", body = Queue)))]
async fn reorder_queue(
    State(state): State<AppState>,
    member: AppMember,
    JsonBody(body): JsonBody<ChangesetIds>,
) -> Answer<Json<Queue>> {
    let queued = state.workflow.reorder_queue(&member, &body.ids()).await?;
    Ok(Json(Queue { data: ChangesetBody::all(&state, &member, &queued).await? }))
}

/// A release.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Release)]
struct ReleaseBody {
    id: Uuid,
    /// `draft_release`, `assembling`, `validated`, `publishing`, `published`, `deployed_partial`, `deployed_full` or
    /// `rolled_back`.
    state: &'static str,
    tag: Option<String>,
    /// The composed or published commit.
    commit: Option<String>,
    tree: Option<String>,
    /// What it was composed on.
    base: Option<String>,
    notes: String,
    /// In order.
    members: Vec<MemberBody>,
    created_by: PersonBody,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    #[schema(format = DateTime)]
    published_at: Option<String>,
    allowed_actions: Vec<String>,
}

/// A changeset's place in a release.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReleaseMember)]
struct MemberBody {
    changeset_id: Uuid,
    number: u32,
    title: String,
    revision: u32,
    position: u32,
    /// `pending`, `merged`, `conflicted` or `invalid`.
    result: &'static str,
    /// The merge commit, if it has one.
    commit: Option<String>,
    collisions: Vec<CollisionBody>,
    findings: Vec<FindingBody>,
}

impl MemberBody {
    fn of(member: &ReleaseMember, title: String) -> Self {
        let (result, commit, collisions, findings) = match &member.result {
            MemberResult::Pending => ("pending", None, Vec::new(), Vec::new()),
            MemberResult::Merged { commit } => {
                ("merged", commit.map(|c| c.to_string()), Vec::new(), Vec::new())
            }
            MemberResult::Conflicted { collisions } => {
                ("conflicted", None, collisions.iter().map(CollisionBody::from).collect(), Vec::new())
            }
            MemberResult::Invalid { findings } => {
                ("invalid", None, Vec::new(), findings.iter().map(FindingBody::from).collect())
            }
        };
        Self {
            changeset_id: member.changeset_id.uuid(),
            number: member.number,
            title,
            revision: member.revision,
            position: member.position,
            result,
            commit,
            collisions,
            findings,
        }
    }
}

impl ReleaseBody {
    async fn of(state: &AppState, member: &Member, full: &FullRelease) -> Answer<Self> {
        let release = &full.release.doc;
        let people = People::of(state, &[release.created_by]).await?;
        let mut members = Vec::new();
        for part in &full.members {
            let changeset = state.workflow.changeset(member, part.doc.changeset_id).await?;
            members.push(MemberBody::of(&part.doc, changeset.doc.title.to_string()));
        }
        let (commit, tree, base) = match &release.status {
            ReleaseStatus::Validated { candidate } => {
                (Some(candidate.commit), Some(candidate.tree), Some(candidate.base))
            }
            ReleaseStatus::Publishing(p) => (Some(p.commit), Some(p.tree), Some(p.previous_head)),
            status => match status.publication() {
                Some(p) => (Some(p.commit), Some(p.tree), Some(p.previous_head)),
                None => (None, None, None),
            },
        };
        let published = release.status.publication();
        let decide = |action| policy::release(member.viewer(), release, action);
        Ok(Self {
            id: release.id.uuid(),
            state: release.status.name(),
            tag: published.map(|p| p.tag.to_string()),
            commit: commit.map(|c| c.to_string()),
            tree: tree.map(|t| t.to_string()),
            base: base.map(|b| b.to_string()),
            notes: release.notes.clone(),
            members,
            created_by: people.person(release.created_by),
            created_at: release.created_at.to_string(),
            updated_at: release.updated_at.to_string(),
            published_at: published.map(|p| p.published_at.to_string()),
            allowed_actions: allowed(ReleaseAction::ALL, ReleaseAction::name, decide),
        })
    }
}

async fn tagged(state: &AppState, member: &Member, full: &FullRelease) -> Answer<Tagged<ReleaseBody>> {
    Ok(Tagged(full.release.version, ReleaseBody::of(state, member, full).await?))
}

/// Which releases.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ReleaseQuery {
    /// Only in one of these states, separated by commas.
    #[serde(default)]
    state: Option<String>,
    /// The page's number, from 1.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, default = 1)]
    page: PageNumber,
    /// How many rows a page has, 1 to 200.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200, default = 50)]
    limit: PageLimit,
}

const STATES: [&str; 8] = [
    "draft_release",
    "assembling",
    "validated",
    "publishing",
    "published",
    "deployed_partial",
    "deployed_full",
    "rolled_back",
];

/// Lists the app's releases, newest first.
#[utoipa::path(get, path = "/api/apps/{appId}/releases", operation_id = "list_releases", tag = "releases",
    params(("appId" = Uuid, Path, description = "The app"), ReleaseQuery),
    responses((status = 200, description = "The releases", body = List<ReleaseBody>)))]
async fn list_releases(
    State(state): State<AppState>,
    member: AppMember,
    QueryOf(query): QueryOf<ReleaseQuery>,
) -> Answer<Json<List<ReleaseBody>>> {
    let states = states(query.state.as_deref(), &STATES)?;
    let page = query.page.of(query.limit);
    let (releases, total) = state.workflow.list_releases(&member, &states, page).await?;
    let mut data = Vec::new();
    for release in releases {
        let full = state.workflow.release(&member, release.doc.id).await?;
        data.push(ReleaseBody::of(&state, &member, &full).await?);
    }
    Ok(Json(List::of(page, total, data)))
}

/// Drafts a release from queued changesets, in the order given; for config managers.
#[utoipa::path(post, path = "/api/apps/{appId}/releases", operation_id = "draft_release", tag = "releases",
    params(("appId" = Uuid, Path, description = "The app")), request_body = ChangesetIds,
    responses((status = 201, description = "Drafted", body = ReleaseBody)))]
async fn draft_release(
    State(state): State<AppState>,
    member: AppMember,
    JsonBody(body): JsonBody<ChangesetIds>,
) -> Answer<(StatusCode, Tagged<ReleaseBody>)> {
    let full = state.workflow.draft_release(&member, &body.ids()).await?;
    Ok((StatusCode::CREATED, tagged(&state, &member, &full).await?))
}

/// Reads a release.
#[utoipa::path(get, path = "/api/apps/{appId}/releases/{releaseId}", operation_id = "get_release", tag = "releases",
    params(("appId" = Uuid, Path, description = "The app"), ("releaseId" = Uuid, Path, description = "The release")),
    responses((status = 200, description = "The release", body = ReleaseBody)))]
async fn get_release(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<ReleaseId>,
) -> Answer<Tagged<ReleaseBody>> {
    tagged(&state, &member, &state.workflow.release(&member, id).await?).await
}

/// A release's notes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EditRelease {
    notes: String,
}

/// Changes the notes of a release that is not published.
#[utoipa::path(patch, path = "/api/apps/{appId}/releases/{releaseId}", operation_id = "edit_release", tag = "releases",
    params(("appId" = Uuid, Path, description = "The app"), ("releaseId" = Uuid, Path, description = "The release"),
        ("If-Match" = String, Header, description = "The ETag read")),
    request_body = EditRelease, responses((status = 200, description = "Changed", body = ReleaseBody)))]
async fn edit_release(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<ReleaseId>,
    RequiredIfMatch(expected): RequiredIfMatch,
    JsonBody(body): JsonBody<EditRelease>,
) -> Answer<Tagged<ReleaseBody>> {
    let full = state.workflow.set_notes(&member, id, expected, body.notes).await?;
    tagged(&state, &member, &full).await
}

/// Makes the members of a draft what the list says, in that order.
#[utoipa::path(post, path = "/api/apps/{appId}/releases/{releaseId}/changesets", operation_id = "set_release_changesets",
    tag = "releases",
    params(("appId" = Uuid, Path, description = "The app"), ("releaseId" = Uuid, Path, description = "The release"),
        ("If-Match" = Option<String>, Header, description = "The ETag read")),
    request_body = ChangesetIds, responses((status = 200, description = "Changed", body = ReleaseBody)))]
async fn set_release_changesets(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<ReleaseId>,
    IfMatch(expected): IfMatch,
    JsonBody(body): JsonBody<ChangesetIds>,
) -> Answer<Tagged<ReleaseBody>> {
    let full = state.workflow.set_members(&member, id, expected, &body.ids()).await?;
    tagged(&state, &member, &full).await
}

/// Puts the members of a draft into a new order; the list names exactly its members.
#[utoipa::path(post, path = "/api/apps/{appId}/releases/{releaseId}/reorder", operation_id = "reorder_release", tag = "releases",
    params(("appId" = Uuid, Path, description = "The app"), ("releaseId" = Uuid, Path, description = "The release"),
        ("If-Match" = Option<String>, Header, description = "The ETag read")),
    request_body = ChangesetIds, responses((status = 200, description = "Changed", body = ReleaseBody)))]
async fn reorder_release(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<ReleaseId>,
    IfMatch(expected): IfMatch,
    JsonBody(body): JsonBody<ChangesetIds>,
) -> Answer<Tagged<ReleaseBody>> {
    let full = state.workflow.reorder_members(&member, id, expected, &body.ids()).await?;
    tagged(&state, &member, &full).await
}

/// How to compose.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Assemble {
    /// What becomes of the release if members are isolated.
    #[serde(default)]
    on_isolation: OnIsolationName,
}

/// What becomes of a release whose composing isolated members.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OnIsolation)]
enum OnIsolationName {
    /// It goes on without them.
    #[default]
    Continue,
    /// It returns to its draft.
    ReturnToDraft,
}

/// Has a release composed.
#[utoipa::path(post, path = "/api/apps/{appId}/releases/{releaseId}/assemble", operation_id = "assemble_release", tag = "releases",
    params(("appId" = Uuid, Path, description = "The app"), ("releaseId" = Uuid, Path, description = "The release")),
    request_body = Assemble, responses((status = 202, description = "A job composes it", body = StartedJob)))]
async fn assemble_release(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<ReleaseId>,
    JsonBody(body): JsonBody<Assemble>,
) -> Answer<(StatusCode, Json<StartedJob>)> {
    let on_isolation = match body.on_isolation {
        OnIsolationName::Continue => OnIsolation::Continue,
        OnIsolationName::ReturnToDraft => OnIsolation::ReturnToDraft,
    };
    let job_id = state.workflow.assemble_release(&member, id, on_isolation).await?.uuid();
    Ok((StatusCode::ACCEPTED, Json(StartedJob { job_id })))
}

/// Has a composed release published.
#[utoipa::path(post, path = "/api/apps/{appId}/releases/{releaseId}/publish", operation_id = "publish_release", tag = "releases",
    params(("appId" = Uuid, Path, description = "The app"), ("releaseId" = Uuid, Path, description = "The release")),
    request_body = Nothing, responses((status = 202, description = "A job publishes it", body = StartedJob)))]
async fn publish_release(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<ReleaseId>,
    _nothing: JsonBody<Nothing>,
) -> Answer<(StatusCode, Json<StartedJob>)> {
    let job_id = state.workflow.publish_release(&member, id).await?.uuid();
    Ok((StatusCode::ACCEPTED, Json(StartedJob { job_id })))
}

/// Against what to compare.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PreviewQuery {
    /// The environment; the integration branch if left out.
    #[serde(default)]
    environment: Option<Uuid>,
    /// `raw`, which is also the default, or `semantic`.
    #[serde(default)]
    mode: DiffMode,
    /// Which part of the files (`raw`) or of the changes (`semantic`), from 1.
    #[serde(default)]
    #[param(value_type = u32)]
    page: PageNumber,
    /// How many files or changes a part has, 200 at most; all of them if left out.
    #[serde(default)]
    #[param(value_type = Option<u32>)]
    limit: Option<PageLimit>,
}

/// Shows what a release changes on the integration branch, or on an environment.
#[utoipa::path(get, path = "/api/apps/{appId}/releases/{releaseId}/preview", operation_id = "preview_release", tag = "releases",
    params(("appId" = Uuid, Path, description = "The app"), ("releaseId" = Uuid, Path, description = "The release"), PreviewQuery),
    responses((status = 200, description = "The differences", body = DiffBody)))]
async fn preview_release(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<ReleaseId>,
    QueryOf(query): QueryOf<PreviewQuery>,
) -> Answer<Json<DiffBody>> {
    let environment = query.environment.map(EnvironmentId::new);
    let comparison = state.workflow.release_preview(&member, id, environment).await?;
    let wanted = DiffQuery { mode: query.mode, page: query.page, limit: query.limit };
    Ok(Json(DiffBody::of(&state, &comparison, wanted).await?))
}
