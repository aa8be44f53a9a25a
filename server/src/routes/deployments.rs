//! Deploying, promoting, going back, and following how it goes.

use super::shared::{List, Paging};
use super::views::{ApprovalBody, People, PersonBody, allowed};
use super::workers::ReachBody;
use crate::extract::{AppMember, JsonBody, PathId, QueryOf};
use crate::problem::Answer;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use conman_domain::deployment::{Deployment, DeploymentStatus, FailureCause};
use conman_domain::id::{DeploymentId, EnvironmentId, ReleaseId};
use conman_domain::policy::{self, DeploymentAction};
use conman_domain::snapshot::ConfigVersion;
use conman_workflow::{Member, WhenFrozen};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(deploy))
        .routes(routes!(promote))
        .routes(routes!(roll_back))
        .routes(routes!(list_environment_deployments))
        .routes(routes!(list_deployments))
        .routes(routes!(get_deployment))
        .routes(routes!(approve_deployment))
        .routes(routes!(cancel_deployment))
}

/// A deployment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Deployment)]
pub(super) struct DeploymentBody {
    id: Uuid,
    environment_id: Uuid,
    release_id: Uuid,
    tag: String,
    /// `deploy`, `promote`, `skip_stage` or `redeploy`.
    #[schema(value_type = String)]
    kind: conman_domain::deployment::DeploymentKind,
    /// `pending`, `running`, `succeeded`, `failed` or `canceled`.
    state: &'static str,
    /// Taken when it starts to run.
    config_version: Option<u32>,
    #[schema(format = DateTime)]
    activated_at: Option<String>,
    failure: Option<FailureBody>,
    approvals: Vec<ApprovalBody>,
    /// How many it needs of its own.
    approvals_required: u32,
    /// The freeze that is set aside for it, if one was in force.
    freeze_override: Option<OverrideBody>,
    /// The deployment that this one takes back by itself, because workers refuse it.
    rolls_back: Option<Uuid>,
    /// Who asked for it, or for what it takes back.
    requested_by: PersonBody,
    #[schema(format = DateTime)]
    created_at: String,
    /// How far the environment's workers have come with its version; null in lists, and before it has one.
    workers: Option<ReachBody>,
    allowed_actions: Vec<String>,
}

/// Who set a freeze aside, and why.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FreezeOverride)]
struct OverrideBody {
    /// The windows that were in force.
    window_ids: Vec<Uuid>,
    by: PersonBody,
    reason: String,
}

/// Why a deployment did not happen.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeploymentFailure)]
struct FailureBody {
    /// `rejected`: the answer was no. `errored`: something broke.
    #[schema(value_type = String)]
    cause: FailureCause,
    reason: String,
}

impl DeploymentBody {
    pub(super) async fn of(state: &AppState, member: &Member, deployment: &Deployment) -> Answer<Self> {
        let mut ids = vec![deployment.requested_by];
        ids.extend(deployment.approvals.iter().map(|approval| approval.user_id));
        ids.extend(deployment.freeze_override.iter().map(|set_aside| set_aside.user_id));
        let people = People::of(state, &ids).await?;
        let freeze_override = deployment.freeze_override.as_ref().map(|set_aside| OverrideBody {
            window_ids: set_aside.window_ids.iter().map(|id| id.uuid()).collect(),
            by: people.person(set_aside.user_id),
            reason: set_aside.reason.clone(),
        });
        let (config_version, activated_at, failure) = match &deployment.status {
            DeploymentStatus::Pending | DeploymentStatus::Canceled { .. } => (None, None, None),
            DeploymentStatus::Running { version } => (Some(version.0), None, None),
            DeploymentStatus::Succeeded { version, activated_at } => {
                (Some(version.0), Some(activated_at.to_string()), None)
            }
            DeploymentStatus::Failed { cause, reason, .. } => {
                (None, None, Some(FailureBody { cause: *cause, reason: reason.clone() }))
            }
        };
        let decide = |action| policy::deployment(member.viewer(), deployment, action);
        Ok(Self {
            id: deployment.id.uuid(),
            environment_id: deployment.environment_id.uuid(),
            release_id: deployment.release_id.uuid(),
            tag: deployment.tag.to_string(),
            kind: deployment.kind,
            state: deployment.status.name(),
            config_version,
            activated_at,
            failure,
            approvals: people.approvals(&deployment.approvals),
            approvals_required: deployment.approvals_required,
            freeze_override,
            rolls_back: deployment.rolls_back.map(|id| id.uuid()),
            requested_by: people.person(deployment.requested_by),
            created_at: deployment.created_at.to_string(),
            workers: None,
            allowed_actions: allowed(DeploymentAction::ALL, DeploymentAction::name, decide),
        })
    }
}

/// The release to deploy.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Deploy {
    release_id: Uuid,
    /// Why a freeze is set aside for this deployment; for app admins.
    #[serde(default)]
    override_freeze: Option<String>,
}

/// Puts a published release on an environment. Leaving stages out needs two approvals first.
#[utoipa::path(post, path = "/api/apps/{appId}/environments/{envId}/deploy", operation_id = "deploy", tag = "deployments",
    params(("appId" = Uuid, Path, description = "The app"), ("envId" = Uuid, Path, description = "The environment")),
    request_body = Deploy, responses((status = 202, description = "Asked for", body = DeploymentBody)))]
async fn deploy(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<EnvironmentId>,
    JsonBody(body): JsonBody<Deploy>,
) -> Answer<(StatusCode, Json<DeploymentBody>)> {
    let when_frozen = WhenFrozen::of(&member, body.override_freeze.as_deref());
    let release = ReleaseId::new(body.release_id);
    let deployment = state.workflow.request_deployment(&member, id, release, when_frozen).await?;
    Ok((StatusCode::ACCEPTED, Json(DeploymentBody::of(&state, &member, &deployment.doc).await?)))
}

/// How to promote.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Promote {
    /// Why a freeze is set aside for this deployment; for app admins.
    #[serde(default)]
    override_freeze: Option<String>,
}

/// Puts what the stage before runs on an environment.
#[utoipa::path(post, path = "/api/apps/{appId}/environments/{envId}/promote", operation_id = "promote", tag = "deployments",
    params(("appId" = Uuid, Path, description = "The app"), ("envId" = Uuid, Path, description = "The environment")),
    request_body = Promote, responses((status = 202, description = "Asked for", body = DeploymentBody)))]
async fn promote(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<EnvironmentId>,
    JsonBody(body): JsonBody<Promote>,
) -> Answer<(StatusCode, Json<DeploymentBody>)> {
    let when_frozen = WhenFrozen::of(&member, body.override_freeze.as_deref());
    let deployment = state.workflow.promote(&member, id, when_frozen).await?;
    Ok((StatusCode::ACCEPTED, Json(DeploymentBody::of(&state, &member, &deployment.doc).await?)))
}

/// How to go back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "mode", rename_all = "snake_case", deny_unknown_fields)]
enum RollBack {
    /// Puts a release that the environment ran before on it again.
    Redeploy {
        /// That release.
        release_id: Uuid,
        /// Why a freeze is set aside for this deployment; for app admins.
        #[serde(default)]
        override_freeze: Option<String>,
    },
}

/// Puts an earlier release on an environment again, and holds automatic promotion into it.
#[utoipa::path(post, path = "/api/apps/{appId}/environments/{envId}/rollback", operation_id = "roll_back", tag = "deployments",
    params(("appId" = Uuid, Path, description = "The app"), ("envId" = Uuid, Path, description = "The environment")),
    request_body = RollBack, responses((status = 202, description = "Asked for", body = DeploymentBody)))]
async fn roll_back(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<EnvironmentId>,
    JsonBody(body): JsonBody<RollBack>,
) -> Answer<(StatusCode, Json<DeploymentBody>)> {
    let RollBack::Redeploy { release_id, override_freeze } = body;
    let when_frozen = WhenFrozen::of(&member, override_freeze.as_deref());
    let deployment = state.workflow.redeploy(&member, id, ReleaseId::new(release_id), when_frozen).await?;
    Ok((StatusCode::ACCEPTED, Json(DeploymentBody::of(&state, &member, &deployment.doc).await?)))
}

async fn list(
    state: &AppState,
    member: &Member,
    environment: Option<EnvironmentId>,
    paging: Paging,
) -> Answer<Json<List<DeploymentBody>>> {
    let (deployments, total) = state.workflow.list_deployments(member, environment, paging.page()).await?;
    let mut data = Vec::new();
    for deployment in &deployments {
        data.push(DeploymentBody::of(state, member, &deployment.doc).await?);
    }
    Ok(Json(List::of(paging.page(), total, data)))
}

/// Lists an environment's deployments, newest first.
#[utoipa::path(get, path = "/api/apps/{appId}/environments/{envId}/deployments", operation_id = "list_environment_deployments",
    tag = "deployments",
    params(("appId" = Uuid, Path, description = "The app"), ("envId" = Uuid, Path, description = "The environment"), Paging),
    responses((status = 200, description = "The deployments", body = List<DeploymentBody>)))]
async fn list_environment_deployments(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<EnvironmentId>,
    QueryOf(paging): QueryOf<Paging>,
) -> Answer<Json<List<DeploymentBody>>> {
    list(&state, &member, Some(id), paging).await
}

/// Lists the app's deployments, newest first.
#[utoipa::path(get, path = "/api/apps/{appId}/deployments", operation_id = "list_deployments", tag = "deployments",
    params(("appId" = Uuid, Path, description = "The app"), Paging),
    responses((status = 200, description = "The deployments", body = List<DeploymentBody>)))]
async fn list_deployments(
    State(state): State<AppState>,
    member: AppMember,
    QueryOf(paging): QueryOf<Paging>,
) -> Answer<Json<List<DeploymentBody>>> {
    list(&state, &member, None, paging).await
}

/// Reads a deployment.
#[utoipa::path(get, path = "/api/apps/{appId}/deployments/{deploymentId}", operation_id = "get_deployment", tag = "deployments",
    params(("appId" = Uuid, Path, description = "The app"), ("deploymentId" = Uuid, Path, description = "The deployment")),
    responses((status = 200, description = "The deployment", body = DeploymentBody)))]
async fn get_deployment(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<DeploymentId>,
) -> Answer<Json<DeploymentBody>> {
    let deployment = state.workflow.deployment(&member, id).await?.doc;
    let mut body = DeploymentBody::of(&state, &member, &deployment).await?;
    if let Some(version) = body.config_version {
        let fleet = state.workflow.fleet(deployment.app_id, deployment.environment_id).await?;
        body.workers = Some(fleet.reach(ConfigVersion(version)).into());
    }
    Ok(Json(body))
}

/// An approval of a deployment.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ApproveDeployment {
    /// Why a freeze is set aside for it; for app admins.
    #[serde(default)]
    override_freeze: Option<String>,
}

/// Gives one of the approvals that a deployment needs; the last one starts it.
#[utoipa::path(post, path = "/api/apps/{appId}/deployments/{deploymentId}/approvals", operation_id = "approve_deployment",
    tag = "deployments",
    params(("appId" = Uuid, Path, description = "The app"), ("deploymentId" = Uuid, Path, description = "The deployment")),
    request_body = ApproveDeployment, responses((status = 200, description = "Approved", body = DeploymentBody)))]
async fn approve_deployment(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<DeploymentId>,
    JsonBody(body): JsonBody<ApproveDeployment>,
) -> Answer<Json<DeploymentBody>> {
    let when_frozen = WhenFrozen::of(&member, body.override_freeze.as_deref());
    let deployment = state.workflow.approve_deployment(&member, id, when_frozen).await?;
    Ok(Json(DeploymentBody::of(&state, &member, &deployment.doc).await?))
}

/// Stops a deployment before it runs.
#[utoipa::path(post, path = "/api/apps/{appId}/deployments/{deploymentId}/cancel", operation_id = "cancel_deployment",
    tag = "deployments",
    params(("appId" = Uuid, Path, description = "The app"), ("deploymentId" = Uuid, Path, description = "The deployment")),
    request_body = super::shared::Nothing, responses((status = 200, description = "Stopped", body = DeploymentBody)))]
async fn cancel_deployment(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<DeploymentId>,
    _nothing: JsonBody<super::shared::Nothing>,
) -> Answer<Json<DeploymentBody>> {
    let deployment = state.workflow.cancel_deployment(&member, id).await?;
    Ok(Json(DeploymentBody::of(&state, &member, &deployment.doc).await?))
}
