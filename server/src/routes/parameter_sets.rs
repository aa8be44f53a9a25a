//! Parameter sets: what an environment runs, frozen.

use super::catalog::ParameterBody;
use super::shared::List;
use crate::extract::{AppMember, JsonBody, PageLimit, PageNumber, PathId, QueryOf};
use crate::problem::Answer;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use conman_distribution::{FrozenSet, SetSummary};
use conman_domain::id::EnvironmentId;
use conman_domain::parameter_set::{Differing, Factors};
use conman_domain::snapshot::{ConfigVersion, ContentHash};
use conman_workflow::{ComparedSets, FreezeParameters};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_parameter_sets, freeze_parameters))
        .routes(routes!(compare_parameter_sets))
        .routes(routes!(get_parameter_set))
}

/// A parameter set, as a list shows it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ParameterSetSummary)]
struct SummaryBody {
    /// SHA-256 over the canonical JSON (RFC 8785) of what it says.
    hash: String,
    environment_id: Uuid,
    /// The environment's name then.
    environment: String,
    release_tag: String,
    config_version: u32,
    code_version: String,
    #[schema(value_type = BTreeMap<String, Value>)]
    factors: Factors,
    /// How many runs it pins.
    runs: u32,
    /// Who froze it first.
    frozen_by: String,
    #[schema(format = DateTime)]
    frozen_at: String,
}

impl From<SetSummary> for SummaryBody {
    fn from(set: SetSummary) -> Self {
        Self {
            hash: set.hash.to_string(),
            environment_id: set.environment_id.uuid(),
            environment: set.environment.to_string(),
            release_tag: set.release_tag.to_string(),
            config_version: set.config_version.0,
            code_version: set.code_version,
            factors: set.factors,
            runs: set.runs,
            frozen_by: set.frozen_by,
            frozen_at: set.frozen_at.to_string(),
        }
    }
}

/// A parameter set: everything that decides what a run does.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ParameterSet)]
struct SetBody {
    /// SHA-256 over the canonical JSON (RFC 8785) of `content`.
    hash: String,
    environment_id: Uuid,
    /// The environment's name then.
    environment: String,
    release_tag: String,
    config_version: u32,
    code_version: String,
    /// What the runs vary.
    #[schema(value_type = BTreeMap<String, Value>)]
    factors: Factors,
    /// The values that a run has: the environment's, with the factors laid over them.
    #[schema(value_type = BTreeMap<String, Value>)]
    values: BTreeMap<String, Value>,
    /// The catalog as it was, without what it excludes from runs.
    parameters: Vec<ParameterBody>,
    /// What the hash is computed over.
    #[schema(value_type = Object)]
    content: Value,
    /// Who froze it first.
    frozen_by: String,
    #[schema(format = DateTime)]
    frozen_at: String,
}

impl From<FrozenSet> for SetBody {
    fn from(frozen: FrozenSet) -> Self {
        let set = &frozen.set;
        let base = &set.base_environment;
        Self {
            hash: frozen.hash.to_string(),
            environment_id: base.environment_id.uuid(),
            environment: base.environment.to_string(),
            release_tag: base.provenance.release_tag.to_string(),
            config_version: base.provenance.config_version.0,
            code_version: set.code_version.clone(),
            factors: set.factors.clone(),
            values: set.values().into_iter().map(|(name, value)| (name.to_string(), value)).collect(),
            parameters: set.catalog.values().map(ParameterBody::from).collect(),
            content: serde_json::to_value(set).unwrap_or_default(),
            frozen_by: frozen.frozen_by,
            frozen_at: frozen.frozen_at.to_string(),
        }
    }
}

/// Which sets are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SetFilter {
    /// Only those of this environment.
    #[serde(default)]
    #[param(value_type = Option<Uuid>)]
    environment: Option<EnvironmentId>,
    /// The page's number, from 1.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, default = 1)]
    page: PageNumber,
    /// How many rows a page has, 1 to 200.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200, default = 50)]
    limit: PageLimit,
}

/// Lists the app's parameter sets, newest first.
#[utoipa::path(get, path = "/api/apps/{appId}/parameter-sets", operation_id = "list_parameter_sets", tag = "runs",
    params(("appId" = Uuid, Path, description = "The app"), SetFilter),
    responses((status = 200, description = "The sets", body = List<SummaryBody>)))]
async fn list_parameter_sets(
    State(state): State<AppState>,
    member: AppMember,
    QueryOf(filter): QueryOf<SetFilter>,
) -> Answer<Json<List<SummaryBody>>> {
    let page = filter.page.of(filter.limit);
    let found = state.workflow.parameter_sets(&member, filter.environment, page).await?;
    Ok(Json(List::of(page, found.total.into(), found.rows.into_iter().map(SummaryBody::from).collect())))
}

/// A wish to freeze what an environment runs.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FreezeWish {
    environment_id: Uuid,
    /// The config version that was looked at; the one that runs, if left out.
    #[serde(default)]
    base_version: Option<u32>,
    /// The program's own version, e.g. a commit or a tag.
    code_version: String,
    /// What the runs vary: parameters with other values, and whatever else the program takes.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Value>)]
    factors: Factors,
}

/// Freezes what an environment runs. The same content is the same set: 200 then, with who froze it first.
#[utoipa::path(post, path = "/api/apps/{appId}/parameter-sets", operation_id = "freeze_parameters", tag = "runs",
    params(("appId" = Uuid, Path, description = "The app")), request_body = FreezeWish,
    responses((status = 201, description = "The new set", body = SetBody),
        (status = 200, description = "The set, which was there", body = SetBody),
        (status = 400, description = "Factors that the catalog refuses, each with its pointer"),
        (status = 409, description = "Another version runs by now")))]
async fn freeze_parameters(
    State(state): State<AppState>,
    AppMember(member): AppMember,
    JsonBody(body): JsonBody<FreezeWish>,
) -> Answer<(StatusCode, Json<SetBody>)> {
    let FreezeWish { environment_id, base_version, code_version, factors } = body;
    let wish = FreezeParameters { base_version: base_version.map(ConfigVersion), factors, code_version };
    let environment = EnvironmentId::new(environment_id);
    let (set, is_new) = state.workflow.freeze_parameters(&member, environment, wish).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(set.into())))
}

/// Reads a parameter set.
#[utoipa::path(get, path = "/api/apps/{appId}/parameter-sets/{hash}", operation_id = "get_parameter_set", tag = "runs",
    params(("appId" = Uuid, Path, description = "The app"), ("hash" = String, Path, description = "The set's hash")),
    responses((status = 200, description = "The set", body = SetBody)))]
async fn get_parameter_set(
    State(state): State<AppState>,
    member: AppMember,
    PathId(hash): PathId<ContentHash>,
) -> Answer<Json<SetBody>> {
    Ok(Json(state.workflow.parameter_set(&member, &hash).await?.into()))
}

/// Which sets are laid side by side.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Sides {
    /// The hash of the one.
    left: String,
    /// The hash of the other.
    right: String,
}

/// What differs in two sets; null where one lacks it.
#[derive(Debug, Serialize, ToSchema)]
struct DifferingValue {
    left: Value,
    right: Value,
}

/// A parameter that is declared otherwise in two sets.
#[derive(Debug, Serialize, ToSchema)]
struct DifferingParameter {
    left: Option<ParameterBody>,
    right: Option<ParameterBody>,
}

/// Two sets side by side: what is the same in both is left out.
#[derive(Debug, Serialize, ToSchema)]
struct SetDifferenceBody {
    left: SetBody,
    right: SetBody,
    /// The values that a run has, by name.
    values: BTreeMap<String, DifferingValue>,
    /// What varies, by name.
    factors: BTreeMap<String, DifferingValue>,
    /// Parameters that are declared otherwise, by name.
    parameters: BTreeMap<String, DifferingParameter>,
    /// Rules that only the one has.
    rules_left: Vec<String>,
    /// Rules that only the other has.
    rules_right: Vec<String>,
    /// Whether the programs' own versions are the same.
    same_code: bool,
    /// Whether a run of either does the same.
    identical: bool,
}

fn values<K: ToString>(differing: BTreeMap<K, Differing<Value>>) -> BTreeMap<String, DifferingValue> {
    let body = |found: Differing<Value>| DifferingValue {
        left: found.left.unwrap_or_default(),
        right: found.right.unwrap_or_default(),
    };
    differing.into_iter().map(|(name, found)| (name.to_string(), body(found))).collect()
}

impl From<ComparedSets> for SetDifferenceBody {
    fn from(compared: ComparedSets) -> Self {
        let ComparedSets { left, right, difference } = compared;
        let mut rules = (Vec::new(), Vec::new());
        for (rule, sides) in difference.rules {
            if sides.left.is_some() { rules.0.push(rule) } else { rules.1.push(rule) }
        }
        let parameters = difference.catalog.into_iter().map(|(name, found)| {
            let body =
                |side: Option<conman_domain::catalog::Parameter>| side.as_ref().map(ParameterBody::from);
            (name.to_string(), DifferingParameter { left: body(found.left), right: body(found.right) })
        });
        Self {
            values: values(difference.values),
            factors: values(difference.factors),
            parameters: parameters.collect(),
            rules_left: rules.0,
            rules_right: rules.1,
            same_code: left.set.code_version == right.set.code_version,
            identical: left.hash == right.hash,
            left: left.into(),
            right: right.into(),
        }
    }
}

/// Lays two parameter sets side by side.
#[utoipa::path(get, path = "/api/apps/{appId}/parameter-sets/compare", operation_id = "compare_parameter_sets",
    tag = "runs", params(("appId" = Uuid, Path, description = "The app"), Sides),
    responses((status = 200, description = "How they differ", body = SetDifferenceBody)))]
async fn compare_parameter_sets(
    State(state): State<AppState>,
    member: AppMember,
    QueryOf(sides): QueryOf<Sides>,
) -> Answer<Json<SetDifferenceBody>> {
    // What is no hash names no set.
    let (left, right) = (ContentHash::from(sides.left), ContentHash::from(sides.right));
    Ok(Json(state.workflow.compare_sets(&member, &left, &right).await?.into()))
}
