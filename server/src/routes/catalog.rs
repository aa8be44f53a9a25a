//! The catalog: as an environment runs it, as the next release will have it, and the two forms that make a changeset.

use super::changeset_views::ChangesetBody;
use super::changesets::tagged;
use crate::etag::Tagged;
use crate::extract::{AppMember, JsonBody, PathId};
use crate::problem::Answer;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use conman_domain::RepoPath;
use conman_domain::catalog::{Catalog, Category, Parameter};
use conman_domain::catalog_edit::Widening;
use conman_domain::id::EnvironmentId;
use conman_domain::name::{ParameterName, Title};
use conman_domain::value::ParameterType;
use conman_workflow::{CatalogForm, CatalogWish};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(get_environment_catalog))
        .routes(routes!(get_catalog))
        .routes(routes!(add_parameter))
        .routes(routes!(widen_parameter))
}

/// The types that a parameter can have; a `duration` is a text such as `15m`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ParameterType)]
enum TypeName {
    String,
    Int,
    Number,
    Bool,
    Enum,
    Duration,
    Json,
}

impl From<ParameterType> for TypeName {
    fn from(kind: ParameterType) -> Self {
        match kind {
            ParameterType::String => Self::String,
            ParameterType::Int => Self::Int,
            ParameterType::Number => Self::Number,
            ParameterType::Bool => Self::Bool,
            ParameterType::Enum => Self::Enum,
            ParameterType::Duration => Self::Duration,
            ParameterType::Json => Self::Json,
        }
    }
}

/// What a parameter steers.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ParameterCategory)]
enum CategoryName {
    Threshold,
    FilterFlag,
    Cooldown,
    RiskLimit,
}

impl From<Category> for CategoryName {
    fn from(category: Category) -> Self {
        match category {
            Category::Threshold => Self::Threshold,
            Category::FilterFlag => Self::FilterFlag,
            Category::Cooldown => Self::Cooldown,
            Category::RiskLimit => Self::RiskLimit,
        }
    }
}

/// A parameter, as the catalog declares it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Parameter)]
pub(super) struct ParameterBody {
    name: String,
    #[serde(rename = "type")]
    kind: TypeName,
    /// The only values allowed.
    allowed_values: Option<Vec<Value>>,
    /// The least value: a number, or a duration.
    min: Option<Value>,
    /// The greatest value: a number, or a duration.
    max: Option<Value>,
    /// The value where an environment gives none.
    default: Option<Value>,
    /// Whether there must be a value, by default or by the environment.
    required: bool,
    /// The heading it stands under; may be empty.
    group: String,
    /// What it does, for people.
    description: String,
    /// What it steers, which decides when a running worker takes a new value.
    category: Option<CategoryName>,
    /// Whether a running worker may take a new value.
    hot_reloadable: bool,
    /// Whether changing it needs an approval.
    critical: bool,
    /// Who answers for it.
    owner: Option<String>,
    /// Whether it is on its way out.
    deprecated: bool,
    /// Whether runs leave it out of their parameter sets.
    excluded_from_runs: bool,
}

impl From<&Parameter> for ParameterBody {
    fn from(parameter: &Parameter) -> Self {
        Self {
            name: parameter.name.to_string(),
            kind: parameter.kind.into(),
            allowed_values: parameter.allowed_values.clone(),
            min: parameter.min.clone(),
            max: parameter.max.clone(),
            default: parameter.default.clone(),
            required: parameter.required,
            group: parameter.group.clone(),
            description: parameter.description.clone(),
            category: parameter.category.map(CategoryName::from),
            hot_reloadable: parameter.hot_reloadable,
            critical: parameter.critical,
            owner: parameter.owner.clone(),
            deprecated: parameter.deprecated,
            excluded_from_runs: parameter.excluded_from_runs,
        }
    }
}

fn rules(catalog: &Catalog) -> Vec<String> {
    catalog.rules.iter().map(ToString::to_string).collect()
}

/// The catalog of what an environment runs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EnvironmentCatalog)]
struct EnvironmentCatalogBody {
    config_version: u32,
    release_tag: String,
    /// By name.
    parameters: Vec<EnvironmentParameter>,
    /// What must hold between them, e.g. `low < high`.
    rules: Vec<String>,
}

/// A parameter of an environment.
#[derive(Debug, Serialize, ToSchema)]
struct EnvironmentParameter {
    #[serde(flatten)]
    parameter: ParameterBody,
    /// Whether the environment has a value of its own, and not the default.
    overridden: bool,
}

/// Reads the catalog of what an environment runs: what its parameters are, and what their values may be.
#[utoipa::path(get, path = "/api/apps/{appId}/environments/{envId}/catalog", operation_id = "get_environment_catalog",
    tag = "parameters",
    params(("appId" = Uuid, Path, description = "The app"), ("envId" = Uuid, Path, description = "The environment")),
    responses((status = 200, description = "The catalog", body = EnvironmentCatalogBody),
        (status = 409, description = "The environment runs nothing yet")))]
async fn get_environment_catalog(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<EnvironmentId>,
) -> Answer<Json<EnvironmentCatalogBody>> {
    let found = state.workflow.environment_catalog(&member, id).await?;
    let own: BTreeSet<&ParameterName> = found.own.iter().collect();
    let parameters = found.catalog.parameters.values().map(|parameter| EnvironmentParameter {
        parameter: parameter.into(),
        overridden: own.contains(&parameter.name),
    });
    let provenance = &found.running.provenance;
    Ok(Json(EnvironmentCatalogBody {
        config_version: provenance.config_version.0,
        release_tag: provenance.release_tag.to_string(),
        parameters: parameters.collect(),
        rules: rules(&found.catalog),
    }))
}

/// The catalog of the integration branch.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AppCatalog)]
struct AppCatalogBody {
    /// The commit that it was read at.
    commit: String,
    /// By name.
    parameters: Vec<DeclaredParameter>,
    /// What must hold between them, e.g. `low < high`.
    rules: Vec<String>,
}

/// A parameter with the file that declares it.
#[derive(Debug, Serialize, ToSchema)]
struct DeclaredParameter {
    #[serde(flatten)]
    parameter: ParameterBody,
    /// The file.
    file: String,
}

/// Reads the catalog of the integration branch: what the next release will have.
#[utoipa::path(get, path = "/api/apps/{appId}/catalog", operation_id = "get_catalog", tag = "parameters",
    params(("appId" = Uuid, Path, description = "The app")),
    responses((status = 200, description = "The catalog", body = AppCatalogBody)))]
async fn get_catalog(State(state): State<AppState>, member: AppMember) -> Answer<Json<AppCatalogBody>> {
    let found = state.workflow.app_catalog(&member).await?;
    let file = |files: &BTreeMap<ParameterName, RepoPath>, name: &ParameterName| {
        files.get(name).map(ToString::to_string).unwrap_or_default()
    };
    let parameters = found.catalog.parameters.values().map(|parameter| DeclaredParameter {
        parameter: parameter.into(),
        file: file(&found.files, &parameter.name),
    });
    Ok(Json(AppCatalogBody {
        commit: found.commit.to_string(),
        parameters: parameters.collect(),
        rules: rules(&found.catalog),
    }))
}

/// A parameter that is not there yet. What is left out has the catalog's defaults.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AddParameter {
    #[schema(value_type = ParameterBody)]
    parameter: Parameter,
    /// The file in the folder `catalog` to declare it in; where its group is, if left out.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    file: Option<RepoPath>,
    /// The changeset's title; made up, if left out.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    title: Option<Title>,
    /// Why.
    #[serde(default)]
    description: String,
}

/// Adds a parameter to the catalog: makes the changeset, and submits it.
#[utoipa::path(post, path = "/api/apps/{appId}/catalog/parameters", operation_id = "add_parameter", tag = "parameters",
    params(("appId" = Uuid, Path, description = "The app")), request_body = AddParameter,
    responses((status = 201, description = "The changeset, submitted", body = ChangesetBody),
        (status = 400, description = "What is wrong with the parameter"),
        (status = 409, description = "There is a parameter of that name, or the file cannot be edited by a form")))]
async fn add_parameter(
    State(state): State<AppState>,
    member: AppMember,
    JsonBody(body): JsonBody<AddParameter>,
) -> Answer<(StatusCode, Tagged<ChangesetBody>)> {
    let AddParameter { parameter, file, title, description } = body;
    let wish = CatalogWish::Add { parameter: Box::new(parameter), file };
    let form = CatalogForm { wish, title, description };
    let changeset = state.workflow.change_catalog(&member, form).await?;
    Ok((StatusCode::CREATED, tagged(&state, &member, &changeset).await?))
}

/// More values for a parameter; at least one of `allow`, `min` and `max`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WidenParameter {
    /// Values to be allowed besides those that are.
    #[serde(default)]
    allow: Vec<Value>,
    /// A lesser least value.
    #[serde(default)]
    min: Option<Value>,
    /// A greater greatest value.
    #[serde(default)]
    max: Option<Value>,
    /// The changeset's title; made up, if left out.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    title: Option<Title>,
    /// Why.
    #[serde(default)]
    description: String,
}

/// Lets a parameter have more values than now: makes the changeset, and submits it.
#[utoipa::path(post, path = "/api/apps/{appId}/catalog/parameters/{name}/widen", operation_id = "widen_parameter",
    tag = "parameters",
    params(("appId" = Uuid, Path, description = "The app"), ("name" = String, Path, description = "The parameter")),
    request_body = WidenParameter,
    responses((status = 201, description = "The changeset, submitted", body = ChangesetBody),
        (status = 400, description = "What would not widen it"),
        (status = 409, description = "The file cannot be edited by a form")))]
async fn widen_parameter(
    State(state): State<AppState>,
    member: AppMember,
    PathId(name): PathId<ParameterName>,
    JsonBody(body): JsonBody<WidenParameter>,
) -> Answer<(StatusCode, Tagged<ChangesetBody>)> {
    let WidenParameter { allow, min, max, title, description } = body;
    let wish = CatalogWish::Widen { name, widening: Widening { allow, min, max } };
    let form = CatalogForm { wish, title, description };
    let changeset = state.workflow.change_catalog(&member, form).await?;
    Ok((StatusCode::CREATED, tagged(&state, &member, &changeset).await?))
}
