//! What workers read over HTTP, with a service token: snapshot, files, a stream of changes; and what they report.

use crate::extract::{CurrentProgram, JsonBody};
use crate::problem::{Answer, Problem};
use crate::state::AppState;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use conman_distribution::WorkerReport;
use conman_domain::snapshot::{ContentHash, Snapshot};
use futures::Stream;
use std::convert::Infallible;
use std::time::Duration;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How often a quiet stream says that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often a quiet stream's token is checked again.
const CHECK_AGAIN: Duration = Duration::from_millis(900);

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(worker_snapshot))
        .routes(routes!(worker_file))
        .routes(routes!(worker_stream))
        .routes(routes!(worker_report))
}

/// Reads the whole configuration of the token's environment; 304 where `If-None-Match` names its version.
#[utoipa::path(get, path = "/v1/worker/snapshot", operation_id = "worker_snapshot", tag = "worker",
    params(("If-None-Match" = Option<String>, Header, description = "The ETag of the snapshot at hand")),
    responses((status = 200, description = "The snapshot", body = serde_json::Value),
        (status = 204, description = "Nothing was deployed yet"), (status = 304, description = "Nothing newer")))]
async fn worker_snapshot(
    State(state): State<AppState>,
    CurrentProgram(program): CurrentProgram,
    headers: HeaderMap,
) -> Answer<Response> {
    let (app, environment) = (program.app_id, program.environment_id);
    if let Some(known) = headers.get(header::IF_NONE_MATCH) {
        let active = state.workflow.active_version(app, environment).await?;
        if active.is_some_and(|version| known.as_bytes() == tag_of(version).as_bytes()) {
            return Ok(StatusCode::NOT_MODIFIED.into_response());
        }
    }
    let snapshot: Option<Snapshot> = state.workflow.snapshot(app, environment).await?;
    Ok(match snapshot {
        Some(snapshot) => {
            ([(header::ETAG, tag_of(snapshot.provenance.config_version.0))], Json(snapshot)).into_response()
        }
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

/// The entity tag of a snapshot: its version in quotes.
fn tag_of(version: u32) -> String {
    format!("\"{version}\"")
}

/// Reads a file's content by its hash.
#[utoipa::path(get, path = "/v1/worker/files/{hash}", operation_id = "worker_file", tag = "worker",
    params(("hash" = String, Path, description = "SHA-256 of the content, in hex")),
    responses((status = 200, description = "The content", body = Vec<u8>, content_type = "application/octet-stream")))]
async fn worker_file(
    State(state): State<AppState>,
    CurrentProgram(program): CurrentProgram,
    Path(hash): Path<String>,
) -> Answer<Response> {
    let found = state.workflow.file(program.app_id, program.environment_id, &ContentHash::from(hash)).await?;
    let bytes = found.ok_or_else(|| Problem::of_status(StatusCode::NOT_FOUND))?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}

/// Takes what a worker says of itself.
#[utoipa::path(post, path = "/v1/worker/report", operation_id = "worker_report", tag = "worker",
    request_body = Value, responses((status = 204, description = "Written down")))]
async fn worker_report(
    State(state): State<AppState>,
    CurrentProgram(program): CurrentProgram,
    JsonBody(report): JsonBody<WorkerReport>,
) -> Answer<StatusCode> {
    state.workflow.report(program.app_id, program.environment_id, report).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Streams the token's environment: an event `config_changed` with the version at the start and at every change.
#[utoipa::path(get, path = "/v1/worker/stream", operation_id = "worker_stream", tag = "worker",
    responses((status = 200, description = "Events", body = String, content_type = "text/event-stream")))]
async fn worker_stream(
    State(state): State<AppState>,
    program: CurrentProgram,
    headers: HeaderMap,
) -> Response {
    let secret =
        headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let events = follow(state, program, secret.unwrap_or_default().to_owned());
    let quiet = [("x-accel-buffering", "no"), ("cache-control", "no-store")];
    (quiet, Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))).into_response()
}

/// Ends when the server stops or the token is revoked, within a second.
fn follow(
    state: AppState,
    CurrentProgram(program): CurrentProgram,
    secret: String,
) -> impl Stream<Item = Result<Event, Infallible>> {
    // Subscribed before the version is read, so that no change falls between.
    let changes = state.workflow.distribution().subscribe();
    let check = tokio::time::interval(CHECK_AGAIN);
    let start = (state, changes, check, None::<u32>, true);
    futures::stream::unfold(start, move |(state, mut changes, mut check, mut told, mut look)| {
        let (program, secret) = (program.clone(), secret.clone());
        async move {
            loop {
                if look {
                    let active =
                        state.workflow.active_version(program.app_id, program.environment_id).await.ok()?;
                    if active.is_some() && active != told {
                        told = active;
                        let data = format!("{{\"version\":{}}}", active.unwrap_or_default());
                        return Some((
                            Ok(Event::default().event("config_changed").data(data)),
                            (state, changes, check, told, false),
                        ));
                    }
                }
                look = tokio::select! {
                    () = state.stopping.cancelled() => return None,
                    change = changes.next() => change.is_none_or(|change| {
                        change.app_id == program.app_id && change.environment_id == program.environment_id
                    }),
                    _ = check.tick() => {
                        state.workflow.authenticate_program(&secret, Default::default()).await.ok()??;
                        false
                    }
                };
            }
        }
    })
}
