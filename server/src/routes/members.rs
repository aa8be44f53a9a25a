//! An app's members.

use super::shared::{List, Paging, RoleName};
use crate::etag::Tagged;
use crate::extract::{AppMember, IfMatch, JsonBody, PathId, QueryOf};
use crate::problem::Answer;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use conman_domain::id::UserId;
use conman_workflow::accounts::{MemberAction, MemberView};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_members)).routes(routes!(change_role, remove_member))
}

/// A member of an app.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Member)]
struct MemberBody {
    user_id: Uuid,
    handle: String,
    name: String,
    email: String,
    role: RoleName,
    #[schema(format = DateTime)]
    joined_at: String,
    /// What a change of the role is based on, for `If-Match`.
    etag: String,
    /// `change_role`, `remove`.
    allowed_actions: Vec<String>,
}

impl From<MemberView> for MemberBody {
    fn from(view: MemberView) -> Self {
        Self {
            user_id: view.user.id.uuid(),
            handle: view.user.handle.to_string(),
            name: view.user.name.to_string(),
            email: view.user.email.to_string(),
            role: view.membership.role.into(),
            joined_at: view.membership.created_at.to_string(),
            etag: format!("\"v{}\"", view.membership.version),
            allowed_actions: view
                .allowed_actions
                .into_iter()
                .map(MemberAction::name)
                .map(str::to_owned)
                .collect(),
        }
    }
}

/// Lists the members, first joined first.
#[utoipa::path(get, path = "/api/apps/{appId}/members", operation_id = "list_members", tag = "members",
    params(("appId" = Uuid, Path, description = "The app"), Paging),
    responses((status = 200, description = "The members", body = List<MemberBody>)))]
async fn list_members(
    State(state): State<AppState>,
    member: AppMember,
    QueryOf(paging): QueryOf<Paging>,
) -> Answer<Json<List<MemberBody>>> {
    let members = state.workflow.list_members(&member, paging.page()).await?;
    Ok(Json(List::new(paging.page(), members, MemberBody::from)))
}

/// Another role.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangeRole {
    role: RoleName,
}

/// Gives a member another role; the last app admin keeps theirs.
#[utoipa::path(patch, path = "/api/apps/{appId}/members/{userId}", operation_id = "change_role", tag = "members",
    params(("appId" = Uuid, Path, description = "The app"), ("userId" = Uuid, Path, description = "The member"),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on")),
    request_body = ChangeRole, responses((status = 200, description = "The member", body = MemberBody)))]
async fn change_role(
    State(state): State<AppState>,
    member: AppMember,
    PathId(user_id): PathId<UserId>,
    IfMatch(expected): IfMatch,
    JsonBody(body): JsonBody<ChangeRole>,
) -> Answer<Tagged<MemberBody>> {
    let view = state.workflow.change_role(&member, user_id, body.role.into(), expected).await?;
    Ok(Tagged(view.membership.version, view.into()))
}

/// Removes a member, at once; the last app admin stays.
#[utoipa::path(delete, path = "/api/apps/{appId}/members/{userId}", operation_id = "remove_member", tag = "members",
    params(("appId" = Uuid, Path, description = "The app"), ("userId" = Uuid, Path, description = "The member")),
    responses((status = 204, description = "Removed"),
    (status = 409, description = "The last app admin stays", body = crate::problem::ProblemBody, content_type = "application/problem+json")))]
async fn remove_member(
    State(state): State<AppState>,
    member: AppMember,
    PathId(user_id): PathId<UserId>,
) -> Answer<StatusCode> {
    state.workflow.remove_member(&member, user_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
