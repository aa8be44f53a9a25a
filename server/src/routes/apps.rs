//! Apps and their settings.

use super::shared::{List, Paging, RoleName};
use super::views::allowed;
use crate::etag::Tagged;
use crate::extract::{AppMember, BodyLimit, CurrentActor, JsonBody, QueryOf, RawBody, RequiredIfMatch};
use crate::problem::{Answer, Problem};
use crate::state::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use conman_domain::access::Role;
use conman_domain::app::{App, AppSettings, BaselineMode, CommitMode};
use conman_domain::environment::Environment;
use conman_domain::id::AppId;
use conman_domain::name::{BranchName, Slug, Title};
use conman_domain::policy::{self, AppAction, Viewer};
use conman_store::Versioned;
use conman_workflow::{AppSource, NewApp};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// The largest bundle that is taken, in bytes.
const LARGEST_BUNDLE: usize = 256 * 1024 * 1024;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    let import = OpenApiRouter::new().routes(routes!(import_app)).layer(Extension(BodyLimit(LARGEST_BUNDLE)));
    OpenApiRouter::new()
        .routes(routes!(list_apps, create_app))
        .routes(routes!(get_app))
        .routes(routes!(update_settings))
        .merge(import)
}

/// An app.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = App)]
struct AppBody {
    id: Uuid,
    name: String,
    slug: String,
    /// Yours.
    role: RoleName,
    settings: SettingsBody,
    canonical_environment_id: Option<Uuid>,
    /// The commit that the app began with.
    initial_commit: String,
    #[schema(format = DateTime)]
    created_at: String,
    allowed_actions: Vec<String>,
}

/// What an app admin may set.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AppSettings)]
struct SettingsBody {
    integration_branch: String,
    baseline_mode: BaselineModeName,
    file_size_limit_bytes: u32,
    blocked_paths: Vec<String>,
    commit_mode_default: CommitModeName,
    required_approval_count: u32,
}

/// What new workspaces start from.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = BaselineMode)]
enum BaselineModeName {
    /// The head of the integration branch.
    IntegrationHead,
    /// The release on the canonical environment.
    CanonicalEnvRelease,
}

/// When working files become commits.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CommitMode)]
pub(super) enum CommitModeName {
    /// At submit.
    SubmitCommit,
    /// At each checkpoint.
    ManualCheckpoint,
}

impl From<BaselineMode> for BaselineModeName {
    fn from(mode: BaselineMode) -> Self {
        match mode {
            BaselineMode::IntegrationHead => Self::IntegrationHead,
            BaselineMode::CanonicalEnvRelease => Self::CanonicalEnvRelease,
        }
    }
}

impl From<BaselineModeName> for BaselineMode {
    fn from(mode: BaselineModeName) -> Self {
        match mode {
            BaselineModeName::IntegrationHead => Self::IntegrationHead,
            BaselineModeName::CanonicalEnvRelease => Self::CanonicalEnvRelease,
        }
    }
}

impl From<CommitMode> for CommitModeName {
    fn from(mode: CommitMode) -> Self {
        match mode {
            CommitMode::SubmitCommit => Self::SubmitCommit,
            CommitMode::ManualCheckpoint => Self::ManualCheckpoint,
        }
    }
}

impl From<CommitModeName> for CommitMode {
    fn from(mode: CommitModeName) -> Self {
        match mode {
            CommitModeName::SubmitCommit => Self::SubmitCommit,
            CommitModeName::ManualCheckpoint => Self::ManualCheckpoint,
        }
    }
}

impl AppBody {
    fn of(viewer: Viewer, app: &App) -> Self {
        let settings = &app.settings;
        Self {
            id: app.id.uuid(),
            name: app.name.to_string(),
            slug: app.slug.to_string(),
            role: viewer.role.into(),
            settings: SettingsBody {
                integration_branch: settings.integration_branch.to_string(),
                baseline_mode: settings.baseline_mode.into(),
                file_size_limit_bytes: settings.file_size_limit_bytes,
                blocked_paths: settings.blocked_paths.clone(),
                commit_mode_default: settings.commit_mode_default.into(),
                required_approval_count: settings.required_approval_count,
            },
            canonical_environment_id: app.canonical_environment_id.map(|id| id.uuid()),
            initial_commit: app.initial_commit.to_string(),
            created_at: app.created_at.to_string(),
            allowed_actions: allowed(AppAction::ALL, AppAction::name, |action| policy::app(viewer, action)),
        }
    }

    fn tagged(viewer: Viewer, app: &Versioned<App>) -> Tagged<Self> {
        Tagged(app.version, Self::of(viewer, &app.doc))
    }
}

/// An app in the list of all, with what its stages run.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ListedApp)]
struct ListedAppBody {
    #[serde(flatten)]
    app: AppBody,
    /// In their order.
    stages: Vec<StageOfApp>,
}

/// What a stage of a listed app runs.
#[derive(Debug, Serialize, ToSchema)]
struct StageOfApp {
    id: Uuid,
    name: String,
    /// The release; null before the first.
    release_tag: Option<String>,
}

impl StageOfApp {
    fn of(stage: &Environment) -> Self {
        let running = stage.running.as_ref();
        Self {
            id: stage.id.uuid(),
            name: stage.name.to_string(),
            release_tag: running.map(|running| running.provenance.release_tag.to_string()),
        }
    }
}

/// Lists the apps that you are a member of.
#[utoipa::path(get, path = "/api/apps", operation_id = "list_apps", tag = "apps", params(Paging),
    responses((status = 200, description = "The apps", body = List<ListedAppBody>)))]
async fn list_apps(
    State(state): State<AppState>,
    actor: CurrentActor,
    QueryOf(paging): QueryOf<Paging>,
) -> Answer<Json<List<ListedAppBody>>> {
    let (apps, total) = state.workflow.list_apps(&actor, paging.page()).await?;
    let ids: Vec<AppId> = apps.iter().map(|(app, _)| app.id).collect();
    let stages = state.workflow.environments_of_all(&ids).await?;
    let viewer = |role| Viewer { user_id: actor.user_id, role };
    let listed = |(app, role): &(Versioned<App>, Role)| ListedAppBody {
        app: AppBody::of(viewer(*role), &app.doc),
        stages: stages.get(&app.id).into_iter().flatten().map(StageOfApp::of).collect(),
    };
    let data = apps.iter().map(listed).collect();
    Ok(Json(List::of(paging.page(), total, data)))
}

/// A wish for an app.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateApp {
    #[schema(value_type = String)]
    name: Title,
    #[schema(value_type = String)]
    slug: Slug,
    source: SourceBody,
}

/// Where a new app's files come from.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = AppSource)]
enum SourceBody {
    /// Nowhere: it starts empty.
    // With braces, here and in other enums: only then are unknown fields refused.
    Empty {},
    /// A repository in a folder of the server; the operator must have allowed that.
    Local {
        /// The folder.
        path: String,
    },
}

/// Makes an app, with you as its first app admin; for instance admins.
#[utoipa::path(post, path = "/api/apps", operation_id = "create_app", tag = "apps", request_body = CreateApp,
    responses((status = 201, description = "Made", body = AppBody)))]
async fn create_app(
    State(state): State<AppState>,
    actor: CurrentActor,
    JsonBody(body): JsonBody<CreateApp>,
) -> Answer<(StatusCode, Tagged<AppBody>)> {
    let source = match body.source {
        SourceBody::Empty {} => AppSource::Empty,
        SourceBody::Local { path } => AppSource::Local(PathBuf::from(path)),
    };
    let app = state.workflow.create_app(&actor, NewApp { name: body.name, slug: body.slug, source }).await?;
    Ok((StatusCode::CREATED, AppBody::tagged(Viewer { user_id: actor.user_id, role: Role::AppAdmin }, &app)))
}

/// What an imported app is called.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ImportQuery {
    #[param(value_type = String)]
    name: Title,
    #[param(value_type = String)]
    slug: Slug,
}

/// Puts an upload into a folder that goes when its guard is dropped.
async fn keep(bytes: &[u8]) -> Answer<(tempfile::TempDir, PathBuf)> {
    let broken = |error: std::io::Error| Problem::internal("an upload could not be kept", &error);
    let folder = tempfile::tempdir().map_err(broken)?;
    let path = folder.path().join("upload.bundle");
    tokio::fs::write(&path, bytes).await.map_err(broken)?;
    Ok((folder, path))
}

/// Makes an app from an uploaded `git bundle` that holds the branch `main`; for instance admins.
#[utoipa::path(post, path = "/api/apps/import", operation_id = "import_app", tag = "apps", params(ImportQuery),
    request_body(content = Vec<u8>, content_type = "application/x-git-bundle"),
    responses((status = 201, description = "Made", body = AppBody)))]
async fn import_app(
    State(state): State<AppState>,
    actor: CurrentActor,
    QueryOf(query): QueryOf<ImportQuery>,
    RawBody(bytes): RawBody,
) -> Answer<(StatusCode, Tagged<AppBody>)> {
    let (_folder, path) = keep(&bytes).await?;
    let source = AppSource::Bundle(path);
    let app =
        state.workflow.create_app(&actor, NewApp { name: query.name, slug: query.slug, source }).await?;
    Ok((StatusCode::CREATED, AppBody::tagged(Viewer { user_id: actor.user_id, role: Role::AppAdmin }, &app)))
}

/// Reads an app.
#[utoipa::path(get, path = "/api/apps/{appId}", operation_id = "get_app", tag = "apps",
    params(("appId" = Uuid, Path, description = "The app")),
    responses((status = 200, description = "The app", body = AppBody)))]
async fn get_app(member: AppMember) -> Tagged<AppBody> {
    AppBody::tagged(member.viewer(), &member.app)
}

/// An app's name and settings, whole.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateSettings {
    #[schema(value_type = String)]
    name: Title,
    #[schema(value_type = String)]
    integration_branch: BranchName,
    baseline_mode: BaselineModeName,
    file_size_limit_bytes: u32,
    blocked_paths: Vec<String>,
    commit_mode_default: CommitModeName,
    required_approval_count: u32,
}

/// Replaces an app's name and settings; for app admins.
#[utoipa::path(patch, path = "/api/apps/{appId}/settings", operation_id = "update_settings", tag = "apps",
    params(("appId" = Uuid, Path, description = "The app"), ("If-Match" = String, Header, description = "The ETag read")),
    request_body = UpdateSettings, responses((status = 200, description = "Changed", body = AppBody)))]
async fn update_settings(
    State(state): State<AppState>,
    member: AppMember,
    RequiredIfMatch(expected): RequiredIfMatch,
    JsonBody(body): JsonBody<UpdateSettings>,
) -> Answer<Tagged<AppBody>> {
    let settings = AppSettings {
        integration_branch: body.integration_branch,
        baseline_mode: body.baseline_mode.into(),
        file_size_limit_bytes: body.file_size_limit_bytes,
        blocked_paths: body.blocked_paths,
        commit_mode_default: body.commit_mode_default.into(),
        required_approval_count: body.required_approval_count,
    };
    let app = state.workflow.update_app(&member, expected, body.name, settings).await?;
    Ok(AppBody::tagged(member.viewer(), &app))
}
