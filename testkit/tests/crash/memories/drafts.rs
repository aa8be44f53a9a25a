//! What the store says of drafts of parameters, saves among them, against the distribution history and the profiles.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use conman_distribution::Distribution;
use conman_domain::draft::{DraftStatus, ParameterDraft};
use conman_domain::profile::{ProfileRevision, RuntimeProfile};
use conman_domain::value_change::ValueChange;
use conman_store::Store;
use conman_store::collections::profile_revision_id;

use super::{Findings, Records};

pub(super) async fn check(
    records: &Records,
    store: &Store,
    distribution: &Arc<dyn Distribution>,
    findings: &mut Findings,
) -> Result<()> {
    for draft in &records.drafts {
        let name = draft.status.name();
        let decided = matches!(draft.status, DraftStatus::Approved { .. });
        findings.check(!decided, || format!("the draft {} is {name} still", draft.id));
        let row = distribution.history_of(&draft.id.to_string()).await?;
        let active = matches!(draft.status, DraftStatus::Active { .. });
        findings.same(&format!("whether {} ({name}) is in history", draft.id), row.is_some(), active);
        let (Some(row), DraftStatus::Active { decision, activated_at }) = (row, &draft.status) else {
            continue;
        };
        let what = format!("the history row of the draft {}", draft.id);
        findings.same(&format!("the environment of {what}"), row.environment_id, draft.environment_id);
        findings.same(&format!("the version of {what}"), row.provenance.config_version, decision.version);
        findings.same(&format!("the base of {what}"), row.base_version, decision.follows);
        findings.same(&format!("the time of {what}"), row.at, *activated_at);
        findings.same(
            &format!("the profile revision of {what}"),
            row.provenance.profile_revision,
            decision.profile_revision,
        );
        check_values(records, store, draft, decision.profile_revision, findings).await?;
    }
    Ok(())
}

/// The profile's revision has the values that the draft asked for.
async fn check_values(
    records: &Records,
    store: &Store,
    draft: &ParameterDraft,
    revision: u32,
    findings: &mut Findings,
) -> Result<()> {
    let environment = records.environments.iter().find(|found| found.id == draft.environment_id);
    let profile_id = environment.context("a draft of no environment")?.profile_id;
    let profile = store.get::<RuntimeProfile>(&profile_id.to_string()).await?.context("no profile")?;
    findings.check(profile.doc.revision >= revision, || format!("the profile is behind revision {revision}"));
    let id = profile_revision_id(profile_id, revision);
    let revision = store.get::<ProfileRevision>(&id).await?.context("no such revision")?;
    for (name, change) in &draft.changes {
        let expected = match change {
            ValueChange::Set(value) => Some(value),
            ValueChange::Delete => None,
        };
        findings.same(&format!("{name} in revision {id}"), revision.doc.env_vars.get(name), expected);
    }
    Ok(())
}
