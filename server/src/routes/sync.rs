//! Bringing the integration branch into a workspace.

use super::collision_views::KeyComparisonBody;
use super::workspaces::WorkspaceBody;
use crate::extract::{AppMember, JsonBody, PathId};
use crate::problem::Answer;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use conman_domain::RepoPath;
use conman_domain::id::WorkspaceId;
use conman_git::{Resolution, SyncMode};
use conman_workflow::{Member, ShownConflict, SyncStanding};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(sync_integration))
        .routes(routes!(get_sync))
        .routes(routes!(resolve_conflict))
        .routes(routes!(continue_sync))
        .routes(routes!(abort_sync))
}

/// How a sync stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Sync)]
struct SyncBody {
    workspace: WorkspaceBody,
    /// The sync that waits for its conflicts to be resolved; null if none does.
    pending: Option<PendingBody>,
    conflicts: Vec<ConflictBody>,
}

/// A sync that waits.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PendingSync)]
struct PendingBody {
    /// The commit that is brought in.
    onto: String,
    mode: ModeName,
}

/// How the integration branch is brought in.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SyncMode)]
enum ModeName {
    /// By a merge commit.
    Merge,
    /// By replaying the workspace's own commits.
    Rebase,
}

/// A file in conflict. A side is null where it has no such file, or where it is no text.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SyncConflict)]
struct ConflictBody {
    path: String,
    base_blob: Option<String>,
    ours_blob: Option<String>,
    theirs_blob: Option<String>,
    base: Option<String>,
    ours: Option<String>,
    theirs: Option<String>,
    /// The three key by key; null for a file that is neither YAML nor JSON.
    keys: Option<KeyComparisonBody>,
    /// What is wrong, where the lines would merge cleanly but the keys do not fit.
    reason: Option<String>,
    resolved: bool,
}

impl From<ShownConflict> for ConflictBody {
    fn from(shown: ShownConflict) -> Self {
        let ShownConflict { conflict, base, ours, theirs, keys } = shown;
        let text = |blob: Option<conman_domain::BlobId>| blob.map(|blob| blob.to_string());
        Self {
            path: conflict.path.to_string(),
            base_blob: text(conflict.base),
            ours_blob: text(conflict.ours),
            theirs_blob: text(conflict.theirs),
            base,
            ours,
            theirs,
            keys: keys.map(KeyComparisonBody::from),
            reason: conflict.reason,
            resolved: conflict.resolved,
        }
    }
}

impl SyncBody {
    fn of(member: &Member, standing: SyncStanding) -> Json<Self> {
        let mode = |mode| match mode {
            SyncMode::Merge => ModeName::Merge,
            SyncMode::Rebase => ModeName::Rebase,
        };
        Json(Self {
            workspace: WorkspaceBody::of(member, &standing.workspace),
            pending: standing
                .pending
                .map(|state| PendingBody { onto: state.onto.to_string(), mode: mode(state.mode) }),
            conflicts: standing.conflicts.into_iter().map(ConflictBody::from).collect(),
        })
    }
}

/// How to sync.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SyncIntegration {
    mode: ModeName,
}

/// Brings the integration head into a workspace. Conflicts come back as base, ours and theirs.
#[utoipa::path(post, path = "/api/apps/{appId}/workspaces/{workspaceId}/sync-integration", operation_id = "sync_integration",
    tag = "workspaces",
    params(("appId" = Uuid, Path, description = "The app"), ("workspaceId" = Uuid, Path, description = "The workspace")),
    request_body = SyncIntegration, responses((status = 200, description = "Synced, or waiting for resolutions", body = SyncBody)))]
async fn sync_integration(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<WorkspaceId>,
    JsonBody(body): JsonBody<SyncIntegration>,
) -> Answer<Json<SyncBody>> {
    let mode = match body.mode {
        ModeName::Merge => SyncMode::Merge,
        ModeName::Rebase => SyncMode::Rebase,
    };
    Ok(SyncBody::of(&member, state.workflow.sync_workspace(&member, id, mode).await?))
}

/// Reads how a workspace's sync stands.
#[utoipa::path(get, path = "/api/apps/{appId}/workspaces/{workspaceId}/sync", operation_id = "get_sync", tag = "workspaces",
    params(("appId" = Uuid, Path, description = "The app"), ("workspaceId" = Uuid, Path, description = "The workspace")),
    responses((status = 200, description = "How it stands", body = SyncBody)))]
async fn get_sync(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<WorkspaceId>,
) -> Answer<Json<SyncBody>> {
    Ok(SyncBody::of(&member, state.workflow.sync_standing(&member, id).await?))
}

/// What a file in conflict is to hold.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ResolveConflict {
    #[schema(value_type = String)]
    path: RepoPath,
    resolution: ResolutionBody,
}

/// A resolution.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = Resolution)]
enum ResolutionBody {
    /// This text.
    Content {
        /// The whole file.
        text: String,
    },
    /// What the workspace holds.
    Ours {},
    /// What the integration branch holds.
    Theirs {},
    /// Nothing: the file goes.
    Delete {},
}

/// Resolves one file; a later resolution replaces an earlier one.
#[utoipa::path(post, path = "/api/apps/{appId}/workspaces/{workspaceId}/sync/resolve", operation_id = "resolve_conflict",
    tag = "workspaces",
    params(("appId" = Uuid, Path, description = "The app"), ("workspaceId" = Uuid, Path, description = "The workspace")),
    request_body = ResolveConflict, responses((status = 200, description = "Resolved", body = SyncBody)))]
async fn resolve_conflict(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<WorkspaceId>,
    JsonBody(body): JsonBody<ResolveConflict>,
) -> Answer<Json<SyncBody>> {
    let resolution = match body.resolution {
        ResolutionBody::Content { text } => Resolution::Content(text.into_bytes()),
        ResolutionBody::Ours {} => Resolution::Ours,
        ResolutionBody::Theirs {} => Resolution::Theirs,
        ResolutionBody::Delete {} => Resolution::Delete,
    };
    Ok(SyncBody::of(&member, state.workflow.resolve_conflict(&member, id, &body.path, resolution).await?))
}

/// Goes on with a sync whose conflicts are resolved; a rebase may meet the next one.
#[utoipa::path(post, path = "/api/apps/{appId}/workspaces/{workspaceId}/sync/continue", operation_id = "continue_sync",
    tag = "workspaces",
    params(("appId" = Uuid, Path, description = "The app"), ("workspaceId" = Uuid, Path, description = "The workspace")),
    request_body = super::shared::Nothing, responses((status = 200, description = "Synced, or waiting", body = SyncBody)))]
async fn continue_sync(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<WorkspaceId>,
    _nothing: JsonBody<super::shared::Nothing>,
) -> Answer<Json<SyncBody>> {
    Ok(SyncBody::of(&member, state.workflow.continue_sync(&member, id).await?))
}

/// Gives a waiting sync up; everything is as it was before.
#[utoipa::path(post, path = "/api/apps/{appId}/workspaces/{workspaceId}/sync/abort", operation_id = "abort_sync",
    tag = "workspaces",
    params(("appId" = Uuid, Path, description = "The app"), ("workspaceId" = Uuid, Path, description = "The workspace")),
    request_body = super::shared::Nothing, responses((status = 200, description = "Given up", body = SyncBody)))]
async fn abort_sync(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<WorkspaceId>,
    _nothing: JsonBody<super::shared::Nothing>,
) -> Answer<Json<SyncBody>> {
    Ok(SyncBody::of(&member, state.workflow.abort_sync(&member, id).await?))
}
