//! Reading the audit log.

use crate::actor::{Actor, Member, Page};
use crate::error::{Error, Rejection, Result};
use crate::services::Workflow;
use conman_domain::audit::AuditEvent;
use conman_domain::mail::Mail;
use conman_domain::policy::AppAction;
use conman_store::Query;
use conman_store::collections::{
    AUDIT_BY_ACTION, AUDIT_BY_APP, AUDIT_BY_ENTITY, AUDIT_BY_TIME, MAIL_BY_TIME,
};

/// Which events are wanted; at most one of the two.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Only those of one thing, by its id.
    pub entity_id: Option<String>,
    /// Only those of one action, e.g. `changeset.submitted`.
    pub action: Option<String>,
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
        let app_id = member.app_id().to_string();
        let query = match (&filter.entity_id, &filter.action) {
            (None, None) => Query::<AuditEvent>::on(&AUDIT_BY_APP).eq(app_id),
            (Some(entity), None) => Query::on(&AUDIT_BY_ENTITY).eq(app_id).eq(entity.as_str()),
            (None, Some(action)) => Query::on(&AUDIT_BY_ACTION).eq(app_id).eq(action.as_str()),
            (Some(_), Some(_)) => {
                return Err(Error::invalid("/action", "filter by one of entity and action"));
            }
        };
        self.events(query, page).await
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
