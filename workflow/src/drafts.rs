//! Drafts of critical parameters: submitted by one person, decided on by another.

use crate::actor::{Member, Page};
use crate::change::{Change, Letter};
use crate::deploy::environment_link;
use crate::editor::Editor;
use crate::error::{Error, Rejection, Result};
use crate::freezes::WhenFrozen;
use crate::fresh::fresh_id;
use crate::observe::names_of;
use crate::save_parameters::{Saved, check_text, check_wish, invalid, met, told};
use crate::services::Workflow;
use crate::support::retrying;
use conman_domain::access::Role;
use conman_domain::audit::AuditActor;
use conman_domain::draft::{DraftEvent, DraftStatus, ParameterDraft};
use conman_domain::id::{AppId, DraftId, EnvironmentId};
use conman_domain::policy::{self, DraftAction};
use conman_domain::snapshot::{ChangeKind, ConfigVersion};
use conman_domain::value_change::{ChangedValues, ValueChanges};
use conman_store::collections::{DRAFT_BY_ENVIRONMENT, DRAFT_BY_STATE};
use conman_store::{Query, Versioned};
use serde_json::json;

/// A wish to have values changed after somebody else approved.
#[derive(Debug, Clone)]
pub struct NewDraft {
    /// The version whose values the editor saw.
    pub base_version: ConfigVersion,
    /// What is to change; at least one.
    pub changes: ValueChanges,
    /// Why; mandatory.
    pub reason: String,
}

/// Which drafts are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DraftsIn {
    /// Those in a state that is kept, but for `active`.
    Kept(&'static str),
    /// The one that made what runs.
    Active,
    /// Those that made what ran before.
    Superseded,
}

impl Workflow {
    /// Submits a draft for approval, and tells those who can give it. Nothing that runs changes.
    pub async fn submit_draft(
        &self,
        member: &Member,
        environment: EnvironmentId,
        wish: &NewDraft,
    ) -> Result<Versioned<ParameterDraft>> {
        self.submit_as(ChangeKind::Draft, member, environment, wish).await
    }

    /// The same, for what the history calls otherwise.
    pub(crate) async fn submit_as(
        &self,
        kind: ChangeKind,
        member: &Member,
        environment: EnvironmentId,
        wish: &NewDraft,
    ) -> Result<Versioned<ParameterDraft>> {
        self.environment(member, environment).await?;
        check_wish(&wish.changes, Some(&wish.reason))?;
        needed("/reason", &wish.reason)?;
        let editor = Editor::Member(member);
        let present = self.present(member.app_id(), environment, |found| editor.may_save(found)).await?;
        present.expects(wish.base_version)?;
        let changed = ChangedValues::of(&present.catalog, &present.profile.doc.env_vars, &wish.changes)
            .map_err(|problems| invalid(&wish.changes, &problems))?;
        if changed.is_empty() {
            return Err(Error::invalid("/values", "the environment has these values already"));
        }
        let at = self.now().await?;
        let draft = ParameterDraft {
            id: fresh_id(),
            app_id: member.app_id(),
            environment_id: environment,
            kind,
            base_version: wish.base_version,
            changes: wish.changes.clone(),
            reason: Some(wish.reason.clone()),
            status: DraftStatus::Draft.next(DraftEvent::Submit)?,
            edited_by: editor.audited(),
            created_at: at,
            updated_at: at,
        };
        let mut change = editor.change(at);
        change.insert(&draft);
        let found = &present.environment.doc;
        let before =
            json!({"environment": found.name, "config_version": wish.base_version, "values": changed.before});
        let after = json!({"state": draft.status.name(), "values": changed.after, "reason": draft.reason});
        change.audit("parameter_draft", draft.id, "draft.submitted", before, after);
        let names: Vec<String> = changed.after.keys().map(ToString::to_string).collect();
        let letter = Letter {
            event: "draft.submitted",
            subject: format!("Approval needed: {} on {}", names.join(", "), found.name),
            text: format!("{} wants to change parameters of {}.", member.actor.name, found.name),
            link: Some(format!("{}/drafts/{}", environment_link(found), draft.id)),
        };
        self.mail_members(&mut change, draft.app_id, Role::Reviewer, &letter).await?;
        self.commit(change).await?;
        self.load("draft", draft.id).await
    }

    /// An environment's drafts, saves among them, newest first; those in one state, if one is named.
    pub async fn list_drafts(
        &self,
        member: &Member,
        environment: EnvironmentId,
        state: Option<DraftsIn>,
        page: Page,
    ) -> Result<(Vec<Versioned<ParameterDraft>>, u64)> {
        let environment = self.environment(member, environment).await?.doc.id;
        let (skip, limit) = (page.skip(), u64::from(page.limit));
        let kept = |state: &'static str| {
            Query::<ParameterDraft>::on(&DRAFT_BY_STATE).eq(environment.to_string()).eq(state).descending()
        };
        let made_active = DraftStatus::ACTIVE;
        let query = match state {
            None => Query::on(&DRAFT_BY_ENVIRONMENT).eq(environment.to_string()).descending(),
            Some(DraftsIn::Kept(state)) => kept(state),
            Some(DraftsIn::Active) => {
                let running = self.running_draft(member.app_id(), environment).await?;
                let total = u64::from(running.is_some());
                return Ok((running.into_iter().filter(|_| skip == 0).collect(), total));
            }
            Some(DraftsIn::Superseded) => {
                let running = self.running_draft(member.app_id(), environment).await?;
                // One more, since the one that runs stands among them.
                let query = kept(made_active).skip(skip).limit(limit + 1).with_total();
                let (mut found, total) =
                    self.store().find(query).await.map(|found| (found.items, found.total))?;
                if let Some(running) = &running {
                    match found.iter().position(|draft| draft.id == running.id) {
                        Some(at) => drop(found.remove(at)),
                        // It stands on a page before, and moved all of these down by one.
                        None if found.first().is_some_and(|first| first.created_at <= running.created_at) => {
                            found.remove(0);
                        }
                        None => {}
                    }
                }
                found.truncate(page.limit as usize);
                return Ok((found, total - u64::from(running.is_some())));
            }
        };
        let found = self.store().find(query.skip(skip).limit(limit).with_total()).await?;
        Ok((found.items, found.total))
    }

    /// The draft that made what an environment runs, if a draft did.
    async fn running_draft(
        &self,
        app_id: AppId,
        environment: EnvironmentId,
    ) -> Result<Option<Versioned<ParameterDraft>>> {
        let version = self.config_values(app_id, environment).await?.version;
        let row = self.distribution().history_row(app_id, environment, version).await?;
        let Some(row) = row.filter(|row| row.source_id.parse::<DraftId>().is_ok()) else { return Ok(None) };
        let draft = self.store().get::<ParameterDraft>(&row.source_id).await?;
        Ok(draft.filter(|draft| matches!(draft.status, DraftStatus::Active { .. })))
    }

    /// One draft of an environment.
    pub async fn draft(
        &self,
        member: &Member,
        environment: EnvironmentId,
        id: DraftId,
    ) -> Result<Versioned<ParameterDraft>> {
        let draft: Versioned<ParameterDraft> = self.load("draft", id).await?;
        if draft.doc.app_id == member.app_id() && draft.doc.environment_id == environment {
            Ok(draft)
        } else {
            Err(Rejection::NotFound("draft").into())
        }
    }

    /// Approves somebody else's draft on the version whose values the approver saw beside it, and answers when it runs.
    ///
    /// Where another version runs by then, the approver is shown its values first.
    pub async fn approve_draft(
        &self,
        member: &Member,
        environment: EnvironmentId,
        id: DraftId,
        seen: ConfigVersion,
        when_frozen: WhenFrozen<'_>,
    ) -> Result<Saved> {
        self.draft(member, environment, id).await?;
        let turn = self.turn(environment);
        let _held = turn.lock().await;
        retrying(|| self.decide_approval(member, environment, id, seen, when_frozen)).await?;
        self.finish_draft(id).await
    }

    async fn decide_approval(
        &self,
        member: &Member,
        environment: EnvironmentId,
        id: DraftId,
        seen: ConfigVersion,
        when_frozen: WhenFrozen<'_>,
    ) -> Result<()> {
        let member = &self.member_now(member).await?;
        let before = self.draft(member, environment, id).await?;
        policy::draft(member.viewer(), &before.doc, DraftAction::Approve)?;
        let present = self.present(member.app_id(), environment, |_| Ok(())).await?;
        present.expects(seen)?;
        let changes = &before.doc.changes;
        let changed = ChangedValues::of(&present.catalog, &present.profile.doc.env_vars, changes)
            .map_err(|problems| invalid(changes, &problems))?;
        let at = self.now().await?;
        let mut change = Editor::Member(member).change(at);
        change.check(&member.membership);
        self.heed_freezes(&mut change, &present.environment.doc, when_frozen).await?;
        let (editor, reason) = (before.doc.edited_by.clone(), before.doc.reason.clone());
        let decision =
            present.takes(&mut change, &changed, editor, reason.clone(), Some(member.actor.user_id));
        let (mut was, is) = told(&present, &changed, &decision, reason.as_deref());
        was["state"] = json!(before.doc.status.name());
        change.audit("parameter_draft", id, "draft.approved", was, is);
        let mut draft = before.doc.clone();
        let version = decision.version;
        draft.status = draft.status.next(DraftEvent::Approve(decision))?;
        draft.updated_at = at;
        change.replace(&draft, before.version);
        let name = &present.environment.doc.name;
        let text = format!("{} approved your change of parameters of {name}.", member.actor.name);
        let link = format!("{}/drafts/{id}", environment_link(&present.environment.doc));
        self.tell_editor(&mut change, &draft, format!("Approved: parameters of {name}"), text, link).await?;
        self.commit(change).await.map_err(met)?;
        tracing::info!(
            event = "config_change_approved",
            app = %member.app.doc.slug,
            environment = %name,
            version = version.0,
            changed_by = draft.edited_by.name(),
            approved_by = member.actor.name.as_str(),
            parameters = names_of(draft.changes.keys()),
            "values are approved"
        );
        Ok(())
    }

    /// Refuses somebody else's draft for good, with a reason.
    pub async fn reject_draft(
        &self,
        member: &Member,
        environment: EnvironmentId,
        id: DraftId,
        reason: &str,
    ) -> Result<Versioned<ParameterDraft>> {
        retrying(|| async {
            let before = self.draft(member, environment, id).await?;
            policy::draft(member.viewer(), &before.doc, DraftAction::Reject)?;
            check_text("/reason", reason)?;
            needed("/reason", reason)?;
            let at = self.now().await?;
            let mut change = Editor::Member(member).change(at);
            let mut draft = before.doc.clone();
            let (user_id, reason) = (member.actor.user_id, reason.to_owned());
            let event = DraftEvent::Reject { user_id, reason: reason.clone(), at };
            draft.status = draft.status.next(event)?;
            draft.updated_at = at;
            change.replace(&draft, before.version);
            let was = json!({"state": before.doc.status.name()});
            let is = json!({"state": draft.status.name(), "reason": reason});
            change.audit("parameter_draft", id, "draft.rejected", was, is);
            let found = self.environment(member, environment).await?.doc;
            let link = format!("{}/drafts/{id}", environment_link(&found));
            let subject = format!("Rejected: parameters of {}", found.name);
            self.tell_editor(&mut change, &draft, subject, reason, link).await?;
            self.commit(change).await
        })
        .await?;
        self.draft(member, environment, id).await
    }

    pub(crate) async fn tell_editor(
        &self,
        change: &mut Change,
        draft: &ParameterDraft,
        subject: String,
        text: String,
        link: String,
    ) -> Result<()> {
        let letter = Letter { event: "draft.decided", subject, text, link: Some(link) };
        match draft.edited_by {
            AuditActor::User { user_id, .. } => self.mail_user(change, user_id, &letter).await,
            AuditActor::Service { .. } | AuditActor::System | AuditActor::Anonymous => Ok(()),
        }
    }
}

fn needed(pointer: &str, text: &str) -> Result<()> {
    if text.trim().is_empty() { Err(Error::invalid(pointer, "say why")) } else { Ok(()) }
}
