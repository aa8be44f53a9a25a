//! The one task of a worker: connect, catch up, wait, report.

mod first;

use crate::apply::Contents;
use crate::backoff::{AskingAgain, Backoff};
use crate::cache::{Cache, Place, Writer};
use crate::error::ConnectError;
use crate::gate::Gate;
use crate::options::Options;
use crate::shared::{Ending, Shared};
use crate::transport::{Fetched, Transport, TransportError};
use crate::view::View;
use crate::wire::{Refused, WorkerReport};
use chrono::Utc;
use conman_domain::Timestamp;
use conman_domain::id::WorkerId;
use conman_domain::name::ParameterName;
use conman_domain::snapshot::ConfigVersion;
use rand::RngExt;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior};
use uuid::Uuid;

/// The longest reason of a refusal that is kept, in characters.
const MAX_REASON: usize = 2_000;

/// How long a worker that stops waits for its last report to be taken.
const GOODBYE: Duration = Duration::from_secs(2);
/// How long an answer that is under way may take once the worker is to stop.
const ENDS_WITHIN: Duration = Duration::from_secs(3);

const LIBRARY: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

pub(crate) struct Engine {
    transport: Box<dyn Transport>,
    shared: Arc<Shared>,
    options: Options,
    session_id: WorkerId,
    started_at: Timestamp,
    /// The newest version that was fetched, complete: what the next one is built upon, refused or applied or not.
    received: Option<Arc<View>>,
    /// Whose configuration was received, for the cache.
    place: Option<Place>,
    cache: Option<Cache>,
    writer: Option<Writer>,
    /// Taken once the program was told that the first configuration is there, or that there will be none.
    ready: Option<oneshot::Sender<Result<(), ConnectError>>>,
    /// When the program is to have a configuration, from the cache at least.
    deadline: Instant,
    /// Whether the source ever gave an answer to wait on: nothing is active yet, or the program refuses what is.
    answered: bool,
    /// Since when what the source answers cannot be used, and why.
    unusable: Option<(Instant, String)>,
}

/// Why following over one connection ended.
enum End {
    Stopped,
    /// There will be no configuration, and the program was told so.
    GivenUp,
    Lost(TransportError),
}

enum Event {
    Stop,
    Hint(Result<(), TransportError>),
    Heartbeat,
    News,
    Again,
    Overdue,
    Report,
}

impl Engine {
    pub(crate) fn new(
        transport: Box<dyn Transport>,
        shared: Arc<Shared>,
        options: Options,
        cache: Option<Cache>,
        ready: oneshot::Sender<Result<(), ConnectError>>,
    ) -> Self {
        let writer = cache.clone().map(|cache| {
            let shared = Arc::clone(&shared);
            Writer::start(cache, move |problem| shared.note_cache(problem))
        });
        let deadline = Instant::now() + options.connect_within;
        Self {
            transport,
            shared,
            options,
            session_id: Uuid::now_v7().into(),
            started_at: now(),
            received: None,
            place: None,
            cache,
            writer,
            ready: Some(ready),
            deadline,
            answered: false,
            unusable: None,
        }
    }

    pub(crate) async fn run(self, stop: watch::Receiver<bool>) {
        let _ending = Ending(Arc::clone(&self.shared));
        // What waits for a heartbeat gets it with or without a connection.
        let beats = beat(Arc::clone(&self.shared.gate), self.options.heartbeat);
        tokio::select! {
            () = self.follow_for_good(stop) => {}
            () = beats => {}
        }
    }

    async fn follow_for_good(mut self, stop: watch::Receiver<bool>) {
        self.follow_until(stop).await;
        if let Some(writer) = self.writer.take() {
            writer.finish().await;
        }
    }

    async fn follow_until(&mut self, mut stop: watch::Receiver<bool>) {
        let mut backoff = Backoff::new();
        let mut ever_connected = false;
        loop {
            let connecting = tokio::time::timeout(
                self.options.answer_within,
                self.transport.connect(self.received_version()),
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
                    self.shared.connection.lock().connected = true;
                    let cut_off = stopped_for(stop.clone(), ENDS_WITHIN);
                    let end = tokio::select! {
                        end = self.follow(&mut stop, &mut backoff) => end,
                        () = cut_off => End::Stopped,
                    };
                    match end {
                        End::Stopped => return self.say_goodbye().await,
                        End::GivenUp => return self.say_goodbye().await,
                        End::Lost(error) => error,
                    }
                }
                Err(error) => error,
            };
            self.note_loss(&lost, ever_connected);
            if self.ready.is_some() && self.give_up(&lost) {
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
        let mut asking = AskingAgain::default();
        asking.note(self.missing());
        // Every connection begins with a report: whoever watches sees that the worker is there.
        let mut report_at = Some(self.report_time());
        loop {
            let overdue_at = self.overdue_at();
            let event = tokio::select! {
                _ = stopped(stop) => Event::Stop,
                hint = self.transport.hint() => Event::Hint(hint),
                _ = heartbeat.tick() => Event::Heartbeat,
                () = self.shared.gate.news() => Event::News,
                () = at(report_at) => Event::Report,
                () = asking.due() => Event::Again,
                () = at(overdue_at) => Event::Overdue,
            };
            let outcome = match event {
                Event::Stop => return End::Stopped,
                Event::Hint(Err(error)) => Err(error),
                Event::Hint(Ok(())) => {
                    let began = Instant::now();
                    self.shared.connection.lock().last_notify_at = Some(now());
                    let news = self.catch_up(began).await;
                    asking.note(self.missing());
                    if matches!(news, Ok(true)) {
                        report_at.get_or_insert(self.report_time());
                    }
                    news.map(|_| ())
                }
                Event::Again => {
                    let news = self.catch_up(Instant::now()).await;
                    asking.note(self.missing());
                    if matches!(news, Ok(true)) {
                        report_at.get_or_insert(self.report_time());
                    }
                    news.map(|_| ())
                }
                Event::Overdue => {
                    if self.give_up_the_unusable() {
                        return End::GivenUp;
                    }
                    report_at.get_or_insert(self.report_time());
                    Ok(())
                }
                Event::News => {
                    report_at.get_or_insert(self.report_time());
                    Ok(())
                }
                // Asking for what is newer shows whether the connection is alive, and catches a hint that got lost.
                Event::Heartbeat => match self.catch_up(Instant::now()).await {
                    Ok(_) => {
                        report_at = None;
                        self.report_and_settle(backoff).await
                    }
                    Err(error) => Err(error),
                },
                Event::Report => {
                    report_at = None;
                    self.report_and_settle(backoff).await
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
        let before = self.problem();
        match self.receive_newest(began).await {
            Ok(received) => {
                self.unusable = None;
                self.answered = true;
                Ok(received || self.problem() != before)
            }
            Err(TransportError::Unusable { reason }) => {
                tracing::warn!(problem = %reason, "the last good configuration stays");
                let since = self.unusable.take().map_or_else(Instant::now, |(since, _)| since);
                self.unusable = Some((since, reason.clone()));
                self.set_problem(Some(reason));
                Ok(self.problem() != before)
            }
            Err(lost) => Err(lost),
        }
    }

    async fn receive_newest(&mut self, began: Instant) -> Result<bool, TransportError> {
        let applied = self.received_version();
        let answer = self.transport.fetch(applied);
        let fetched = tokio::time::timeout(self.options.answer_within, answer)
            .await
            .map_err(|_| TransportError::lost("the source did not answer in time"))??;
        let before = self.received.clone();
        if let Fetched::Whole(snapshot) = &fetched {
            self.place = Some((snapshot.app_id, snapshot.environment_id));
        }
        let contents = Contents {
            transport: &mut *self.transport,
            selection: &self.options.files,
            answer_within: self.options.answer_within,
        };
        let (view, changed) = match fetched {
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
                    Some(_) | None => {
                        // What was read from the disk may have the contents already.
                        let at_hand = before.or_else(|| self.shared.gate.view());
                        (contents.whole(*snapshot, at_hand.as_deref()).await?, None)
                    }
                }
            }
            Fetched::Newer(delta) => match &before {
                Some(before) => {
                    let changed: BTreeSet<ParameterName> = delta.parameters.keys().cloned().collect();
                    (contents.newer(*delta, before).await?, Some(changed))
                }
                None => return Err(TransportError::unusable("there is nothing to add a change to")),
            },
        };
        self.take(view, changed.as_ref(), began);
        Ok(true)
    }

    /// Takes a complete version, unless the program refuses it: then the last good one stays.
    fn take(&mut self, view: View, changed: Option<&BTreeSet<ParameterName>>, began: Instant) {
        let view = Arc::new(view);
        let version = view.version();
        self.transport.applied(version);
        self.received = Some(Arc::clone(&view));
        self.set_problem(None);
        let checked = self.options.check.as_ref().map_or(Ok(()), |check| check.of(&view));
        if let Err(reason) = checked {
            let reason: String = reason.chars().filter(|c| *c != '\0').take(MAX_REASON).collect();
            tracing::warn!(version = version.0, %reason, "the program refused a configuration");
            self.shared.connection.lock().refused = Some(Refused { version, reason, at: now() });
            if self.ready.is_some() {
                self.start_from_cache();
            }
            return;
        }
        // What a refused version changed is not in the names of what came after it.
        let after_refusal = self.shared.connection.lock().refused.take().is_some();
        let changed = changed.filter(|_| !after_refusal);
        self.shared.gate.offer(Arc::clone(&view), changed, began.into_std());
        if let (Some(writer), Some(place)) = (&self.writer, self.place) {
            writer.save(view, place);
        }
        self.become_ready();
    }

    /// Reports; only then does the next pause begin anew: a source that answers, and takes no report, is not to be asked ten
    /// times a second.
    async fn report_and_settle(&mut self, backoff: &mut Backoff) -> Result<(), TransportError> {
        self.report(false).await?;
        backoff.reset();
        Ok(())
    }

    async fn report(&mut self, stopped: bool) -> Result<(), TransportError> {
        let connection = self.shared.connection.lock().clone();
        let overview = self.shared.gate.overview();
        let report = WorkerReport {
            session_id: self.session_id,
            name: self.options.name.clone(),
            library: LIBRARY.to_owned(),
            started_at: self.started_at,
            applied: overview.applied,
            last_notify_at: connection.last_notify_at,
            heartbeat_at: now(),
            problem: connection.problem,
            pending: overview.pending,
            restart_required: overview.restart_required,
            refused: connection.refused,
            stale: overview.stale,
            forbidden_applications: overview.forbidden_applications,
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
        let mut connection = self.shared.connection.lock();
        if connection.connected {
            connection.reconnects += 1;
        }
        connection.connected = false;
        drop(connection);
        if ever_connected || self.ready.is_none() {
            self.set_problem(Some(format!("the connection was lost: {lost}")));
        }
    }

    /// The version that was hinted at, if what was received is older.
    fn missing(&self) -> Option<ConfigVersion> {
        let hinted = self.transport.hinted();
        (hinted > self.received_version().unwrap_or_default()).then_some(hinted)
    }

    fn problem(&self) -> Option<String> {
        self.shared.connection.lock().problem.clone()
    }

    fn set_problem(&mut self, problem: Option<String>) {
        self.shared.connection.lock().problem = problem;
    }

    fn received_version(&self) -> Option<ConfigVersion> {
        self.received.as_ref().map(|view| view.version())
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

/// Waits until then, if ever.
async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// Gives the gate its heartbeats.
async fn beat(gate: Arc<Gate>, period: Duration) {
    let mut beats = tokio::time::interval(period);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beats.reset();
    loop {
        beats.tick().await;
        gate.heartbeat();
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A dropped handle stops too.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Waits until the program has stopped the worker this long ago.
async fn stopped_for(mut stop: watch::Receiver<bool>, time: Duration) {
    stopped(&mut stop).await;
    tokio::time::sleep(time).await;
}

fn now() -> Timestamp {
    Timestamp::new(Utc::now())
}
