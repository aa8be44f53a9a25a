//! A change: the new state, and in the same batch its audit events, follow-up jobs and mails.

use crate::actor::Actor;
use crate::fresh::fresh_id;
use conman_domain::Timestamp;
use conman_domain::access::User;
use conman_domain::audit::{AuditActor, AuditEvent, RequestContext};
use conman_domain::audit_kinds::is_declared;
use conman_domain::git::CommitId;
use conman_domain::id::{AppId, JobId, MailId, UserId};
use conman_domain::job::{Job, JobStatus, Work};
use conman_domain::mail::{Mail, MailStatus};
use conman_domain::name::EmailAddress;
use conman_store::{Batch, Document, Version, Versioned};
use serde_json::Value;
use std::collections::HashSet;

/// How often broken work is tried before it is given up.
const MAX_ATTEMPTS: u32 = 8;

/// A batch in the making, by one actor at one instant.
#[derive(Debug)]
pub struct Change {
    batch: Batch,
    at: Timestamp,
    actor: AuditActor,
    user_id: Option<UserId>,
    context: RequestContext,
    app_id: Option<AppId>,
    adds_jobs: bool,
    /// Who is mailed what: one person may be concerned as an author, as another's author and as a manager.
    told: HashSet<(UserId, String)>,
}

/// What a mail says; whom it goes to is said where it is added.
#[derive(Debug, Clone)]
pub struct Letter {
    /// What it tells of, e.g. `changeset.approved`.
    pub event: &'static str,
    /// One line.
    pub subject: String,
    /// What happened, in a sentence or two.
    pub text: String,
    /// The exact page, as a path on the server.
    pub link: Option<String>,
}

impl Change {
    /// Starts a change by a person.
    pub fn by(actor: &Actor, app_id: Option<AppId>, at: Timestamp) -> Self {
        Self {
            batch: Batch::new(),
            at,
            actor: actor.audited(),
            user_id: Some(actor.user_id),
            context: actor.context.clone(),
            app_id,
            adds_jobs: false,
            told: HashSet::new(),
        }
    }

    /// Starts a change by the server itself, e.g. a job.
    pub fn by_system(app_id: Option<AppId>, at: Timestamp) -> Self {
        Self::by_other(AuditActor::System, RequestContext::default(), app_id, at)
    }

    /// Starts a change by somebody who is no account (yet).
    pub fn by_other(
        actor: AuditActor,
        context: RequestContext,
        app_id: Option<AppId>,
        at: Timestamp,
    ) -> Self {
        let (batch, told) = (Batch::new(), HashSet::new());
        Self { batch, at, actor, user_id: None, context, app_id, adds_jobs: false, told }
    }

    /// When the change is made.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Adds a new document.
    pub fn insert<T: Document>(&mut self, document: &T) -> &mut Self {
        self.batch = std::mem::take(&mut self.batch).insert(document);
        self
    }

    /// Replaces a document that must still have the version loaded.
    pub fn replace<T: Document>(&mut self, document: &T, version: Version) -> &mut Self {
        self.batch = std::mem::take(&mut self.batch).replace(document, version);
        self
    }

    /// Deletes a document that must still have the version loaded.
    pub fn delete<T: Document>(&mut self, document: &Versioned<T>) -> &mut Self {
        self.batch = std::mem::take(&mut self.batch).delete::<T>(&document.doc.id(), document.version);
        self
    }

    /// Demands that a document still has the version loaded, without changing it.
    pub fn check<T: Document>(&mut self, document: &Versioned<T>) -> &mut Self {
        self.batch = std::mem::take(&mut self.batch).check::<T>(&document.doc.id(), document.version);
        self
    }

    /// Adds an audit event: `action` is `noun.verb_in_past`, e.g. `changeset.submitted`, one of those that are declared.
    pub fn audit(
        &mut self,
        entity: &str,
        entity_id: impl ToString,
        action: &str,
        before: Value,
        after: Value,
    ) -> &mut Self {
        self.audit_commit(entity, entity_id, action, before, after, None)
    }

    /// Adds an audit event about a commit.
    pub fn audit_commit(
        &mut self,
        entity: &str,
        entity_id: impl ToString,
        action: &str,
        before: Value,
        after: Value,
        commit: Option<CommitId>,
    ) -> &mut Self {
        debug_assert!(
            is_declared(entity, action),
            "{action} of a {entity} stands in domain/src/audit_kinds.rs"
        );
        let some = |value: Value| if value.is_null() { None } else { Some(value) };
        let event = AuditEvent {
            id: fresh_id(),
            happened_at: self.at,
            app_id: self.app_id,
            actor: self.actor.clone(),
            entity: entity.to_owned(),
            entity_id: entity_id.to_string(),
            action: action.to_owned(),
            before: some(before),
            after: some(after),
            commit,
            context: self.context.clone(),
        };
        self.insert(&event)
    }

    /// Adds a job, and answers its id.
    pub fn job(&mut self, work: Work) -> JobId {
        self.adds_jobs = true;
        let id = fresh_id();
        let status = JobStatus::Queued { run_at: self.at };
        let job = Job {
            id,
            app_id: self.app_id,
            work,
            status,
            attempt: 0,
            max_attempts: MAX_ATTEMPTS,
            cancel_requested: false,
            created_by: self.user_id,
            created_at: self.at,
        };
        self.insert(&job);
        id
    }

    /// Adds a mail to an account, unless it is the actor's own, wants none, or is told the same by this change already.
    pub fn mail(&mut self, to: &User, letter: &Letter) -> &mut Self {
        if self.user_id != Some(to.id) && to.mail_wanted && self.told.insert((to.id, letter.subject.clone()))
        {
            self.mail_to(&to.email, Some(to.id), letter);
        }
        self
    }

    /// Adds a mail to an address, wanted or not: for invites and resets.
    pub fn mail_to(&mut self, to: &EmailAddress, user_id: Option<UserId>, letter: &Letter) -> &mut Self {
        let id: MailId = fresh_id();
        let mail = Mail {
            id,
            app_id: self.app_id,
            user_id,
            to: to.clone(),
            event: letter.event.to_owned(),
            subject: letter.subject.clone(),
            text: letter.text.clone(),
            link: letter.link.clone(),
            status: MailStatus::Waiting,
            created_at: self.at,
        };
        self.insert(&mail);
        self.job(Work::SendNotification { mail_id: id });
        self
    }

    /// Whether the change adds a job.
    pub(crate) fn adds_jobs(&self) -> bool {
        self.adds_jobs
    }

    /// The batch itself.
    pub fn into_batch(self) -> Batch {
        self.batch
    }
}
