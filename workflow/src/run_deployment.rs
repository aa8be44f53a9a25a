//! Carrying a deployment out: decided in the store, activated in the distribution database, finished in the store.

use crate::change::{Change, Letter};
use crate::deploy::{SKIP_STAGE_APPROVALS, advance, environment_link};
use crate::error::{Error, Result};
use crate::job_context::JobContext;
use crate::releases::set_status;
use crate::services::Workflow;
use crate::support::retrying;
use crate::validation::value_finding;
use bytes::Bytes;
use conman_distribution::{Activated, Activation, HistoryRow};
use conman_domain::access::Role;
use conman_domain::catalog::Catalog;
use conman_domain::deployment::{
    Deployment, DeploymentEvent, DeploymentKind, DeploymentStatus, FailureCause,
};
use conman_domain::environment::{Environment, Running};
use conman_domain::id::{AppId, DeploymentId, EnvironmentId};
use conman_domain::name::ParameterName;
use conman_domain::profile::RuntimeProfile;
use conman_domain::release::{Publication, Release, ReleaseEvent};
use conman_domain::snapshot::{ChangeKind, ConfigVersion, ContentHash, Provenance, SnapshotParameter};
use conman_domain::value_change::snapshot_parameters;
use conman_store::Versioned;
use fail::fail_point;
use serde_json::json;
use std::collections::BTreeMap;

/// How many bytes of file contents go to the distribution database at once.
const BLOB_CHUNK: usize = 4 * 1024 * 1024;

/// A release with the values that an environment gives its parameters.
struct Resolved {
    publication: Publication,
    catalog: Catalog,
    parameters: BTreeMap<ParameterName, SnapshotParameter>,
    profile_revision: u32,
}

impl Workflow {
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
        job.log(format!("Writing {} to {} as version {version}", deployment.doc.tag, environment.doc.name))
            .await?;
        let resolved = match self.resolve(&deployment.doc, &environment.doc).await? {
            Ok(resolved) => resolved,
            Err(reason) => return self.settle_refused(job, id, reason).await,
        };
        let activation = self.activation(&deployment.doc, &environment.doc, version, resolved).await?;
        fail_point!("deploy.before_activate");
        let activated = self.distribution().activate(activation).await?;
        fail_point!("deploy.after_activate");
        match activated {
            Activated::Applied { .. } | Activated::AlreadyApplied { .. } => {
                self.finish_deployment(id).await?;
                job.log(format!("{} runs {}", environment.doc.name, deployment.doc.tag)).await?;
                Ok(json!({"outcome": "succeeded", "config_version": version}))
            }
            Activated::Superseded { active } => {
                let reason = format!(
                    "the environment runs version {active} already, which is newer; the next deployment gets a newer one"
                );
                retrying(|| self.pass_version(environment.doc.app_id, environment.doc.id, active)).await?;
                self.fail_deployment(Some(job), id, FailureCause::Errored, reason.clone()).await?;
                Ok(json!({"outcome": "failed", "reason": reason}))
            }
        }
    }

    /// Gives no version again that an environment has had: the distribution database may know of more than the store,
    /// where one of the two was put back to what it was before.
    async fn pass_version(
        &self,
        app: AppId,
        environment: EnvironmentId,
        active: ConfigVersion,
    ) -> Result<()> {
        let before = self.environment_of(app, environment).await?;
        if before.doc.last_version >= active {
            return Ok(());
        }
        let mut change = Change::by_system(Some(app), self.now().await?);
        let after = Environment { last_version: active, ..before.doc.clone() };
        change.replace(&after, before.version);
        let (was, is) = (json!({"last_version": before.doc.last_version}), json!({"last_version": active}));
        change.audit("environment", environment, "environment.versions_passed", was, is);
        self.commit(change).await
    }

    /// Says why the environment's values do not fit the release's catalog, if they do not.
    async fn check_values(&self, deployment: &Deployment) -> Result<Option<String>> {
        let environment = self.environment_of(deployment.app_id, deployment.environment_id).await?;
        Ok(self.resolve(deployment, &environment.doc).await?.err())
    }

    /// The decision: the version is taken and the deployment runs.
    async fn decide_deployment(&self, job: JobContext, id: DeploymentId) -> Result<()> {
        let before: Versioned<Deployment> = self.load("deployment", id).await?;
        let deployment = &before.doc;
        if !matches!(deployment.status, DeploymentStatus::Pending) {
            // Somebody canceled it at the same moment.
            return Ok(());
        }
        if (deployment.approvals.len() as u64) < u64::from(deployment.approvals_required) {
            return Err(Error::conflict(
                "approvals_missing",
                "the deployment has not the approvals that it needs",
            ));
        }
        // What was saved before has its place before it.
        let environment = self.settled(deployment.app_id, deployment.environment_id).await?;
        // What the stage before runs may have changed since it was asked for.
        let kind = self.kind_of(&environment.doc, deployment.release_id).await?;
        if kind == DeploymentKind::SkipStage && deployment.approvals_required < SKIP_STAGE_APPROVALS {
            let reason = "the release is no longer live on the stage before".to_owned();
            return self.fail_deployment(Some(&job), id, FailureCause::Rejected, reason).await;
        }
        let at = self.now().await?;
        // It may have waited for its approvals or its job until a freeze began.
        let set_aside = deployment.freeze_override.as_ref();
        if let Some(reason) = self.frozen_start(&environment.doc, set_aside, at).await? {
            return self.fail_deployment(Some(&job), id, FailureCause::Rejected, reason).await;
        }
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

    /// The release with every parameter's value; or why the environment's values do not fit, as one sentence.
    async fn resolve(
        &self,
        deployment: &Deployment,
        environment: &Environment,
    ) -> Result<Result<Resolved, String>> {
        let release: Versioned<Release> = self.load("release", deployment.release_id).await?;
        let Some(publication) = release.doc.status.publication() else {
            return Ok(Err(format!("the release is {}", release.doc.status.name())));
        };
        let repository = self.repository(deployment.app_id);
        let catalog = match self.catalog(&repository, publication.tree).await? {
            Ok(catalog) => catalog,
            Err(findings) => {
                return Ok(Err(findings.iter().map(crate::submit::tell).collect::<Vec<_>>().join("; ")));
            }
        };
        let profile: Versioned<RuntimeProfile> = self.load("runtime profile", environment.profile_id).await?;
        let parameters = match snapshot_parameters(&catalog, &profile.doc.env_vars) {
            Ok(parameters) => parameters,
            Err(problems) => {
                let told: Vec<String> =
                    problems.iter().map(|p| value_finding(&environment.name, p).message).collect();
                return Ok(Err(told.join("; ")));
            }
        };
        let (publication, profile_revision) = (publication.clone(), profile.doc.revision);
        Ok(Ok(Resolved { publication, catalog, parameters, profile_revision }))
    }

    /// What is to be written to the distribution database.
    async fn activation(
        &self,
        deployment: &Deployment,
        environment: &Environment,
        version: ConfigVersion,
        resolved: Resolved,
    ) -> Result<Activation> {
        let publication = &resolved.publication;
        let files = self.publish_files(deployment, publication).await?;
        let mut people = vec![deployment.requested_by];
        people.extend(deployment.approvals.iter().map(|a| a.user_id));
        let names = self.user_names(&people).await?;
        let name = |id| names.get(&id).cloned().unwrap_or_else(|| "somebody".to_owned());
        let approvers: Vec<String> = deployment.approvals.iter().map(|a| name(a.user_id)).collect();
        let back = deployment.kind == DeploymentKind::Redeploy;
        Ok(Activation {
            source_id: deployment.id.to_string(),
            app_id: deployment.app_id,
            environment_id: environment.id,
            environment_name: environment.name.clone(),
            provenance: Provenance {
                release_tag: publication.tag.clone(),
                release_commit: publication.commit,
                tree_id: publication.tree,
                profile_revision: resolved.profile_revision,
                config_version: version,
            },
            kind: if back { ChangeKind::Redeployment } else { ChangeKind::Deployment },
            parameters: resolved.parameters,
            files,
            catalog: resolved.catalog,
            changed_by: match deployment.rolls_back {
                Some(_) => "system".to_owned(),
                None => name(deployment.requested_by),
            },
            approved_by: if approvers.is_empty() { None } else { Some(approvers.join(", ")) },
            reason: deployment.rolls_back.map(|_| "Workers refused the version before.".to_owned()),
        })
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
    async fn settle_refused(
        &self,
        job: &JobContext,
        id: DeploymentId,
        reason: String,
    ) -> Result<serde_json::Value> {
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
        let row = row.ok_or_else(|| {
            Error::errored("the deployment is not in the distribution history", "no such row")
        })?;
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
        let newer = left
            .as_ref()
            .is_none_or(|running| running.provenance.config_version < row.provenance.config_version);
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
                .all(|other| {
                    other.doc.running.as_ref().is_some_and(|r| r.release_id == deployment.release_id)
                });
            let release: Versioned<Release> = self.load("release", deployment.release_id).await?;
            let deployed = set_status(&release.doc, ReleaseEvent::Deployed { everywhere }, at)?;
            change.replace(&deployed, release.version);
            let told =
                json!({"state": deployed.status.name(), "environment_id": after.id, "deployment_id": id});
            change.audit(
                "release",
                release.doc.id,
                "release.deployed",
                json!({"state": release.doc.status.name()}),
                told,
            );
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
            change.audit(
                "release",
                left.release_id,
                "release.rolled_back",
                json!({"state": release.doc.status.name()}),
                told,
            );
        }
        Ok(())
    }

    /// Records that a deployment did not happen, unless it has ended already.
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
            if !matches!(before.doc.status, DeploymentStatus::Pending | DeploymentStatus::Running { .. }) {
                return Ok(());
            }
            let at = self.now().await?;
            let mut change = Change::by_system(Some(before.doc.app_id), at);
            advance(
                &mut change,
                &before,
                DeploymentEvent::Fail { cause, reason: reason.clone(), at },
                "deployment.failed",
            )?;
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
