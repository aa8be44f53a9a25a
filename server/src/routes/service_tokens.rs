//! Service tokens of an app.

use super::shared::{List, Paging};
use crate::extract::{AppMember, JsonBody, PathId, QueryOf};
use crate::problem::Answer;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use conman_domain::Timestamp;
use conman_domain::access::{Token, TokenPurpose};
use conman_domain::id::{EnvironmentId, TokenId};
use conman_domain::name::Title;
use conman_workflow::accounts::NewServiceToken;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_service_tokens, create_service_token))
        .routes(routes!(revoke_service_token))
}

/// A service token, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ServiceToken)]
struct ServiceTokenBody {
    id: Uuid,
    name: String,
    /// The environment that its bearer may follow.
    environment_id: Option<Uuid>,
    created_by: Option<Uuid>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// To the minute.
    #[schema(format = DateTime)]
    last_used_at: Option<String>,
    /// `revoke`.
    allowed_actions: Vec<String>,
}

impl From<&Token> for ServiceTokenBody {
    fn from(token: &Token) -> Self {
        let (environment_id, created_by) = match token.purpose {
            TokenPurpose::Service { environment_id, created_by, .. } => {
                (Some(environment_id), Some(created_by))
            }
            TokenPurpose::Personal { .. } | TokenPurpose::PasswordReset { .. } | TokenPurpose::FirstSetup => {
                (None, None)
            }
        };
        Self {
            id: token.id.uuid(),
            name: token.name.to_string(),
            environment_id: environment_id.map(EnvironmentId::uuid),
            created_by: created_by.map(conman_domain::id::UserId::uuid),
            created_at: token.created_at.to_string(),
            expires_at: token.expires_at.map(|at| at.to_string()),
            last_used_at: token.last_used_at.map(|at| at.to_string()),
            allowed_actions: vec!["revoke".to_owned()],
        }
    }
}

/// A wish for a service token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateServiceToken {
    #[schema(value_type = String)]
    name: Title,
    /// The environment that its bearer may follow.
    environment_id: Uuid,
    /// When it ends; never, if left out.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// A service token just made.
#[derive(Debug, Serialize, ToSchema)]
struct CreatedServiceToken {
    token: ServiceTokenBody,
    /// The secret; it is shown this once.
    secret: String,
}

/// Lists the service tokens, newest first; for app admins.
#[utoipa::path(get, path = "/api/apps/{appId}/service-tokens", operation_id = "list_service_tokens",
    tag = "service-tokens", params(("appId" = Uuid, Path, description = "The app"), Paging),
    responses((status = 200, description = "The tokens", body = List<ServiceTokenBody>)))]
async fn list_service_tokens(
    State(state): State<AppState>,
    member: AppMember,
    QueryOf(paging): QueryOf<Paging>,
) -> Answer<Json<List<ServiceTokenBody>>> {
    let tokens = state.workflow.list_service_tokens(&member, paging.page()).await?;
    Ok(Json(List::new(paging.page(), tokens, |token| ServiceTokenBody::from(&token.doc))))
}

/// Makes a service token for one environment; its secret is shown this once.
#[utoipa::path(post, path = "/api/apps/{appId}/service-tokens", operation_id = "create_service_token",
    tag = "service-tokens", params(("appId" = Uuid, Path, description = "The app")),
    request_body = CreateServiceToken, responses((status = 201, description = "Made", body = CreatedServiceToken)))]
async fn create_service_token(
    State(state): State<AppState>,
    member: AppMember,
    JsonBody(body): JsonBody<CreateServiceToken>,
) -> Answer<(StatusCode, Json<CreatedServiceToken>)> {
    let environment_id = EnvironmentId::new(body.environment_id);
    let wish = NewServiceToken { name: body.name, environment_id, expires_at: body.expires_at };
    let made = state.workflow.create_service_token(&member, wish).await?;
    let body = CreatedServiceToken { token: ServiceTokenBody::from(&made.token.doc), secret: made.secret };
    Ok((StatusCode::CREATED, Json(body)))
}

/// Revokes a service token, at once.
#[utoipa::path(delete, path = "/api/apps/{appId}/service-tokens/{tokenId}", operation_id = "revoke_service_token",
    tag = "service-tokens",
    params(("appId" = Uuid, Path, description = "The app"), ("tokenId" = Uuid, Path, description = "The token")),
    responses((status = 204, description = "Revoked")))]
async fn revoke_service_token(
    State(state): State<AppState>,
    member: AppMember,
    PathId(token_id): PathId<TokenId>,
) -> Answer<StatusCode> {
    state.workflow.revoke_service_token(&member, token_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
