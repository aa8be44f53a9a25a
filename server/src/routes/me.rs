//! The account that asks.

use super::shared::RoleName;
use crate::etag::Tagged;
use crate::extract::{CurrentActor, IfMatch, JsonBody};
use crate::problem::Answer;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use conman_domain::name::Title;
use conman_workflow::accounts::{Me, UpdateMe};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(me, update_me)).routes(routes!(preferences, update_preferences))
}

/// An account as it sees itself.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Me)]
pub(crate) struct MeBody {
    id: Uuid,
    /// The short name, used in branches.
    handle: String,
    name: String,
    email: String,
    /// Whether the account creates apps and manages accounts.
    instance_admin: bool,
    #[schema(format = DateTime)]
    created_at: String,
    /// What the account may do outside of apps.
    allowed_actions: Vec<String>,
    /// The apps that it belongs to; at most 200.
    memberships: Vec<MembershipBody>,
}

/// An app that an account belongs to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Membership)]
struct MembershipBody {
    app_id: Uuid,
    slug: String,
    name: String,
    role: RoleName,
}

impl From<Me> for MeBody {
    fn from(me: Me) -> Self {
        let user = me.user.doc;
        let actions: &[&str] = if user.instance_admin { &["create_app", "list_accounts"] } else { &[] };
        let memberships = me.memberships.into_iter().map(|membership| MembershipBody {
            app_id: membership.app_id.uuid(),
            slug: membership.slug.to_string(),
            name: membership.name.to_string(),
            role: membership.role.into(),
        });
        Self {
            id: user.id.uuid(),
            handle: user.handle.to_string(),
            name: user.name.to_string(),
            email: user.email.to_string(),
            instance_admin: user.instance_admin,
            created_at: user.created_at.to_string(),
            allowed_actions: actions.iter().map(|&action| action.to_owned()).collect(),
            memberships: memberships.collect(),
        }
    }
}

/// What an account changes of itself.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateMeBody {
    #[schema(value_type = String)]
    name: Title,
}

/// Tells who you are.
#[utoipa::path(get, path = "/api/me", operation_id = "me", tag = "me",
    responses((status = 200, description = "You", body = MeBody)))]
async fn me(State(state): State<AppState>, actor: CurrentActor) -> Answer<Tagged<MeBody>> {
    let me = state.workflow.me(&actor).await?;
    Ok(Tagged(me.user.version, me.into()))
}

/// Changes your name.
#[utoipa::path(patch, path = "/api/me", operation_id = "update_me", tag = "me",
    params(("If-Match" = Option<String>, Header, description = "The ETag that the change is based on")),
    request_body = UpdateMeBody, responses((status = 200, description = "You", body = MeBody)))]
async fn update_me(
    State(state): State<AppState>,
    actor: CurrentActor,
    IfMatch(expected): IfMatch,
    JsonBody(body): JsonBody<UpdateMeBody>,
) -> Answer<Tagged<MeBody>> {
    let update = UpdateMe { name: Some(body.name), mail_wanted: None, expected };
    state.workflow.update_me(&actor, update).await?;
    let me = state.workflow.me(&actor).await?;
    Ok(Tagged(me.user.version, me.into()))
}

/// Which mails an account wants.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NotificationPreferences {
    /// Whether mails about changesets, releases and deployments are wanted.
    mail: bool,
}

/// Tells which mails you want.
#[utoipa::path(get, path = "/api/me/notification-preferences", operation_id = "notification_preferences", tag = "me",
    responses((status = 200, description = "Your wishes", body = NotificationPreferences)))]
async fn preferences(
    State(state): State<AppState>,
    actor: CurrentActor,
) -> Answer<Json<NotificationPreferences>> {
    let me = state.workflow.me(&actor).await?;
    Ok(Json(NotificationPreferences { mail: me.user.mail_wanted }))
}

/// Changes which mails you want.
#[utoipa::path(patch, path = "/api/me/notification-preferences", operation_id = "update_notification_preferences",
    tag = "me", request_body = NotificationPreferences,
    responses((status = 200, description = "Your wishes", body = NotificationPreferences)))]
async fn update_preferences(
    State(state): State<AppState>,
    actor: CurrentActor,
    JsonBody(body): JsonBody<NotificationPreferences>,
) -> Answer<Json<NotificationPreferences>> {
    let update = UpdateMe { name: None, mail_wanted: Some(body.mail), expected: None };
    let user = state.workflow.update_me(&actor, update).await?;
    Ok(Json(NotificationPreferences { mail: user.mail_wanted }))
}
