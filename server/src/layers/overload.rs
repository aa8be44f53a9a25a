//! More requests at once than can be served well.

use crate::problem::Problem;
use crate::state::AppState;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// Sends requests away while too many are being served; those of the operators are always served.
pub(crate) async fn overload(State(state): State<AppState>, request: Request, next: Next) -> Response {
    if matches!(request.uri().path(), "/livez" | "/readyz" | "/metrics") {
        return next.run(request).await;
    }
    match state.in_flight.try_acquire() {
        Ok(_permit) => next.run(request).await,
        Err(_) => Problem::of_status(StatusCode::SERVICE_UNAVAILABLE).retry_after(1).into_response(),
    }
}
