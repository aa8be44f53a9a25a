//! What changes in an app, in order: the audit log, the states of jobs, and what workers say, as one list of hints.
//!
//! The audit log is the durable part: every change of state has an event there, in the same batch. Jobs and workers have
//! none for each of their moves, so their present states are compared with those that were told before.

use crate::actor::Member;
use crate::error::Result;
use crate::services::Workflow;
use chrono::TimeDelta;
use conman_distribution::WorkerSession;
use conman_domain::Timestamp;
use conman_domain::audit::{AuditActor, AuditEvent};
use conman_domain::id::{AppId, EnvironmentId, JobId, WorkerId};
use conman_domain::job::{Job, JobStatus};
use conman_domain::policy::AppAction;
use conman_domain::snapshot::ConfigVersion;
use conman_store::Query;
use conman_store::collections::{AUDIT_BY_APP, JOB_BY_FINISH, JOB_BY_STATE};
use serde_json::Value;
use std::collections::HashMap;

/// How long a batch may take from the instant that its audit events bear until everybody sees it. What is told is read
/// again for this long, so that a batch which others overtook is told as well.
const OVERTAKING: TimeDelta = TimeDelta::seconds(10);
/// How far back somebody may go on reading.
const REACHES_BACK: TimeDelta = TimeDelta::hours(24);
/// The most that is told at once; beyond it, reading everything anew is cheaper.
const MOST: u64 = 1_000;

/// One thing that changed: names and ids, never a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedEvent {
    /// What kind of thing, as in the audit log, e.g. `changeset`; or `worker`.
    pub kind: String,
    /// Which one.
    pub id: String,
    /// What happened to it, e.g. `changeset.submitted`.
    pub action: String,
    /// The state it is in now, where the change says so.
    pub state: Option<String>,
    /// The environment concerned.
    pub environment_id: Option<EnvironmentId>,
    /// The config version concerned.
    pub version: Option<ConfigVersion>,
    /// Who did it; none for what only is observed.
    pub actor: Option<AuditActor>,
    /// When.
    pub at: Timestamp,
}

/// What a look at an app's changes finds.
#[derive(Debug)]
pub enum Looked {
    /// What is new, oldest first.
    New(Vec<FeedEvent>),
    /// More than is worth telling one by one, or longer ago than anybody remembers.
    TooMuch,
}

/// Reads an app's changes from an instant on, each once.
#[derive(Debug)]
pub struct Feed {
    workflow: Workflow,
    app_id: AppId,
    /// From where on the next look reads.
    from: Timestamp,
    /// Audit events that were told and may be read again.
    told: HashMap<String, Timestamp>,
    jobs: HashMap<JobId, Seen>,
    workers: HashMap<WorkerId, WorkerSession>,
}

/// The state in which a job was told.
#[derive(Debug, Clone, Copy)]
struct Seen {
    state: &'static str,
    attempt: u32,
    /// From when on the job is not read again.
    finished_at: Option<Timestamp>,
}

impl Workflow {
    /// Reads the changes of the member's app from an instant on; what happened just before may be told as well.
    pub fn feed(&self, member: &Member, from: Timestamp) -> Result<Feed> {
        member.may(AppAction::ReadAudit)?;
        Ok(Feed {
            workflow: self.clone(),
            app_id: member.app_id(),
            from: from.plus(-OVERTAKING),
            told: HashMap::new(),
            jobs: HashMap::new(),
            workers: HashMap::new(),
        })
    }
}

impl Feed {
    /// Finds what is new since the last look; `workers` says whether the environments' workers are looked at as well.
    pub async fn look(&mut self, workers: Workers) -> Result<Looked> {
        let now = self.workflow.now().await?;
        if now.since(self.from) > REACHES_BACK || self.from.since(now) > OVERTAKING {
            self.from = now.plus(-OVERTAKING);
            return Ok(Looked::TooMuch);
        }
        let mut found = Vec::new();
        let complete = self.audit(&mut found).await? && self.jobs(now, &mut found).await?;
        match workers {
            Workers::Too => self.workers(now, &mut found).await?,
            Workers::NotNow => {}
        }
        self.from = now.plus(-OVERTAKING);
        let oldest = self.from;
        self.told.retain(|_, at| *at >= oldest);
        self.jobs.retain(|_, seen| seen.finished_at.is_none_or(|at| at >= oldest));
        if !complete {
            return Ok(Looked::TooMuch);
        }
        found.sort_by_key(|event: &FeedEvent| event.at);
        Ok(Looked::New(found))
    }

    /// Answers whether that is all.
    async fn audit(&mut self, found: &mut Vec<FeedEvent>) -> Result<bool> {
        // What was told is read again, and does not count.
        let most = MOST + self.told.len() as u64;
        let query = Query::<AuditEvent>::on(&AUDIT_BY_APP)
            .eq(self.app_id.to_string())
            .at_least(self.from.to_string())
            .limit(most + 1);
        let events = self.workflow.store().find(query).await?.items;
        let complete = events.len() as u64 <= most;
        for event in events {
            let event = event.doc;
            if self.told.insert(event.id.to_string(), event.happened_at).is_none() {
                found.extend(events_of(event));
            }
        }
        Ok(complete)
    }

    /// Answers whether that is all. Of those that wait, the newest are looked at: a long queue is no change.
    async fn jobs(&mut self, now: Timestamp, found: &mut Vec<FeedEvent>) -> Result<bool> {
        let app = self.app_id.to_string();
        let ended = self.jobs.values().filter(|seen| seen.finished_at.is_some()).count() as u64;
        let in_state = |state: &'static str| {
            Query::<Job>::on(&JOB_BY_STATE).eq(app.as_str()).eq(state).descending().limit(MOST)
        };
        let finished = Query::<Job>::on(&JOB_BY_FINISH)
            .eq(app.as_str())
            .at_least(self.from.to_string())
            .limit(MOST + ended + 1);
        // In this order: a job that goes on between two of them is found by the later one.
        let mut unfinished = self.workflow.store().find(in_state("queued")).await?.items;
        unfinished.extend(self.workflow.store().find(in_state("running")).await?.items);
        let finished = self.workflow.store().find(finished).await?.items;
        let complete = finished.len() as u64 <= MOST + ended;
        for job in unfinished.into_iter().chain(finished) {
            let job = job.doc;
            let (at, finished_at) = match &job.status {
                JobStatus::Queued { run_at } => ((*run_at).min(now), None),
                JobStatus::Running { started_at, .. } => (*started_at, None),
                JobStatus::Succeeded { finished_at, .. }
                | JobStatus::Failed { finished_at, .. }
                | JobStatus::Canceled { finished_at } => (*finished_at, Some(*finished_at)),
            };
            let seen = Seen { state: job.status.name(), attempt: job.attempt, finished_at };
            let before = self.jobs.insert(job.id, seen);
            if before.is_some_and(|before| (before.state, before.attempt) == (seen.state, seen.attempt)) {
                continue;
            }
            found.push(FeedEvent {
                kind: "job".to_owned(),
                id: job.id.to_string(),
                action: format!("job.{}", job.work.name()),
                state: Some(seen.state.to_owned()),
                environment_id: None,
                version: None,
                actor: None,
                at,
            });
        }
        Ok(complete)
    }

    async fn workers(&mut self, now: Timestamp, found: &mut Vec<FeedEvent>) -> Result<()> {
        let mut present = HashMap::new();
        for environment in self.workflow.environments(self.app_id).await? {
            let id = environment.doc.id;
            for session in self.workflow.workers(self.app_id, id).await? {
                let known = self.workers.get(&session.report.session_id);
                if known.is_none_or(|known| differs(known, &session)) {
                    found.push(FeedEvent {
                        kind: "worker".to_owned(),
                        id: session.report.session_id.to_string(),
                        action: "worker.reported".to_owned(),
                        state: Some(if session.report.stopped { "stopped" } else { "running" }.to_owned()),
                        environment_id: Some(id),
                        version: session.report.applied.as_ref().map(|a| a.provenance.config_version),
                        actor: None,
                        at: session.heard_at.min(now),
                    });
                }
                present.insert(session.report.session_id, session);
            }
        }
        self.workers = present;
        Ok(())
    }
}

/// Whether a look is for workers too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workers {
    /// It is.
    Too,
    /// It is not.
    NotNow,
}

/// True if a worker says more than that it lives.
fn differs(before: &WorkerSession, after: &WorkerSession) -> bool {
    let mut same = after.report.clone();
    same.heartbeat_at = before.report.heartbeat_at;
    same.last_notify_at = before.report.last_notify_at;
    same != before.report
}

/// What an audit event tells: one thing, and a second where an environment came to run another version.
fn events_of(event: AuditEvent) -> Vec<FeedEvent> {
    let parts = [event.after.as_ref(), event.before.as_ref()];
    let named = |name: &str| parts.iter().flatten().find_map(|part| part.get(name)).cloned();
    let id_of = |value: Value| value.as_str()?.parse().ok();
    let state = event
        .after
        .as_ref()
        .and_then(|after| after.get("state").or_else(|| after.pointer("/status/state"))?.as_str())
        .map(str::to_owned);
    let environment_id = match event.entity.as_str() {
        "environment" => event.entity_id.parse().ok(),
        _ => named("environment_id").and_then(id_of),
    };
    let version = named("config_version")
        .or_else(|| event.after.as_ref()?.pointer("/status/version").cloned())
        .and_then(|version| u32::try_from(version.as_u64()?).ok())
        .map(ConfigVersion);
    let activates = matches!(event.action.as_str(), "deployment.succeeded" | "parameters.activated");
    let environment = environment_id.filter(|_| activates).map(|id: EnvironmentId| FeedEvent {
        kind: "environment".to_owned(),
        id: id.to_string(),
        action: "environment.version_changed".to_owned(),
        state: None,
        environment_id: Some(id),
        version,
        actor: Some(event.actor.clone()),
        at: event.happened_at,
    });
    let own = FeedEvent {
        kind: event.entity,
        id: event.entity_id,
        action: event.action,
        state,
        environment_id,
        version,
        actor: Some(event.actor),
        at: event.happened_at,
    };
    std::iter::once(own).chain(environment).collect()
}
