//! The plain routes for programs: values of the service token's environment, set, deleted, and as they were.

use super::history::{changes_value, event};
use super::parameters::{NewValue, about_one, base_of, no_value};
use crate::extract::{CurrentProgram, IfMatch, JsonBody, PathId, PathInstant, bearer};
use crate::layers::{Peer, frame_at_once};
use crate::problem::{OwnForm, Problem};
use crate::state::AppState;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use conman_domain::name::ParameterName;
use conman_domain::snapshot::ConfigVersion;
use conman_domain::value::plain_text;
use conman_domain::value_change::ValueChange;
use conman_workflow::{ConfigValues, Editor, Error, ParameterSave, When};
use futures::stream;
use serde_json::Value;
use std::time::Instant;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_values))
        .routes(routes!(get_value, set_value, delete_value))
        .routes(routes!(value_history))
        .routes(routes!(value_at))
}

/// A refusal of these routes: 404 and 410 are plain text, all others are problems.
struct Refusal(Problem);

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let text = match self.0.status() {
            StatusCode::NOT_FOUND => "Not Found",
            StatusCode::GONE => "Gone",
            _ => return self.0.into_response(),
        };
        let mut response = (self.0.status(), text).into_response();
        response.extensions_mut().insert(OwnForm);
        response
    }
}

/// A value with its name, as [`ConfigValues::list`](conman_workflow::ConfigValues::list) writes it.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes what is written elsewhere")]
struct NamedValue {
    name: String,
    value: Value,
}

/// Answers a read whose token and values are at hand, on the thread that asks and without the router, which would cost as
/// much as all the rest. `None` for any other request, and for what is refused: those go the long way, to the same answers.
pub(crate) fn answer_at_hand<B>(state: &AppState, peer: Peer, request: &Request<B>) -> Option<Response> {
    let below = request.uri().path().strip_prefix("/v1/config")?;
    if *request.method() != Method::GET {
        return None;
    }
    let began = Instant::now();
    let values = state.workflow.values_at_hand(bearer(request.headers()).ok()??)?;
    let (route, response) = match below.strip_prefix('/') {
        Some(name) => ("/v1/config/{name}", one(values.values.get(name)?).into_response()),
        None if below.is_empty() => ("/v1/config", all(&values).into_response()),
        None => return None,
    };
    Some(frame_at_once(state, began, peer, route, request, response))
}

fn all(values: &ConfigValues) -> impl IntoResponse + use<> {
    ([(header::CONTENT_TYPE, "application/json")], values.list())
}

fn one(value: &Value) -> String {
    plain_text(value)
}

/// Lists all values, by name.
#[utoipa::path(get, path = "/v1/config", operation_id = "v1_list_values", tag = "values",
    responses((status = 200, description = "The values", body = Vec<NamedValue>)))]
async fn list_values(
    State(state): State<AppState>,
    CurrentProgram(program): CurrentProgram,
) -> Result<impl IntoResponse, Refusal> {
    let config = state.workflow.config_values(program.app_id, program.environment_id).await?;
    Ok(all(&config))
}

/// Reads one value as plain text.
#[utoipa::path(get, path = "/v1/config/{name}", operation_id = "v1_get_value", tag = "values",
    params(("name" = String, Path, description = "The parameter")),
    responses((status = 200, description = "The value", body = String, content_type = "text/plain"),
        (status = 404, description = "`Not Found`", body = String, content_type = "text/plain")))]
async fn get_value(
    State(state): State<AppState>,
    CurrentProgram(program): CurrentProgram,
    name: Result<PathId<ParameterName>, Problem>,
) -> Result<String, Refusal> {
    let PathId(name) = name?;
    let config = state.workflow.config_values(program.app_id, program.environment_id).await?;
    config.values.get(&name).map(one).ok_or_else(|| no_value().into())
}

/// Sets one value.
#[utoipa::path(put, path = "/v1/config/{name}", operation_id = "v1_set_value", tag = "values",
    params(("name" = String, Path, description = "The parameter"),
        ("If-Match" = Option<String>, Header, description = "The config version that was looked at, as \"v3\"")),
    request_body = NewValue,
    responses((status = 200, description = "`OK`", body = String, content_type = "text/plain"),
        (status = 400, description = "A value that the catalog refuses"),
        (status = 403, description = "A critical parameter needs a draft"),
        (status = 409, description = "Another version runs by now, or nothing does"),
        (status = 423, description = "The environment is frozen; the details say until when")))]
async fn set_value(
    State(state): State<AppState>,
    CurrentProgram(program): CurrentProgram,
    name: Result<PathId<ParameterName>, Problem>,
    IfMatch(base): IfMatch,
    JsonBody(body): JsonBody<NewValue>,
) -> Result<&'static str, Refusal> {
    let PathId(name) = name?;
    let changes = [(name, ValueChange::Set(body.value))].into();
    let base_version = base_of(base);
    let save = ParameterSave { base_version, changes, reason: None, override_freeze: None };
    let saved =
        state.workflow.save_parameters(Editor::Program(&program), program.environment_id, &save).await;
    saved.map_err(about_one)?;
    Ok("OK")
}

/// Takes the environment's own value away; the catalog's default counts then, and the history stays.
#[utoipa::path(delete, path = "/v1/config/{name}", operation_id = "v1_delete_value", tag = "values",
    params(("name" = String, Path, description = "The parameter"),
        ("If-Match" = Option<String>, Header, description = "The config version that was looked at, as \"v3\"")),
    responses((status = 200, description = "`OK`", body = String, content_type = "text/plain"),
        (status = 404, description = "There never was one", body = String, content_type = "text/plain"),
        (status = 403, description = "A critical parameter needs a draft"),
        (status = 409, description = "Another version runs by now, or nothing does"),
        (status = 410, description = "It was deleted before", body = String, content_type = "text/plain"),
        (status = 423, description = "The environment is frozen; the details say until when")))]
async fn delete_value(
    State(state): State<AppState>,
    CurrentProgram(program): CurrentProgram,
    name: Result<PathId<ParameterName>, Problem>,
    IfMatch(base): IfMatch,
) -> Result<&'static str, Refusal> {
    let PathId(name) = name?;
    let editor = Editor::Program(&program);
    state.workflow.delete_parameter(editor, program.environment_id, &name, base_of(base), None).await?;
    Ok("OK")
}

/// Lists what became of a value, oldest first.
#[utoipa::path(get, path = "/v1/config/{name}/history", operation_id = "v1_value_history", tag = "values",
    params(("name" = String, Path, description = "The parameter")),
    responses((status = 200, description = "The events", body = Vec<Value>)))]
async fn value_history(
    State(state): State<AppState>,
    CurrentProgram(program): CurrentProgram,
    name: Result<PathId<ParameterName>, Problem>,
) -> Result<Response, Refusal> {
    let Ok(PathId(name)) = name else { return Ok(Json(Vec::<Value>::new()).into_response()) };
    let (app, environment) = (program.app_id, program.environment_id);
    // Before the answer begins: what fails later can only cut it off.
    let first = state.workflow.parameter_changes(app, environment, &name, ConfigVersion::default()).await?;
    let start = Some((first, "["));
    let parts = stream::try_unfold(start, move |part| {
        let (workflow, name) = (state.workflow.clone(), name.clone());
        async move {
            let Some((rows, mut before)) = part else { return Ok::<_, Error>(None) };
            let Some(last) = rows.last().map(|row| row.provenance.config_version) else {
                let end = if before == "[" { "[]" } else { "]" };
                return Ok(Some((Bytes::from_static(end.as_bytes()), None)));
            };
            let mut text = String::new();
            for row in rows.iter().filter(|row| changes_value(&name, row)) {
                text.push_str(before);
                text.push_str(&event(&name, row).to_string());
                before = ",";
            }
            let next = workflow.parameter_changes(app, environment, &name, last).await?;
            Ok(Some((Bytes::from(text), Some((next, before)))))
        }
    });
    Ok(([(header::CONTENT_TYPE, "application/json")], Body::from_stream(parts)).into_response())
}

/// Reads the value at an instant, as plain text.
#[utoipa::path(get, path = "/v1/config/{name}/at/{timestamp}", operation_id = "v1_value_at", tag = "values",
    params(("name" = String, Path, description = "The parameter"),
        ("timestamp" = String, Path, description = "An instant, in ISO 8601")),
    responses((status = 200, description = "The value then", body = String, content_type = "text/plain"),
        (status = 400, description = "No instant"),
        (status = 404, description = "Not there then", body = String, content_type = "text/plain")))]
async fn value_at(
    State(state): State<AppState>,
    CurrentProgram(program): CurrentProgram,
    name: Result<PathId<ParameterName>, Problem>,
    PathInstant(at): PathInstant,
) -> Result<String, Refusal> {
    let PathId(name) = name?;
    let then = state.workflow.config_then(program.app_id, program.environment_id, When::At(at)).await?;
    then.parameters.get(&name).map(|found| plain_text(&found.value)).ok_or_else(|| no_value().into())
}
