//! Bringing a decided draft of parameters to its end: activated in the distribution database, finished in the store.

use crate::change::Change;
use crate::deploy::environment_link;
use crate::error::{Error, Result};
use crate::save_parameters::Saved;
use crate::services::Workflow;
use crate::support::retrying;
use conman_distribution::{Activated, DistributionError, HistoryRow, ParameterActivation};
use conman_domain::audit::AuditActor;
use conman_domain::draft::{DraftDecision, DraftEvent, DraftStatus, ParameterDraft};
use conman_domain::environment::Running;
use conman_domain::id::DraftId;
use conman_domain::snapshot::ConfigVersion;
use conman_domain::value_change::snapshot_parameters;
use conman_store::collections::DRAFT_UNFINISHED;
use conman_store::{Query, Versioned};
use fail::fail_point;
use serde_json::json;

impl Workflow {
    /// Makes a decided draft active, if it is not. Every step may be repeated, by several at once.
    pub(crate) async fn finish_draft(&self, id: DraftId) -> Result<Saved> {
        let draft: Versioned<ParameterDraft> = self.load("draft", id).await?;
        match draft.doc.status.clone() {
            DraftStatus::Active { decision, activated_at } => Ok(saved(&decision, activated_at)),
            DraftStatus::Approved { decision } => match self.activate_draft(&draft.doc, &decision).await? {
                Ok(row) => {
                    retrying(|| self.record_draft(id, &row)).await?;
                    fail_point!("save.after_finish");
                    Ok(saved(&decision, row.at))
                }
                Err(active) => {
                    let failure = not_following(active, &decision);
                    retrying(|| self.fail_draft(id, active)).await?;
                    Err(out_of_step(&failure))
                }
            },
            DraftStatus::Failed { failure, .. } => Err(out_of_step(&failure)),
            DraftStatus::Draft | DraftStatus::PendingApproval | DraftStatus::Rejected { .. } => {
                Err(Error::errored("a draft that nobody decided cannot be finished", "no decision"))
            }
        }
    }

    /// Writes the values that were decided, unless they are written, and answers their row of history; or the version that
    /// runs, where the decision does not follow on it: one of the databases was put back to what it was before.
    async fn activate_draft(
        &self,
        draft: &ParameterDraft,
        decision: &DraftDecision,
    ) -> Result<std::result::Result<HistoryRow, ConfigVersion>> {
        let source_id = draft.id.to_string();
        let environment = self.environment_of(draft.app_id, draft.environment_id).await?.doc;
        let runs = environment.running.as_ref().map(|running| running.provenance.config_version);
        let running = environment.running.filter(|r| r.provenance.config_version == decision.follows);
        let Some(running) = running else {
            // Somebody else has finished it in the meantime, or it never will be.
            let row = self.distribution().history_of(&source_id).await?;
            return Ok(row.ok_or(runs.unwrap_or_default()));
        };
        let revision = self.profile_revision(environment.profile_id, decision.profile_revision).await?;
        let catalog = self.running_catalog(draft.app_id, &running).await?;
        let parameters = snapshot_parameters(&catalog, &revision.env_vars).map_err(|_| {
            Error::errored("decided values do not fit the catalog", "they were validated once")
        })?;
        let approver = match decision.approved_by {
            Some(id) => self.user_names(&[id]).await?.remove(&id).or(Some("somebody".to_owned())),
            None => None,
        };
        let activation = ParameterActivation {
            source_id: source_id.clone(),
            app_id: draft.app_id,
            environment_id: draft.environment_id,
            base_version: decision.follows,
            config_version: decision.version,
            profile_revision: decision.profile_revision,
            kind: draft.kind,
            parameters,
            changed_by: name_of(&draft.edited_by),
            approved_by: approver,
            reason: draft.reason.clone(),
        };
        fail_point!("save.before_activate");
        let activated = match self.distribution().activate_parameters(activation).await {
            Ok(activated) => activated,
            Err(DistributionError::WrongBase { active }) => return Ok(Err(active)),
            Err(error) => return Err(error.into()),
        };
        fail_point!("save.after_activate");
        match activated {
            Activated::Applied { .. } | Activated::AlreadyApplied { .. } => {
                let row = self.distribution().history_of(&source_id).await?;
                let missing =
                    || Error::errored("the change is not in the distribution history", "no such row");
                row.ok_or_else(missing).map(Ok)
            }
            Activated::Superseded { active } => Ok(Err(active)),
        }
    }

    /// Gives a decided draft up that does not follow on what runs. Its values stay in the profile, and saves are refused
    /// until a deployment brings them; versions that the environment has had are not given again.
    async fn fail_draft(&self, id: DraftId, active: ConfigVersion) -> Result<()> {
        let before: Versioned<ParameterDraft> = self.load("draft", id).await?;
        let DraftStatus::Approved { decision } = &before.doc.status else { return Ok(()) };
        let environment = self.environment_of(before.doc.app_id, before.doc.environment_id).await?;
        let at = self.now().await?;
        let mut change = Change::by_system(Some(before.doc.app_id), at);
        let mut draft = before.doc.clone();
        let failure = not_following(active, decision);
        draft.status = draft.status.next(DraftEvent::Fail { failure: failure.clone(), at })?;
        draft.updated_at = at;
        change.replace(&draft, before.version);
        let mut after = environment.doc.clone();
        after.last_version = after.last_version.max(active);
        if after.last_version != environment.doc.last_version {
            change.replace(&after, environment.version);
        }
        let was = json!({"state": before.doc.status.name()});
        let told = json!({
            "state": draft.status.name(), "environment": after.name, "environment_id": after.id,
            "config_version": decision.version, "reason": failure,
        });
        change.audit("parameter_draft", id, "parameters.failed", was, told);
        let subject = format!("Not active: parameters of {}", after.name);
        let text = format!("Your change of parameters of {} is not active: {failure}. {WAY_OUT}", after.name);
        let link = format!("{}/drafts/{id}", environment_link(&after));
        self.tell_editor(&mut change, &draft, subject, text, link).await?;
        self.commit(change).await
    }

    /// The last batch: what the distribution database's history says is so becomes the store's.
    async fn record_draft(&self, id: DraftId, row: &HistoryRow) -> Result<()> {
        let before: Versioned<ParameterDraft> = self.load("draft", id).await?;
        if !matches!(before.doc.status, DraftStatus::Approved { .. }) {
            return Ok(());
        }
        let environment = self.environment_of(before.doc.app_id, before.doc.environment_id).await?;
        let at = self.now().await?;
        let mut change = Change::by_system(Some(before.doc.app_id), at);
        let mut draft = before.doc.clone();
        draft.status = draft.status.next(DraftEvent::Activated(row.at))?;
        draft.updated_at = at;
        change.replace(&draft, before.version);
        let mut after = environment.doc.clone();
        after.running = after.running.map(|running| {
            if running.provenance.config_version < row.provenance.config_version {
                Running { provenance: row.provenance.clone(), activated_at: row.at, ..running }
            } else {
                running
            }
        });
        change.replace(&after, environment.version);
        let version = row.provenance.config_version;
        let told = json!({
            "state": draft.status.name(), "environment": after.name, "environment_id": after.id,
            "config_version": version, "activated_at": row.at,
        });
        let was = json!({"state": before.doc.status.name()});
        change.audit("parameter_draft", id, "parameters.activated", was, told);
        fail_point!("save.before_finish");
        self.commit(change).await
    }

    /// Brings every decided draft of all apps to its end, oldest first; at start and from time to time.
    pub async fn finish_drafts(&self) -> Result<u32> {
        let query = Query::<ParameterDraft>::on(&DRAFT_UNFINISHED).limit(200);
        let mut finished = 0;
        for draft in self.store().find(query).await?.items {
            match self.finish_draft(draft.doc.id).await {
                Ok(_) => finished += 1,
                Err(error) => {
                    tracing::error!(draft = %draft.doc.id, %error, "a decided change of parameters could not be finished");
                }
            }
        }
        Ok(finished)
    }
}

/// The code for a decided change that cannot become active.
pub(crate) const OUT_OF_STEP: &str = "out_of_step";
/// What brings the databases together again.
const WAY_OUT: &str = "Deploy a release to the environment: the values come with it.";

fn not_following(active: ConfigVersion, decision: &DraftDecision) -> String {
    let runs =
        if active == ConfigVersion::default() { "nothing".to_owned() } else { format!("version {active}") };
    format!("{runs} runs, and this change was decided on version {}", decision.follows)
}

/// Answers those who wait for a change that cannot become active.
fn out_of_step(failure: &str) -> Error {
    Error::conflict(OUT_OF_STEP, format!("{failure}. {WAY_OUT}"))
}

fn saved(decision: &DraftDecision, activated_at: conman_domain::Timestamp) -> Saved {
    Saved { version: decision.version, profile_revision: decision.profile_revision, activated_at }
}

/// How the distribution history names an editor.
fn name_of(editor: &AuditActor) -> String {
    match editor {
        AuditActor::User { name, .. } => name.clone(),
        AuditActor::Service { name } => format!("{name} (service token)"),
        AuditActor::System | AuditActor::Anonymous => "the server".to_owned(),
    }
}
