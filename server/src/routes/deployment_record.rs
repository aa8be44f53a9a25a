//! What is on record of a deployment: its steps, and what it changed.

use super::diffs::DiffBody;
use super::shared::DiffQuery;
use crate::extract::{AppMember, PathId, QueryOf};
use crate::problem::Answer;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use conman_distribution::HistoryRow;
use conman_domain::id::DeploymentId;
use conman_workflow::{DeploymentChange, DeploymentRecord, DeploymentStep, Step};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get_deployment_record)).routes(routes!(get_deployment_diff))
}

/// What is on record of a deployment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeploymentRecord)]
struct RecordBody {
    /// The first one first.
    steps: Vec<StepBody>,
    /// What it changed; null where it has not become active.
    change: Option<ChangeBody>,
}

/// Something that happened to a deployment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[schema(as = DeploymentStep)]
enum StepBody {
    /// Its state changed, or somebody approved it.
    Event {
        #[schema(format = DateTime)]
        at: String,
        /// As in the audit log, e.g. `deployment.started`.
        action: String,
        /// Who did it; `system` for the server itself.
        by: String,
    },
    /// Its job said something.
    Line {
        #[schema(format = DateTime)]
        at: String,
        job_id: Uuid,
        /// Which attempt of the job, from 1.
        attempt: u32,
        message: String,
    },
}

/// What a deployment changed on its environment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeploymentChange)]
struct ChangeBody {
    /// The version that it made, with the values that differ, before and after, and how many files do.
    #[schema(value_type = Object)]
    version: HistoryRow,
    /// What the environment ran before; null where this was the first.
    base: Option<BaseBody>,
    /// Those of the changed parameters that are critical.
    critical: Vec<String>,
}

/// What an environment ran before a deployment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeploymentBase)]
struct BaseBody {
    config_version: u32,
    release_tag: String,
    release_commit: String,
    tree_id: String,
    profile_revision: u32,
}

impl From<DeploymentStep> for StepBody {
    fn from(DeploymentStep { at, step }: DeploymentStep) -> Self {
        let at = at.to_string();
        match step {
            Step::Event { action, by } => Self::Event { at, action, by },
            Step::Line { job_id, attempt, message } => {
                Self::Line { at, job_id: job_id.uuid(), attempt, message }
            }
        }
    }
}

impl From<DeploymentChange> for ChangeBody {
    fn from(change: DeploymentChange) -> Self {
        Self {
            base: change.base.map(|HistoryRow { provenance, .. }| BaseBody {
                config_version: provenance.config_version.0,
                release_tag: provenance.release_tag.to_string(),
                release_commit: provenance.release_commit.to_string(),
                tree_id: provenance.tree_id.to_string(),
                profile_revision: provenance.profile_revision,
            }),
            critical: change.critical.iter().map(ToString::to_string).collect(),
            version: change.row,
        }
    }
}

/// Reads what is on record of a deployment: its steps in order, and the values that it changed.
#[utoipa::path(get, path = "/api/apps/{appId}/deployments/{deploymentId}/record", operation_id = "get_deployment_record",
    tag = "deployments",
    params(("appId" = Uuid, Path, description = "The app"), ("deploymentId" = Uuid, Path, description = "The deployment")),
    responses((status = 200, description = "The record", body = RecordBody)))]
async fn get_deployment_record(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<DeploymentId>,
) -> Answer<Json<RecordBody>> {
    let DeploymentRecord { steps, change } = state.workflow.deployment_record(&member, id).await?;
    let steps = steps.into_iter().map(StepBody::from).collect();
    Ok(Json(RecordBody { steps, change: change.map(ChangeBody::from) }))
}

/// Compares the files of a deployment with those that the environment ran before; refused where it has not become active.
#[utoipa::path(get, path = "/api/apps/{appId}/deployments/{deploymentId}/diff", operation_id = "get_deployment_diff",
    tag = "deployments",
    params(("appId" = Uuid, Path, description = "The app"), ("deploymentId" = Uuid, Path, description = "The deployment"),
        DiffQuery),
    responses((status = 200, description = "The differences", body = DiffBody)))]
async fn get_deployment_diff(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<DeploymentId>,
    QueryOf(query): QueryOf<DiffQuery>,
) -> Answer<Json<DiffBody>> {
    let comparison = state.workflow.deployment_diff(&member, id).await?;
    Ok(Json(DiffBody::of(&state, &comparison, query).await?))
}
