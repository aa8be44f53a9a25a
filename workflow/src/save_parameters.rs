//! Changing values of an environment's parameters now: all of them or none.

use crate::actor::Page;
use crate::editor::Editor;
use crate::error::{CHANGED_MEANWHILE, Error, FieldProblem, Rejection, Result};
use crate::fresh::fresh_id;
use crate::observe::names_of;
use crate::parameters::Present;
use crate::services::Workflow;
use crate::support::retrying;
use conman_domain::Timestamp;
use conman_domain::catalog::ValueProblem;
use conman_domain::draft::{DraftDecision, DraftEvent, DraftStatus, ParameterDraft};
use conman_domain::id::{DraftId, EnvironmentId, ProfileId};
use conman_domain::name::ParameterName;
use conman_domain::profile::ProfileRevision;
use conman_domain::snapshot::{ChangeKind, ConfigVersion};
use conman_domain::value_change::{ChangedValues, ValueChange, ValueChanges, critical};
use conman_store::Query;
use conman_store::collections::PROFILE_REVISION_BY_PROFILE;
use fail::fail_point;

/// The most values of one save.
pub const MAX_CHANGES: usize = 1_000;
/// The longest reason, in characters.
pub const MAX_REASON: usize = 2_000;

/// A wish to change values now.
#[derive(Debug, Clone)]
pub struct ParameterSave {
    /// The version whose values the editor saw; none where the newest is meant, whatever it is.
    pub base_version: Option<ConfigVersion>,
    /// What is to change; at least one.
    pub changes: ValueChanges,
    /// Why.
    pub reason: Option<String>,
    /// Why a freeze is to be set aside for this save; for app admins.
    pub override_freeze: Option<String>,
}

/// What an environment runs after a save.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saved {
    /// The config version.
    pub version: ConfigVersion,
    /// The revision of its profile.
    pub profile_revision: u32,
    /// Since when, by the distribution database's clock.
    pub activated_at: Timestamp,
}

/// What a save was decided to be.
enum Decided {
    /// The values are these already.
    AlreadySo(Saved),
    /// It was given a version.
    As(DraftId),
}

/// What came of a change.
enum Changed {
    /// The values were these already.
    AlreadySo(Saved),
    /// They are now.
    Now(Saved),
}

impl Workflow {
    /// Saves values that are not critical, and answers when the environment runs them.
    ///
    /// All or nothing: what is wrong is told field by field, and a base version that is not the present one is refused with
    /// the present values. Values that are so already make no new version. Where this breaks off, the decision stands or
    /// it was not taken: a decided save is finished by whoever next changes the environment, or by a runner.
    pub async fn save_parameters(
        &self,
        editor: Editor<'_>,
        environment: EnvironmentId,
        save: &ParameterSave,
    ) -> Result<Saved> {
        self.save_as(ChangeKind::Save, editor, environment, save).await
    }

    /// The same, for what the history calls otherwise.
    pub(crate) async fn save_as(
        &self,
        kind: ChangeKind,
        editor: Editor<'_>,
        environment: EnvironmentId,
        save: &ParameterSave,
    ) -> Result<Saved> {
        match self.change_parameters(kind, editor, environment, save).await? {
            Changed::AlreadySo(saved) | Changed::Now(saved) => Ok(saved),
        }
    }

    /// Takes an environment's own value away, so that the catalog's default counts; the history stays.
    pub async fn delete_parameter(
        &self,
        editor: Editor<'_>,
        environment: EnvironmentId,
        name: &ParameterName,
        base_version: Option<ConfigVersion>,
        override_freeze: Option<String>,
    ) -> Result<Saved> {
        editor.reaches(environment)?;
        let present = self.present(editor.app_id(), environment, |found| editor.may_save(found)).await?;
        let (profile, declared) = (&present.profile.doc, present.catalog.parameters.contains_key(name));
        if declared && profile.env_vars.contains_key(name) {
            let changes = [(name.clone(), ValueChange::Delete)].into();
            let save = ParameterSave { base_version, changes, reason: None, override_freeze };
            let changed = self.change_parameters(ChangeKind::Save, editor, environment, &save).await?;
            if let Changed::Now(saved) = changed {
                return Ok(saved);
            }
        }
        // A variable that is no parameter has no place here.
        let is_other = !declared && profile.env_vars.contains_key(name);
        if !is_other && self.had_value(profile.id, name).await? {
            Err(Rejection::Gone("the environment's own value was deleted before").into())
        } else {
            Err(Rejection::NotFound("value").into())
        }
    }

    /// Whether a profile ever had a variable.
    async fn had_value(&self, profile: ProfileId, name: &ParameterName) -> Result<bool> {
        let mut page = Page { page: 1, limit: Page::MAX_LIMIT };
        loop {
            let query = Query::<ProfileRevision>::on(&PROFILE_REVISION_BY_PROFILE)
                .eq(profile.to_string())
                .descending()
                .skip(page.skip())
                .limit(page.limit.into());
            let found = self.store().find(query).await?.items;
            if found.iter().any(|revision| revision.doc.env_vars.contains_key(name)) {
                return Ok(true);
            }
            if found.len() < page.limit as usize {
                return Ok(false);
            }
            page.page += 1;
        }
    }

    async fn change_parameters(
        &self,
        kind: ChangeKind,
        editor: Editor<'_>,
        environment: EnvironmentId,
        save: &ParameterSave,
    ) -> Result<Changed> {
        editor.reaches(environment)?;
        self.environment_of(editor.app_id(), environment).await?;
        check_wish(&save.changes, save.reason.as_deref())?;
        // Savers of one process wait in turn rather than losing races; those of others are met by the store.
        let turn = self.turn(environment);
        let _held = turn.lock().await;
        fail_point!("save.before_decision");
        let decided = retrying(|| self.decide_save(kind, editor, environment, save)).await?;
        fail_point!("save.after_decision");
        match decided {
            Decided::AlreadySo(saved) => Ok(Changed::AlreadySo(saved)),
            Decided::As(id) => Ok(Changed::Now(self.finish_draft(id).await?)),
        }
    }

    /// The decision, in one batch: config version and profile revision are taken, and the draft is approved.
    async fn decide_save(
        &self,
        kind: ChangeKind,
        editor: Editor<'_>,
        environment: EnvironmentId,
        save: &ParameterSave,
    ) -> Result<Decided> {
        let by_now = self.editor_now(editor).await?;
        let editor = by_now.editor();
        let present = self.present(editor.app_id(), environment, |found| editor.may_save(found)).await?;
        let critical = critical(&present.catalog, &present.profile.doc.env_vars, &save.changes);
        if !critical.is_empty() {
            return Err(Rejection::ApprovalRequired(critical).into());
        }
        if let Some(base) = save.base_version {
            present.expects(base)?;
        }
        let changed = ChangedValues::of(&present.catalog, &present.profile.doc.env_vars, &save.changes)
            .map_err(|problems| invalid(&save.changes, &problems))?;
        if changed.is_empty() {
            return Ok(Decided::AlreadySo(present.saved()));
        }
        let at = self.now().await?;
        let mut change = editor.change(at);
        by_now.check(&mut change);
        let when_frozen = editor.when_frozen(save.override_freeze.as_deref());
        self.heed_freezes(&mut change, &present.environment.doc, when_frozen).await?;
        let decision = present.takes(&mut change, &changed, editor.audited(), save.reason.clone(), None);
        let draft = ParameterDraft {
            id: fresh_id(),
            app_id: editor.app_id(),
            environment_id: environment,
            kind,
            base_version: save.base_version.unwrap_or(decision.follows),
            changes: save.changes.clone(),
            reason: save.reason.clone(),
            status: DraftStatus::Draft.next(DraftEvent::Save(decision.clone()))?,
            edited_by: editor.audited(),
            created_at: at,
            updated_at: at,
        };
        change.insert(&draft);
        let (before, after) = told(&present, &changed, &decision, save.reason.as_deref());
        change.audit("parameter_draft", draft.id, "parameters.saved", before, after);
        self.commit(change).await.map_err(met)?;
        let app = self.slug_of(editor.app_id()).await;
        tracing::info!(
            event = "config_change_saved",
            app,
            environment = %present.environment.doc.name,
            version = decision.version.0,
            changed_by = editor.audited().name(),
            parameters = names_of(save.changes.keys()),
            "values are saved"
        );
        Ok(Decided::As(draft.id))
    }
}

/// Another server may decide at the same moment: that is looked at again, after the other's decision was finished.
pub(crate) fn met(error: Error) -> Error {
    match error.conflict_code() {
        Some("not_unique") => Error::conflict(CHANGED_MEANWHILE, error.to_string()),
        _ => error,
    }
}

/// What the audit log says of a decided change: the environment's own values before and after.
pub(crate) fn told(
    present: &Present,
    changed: &ChangedValues,
    decision: &DraftDecision,
    reason: Option<&str>,
) -> (serde_json::Value, serde_json::Value) {
    let (environment, id) = (&present.environment.doc.name, present.environment.doc.id);
    (
        serde_json::json!({"environment": environment, "config_version": decision.follows, "values": changed.before}),
        serde_json::json!({
            "state": "approved", "environment": environment, "environment_id": id, "config_version": decision.version,
            "values": changed.after, "profile_revision": decision.profile_revision, "reason": reason,
        }),
    )
}

/// Refuses wishes of an impossible size or with a reason that no memory can hold.
pub(crate) fn check_wish(changes: &ValueChanges, reason: Option<&str>) -> Result<()> {
    if changes.is_empty() {
        return Err(Error::invalid("/values", "name at least one parameter"));
    }
    if changes.len() > MAX_CHANGES {
        return Err(Error::invalid("/values", format!("at most {MAX_CHANGES} values at once")));
    }
    match reason {
        Some(reason) => check_text("/reason", reason),
        None => Ok(()),
    }
}

/// Refuses a text that is too long, or that holds characters which nobody types.
pub(crate) fn check_text(pointer: &str, text: &str) -> Result<()> {
    if text.chars().count() > MAX_REASON {
        return Err(Error::invalid(pointer, format!("at most {MAX_REASON} characters")));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        return Err(Error::invalid(pointer, "no control characters but line ends and tabs"));
    }
    Ok(())
}

/// Binds each problem to the value that was sent.
pub(crate) fn invalid(changes: &ValueChanges, problems: &[ValueProblem]) -> Error {
    let field = |problem: &ValueProblem| {
        let sent = [Some(&problem.name), problem.other.as_ref()].into_iter().flatten();
        let pointers: Vec<String> =
            sent.filter(|name| changes.contains_key(*name)).map(|name| format!("/values/{name}")).collect();
        if pointers.is_empty() {
            return vec![FieldProblem { pointer: "/values".to_owned(), message: problem.to_string() }];
        }
        let message = problem.message.clone();
        pointers.into_iter().map(|pointer| FieldProblem { pointer, message: message.clone() }).collect()
    };
    Rejection::Invalid(problems.iter().flat_map(field).collect()).into()
}
