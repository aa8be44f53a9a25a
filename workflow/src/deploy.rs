//! Deploying: decided in the store, activated in the distribution database, finished in the store.

use crate::actor::{Member, Page};
use crate::change::{Change, Letter};
use crate::error::{Error, Rejection, Result};
use crate::fresh::fresh_id;
use crate::job_context::JobContext;
use crate::releases::set_status;
use crate::services::Workflow;
use crate::support::retrying;
use crate::validation::{own_values, value_finding};
use bytes::Bytes;
use conman_distribution::{Activated, Activation, HistoryRow};
use conman_domain::access::Role;
use conman_domain::changeset::Approval;
use conman_domain::deployment::{Deployment, DeploymentEvent, DeploymentKind, DeploymentStatus, FailureCause};
use conman_domain::environment::{Environment, Running};
use conman_domain::id::{DeploymentId, EnvironmentId, ReleaseId};
use conman_domain::job::Work;
use conman_domain::policy::{self, AppAction, DeploymentAction, ReleaseAction};
use conman_domain::profile::RuntimeProfile;
use conman_domain::release::{Publication, Release, ReleaseEvent};
use conman_domain::snapshot::{ChangeKind, ConfigVersion, ContentHash, Provenance, SnapshotParameter};
use conman_store::collections::{DEPLOYMENT_ACTIVE, DEPLOYMENT_BY_APP, DEPLOYMENT_BY_ENVIRONMENT, DEPLOYMENT_BY_RELEASE};
use conman_store::{Query, Versioned};
use fail::fail_point;
use serde_json::json;
use std::collections::BTreeMap;

/// How many approvals a deployment that leaves stages out needs, from two people.
pub const SKIP_STAGE_APPROVALS: u32 = 2;
/// How many bytes of file contents go to the distribution database at once.
const BLOB_CHUNK: usize = 4 * 1024 * 1024;

impl Workflow {
    /// Asks for a release to be put on an environment.
    ///
    /// It runs at once where the release is live on the stage before, or was on this environment earlier. Leaving stages
    /// out needs two approvals first.
    pub async fn request_deployment(&self, member: &Member, environment: EnvironmentId, release: ReleaseId) -> Result<Versioned<Deployment>> {
        member.may(AppAction::Deploy)?;
        let full = self.release(member, release).await?;
        policy::release(member.viewer(), &full.release.doc, ReleaseAction::Deploy)?;
        let Some(publication) = full.release.doc.status.publication().cloned() else {
            return Err(Error::conflict("not_published", "only a published release is deployed"));
        };
        let environment = self.environment(member, environment).await?;
        let kind = self.kind_of(&environment.doc, release).await?;
        let at = self.now().await?;
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
            requested_by: member.actor.user_id,
            created_at: at,
            updated_at: at,
        };
        let mut change = Change::by(&member.actor, Some(member.app_id()), at);
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
        let told = json!({"environment": environment.doc.name, "tag": publication.tag, "kind": kind});
        change.audit_commit("deployment", deployment.id, "deployment.requested", json!(null), told, Some(publication.commit));
        self.commit(change).await.map_err(|error| match error.conflict_code() {
            Some("not_unique") => {
                Error::conflict("deployment_active", format!("another deployment to `{}` is under way; wait for it", environment.doc.name))
            }
            _ => error,
        })?;
        self.load("deployment", deployment.id).await
    }

    /// Asks for what the stage before runs to be put on an environment.
    pub async fn promote(&self, member: &Member, environment: EnvironmentId) -> Result<Versioned<Deployment>> {
        member.may(AppAction::Deploy)?;
        let target = self.environment(member, environment).await?;
        let Some(previous) = self.stage_before(&target.doc).await? else {
            return Err(Error::conflict("first_stage", format!("`{}` is the first stage; deploy a release to it", target.doc.name)));
        };
        match previous.running {
            Some(running) => self.request_deployment(member, environment, running.release_id).await,
            None => Err(Error::conflict("nothing_to_promote", format!("`{}` runs nothing yet", previous.name))),
        }
    }

    /// Puts a release that the environment ran before on it again, and holds automatic promotion into it.
    pub async fn redeploy(&self, member: &Member, environment: EnvironmentId, release: ReleaseId) -> Result<Versioned<Deployment>> {
        member.may(AppAction::Deploy)?;
        let full = self.release(member, release).await?;
        if full.release.doc.status.publication().is_none() {
            return Err(Error::conflict("not_published", "an environment goes back to published releases only"));
        }
        let target = self.environment(member, environment).await?;
        if !self.ran_before(environment, release).await? {
            let message = format!("`{}` has never run this release; deploy or promote it instead", target.doc.name);
            return Err(Error::conflict("never_ran", message));
        }
        if target.doc.running.as_ref().is_some_and(|running| running.release_id == release) {
            return Err(Error::conflict("runs_already", format!("`{}` runs this release now", target.doc.name)));
        }
        self.request_deployment(member, environment, release).await
    }

    async fn kind_of(&self, environment: &Environment, release: ReleaseId) -> Result<DeploymentKind> {
        let running = environment.running.as_ref().map(|running| running.release_id);
        if running != Some(release) && self.ran_before(environment.id, release).await? {
            return Ok(DeploymentKind::Redeploy);
        }
        Ok(match self.stage_before(environment).await? {
            None => DeploymentKind::Deploy,
            Some(before) if before.running.as_ref().is_some_and(|r| r.release_id == release) => DeploymentKind::Promote,
            Some(_) => DeploymentKind::SkipStage,
        })
    }

    async fn stage_before(&self, environment: &Environment) -> Result<Option<Environment>> {
        let all = self.environments(environment.app_id).await?;
        Ok(all.into_iter().map(|e| e.doc).filter(|e| e.position < environment.position).max_by_key(|e| e.position))
    }

    async fn ran_before(&self, environment: EnvironmentId, release: ReleaseId) -> Result<bool> {
        let query = Query::<Deployment>::on(&DEPLOYMENT_BY_RELEASE).eq(release.to_string()).eq(environment.to_string()).limit(200);
        Ok(self.store().find(query).await?.items.iter().any(|d| matches!(d.doc.status, DeploymentStatus::Succeeded { .. })))
    }

    /// One deployment of the member's app.
    pub async fn deployment(&self, member: &Member, id: DeploymentId) -> Result<Versioned<Deployment>> {
        let deployment: Versioned<Deployment> = self.load("deployment", id).await?;
        if deployment.doc.app_id == member.app_id() { Ok(deployment) } else { Err(Rejection::NotFound("deployment").into()) }
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
        let found = self.store().find(query.descending().skip(page.skip()).limit(u64::from(page.limit)).with_total()).await?;
        Ok((found.items, found.total))
    }

    /// The deployment that holds an environment now, if one does.
    pub async fn active_deployment(&self, environment: EnvironmentId) -> Result<Option<Versioned<Deployment>>> {
        let query = Query::<Deployment>::on(&DEPLOYMENT_ACTIVE).eq(environment.to_string()).limit(1);
        Ok(self.store().find(query).await?.items.into_iter().next())
    }

    /// Gives one of the approvals that a deployment needs; the last one starts it.
    pub async fn approve_deployment(&self, member: &Member, id: DeploymentId) -> Result<Versioned<Deployment>> {
        retrying(|| async {
            let before = self.deployment(member, id).await?;
            policy::deployment(member.viewer(), &before.doc, DeploymentAction::Approve)?;
            let at = self.now().await?;
            let mut after = before.doc.clone();
            after.approvals.push(Approval { user_id: member.actor.user_id, approved_at: at });
            after.updated_at = at;
            let mut change = Change::by(&member.actor, Some(member.app_id()), at);
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
    pub async fn cancel_deployment(&self, member: &Member, id: DeploymentId) -> Result<Versioned<Deployment>> {
        retrying(|| async {
            let before = self.deployment(member, id).await?;
            policy::deployment(member.viewer(), &before.doc, DeploymentAction::Cancel)?;
            let at = self.now().await?;
            let mut change = Change::by(&member.actor, Some(member.app_id()), at);
            advance(&mut change, &before, DeploymentEvent::Cancel(member.actor.user_id, at), "deployment.canceled")?;
            self.commit(change).await
        })
        .await?;
        self.deployment(member, id).await
    }

    /// Carries a deployment out; a job. Every step may be repeated.
    pub async fn run_deployment(&self, job: &JobContext, id: DeploymentId) -> Result<serde_json::Value> {
        let mut deployment: Versioned<Deployment> = self.load("deployment", id).await?;
        if let DeploymentStatus::Pending = deployment.doc.status {
            fail_point!("deploy.before_decision");
            match self.check_values(&deployment.doc).await? {
                Some(reason) => {
                    job.log(format!("Refused: {reason}")).await?;
                    self.fail_deployment(Some(job), id, FailureCause::Rejected, reason.clone()).await?;
                    return Ok(json!({"outcome": "failed", "reason": reason}));
                }
                None => retrying(|| self.decide_deployment(job.clone(), id)).await?,
            }
            fail_point!("deploy.after_decision");
            deployment = self.load("deployment", id).await?;
        }
        let DeploymentStatus::Running { version } = deployment.doc.status else {
            return Ok(json!({"outcome": deployment.doc.status.name()}));
        };
        let environment = self.environment_of(deployment.doc.app_id, deployment.doc.environment_id).await?;
        job.log(format!("Writing {} to {} as version {version}", deployment.doc.tag, environment.doc.name)).await?;
        let activation = self.activation(&deployment.doc, &environment.doc, version).await?;
        fail_point!("deploy.before_activate");
        let activated = match activation {
            Ok(activation) => self.distribution().activate(activation).await?,
            Err(reason) => return self.settle_refused(job, id, reason).await,
        };
        fail_point!("deploy.after_activate");
        match activated {
            Activated::Applied { .. } | Activated::AlreadyApplied { .. } => {
                self.finish_deployment(id).await?;
                job.log(format!("{} runs {}", environment.doc.name, deployment.doc.tag)).await?;
                Ok(json!({"outcome": "succeeded", "config_version": version}))
            }
            Activated::Superseded { active } => {
                let reason = format!("the environment runs version {active} already, which is newer");
                self.fail_deployment(Some(job), id, FailureCause::Errored, reason.clone()).await?;
                Ok(json!({"outcome": "failed", "reason": reason}))
            }
        }
    }

    /// Says why the environment's values do not fit the release's catalog, if they do not.
    async fn check_values(&self, deployment: &Deployment) -> Result<Option<String>> {
        let environment = self.environment_of(deployment.app_id, deployment.environment_id).await?;
        Ok(self.activation(deployment, &environment.doc, environment.doc.last_version.next()).await?.err())
    }

    /// The decision: the version is taken and the deployment runs.
    async fn decide_deployment(&self, job: JobContext, id: DeploymentId) -> Result<()> {
        let before: Versioned<Deployment> = self.load("deployment", id).await?;
        let deployment = &before.doc;
        if (deployment.approvals.len() as u64) < u64::from(deployment.approvals_required) {
            return Err(Error::conflict("approvals_missing", "the deployment has not the approvals that it needs"));
        }
        let environment = self.environment_of(deployment.app_id, deployment.environment_id).await?;
        // What the stage before runs may have changed since it was asked for.
        let kind = self.kind_of(&environment.doc, deployment.release_id).await?;
        if kind == DeploymentKind::SkipStage && deployment.approvals_required < SKIP_STAGE_APPROVALS {
            let reason = "the release is no longer live on the stage before".to_owned();
            return self.fail_deployment(Some(&job), id, FailureCause::Rejected, reason).await;
        }
        let at = self.now().await?;
        let version = environment.doc.last_version.next();
        let mut new_environment = environment.doc.clone();
        new_environment.last_version = version;
        let mut change = Change::by_system(Some(deployment.app_id), at);
        change.replace(&new_environment, environment.version);
        advance(&mut change, &before, DeploymentEvent::Start(version), "deployment.started")?;
        let letter = Letter {
            event: "deployment.started",
            subject: format!("Deployment started: {} on {}", deployment.tag, environment.doc.name),
            text: format!("Config version {version}."),
            link: Some(environment_link(&environment.doc)),
        };
        self.mail_user(&mut change, deployment.requested_by, &letter).await?;
        let fence = job.fence(&mut change).await?;
        self.commit(change).await?;
        drop(fence);
        Ok(())
    }

    /// What is to be written; or why the environment's values do not fit, as one sentence.
    async fn activation(
        &self,
        deployment: &Deployment,
        environment: &Environment,
        version: ConfigVersion,
    ) -> Result<std::result::Result<Activation, String>> {
        let release: Versioned<Release> = self.load("release", deployment.release_id).await?;
        let Some(publication) = release.doc.status.publication() else {
            return Ok(Err(format!("the release is {}", release.doc.status.name())));
        };
        let repository = self.repository(deployment.app_id);
        let catalog = match self.catalog(&repository, publication.tree).await? {
            Ok(catalog) => catalog,
            Err(findings) => return Ok(Err(findings.iter().map(crate::submit::tell).collect::<Vec<_>>().join("; "))),
        };
        let profile: Versioned<RuntimeProfile> = self.load("runtime profile", environment.profile_id).await?;
        let values = match catalog.resolve(&own_values(&catalog, &profile.doc)) {
            Ok(values) => values,
            Err(problems) => {
                let told: Vec<String> = problems.iter().map(|p| value_finding(&environment.name, p).message).collect();
                return Ok(Err(told.join("; ")));
            }
        };
        let mut parameters = BTreeMap::new();
        for (name, value) in values {
            if let Some(declared) = catalog.parameters.get(&name) {
                let (kind, category, hot_reloadable) = (declared.kind, declared.category, declared.hot_reloadable);
                parameters.insert(name, SnapshotParameter { value, kind, category, hot_reloadable });
            }
        }
        let files = self.publish_files(deployment, publication).await?;
        let mut people = vec![deployment.requested_by];
        people.extend(deployment.approvals.iter().map(|a| a.user_id));
        let names = self.user_names(&people).await?;
        let name = |id| names.get(&id).cloned().unwrap_or_else(|| "somebody".to_owned());
        let approvers: Vec<String> = deployment.approvals.iter().map(|a| name(a.user_id)).collect();
        Ok(Ok(Activation {
            source_id: deployment.id.to_string(),
            app_id: deployment.app_id,
            environment_id: environment.id,
            environment_name: environment.name.clone(),
            provenance: Provenance {
                release_tag: publication.tag.clone(),
                release_commit: publication.commit,
                tree_id: publication.tree,
                profile_revision: profile.doc.revision,
                config_version: version,
            },
            kind: if deployment.kind == DeploymentKind::Redeploy { ChangeKind::Redeployment } else { ChangeKind::Deployment },
            parameters,
            files,
            catalog,
            changed_by: name(deployment.requested_by),
            approved_by: if approvers.is_empty() { None } else { Some(approvers.join(", ")) },
            reason: None,
        }))
    }

    /// Makes the release's files known to the distribution database, where nobody sees them before they are activated.
    async fn publish_files(
        &self,
        deployment: &Deployment,
        publication: &Publication,
    ) -> Result<BTreeMap<conman_domain::RepoPath, ContentHash>> {
        let files = self.repository(deployment.app_id).files(publication.tree, |_| true).await?;
        let mut by_path = BTreeMap::new();
        let mut contents: BTreeMap<ContentHash, Vec<u8>> = BTreeMap::new();
        for (path, content) in files {
            let hash = ContentHash::of(&content.bytes);
            by_path.insert(path, hash.clone());
            contents.insert(hash, content.bytes);
        }
        let hashes: Vec<ContentHash> = contents.keys().cloned().collect();
        let (mut chunk, mut size) = (Vec::new(), 0);
        for hash in self.distribution().missing_blobs(&hashes).await? {
            let Some(bytes) = contents.remove(&hash) else { continue };
            size += bytes.len();
            chunk.push(Bytes::from(bytes));
            if size >= BLOB_CHUNK {
                self.distribution().put_blobs(std::mem::take(&mut chunk)).await?;
                size = 0;
            }
        }
        if !chunk.is_empty() {
            self.distribution().put_blobs(chunk).await?;
        }
        Ok(by_path)
    }

    /// A running deployment whose values no longer fit: it may have been activated before the answer was lost.
    async fn settle_refused(&self, job: &JobContext, id: DeploymentId, reason: String) -> Result<serde_json::Value> {
        if self.distribution().history_of(&id.to_string()).await?.is_some() {
            self.finish_deployment(id).await?;
            return Ok(json!({"outcome": "succeeded"}));
        }
        self.fail_deployment(Some(job), id, FailureCause::Rejected, reason.clone()).await?;
        Ok(json!({"outcome": "failed", "reason": reason}))
    }

    /// The last batch: what the distribution database's history says is so becomes the store's.
    pub(crate) async fn finish_deployment(&self, id: DeploymentId) -> Result<()> {
        let row = self.distribution().history_of(&id.to_string()).await?;
        let row = row.ok_or_else(|| Error::errored("the deployment is not in the distribution history", "no such row"))?;
        retrying(|| self.record_deployment(id, &row)).await?;
        fail_point!("deploy.after_finish");
        Ok(())
    }

    async fn record_deployment(&self, id: DeploymentId, row: &HistoryRow) -> Result<()> {
        let before: Versioned<Deployment> = self.load("deployment", id).await?;
        let deployment = &before.doc;
        if !matches!(deployment.status, DeploymentStatus::Running { .. }) {
            return Ok(());
        }
        let environment = self.environment_of(deployment.app_id, deployment.environment_id).await?;
        let at = self.now().await?;
        let mut change = Change::by_system(Some(deployment.app_id), at);
        advance(&mut change, &before, DeploymentEvent::Activated(row.at), "deployment.succeeded")?;
        let left = environment.doc.running.clone();
        let newer = left.as_ref().is_none_or(|running| running.provenance.config_version < row.provenance.config_version);
        if newer {
            let mut after = environment.doc.clone();
            after.running = Some(Running {
                release_id: deployment.release_id,
                deployment_id: id,
                provenance: row.provenance.clone(),
                activated_at: row.at,
            });
            after.promotion_hold = match deployment.kind {
                DeploymentKind::Redeploy => Some(format!("it went back to {}", deployment.tag)),
                DeploymentKind::Deploy | DeploymentKind::Promote | DeploymentKind::SkipStage => None,
            };
            change.replace(&after, environment.version);
            let everywhere = self
                .environments(deployment.app_id)
                .await?
                .iter()
                .filter(|other| other.doc.id != after.id)
                .all(|other| other.doc.running.as_ref().is_some_and(|r| r.release_id == deployment.release_id));
            let release: Versioned<Release> = self.load("release", deployment.release_id).await?;
            change.replace(&set_status(&release.doc, ReleaseEvent::Deployed { everywhere }, at)?, release.version);
            self.leave(&mut change, deployment, left).await?;
        }
        let letter = Letter {
            event: "deployment.succeeded",
            subject: format!("Deployed: {} on {}", deployment.tag, environment.doc.name),
            text: format!("Config version {} is active.", row.provenance.config_version),
            link: Some(environment_link(&environment.doc)),
        };
        self.mail_members(&mut change, deployment.app_id, Role::ConfigManager, &letter).await?;
        fail_point!("deploy.before_finish");
        self.commit(change).await
    }

    /// Going back marks the release that is left as rolled back.
    async fn leave(&self, change: &mut Change, deployment: &Deployment, left: Option<Running>) -> Result<()> {
        let Some(left) = left.filter(|left| left.release_id != deployment.release_id) else { return Ok(()) };
        if deployment.kind == DeploymentKind::Redeploy {
            let release: Versioned<Release> = self.load("release", left.release_id).await?;
            let at = change.at();
            change.replace(&set_status(&release.doc, ReleaseEvent::RollBack, at)?, release.version);
            let told = json!({"state": "rolled_back", "environment_id": deployment.environment_id});
            change.audit("release", left.release_id, "release.rolled_back", json!({"state": release.doc.status.name()}), told);
        }
        Ok(())
    }

    /// Records that a deployment did not happen.
    pub(crate) async fn fail_deployment(
        &self,
        job: Option<&JobContext>,
        id: DeploymentId,
        cause: FailureCause,
        reason: String,
    ) -> Result<()> {
        let job = job.cloned();
        retrying(|| async {
            let before: Versioned<Deployment> = self.load("deployment", id).await?;
            let at = self.now().await?;
            let mut change = Change::by_system(Some(before.doc.app_id), at);
            advance(&mut change, &before, DeploymentEvent::Fail { cause, reason: reason.clone(), at }, "deployment.failed")?;
            let letter = Letter {
                event: "deployment.failed",
                subject: format!("Deployment failed: {}", before.doc.tag),
                text: reason.clone(),
                link: Some(format!("/apps/{}/environments/{}", before.doc.app_id, before.doc.environment_id)),
            };
            self.mail_members(&mut change, before.doc.app_id, Role::ConfigManager, &letter).await?;
            let fence = match &job {
                Some(job) => Some(job.fence(&mut change).await?),
                None => None,
            };
            let done = self.commit(change).await;
            drop(fence);
            done
        })
        .await
    }
}

fn advance(change: &mut Change, before: &Versioned<Deployment>, event: DeploymentEvent, action: &str) -> Result<()> {
    let mut after = before.doc.clone();
    after.status = after.status.next(event)?;
    after.updated_at = change.at();
    change.replace(&after, before.version);
    change.audit("deployment", after.id, action, json!({"status": before.doc.status}), json!({"status": after.status}));
    Ok(())
}

fn environment_link(environment: &Environment) -> String {
    format!("/apps/{}/environments/{}", environment.app_id, environment.id)
}
