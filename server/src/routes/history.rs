//! What an environment ran: its versions, a parameter's values, everything at an instant, and how versions differ.

use super::parameters::no_value;
use super::shared::{List, Paging};
use crate::extract::{AppMember, PathId, PathInstant, QueryOf, instant};
use crate::problem::{Answer, FieldError, Problem};
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use conman_distribution::{HistoryRow, ParameterChange};
use conman_domain::id::EnvironmentId;
use conman_domain::name::ParameterName;
use conman_domain::snapshot::{ConfigVersion, SnapshotParameter};
use conman_domain::value::plain_text;
use conman_workflow::{ConfigDifference, ConfigThen, When};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(get_environment_history))
        .routes(routes!(get_environment_then))
        .routes(routes!(compare_environments))
        .routes(routes!(get_config_value_history))
        .routes(routes!(get_config_value_at))
}

/// Lists an environment's config versions, newest first.
#[utoipa::path(get, path = "/api/apps/{appId}/environments/{envId}/history", operation_id = "get_environment_history",
    tag = "environments",
    params(("appId" = Uuid, Path, description = "The app"), ("envId" = Uuid, Path, description = "The environment"), Paging),
    responses((status = 200, description = "The versions", body = List<Value>)))]
async fn get_environment_history(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<EnvironmentId>,
    QueryOf(paging): QueryOf<Paging>,
) -> Answer<Json<List<Value>>> {
    let environment = state.workflow.environment(&member, id).await?;
    let history = state.workflow.history(environment.doc.app_id, id, paging.page()).await?;
    let data = history.rows.iter().map(|row| serde_json::to_value(row).unwrap_or_default()).collect();
    Ok(Json(List::of(paging.page(), history.total.into(), data)))
}

/// Which version of an environment is meant; the one that runs, if neither is given.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Then {
    /// A config version.
    #[serde(default)]
    version: Option<u32>,
    /// An instant, in ISO 8601.
    #[serde(default)]
    at: Option<String>,
}

/// An environment's parameters at one version, and how that version came to be.
#[derive(Debug, Serialize, ToSchema)]
struct ConfigThenBody {
    /// The version: who, when, why, approved by whom, before and after.
    #[schema(value_type = Object)]
    version: HistoryRow,
    #[schema(value_type = Object)]
    parameters: BTreeMap<ParameterName, SnapshotParameter>,
}

impl From<ConfigThen> for ConfigThenBody {
    fn from(then: ConfigThen) -> Self {
        Self { version: then.row, parameters: then.parameters }
    }
}

/// Reads the whole of an environment's parameters at a version or an instant.
#[utoipa::path(get, path = "/api/apps/{appId}/environments/{envId}/then", operation_id = "get_environment_then",
    tag = "environments",
    params(("appId" = Uuid, Path, description = "The app"), ("envId" = Uuid, Path, description = "The environment"), Then),
    responses((status = 200, description = "The parameters then", body = ConfigThenBody)))]
async fn get_environment_then(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<EnvironmentId>,
    QueryOf(then): QueryOf<Then>,
) -> Answer<Json<ConfigThenBody>> {
    let environment = state.workflow.environment(&member, id).await?;
    let when = when(then.version, then.at.as_deref(), ["version", "at"])?;
    Ok(Json(state.workflow.config_then(environment.doc.app_id, id, when).await?.into()))
}

/// What is compared: this environment at one time, with the same or another one at another time.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Compared {
    /// A config version of this environment; the one that runs, if none is given.
    #[serde(default)]
    from: Option<u32>,
    /// An instant of this environment, in ISO 8601.
    #[serde(default)]
    from_at: Option<String>,
    /// The other environment; this one, if none is given.
    #[serde(default)]
    #[param(value_type = Option<Uuid>)]
    with: Option<EnvironmentId>,
    /// A config version of the other environment; the one that runs, if none is given.
    #[serde(default)]
    to: Option<u32>,
    /// An instant of the other environment, in ISO 8601.
    #[serde(default)]
    to_at: Option<String>,
}

/// How the parameters of two versions differ.
#[derive(Debug, Serialize, ToSchema)]
struct ConfigDifferenceBody {
    #[schema(value_type = Object)]
    from: HistoryRow,
    #[schema(value_type = Object)]
    to: HistoryRow,
    /// Before and after, by name; what is the same in both is left out.
    #[schema(value_type = Object)]
    parameters: BTreeMap<ParameterName, ParameterChange>,
}

impl From<ConfigDifference> for ConfigDifferenceBody {
    fn from(difference: ConfigDifference) -> Self {
        let ConfigDifference { from, to, parameters } = difference;
        Self { from, to, parameters }
    }
}

/// Compares the parameters of any two versions, of one or of two environments.
#[utoipa::path(get, path = "/api/apps/{appId}/environments/{envId}/diff", operation_id = "compare_environments",
    tag = "environments",
    params(("appId" = Uuid, Path, description = "The app"), ("envId" = Uuid, Path, description = "The environment"), Compared),
    responses((status = 200, description = "How they differ", body = ConfigDifferenceBody)))]
async fn compare_environments(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<EnvironmentId>,
    QueryOf(compared): QueryOf<Compared>,
) -> Answer<Json<ConfigDifferenceBody>> {
    let from = state.workflow.environment(&member, id).await?.doc;
    let to = state.workflow.environment(&member, compared.with.unwrap_or(id)).await?.doc;
    let then = when(compared.from, compared.from_at.as_deref(), ["from", "from_at"])?;
    let now = when(compared.to, compared.to_at.as_deref(), ["to", "to_at"])?;
    let difference = state.workflow.config_difference(from.app_id, (from.id, then), (to.id, now)).await?;
    Ok(Json(difference.into()))
}

fn when(version: Option<u32>, at: Option<&str>, names: [&str; 2]) -> Answer<When> {
    match (version, at) {
        (None, None) => Ok(When::Now),
        (Some(version), None) => Ok(When::Version(ConfigVersion(version))),
        (None, Some(text)) => Ok(When::At(instant(names[1], text)?)),
        (Some(_), Some(_)) => Err(invalid(names[1], &format!("give one of {} and {}", names[0], names[1]))),
    }
}

fn invalid(name: &str, message: &str) -> Problem {
    Problem::invalid(vec![FieldError { pointer: format!("/{name}"), message: message.to_owned() }])
}

/// Whether a version changed the value itself, and not only what else is known of the parameter.
pub(super) fn changes_value(name: &ParameterName, row: &HistoryRow) -> bool {
    row.parameters.get(name).is_some_and(|change| {
        change.before.as_ref().map(|before| &before.value) != change.after.as_ref().map(|after| &after.value)
    })
}

/// One change of a value, as an event.
pub(super) fn event(name: &ParameterName, row: &HistoryRow) -> Value {
    let change = row.parameters.get(name).cloned().unwrap_or_default();
    let (old, new) = (change.before.map(|p| p.value), change.after.map(|p| p.value));
    json!({
        "event_type": if new.is_some() { "ConfigValueSet" } else { "ConfigValueDeleted" },
        "data": {"config_name": name, "value": new, "old_value": old, "timestamp": row.at},
        "metadata": {
            "changed_by": row.changed_by, "approved_by": row.approved_by, "reason": row.reason, "kind": row.kind,
            "release_tag": row.provenance.release_tag, "profile_revision": row.provenance.profile_revision,
        },
        "created_at": row.at,
        "stream_version": row.provenance.config_version,
    })
}

/// Lists what became of a value, oldest first.
#[utoipa::path(get, path = "/api/apps/{appId}/environments/{envId}/config/{name}/history",
    operation_id = "get_config_value_history", tag = "parameters",
    params(("appId" = Uuid, Path, description = "The app"), ("envId" = Uuid, Path, description = "The environment"),
        ("name" = String, Path, description = "The parameter"), Paging),
    responses((status = 200, description = "The events", body = List<Value>)))]
async fn get_config_value_history(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<EnvironmentId>,
    PathId(name): PathId<ParameterName>,
    QueryOf(paging): QueryOf<Paging>,
) -> Answer<Json<List<Value>>> {
    let app_id = state.workflow.environment(&member, id).await?.doc.app_id;
    let found = state.workflow.parameter_history(app_id, id, &name, paging.page()).await?;
    let data = found.rows.iter().map(|row| event(&name, row)).collect();
    Ok(Json(List::of(paging.page(), found.total.into(), data)))
}

/// Reads the value that a parameter had at an instant, as plain text.
#[utoipa::path(get, path = "/api/apps/{appId}/environments/{envId}/config/{name}/at/{timestamp}",
    operation_id = "get_config_value_at", tag = "parameters",
    params(("appId" = Uuid, Path, description = "The app"), ("envId" = Uuid, Path, description = "The environment"),
        ("name" = String, Path, description = "The parameter"),
        ("timestamp" = String, Path, description = "An instant, in ISO 8601")),
    responses((status = 200, description = "The value then", body = String, content_type = "text/plain"),
        (status = 400, description = "No instant"), (status = 404, description = "Not there then")))]
async fn get_config_value_at(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<EnvironmentId>,
    PathId(name): PathId<ParameterName>,
    PathInstant(at): PathInstant,
) -> Answer<String> {
    let app_id = state.workflow.environment(&member, id).await?.doc.app_id;
    let then = state.workflow.config_then(app_id, id, When::At(at)).await.map_err(Problem::from);
    let then = then.map_err(|problem| if problem.status().as_u16() == 404 { no_value() } else { problem })?;
    then.parameters.get(&name).map(|found| plain_text(&found.value)).ok_or_else(no_value)
}
