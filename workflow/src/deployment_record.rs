//! What is on record of a deployment: its steps in order, and what it changed on its environment.

use crate::actor::Member;
use crate::diffs::Comparison;
use crate::error::{Error, Result};
use crate::services::Workflow;
use conman_distribution::HistoryRow;
use conman_domain::audit::AuditEvent;
use conman_domain::id::{DeploymentId, JobId};
use conman_domain::job::{Job, JobLog};
use conman_domain::name::ParameterName;
use conman_domain::policy::AppAction;
use conman_domain::{Timestamp, TreeId};
use conman_store::Query;
use conman_store::collections::{AUDIT_BY_ENTITY, JOB_LOG_BY_JOB, JOB_OF_DEPLOYMENT};
use std::collections::BTreeSet;

/// The most events, jobs, and lines of one job that are told.
const MOST: u64 = 500;

/// What is on record of a deployment.
#[derive(Debug, Clone)]
pub struct DeploymentRecord {
    /// The first one first.
    pub steps: Vec<DeploymentStep>,
    /// What it changed; none where it has not become active.
    pub change: Option<DeploymentChange>,
}

/// Something that happened to a deployment.
#[derive(Debug, Clone)]
pub struct DeploymentStep {
    /// When.
    pub at: Timestamp,
    /// What.
    pub step: Step,
}

/// What happened to a deployment.
#[derive(Debug, Clone)]
pub enum Step {
    /// Its state changed, or somebody approved it.
    Event {
        /// As in the audit log, e.g. `deployment.started`.
        action: String,
        /// Who did it.
        by: String,
    },
    /// Its job said something.
    Line {
        /// The job.
        job_id: JobId,
        /// Which attempt of the job.
        attempt: u32,
        /// What it said.
        message: String,
    },
}

/// What a deployment changed on its environment.
#[derive(Debug, Clone)]
pub struct DeploymentChange {
    /// The version that it made: values before and after.
    pub row: HistoryRow,
    /// The version that it replaced; none where it was the first.
    pub base: Option<HistoryRow>,
    /// Those of the changed parameters that are critical in either version.
    pub critical: BTreeSet<ParameterName>,
}

impl Workflow {
    /// Reads what is on record of a deployment.
    pub async fn deployment_record(&self, member: &Member, id: DeploymentId) -> Result<DeploymentRecord> {
        member.may(AppAction::ReadAudit)?;
        let deployment = self.deployment(member, id).await?.doc;
        let events = Query::<AuditEvent>::on(&AUDIT_BY_ENTITY)
            .eq(deployment.app_id.to_string())
            .eq(id.to_string())
            .limit(MOST);
        let mut steps: Vec<DeploymentStep> = Vec::new();
        for event in self.store().find(events).await?.items {
            let (at, by) = (event.doc.happened_at, event.doc.actor.name().to_owned());
            steps.push(DeploymentStep { at, step: Step::Event { action: event.doc.action, by } });
        }
        let jobs = Query::<Job>::on(&JOB_OF_DEPLOYMENT).eq(id.to_string()).limit(MOST);
        for job in self.store().find(jobs).await?.items {
            let lines = Query::<JobLog>::on(&JOB_LOG_BY_JOB).eq(job.doc.id.to_string()).limit(MOST);
            for line in self.store().find(lines).await?.items {
                let JobLog { job_id, attempt, logged_at: at, message, .. } = line.doc;
                steps.push(DeploymentStep { at, step: Step::Line { job_id, attempt, message } });
            }
        }
        // What a job does at the same instant follows what it was told by.
        steps.sort_by_key(|step| (step.at, matches!(step.step, Step::Line { .. })));
        Ok(DeploymentRecord { steps, change: self.deployment_change(member, id).await? })
    }

    /// How the files of a deployment differ from those that the environment ran before.
    pub async fn deployment_diff(&self, member: &Member, id: DeploymentId) -> Result<Comparison> {
        let deployment = self.deployment(member, id).await?.doc;
        let Some(change) = self.deployment_change(member, id).await? else {
            return Err(Error::conflict(
                "not_active",
                "the deployment has not become active, and so has not changed anything",
            ));
        };
        let (from, base) = self.tree_before(member, &change).await?;
        let provenance = &change.row.provenance;
        let head = provenance.release_commit.to_string();
        Ok(Comparison { app_id: deployment.app_id, from, to: provenance.tree_id, base, head })
    }

    async fn deployment_change(&self, member: &Member, id: DeploymentId) -> Result<Option<DeploymentChange>> {
        let Some(row) = self.distribution().history_of(&id.to_string()).await? else { return Ok(None) };
        let base = self.distribution().history_row(row.app_id, row.environment_id, row.base_version).await?;
        let mut change = DeploymentChange { row, base, critical: BTreeSet::new() };
        let (before, _) = self.tree_before(member, &change).await?;
        for tree in BTreeSet::from([before, change.row.provenance.tree_id]) {
            // What ran had a catalog that holds; that of a tree before the first deployment may not.
            let Ok(catalog) = self.catalog(&self.repository(member.app_id()), tree).await? else { continue };
            let is_critical = |name: &&ParameterName| {
                catalog.parameters.get(*name).is_some_and(|parameter| parameter.critical)
            };
            change.critical.extend(change.row.parameters.keys().filter(is_critical).cloned());
        }
        Ok(Some(change))
    }

    /// The tree that the environment ran before, or that the app began with, and its commit.
    async fn tree_before(&self, member: &Member, change: &DeploymentChange) -> Result<(TreeId, String)> {
        if let Some(base) = &change.base {
            return Ok((base.provenance.tree_id, base.provenance.release_commit.to_string()));
        }
        let initial = member.app.doc.initial_commit;
        let tree = self.tree_of(&self.repository(member.app_id()), initial).await?;
        Ok((tree, initial.to_string()))
    }
}
