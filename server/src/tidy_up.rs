//! What the server does now and then without being asked.

use crate::state::AppState;
use std::time::Duration;

/// How often expired sessions are removed.
const EVERY: Duration = Duration::from_mins(10);

/// Removes expired sessions until the server stops.
pub(crate) async fn remove_expired_sessions(state: AppState) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = state.stopping.cancelled() => return,
            _ = ticks.tick() => {}
        }
        match state.workflow.remove_expired_sessions().await {
            Ok(0) => {}
            Ok(removed) => tracing::debug!(removed, "expired sessions removed"),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "expired sessions stay for now")
            }
        }
    }
}
