//! What every handler can reach.

use crate::config::Config;
use crate::feeds::Feeds;
use crate::metrics::Metrics;
use crate::observing::Observing;
use conman_workflow::Workflow;
use std::ops::Deref;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What every handler can reach. Clones share it: each layer that a request passes makes one.
#[derive(Clone, Debug)]
pub struct AppState(Arc<Shared>);

/// What the clones of an [`AppState`] share.
#[derive(Debug)]
pub struct Shared {
    /// The use cases.
    pub workflow: Workflow,
    /// What the operator set.
    pub config: Arc<Config>,
    /// What is counted.
    pub metrics: Metrics,
    /// Canceled when the server stops: streams end with it.
    pub stopping: CancellationToken,
    /// Work that goes on after its request was answered; the server waits for it when it stops.
    pub tasks: TaskTracker,
    /// The changes of apps that somebody follows.
    pub(crate) feeds: Feeds,
    /// Who brings the metrics up to date.
    pub(crate) observing: Observing,
    /// One permit per request that is being served.
    pub(crate) in_flight: Arc<Semaphore>,
}

impl AppState {
    /// Puts together what handlers need.
    pub fn new(workflow: Workflow, config: Config) -> Self {
        let in_flight = Arc::new(Semaphore::new(config.limits.in_flight));
        Self(Arc::new(Shared {
            workflow,
            config: Arc::new(config),
            metrics: Metrics::new(),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
            feeds: Feeds::default(),
            observing: Observing::default(),
            in_flight,
        }))
    }

    /// Tells whether people reach the server through TLS.
    pub fn behind_tls(&self) -> bool {
        self.workflow.settings().public_url.starts_with("https://")
    }
}

impl Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
