//! Personal access tokens.

use super::shared::{List, Paging};
use crate::extract::{CurrentActor, JsonBody, PathId, QueryOf, SessionActor};
use crate::problem::Answer;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use conman_domain::Timestamp;
use conman_domain::access::{Token, TokenPurpose, TokenScope};
use conman_domain::id::TokenId;
use conman_domain::name::Title;
use conman_workflow::accounts::NewTokenRequest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_tokens, create_token)).routes(routes!(revoke_token))
}

/// What a token may do.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Scope {
    /// Read only.
    Read,
    /// Everything that the account may do.
    Write,
}

/// A personal access token, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PersonalToken)]
struct TokenBody {
    id: Uuid,
    name: String,
    scope: Scope,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// To the minute.
    #[schema(format = DateTime)]
    last_used_at: Option<String>,
    allowed_actions: Vec<String>,
}

impl From<&Token> for TokenBody {
    fn from(token: &Token) -> Self {
        let write = matches!(token.purpose, TokenPurpose::Personal { scope: TokenScope::Write, .. });
        Self {
            id: token.id.uuid(),
            name: token.name.to_string(),
            scope: if write { Scope::Write } else { Scope::Read },
            created_at: token.created_at.to_string(),
            expires_at: token.expires_at.map(|at| at.to_string()),
            last_used_at: token.last_used_at.map(|at| at.to_string()),
            allowed_actions: vec!["revoke".to_owned()],
        }
    }
}

/// A wish for a token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateToken {
    /// What you call it.
    #[schema(value_type = String)]
    name: Title,
    scope: Scope,
    /// When it ends, at most 366 days from now.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// A token just made.
#[derive(Debug, Serialize, ToSchema)]
struct CreatedToken {
    token: TokenBody,
    /// The secret; it is shown this once.
    secret: String,
}

/// Lists your tokens, newest first.
#[utoipa::path(get, path = "/api/me/tokens", operation_id = "list_tokens", tag = "me", params(Paging),
    responses((status = 200, description = "Your tokens", body = List<TokenBody>)))]
async fn list_tokens(
    State(state): State<AppState>,
    actor: CurrentActor,
    QueryOf(paging): QueryOf<Paging>,
) -> Answer<Json<List<TokenBody>>> {
    let tokens = state.workflow.list_tokens(&actor, paging.page()).await?;
    Ok(Json(List::new(paging.page(), tokens, |token| TokenBody::from(&token.doc))))
}

/// Makes a token; its secret is shown this once.
#[utoipa::path(post, path = "/api/me/tokens", operation_id = "create_token", tag = "me",
    security(("session" = [])), request_body = CreateToken,
    responses((status = 201, description = "Made", body = CreatedToken)))]
async fn create_token(
    State(state): State<AppState>,
    SessionActor(actor): SessionActor,
    JsonBody(body): JsonBody<CreateToken>,
) -> Answer<(StatusCode, Json<CreatedToken>)> {
    let scope = match body.scope {
        Scope::Read => TokenScope::Read,
        Scope::Write => TokenScope::Write,
    };
    let wish = NewTokenRequest { name: body.name, scope, expires_at: body.expires_at };
    let made = state.workflow.create_token(&actor, wish).await?;
    let body = CreatedToken { token: TokenBody::from(&made.token.doc), secret: made.secret };
    Ok((StatusCode::CREATED, Json(body)))
}

/// Revokes one of your tokens, at once.
#[utoipa::path(delete, path = "/api/me/tokens/{tokenId}", operation_id = "revoke_token", tag = "me",
    params(("tokenId" = Uuid, Path, description = "The token")),
    responses((status = 204, description = "Revoked")))]
async fn revoke_token(
    State(state): State<AppState>,
    actor: CurrentActor,
    PathId(token_id): PathId<TokenId>,
) -> Answer<StatusCode> {
    state.workflow.revoke_token(&actor, token_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
