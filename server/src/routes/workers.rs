//! An environment's workers: what each runs, what of the newest waits or is refused, and who ran a version.

use crate::extract::{AppMember, PathId, PathVersion};
use crate::problem::Answer;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use conman_distribution::{AppliedConfig, Boundary, Pending, Refused, WorkerApplication};
use conman_domain::id::EnvironmentId;
use conman_workflow::{Reach, Standing};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_workers)).routes(routes!(list_workers_of_version))
}

/// The worker sessions of an environment.
#[derive(Debug, Serialize, ToSchema)]
struct Workers {
    /// The version that is active; null before the first.
    active_version: Option<u32>,
    /// By name and start.
    data: Vec<WorkerBody>,
}

/// What a worker last said of itself, beside what is active.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Worker)]
struct WorkerBody {
    /// A new one at every start of the program.
    session_id: Uuid,
    /// As its program chose it.
    name: String,
    /// Library and version, e.g. `conman-worker/0.1.0`.
    library: String,
    /// What became of the active version: `current`, `waiting` (for a boundary), `restart_required`, `refused`,
    /// `lagging`, `lost` (not heard of for a while) or `stopped`.
    state: &'static str,
    /// By how many the active version is ahead of what it applied.
    lag_versions: u32,
    /// For how many seconds something newer than what it applied has been active; 0 where nothing is.
    lag_seconds: f64,
    /// What it runs; null until it has applied its first snapshot.
    applied: Option<AppliedBody>,
    /// New values that wait for their boundary.
    pending: Vec<PendingBody>,
    /// Parameters whose new value is applied at the program's next start.
    restart_required: Vec<String>,
    /// The newest version, if its program refused it.
    refused: Option<RefusedBody>,
    /// Why it does not run what is active, if it knows.
    problem: Option<String>,
    /// Whether what it runs comes from its disk, and was not compared with the database yet.
    stale: bool,
    /// How many values were applied inside a section that forbids it: 0, or its library is at fault.
    forbidden_applications: u32,
    /// When the session began, by the worker's clock.
    #[schema(format = DateTime)]
    started_at: String,
    /// When it last received a notification, by the worker's clock.
    #[schema(format = DateTime)]
    last_notify_at: Option<String>,
    /// When it said this, by the worker's clock.
    #[schema(format = DateTime)]
    heartbeat_at: String,
    /// When this was written down, by the database's clock.
    #[schema(format = DateTime)]
    heard_at: String,
    /// Whether it said that it ends.
    stopped: bool,
}

/// What a worker runs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkerApplied)]
struct AppliedBody {
    config_version: u32,
    release_tag: String,
    release_commit: String,
    tree_id: String,
    profile_revision: u32,
    /// When it had it in memory, by the worker's clock.
    #[schema(format = DateTime)]
    applied_at: String,
}

/// A new value that a worker has and does not use yet.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkerPending)]
struct PendingBody {
    /// The parameter.
    name: String,
    /// What it waits for: `decision_cycle_end`, `position_close` or `restart`.
    #[schema(value_type = String)]
    boundary: Boundary,
}

/// A version that a worker's program does not take.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkerRefusal)]
struct RefusedBody {
    version: u32,
    /// Why, in the program's words.
    reason: String,
    /// When, by the worker's clock.
    #[schema(format = DateTime)]
    at: String,
}

impl From<Standing> for WorkerBody {
    fn from(standing: Standing) -> Self {
        let (report, heard_at) = (standing.session.report, standing.session.heard_at);
        let milliseconds = u32::try_from(standing.lag.num_milliseconds()).unwrap_or(u32::MAX);
        let applied = |AppliedConfig { provenance, applied_at }| AppliedBody {
            config_version: provenance.config_version.0,
            release_tag: provenance.release_tag.to_string(),
            release_commit: provenance.release_commit.to_string(),
            tree_id: provenance.tree_id.to_string(),
            profile_revision: provenance.profile_revision,
            applied_at: applied_at.to_string(),
        };
        let pending = |Pending { name, boundary }| PendingBody { name: name.to_string(), boundary };
        let refused =
            |Refused { version, reason, at }| RefusedBody { version: version.0, reason, at: at.to_string() };
        Self {
            session_id: report.session_id.uuid(),
            name: report.name,
            library: report.library,
            state: standing.state.name(),
            lag_versions: standing.lag_versions,
            lag_seconds: f64::from(milliseconds) / 1_000.0,
            applied: report.applied.map(applied),
            pending: report.pending.into_iter().map(pending).collect(),
            restart_required: report.restart_required.iter().map(ToString::to_string).collect(),
            refused: report.refused.map(refused),
            problem: report.problem,
            stale: report.stale,
            forbidden_applications: report.forbidden_applications,
            started_at: report.started_at.to_string(),
            last_notify_at: report.last_notify_at.map(|at| at.to_string()),
            heartbeat_at: report.heartbeat_at.to_string(),
            heard_at: heard_at.to_string(),
            stopped: report.stopped,
        }
    }
}

/// Lists an environment's workers: what each last said of itself, and how far it is behind.
#[utoipa::path(get, path = "/api/apps/{appId}/environments/{envId}/workers", operation_id = "list_workers",
    tag = "environments",
    params(("appId" = Uuid, Path, description = "The app"), ("envId" = Uuid, Path, description = "The environment")),
    responses((status = 200, description = "The workers", body = Workers)))]
async fn list_workers(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<EnvironmentId>,
) -> Answer<Json<Workers>> {
    let environment = state.workflow.environment(&member, id).await?;
    let fleet = state.workflow.fleet(environment.doc.app_id, id).await?;
    let active_version = fleet.active.map(|version| version.0);
    Ok(Json(Workers { active_version, data: fleet.workers.into_iter().map(WorkerBody::from).collect() }))
}

/// How many of the workers that live have come how far with a version.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkerReach)]
pub(super) struct ReachBody {
    /// Those that live.
    workers: u32,
    /// Run all of it, or something newer.
    applied: u32,
    /// Have values that wait for a boundary.
    waiting: u32,
    /// Of these, have values that wait for the end of a decision cycle.
    waiting_for_cycle: u32,
    /// Of these, have values that wait for the close of a position.
    waiting_for_close: u32,
    /// Run it but for values that are applied at their next start.
    restart_required: u32,
    /// Do not take it.
    refused: u32,
    /// Have not applied it and do not say why.
    lagging: u32,
}

impl From<Reach> for ReachBody {
    fn from(reach: Reach) -> Self {
        Self {
            workers: reach.workers,
            applied: reach.applied,
            waiting: reach.waiting,
            waiting_for_cycle: reach.waiting_for_cycle,
            waiting_for_close: reach.waiting_for_close,
            restart_required: reach.restart_required,
            refused: reach.refused,
            lagging: reach.lagging,
        }
    }
}

/// The workers that ran a version.
#[derive(Debug, Serialize, ToSchema)]
struct WorkersOfVersion {
    /// The first one first.
    data: Vec<WorkerApplicationBody>,
}

/// A worker session that had a version in memory.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkerApplication)]
struct WorkerApplicationBody {
    session_id: Uuid,
    name: String,
    /// When it had the version in memory, by the worker's clock.
    #[schema(format = DateTime)]
    applied_at: String,
    /// When it said so, by the database's clock.
    #[schema(format = DateTime)]
    recorded_at: String,
}

impl From<WorkerApplication> for WorkerApplicationBody {
    fn from(application: WorkerApplication) -> Self {
        Self {
            session_id: application.session_id.uuid(),
            name: application.name,
            applied_at: application.applied_at.to_string(),
            recorded_at: application.recorded_at.to_string(),
        }
    }
}

/// Lists which workers ran a version of an environment, and since when; kept for ninety days.
#[utoipa::path(get, path = "/api/apps/{appId}/environments/{envId}/history/{version}/workers",
    operation_id = "list_workers_of_version", tag = "environments",
    params(("appId" = Uuid, Path, description = "The app"), ("envId" = Uuid, Path, description = "The environment"),
        ("version" = u32, Path, description = "The config version")),
    responses((status = 200, description = "The workers", body = WorkersOfVersion)))]
async fn list_workers_of_version(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<EnvironmentId>,
    PathVersion(version): PathVersion,
) -> Answer<Json<WorkersOfVersion>> {
    let app_id = state.workflow.environment(&member, id).await?.doc.app_id;
    let found = state.workflow.workers_of_version(app_id, id, version).await?;
    Ok(Json(WorkersOfVersion { data: found.into_iter().map(WorkerApplicationBody::from).collect() }))
}
