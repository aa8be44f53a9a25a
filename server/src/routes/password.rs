//! Forgotten and changed passwords.

use super::auth::begin;
use super::me::MeBody;
use crate::extract::{ClientContext, JsonBody, SessionActor};
use crate::problem::Answer;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use conman_domain::name::EmailAddress;
use conman_workflow::accounts::{ChangePassword, Password};
use serde::Deserialize;
use tower_sessions::Session;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(forgot_password))
        .routes(routes!(reset_password))
        .routes(routes!(change_password))
}

/// An address whose password is forgotten.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ForgotPassword {
    #[schema(value_type = String, format = Email)]
    email: EmailAddress,
}

/// Mails a reset link, if the address has an account; the answer is the same for all addresses.
#[utoipa::path(post, path = "/api/auth/forgot-password", operation_id = "forgot_password", tag = "auth", security(()),
    request_body = ForgotPassword, responses((status = 202, description = "If the address has an account, a mail is on its way")))]
async fn forgot_password(
    State(state): State<AppState>,
    ClientContext(context): ClientContext,
    JsonBody(body): JsonBody<ForgotPassword>,
) -> Answer<StatusCode> {
    state.workflow.count_reset_request(&context)?;
    // Answered before anything depends on the account, so that the time tells nothing either.
    let workflow = state.workflow.clone();
    state.tasks.spawn(async move {
        if let Err(error) = workflow.mail_reset_link(&body.email, context).await {
            tracing::error!(error = &error as &dyn std::error::Error, "a reset link was not mailed");
        }
    });
    Ok(StatusCode::ACCEPTED)
}

/// A new password by a mailed link.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ResetPassword {
    /// The last part of the link.
    token: String,
    #[schema(value_type = String, format = Password)]
    password: Password,
}

/// Sets a new password by a mailed link, which works once, and ends all sessions.
#[utoipa::path(post, path = "/api/auth/reset-password", operation_id = "reset_password", tag = "auth", security(()),
    request_body = ResetPassword, responses((status = 204, description = "Set; sign in with it"),
    (status = 404, description = "The link is used, replaced or expired", body = crate::problem::ProblemBody, content_type = "application/problem+json")))]
async fn reset_password(
    State(state): State<AppState>,
    ClientContext(context): ClientContext,
    JsonBody(body): JsonBody<ResetPassword>,
) -> Answer<StatusCode> {
    state.workflow.reset_password(&body.token, body.password, context).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A new password by who knows the present one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangePasswordBody {
    #[schema(value_type = String, format = Password)]
    current_password: Password,
    #[schema(value_type = String, format = Password)]
    new_password: Password,
}

/// Sets a new password, ends all sessions, and begins a new one.
#[utoipa::path(post, path = "/api/auth/change-password", operation_id = "change_password", tag = "auth",
    security(("session" = [])), request_body = ChangePasswordBody,
    responses((status = 200, description = "Set; this session is a new one", body = MeBody)))]
async fn change_password(
    State(state): State<AppState>,
    session: Session,
    SessionActor(actor): SessionActor,
    JsonBody(body): JsonBody<ChangePasswordBody>,
) -> Answer<Json<MeBody>> {
    let wish = ChangePassword { current: body.current_password, new: body.new_password };
    let user = state.workflow.change_password(&actor, wish).await?;
    begin(&state, &session, &user, actor.context).await
}
