//! More requests at once than can be served well.

use crate::problem::Problem;
use crate::state::AppState;
use axum::http::StatusCode;
use tokio::sync::SemaphorePermit;

/// A place among the requests that are served, held for as long as one is; those of the operators need none.
///
/// # Errors
/// The problem to answer while too many are being served.
pub(super) fn place<'s>(state: &'s AppState, path: &str) -> Result<Option<SemaphorePermit<'s>>, Problem> {
    if matches!(path, "/livez" | "/readyz" | "/metrics") {
        return Ok(None);
    }
    let full = |_| Problem::of_status(StatusCode::SERVICE_UNAVAILABLE).retry_after(1);
    state.in_flight.try_acquire().map(Some).map_err(full)
}
