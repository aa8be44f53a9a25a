//! Signing in and out, the first account, and accepting invites.

use super::me::MeBody;
use super::shared::RoleName;
use crate::extract::{ClientContext, JsonBody, MaybeActor, SessionActor};
use crate::problem::{Answer, Problem};
use crate::sessions;
use crate::state::AppState;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use conman_domain::access::{TokenScope, User};
use conman_domain::audit::RequestContext;
use conman_domain::name::{EmailAddress, Handle, Title};
use conman_workflow::accounts::{FirstAccount, InviteView, NewAccount, Password};
use conman_workflow::{Actor, Error, Rejection};
use serde::{Deserialize, Serialize};
use tower_sessions::Session;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(logout))
        .routes(routes!(set_up))
        .routes(routes!(look_at_invite))
        .routes(routes!(ask_for_new_invite))
        .routes(routes!(accept_invite))
}

/// An address and a password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Login {
    #[schema(value_type = String, format = Email)]
    email: EmailAddress,
    #[schema(value_type = String, format = Password)]
    password: Password,
}

/// Signs in: begins a session and answers who you are.
#[utoipa::path(post, path = "/api/auth/login", operation_id = "login", tag = "auth", security(()),
    request_body = Login, responses((status = 200, description = "Signed in", body = MeBody)))]
async fn login(
    State(state): State<AppState>,
    session: Session,
    ClientContext(context): ClientContext,
    JsonBody(body): JsonBody<Login>,
) -> Answer<Json<MeBody>> {
    let signed_in = state.workflow.sign_in(&body.email, body.password, context.clone()).await;
    state.metrics.sign_in(outcome(&signed_in));
    begin(&state, &session, &signed_in?.doc, context).await
}

/// Signs out: ends the session.
#[utoipa::path(post, path = "/api/auth/logout", operation_id = "logout", tag = "auth",
    responses((status = 204, description = "Signed out")))]
async fn logout(
    State(state): State<AppState>,
    session: Session,
    SessionActor(actor): SessionActor,
) -> Answer<StatusCode> {
    sessions::end(&session).await?;
    state.workflow.sign_out(&actor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The first account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetUp {
    /// The last part of the link that the server printed.
    token: String,
    #[schema(value_type = String, format = Email)]
    email: EmailAddress,
    #[schema(value_type = String)]
    handle: Handle,
    #[schema(value_type = String)]
    name: Title,
    #[schema(value_type = String, format = Password)]
    password: Password,
}

/// Makes the first account by the link that the server printed, and signs it in.
#[utoipa::path(post, path = "/api/auth/setup", operation_id = "set_up", tag = "auth", security(()),
    request_body = SetUp, responses((status = 201, description = "Made and signed in", body = MeBody),
    (status = 404, description = "The link is used, replaced or wrong", body = crate::problem::ProblemBody, content_type = "application/problem+json")))]
async fn set_up(
    State(state): State<AppState>,
    session: Session,
    ClientContext(context): ClientContext,
    JsonBody(body): JsonBody<SetUp>,
) -> Answer<(StatusCode, Json<MeBody>)> {
    let first =
        FirstAccount { email: body.email, handle: body.handle, name: body.name, password: body.password };
    let user = state.workflow.set_up(&body.token, first, context.clone()).await?;
    Ok((StatusCode::CREATED, begin(&state, &session, &user, context).await?))
}

/// An invite, as its link shows it.
#[derive(Debug, Serialize, ToSchema)]
struct InviteLook {
    app_name: String,
    role: RoleName,
    /// Who invited.
    inviter: String,
    /// The only address that may accept it.
    email: String,
    #[schema(format = DateTime)]
    expires_at: String,
    /// Whether it is over; a new one can be asked for.
    expired: bool,
    /// Whether the address has an account: then sign in to accept.
    has_account: bool,
}

impl From<InviteView> for InviteLook {
    fn from(view: InviteView) -> Self {
        Self {
            app_name: view.app_name.to_string(),
            role: view.role.into(),
            inviter: view.inviter.to_string(),
            email: view.email.to_string(),
            expires_at: view.expires_at.to_string(),
            expired: view.expired,
            has_account: view.has_account,
        }
    }
}

/// Shows the invite behind a mailed link.
#[utoipa::path(get, path = "/api/auth/invites/{token}", operation_id = "look_at_invite", tag = "auth", security(()),
    params(("token" = String, Path, description = "The last part of the link")),
    responses((status = 200, description = "The invite", body = InviteLook)))]
async fn look_at_invite(
    State(state): State<AppState>,
    Path(token): Path<String>,
) -> Answer<Json<InviteLook>> {
    Ok(Json(state.workflow.look_at_invite(&token).await?.into()))
}

/// Tells the inviter that an expired invite is still wanted.
#[utoipa::path(post, path = "/api/auth/invites/{token}/ask-again", operation_id = "ask_for_new_invite", tag = "auth",
    security(()), params(("token" = String, Path, description = "The last part of the link")),
    responses((status = 202, description = "The inviter gets a mail")))]
async fn ask_for_new_invite(
    State(state): State<AppState>,
    ClientContext(context): ClientContext,
    Path(token): Path<String>,
) -> Answer<StatusCode> {
    state.workflow.ask_for_new_invite(&token, context).await?;
    Ok(StatusCode::ACCEPTED)
}

/// An accepted invite; without an account for who is signed in already.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AcceptInvite {
    /// The last part of the link.
    token: String,
    /// The account to make; left out by who is signed in.
    #[serde(default)]
    account: Option<AccountOfInvited>,
}

/// The account that an invited person makes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AccountOfInvited {
    #[schema(value_type = String)]
    handle: Handle,
    #[schema(value_type = String)]
    name: Title,
    #[schema(value_type = String, format = Password)]
    password: Password,
}

/// Accepts an invite: with a new account, which is signed in, or with the one that is.
#[utoipa::path(post, path = "/api/auth/accept-invite", operation_id = "accept_invite", tag = "auth",
    security((), ("session" = [])), request_body = AcceptInvite,
    responses((status = 200, description = "Accepted", body = MeBody),
    (status = 404, description = "The link is used, replaced or wrong", body = crate::problem::ProblemBody, content_type = "application/problem+json")))]
async fn accept_invite(
    State(state): State<AppState>,
    session: Session,
    ClientContext(context): ClientContext,
    MaybeActor(current): MaybeActor,
    JsonBody(body): JsonBody<AcceptInvite>,
) -> Answer<Json<MeBody>> {
    match (body.account, current) {
        (Some(AccountOfInvited { handle, name, password }), _) => {
            let account = NewAccount { handle, name, password };
            let user = state.workflow.accept_invite_as_new(&body.token, account, context.clone()).await?;
            begin(&state, &session, &user, context).await
        }
        (None, Some(current)) => {
            state.workflow.accept_invite(&current, &body.token).await?;
            Ok(Json(state.workflow.me(&current).await?.into()))
        }
        (None, None) => {
            Err(Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", "sign in, or make an account"))
        }
    }
}

/// Begins a session, and answers who that is.
pub(super) async fn begin(
    state: &AppState,
    session: &Session,
    user: &User,
    context: RequestContext,
) -> Answer<Json<MeBody>> {
    sessions::begin(session, user).await?;
    let actor = Actor::new(user, TokenScope::Write, context);
    Ok(Json(state.workflow.me(&actor).await?.into()))
}

fn outcome<T>(signed_in: &Result<T, Error>) -> &'static str {
    match signed_in {
        Ok(_) => "signed_in",
        Err(Error::Rejected(Rejection::TooMany { .. })) => "throttled",
        Err(Error::Rejected(_)) => "refused",
        Err(Error::Errored(_)) => "errored",
    }
}
