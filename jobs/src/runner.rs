//! The runner's loop.

use crate::handlers::handle;
use chrono::TimeDelta;
use conman_domain::Timestamp;
use conman_domain::job::{BROKE, GIVEN_BACK, Job, JobEvent, JobStatus, TAKEN_OVER};
use conman_store::collections::{JOB_DUE, JOB_LEASED};
use conman_store::{Batch, Query, Versioned};
use conman_workflow::{CANCELED, Error, JobContext, LOST_LEASE, Rejection, Result, STOPPED, Workflow};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How a runner works.
#[derive(Debug, Clone)]
pub struct RunnerConfig {
    /// The runner's name, unique among all that share a store.
    pub name: String,
    /// How many jobs it works on at once.
    pub concurrency: usize,
    /// How long a claim holds without a heartbeat.
    pub lease: Duration,
    /// How often it looks for work that other processes left, and for decided publications to finish.
    pub poll: Duration,
    /// How long jobs may go on after the runner was told to stop.
    pub grace: Duration,
}

impl RunnerConfig {
    /// The usual settings under a name.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            concurrency: 4,
            lease: Duration::from_secs(15),
            poll: Duration::from_secs(1),
            grace: Duration::from_secs(20),
        }
    }
}

/// How often decided publications and changes of parameters are looked for, besides at start.
const REPLAY_EVERY: Duration = Duration::from_secs(30);
/// How often it is looked whether workers refuse what was deployed.
const LOOK_FOR_REFUSALS: Duration = Duration::from_secs(5);
/// The longest wait before a broken job is tried again.
const LONGEST_BACKOFF: TimeDelta = TimeDelta::minutes(5);

/// Works on the jobs of a store.
#[derive(Debug, Clone)]
pub struct Runner {
    workflow: Workflow,
    config: RunnerConfig,
}

impl Runner {
    /// Makes a runner; it does nothing before [`Runner::run`].
    pub fn new(workflow: Workflow, config: RunnerConfig) -> Self {
        Self { workflow, config }
    }

    /// Works until told to stop, then lets running jobs end, and gives back those that do not end in time.
    pub async fn run(self, shutdown: CancellationToken) {
        let slots = Arc::new(Semaphore::new(self.config.concurrency));
        let (running, abort) = (TaskTracker::new(), CancellationToken::new());
        let waiting = self.workflow.jobs_added();
        let mut replay = tokio::time::interval(REPLAY_EVERY);
        let mut refusals = tokio::time::interval(LOOK_FOR_REFUSALS);
        let mut pause = Duration::ZERO;
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                _ = replay.tick() => self.replay().await,
                _ = refusals.tick() => self.roll_back().await,
                () = waiting.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
            pause = match self.claim_all(&slots, &running, &abort).await {
                Ok(()) => self.config.poll,
                Err(error) => {
                    tracing::warn!(%error, "jobs could not be claimed; trying again");
                    self.config.poll * 5
                }
            };
        }
        running.close();
        if tokio::time::timeout(self.config.grace, running.wait()).await.is_err() {
            tracing::warn!(jobs = running.len(), "jobs did not end in time; giving them back");
            abort.cancel();
            running.wait().await;
        }
    }

    async fn replay(&self) {
        match self.workflow.finish_publications().await {
            Ok(0) => {}
            Ok(finished) => tracing::info!(finished, "finished decided publications"),
            Err(error) => tracing::warn!(%error, "decided publications could not be looked for"),
        }
        match self.workflow.finish_drafts().await {
            Ok(0) => {}
            Ok(finished) => tracing::info!(finished, "finished decided changes of parameters"),
            Err(error) => tracing::warn!(%error, "decided changes of parameters could not be looked for"),
        }
    }

    /// Workers that write to the distribution database themselves tell no server of a refusal.
    async fn roll_back(&self) {
        match self.workflow.roll_back_refused().await {
            Ok(0) => {}
            Ok(count) => tracing::warn!(count, "environments go back by themselves"),
            Err(error) => tracing::warn!(%error, "refusals of workers could not be looked for"),
        }
    }

    /// Claims what is due, as far as there are free slots, and starts it.
    async fn claim_all(
        &self,
        slots: &Arc<Semaphore>,
        running: &TaskTracker,
        abort: &CancellationToken,
    ) -> Result<()> {
        loop {
            let free = slots.available_permits();
            if free == 0 {
                return Ok(());
            }
            let now = self.workflow.now().await?;
            let due = Query::<Job>::on(&JOB_DUE).at_most(now.to_string()).limit(free as u64);
            let left = Query::<Job>::on(&JOB_LEASED).at_most(now.to_string()).limit(free as u64);
            let mut found = self.workflow.store().find(due).await?.items;
            found.extend(self.workflow.store().find(left).await?.items);
            let mut claimed = 0;
            for job in found {
                let Ok(slot) = slots.clone().try_acquire_owned() else { return Ok(()) };
                let left_by = match &job.doc.status {
                    JobStatus::Running { owner, .. } => Some(owner.clone()),
                    _ => None,
                };
                if let Some(job) = self.claim(job, now).await? {
                    claimed += 1;
                    running.spawn(self.clone().work(job, left_by, slot, abort.clone()));
                }
            }
            if claimed == 0 {
                return Ok(());
            }
        }
    }

    /// Claims one job; `None` if another runner was faster or the job has used up its attempts.
    async fn claim(&self, job: Versioned<Job>, now: Timestamp) -> Result<Option<Job>> {
        let mut claimed = job.doc.clone();
        if claimed.attempt >= claimed.max_attempts {
            let reason =
                "it was tried as often as it may be; the server stopped in the middle of each attempt";
            if let Err(error) = self.workflow.give_up(&claimed.work, reason).await {
                // Looked at again at the next poll; the jobs behind it are not to wait for that.
                tracing::warn!(job = %claimed.id, %error, "a job could not be given up");
                return Ok(None);
            }
            claimed.status = claimed.status.next(failed(now, false, reason.to_owned()))?;
        } else {
            claimed.attempt += 1;
            let (owner, lease_ends_at) = (self.config.name.clone(), self.lease_from(now));
            claimed.status = claimed.status.next(JobEvent::Claim { owner, at: now, lease_ends_at })?;
        }
        match self.workflow.store().commit(Batch::new().replace(&claimed, job.version)).await {
            Ok(()) => Ok(Some(claimed).filter(|job| !job.status.is_finished())),
            Err(error) if error.is_conflict() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn lease_from(&self, now: Timestamp) -> Timestamp {
        now.plus(TimeDelta::from_std(self.config.lease).unwrap_or(TimeDelta::seconds(15)))
    }

    /// Works on a claimed job until it ends, its lease is lost, or the runner gives it back.
    async fn work(
        self,
        job: Job,
        left_by: Option<String>,
        slot: OwnedSemaphorePermit,
        abort: CancellationToken,
    ) {
        let (id, kind, attempt) = (job.id, job.work.name(), job.attempt);
        match self.attempt(&job, left_by, &abort).await {
            Ok(()) => tracing::debug!(job = %id, kind, attempt, "job ended"),
            // The lease ends by itself, and another attempt follows.
            Err(error) => {
                tracing::warn!(job = %id, kind, attempt, %error, "the job's end could not be recorded")
            }
        }
        drop(slot);
        // Something may have waited for the slot.
        self.workflow.jobs_added().notify_one();
    }

    async fn attempt(&self, job: &Job, left_by: Option<String>, abort: &CancellationToken) -> Result<()> {
        let context = JobContext::begin(self.workflow.store().clone(), job).await?;
        if let Some(runner) = left_by {
            context.log(format!("{TAKEN_OVER} from {runner}, which was not heard of any more")).await?;
        }
        if job.cancel_requested {
            return self.conclude(&context, job, Err(Error::conflict(CANCELED, STOPPED))).await;
        }
        let handled = AssertUnwindSafe(handle(&self.workflow, &context, job)).catch_unwind();
        let ended = tokio::select! {
            handled = handled => handled.unwrap_or_else(|_| Err(Error::errored("the job's handler panicked", "panic"))),
            lost = self.beat(&context) => Err(lost),
            () = abort.cancelled() => {
                context.log(format!("{GIVEN_BACK}: the runner stops")).await?;
                return context.update(JobEvent::Retry { run_at: job.created_at }).await;
            }
        };
        self.conclude(&context, job, ended).await
    }

    /// Renews the lease for ever; ends only when it is lost.
    fn beat<'a>(&'a self, context: &'a JobContext) -> BoxFuture<'a, Error> {
        Box::pin(self.beat_on(context))
    }

    async fn beat_on(&self, context: &JobContext) -> Error {
        let mut failures = 0;
        loop {
            tokio::time::sleep(self.config.lease / 3).await;
            match self.renew(context).await {
                Ok(()) => failures = 0,
                Err(error) if error.conflict_code() == Some(LOST_LEASE) => return error,
                // Somebody asked it to stop at the same moment, or the store is away: the lease still holds for a while.
                Err(error) if failures < 2 => {
                    failures += 1;
                    tracing::warn!(job = %context.job_id(), %error, "a heartbeat failed");
                }
                Err(error) => return error,
            }
        }
    }

    async fn renew(&self, context: &JobContext) -> Result<()> {
        let lease_ends_at = self.lease_from(self.workflow.now().await?);
        context.update(JobEvent::Heartbeat { lease_ends_at }).await
    }

    /// Records how a job ended; what broke is tried again later.
    async fn conclude(&self, context: &JobContext, job: &Job, ended: Result<Value>) -> Result<()> {
        let now = self.workflow.now().await?;
        let event = match ended {
            Ok(result) => JobEvent::Succeed(now, result),
            Err(error) if error.conflict_code() == Some(LOST_LEASE) => return Ok(()),
            Err(error) if error.conflict_code() == Some(CANCELED) => {
                self.workflow.give_up(&job.work, STOPPED).await?;
                JobEvent::Cancel(now)
            }
            Err(Error::Rejected(Rejection::Conflict(conflict))) if conflict.code == "changed_meanwhile" => {
                context.log(format!("{GIVEN_BACK}: {}", conflict.message)).await?;
                JobEvent::Retry { run_at: now.plus(TimeDelta::milliseconds(200)) }
            }
            Err(Error::Rejected(rejection)) => {
                let reason = rejection.to_string();
                context.log(format!("Refused: {reason}")).await?;
                self.workflow.give_up(&job.work, &reason).await?;
                failed(now, true, reason)
            }
            Err(Error::Errored(errored)) => {
                tracing::warn!(job = %job.id, kind = job.work.name(), attempt = job.attempt, error = %chain(&errored), "a job broke");
                context.log(format!("{BROKE} in attempt {}: {errored}", job.attempt)).await?;
                if job.attempt >= job.max_attempts {
                    let reason = errored.to_string();
                    self.workflow.give_up(&job.work, &reason).await?;
                    failed(now, false, reason)
                } else {
                    JobEvent::Retry { run_at: now.plus(backoff(job.attempt)) }
                }
            }
        };
        context.update(event).await
    }
}

fn failed(at: Timestamp, rejected: bool, reason: String) -> JobEvent {
    JobEvent::Fail { at, rejected, reason, findings: Vec::new() }
}

/// Half a second, doubled with each attempt.
fn backoff(attempt: u32) -> TimeDelta {
    TimeDelta::milliseconds(500 << attempt.clamp(1, 10) >> 1).min(LONGEST_BACKOFF)
}

/// An error with its sources, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        told.push_str(": ");
        told.push_str(&inner.to_string());
        source = inner.source();
    }
    told
}
