//! Runs: programs that were started with a parameter set.

use super::shared::List;
use super::views::allowed;
use crate::extract::{AppMember, JsonBody, PageLimit, PageNumber, PathId, QueryOf};
use crate::problem::Answer;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use conman_distribution::{RunEnding, RunFilter};
use conman_domain::id::{EnvironmentId, RunId};
use conman_domain::policy::{self, RunAction};
use conman_domain::run::{Results, Run, RunStatus};
use conman_domain::snapshot::ContentHash;
use conman_workflow::{Member, RegisterRun};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_runs, register_run))
        .routes(routes!(get_run))
        .routes(routes!(end_run))
        .routes(routes!(rerun))
}

/// A run of a program, pinned by a parameter set.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Run)]
struct RunBody {
    id: Uuid,
    environment_id: Uuid,
    parameter_set_hash: String,
    /// What kind of run it is, e.g. `backtest`.
    kind: String,
    description: String,
    /// `running`, `succeeded`, `failed` or `canceled`.
    status: &'static str,
    /// The run that it repeats with the same set.
    rerun_of: Option<Uuid>,
    /// What came out, as the program gave it.
    #[schema(value_type = Option<BTreeMap<String, Value>>)]
    results: Option<Results>,
    note: String,
    started_by: String,
    #[schema(format = DateTime)]
    started_at: String,
    #[schema(format = DateTime)]
    finished_at: Option<String>,
    allowed_actions: Vec<String>,
}

impl RunBody {
    fn of(member: &Member, run: Run) -> Self {
        let allowed_actions =
            allowed(RunAction::ALL, RunAction::name, |action| policy::run(member.viewer(), &run, action));
        Self {
            id: run.id.uuid(),
            environment_id: run.environment_id.uuid(),
            parameter_set_hash: run.parameter_set.to_string(),
            kind: run.kind,
            description: run.description,
            status: run.status.name(),
            rerun_of: run.rerun_of.map(RunId::uuid),
            results: run.results,
            note: run.note,
            started_by: run.started_by,
            started_at: run.started_at.to_string(),
            finished_at: run.finished_at.map(|at| at.to_string()),
            allowed_actions,
        }
    }
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RunStatus)]
enum StatusName {
    Running,
    Succeeded,
    Failed,
    Canceled,
}

impl From<StatusName> for RunStatus {
    fn from(name: StatusName) -> Self {
        match name {
            StatusName::Running => Self::Running,
            StatusName::Succeeded => Self::Succeeded,
            StatusName::Failed => Self::Failed,
            StatusName::Canceled => Self::Canceled,
        }
    }
}

/// Which runs are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RunsWanted {
    /// Only those of this environment.
    #[serde(default)]
    #[param(value_type = Option<Uuid>)]
    environment: Option<EnvironmentId>,
    /// Only those pinned by this set.
    #[serde(default)]
    parameter_set: Option<String>,
    /// Only those in this state.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    status: Option<StatusName>,
    /// Only those of this kind.
    #[serde(default)]
    kind: Option<String>,
    /// The page's number, from 1.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, default = 1)]
    page: PageNumber,
    /// How many rows a page has, 1 to 200.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200, default = 50)]
    limit: PageLimit,
}

/// Lists the app's runs, newest first.
#[utoipa::path(get, path = "/api/apps/{appId}/runs", operation_id = "list_runs", tag = "runs",
    params(("appId" = Uuid, Path, description = "The app"), RunsWanted),
    responses((status = 200, description = "The runs", body = List<RunBody>)))]
async fn list_runs(
    State(state): State<AppState>,
    AppMember(member): AppMember,
    QueryOf(wanted): QueryOf<RunsWanted>,
) -> Answer<Json<List<RunBody>>> {
    let page = wanted.page.of(wanted.limit);
    let filter = RunFilter {
        environment: wanted.environment,
        parameter_set: wanted.parameter_set.map(ContentHash::from),
        status: wanted.status.map(RunStatus::from),
        kind: wanted.kind,
    };
    let found = state.workflow.runs(&member, &filter, page).await?;
    let rows = found.rows.into_iter().map(|run| RunBody::of(&member, run)).collect();
    Ok(Json(List::of(page, found.total.into(), rows)))
}

/// A wish to register a run.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewRunBody {
    /// The set that pins it.
    parameter_set_hash: String,
    /// What kind of run it is, e.g. `backtest`: lowercase letters, digits, hyphens and underscores.
    kind: String,
    /// What it is for.
    #[serde(default)]
    description: String,
}

/// Registers a run with the parameter set that pins it.
#[utoipa::path(post, path = "/api/apps/{appId}/runs", operation_id = "register_run", tag = "runs",
    params(("appId" = Uuid, Path, description = "The app")), request_body = NewRunBody,
    responses((status = 201, description = "The run", body = RunBody),
        (status = 400, description = "There is no such set, or the kind is none")))]
async fn register_run(
    State(state): State<AppState>,
    AppMember(member): AppMember,
    JsonBody(body): JsonBody<NewRunBody>,
) -> Answer<(StatusCode, Json<RunBody>)> {
    let NewRunBody { parameter_set_hash, kind, description } = body;
    let wish = RegisterRun { parameter_set: parameter_set_hash.into(), kind, description };
    let run = state.workflow.register_run(&member, wish).await?;
    Ok((StatusCode::CREATED, Json(RunBody::of(&member, run))))
}

/// Reads a run.
#[utoipa::path(get, path = "/api/apps/{appId}/runs/{runId}", operation_id = "get_run", tag = "runs",
    params(("appId" = Uuid, Path, description = "The app"), ("runId" = Uuid, Path, description = "The run")),
    responses((status = 200, description = "The run", body = RunBody)))]
async fn get_run(
    State(state): State<AppState>,
    AppMember(member): AppMember,
    PathId(id): PathId<RunId>,
) -> Answer<Json<RunBody>> {
    let run = state.workflow.run(&member, id).await?;
    Ok(Json(RunBody::of(&member, run)))
}

/// How a run ended.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EndRun {
    /// `succeeded`, `failed` or `canceled`.
    status: StatusName,
    /// What came out, an object of up to 64 KiB.
    #[serde(default)]
    #[schema(value_type = Option<BTreeMap<String, Value>>)]
    results: Option<Results>,
    /// What is to be said of it.
    #[serde(default)]
    note: String,
}

/// Says how a run ended, once; saying the same again changes nothing.
#[utoipa::path(post, path = "/api/apps/{appId}/runs/{runId}/end", operation_id = "end_run", tag = "runs",
    params(("appId" = Uuid, Path, description = "The app"), ("runId" = Uuid, Path, description = "The run")),
    request_body = EndRun,
    responses((status = 200, description = "The run", body = RunBody),
        (status = 409, description = "It ended before, in another way")))]
async fn end_run(
    State(state): State<AppState>,
    AppMember(member): AppMember,
    PathId(id): PathId<RunId>,
    JsonBody(body): JsonBody<EndRun>,
) -> Answer<Json<RunBody>> {
    let EndRun { status, results, note } = body;
    let ending = RunEnding { status: status.into(), results, note };
    let run = state.workflow.end_run(&member, id, ending).await?;
    Ok(Json(RunBody::of(&member, run)))
}

/// What another run is for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rerun {
    /// As the first one's, if left out.
    #[serde(default)]
    description: Option<String>,
}

/// Registers another run with the identical parameter set.
#[utoipa::path(post, path = "/api/apps/{appId}/runs/{runId}/rerun", operation_id = "rerun", tag = "runs",
    params(("appId" = Uuid, Path, description = "The app"), ("runId" = Uuid, Path, description = "The run to repeat")),
    request_body = Rerun,
    responses((status = 201, description = "The new run", body = RunBody)))]
async fn rerun(
    State(state): State<AppState>,
    AppMember(member): AppMember,
    PathId(id): PathId<RunId>,
    JsonBody(body): JsonBody<Rerun>,
) -> Answer<(StatusCode, Json<RunBody>)> {
    let run = state.workflow.rerun(&member, id, body.description).await?;
    Ok((StatusCode::CREATED, Json(RunBody::of(&member, run))))
}
