//! The three memories, read directly while no server works on them, and what must always be so in them.

mod audit;
mod deployments;
mod drafts;
mod git;
mod releases;

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use conman_distribution::Distribution;
use conman_domain::app::App;
use conman_domain::audit::AuditEvent;
use conman_domain::changeset::Changeset;
use conman_domain::deployment::Deployment;
use conman_domain::draft::ParameterDraft;
use conman_domain::environment::Environment;
use conman_domain::id::JobId;
use conman_domain::job::{Job, JobLog, JobStatus};
use conman_domain::mail::Mail;
use conman_domain::release::{Release, ReleaseMember};
use conman_store::collections::{
    APP_BY_SLUG, AUDIT_BY_APP, CHANGESET_BY_NUMBER, DEPLOYMENT_BY_APP, DRAFT_BY_ENVIRONMENT,
    ENVIRONMENT_BY_POSITION, JOB_BY_APP, JOB_DUE, JOB_LEASED, JOB_LOG_BY_JOB, MAIL_BY_TIME,
    MEMBER_BY_RELEASE, RELEASE_BY_APP,
};
use conman_store::{Document, Index, Query, Store};

use crate::place::Place;
pub(crate) use git::Repository;

/// What the store says of the app, while nothing is under way.
#[derive(Debug)]
pub(crate) struct Records {
    pub(crate) app: App,
    pub(crate) changesets: Vec<Changeset>,
    pub(crate) releases: Vec<(Release, Vec<ReleaseMember>)>,
    pub(crate) environments: Vec<Environment>,
    pub(crate) deployments: Vec<Deployment>,
    pub(crate) drafts: Vec<ParameterDraft>,
    pub(crate) jobs: Vec<Job>,
    /// By job, in order.
    pub(crate) logs: HashMap<JobId, Vec<JobLog>>,
    pub(crate) events: Vec<AuditEvent>,
    pub(crate) mails: Vec<Mail>,
}

/// Everything that is found wrong, so that one run tells all of it.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<String>);

impl Findings {
    /// Notes what is wrong unless it holds.
    pub(crate) fn check(&mut self, holds: bool, wrong: impl FnOnce() -> String) {
        if !holds {
            self.0.push(wrong());
        }
    }

    /// Notes what two things that must be the same are.
    pub(crate) fn same<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, is: T, must_be: T) {
        self.check(is == must_be, || format!("{what}: it is {is:?} and must be {must_be:?}"));
    }

    /// Fails with everything that was noted.
    pub(crate) fn none(self) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        bail!("the memories do not agree:\n  {}", self.0.join("\n  "))
    }
}

/// Reads the memories of a place that no server works on, checks all that must hold there while nothing is under way,
/// and answers what the store says.
pub(crate) async fn check(place: &Place) -> Result<(Records, Repository)> {
    let (store, distribution) = place.open().await?;
    let mut findings = Findings::default();
    let read = read(&store, &distribution, place, &mut findings).await;
    drop(distribution);
    store.close().await;
    let read = read?;
    findings.none()?;
    Ok(read)
}

async fn read(
    store: &Store,
    distribution: &Arc<dyn Distribution>,
    place: &Place,
    findings: &mut Findings,
) -> Result<(Records, Repository)> {
    let apps = all::<App>(store, &APP_BY_SLUG, None).await?;
    ensure!(apps.len() == 1, "there is one app, and the store says {apps:?}");
    let records = Records::of(store, apps.into_iter().next().expect("just counted")).await?;
    let repository = Repository::of(place, &records.app);
    jobs(store, &records, findings).await?;
    repository.check(&records, findings)?;
    git::check_folder(place, findings)?;
    releases::check(&records, &repository, findings)?;
    deployments::check(&records, &repository, distribution, findings).await?;
    drafts::check(&records, store, distribution, findings).await?;
    audit::check(&records, findings)?;
    Ok((records, repository))
}

impl Records {
    async fn of(store: &Store, app: App) -> Result<Self> {
        let id = Some(app.id.to_string());
        let mut releases = Vec::new();
        for release in all::<Release>(store, &RELEASE_BY_APP, id.clone()).await? {
            let members = all(store, &MEMBER_BY_RELEASE, Some(release.id.to_string())).await?;
            releases.push((release, members));
        }
        let environments = all::<Environment>(store, &ENVIRONMENT_BY_POSITION, id.clone()).await?;
        let mut drafts = Vec::new();
        for environment in &environments {
            drafts.extend(all(store, &DRAFT_BY_ENVIRONMENT, Some(environment.id.to_string())).await?);
        }
        let jobs = all::<Job>(store, &JOB_BY_APP, id.clone()).await?;
        let mut logs = HashMap::new();
        for job in &jobs {
            logs.insert(job.id, all(store, &JOB_LOG_BY_JOB, Some(job.id.to_string())).await?);
        }
        Ok(Self {
            changesets: all(store, &CHANGESET_BY_NUMBER, id.clone()).await?,
            releases,
            environments,
            drafts,
            deployments: all(store, &DEPLOYMENT_BY_APP, id.clone()).await?,
            jobs,
            logs,
            events: all(store, &AUDIT_BY_APP, id).await?,
            mails: all(store, &MAIL_BY_TIME, None).await?,
            app,
        })
    }
}

/// All documents under an index, or those whose first field has a value.
async fn all<T: Document>(store: &Store, index: &'static Index, value: Option<String>) -> Result<Vec<T>> {
    let mut query = Query::<T>::on(index);
    if let Some(value) = value {
        query = query.eq(value);
    }
    Ok(store.find(query).await?.items.into_iter().map(|found| found.doc).collect())
}

/// Every job was brought to its end, within its attempts, and its log is without gaps.
async fn jobs(store: &Store, records: &Records, findings: &mut Findings) -> Result<()> {
    for (left, index) in [("queued", &JOB_DUE), ("running", &JOB_LEASED)] {
        let jobs = all::<Job>(store, index, None).await?;
        findings.check(jobs.is_empty(), || format!("jobs are {left} still: {jobs:?}"));
    }
    for job in &records.jobs {
        let (kind, id) = (job.work.name(), job.id);
        findings.check(matches!(job.status, JobStatus::Succeeded { .. }), || {
            format!("the job {kind} {id} did not succeed: {:?}", job.status)
        });
        findings.check((1..=job.max_attempts).contains(&job.attempt), || {
            format!("the job {kind} {id} ended in attempt {} of {}", job.attempt, job.max_attempts)
        });
        let log = &records.logs[&id];
        let gapless = log.iter().zip(1..).all(|(line, number)| line.sequence == number);
        let in_order = log.is_sorted_by_key(|line| line.attempt);
        findings.check(gapless && in_order, || format!("the log of the job {kind} {id} is torn: {log:?}"));
    }
    Ok(())
}
