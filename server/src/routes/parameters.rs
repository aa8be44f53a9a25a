//! Values of an environment's parameters: saving several, and one by its name.

use crate::extract::{AppMember, IfMatch, JsonBody, PathId, QueryOf};
use crate::problem::{Answer, Problem};
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{MethodRouter, get};
use conman_domain::catalog::Values;
use conman_domain::id::EnvironmentId;
use conman_domain::name::ParameterName;
use conman_domain::snapshot::ConfigVersion;
use conman_domain::value::plain_text;
use conman_domain::value_change::{ValueChange, ValueChanges};
use conman_store::Version;
use conman_workflow::{Editor, Error, ParameterSave, Rejection, Saved};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(save_config)).routes(routes!(
        get_config_value,
        set_config_value,
        delete_config_value
    ))
}

/// The path at which several values are saved, and what else is served there: a parameter may be called `save`, and the
/// description has it under `{name}`.
pub(crate) fn called_save() -> (&'static str, MethodRouter<AppState>) {
    let one = get(get_config_value).put(set_config_value).delete(delete_config_value);
    ("/api/apps/{appId}/environments/{envId}/config/save", one)
}

/// Values to be saved together, and the version whose values were looked at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SaveConfig {
    base_version: u32,
    /// New values by parameter name, at least one.
    #[schema(value_type = BTreeMap<String, Value>)]
    values: Values,
    #[serde(default)]
    reason: Option<String>,
    /// Why a freeze is set aside for this save; for app admins.
    #[serde(default)]
    override_freeze: Option<String>,
}

/// What an environment runs after a save.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SavedConfig {
    config_version: u32,
    profile_revision: u32,
    #[schema(format = DateTime)]
    activated_at: String,
}

impl From<Saved> for SavedConfig {
    fn from(saved: Saved) -> Self {
        Self {
            config_version: saved.version.0,
            profile_revision: saved.profile_revision,
            activated_at: saved.activated_at.to_string(),
        }
    }
}

/// The values that a client wants, as changes.
pub(super) fn changes(values: Values) -> ValueChanges {
    values.into_iter().map(|(name, value)| (name, ValueChange::Set(value))).collect()
}

/// The config version that an `If-Match` states.
pub(super) fn base_of(version: Option<Version>) -> Option<ConfigVersion> {
    version.map(|version| ConfigVersion(u32::try_from(version.get()).unwrap_or(u32::MAX)))
}

pub(super) fn no_value() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not_found", "there is no such value")
}

/// Saves one or several values, all or nothing; answers when the environment runs them.
#[utoipa::path(post, path = "/api/apps/{appId}/environments/{envId}/config/save", operation_id = "save_config",
    tag = "parameters",
    params(("appId" = Uuid, Path, description = "The app"), ("envId" = Uuid, Path, description = "The environment")),
    request_body = SaveConfig,
    responses((status = 200, description = "The environment runs them", body = SavedConfig),
        (status = 400, description = "Values that the catalog refuses, each with its pointer"),
        (status = 403, description = "Critical parameters need a draft"),
        (status = 409, description = "Another version runs by now; its values are in the details"),
        (status = 423, description = "The environment is frozen; the details say until when")))]
async fn save_config(
    State(state): State<AppState>,
    AppMember(member): AppMember,
    PathId(id): PathId<EnvironmentId>,
    JsonBody(body): JsonBody<SaveConfig>,
) -> Answer<Json<SavedConfig>> {
    let base_version = Some(ConfigVersion(body.base_version));
    let SaveConfig { values, reason, override_freeze, .. } = body;
    let save = ParameterSave { base_version, changes: changes(values), reason, override_freeze };
    let saved = state.workflow.save_parameters(Editor::Member(&member), id, &save).await?;
    Ok(Json(saved.into()))
}

/// Reads one value as plain text.
#[utoipa::path(get, path = "/api/apps/{appId}/environments/{envId}/config/{name}", operation_id = "get_config_value",
    tag = "parameters",
    params(("appId" = Uuid, Path, description = "The app"), ("envId" = Uuid, Path, description = "The environment"),
        ("name" = String, Path, description = "The parameter")),
    responses((status = 200, description = "The value", body = String, content_type = "text/plain")))]
async fn get_config_value(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<EnvironmentId>,
    PathId(name): PathId<ParameterName>,
) -> Answer<String> {
    let environment = state.workflow.environment(&member, id).await?;
    let config = state.workflow.config_values(environment.doc.app_id, id).await?;
    config.values.get(&name).map(plain_text).ok_or_else(no_value)
}

/// One new value.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewValue {
    #[schema(value_type = Value)]
    #[serde(deserialize_with = "present")]
    pub(super) value: Value,
}

/// Takes any JSON, `null` too, which is not the same as a field that is missing.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    Value::deserialize(deserializer)
}

/// Points at what was sent: where one value is saved, whatever the catalog says is about that one.
pub(super) fn about_one(error: Error) -> Error {
    match error {
        Error::Rejected(Rejection::Invalid(mut problems)) => {
            for problem in &mut problems {
                if problem.pointer.starts_with("/values/") {
                    "/value".clone_into(&mut problem.pointer);
                }
            }
            Rejection::Invalid(problems).into()
        }
        other => other,
    }
}

/// Saves one value.
#[utoipa::path(put, path = "/api/apps/{appId}/environments/{envId}/config/{name}", operation_id = "set_config_value",
    tag = "parameters",
    params(("appId" = Uuid, Path, description = "The app"), ("envId" = Uuid, Path, description = "The environment"),
        ("name" = String, Path, description = "The parameter"),
        ("If-Match" = Option<String>, Header, description = "The config version that was looked at, as \"v3\"")),
    request_body = NewValue,
    responses((status = 200, description = "The environment runs it", body = SavedConfig),
        (status = 400, description = "A value that the catalog refuses"),
        (status = 403, description = "A critical parameter needs a draft"),
        (status = 409, description = "Another version runs by now"),
        (status = 423, description = "The environment is frozen; the details say until when")))]
async fn set_config_value(
    State(state): State<AppState>,
    AppMember(member): AppMember,
    PathId(id): PathId<EnvironmentId>,
    PathId(name): PathId<ParameterName>,
    IfMatch(base): IfMatch,
    JsonBody(body): JsonBody<NewValue>,
) -> Answer<Json<SavedConfig>> {
    let changes = [(name, ValueChange::Set(body.value))].into();
    let base_version = base_of(base);
    let save = ParameterSave { base_version, changes, reason: None, override_freeze: None };
    let saved = state.workflow.save_parameters(Editor::Member(&member), id, &save).await;
    let saved = saved.map_err(about_one)?;
    Ok(Json(saved.into()))
}

/// What is to be set aside.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Aside {
    /// Why a freeze is set aside for this; for app admins.
    #[serde(default)]
    override_freeze: Option<String>,
}

/// Takes the environment's own value away; the catalog's default counts then, and the history stays.
#[utoipa::path(delete, path = "/api/apps/{appId}/environments/{envId}/config/{name}",
    operation_id = "delete_config_value", tag = "parameters",
    params(("appId" = Uuid, Path, description = "The app"), ("envId" = Uuid, Path, description = "The environment"),
        ("name" = String, Path, description = "The parameter"),
        ("If-Match" = Option<String>, Header, description = "The config version that was looked at, as \"v3\""), Aside),
    responses((status = 200, description = "It is gone", body = SavedConfig),
        (status = 404, description = "The environment never had a value of its own"),
        (status = 410, description = "It was deleted before"),
        (status = 423, description = "The environment is frozen; the details say until when")))]
async fn delete_config_value(
    State(state): State<AppState>,
    AppMember(member): AppMember,
    PathId(id): PathId<EnvironmentId>,
    PathId(name): PathId<ParameterName>,
    IfMatch(base): IfMatch,
    QueryOf(aside): QueryOf<Aside>,
) -> Answer<Json<SavedConfig>> {
    let editor = Editor::Member(&member);
    let (base, reason) = (base_of(base), aside.override_freeze);
    let saved = state.workflow.delete_parameter(editor, id, &name, base, reason).await?;
    Ok(Json(saved.into()))
}
