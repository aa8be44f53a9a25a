//! More requests at once than can be served well.

use crate::problem::Problem;
use crate::state::AppState;
use axum::http::StatusCode;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// A place among the requests that are served, held for as long as one is; those of the operators need none.
///
/// # Errors
/// The problem to answer while too many are being served.
pub(super) fn place(state: &AppState, path: &str) -> Result<Option<OwnedSemaphorePermit>, Problem> {
    if matches!(path, "/livez" | "/readyz" | "/metrics") {
        return Ok(None);
    }
    let full = |_| Problem::of_status(StatusCode::SERVICE_UNAVAILABLE).retry_after(1);
    Arc::clone(&state.in_flight).try_acquire_owned().map(Some).map_err(full)
}
