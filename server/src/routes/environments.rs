//! Environments, and what they run.

use super::deployments::DeploymentBody;
use super::freezes::FreezeBody;
use super::views::allowed;
use crate::extract::{AppMember, JsonBody, PathId};
use crate::problem::{Answer, Problem};
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use conman_domain::environment::{Environment, Running};
use conman_domain::id::EnvironmentId;
use conman_domain::name::EnvironmentName;
use conman_domain::policy::{self, EnvironmentAction};
use conman_domain::snapshot::{Snapshot, SnapshotParameter};
use conman_store::Versioned;
use conman_workflow::{Member, Stage};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_environments, set_environments))
        .routes(routes!(get_environment_config))
}

/// An environment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Environment)]
struct EnvironmentBody {
    id: Uuid,
    name: String,
    /// Its stage, from 1.
    position: u32,
    /// Whether users see this one.
    canonical: bool,
    profile_id: Uuid,
    /// What it runs; null before the first deployment.
    running: Option<RunningBody>,
    /// The deployment under way, if there is one.
    active_deployment: Option<DeploymentBody>,
    /// The freeze that it is in: writes are refused.
    freeze: Option<FreezeBody>,
    /// The freeze that comes next.
    next_freeze: Option<FreezeBody>,
    /// Why automatic promotion into it is held, if it is.
    promotion_hold: Option<String>,
    /// By how many workers a deployed version is refused before it goes back by itself; null for never.
    rollback_when_refused_by: Option<u32>,
    allowed_actions: Vec<String>,
}

/// What an environment runs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Running)]
struct RunningBody {
    release_id: Uuid,
    deployment_id: Uuid,
    release_tag: String,
    release_commit: String,
    tree_id: String,
    profile_revision: u32,
    config_version: u32,
    #[schema(format = DateTime)]
    activated_at: String,
}

impl From<&Running> for RunningBody {
    fn from(running: &Running) -> Self {
        let provenance = &running.provenance;
        Self {
            release_id: running.release_id.uuid(),
            deployment_id: running.deployment_id.uuid(),
            release_tag: provenance.release_tag.to_string(),
            release_commit: provenance.release_commit.to_string(),
            tree_id: provenance.tree_id.to_string(),
            profile_revision: provenance.profile_revision,
            config_version: provenance.config_version.0,
            activated_at: running.activated_at.to_string(),
        }
    }
}

/// The app's pipeline.
#[derive(Debug, Serialize, ToSchema)]
struct Environments {
    /// First stage first.
    data: Vec<EnvironmentBody>,
}

async fn show_all(
    state: &AppState,
    member: &Member,
    environments: Vec<Versioned<Environment>>,
) -> Answer<Environments> {
    let mut data = Vec::new();
    for environment in &environments {
        let active = state.workflow.active_deployment(environment.doc.id).await?;
        let active_deployment = match active {
            Some(deployment) => Some(DeploymentBody::of(state, member, &deployment.doc).await?),
            None => None,
        };
        let environment = &environment.doc;
        let before = state.workflow.stage_before(environment).await?;
        let actions = allowed(EnvironmentAction::ALL, EnvironmentAction::name, |action| {
            policy::environment(member.viewer(), environment, before.as_ref(), action)?;
            if active_deployment.is_some() { policy::while_deploying(environment, action) } else { Ok(()) }
        });
        let (freeze, next_freeze) = state.workflow.freezes_of(environment.id).await?;
        data.push(EnvironmentBody {
            id: environment.id.uuid(),
            name: environment.name.to_string(),
            position: environment.position,
            canonical: environment.canonical,
            profile_id: environment.profile_id.uuid(),
            running: environment.running.as_ref().map(RunningBody::from),
            active_deployment,
            freeze: freeze.map(FreezeBody::from),
            next_freeze: next_freeze.map(FreezeBody::from),
            promotion_hold: environment.promotion_hold.clone(),
            rollback_when_refused_by: environment.rollback_when_refused_by,
            allowed_actions: actions,
        });
    }
    Ok(Environments { data })
}

/// Lists the environments, first stage first.
#[utoipa::path(get, path = "/api/apps/{appId}/environments", operation_id = "list_environments", tag = "environments",
    params(("appId" = Uuid, Path, description = "The app")),
    responses((status = 200, description = "The environments", body = Environments)))]
async fn list_environments(State(state): State<AppState>, member: AppMember) -> Answer<Json<Environments>> {
    let environments = state.workflow.environments(member.app_id()).await?;
    Ok(Json(show_all(&state, &member, environments).await?))
}

/// The whole pipeline as it is wanted; its order is the order of the stages.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetEnvironments {
    environments: Vec<StageBody>,
}

/// One stage.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Stage)]
struct StageBody {
    /// The environment that it is; none for a new one.
    #[serde(default)]
    id: Option<Uuid>,
    #[schema(value_type = String)]
    name: EnvironmentName,
    canonical: bool,
    /// By how many workers a deployed version is refused before it goes back by itself: 0 for never; left out, it stays
    /// as it is.
    #[serde(default)]
    rollback_when_refused_by: Option<u32>,
}

/// Replaces the pipeline; environments that stay keep their ids and history. For app admins.
#[utoipa::path(patch, path = "/api/apps/{appId}/environments", operation_id = "set_environments", tag = "environments",
    params(("appId" = Uuid, Path, description = "The app")), request_body = SetEnvironments,
    responses((status = 200, description = "The environments", body = Environments)))]
async fn set_environments(
    State(state): State<AppState>,
    member: AppMember,
    JsonBody(body): JsonBody<SetEnvironments>,
) -> Answer<Json<Environments>> {
    let stage = |s: StageBody| Stage {
        id: s.id.map(EnvironmentId::new),
        name: s.name,
        canonical: s.canonical,
        rollback_when_refused_by: s.rollback_when_refused_by,
    };
    let stages = body.environments.into_iter().map(stage).collect();
    let environments = state.workflow.set_environments(&member, stages).await?;
    Ok(Json(show_all(&state, &member, environments).await?))
}

/// The configuration that an environment runs.
#[derive(Debug, Serialize, ToSchema)]
struct EnvironmentConfig {
    release_tag: String,
    release_commit: String,
    tree_id: String,
    profile_revision: u32,
    config_version: u32,
    #[schema(format = DateTime)]
    activated_at: String,
    parameters: BTreeMap<String, ParameterBody>,
}

/// A parameter's value, and what decides when a worker may take a new one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ParameterValue)]
struct ParameterBody {
    value: Value,
    #[serde(rename = "type")]
    kind: &'static str,
    #[schema(value_type = Option<String>)]
    category: Option<conman_domain::catalog::Category>,
    hot_reloadable: bool,
}

impl From<Snapshot> for EnvironmentConfig {
    fn from(snapshot: Snapshot) -> Self {
        let show = |p: SnapshotParameter| ParameterBody {
            value: p.value,
            kind: p.kind.name(),
            category: p.category,
            hot_reloadable: p.hot_reloadable,
        };
        let provenance = snapshot.provenance;
        Self {
            release_tag: provenance.release_tag.to_string(),
            release_commit: provenance.release_commit.to_string(),
            tree_id: provenance.tree_id.to_string(),
            profile_revision: provenance.profile_revision,
            config_version: provenance.config_version.0,
            activated_at: snapshot.activated_at.to_string(),
            parameters: snapshot
                .parameters
                .into_iter()
                .map(|(name, p)| (name.to_string(), show(p)))
                .collect(),
        }
    }
}

/// Reads the configuration that an environment runs.
#[utoipa::path(get, path = "/api/apps/{appId}/environments/{envId}/config", operation_id = "get_environment_config",
    tag = "environments",
    params(("appId" = Uuid, Path, description = "The app"), ("envId" = Uuid, Path, description = "The environment")),
    responses((status = 200, description = "What it runs", body = EnvironmentConfig)))]
async fn get_environment_config(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<EnvironmentId>,
) -> Answer<Json<EnvironmentConfig>> {
    let environment = state.workflow.environment(&member, id).await?;
    let snapshot = state.workflow.snapshot(environment.doc.app_id, id).await?;
    let none = || Problem::new(StatusCode::NOT_FOUND, "not_found", "the environment runs nothing yet");
    let snapshot = snapshot.ok_or_else(none)?;
    Ok(Json(snapshot.into()))
}
