//! Going back by itself: a deployed version that workers refuse is left for what the environment ran before.

use crate::change::{Change, Letter};
use crate::deploy::environment_link;
use crate::error::Result;
use crate::fresh::fresh_id;
use crate::services::Workflow;
use conman_domain::access::Role;
use conman_domain::deployment::{Deployment, DeploymentKind, DeploymentStatus};
use conman_domain::environment::Environment;
use conman_domain::id::{AppId, EnvironmentId};
use conman_domain::job::Work;
use conman_store::collections::{DEPLOYMENT_BY_ENVIRONMENT, DEPLOYMENT_ROLLS_BACK, ENVIRONMENT_BY_ROLLBACK};
use conman_store::{Query, Versioned};
use serde_json::json;

/// How many of an environment's deployments are searched for what it ran before.
const SEARCHED: u64 = 200;

impl Workflow {
    /// Looks at every environment that goes back by itself; from time to time, because workers write their refusals to
    /// the distribution database. Answers how many go back.
    pub async fn roll_back_refused(&self) -> Result<u32> {
        let query = Query::<Environment>::on(&ENVIRONMENT_BY_ROLLBACK).at_least(1).limit(10_000);
        let mut count = 0;
        for environment in self.store().find(query).await?.items {
            count += u32::from(self.roll_back_if_refused(environment).await?);
        }
        Ok(count)
    }

    /// The same for one environment, at the moment in which a worker tells of a refusal.
    pub(crate) async fn refused_by_worker(&self, app_id: AppId, id: EnvironmentId) -> Result<()> {
        let environment = self.environment_of(app_id, id).await?;
        self.roll_back_if_refused(environment).await?;
        Ok(())
    }

    /// Asks for what the environment ran before, if so many workers refuse what was deployed. Once per deployment, whoever
    /// looks: a unique index says so. What went back is left alone, so this never goes on.
    async fn roll_back_if_refused(&self, environment: Versioned<Environment>) -> Result<bool> {
        let (Some(least), Some(running)) =
            (environment.doc.rollback_when_refused_by, environment.doc.running.clone())
        else {
            return Ok(false);
        };
        let left: Versioned<Deployment> = self.load("deployment", running.deployment_id).await?;
        let version = running.provenance.config_version;
        let deployed =
            matches!(left.doc.status, DeploymentStatus::Succeeded { version: own, .. } if own == version);
        // Values that were saved since are people's to take back.
        if !deployed || left.doc.kind == DeploymentKind::Redeploy {
            return Ok(false);
        }
        let fleet = self.fleet(environment.doc.app_id, environment.doc.id).await?;
        let refusing: Vec<&str> = fleet.refusing(version).map(|s| s.report.name.as_str()).collect();
        if (refusing.len() as u64) < u64::from(least) || fleet.active != Some(version) {
            return Ok(false);
        }
        let before = Query::<Deployment>::on(&DEPLOYMENT_ROLLS_BACK).eq(left.doc.id.to_string()).limit(1);
        let at = self.now().await?;
        if !self.store().find(before).await?.items.is_empty()
            || self.frozen_start(&environment.doc, None, at).await?.is_some()
        {
            return Ok(false);
        }
        let Some(earlier) = self.ran_earlier(&left.doc).await? else { return Ok(false) };
        let mut change = Change::by_system(Some(environment.doc.app_id), at);
        // Whatever else is decided about the environment at this moment goes first.
        change.check(&environment);
        let deployment = Deployment {
            id: fresh_id(),
            release_id: earlier.release_id,
            tag: earlier.tag.clone(),
            kind: DeploymentKind::Redeploy,
            status: DeploymentStatus::Pending,
            approvals_required: 0,
            approvals: Vec::new(),
            freeze_override: None,
            rolls_back: Some(left.doc.id),
            created_at: at,
            updated_at: at,
            ..left.doc.clone()
        };
        change.insert(&deployment);
        change.job(Work::DeployRelease { deployment_id: deployment.id });
        let name = &environment.doc.name;
        let told = json!({
            "environment": name, "environment_id": environment.doc.id, "tag": deployment.tag,
            "kind": deployment.kind, "rolls_back": left.doc.id, "refused_version": version,
            "refused_by": refusing.len(),
        });
        change.audit("deployment", deployment.id, "deployment.rollback_started", json!(null), told);
        let letter = Letter {
            event: "deployment.rollback_started",
            subject: format!("Going back by itself: {} on {name}", deployment.tag),
            text: format!(
                "{} of its workers refuse version {version} ({}). {name} goes back to {}.",
                refusing.len(),
                left.doc.tag,
                deployment.tag,
            ),
            link: Some(environment_link(&environment.doc)),
        };
        self.mail_members(&mut change, environment.doc.app_id, Role::ConfigManager, &letter).await?;
        match self.commit(change).await {
            Ok(()) => Ok(true),
            // Somebody else saw it first, or a deployment is under way already.
            Err(error) if error.conflict_code().is_some() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The last deployment of another release before one: what the environment ran until then.
    async fn ran_earlier(&self, left: &Deployment) -> Result<Option<Deployment>> {
        let query = Query::<Deployment>::on(&DEPLOYMENT_BY_ENVIRONMENT)
            .eq(left.environment_id.to_string())
            .descending()
            .limit(SEARCHED);
        let found = self.store().find(query).await?.items.into_iter().map(|deployment| deployment.doc);
        let earlier = found.skip_while(|deployment| deployment.id != left.id).skip(1).find(|deployment| {
            matches!(deployment.status, DeploymentStatus::Succeeded { .. })
                && deployment.release_id != left.release_id
        });
        Ok(earlier)
    }
}
