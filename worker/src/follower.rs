//! The handle that a program holds.

use crate::boundary::{Pending, SectionKind};
use crate::cache::Cache;
use crate::engine::Engine;
use crate::error::ConnectError;
use crate::http::Http;
use crate::options::{Options, Source};
use crate::postgres::Postgres;
use crate::section::Section;
use crate::shared::Shared;
use crate::transport::Transport;
use crate::view::View;
use crate::wire::Refused;
use conman_domain::Timestamp;
use conman_domain::name::ParameterName;
use conman_domain::snapshot::{ConfigVersion, Provenance};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, broadcast, oneshot, watch};
use tokio::task::JoinHandle;

/// Keeps one environment's configuration in memory for as long as it lives.
///
/// Dropping it stops following at once; [`shutdown`](Self::shutdown) also says goodbye.
#[derive(Debug)]
pub struct Follower {
    shared: Arc<Shared>,
    changes: Mutex<broadcast::Receiver<Applied>>,
    stop: watch::Sender<bool>,
    engine: EngineTask,
}

/// Says that a configuration was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// What runs now.
    pub provenance: Provenance,
    /// When it became active, by the distribution database's clock.
    pub activated_at: Timestamp,
    /// When it was in this worker's memory, by the worker's clock.
    pub at: Timestamp,
    /// How long it took from the hint to the swap, the wait for the boundary included.
    pub took: Duration,
    /// The parameters that changed. A version is told more than once if some of its values waited.
    pub changed: Vec<ParameterName>,
}

/// How a worker is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Whether there is a connection that is believed to be alive.
    pub connected: bool,
    /// How often a connection was lost and has been replaced or is being replaced.
    pub reconnects: u32,
    /// The version in memory.
    pub applied: Option<ConfigVersion>,
    /// When the last notification came, by the worker's clock.
    pub last_notify_at: Option<Timestamp>,
    /// Why the worker does not run what is active, if it knows.
    pub problem: Option<String>,
    /// New values that wait for their boundary.
    pub pending: Vec<Pending>,
    /// Parameters whose new value is applied at the program's next start.
    pub restart_required: Vec<ParameterName>,
    /// The newest version, if the program refused it.
    pub refused: Option<Refused>,
    /// Whether the view in use comes from the disk cache, and no version of the source was accepted since.
    pub stale: bool,
    /// How many values were applied inside a section that forbids it: always 0.
    pub forbidden_applications: u32,
    /// Why the disk cache was not believed, or cannot be written.
    pub cache_problem: Option<String>,
}

/// Ends the task with its handle.
#[derive(Debug)]
struct EngineTask(JoinHandle<()>);

impl Drop for EngineTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Follower {
    /// Connects and waits for the environment's first configuration.
    ///
    /// An environment without any activation is waited for as long as it takes, and the session shows in the reports
    /// meanwhile. An unreachable source is tried for [`Options::connect_within`]; then the disk cache, if there is one,
    /// is started from, and the source is tried on.
    pub async fn connect(source: Source, options: Options) -> Result<Self, ConnectError> {
        let cache = options.cache.clone().map(|path| Cache::new(path, &source));
        let transport: Box<dyn Transport> = match source {
            Source::Postgres { url, app_id, environment_id } => {
                Box::new(Postgres::new(&url, app_id, environment_id, &options)?)
            }
            Source::Http { server_url, token } => Box::new(Http::new(&server_url, &token, &options)?),
        };
        if options.name.trim().is_empty() {
            return Err(ConnectError::Setup { reason: "a worker needs a name".to_owned() });
        }
        let (shared, changes) = Shared::new();
        let (stop, stopped) = watch::channel(false);
        let (ready, first) = oneshot::channel();
        let engine = Engine::new(transport, Arc::clone(&shared), options, cache, ready);
        let engine = EngineTask(tokio::spawn(engine.run(stopped)));
        first.await.map_err(|_| ConnectError::Stopped)??;
        Ok(Self { shared, changes: Mutex::new(changes), stop, engine })
    }

    /// The configuration in use. A unit of work that must not be surprised enters a section instead.
    pub fn view(&self) -> Arc<View> {
        self.shared
            .gate
            .view()
            .expect("connect returns only behind the first application, and no view is ever taken back")
    }

    /// Begins a decision cycle: one frozen view, and no change of the configuration until it is dropped.
    pub fn decision_cycle(&self) -> Section {
        self.enter(SectionKind::DecisionCycle)
    }

    /// Says that a position is open: risk limits stay as they are until it is closed, by a drop, and a heartbeat came.
    pub fn open_position(&self) -> Section {
        self.enter(SectionKind::Position)
    }

    /// Begins a call of a model: no change of the configuration until it is dropped.
    pub fn inference(&self) -> Section {
        self.enter(SectionKind::Inference)
    }

    /// Begins what must not be interrupted: no change of the configuration until it is dropped.
    pub fn critical_section(&self) -> Section {
        self.enter(SectionKind::Critical)
    }

    /// Enters a section of that kind.
    pub fn enter(&self, kind: SectionKind) -> Section {
        self.shared
            .gate
            .enter(kind)
            .expect("connect returns only behind the first application, and no view is ever taken back")
    }

    /// Waits for the next application, the first one included; `None` once the worker was stopped.
    ///
    /// Every application is told, in order. Who does not ask for a thousand applications misses the oldest of them.
    pub async fn changed(&self) -> Option<Applied> {
        let mut changes = self.changes.lock().await;
        loop {
            match changes.recv().await {
                Ok(applied) => return Some(applied),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    /// How the worker is doing.
    pub fn status(&self) -> Status {
        self.shared.status()
    }

    /// Stops following, reports that the session ended, and waits for both, for some seconds at most: a source that does not
    /// answer is not waited for. The last view stays readable.
    pub async fn shutdown(&self) {
        // Nobody listens any more if the task has ended already.
        let _ = self.stop.send(true);
        self.shared.ended().await;
    }

    /// True once the task that follows has ended.
    pub fn is_stopped(&self) -> bool {
        self.engine.0.is_finished()
    }
}
