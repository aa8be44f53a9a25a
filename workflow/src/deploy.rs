//! Asking for deployments: to deploy, to promote, to go back; approving and canceling them.

use crate::actor::{Member, Page};
use crate::change::{Change, Letter};
use crate::error::{Error, Rejection, Result};
use crate::freezes::WhenFrozen;
use crate::fresh::fresh_id;
use crate::services::Workflow;
use crate::support::retrying;
use conman_domain::access::Role;
use conman_domain::changeset::Approval;
use conman_domain::deployment::{Deployment, DeploymentEvent, DeploymentKind, DeploymentStatus};
use conman_domain::environment::Environment;
use conman_domain::freeze::FreezeOverride;
use conman_domain::id::{DeploymentId, EnvironmentId, ReleaseId};
use conman_domain::job::Work;
use conman_domain::policy::{self, AppAction, DeploymentAction, EnvironmentAction, ReleaseAction};
use conman_store::collections::{
    DEPLOYMENT_ACTIVE, DEPLOYMENT_BY_APP, DEPLOYMENT_BY_ENVIRONMENT, DEPLOYMENT_BY_RELEASE,
};
use conman_store::{Query, Versioned};
use serde_json::json;

/// How many approvals a deployment that leaves stages out needs, from two people.
pub const SKIP_STAGE_APPROVALS: u32 = 2;

impl Workflow {
    /// Asks for a release to be put on an environment.
    ///
    /// It runs at once where the release is live on the stage before, or was on this environment earlier. Leaving stages
    /// out needs two approvals first.
    pub async fn request_deployment(
        &self,
        member: &Member,
        environment: EnvironmentId,
        release: ReleaseId,
        when_frozen: WhenFrozen<'_>,
    ) -> Result<Versioned<Deployment>> {
        // Somebody may save parameters of the environment at the same moment, again and again.
        let id = retrying(|| self.insert_deployment(member, environment, release, when_frozen)).await?;
        self.load("deployment", id).await
    }

    async fn insert_deployment(
        &self,
        member: &Member,
        environment: EnvironmentId,
        release: ReleaseId,
        when_frozen: WhenFrozen<'_>,
    ) -> Result<DeploymentId> {
        member.may(AppAction::Deploy)?;
        let full = self.release(member, release).await?;
        policy::release(member.viewer(), &full.release.doc, ReleaseAction::Deploy)?;
        let Some(publication) = full.release.doc.status.publication().cloned() else {
            return Err(Error::conflict("not_published", "only a published release is deployed"));
        };
        let environment = self.environment(member, environment).await?;
        let kind = self.kind_of(&environment.doc, release).await?;
        let at = self.now().await?;
        let mut change = Change::by(&member.actor, Some(member.app_id()), at);
        let freeze_override = self.heed_freezes(&mut change, &environment.doc, when_frozen).await?;
        let deployment = Deployment {
            id: fresh_id(),
            app_id: member.app_id(),
            environment_id: environment.doc.id,
            release_id: release,
            tag: publication.tag.clone(),
            kind,
            status: DeploymentStatus::Pending,
            approvals_required: if kind == DeploymentKind::SkipStage { SKIP_STAGE_APPROVALS } else { 0 },
            approvals: Vec::new(),
            freeze_override,
            rolls_back: None,
            requested_by: member.actor.user_id,
            created_at: at,
            updated_at: at,
        };
        change.insert(&deployment).check(&environment);
        if deployment.approvals_required == 0 {
            change.job(Work::DeployRelease { deployment_id: deployment.id });
        } else {
            let letter = Letter {
                event: "deployment.approval_requested",
                subject: format!("Approval needed: {} on {}", publication.tag, environment.doc.name),
                text: "The release is not live on the stage before, so two people must approve.".to_owned(),
                link: Some(environment_link(&environment.doc)),
            };
            self.mail_members(&mut change, member.app_id(), Role::Reviewer, &letter).await?;
        }
        let (id, name) = (environment.doc.id, &environment.doc.name);
        let told = json!({"environment": name, "environment_id": id, "tag": publication.tag, "kind": kind});
        change.audit_commit(
            "deployment",
            deployment.id,
            "deployment.requested",
            json!(null),
            told,
            Some(publication.commit),
        );
        self.commit(change).await.map_err(|error| match error.conflict_code() {
            Some("not_unique") => Error::conflict(
                "deployment_active",
                format!("another deployment to `{}` is under way; wait for it", environment.doc.name),
            ),
            _ => error,
        })?;
        Ok(deployment.id)
    }

    /// Asks for what the stage before runs to be put on an environment.
    pub async fn promote(
        &self,
        member: &Member,
        environment: EnvironmentId,
        when_frozen: WhenFrozen<'_>,
    ) -> Result<Versioned<Deployment>> {
        let target = self.environment(member, environment).await?;
        let before = self.stage_before(&target.doc).await?;
        policy::environment(member.viewer(), &target.doc, before.as_ref(), EnvironmentAction::Promote)?;
        match before.and_then(|before| before.running) {
            Some(running) => {
                self.request_deployment(member, environment, running.release_id, when_frozen).await
            }
            None => Err(Error::conflict("nothing_to_promote", "the stage before runs nothing yet")),
        }
    }

    /// Puts a release that the environment ran before on it again, and holds automatic promotion into it.
    pub async fn redeploy(
        &self,
        member: &Member,
        environment: EnvironmentId,
        release: ReleaseId,
        when_frozen: WhenFrozen<'_>,
    ) -> Result<Versioned<Deployment>> {
        member.may(AppAction::Deploy)?;
        let full = self.release(member, release).await?;
        if full.release.doc.status.publication().is_none() {
            return Err(Error::conflict(
                "not_published",
                "an environment goes back to published releases only",
            ));
        }
        let target = self.environment(member, environment).await?;
        if !self.ran_before(environment, release).await? {
            let message =
                format!("`{}` has never run this release; deploy or promote it instead", target.doc.name);
            return Err(Error::conflict("never_ran", message));
        }
        if target.doc.running.as_ref().is_some_and(|running| running.release_id == release) {
            return Err(Error::conflict(
                "runs_already",
                format!("`{}` runs this release now", target.doc.name),
            ));
        }
        self.request_deployment(member, environment, release, when_frozen).await
    }

    pub(crate) async fn kind_of(
        &self,
        environment: &Environment,
        release: ReleaseId,
    ) -> Result<DeploymentKind> {
        let running = environment.running.as_ref().map(|running| running.release_id);
        if running != Some(release) && self.ran_before(environment.id, release).await? {
            return Ok(DeploymentKind::Redeploy);
        }
        Ok(match self.stage_before(environment).await? {
            None => DeploymentKind::Deploy,
            Some(before) if before.running.as_ref().is_some_and(|r| r.release_id == release) => {
                DeploymentKind::Promote
            }
            Some(_) => DeploymentKind::SkipStage,
        })
    }

    /// The environment at the stage before, if there is one.
    pub async fn stage_before(&self, environment: &Environment) -> Result<Option<Environment>> {
        let all = self.environments(environment.app_id).await?;
        Ok(all
            .into_iter()
            .map(|e| e.doc)
            .filter(|e| e.position < environment.position)
            .max_by_key(|e| e.position))
    }

    async fn ran_before(&self, environment: EnvironmentId, release: ReleaseId) -> Result<bool> {
        let query = Query::<Deployment>::on(&DEPLOYMENT_BY_RELEASE)
            .eq(release.to_string())
            .eq(environment.to_string())
            .limit(200);
        Ok(self
            .store()
            .find(query)
            .await?
            .items
            .iter()
            .any(|d| matches!(d.doc.status, DeploymentStatus::Succeeded { .. })))
    }

    /// One deployment of the member's app.
    pub async fn deployment(&self, member: &Member, id: DeploymentId) -> Result<Versioned<Deployment>> {
        let deployment: Versioned<Deployment> = self.load("deployment", id).await?;
        if deployment.doc.app_id == member.app_id() {
            Ok(deployment)
        } else {
            Err(Rejection::NotFound("deployment").into())
        }
    }

    /// Deployments of the app or of one environment, newest first.
    pub async fn list_deployments(
        &self,
        member: &Member,
        environment: Option<EnvironmentId>,
        page: Page,
    ) -> Result<(Vec<Versioned<Deployment>>, u64)> {
        let query = match environment {
            Some(id) => {
                let environment = self.environment(member, id).await?;
                Query::<Deployment>::on(&DEPLOYMENT_BY_ENVIRONMENT).eq(environment.doc.id.to_string())
            }
            None => Query::on(&DEPLOYMENT_BY_APP).eq(member.app_id().to_string()),
        };
        let found = self
            .store()
            .find(query.descending().skip(page.skip()).limit(u64::from(page.limit)).with_total())
            .await?;
        Ok((found.items, found.total))
    }

    /// The deployment that holds an environment now, if one does.
    pub async fn active_deployment(
        &self,
        environment: EnvironmentId,
    ) -> Result<Option<Versioned<Deployment>>> {
        let query = Query::<Deployment>::on(&DEPLOYMENT_ACTIVE).eq(environment.to_string()).limit(1);
        Ok(self.store().find(query).await?.items.into_iter().next())
    }

    /// Gives one of the approvals that a deployment needs; the last one starts it, also in a freeze that an app admin sets
    /// aside with it.
    pub async fn approve_deployment(
        &self,
        member: &Member,
        id: DeploymentId,
        when_frozen: WhenFrozen<'_>,
    ) -> Result<Versioned<Deployment>> {
        retrying(|| async {
            let before = self.deployment(member, id).await?;
            policy::deployment(member.viewer(), &before.doc, DeploymentAction::Approve)?;
            let at = self.now().await?;
            let mut after = before.doc.clone();
            after.approvals.push(Approval { user_id: member.actor.user_id, approved_at: at });
            after.updated_at = at;
            let mut change = Change::by(&member.actor, Some(member.app_id()), at);
            if let WhenFrozen::SetAside(..) = when_frozen {
                let environment = self.environment(member, after.environment_id).await?;
                let set_aside = self.heed_freezes(&mut change, &environment.doc, when_frozen).await?;
                after.freeze_override = with_earlier(set_aside, after.freeze_override);
                change.check(&environment);
            }
            change.replace(&after, before.version);
            if after.approvals.len() as u64 >= u64::from(after.approvals_required) {
                change.job(Work::DeployRelease { deployment_id: id });
            }
            let told = |d: &Deployment| json!({"approvals": d.approvals.len()});
            change.audit("deployment", id, "deployment.approved", told(&before.doc), told(&after));
            self.commit(change).await
        })
        .await?;
        self.deployment(member, id).await
    }

    /// Stops a deployment before it runs.
    pub async fn cancel_deployment(
        &self,
        member: &Member,
        id: DeploymentId,
    ) -> Result<Versioned<Deployment>> {
        retrying(|| async {
            let before = self.deployment(member, id).await?;
            policy::deployment(member.viewer(), &before.doc, DeploymentAction::Cancel)?;
            let at = self.now().await?;
            let mut change = Change::by(&member.actor, Some(member.app_id()), at);
            advance(
                &mut change,
                &before,
                DeploymentEvent::Cancel(member.actor.user_id, at),
                "deployment.canceled",
            )?;
            self.commit(change).await
        })
        .await?;
        self.deployment(member, id).await
    }
}

/// A freeze that is set aside now, with what was set aside for the deployment before.
fn with_earlier(now: Option<FreezeOverride>, before: Option<FreezeOverride>) -> Option<FreezeOverride> {
    match (now, before) {
        (Some(mut now), Some(before)) => {
            let others = before.window_ids.into_iter().filter(|id| !now.window_ids.contains(id));
            let others: Vec<_> = others.collect();
            now.window_ids.extend(others);
            Some(now)
        }
        (now, before) => now.or(before),
    }
}

pub(crate) fn advance(
    change: &mut Change,
    before: &Versioned<Deployment>,
    event: DeploymentEvent,
    action: &str,
) -> Result<()> {
    let mut after = before.doc.clone();
    after.status = after.status.next(event)?;
    after.updated_at = change.at();
    change.replace(&after, before.version);
    change.audit(
        "deployment",
        after.id,
        action,
        json!({"status": before.doc.status}),
        json!({"status": after.status, "environment_id": after.environment_id}),
    );
    Ok(())
}

pub(crate) fn environment_link(environment: &Environment) -> String {
    format!("/apps/{}/environments/{}", environment.app_id, environment.id)
}
