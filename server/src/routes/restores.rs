//! Restoring the values of an earlier version: what it would do, and doing it.

use super::drafts::{DraftBody, show_one};
use super::parameters::SavedConfig;
use crate::extract::{AppMember, JsonBody, PathId, QueryOf};
use crate::problem::Answer;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use conman_distribution::HistoryRow;
use conman_domain::id::EnvironmentId;
use conman_domain::snapshot::ConfigVersion;
use conman_workflow::{RestorePlan, RestoreWish, Restored};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(plan_restore, restore))
}

/// Which version is to be restored.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Source {
    /// Its config version.
    version: u32,
}

/// What restoring a version would do.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RestorePlan)]
struct PlanBody {
    /// The version whose values are wanted: who made it, when, and why.
    #[schema(value_type = Object)]
    source: HistoryRow,
    /// The version that runs now; a restore names it.
    base_version: u32,
    /// What would change, by name.
    items: Vec<ItemBody>,
    /// Parameters that the environment had then, and that the catalog does not know any more: they are left out.
    gone: Vec<String>,
    /// Parameters that came later: they stay as they are.
    newer: Vec<String>,
    /// Why it cannot be done: values that the catalog does not allow any more.
    problems: Vec<PlanProblem>,
    /// Whether somebody else has to approve it, because critical parameters differ.
    needs_approval: bool,
}

/// One value that restoring a version would change.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RestoreItem)]
struct ItemBody {
    name: String,
    /// What runs now; null where there is none.
    current: Value,
    /// What ran then; null where there was none.
    restored: Value,
    critical: bool,
}

/// A value that the catalog does not allow any more.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RestoreProblem)]
struct PlanProblem {
    name: String,
    message: String,
}

impl From<RestorePlan> for PlanBody {
    fn from(plan: RestorePlan) -> Self {
        let needs_approval = plan.needs_approval();
        let names = |names: Vec<conman_domain::name::ParameterName>| {
            names.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let items = plan.items.into_iter().map(|item| ItemBody {
            name: item.name.to_string(),
            current: item.current.unwrap_or_default(),
            restored: item.restored.unwrap_or_default(),
            critical: item.critical,
        });
        let problems = plan.problems.into_iter();
        Self {
            source: plan.source,
            base_version: plan.base_version.0,
            items: items.collect(),
            gone: names(plan.gone),
            newer: names(plan.newer),
            problems: problems
                .map(|(name, message)| PlanProblem { name: name.to_string(), message })
                .collect(),
            needs_approval,
        }
    }
}

/// Says what restoring the values of a version would do; nothing changes.
#[utoipa::path(get, path = "/api/apps/{appId}/environments/{envId}/restore", operation_id = "plan_restore", tag = "parameters",
    params(("appId" = Uuid, Path, description = "The app"), ("envId" = Uuid, Path, description = "The environment"), Source),
    responses((status = 200, description = "What it would do", body = PlanBody)))]
async fn plan_restore(
    State(state): State<AppState>,
    AppMember(member): AppMember,
    PathId(id): PathId<EnvironmentId>,
    QueryOf(source): QueryOf<Source>,
) -> Answer<Json<PlanBody>> {
    let plan = state.workflow.plan_restore(&member, id, ConfigVersion(source.version)).await?;
    Ok(Json(plan.into()))
}

/// The version whose values are wanted, and the one whose values were seen beside them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Restore {
    version: u32,
    base_version: u32,
    reason: String,
    /// Why a freeze is set aside for this; for app admins.
    #[serde(default)]
    override_freeze: Option<String>,
}

/// Makes the values of an earlier version those of a new one: at once, or by a draft where a critical parameter differs.
#[utoipa::path(post, path = "/api/apps/{appId}/environments/{envId}/restore", operation_id = "restore", tag = "parameters",
    params(("appId" = Uuid, Path, description = "The app"), ("envId" = Uuid, Path, description = "The environment")),
    request_body = Restore,
    responses((status = 200, description = "The environment runs the old values", body = SavedConfig),
        (status = 202, description = "It waits for approval", body = DraftBody),
        (status = 409, description = "Another version runs by now; its values are in the details"),
        (status = 423, description = "The environment is frozen; the details say until when")))]
async fn restore(
    State(state): State<AppState>,
    AppMember(member): AppMember,
    PathId(id): PathId<EnvironmentId>,
    JsonBody(body): JsonBody<Restore>,
) -> Answer<Response> {
    let Restore { version, base_version, reason, override_freeze } = body;
    let (version, base_version) = (ConfigVersion(version), ConfigVersion(base_version));
    let wish = RestoreWish { version, base_version, reason, override_freeze };
    Ok(match state.workflow.restore_parameters(&member, id, wish).await? {
        Restored::Now(saved) => Json(SavedConfig::from(saved)).into_response(),
        Restored::Submitted(draft) => {
            (StatusCode::ACCEPTED, show_one(&state, &member, draft.doc).await?).into_response()
        }
    })
}
