//! Jobs as people see them: lists, logs, canceling; and what is done when one is given up.

use crate::actor::{Member, Page};
use crate::change::Change;
use crate::error::{Rejection, Result};
use crate::releases::set_status;
use crate::services::Workflow;
use crate::support::retrying;
use conman_domain::changeset::Finding;
use conman_domain::deployment::{Deployment, DeploymentStatus, FailureCause};
use conman_domain::id::JobId;
use conman_domain::job::{Job, JobEvent, JobLog, JobStatus, Work};
use conman_domain::policy::{self, JobAction};
use conman_domain::release::{ReleaseEvent, ReleaseStatus};
use conman_store::collections::{
    JOB_BUT_MAILS, JOB_BY_APP, JOB_BY_STATE, JOB_BY_STATE_AND_TYPE, JOB_BY_TYPE, JOB_LOG_BY_JOB,
};
use conman_store::{Batch, Query, Versioned};
use serde_json::json;

/// Why work was given up that somebody stopped.
pub const STOPPED: &str = "somebody stopped the job";

impl Workflow {
    /// The app's jobs, newest first, of some kinds and in any or one state.
    pub async fn list_jobs(
        &self,
        member: &Member,
        kinds: &[&'static str],
        state: Option<&str>,
        page: Page,
    ) -> Result<(Vec<Versioned<Job>>, u64)> {
        let app_id = member.app_id().to_string();
        let query = match (kinds, state) {
            ([kind], None) => Query::<Job>::on(&JOB_BY_TYPE).eq(app_id).eq(*kind),
            ([kind], Some(state)) => Query::on(&JOB_BY_STATE_AND_TYPE).eq(app_id).eq(state).eq(*kind),
            (kinds, None) if *kinds == Work::TYPES => Query::on(&JOB_BY_APP).eq(app_id),
            (kinds, Some(state)) if *kinds == Work::TYPES => Query::on(&JOB_BY_STATE).eq(app_id).eq(state),
            (kinds, None) if *kinds == Work::TYPES_BUT_MAILS => Query::on(&JOB_BUT_MAILS).eq(app_id),
            (kinds, None) => Query::on(&JOB_BY_TYPE).eq(app_id).any_of(kinds.iter().copied()),
            (kinds, Some(state)) => {
                Query::on(&JOB_BY_STATE_AND_TYPE).eq(app_id).eq(state).any_of(kinds.iter().copied())
            }
        };
        let found = self
            .store()
            .find(query.descending().skip(page.skip()).limit(u64::from(page.limit)).with_total())
            .await?;
        Ok((found.items, found.total))
    }

    /// One job of the member's app.
    pub async fn job(&self, member: &Member, id: JobId) -> Result<Versioned<Job>> {
        let job: Versioned<Job> = self.load("job", id).await?;
        if job.doc.app_id == Some(member.app_id()) { Ok(job) } else { Err(Rejection::NotFound("job").into()) }
    }

    /// A job's log from behind a line on, oldest first.
    pub async fn job_log(&self, member: &Member, id: JobId, after: u32, limit: u32) -> Result<Vec<JobLog>> {
        let job = self.job(member, id).await?;
        let query = Query::<JobLog>::on(&JOB_LOG_BY_JOB)
            .eq(job.doc.id.to_string())
            .after(after)
            .limit(u64::from(limit));
        Ok(self.store().find(query).await?.items.into_iter().map(|line| line.doc).collect())
    }

    /// Asks a job to stop: at once while it waits, at its next decision while it runs.
    pub async fn cancel_job(&self, member: &Member, id: JobId) -> Result<Versioned<Job>> {
        retrying(|| async {
            let before = self.job(member, id).await?;
            policy::job(member.viewer(), &before.doc, JobAction::Cancel)?;
            let after = Job { cancel_requested: true, ..before.doc.clone() };
            let at = self.now().await?;
            let mut change = Change::by(&member.actor, Some(member.app_id()), at);
            change.replace(&after, before.version);
            change.audit(
                "job",
                id,
                "job.cancel_requested",
                json!({"state": before.doc.status.name()}),
                json!(null),
            );
            self.commit(change).await
        })
        .await?;
        let job = self.job(member, id).await?;
        if !matches!(job.doc.status, JobStatus::Queued { .. }) {
            return Ok(job);
        }
        self.end_waiting(&job).await?;
        self.job(member, id).await
    }

    /// Ends a waiting job that was asked to stop. No runner begins it any more, and one that claims it ends it itself, so
    /// that this may break off anywhere.
    async fn end_waiting(&self, job: &Versioned<Job>) -> Result<()> {
        self.give_up(&job.doc.work, STOPPED).await?;
        let status = job.doc.status.clone().next(JobEvent::Cancel(self.now().await?))?;
        let ended = Job { status, ..job.doc.clone() };
        match self.store().commit(Batch::new().replace(&ended, job.version)).await {
            Err(error) if !error.is_conflict() => Err(error.into()),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Brings what a job was about to a state that somebody can go on from, after the job was given up or stopped.
    pub async fn give_up(&self, work: &Work, reason: &str) -> Result<()> {
        match work {
            Work::MsuiteSubmit { changeset_id, revision } => {
                let message = format!("the validation could not run: {reason}; resubmit to try again");
                let finding = Finding::of_no_file("validation", message);
                self.record_validation(None, *changeset_id, *revision, vec![finding]).await
            }
            Work::ReleaseAssemble { release_id, .. } => {
                retrying(|| async {
                    let full = self.full_release(*release_id).await?;
                    let release = &full.release.doc;
                    if !matches!(release.status, ReleaseStatus::Assembling { .. }) {
                        return Ok(());
                    }
                    let at = self.now().await?;
                    let mut change = Change::by_system(Some(release.app_id), at);
                    change.replace(
                        &set_status(release, ReleaseEvent::ReturnToDraft, at)?,
                        full.release.version,
                    );
                    let told = json!({"state": "draft_release", "reason": reason});
                    change.audit(
                        "release",
                        release.id,
                        "release.returned_to_draft",
                        json!({"state": "assembling"}),
                        told,
                    );
                    self.commit(change).await
                })
                .await
            }
            Work::DeployRelease { deployment_id } => self.settle_deployment(*deployment_id, reason).await,
            // A decided publication is finished by its own replay; an undecided one is still validated.
            Work::ReleasePublish { .. }
            | Work::RevalidateQueuedChangeset { .. }
            | Work::SendNotification { .. } => Ok(()),
        }
    }

    /// What the distribution database has is so; what it has not did not happen.
    async fn settle_deployment(&self, id: conman_domain::id::DeploymentId, reason: &str) -> Result<()> {
        let deployment: Versioned<Deployment> = self.load("deployment", id).await?;
        match deployment.doc.status {
            DeploymentStatus::Running { .. }
                if self.distribution().history_of(&id.to_string()).await?.is_some() =>
            {
                self.finish_deployment(id).await
            }
            DeploymentStatus::Pending | DeploymentStatus::Running { .. } => {
                self.fail_deployment(None, id, FailureCause::Errored, reason.to_owned()).await
            }
            DeploymentStatus::Succeeded { .. }
            | DeploymentStatus::Failed { .. }
            | DeploymentStatus::Canceled { .. } => Ok(()),
        }
    }
}
