//! What a job's handler gets: its attempt as a fence, its log, and whether it should stop.

use crate::change::Change;
use crate::error::{Error, Result};
use conman_domain::Timestamp;
use conman_domain::id::JobId;
use conman_domain::job::{Job, JobEvent, JobLog, JobStatus};
use conman_store::collections::JOB_LOG_BY_JOB;
use conman_store::{Batch, Query, Store, Versioned};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::{Mutex, MutexGuard};

/// One attempt at a job.
#[derive(Debug, Clone)]
pub struct JobContext(Arc<Attempt>);

#[derive(Debug)]
struct Attempt {
    store: Store,
    job_id: JobId,
    attempt: u32,
    /// Taken by the heartbeat and by decisions, so that neither spoils the other's version.
    turn: Mutex<()>,
    next_log: AtomicU32,
}

/// Keeps the heartbeat away until the decision is committed.
#[must_use = "the fence holds until it is dropped"]
#[derive(Debug)]
pub struct Fence<'a>(#[expect(dead_code, reason = "held, never read")] MutexGuard<'a, ()>);

/// The code of the refusal when another attempt has taken over.
pub const LOST_LEASE: &str = "lost_lease";
/// The code of the refusal when somebody asked the job to stop.
pub const CANCELED: &str = "canceled";

impl JobContext {
    /// Begins an attempt; its log goes on where earlier attempts ended.
    pub async fn begin(store: Store, job: &Job) -> Result<Self> {
        let query = Query::<JobLog>::on(&JOB_LOG_BY_JOB).eq(job.id.to_string()).descending().limit(1);
        let last = store.find(query).await?.items.first().map_or(0, |line| line.doc.sequence);
        let next_log = AtomicU32::new(last + 1);
        Ok(Self(Arc::new(Attempt {
            store,
            job_id: job.id,
            attempt: job.attempt,
            turn: Mutex::new(()),
            next_log,
        })))
    }

    /// The job.
    pub fn job_id(&self) -> JobId {
        self.0.job_id
    }

    /// Appends a line to the job's log.
    pub async fn log(&self, message: impl Into<String>) -> Result<()> {
        let line = JobLog {
            job_id: self.0.job_id,
            sequence: self.0.next_log.fetch_add(1, Ordering::Relaxed),
            attempt: self.0.attempt,
            logged_at: Timestamp::new(self.0.store.now().await?),
            message: message.into(),
        };
        match self.0.store.commit(Batch::new().insert(&line)).await {
            Ok(()) => Ok(()),
            // Another attempt writes the same log by now: this one has lost its lease and is not to go on.
            Err(error) if error.is_conflict() => Err(lost()),
            Err(error) => Err(error.into()),
        }
    }

    /// Ties a change to this attempt: it commits only while the attempt holds the job and nobody asked it to stop.
    pub async fn fence(&self, change: &mut Change) -> Result<Fence<'_>> {
        let guard = self.0.turn.lock().await;
        let job = self.job().await?;
        if job.doc.cancel_requested {
            return Err(Error::conflict(CANCELED, "somebody asked the job to stop"));
        }
        change.check(&job);
        Ok(Fence(guard))
    }

    /// The job as it is now, while this attempt holds it.
    pub async fn job(&self) -> Result<Versioned<Job>> {
        let job = self.0.store.get::<Job>(&self.0.job_id.to_string()).await?;
        match job {
            Some(job)
                if job.doc.attempt == self.0.attempt
                    && matches!(job.doc.status, JobStatus::Running { .. }) =>
            {
                Ok(job)
            }
            Some(_) | None => Err(lost()),
        }
    }

    /// Moves the job to its next state, in turn with decisions; for the runner.
    pub async fn update(&self, event: JobEvent) -> Result<()> {
        let _turn = self.0.turn.lock().await;
        let job = self.job().await?;
        let next = Job { status: job.doc.status.clone().next(event)?, ..job.doc.clone() };
        self.0.store.commit(Batch::new().replace(&next, job.version)).await?;
        Ok(())
    }
}

fn lost() -> Error {
    Error::conflict(LOST_LEASE, "another runner has taken the job over")
}
