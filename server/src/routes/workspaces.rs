//! Workspaces and their files.

use super::apps::CommitModeName;
use super::diffs::DiffBody;
use super::views::{allowed, kind_name};
use crate::etag::Tagged;
use crate::extract::{AppMember, BodyLimit, JsonBody, PathId, QueryOf, RequiredIfMatch};
use crate::problem::{Answer, FieldError, Problem};
use crate::state::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use conman_domain::id::WorkspaceId;
use conman_domain::name::Title;
use conman_domain::policy::{self, WorkspaceAction};
use conman_domain::{BlobId, RepoPath};
use conman_git::{ChangeKind, Edit};
use conman_workflow::{Member, OpenWorkspace, WorkspaceTree};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// The largest body of a write: the largest file that an app may allow, as base64, and some more.
const LARGEST_WRITE: usize = 140 * 1024 * 1024;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    let files = OpenApiRouter::new()
        .routes(routes!(get_file, write_files, delete_file))
        .layer(Extension(BodyLimit(LARGEST_WRITE)));
    OpenApiRouter::new()
        .routes(routes!(list_workspaces, create_workspace))
        .routes(routes!(get_workspace, update_workspace))
        .routes(routes!(get_workspace_tree))
        .merge(files)
        .routes(routes!(move_file))
        .routes(routes!(checkpoint))
        .routes(routes!(reset_workspace))
        .routes(routes!(get_workspace_diff))
}

/// A workspace.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Workspace)]
pub(super) struct WorkspaceBody {
    id: Uuid,
    name: String,
    /// 1 for the default workspace.
    number: u32,
    branch: String,
    /// The commit that it is compared with.
    baseline: String,
    /// The branch's commit.
    head: String,
    /// The working files' tree.
    tree: String,
    /// Whether working files differ from the branch's commit.
    dirty: bool,
    /// When working files become commits: as you chose, else as the app has it.
    commit_mode: CommitModeName,
    /// What you chose; null where you leave it to the app.
    own_commit_mode: Option<CommitModeName>,
    #[schema(format = DateTime)]
    updated_at: String,
    allowed_actions: Vec<String>,
}

impl WorkspaceBody {
    pub(super) fn of(member: &Member, open: &OpenWorkspace) -> Self {
        let workspace = &open.workspace.doc;
        Self {
            id: workspace.id.uuid(),
            name: workspace.name.to_string(),
            number: workspace.number,
            branch: workspace.branch.to_string(),
            baseline: open.baseline.to_string(),
            head: open.working.head.to_string(),
            tree: open.working.tree.to_string(),
            dirty: open.working.dirty,
            commit_mode: workspace.commits(&member.app.doc.settings).into(),
            own_commit_mode: workspace.commit_mode.map(Into::into),
            updated_at: workspace.updated_at.to_string(),
            allowed_actions: allowed(WorkspaceAction::ALL, WorkspaceAction::name, |action| {
                policy::workspace(member.viewer(), workspace, action)
            }),
        }
    }
}

/// Your workspaces.
#[derive(Debug, Serialize, ToSchema)]
struct Workspaces {
    /// The default one first.
    data: Vec<WorkspaceBody>,
}

/// Lists your workspaces in the app; the default one is made on first use.
#[utoipa::path(get, path = "/api/apps/{appId}/workspaces", operation_id = "list_workspaces", tag = "workspaces",
    params(("appId" = Uuid, Path, description = "The app")),
    responses((status = 200, description = "Your workspaces", body = Workspaces)))]
async fn list_workspaces(State(state): State<AppState>, member: AppMember) -> Answer<Json<Workspaces>> {
    let mut data = vec![WorkspaceBody::of(&member, &state.workflow.default_workspace(&member).await?)];
    for workspace in state.workflow.list_workspaces(&member).await?.into_iter().skip(1) {
        let open = state.workflow.workspace(&member, workspace.doc.id, WorkspaceAction::Read).await?;
        data.push(WorkspaceBody::of(&member, &open));
    }
    Ok(Json(Workspaces { data }))
}

/// A wish for a workspace.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateWorkspace {
    #[schema(value_type = String)]
    name: Title,
}

/// Makes a further workspace.
#[utoipa::path(post, path = "/api/apps/{appId}/workspaces", operation_id = "create_workspace", tag = "workspaces",
    params(("appId" = Uuid, Path, description = "The app")), request_body = CreateWorkspace,
    responses((status = 201, description = "Made", body = WorkspaceBody)))]
async fn create_workspace(
    State(state): State<AppState>,
    member: AppMember,
    JsonBody(body): JsonBody<CreateWorkspace>,
) -> Answer<(StatusCode, Json<WorkspaceBody>)> {
    let open = state.workflow.create_workspace(&member, body.name).await?;
    Ok((StatusCode::CREATED, Json(WorkspaceBody::of(&member, &open))))
}

/// Reads a workspace.
#[utoipa::path(get, path = "/api/apps/{appId}/workspaces/{workspaceId}", operation_id = "get_workspace", tag = "workspaces",
    params(("appId" = Uuid, Path, description = "The app"), ("workspaceId" = Uuid, Path, description = "The workspace")),
    responses((status = 200, description = "The workspace", body = WorkspaceBody)))]
async fn get_workspace(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<WorkspaceId>,
) -> Answer<Tagged<WorkspaceBody>> {
    let open = state.workflow.workspace(&member, id, WorkspaceAction::Read).await?;
    Ok(Tagged(open.workspace.version, WorkspaceBody::of(&member, &open)))
}

/// A workspace's name, and when its working files become commits.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateWorkspace {
    #[schema(value_type = String)]
    name: Title,
    /// Null leaves it to the app.
    commit_mode: Option<CommitModeName>,
}

/// Replaces a workspace's name, and your choice of when its working files become commits.
#[utoipa::path(patch, path = "/api/apps/{appId}/workspaces/{workspaceId}", operation_id = "update_workspace", tag = "workspaces",
    params(("appId" = Uuid, Path, description = "The app"), ("workspaceId" = Uuid, Path, description = "The workspace"),
        ("If-Match" = String, Header, description = "The ETag read")),
    request_body = UpdateWorkspace, responses((status = 200, description = "Changed", body = WorkspaceBody)))]
async fn update_workspace(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<WorkspaceId>,
    RequiredIfMatch(expected): RequiredIfMatch,
    JsonBody(body): JsonBody<UpdateWorkspace>,
) -> Answer<Tagged<WorkspaceBody>> {
    let mode = body.commit_mode.map(Into::into);
    let open = state.workflow.update_workspace(&member, id, expected, body.name, mode).await?;
    Ok(Tagged(open.workspace.version, WorkspaceBody::of(&member, &open)))
}

/// A workspace's files with their markers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkspaceTree)]
struct TreeBody {
    workspace: WorkspaceBody,
    files: Vec<TreeFile>,
    /// Files of the baseline that are gone.
    deleted: Vec<String>,
}

/// A file in a tree.
#[derive(Debug, Serialize, ToSchema)]
struct TreeFile {
    path: String,
    blob: String,
    /// In bytes.
    size: u32,
    /// `added`, `modified` or `renamed` against the baseline; null if it is the same.
    marker: Option<&'static str>,
    /// What it was called in the baseline, if it was renamed.
    old_path: Option<String>,
}

impl TreeBody {
    fn of(member: &Member, open: &OpenWorkspace, tree: &WorkspaceTree) -> Self {
        let (gone, changed): (Vec<_>, Vec<_>) =
            tree.changes.iter().partition(|c| matches!(c.kind, ChangeKind::Deleted));
        let changed: HashMap<_, _> = changed.into_iter().map(|change| (&change.path, change)).collect();
        let show = |file: &conman_git::FileEntry| TreeFile {
            path: file.path.to_string(),
            blob: file.blob.to_string(),
            size: u32::try_from(file.size).unwrap_or(u32::MAX),
            marker: changed.get(&file.path).map(|change| kind_name(change.kind)),
            old_path: changed
                .get(&file.path)
                .and_then(|change| change.old_path.as_ref())
                .map(ToString::to_string),
        };
        Self {
            workspace: WorkspaceBody::of(member, open),
            files: tree.files.iter().map(show).collect(),
            deleted: gone.into_iter().map(|change| change.path.to_string()).collect(),
        }
    }
}

/// Lists a workspace's files, with what differs from its baseline.
#[utoipa::path(get, path = "/api/apps/{appId}/workspaces/{workspaceId}/tree", operation_id = "get_workspace_tree",
    tag = "workspaces",
    params(("appId" = Uuid, Path, description = "The app"), ("workspaceId" = Uuid, Path, description = "The workspace")),
    responses((status = 200, description = "The files", body = TreeBody)))]
async fn get_workspace_tree(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<WorkspaceId>,
) -> Answer<Json<TreeBody>> {
    let (open, tree) = state.workflow.workspace_tree(&member, id).await?;
    Ok(Json(TreeBody::of(&member, &open, &tree)))
}

/// Which file.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FileQuery {
    #[param(value_type = String)]
    path: RepoPath,
}

/// A file's content.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FileContent)]
struct FileBody {
    path: String,
    blob: String,
    /// In bytes.
    size: u32,
    /// The content, if it is UTF-8.
    text: Option<String>,
    /// The content as base64, if it is not.
    base64: Option<String>,
}

/// Reads a file of a workspace.
#[utoipa::path(get, path = "/api/apps/{appId}/workspaces/{workspaceId}/files", operation_id = "get_file", tag = "workspaces",
    params(("appId" = Uuid, Path, description = "The app"), ("workspaceId" = Uuid, Path, description = "The workspace"), FileQuery),
    responses((status = 200, description = "The file", body = FileBody)))]
async fn get_file(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<WorkspaceId>,
    QueryOf(query): QueryOf<FileQuery>,
) -> Answer<Json<FileBody>> {
    let file = state.workflow.workspace_file(&member, id, &query.path).await?;
    let size = u32::try_from(file.bytes.len()).unwrap_or(u32::MAX);
    let (text, base64) = match String::from_utf8(file.bytes) {
        Ok(text) => (Some(text), None),
        Err(error) => (None, Some(STANDARD.encode(error.as_bytes()))),
    };
    Ok(Json(FileBody { path: query.path.to_string(), blob: file.blob.to_string(), size, text, base64 }))
}

/// Edits that are made together or not at all.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WriteFiles {
    edits: Vec<EditBody>,
}

/// One edit; each names the content that it replaces.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = Edit)]
enum EditBody {
    /// Writes a file: either `text` or `base64`.
    Put {
        #[schema(value_type = String)]
        path: RepoPath,
        /// The blob that is replaced; null if the file must not exist.
        #[schema(value_type = Option<String>)]
        expected_blob: Option<BlobId>,
        #[serde(default)]
        text: Option<String>,
        #[serde(default)]
        base64: Option<String>,
    },
    /// Deletes a file.
    Delete {
        #[schema(value_type = String)]
        path: RepoPath,
        #[schema(value_type = String)]
        expected_blob: BlobId,
    },
    /// Moves a file.
    Move {
        #[schema(value_type = String)]
        from: RepoPath,
        #[schema(value_type = String)]
        to: RepoPath,
        #[schema(value_type = String)]
        expected_blob: BlobId,
    },
}

impl EditBody {
    fn edit(self, index: usize) -> Result<Edit, FieldError> {
        let wrong = |field: &str, message: &str| FieldError {
            pointer: format!("/edits/{index}/{field}"),
            message: message.to_owned(),
        };
        Ok(match self {
            Self::Put { path, expected_blob, text: Some(text), base64: None } => {
                Edit::Put { path, expected: expected_blob, bytes: text.into_bytes() }
            }
            Self::Put { path, expected_blob, text: None, base64: Some(base64) } => {
                let bytes = STANDARD.decode(base64).map_err(|_| wrong("base64", "this is not base64"))?;
                Edit::Put { path, expected: expected_blob, bytes }
            }
            Self::Put { .. } => return Err(wrong("text", "give either `text` or `base64`")),
            Self::Delete { path, expected_blob } => Edit::Delete { path, expected: expected_blob },
            Self::Move { from, to, expected_blob } => Edit::Move { from, to, expected: expected_blob },
        })
    }
}

/// Writes, deletes and moves files, all or none. A stale edit is refused with the file's present content.
#[utoipa::path(put, path = "/api/apps/{appId}/workspaces/{workspaceId}/files", operation_id = "write_files", tag = "workspaces",
    params(("appId" = Uuid, Path, description = "The app"), ("workspaceId" = Uuid, Path, description = "The workspace")),
    request_body = WriteFiles, responses((status = 200, description = "Saved", body = WorkspaceBody)))]
async fn write_files(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<WorkspaceId>,
    JsonBody(body): JsonBody<WriteFiles>,
) -> Answer<Json<WorkspaceBody>> {
    let edits: Result<Vec<Edit>, FieldError> =
        body.edits.into_iter().enumerate().map(|(i, edit)| edit.edit(i)).collect();
    let edits = edits.map_err(|error| Problem::invalid(vec![error]))?;
    let open = state.workflow.write_files(&member, id, edits).await?;
    Ok(Json(WorkspaceBody::of(&member, &open)))
}

/// Which file, and what it holds.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DeleteQuery {
    #[param(value_type = String)]
    path: RepoPath,
    #[param(value_type = String)]
    expected_blob: BlobId,
}

/// Deletes a file.
#[utoipa::path(delete, path = "/api/apps/{appId}/workspaces/{workspaceId}/files", operation_id = "delete_file", tag = "workspaces",
    params(("appId" = Uuid, Path, description = "The app"), ("workspaceId" = Uuid, Path, description = "The workspace"), DeleteQuery),
    responses((status = 200, description = "Deleted", body = WorkspaceBody)))]
async fn delete_file(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<WorkspaceId>,
    QueryOf(query): QueryOf<DeleteQuery>,
) -> Answer<Json<WorkspaceBody>> {
    let edit = Edit::Delete { path: query.path, expected: query.expected_blob };
    let open = state.workflow.write_files(&member, id, vec![edit]).await?;
    Ok(Json(WorkspaceBody::of(&member, &open)))
}

/// A file's old and new place.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MoveFile {
    #[schema(value_type = String)]
    from: RepoPath,
    #[schema(value_type = String)]
    to: RepoPath,
    #[schema(value_type = String)]
    expected_blob: BlobId,
}

/// Moves a file.
#[utoipa::path(post, path = "/api/apps/{appId}/workspaces/{workspaceId}/files/move", operation_id = "move_file", tag = "workspaces",
    params(("appId" = Uuid, Path, description = "The app"), ("workspaceId" = Uuid, Path, description = "The workspace")),
    request_body = MoveFile, responses((status = 200, description = "Moved", body = WorkspaceBody)))]
async fn move_file(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<WorkspaceId>,
    JsonBody(body): JsonBody<MoveFile>,
) -> Answer<Json<WorkspaceBody>> {
    let edit = Edit::Move { from: body.from, to: body.to, expected: body.expected_blob };
    let open = state.workflow.write_files(&member, id, vec![edit]).await?;
    Ok(Json(WorkspaceBody::of(&member, &open)))
}

/// What a checkpoint is for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Checkpoint {
    #[serde(default)]
    message: String,
}

/// Commits the working files to the workspace's branch.
#[utoipa::path(post, path = "/api/apps/{appId}/workspaces/{workspaceId}/checkpoints", operation_id = "checkpoint", tag = "workspaces",
    params(("appId" = Uuid, Path, description = "The app"), ("workspaceId" = Uuid, Path, description = "The workspace")),
    request_body = Checkpoint, responses((status = 201, description = "Committed", body = WorkspaceBody)))]
async fn checkpoint(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<WorkspaceId>,
    JsonBody(body): JsonBody<Checkpoint>,
) -> Answer<(StatusCode, Json<WorkspaceBody>)> {
    let open = state.workflow.checkpoint(&member, id, &body.message).await?;
    Ok((StatusCode::CREATED, Json(WorkspaceBody::of(&member, &open))))
}

/// Throws the workspace's own work away and starts again from today's baseline.
#[utoipa::path(post, path = "/api/apps/{appId}/workspaces/{workspaceId}/reset", operation_id = "reset_workspace", tag = "workspaces",
    params(("appId" = Uuid, Path, description = "The app"), ("workspaceId" = Uuid, Path, description = "The workspace")),
    request_body = super::shared::Nothing, responses((status = 200, description = "Reset", body = WorkspaceBody)))]
async fn reset_workspace(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<WorkspaceId>,
    _nothing: JsonBody<super::shared::Nothing>,
) -> Answer<Json<WorkspaceBody>> {
    let open = state.workflow.reset_workspace(&member, id).await?;
    Ok(Json(WorkspaceBody::of(&member, &open)))
}

/// Compares a workspace's files with its baseline.
#[utoipa::path(get, path = "/api/apps/{appId}/workspaces/{workspaceId}/diff", operation_id = "get_workspace_diff", tag = "workspaces",
    params(("appId" = Uuid, Path, description = "The app"), ("workspaceId" = Uuid, Path, description = "The workspace"),
        super::shared::DiffQuery),
    responses((status = 200, description = "The differences", body = DiffBody)))]
async fn get_workspace_diff(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<WorkspaceId>,
    QueryOf(query): QueryOf<super::shared::DiffQuery>,
) -> Answer<Json<DiffBody>> {
    let comparison = state.workflow.workspace_diff(&member, id).await?;
    Ok(Json(DiffBody::of(&state, &comparison, query).await?))
}
