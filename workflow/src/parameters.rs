//! The present values of an environment's parameters, and what a change of them starts from.

use crate::change::Change;
use crate::error::{Error, Result};
use crate::finish_draft::OUT_OF_STEP;
use crate::save_parameters::Saved;
use crate::services::Workflow;
use conman_domain::audit::AuditActor;
use conman_domain::catalog::{Catalog, Values};
use conman_domain::deployment::DeploymentStatus;
use conman_domain::draft::{DraftDecision, ParameterDraft};
use conman_domain::environment::{Environment, Running};
use conman_domain::id::{AppId, EnvironmentId, ProfileId, UserId};
use conman_domain::profile::{ProfileRevision, RuntimeProfile};
use conman_domain::snapshot::ConfigVersion;
use conman_domain::value_change::{ChangedValues, snapshot_parameters};
use conman_store::collections::{DRAFT_APPROVED, profile_revision_id};
use conman_store::{Query, Versioned};
use serde_json::json;

/// What an environment runs, with everything that decides about a change of its values.
///
/// A batch that [takes](Present::takes) from it commits only while all of this is still so.
#[derive(Debug)]
pub(crate) struct Present {
    pub(crate) environment: Versioned<Environment>,
    pub(crate) running: Running,
    pub(crate) profile: Versioned<RuntimeProfile>,
    /// Of the release that runs.
    pub(crate) catalog: Catalog,
}

impl Workflow {
    /// What an environment runs, after everything that was decided for it has been finished.
    ///
    /// Refused while a deployment is being carried out, and while the profile holds values that do not run: they would
    /// become active with a change of others, unseen.
    pub(crate) async fn present(
        &self,
        app_id: AppId,
        id: EnvironmentId,
        may: impl Fn(&Environment) -> Result<()>,
    ) -> Result<Present> {
        loop {
            let present = self.present_once(app_id, id, &may).await?;
            let Err(drifted) = self.refuse_drift(&present).await else { return Ok(present) };
            // Its parts are read one after the other: a change that was finished meanwhile is no drift.
            if self.environment_of(app_id, id).await?.version == present.environment.version {
                return Err(drifted);
            }
        }
    }

    async fn present_once(
        &self,
        app_id: AppId,
        id: EnvironmentId,
        may: impl Fn(&Environment) -> Result<()>,
    ) -> Result<Present> {
        let environment = self.settled(app_id, id).await?;
        may(&environment.doc)?;
        let deployment = self.active_deployment(id).await?;
        if deployment.is_some_and(|d| matches!(d.doc.status, DeploymentStatus::Running { .. })) {
            let message = format!(
                "a deployment to `{}` is being carried out; save again when it has ended",
                environment.doc.name
            );
            return Err(Error::conflict("deployment_running", message));
        }
        let running = environment.doc.running.clone().ok_or_else(|| {
            Error::conflict("wrong_state", "the environment runs nothing yet, and so has no parameters")
        })?;
        let profile: Versioned<RuntimeProfile> =
            self.load("runtime profile", environment.doc.profile_id).await?;
        let catalog = self.running_catalog(app_id, &running).await?;
        Ok(Present { environment, running, profile, catalog })
    }

    /// The environment, after a decided draft of it, if there was one, became active.
    ///
    /// Read before the draft is looked for: one that is decided later changes the environment's version.
    pub(crate) async fn settled(&self, app_id: AppId, id: EnvironmentId) -> Result<Versioned<Environment>> {
        loop {
            let environment = self.environment_of(app_id, id).await?;
            let query = Query::<ParameterDraft>::on(&DRAFT_APPROVED).eq(id.to_string()).limit(1);
            match self.store().find(query).await?.items.into_iter().next() {
                Some(decided) => match self.finish_draft(decided.doc.id).await {
                    // It is over, and holds nobody up.
                    Err(error) if error.conflict_code() == Some(OUT_OF_STEP) => {}
                    finished => drop(finished?),
                },
                None => return Ok(environment),
            }
        }
    }

    /// The catalog of the release that an environment runs.
    pub(crate) async fn running_catalog(&self, app_id: AppId, running: &Running) -> Result<Catalog> {
        let repository = self.repository(app_id);
        let catalog = self.catalog(&repository, running.provenance.tree_id).await?;
        catalog
            .map_err(|_| Error::errored("the catalog of what runs cannot be read", "it was validated once"))
    }

    /// A revision of a profile, as it was made.
    pub(crate) async fn profile_revision(&self, id: ProfileId, revision: u32) -> Result<ProfileRevision> {
        let found: Versioned<ProfileRevision> =
            self.load("profile revision", profile_revision_id(id, revision)).await?;
        Ok(found.doc)
    }

    async fn refuse_drift(&self, present: &Present) -> Result<()> {
        let (runs, profile) = (present.running.provenance.profile_revision, &present.profile.doc);
        if runs == profile.revision {
            return Ok(());
        }
        let then = self.profile_revision(profile.id, runs).await?;
        let (then, now) =
            (present.catalog.own_values(&then.env_vars), present.catalog.own_values(&profile.env_vars));
        let differs = |name: &&conman_domain::name::ParameterName| then.get(*name) != now.get(*name);
        let mut names: Vec<_> = then.keys().chain(now.keys()).filter(differs).collect();
        names.sort();
        names.dedup();
        if names.is_empty() {
            return Ok(());
        }
        Err(Error::conflict_with(
            "profile_edited",
            "the profile was edited and its values do not run yet; deploy, and save then",
            json!({"parameters": names}),
        ))
    }
}

impl Present {
    /// What runs, as the answer to a save that changes nothing.
    pub(crate) fn saved(&self) -> Saved {
        Saved {
            version: self.running.provenance.config_version,
            profile_revision: self.running.provenance.profile_revision,
            activated_at: self.running.activated_at,
        }
    }

    /// The values that run, by name.
    pub(crate) fn values(&self) -> Values {
        let parameters = snapshot_parameters(&self.catalog, &self.profile.doc.env_vars).unwrap_or_default();
        parameters.into_iter().map(|(name, parameter)| (name, parameter.value)).collect()
    }

    /// Refuses a change that was made on another version, with the values of the present one.
    pub(crate) fn expects(&self, base: ConfigVersion) -> Result<()> {
        let version = self.running.provenance.config_version;
        if base == version {
            return Ok(());
        }
        let message =
            format!("the environment runs version {version} by now; look at its values and decide again");
        let details = json!({"config_version": version, "values": self.values()});
        Err(Error::conflict_with("stale_base", message, details))
    }

    /// Takes the environment's next config version and its profile's next revision for changed values.
    pub(crate) fn takes(
        &self,
        change: &mut Change,
        changed: &ChangedValues,
        changed_by: AuditActor,
        reason: Option<String>,
        approved_by: Option<UserId>,
    ) -> DraftDecision {
        let at = change.at();
        let mut environment = self.environment.doc.clone();
        environment.last_version = environment.last_version.next();
        let mut profile = self.profile.doc.clone();
        profile.revision += 1;
        profile.env_vars = changed.variables.clone();
        profile.updated_at = at;
        change.replace(&environment, self.environment.version);
        change.replace(&profile, self.profile.version);
        change.insert(&ProfileRevision {
            profile_id: profile.id,
            app_id: profile.app_id,
            revision: profile.revision,
            env_vars: profile.env_vars,
            settings: profile.settings,
            secrets: profile.secrets,
            changed_by,
            reason: reason.unwrap_or_default(),
            changed_at: at,
        });
        DraftDecision {
            approved_by,
            follows: self.running.provenance.config_version,
            version: environment.last_version,
            profile_revision: profile.revision,
            approved_at: at,
        }
    }
}
