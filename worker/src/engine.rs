//! The one task of a worker: connect, catch up, wait, report.

use crate::apply::Contents;
use crate::backoff::Backoff;
use crate::error::ConnectError;
use crate::follower::{Applied, Status};
use crate::options::Options;
use crate::transport::{Fetched, Transport, TransportError};
use crate::view::View;
use crate::wire::{AppliedConfig, WorkerReport};
use arc_swap::ArcSwapOption;
use chrono::Utc;
use conman_domain::Timestamp;
use conman_domain::id::WorkerId;
use conman_domain::snapshot::ConfigVersion;
use parking_lot::Mutex;
use rand::RngExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior};
use uuid::Uuid;

/// How many applications a program may leave unread.
const UNREAD: usize = 1_024;

/// How long a worker that stops waits for its last report to be taken.
const GOODBYE: Duration = Duration::from_secs(2);

const LIBRARY: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// What the task and the program's handle share.
#[derive(Debug)]
pub(crate) struct Shared {
    view: ArcSwapOption<View>,
    status: Mutex<Status>,
    changes: Mutex<Option<broadcast::Sender<Applied>>>,
    ended: watch::Sender<bool>,
}

impl Shared {
    pub(crate) fn new() -> (Arc<Self>, broadcast::Receiver<Applied>) {
        let (sender, receiver) = broadcast::channel(UNREAD);
        let shared = Self {
            view: ArcSwapOption::empty(),
            status: Mutex::default(),
            changes: Mutex::new(Some(sender)),
            ended: watch::channel(false).0,
        };
        (Arc::new(shared), receiver)
    }

    pub(crate) fn view(&self) -> Option<Arc<View>> {
        self.view.load_full()
    }

    pub(crate) fn status(&self) -> Status {
        self.status.lock().clone()
    }

    pub(crate) async fn ended(&self) {
        // The sender lives in `self`: waiting cannot fail.
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }
}

/// Marks the end however the task ends.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.status.lock().connected = false;
        self.0.changes.lock().take();
        self.0.ended.send_replace(true);
    }
}

pub(crate) struct Engine {
    transport: Box<dyn Transport>,
    shared: Arc<Shared>,
    options: Options,
    session_id: WorkerId,
    started_at: Timestamp,
    applied: Option<AppliedConfig>,
    last_notify_at: Option<Timestamp>,
    problem: Option<String>,
    /// Taken once the program was told that the first configuration is there, or that there will be none.
    ready: Option<oneshot::Sender<Result<(), ConnectError>>>,
}

/// Why following over one connection ended.
enum End {
    Stopped,
    Lost(TransportError),
}

enum Event {
    Stop,
    Hint(Result<(), TransportError>),
    Heartbeat,
    Report,
}

impl Engine {
    pub(crate) fn new(
        transport: Box<dyn Transport>,
        shared: Arc<Shared>,
        options: Options,
        ready: oneshot::Sender<Result<(), ConnectError>>,
    ) -> Self {
        Self {
            transport,
            shared,
            options,
            session_id: Uuid::now_v7().into(),
            started_at: now(),
            applied: None,
            last_notify_at: None,
            problem: None,
            ready: Some(ready),
        }
    }

    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let _ending = Ending(Arc::clone(&self.shared));
        let mut backoff = Backoff::new();
        let deadline = Instant::now() + self.options.connect_within;
        let mut ever_connected = false;
        loop {
            let connecting = tokio::time::timeout(
                self.options.answer_within,
                self.transport.connect(self.applied_version()),
            );
            let attempt = tokio::select! {
                _ = stopped(&mut stop) => return,
                attempt = connecting => match attempt {
                    Ok(attempt) => attempt,
                    Err(_) => Err(TransportError::lost("the source did not answer in time")),
                },
            };
            let lost = match attempt {
                Ok(()) => {
                    ever_connected = true;
                    self.shared.status.lock().connected = true;
                    match self.follow(&mut stop, &mut backoff).await {
                        End::Stopped => return self.say_goodbye().await,
                        End::Lost(error) => error,
                    }
                }
                Err(error) => error,
            };
            self.note_loss(&lost, ever_connected);
            if !ever_connected && self.give_up(&lost, deadline) {
                return;
            }
            let pause = backoff.next();
            tokio::select! {
                _ = stopped(&mut stop) => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Follows over the connection that was just made, until it is lost.
    async fn follow(&mut self, stop: &mut watch::Receiver<bool>, backoff: &mut Backoff) -> End {
        let mut heartbeat = tokio::time::interval(self.options.heartbeat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.reset();
        if let Err(error) = self.catch_up(Instant::now()).await {
            return End::Lost(error);
        }
        backoff.reset();
        // Every connection begins with a report: whoever watches sees that the worker is there.
        let mut report_at = Some(self.report_time());
        loop {
            let report = async {
                match report_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let event = tokio::select! {
                _ = stopped(stop) => Event::Stop,
                hint = self.transport.hint() => Event::Hint(hint),
                _ = heartbeat.tick() => Event::Heartbeat,
                () = report => Event::Report,
            };
            let outcome = match event {
                Event::Stop => return End::Stopped,
                Event::Hint(Err(error)) => Err(error),
                Event::Hint(Ok(())) => {
                    let began = Instant::now();
                    self.last_notify_at = Some(now());
                    self.shared.status.lock().last_notify_at = self.last_notify_at;
                    let news = self.catch_up(began).await;
                    if matches!(news, Ok(true)) {
                        report_at = Some(self.report_time());
                    }
                    news.map(|_| ())
                }
                // Asking for what is newer shows whether the connection is alive, and catches a hint that got lost.
                Event::Heartbeat => match self.catch_up(Instant::now()).await {
                    Ok(_) => {
                        report_at = None;
                        self.report(false).await
                    }
                    Err(error) => Err(error),
                },
                Event::Report => {
                    report_at = None;
                    self.report(false).await
                }
            };
            if let Err(error) = outcome {
                return End::Lost(error);
            }
        }
    }

    /// Applies what is newer, if anything; true if there is something to report.
    ///
    /// What cannot be applied leaves the last good view in place: only a connection that is of no use is an error.
    async fn catch_up(&mut self, began: Instant) -> Result<bool, TransportError> {
        let before = self.problem.clone();
        match self.apply_newest(began).await {
            Ok(applied) => Ok(applied || self.problem != before),
            Err(TransportError::Unusable { reason }) => {
                tracing::warn!(problem = %reason, "the last good configuration stays");
                self.set_problem(Some(reason));
                Ok(self.problem != before)
            }
            Err(lost) => Err(lost),
        }
    }

    async fn apply_newest(&mut self, began: Instant) -> Result<bool, TransportError> {
        let applied = self.applied_version();
        let answer = self.transport.fetch(applied);
        let fetched = tokio::time::timeout(self.options.answer_within, answer)
            .await
            .map_err(|_| TransportError::lost("the source did not answer in time"))??;
        let before = self.shared.view();
        let contents = Contents {
            transport: &mut *self.transport,
            selection: &self.options.files,
            answer_within: self.options.answer_within,
        };
        let view = match fetched {
            Fetched::Unchanged => {
                self.set_problem(None);
                return Ok(false);
            }
            Fetched::Nothing => {
                self.set_problem(Some("nothing was activated in this environment yet".to_owned()));
                return Ok(false);
            }
            Fetched::Behind(active) => return Err(behind(active, applied)),
            Fetched::Whole(snapshot) => {
                let active = snapshot.provenance.config_version;
                match applied {
                    Some(applied) if active == applied => {
                        self.set_problem(None);
                        return Ok(false);
                    }
                    Some(version) if active < version => return Err(behind(active, applied)),
                    Some(_) | None => contents.whole(*snapshot, before.as_deref()).await?,
                }
            }
            Fetched::Newer(delta) => match &before {
                Some(before) => contents.newer(*delta, before).await?,
                None => return Err(TransportError::unusable("there is nothing to add a change to")),
            },
        };
        self.swap(view, began);
        Ok(true)
    }

    /// The one moment at which the program's configuration changes.
    fn swap(&mut self, view: View, began: Instant) {
        let (provenance, activated_at) = (view.provenance.clone(), view.activated_at);
        let version = provenance.config_version;
        self.shared.view.store(Some(Arc::new(view)));
        let applied_at = now();
        self.transport.applied(version);
        self.applied = Some(AppliedConfig { provenance: provenance.clone(), applied_at });
        self.set_problem(None);
        self.shared.status.lock().applied = Some(version);
        tracing::debug!(event = "config_change_applied", version = version.0, "applied");
        let applied = Applied { provenance, activated_at, at: applied_at, took: began.elapsed() };
        if let Some(changes) = &*self.shared.changes.lock() {
            // The program may have stopped listening.
            let _ = changes.send(applied);
        }
        if let Some(ready) = self.ready.take() {
            // Whoever waited may have given up; then the task is about to be aborted.
            let _ = ready.send(Ok(()));
        }
    }

    async fn report(&mut self, stopped: bool) -> Result<(), TransportError> {
        let report = WorkerReport {
            session_id: self.session_id,
            name: self.options.name.clone(),
            library: LIBRARY.to_owned(),
            started_at: self.started_at,
            applied: self.applied.clone(),
            last_notify_at: self.last_notify_at,
            heartbeat_at: now(),
            problem: self.problem.clone(),
            stopped,
        };
        let taken = tokio::time::timeout(self.options.answer_within, self.transport.report(&report)).await;
        match taken {
            Ok(Err(TransportError::Unusable { reason })) => {
                // The configuration itself may still be followed.
                tracing::warn!(problem = %reason, "the worker's report was not taken");
                Ok(())
            }
            Ok(outcome) => outcome,
            Err(_) => Err(TransportError::lost("the source did not take the report in time")),
        }
    }

    async fn say_goodbye(&mut self) {
        match tokio::time::timeout(GOODBYE, self.report(true)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the last report was not taken"),
            Err(_) => tracing::debug!("the last report was not taken in time"),
        }
    }

    fn note_loss(&mut self, lost: &TransportError, ever_connected: bool) {
        tracing::warn!(event = "listen_reconnect", reason = %lost, "the worker has no connection");
        let mut status = self.shared.status.lock();
        if status.connected {
            status.reconnects += 1;
        }
        status.connected = false;
        drop(status);
        if ever_connected {
            self.set_problem(Some(format!("the connection was lost: {lost}")));
        }
    }

    /// Tells the program that it will have no configuration, if that is so by now.
    fn give_up(&mut self, lost: &TransportError, deadline: Instant) -> bool {
        let error = match lost {
            TransportError::Refused { reason } => ConnectError::Refused { reason: reason.clone() },
            TransportError::Lost { .. } | TransportError::Unusable { .. } if Instant::now() >= deadline => {
                ConnectError::Unreachable { within: self.options.connect_within, reason: lost.to_string() }
            }
            TransportError::Lost { .. } | TransportError::Unusable { .. } => return false,
        };
        if let Some(ready) = self.ready.take() {
            // Whoever waited may have given up; then the task is about to be aborted.
            let _ = ready.send(Err(error));
        }
        true
    }

    fn set_problem(&mut self, problem: Option<String>) {
        if self.problem != problem {
            self.shared.status.lock().problem.clone_from(&problem);
            self.problem = problem;
        }
    }

    fn applied_version(&self) -> Option<ConfigVersion> {
        self.applied.as_ref().map(|applied| applied.provenance.config_version)
    }

    fn report_time(&self) -> Instant {
        Instant::now() + self.options.report_delay.mul_f64(rand::rng().random_range(1.0..2.0))
    }
}

/// Versions never go backwards: the worker keeps what it has and says so.
fn behind(active: ConfigVersion, applied: Option<ConfigVersion>) -> TransportError {
    let applied = applied.unwrap_or_default();
    TransportError::unusable(format!(
        "the source is at version {active}, older than {applied}, which runs here"
    ))
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A dropped handle stops too.
    let _ = stop.wait_for(|stop| *stop).await;
}

fn now() -> Timestamp {
    Timestamp::new(Utc::now())
}
