//! What operators watch: how environments, workers, jobs and queues stand, and what happened since the last look.
//!
//! Names, versions and counts only; never a value.

use crate::error::Result;
use crate::fleet::{Standing, WorkerState};
use crate::services::Workflow;
use chrono::TimeDelta;
use conman_domain::Timestamp;
use conman_domain::app::App;
use conman_domain::audit::AuditEvent;
use conman_domain::environment::Environment;
use conman_domain::id::{AppId, EnvironmentId, JobId, WorkerId};
use conman_domain::job::{Job, JobStatus};
use conman_domain::snapshot::ConfigVersion;
use conman_store::Query;
use conman_store::collections::{APP_BY_SLUG, AUDIT_BY_ACTION, JOB_BY_FINISH, JOB_DUE, JOB_LEASED};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

/// How long something may take from the instant that it bears until everybody sees it; read again for this long.
const OVERTAKING: TimeDelta = TimeDelta::seconds(10);
/// The most rows of one kind that a look reads.
const MOST: u64 = 5_000;
/// By how many versions a worker lags before it is told of.
const LAGS_BY: u32 = 3;
/// For how long a worker lags before it is told of.
const LAGS_FOR: TimeDelta = TimeDelta::seconds(60);

/// Looks again and again, and tells each thing that happened once.
#[derive(Debug)]
pub struct Observer {
    workflow: Workflow,
    from: Timestamp,
    /// What happened and was told, until it is not read again.
    told: HashMap<Happened, Timestamp>,
    /// Which workers are known to lag.
    lagging: HashSet<WorkerId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Happened {
    Applied(EnvironmentId, ConfigVersion, WorkerId),
    Finished(JobId),
    Audited(String),
}

/// What a look sees.
#[derive(Debug, Default)]
pub struct Observed {
    /// Every environment.
    pub environments: Vec<ObservedEnvironment>,
    /// How long it took versions to reach workers, since the last look: app, environment, duration.
    pub distributions: Vec<(String, String, TimeDelta)>,
    /// Releases that were left by going back, since the last look: app, environment.
    pub rollbacks: Vec<(String, String)>,
    /// How many jobs wait or run, by type and state.
    pub jobs: BTreeMap<(&'static str, &'static str), u32>,
    /// For how long the longest waiting job of a type has been due.
    pub job_queue_age: BTreeMap<&'static str, TimeDelta>,
    /// Jobs that ended since the last look: type and state.
    pub finished: Vec<(&'static str, &'static str)>,
    /// How many changesets are queued, by app, and since when the first of them has not moved.
    pub queues: Vec<(String, u32, TimeDelta)>,
}

/// An environment as operators see it.
#[derive(Debug)]
pub struct ObservedEnvironment {
    /// The app's short name.
    pub app: String,
    /// The environment's name.
    pub environment: String,
    /// The version that is active; none before the first.
    pub active: Option<ConfigVersion>,
    /// How many worker sessions are in which state.
    pub workers: BTreeMap<&'static str, u32>,
    /// By how many versions the worker lags that lags most.
    pub lag_versions: u32,
    /// For how long the worker lags that lags longest.
    pub lag: TimeDelta,
    /// How many values were applied where that is forbidden, as the workers count.
    pub forbidden_applications: u64,
}

impl Workflow {
    /// Begins to observe: what happens from now on is told.
    pub async fn observer(&self) -> Result<Observer> {
        let from = self.now().await?;
        Ok(Observer { workflow: self.clone(), from, told: HashMap::new(), lagging: HashSet::new() })
    }
}

impl Workflow {
    /// An app's short name for the log; its id where it cannot be read.
    pub(crate) async fn slug_of(&self, id: AppId) -> String {
        let app = self.store().get::<App>(&id.to_string()).await;
        app.ok().flatten().map_or_else(|| id.to_string(), |app| app.doc.slug.to_string())
    }
}

impl Observer {
    /// Looks, and traces what operators should read: versions that arrive, and workers that fall behind.
    pub async fn look(&mut self) -> Result<Observed> {
        let now = self.workflow.now().await?;
        let mut seen = Observed::default();
        let apps = self.workflow.store().find(Query::<App>::on(&APP_BY_SLUG).limit(MOST)).await?.items;
        let mut names = HashMap::new();
        let known = std::mem::take(&mut self.lagging);
        for app in apps {
            let (id, slug) = (app.doc.id, app.doc.slug.to_string());
            for environment in self.workflow.environments(id).await? {
                names.insert(environment.doc.id, (slug.clone(), environment.doc.name.to_string()));
                seen.environments.push(self.environment(&slug, &environment.doc, &known).await?);
            }
            self.rollbacks(id, &names, &mut seen).await?;
            self.finished(id, &mut seen).await?;
            self.queue(id, slug, now, &mut seen).await?;
        }
        self.applications(&names, &mut seen).await?;
        self.unfinished(now, &mut seen).await?;
        self.from = now.plus(-OVERTAKING).max(self.from);
        let oldest = self.from;
        self.told.retain(|_, at| *at >= oldest);
        Ok(seen)
    }

    /// True once per thing.
    fn is_new(&mut self, what: Happened, at: Timestamp) -> bool {
        self.told.insert(what, at).is_none()
    }

    async fn environment(
        &mut self,
        app: &str,
        environment: &Environment,
        known: &HashSet<WorkerId>,
    ) -> Result<ObservedEnvironment> {
        let fleet = self.workflow.fleet(environment.app_id, environment.id).await?;
        let mut seen = ObservedEnvironment {
            app: app.to_owned(),
            environment: environment.name.to_string(),
            active: fleet.active,
            workers: BTreeMap::new(),
            lag_versions: 0,
            lag: TimeDelta::zero(),
            forbidden_applications: 0,
        };
        for Standing { session, state, lag_versions, lag } in fleet.workers {
            *seen.workers.entry(state.name()).or_default() += 1;
            seen.forbidden_applications += u64::from(session.report.forbidden_applications);
            let lives = !matches!(state, WorkerState::Lost | WorkerState::Stopped);
            let far = lives && (lag_versions > LAGS_BY || lag > LAGS_FOR);
            if lives {
                seen.lag_versions = seen.lag_versions.max(lag_versions);
                seen.lag = seen.lag.max(lag);
            }
            if far
                && self.lagging.insert(session.report.session_id)
                && !known.contains(&session.report.session_id)
            {
                tracing::warn!(
                    event = "worker_lag_behind",
                    app,
                    environment = %environment.name,
                    version = fleet.active.unwrap_or_default().0,
                    worker = session.report.name,
                    versions = lag_versions,
                    seconds = lag.num_seconds(),
                    "a worker lags behind"
                );
            }
        }
        Ok(seen)
    }

    async fn applications(
        &mut self,
        names: &HashMap<EnvironmentId, (String, String)>,
        seen: &mut Observed,
    ) -> Result<()> {
        let distribution = self.workflow.distribution().clone();
        let mut rows = HashMap::new();
        for applied in distribution.applications_since(self.from).await? {
            let (id, version, at) = (applied.environment_id, applied.version, applied.recorded_at);
            let Some((app, environment)) = names.get(&id) else { continue };
            if !self.is_new(Happened::Applied(id, version, applied.session_id), at) {
                continue;
            }
            if let Some(took) = applied.took {
                seen.distributions.push((app.clone(), environment.clone(), took));
            }
            let row = match rows.entry((id, version)) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => {
                    unknown.insert(distribution.history_row(applied.app_id, id, version).await?)
                }
            };
            let Some(row) = row else { continue };
            tracing::info!(
                event = "config_change_applied",
                app,
                environment,
                version = version.0,
                changed_by = row.changed_by,
                parameters = names_of(row.parameters.keys()),
                worker = applied.name,
                took_ms = applied.took.map(|took| took.num_milliseconds()),
                "a version is applied"
            );
        }
        Ok(())
    }

    async fn rollbacks(
        &mut self,
        app: AppId,
        names: &HashMap<EnvironmentId, (String, String)>,
        seen: &mut Observed,
    ) -> Result<()> {
        let query = Query::<AuditEvent>::on(&AUDIT_BY_ACTION)
            .eq(app.to_string())
            .eq("release.rolled_back")
            .at_least(self.from.to_string())
            .limit(MOST);
        for event in self.workflow.store().find(query).await?.items {
            let event = event.doc;
            if self.is_new(Happened::Audited(event.id.to_string()), event.happened_at) {
                let after = event.after.unwrap_or_default();
                let id = after["environment_id"].as_str().and_then(|id| id.parse().ok());
                seen.rollbacks.extend(id.and_then(|id: EnvironmentId| names.get(&id)).cloned());
            }
        }
        Ok(())
    }

    async fn finished(&mut self, app: AppId, seen: &mut Observed) -> Result<()> {
        let query =
            Query::<Job>::on(&JOB_BY_FINISH).eq(app.to_string()).at_least(self.from.to_string()).limit(MOST);
        for job in self.workflow.store().find(query).await?.items {
            let job = job.doc;
            let at = match job.status {
                JobStatus::Succeeded { finished_at, .. }
                | JobStatus::Failed { finished_at, .. }
                | JobStatus::Canceled { finished_at } => finished_at,
                JobStatus::Queued { .. } | JobStatus::Running { .. } => continue,
            };
            if self.is_new(Happened::Finished(job.id), at) {
                seen.finished.push((job.work.name(), job.status.name()));
            }
        }
        Ok(())
    }

    async fn queue(&mut self, app: AppId, slug: String, now: Timestamp, seen: &mut Observed) -> Result<()> {
        let queued = self.workflow.queue(app).await?;
        let oldest = queued.iter().map(|changeset| now.since(changeset.doc.updated_at)).max();
        let count = u32::try_from(queued.len()).unwrap_or(u32::MAX);
        seen.queues.push((slug, count, oldest.unwrap_or_default().max(TimeDelta::zero())));
        Ok(())
    }

    async fn unfinished(&mut self, now: Timestamp, seen: &mut Observed) -> Result<()> {
        let store = self.workflow.store();
        let queued = store.find(Query::<Job>::on(&JOB_DUE).limit(MOST)).await?.items;
        let running = store.find(Query::<Job>::on(&JOB_LEASED).limit(MOST)).await?.items;
        for job in queued.into_iter().chain(running) {
            let kind = job.doc.work.name();
            *seen.jobs.entry((kind, job.doc.status.name())).or_default() += 1;
            if let JobStatus::Queued { run_at } = job.doc.status {
                let age = seen.job_queue_age.entry(kind).or_default();
                *age = (*age).max(now.since(run_at));
            }
        }
        Ok(())
    }
}

/// Parameters' names for the log.
pub(crate) fn names_of<T: ToString>(names: impl IntoIterator<Item = T>) -> String {
    names.into_iter().map(|name| name.to_string()).collect::<Vec<_>>().join(",")
}
