//! Reading the audit log.

use crate::actor::{Actor, Member, Page};
use crate::error::{Error, Rejection, Result};
use crate::services::Workflow;
use conman_domain::Timestamp;
use conman_domain::audit::AuditEvent;
use conman_domain::id::{AppId, UserId};
use conman_domain::mail::Mail;
use conman_domain::policy::AppAction;
use conman_store::collections::{
    AUDIT_BY_ACTION, AUDIT_BY_ACTOR, AUDIT_BY_ACTOR_AND_ACTION, AUDIT_BY_ACTOR_AND_KIND, AUDIT_BY_APP,
    AUDIT_BY_ENTITY, AUDIT_BY_KIND, AUDIT_BY_TIME, AUDIT_OF_ENTITY_BY_ACTION, AUDIT_OF_ENTITY_BY_ACTOR,
    AUDIT_OF_ENTITY_BY_ACTOR_AND_ACTION, MAIL_BY_TIME,
};
use conman_store::{FieldValue, Query};

/// Which events are wanted; what is left out restricts nothing.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Those of one thing, by its id.
    pub entity_id: Option<String>,
    /// What was done.
    pub what: AuditWhat,
    /// Who did it.
    pub by: Option<AuditBy>,
    /// Not those before.
    pub from: Option<Timestamp>,
    /// Not those at this instant or later.
    pub until: Option<Timestamp>,
}

/// What was done, as the audit log is searched for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AuditWhat {
    /// Anything.
    #[default]
    Any,
    /// Anything, to one kind of thing, e.g. `changeset`.
    Kind(String),
    /// One action, e.g. `changeset.submitted`.
    Action(String),
}

/// Who acted, as the audit log is searched for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditBy {
    /// A person, by their account.
    Person(UserId),
    /// Any program with a service token.
    Programs,
    /// The server itself.
    System,
    /// Nobody who was signed in.
    Anonymous,
}

impl AuditBy {
    /// As the log has it: what kind, and the account.
    fn fields(self) -> (&'static str, FieldValue) {
        match self {
            Self::Person(id) => ("user", FieldValue::Text(id.to_string())),
            Self::Programs => ("service", FieldValue::Null),
            Self::System => ("system", FieldValue::Null),
            Self::Anonymous => ("anonymous", FieldValue::Null),
        }
    }
}

impl AuditFilter {
    /// The query whose index serves it.
    fn query(&self, app_id: AppId) -> Result<Query<AuditEvent>> {
        use AuditWhat::{Action, Any, Kind};
        let index = match (&self.entity_id, self.by, &self.what) {
            (None, None, Any) => &AUDIT_BY_APP,
            (None, None, Kind(_)) => &AUDIT_BY_KIND,
            (None, None, Action(_)) => &AUDIT_BY_ACTION,
            (None, Some(_), Any) => &AUDIT_BY_ACTOR,
            (None, Some(_), Kind(_)) => &AUDIT_BY_ACTOR_AND_KIND,
            (None, Some(_), Action(_)) => &AUDIT_BY_ACTOR_AND_ACTION,
            (Some(_), None, Any) => &AUDIT_BY_ENTITY,
            (Some(_), None, Action(_)) => &AUDIT_OF_ENTITY_BY_ACTION,
            (Some(_), Some(_), Any) => &AUDIT_OF_ENTITY_BY_ACTOR,
            (Some(_), Some(_), Action(_)) => &AUDIT_OF_ENTITY_BY_ACTOR_AND_ACTION,
            (Some(_), _, Kind(_)) => {
                return Err(Error::invalid("/kind", "a thing is of one kind; name either of the two"));
            }
        };
        let mut query = Query::on(index).eq(app_id.to_string());
        if let Some(id) = &self.entity_id {
            query = query.eq(id.as_str());
        }
        if let Some(by) = self.by {
            let (kind, account) = by.fields();
            query = query.eq(kind).eq(account);
        }
        if let Kind(what) | Action(what) = &self.what {
            query = query.eq(what.as_str());
        }
        if let Some(from) = self.from {
            query = query.at_least(from.to_string());
        }
        if let Some(until) = self.until {
            query = query.before(until.to_string());
        }
        Ok(query)
    }
}

impl Workflow {
    /// An app's audit events, newest first.
    pub async fn audit(
        &self,
        member: &Member,
        filter: &AuditFilter,
        page: Page,
    ) -> Result<(Vec<AuditEvent>, u64)> {
        member.may(AppAction::ReadAudit)?;
        self.events(filter.query(member.app_id())?, page).await
    }

    /// The whole server's audit events, newest first; for instance admins.
    pub async fn audit_all(&self, actor: &Actor, page: Page) -> Result<(Vec<AuditEvent>, u64)> {
        if !actor.instance_admin {
            return Err(Rejection::Forbidden(
                "name an app of yours; only instance admins read the whole log".to_owned(),
            )
            .into());
        }
        self.events(Query::on(&AUDIT_BY_TIME), page).await
    }

    async fn events(&self, query: Query<AuditEvent>, page: Page) -> Result<(Vec<AuditEvent>, u64)> {
        let found = self
            .store()
            .find(query.descending().skip(page.skip()).limit(u64::from(page.limit)).with_total())
            .await?;
        Ok((found.items.into_iter().map(|event| event.doc).collect(), found.total))
    }

    /// The outbox, newest first; for instance admins, who hand on the links where no mail server is configured.
    pub async fn outbox(&self, actor: &Actor, page: Page) -> Result<(Vec<Mail>, u64)> {
        if !actor.instance_admin {
            return Err(Rejection::Forbidden("only instance admins read the outbox".to_owned()).into());
        }
        let query = Query::<Mail>::on(&MAIL_BY_TIME)
            .descending()
            .skip(page.skip())
            .limit(u64::from(page.limit))
            .with_total();
        let found = self.store().find(query).await?;
        Ok((found.items.into_iter().map(|mail| mail.doc).collect(), found.total))
    }
}
