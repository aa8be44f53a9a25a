//! An app's invites.

use super::shared::{List, Paging, RoleName};
use crate::extract::{AppMember, JsonBody, PathId, QueryOf};
use crate::problem::Answer;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use conman_domain::access::{Invite, InviteStatus};
use conman_domain::id::InviteId;
use conman_domain::name::EmailAddress;
use conman_workflow::Member;
use conman_workflow::accounts::InviteAction;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_invites, invite))
        .routes(routes!(resend_invite))
        .routes(routes!(revoke_invite))
}

/// An invite of an address into an app.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Invite)]
struct InviteBody {
    id: Uuid,
    email: String,
    role: RoleName,
    state: InviteState,
    invited_by: Uuid,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    expires_at: String,
    /// `resend`, `revoke`.
    allowed_actions: Vec<String>,
}

/// Where an invite stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum InviteState {
    /// Waits to be accepted, until it expires.
    Pending,
    /// Was accepted.
    Accepted,
    /// Was taken back.
    Revoked,
}

impl InviteBody {
    fn new(member: &Member, invite: &Invite) -> Self {
        let state = match invite.status {
            InviteStatus::Pending => InviteState::Pending,
            InviteStatus::Accepted { .. } => InviteState::Accepted,
            InviteStatus::Revoked { .. } => InviteState::Revoked,
        };
        let actions = InviteAction::allowed(member, invite);
        Self {
            id: invite.id.uuid(),
            email: invite.email.to_string(),
            role: invite.role.into(),
            state,
            invited_by: invite.invited_by.uuid(),
            created_at: invite.created_at.to_string(),
            expires_at: invite.expires_at.to_string(),
            allowed_actions: actions.into_iter().map(InviteAction::name).map(str::to_owned).collect(),
        }
    }
}

/// Lists the invites, newest first; for app admins.
#[utoipa::path(get, path = "/api/apps/{appId}/invites", operation_id = "list_invites", tag = "members",
    params(("appId" = Uuid, Path, description = "The app"), Paging),
    responses((status = 200, description = "The invites", body = List<InviteBody>)))]
async fn list_invites(
    State(state): State<AppState>,
    member: AppMember,
    QueryOf(paging): QueryOf<Paging>,
) -> Answer<Json<List<InviteBody>>> {
    let invites = state.workflow.list_invites(&member, paging.page()).await?;
    Ok(Json(List::new(paging.page(), invites, |invite| InviteBody::new(&member, &invite))))
}

/// Whom to invite.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct InviteRequest {
    #[schema(value_type = String, format = Email)]
    email: EmailAddress,
    role: RoleName,
}

/// Invites an address; the link is mailed to it, and works once, for 7 days.
#[utoipa::path(post, path = "/api/apps/{appId}/invites", operation_id = "invite", tag = "members",
    params(("appId" = Uuid, Path, description = "The app")),
    request_body = InviteRequest, responses((status = 201, description = "Invited", body = InviteBody)))]
async fn invite(
    State(state): State<AppState>,
    member: AppMember,
    JsonBody(body): JsonBody<InviteRequest>,
) -> Answer<(StatusCode, Json<InviteBody>)> {
    let invite = state.workflow.invite(&member, body.email, body.role.into()).await?;
    Ok((StatusCode::CREATED, Json(InviteBody::new(&member, &invite))))
}

/// Mails an invite again, with a new link and another 7 days; the old link is dead.
#[utoipa::path(post, path = "/api/apps/{appId}/invites/{inviteId}/resend", operation_id = "resend_invite",
    tag = "members",
    params(("appId" = Uuid, Path, description = "The app"), ("inviteId" = Uuid, Path, description = "The invite")),
    responses((status = 200, description = "Sent again", body = InviteBody),
    (status = 409, description = "It waits no more", body = crate::problem::ProblemBody, content_type = "application/problem+json")))]
async fn resend_invite(
    State(state): State<AppState>,
    member: AppMember,
    PathId(invite_id): PathId<InviteId>,
) -> Answer<Json<InviteBody>> {
    let invite = state.workflow.resend_invite(&member, invite_id).await?;
    Ok(Json(InviteBody::new(&member, &invite)))
}

/// Takes an invite back.
#[utoipa::path(delete, path = "/api/apps/{appId}/invites/{inviteId}", operation_id = "revoke_invite", tag = "members",
    params(("appId" = Uuid, Path, description = "The app"), ("inviteId" = Uuid, Path, description = "The invite")),
    responses((status = 204, description = "Taken back"),
    (status = 409, description = "It waits no more", body = crate::problem::ProblemBody, content_type = "application/problem+json")))]
async fn revoke_invite(
    State(state): State<AppState>,
    member: AppMember,
    PathId(invite_id): PathId<InviteId>,
) -> Answer<StatusCode> {
    state.workflow.revoke_invite(&member, invite_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
