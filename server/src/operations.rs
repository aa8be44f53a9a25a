//! What operators ask: does it live, is it ready, what did it count.

use crate::problem::{Answer, Problem};
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use conman_domain::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::time::Duration;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How long a part may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(3);

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(livez))
        .routes(routes!(readyz))
        .routes(routes!(metrics))
        .routes(routes!(health))
}

/// Whether the server can serve.
#[derive(Debug, Serialize, ToSchema)]
struct Readiness {
    /// Whether all parts are there.
    ready: bool,
    /// Each part.
    checks: Vec<Check>,
}

/// One part that the server stands on.
#[derive(Debug, Serialize, ToSchema)]
struct Check {
    /// Its name: `store`, `distribution` or `repositories`.
    name: &'static str,
    /// Whether it answers.
    ok: bool,
}

/// Says that the process lives.
#[utoipa::path(get, path = "/livez", operation_id = "livez", tag = "operations", security(()),
    responses((status = 200, description = "It lives", body = String, content_type = "text/plain")))]
async fn livez() -> &'static str {
    "ok\n"
}

/// Says whether everything that the server stands on answers.
#[utoipa::path(get, path = "/readyz", operation_id = "readyz", tag = "operations", security(()),
    responses((status = 200, description = "Ready", body = Readiness), (status = 503, description = "Not ready", body = Readiness)))]
async fn readyz(State(state): State<AppState>) -> Response {
    let workflow = &state.workflow;
    let (store, distribution, repositories) = tokio::join!(
        check("store", workflow.store().ping()),
        check("distribution", workflow.distribution().ping()),
        check("repositories", tokio::fs::read_dir(&state.config.repositories)),
    );
    let checks = vec![store, distribution, repositories];
    let ready = checks.iter().all(|check| check.ok) && !state.stopping.is_cancelled();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, checks })).into_response()
}

/// How programs are told whether the server can serve.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    /// `healthy` or `unhealthy`.
    status: &'static str,
    #[schema(format = DateTime)]
    timestamp: String,
    /// `ok` or `down` by component.
    checks: BTreeMap<&'static str, &'static str>,
}

/// Says whether the components that values come from answer.
#[utoipa::path(get, path = "/v1/health", operation_id = "v1_health", tag = "values", security(()),
    responses((status = 200, description = "Healthy", body = Health), (status = 503, description = "Unhealthy", body = Health)))]
async fn health(State(state): State<AppState>) -> Response {
    let (store, distribution) = tokio::join!(
        check("store", state.workflow.store().ping()),
        check("distribution", state.workflow.distribution().ping()),
    );
    let healthy = store.ok && distribution.ok;
    let word = |check: Check| (check.name, if check.ok { "ok" } else { "down" });
    let body = Health {
        status: if healthy { "healthy" } else { "unhealthy" },
        timestamp: Timestamp::new(chrono::Utc::now()).to_string(),
        checks: [word(store), word(distribution)].into(),
    };
    let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(body)).into_response()
}

async fn check<T, E: StdError>(name: &'static str, ping: impl Future<Output = Result<T, E>>) -> Check {
    let ok = match tokio::time::timeout(PATIENCE, ping).await {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => {
            tracing::warn!(%error, part = name, "not ready");
            false
        }
        Err(_) => {
            tracing::warn!(part = name, "not ready: no answer");
            false
        }
    };
    Check { name, ok }
}

/// Tells what was counted, for Prometheus.
#[utoipa::path(get, path = "/metrics", operation_id = "metrics", tag = "operations", security(()),
    responses((status = 200, description = "Prometheus text format", body = String, content_type = "text/plain")))]
async fn metrics(State(state): State<AppState>) -> Answer<Response> {
    state.observing.refresh(&state).await;
    let text = state.metrics.text(state.workflow.password_queue_length());
    let text = text.map_err(|error| Problem::internal("the metrics could not be written", &error))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}
