//! Runtime profiles: reading them, their revisions, and editing them directly.

use crate::actor::Member;
use crate::change::Change;
use crate::error::{Error, FieldProblem, Rejection, Result};
use crate::secrets::SecretEdits;
use crate::services::Workflow;
use conman_domain::Timestamp;
use conman_domain::catalog::Values;
use conman_domain::id::ProfileId;
use conman_domain::policy::AppAction;
use conman_domain::profile::{ProfileRevision, ProfileSettings, RuntimeProfile};
use conman_domain::value_change::unkept;
use conman_store::collections::{PROFILE_BY_NAME, PROFILE_REVISION_BY_PROFILE};
use conman_store::{Query, Version, Versioned};
use serde_json::json;
use std::collections::BTreeSet;

/// The most variables of a profile.
pub const MAX_VARIABLES: usize = 5_000;

/// The most secrets that one edit sets.
const MAX_SECRETS: usize = 200;

/// What a profile is to hold, and why.
#[derive(Debug, Clone)]
pub struct ProfileEdit {
    /// The version that was seen.
    pub expected: Version,
    /// All variables.
    pub env_vars: Values,
    /// What is not a variable; none leaves it as it is.
    pub settings: Option<ProfileSettings>,
    /// Secrets that get a value, or are removed where there is none; the others stay.
    pub secrets: SecretEdits,
    /// Why it is edited directly; mandatory.
    pub reason: String,
}

impl Workflow {
    /// The app's runtime profiles by name.
    pub async fn profiles(&self, member: &Member) -> Result<Vec<Versioned<RuntimeProfile>>> {
        let query = Query::<RuntimeProfile>::on(&PROFILE_BY_NAME).eq(member.app_id().to_string()).limit(500);
        Ok(self.store().find(query).await?.items)
    }

    /// One runtime profile of the member's app.
    pub async fn profile(&self, member: &Member, id: ProfileId) -> Result<Versioned<RuntimeProfile>> {
        let profile: Versioned<RuntimeProfile> = self.load("runtime profile", id).await?;
        if profile.doc.app_id == member.app_id() {
            Ok(profile)
        } else {
            Err(Rejection::NotFound("runtime profile").into())
        }
    }

    /// A profile's revisions, newest first.
    pub async fn profile_revisions(&self, member: &Member, id: ProfileId) -> Result<Vec<ProfileRevision>> {
        let profile = self.profile(member, id).await?;
        let query = Query::<ProfileRevision>::on(&PROFILE_REVISION_BY_PROFILE)
            .eq(profile.doc.id.to_string())
            .descending()
            .limit(200);
        Ok(self.store().find(query).await?.items.into_iter().map(|revision| revision.doc).collect())
    }

    /// Edits a profile directly, as a new revision. For app admins; the next deployment takes it.
    pub async fn update_profile(
        &self,
        member: &Member,
        id: ProfileId,
        edit: ProfileEdit,
    ) -> Result<Versioned<RuntimeProfile>> {
        member.may(AppAction::EditProfiles)?;
        let before = self.profile(member, id).await?;
        let mut problems = problems_of(&edit);
        if let Some(base) =
            edit.settings.as_ref().and_then(|settings| settings.database.as_ref()?.provisioning.base())
        {
            let found = self.store().get::<RuntimeProfile>(&base.to_string()).await?;
            if base == id || found.is_none_or(|found| found.app_id != member.app_id()) {
                problems
                    .push(problem("/settings/database/base_profile_id", "name another profile of this app"));
            }
        }
        for (name, text) in &edit.secrets {
            if edit.env_vars.contains_key(name) && text.is_some() {
                problems.push(problem(format!("/secrets/{name}"), "a variable has this name"));
            }
        }
        for name in edit.env_vars.keys().filter(|name| before.secrets.contains_key(*name)) {
            if !edit.secrets.contains_key(name) {
                problems.push(problem(format!("/env_vars/{name}"), "a secret has this name"));
            }
        }
        if !problems.is_empty() {
            return Err(Rejection::Invalid(problems).into());
        }
        if before.version != edit.expected {
            return Err(Error::stale(before.version));
        }
        let at = self.now().await?;
        let mut profile = before.doc.clone();
        profile.revision += 1;
        profile.env_vars = edit.env_vars;
        profile.settings = edit.settings.unwrap_or(profile.settings);
        profile.updated_at = at;
        let changed: BTreeSet<_> = profile
            .env_vars
            .keys()
            .chain(before.doc.env_vars.keys())
            .filter(|name| profile.env_vars.get(*name) != before.doc.env_vars.get(*name))
            .cloned()
            .collect();
        let mut change = Change::by(&member.actor, Some(profile.app_id), at);
        self.seal_secrets(&mut change, member, &mut profile, &edit.secrets).await?;
        change.replace(&profile, edit.expected);
        change.insert(&revision_of(&profile, member, edit.reason.clone(), at));
        let mut was = json!({"revision": before.doc.revision});
        let mut is = json!({"revision": profile.revision, "changed": changed, "reason": edit.reason});
        if profile.settings != before.doc.settings {
            (was["settings"], is["settings"]) = (json!(before.doc.settings), json!(profile.settings));
        }
        if !edit.secrets.is_empty() {
            is["secrets_changed"] = json!(edit.secrets.keys().collect::<Vec<_>>());
        }
        change.audit("runtime_profile", id, "runtime_profile.edited_directly", was, is);
        self.commit(change).await?;
        self.profile(member, id).await
    }
}

/// The revision that a profile is at, for the record.
pub(crate) fn revision_of(
    profile: &RuntimeProfile,
    member: &Member,
    reason: String,
    at: Timestamp,
) -> ProfileRevision {
    ProfileRevision {
        profile_id: profile.id,
        app_id: profile.app_id,
        revision: profile.revision,
        env_vars: profile.env_vars.clone(),
        settings: profile.settings.clone(),
        secrets: profile.secrets.clone(),
        changed_by: member.actor.audited(),
        reason,
        changed_at: at,
    }
}

fn problem(pointer: impl Into<String>, message: &str) -> FieldProblem {
    FieldProblem { pointer: pointer.into(), message: message.to_owned() }
}

/// What is wrong with an edit, as far as it says so itself.
fn problems_of(edit: &ProfileEdit) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    if edit.reason.trim().is_empty() {
        problems.push(problem("/reason", "say why the profile is edited directly"));
    }
    if edit.env_vars.len() > MAX_VARIABLES {
        problems.push(problem("/env_vars", "at most 5,000 variables"));
    }
    if edit.secrets.len() > MAX_SECRETS {
        problems.push(problem("/secrets", "at most 200 secrets at once"));
    }
    let unkept = |(name, value)| Some(problem(format!("/env_vars/{name}"), unkept(value)?));
    problems.extend(edit.env_vars.iter().filter_map(unkept));
    let migrations = edit.settings.as_ref().and_then(|settings| settings.migrations.as_ref());
    for (field, message) in migrations.into_iter().flat_map(|migrations| migrations.problems()) {
        problems.push(problem(format!("/settings/migrations/{field}"), message));
    }
    problems
}
