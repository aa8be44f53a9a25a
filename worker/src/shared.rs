//! What the task that follows and the program's handle share.

use crate::follower::{Applied, Status};
use crate::gate::Gate;
use crate::wire::Refused;
use conman_domain::Timestamp;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::{broadcast, watch};

/// What the task and the program's handle share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) gate: Arc<Gate>,
    pub(crate) connection: Mutex<Connection>,
    ended: watch::Sender<bool>,
}

/// How the connection is, and what it brought that was not taken.
#[derive(Debug, Clone, Default)]
pub(crate) struct Connection {
    pub(crate) connected: bool,
    pub(crate) reconnects: u32,
    pub(crate) last_notify_at: Option<Timestamp>,
    pub(crate) problem: Option<String>,
    pub(crate) refused: Option<Refused>,
    pub(crate) cache_problem: Option<String>,
}

impl Shared {
    pub(crate) fn new() -> (Arc<Self>, broadcast::Receiver<Applied>) {
        let (gate, receiver) = Gate::new();
        let shared = Self { gate, connection: Mutex::default(), ended: watch::channel(false).0 };
        (Arc::new(shared), receiver)
    }

    pub(crate) fn status(&self) -> Status {
        let connection = self.connection.lock().clone();
        let overview = self.gate.overview();
        Status {
            connected: connection.connected,
            reconnects: connection.reconnects,
            applied: overview.applied.map(|applied| applied.provenance.config_version),
            last_notify_at: connection.last_notify_at,
            problem: connection.problem,
            pending: overview.pending,
            restart_required: overview.restart_required,
            refused: connection.refused,
            stale: overview.stale,
            forbidden_applications: overview.forbidden_applications,
            cache_problem: connection.cache_problem,
        }
    }

    pub(crate) fn cache_problem(&self) -> Option<String> {
        self.connection.lock().cache_problem.clone()
    }

    pub(crate) fn note_cache(&self, problem: Option<String>) {
        if let Some(problem) = &problem {
            tracing::warn!(%problem, "the disk cache is of no use");
        }
        self.connection.lock().cache_problem = problem;
    }

    pub(crate) async fn ended(&self) {
        // The sender lives in `self`: waiting cannot fail.
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }
}

/// Marks the end however the task ends.
pub(crate) struct Ending(pub(crate) Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.connection.lock().connected = false;
        self.0.gate.close();
        self.0.ended.send_replace(true);
    }
}
