//! Looking at environments, workers, jobs and queues for those who operate the server.

use crate::state::AppState;
use conman_workflow::{Observer, Result};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio::time::MissedTickBehavior;

/// How often a look is taken, so that what happens is traced whether or not somebody reads the metrics.
const EVERY: Duration = Duration::from_secs(5);
/// How old a look may be for who reads the metrics.
const FRESH: Duration = Duration::from_secs(1);
/// How long who reads the metrics waits for a look.
const PATIENCE: Duration = Duration::from_secs(5);

/// The one who looks, in turn. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Observing(Arc<Mutex<Option<Looking>>>);

#[derive(Debug)]
struct Looking {
    observer: Observer,
    last: Option<Instant>,
}

impl Observing {
    /// Takes a look, unless the last one is as good.
    async fn look(&self, state: &AppState) -> Result<()> {
        let mut looking = self.0.lock().await;
        let looking = match looking.as_mut() {
            Some(looking) => looking,
            None => looking.insert(Looking { observer: state.workflow.observer().await?, last: None }),
        };
        if looking.last.is_none_or(|last| last.elapsed() >= FRESH) {
            let seen = looking.observer.look().await?;
            state.metrics.observed(&seen);
            looking.last = Some(Instant::now());
        }
        Ok(())
    }

    /// Brings the metrics up to date. Where that cannot be, the old ones say how old they are.
    pub(crate) async fn refresh(&self, state: &AppState) {
        match tokio::time::timeout(PATIENCE, self.look(state)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the metrics are not up to date")
            }
            Err(_) => tracing::warn!("the metrics are not up to date: no answer"),
        }
    }
}

/// Looks now and then until the server stops.
pub(crate) async fn run(state: AppState) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = state.stopping.cancelled() => return,
            _ = ticks.tick() => {}
        }
        tokio::select! {
            () = state.stopping.cancelled() => return,
            () = state.observing.refresh(&state) => {}
        }
    }
}
