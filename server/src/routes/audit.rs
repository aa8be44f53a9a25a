//! The audit log and the outbox.

use super::places::AboutBody;
use super::shared::{List, Paging};
use crate::extract::{CurrentActor, PageLimit, PageNumber, QueryOf, instant};
use crate::problem::{Answer, FieldError, Problem};
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use conman_domain::audit::AuditEvent;
use conman_domain::audit_kinds::AUDIT_KINDS;
use conman_domain::id::AppId;
use conman_domain::mail::{Mail, MailStatus};
use conman_workflow::{AuditBy, AuditFilter, AuditWhat, Named, ThingId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_audit_events))
        .routes(routes!(list_audit_kinds))
        .routes(routes!(list_outbox))
}

/// An entry of the audit log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEvent)]
struct AuditEventBody {
    id: Uuid,
    #[schema(format = DateTime)]
    happened_at: String,
    app_id: Option<Uuid>,
    /// The name of who acted; `system` for the server itself, `anonymous` for nobody who was signed in.
    actor: String,
    actor_id: Option<Uuid>,
    /// What kind of thing, e.g. `changeset`.
    entity: String,
    entity_id: String,
    /// The thing as people call it; null where it is gone, and in the log of all apps.
    about: Option<AboutBody>,
    /// What was done, e.g. `changeset.submitted`.
    action: String,
    before: Option<Value>,
    after: Option<Value>,
    commit: Option<String>,
    request_id: Option<Uuid>,
    address: Option<String>,
    user_agent: Option<String>,
}

impl AuditEventBody {
    fn thing(event: &AuditEvent) -> ThingId {
        ThingId::new(event.entity.as_str(), &event.entity_id)
    }

    fn of(event: AuditEvent, names: &HashMap<ThingId, Named>) -> Self {
        Self {
            about: names.get(&Self::thing(&event)).map(AboutBody::from),
            id: event.id.uuid(),
            happened_at: event.happened_at.to_string(),
            app_id: event.app_id.map(|id| id.uuid()),
            actor: event.actor.name().to_owned(),
            actor_id: event.actor.user_id().map(|id| id.uuid()),
            entity: event.entity,
            entity_id: event.entity_id,
            action: event.action,
            before: event.before,
            after: event.after,
            commit: event.commit.map(|commit| commit.to_string()),
            request_id: event.context.request_id.map(|id| id.uuid()),
            address: event.context.address,
            user_agent: event.context.user_agent,
        }
    }
}

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AuditQuery {
    /// The app; all apps, for instance admins, if left out.
    #[serde(default)]
    app: Option<Uuid>,
    /// Only those of one thing, by its id; not together with `kind`.
    #[serde(default)]
    entity: Option<String>,
    /// Only those of one kind of thing, e.g. `changeset`; not together with `action`.
    #[serde(default)]
    kind: Option<String>,
    /// Only those of one action, e.g. `changeset.submitted`.
    #[serde(default)]
    action: Option<String>,
    /// Only what one did: a person, by the account's id; `programs` with service tokens; `system`, the server itself;
    /// or `anonymous`, nobody who was signed in.
    #[serde(default)]
    by: Option<String>,
    /// Not what happened before this instant, in ISO 8601; without an offset it is in UTC.
    #[serde(default)]
    #[param(format = DateTime)]
    from: Option<String>,
    /// Not what happened at this instant or later.
    #[serde(default)]
    #[param(format = DateTime)]
    until: Option<String>,
    /// The page's number, from 1.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, default = 1)]
    page: PageNumber,
    /// How many rows a page has, 1 to 200.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200, default = 50)]
    limit: PageLimit,
}

impl AuditQuery {
    /// Whether it asks for some of the events only.
    fn searches(&self) -> bool {
        [&self.entity, &self.kind, &self.action, &self.by, &self.from, &self.until]
            .iter()
            .any(|one| one.is_some())
    }

    fn filter(self) -> Answer<AuditFilter> {
        let what = match (self.kind, self.action) {
            (None, None) => AuditWhat::Any,
            (Some(kind), None) => AuditWhat::Kind(kind),
            (None, Some(action)) => AuditWhat::Action(action),
            (Some(_), Some(_)) => return Err(refused("/action", "filter by one of kind and action")),
        };
        let at = |name: &str, text: Option<String>| text.map(|text| instant(name, &text)).transpose();
        Ok(AuditFilter {
            entity_id: self.entity,
            what,
            by: self.by.as_deref().map(by).transpose()?,
            from: at("from", self.from)?,
            until: at("until", self.until)?,
        })
    }
}

fn by(text: &str) -> Answer<AuditBy> {
    match text {
        "programs" => Ok(AuditBy::Programs),
        "system" => Ok(AuditBy::System),
        "anonymous" => Ok(AuditBy::Anonymous),
        id => id.parse().map(AuditBy::Person).map_err(|_| {
            refused("/by", "the id of an account, or programs, system or anonymous, is expected")
        }),
    }
}

fn refused(pointer: &str, message: &str) -> Problem {
    Problem::invalid(vec![FieldError { pointer: pointer.to_owned(), message: message.to_owned() }])
}

/// Lists audit events, newest first.
#[utoipa::path(get, path = "/api/audit", operation_id = "list_audit_events", tag = "audit", params(AuditQuery),
    responses((status = 200, description = "The events", body = List<AuditEventBody>)))]
async fn list_audit_events(
    State(state): State<AppState>,
    actor: CurrentActor,
    QueryOf(query): QueryOf<AuditQuery>,
) -> Answer<Json<List<AuditEventBody>>> {
    let page = query.page.of(query.limit);
    let mut names = HashMap::new();
    let (events, total) = match query.app {
        Some(app) => {
            let member = state.workflow.member(&actor, AppId::new(app)).await?;
            let filter = query.filter()?;
            let (events, total) = state.workflow.audit(&member, &filter, page).await?;
            let things: Vec<ThingId> = events.iter().map(AuditEventBody::thing).collect();
            names = state.workflow.named(&member, &things).await?;
            (events, total)
        }
        None if query.searches() => {
            return Err(refused("/app", "name the app whose events are to be searched"));
        }
        None => state.workflow.audit_all(&actor, page).await?,
    };
    Ok(Json(List::of(
        page,
        total,
        events.into_iter().map(|event| AuditEventBody::of(event, &names)).collect(),
    )))
}

/// A kind of thing, and what may be done to it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditKind)]
struct AuditKindBody {
    /// What kind of thing, e.g. `changeset`.
    kind: &'static str,
    /// What may be done to it, e.g. `changeset.submitted`.
    actions: &'static [&'static str],
}

/// Lists what the audit log of an app may hold, in the order of the main job.
#[utoipa::path(get, path = "/api/audit/kinds", operation_id = "list_audit_kinds", tag = "audit",
    responses((status = 200, description = "The kinds", body = Vec<AuditKindBody>)))]
async fn list_audit_kinds(_: CurrentActor) -> Json<Vec<AuditKindBody>> {
    Json(AUDIT_KINDS.iter().map(|one| AuditKindBody { kind: one.entity, actions: one.actions }).collect())
}

/// A mail.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Mail)]
struct MailBody {
    id: Uuid,
    to: String,
    /// What it tells of, e.g. `changeset.approved`.
    event: String,
    subject: String,
    text: String,
    /// The one link, as a path on the server; a mail that was sent does not keep it.
    link: Option<String>,
    /// `waiting`, `sent` or `failed`.
    state: &'static str,
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<Mail> for MailBody {
    fn from(mail: Mail) -> Self {
        Self {
            id: mail.id.uuid(),
            to: mail.to.to_string(),
            event: mail.event,
            subject: mail.subject,
            text: mail.text,
            link: mail.link,
            state: match mail.status {
                MailStatus::Waiting => "waiting",
                MailStatus::Sent { .. } => "sent",
                MailStatus::Failed { .. } => "failed",
            },
            created_at: mail.created_at.to_string(),
        }
    }
}

/// Lists the mails, newest first; for instance admins.
#[utoipa::path(get, path = "/api/outbox", operation_id = "list_outbox", tag = "audit", params(Paging),
    responses((status = 200, description = "The mails", body = List<MailBody>)))]
async fn list_outbox(
    State(state): State<AppState>,
    actor: CurrentActor,
    QueryOf(paging): QueryOf<Paging>,
) -> Answer<Json<List<MailBody>>> {
    let (mails, total) = state.workflow.outbox(&actor, paging.page()).await?;
    Ok(Json(List::of(paging.page(), total, mails.into_iter().map(MailBody::from).collect())))
}
