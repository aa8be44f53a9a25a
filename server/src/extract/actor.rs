//! Who asks: by session cookie, or by personal access token.

use super::context;
use crate::problem::Problem;
use crate::sessions;
use crate::state::AppState;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use conman_domain::access::TokenScope;
use conman_domain::audit::RequestContext;
use conman_workflow::Actor;
use conman_workflow::accounts::Program;
use std::ops::Deref;
use tower_sessions::Session;

/// The account that asks. Refuses with 401 where nobody is signed in, and a token that only reads with 403 on writes.
#[derive(Debug, Clone)]
pub struct CurrentActor {
    /// The account.
    pub actor: Actor,
    /// How it proved itself.
    pub via: Via,
}

/// How an account proved itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// By a session.
    Session,
    /// By a personal access token.
    Token,
}

/// The account that asks, by session only: a token cannot make further credentials.
#[derive(Debug, Clone)]
pub struct SessionActor(pub Actor);

/// The account that asks, if one does; wrong credentials are refused all the same.
#[derive(Debug, Clone)]
pub struct MaybeActor(pub Option<CurrentActor>);

/// What an account proved itself with, to ask again whether it still does.
#[derive(Clone)]
pub struct Credentials(Shown);

#[derive(Clone)]
enum Shown {
    Token(String),
    Session(Option<tower_sessions::session::Id>),
}

/// The program that asks, by service token.
#[derive(Debug, Clone)]
pub struct CurrentProgram(pub Program);

impl Deref for CurrentActor {
    type Target = Actor;

    fn deref(&self) -> &Actor {
        &self.actor
    }
}

impl Deref for SessionActor {
    type Target = Actor;

    fn deref(&self) -> &Actor {
        &self.0
    }
}

impl FromRequestParts<AppState> for MaybeActor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let context = context::of(parts);
        if let Some(secret) = bearer(&parts.headers)? {
            let actor = state.workflow.authenticate_person(secret, context).await?;
            let actor = actor.ok_or_else(wrong_token)?;
            if writes(parts) && actor.scope == TokenScope::Read {
                return Err(Problem::new(StatusCode::FORBIDDEN, "read_only_token", "this token only reads"));
            }
            return Ok(Self(Some(CurrentActor { actor, via: Via::Token })));
        }
        let session = parts.extensions.get::<Session>().cloned();
        let session = session.ok_or_else(|| Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR))?;
        let Some(signed_in) = sessions::signed_in(&session).await? else {
            return Ok(Self(None));
        };
        let workflow = &state.workflow;
        let actor =
            workflow.authenticate_session(signed_in.user_id, signed_in.password_set_at, context).await?;
        Ok(Self(actor.map(|actor| CurrentActor { actor, via: Via::Session })))
    }
}

impl FromRequestParts<AppState> for CurrentActor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let MaybeActor(actor) = MaybeActor::from_request_parts(parts, state).await?;
        actor.ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", "sign in first"))
    }
}

impl FromRequestParts<AppState> for SessionActor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let current = CurrentActor::from_request_parts(parts, state).await?;
        match current.via {
            Via::Session => Ok(Self(current.actor)),
            Via::Token => {
                let detail = "a token cannot do this; sign in with a password";
                Err(Problem::new(StatusCode::FORBIDDEN, "session_required", detail))
            }
        }
    }
}

impl Credentials {
    /// Who holds them now; nobody once they were revoked, ended or are over.
    pub async fn holder(&self, state: &AppState, context: RequestContext) -> Result<Option<Actor>, Problem> {
        let id = match &self.0 {
            Shown::Token(secret) => {
                return Ok(state.workflow.authenticate_person(secret, context).await?);
            }
            Shown::Session(id) => *id,
        };
        let Some(signed_in) = sessions::signed_in_again(state, id).await? else { return Ok(None) };
        let workflow = &state.workflow;
        Ok(workflow.authenticate_session(signed_in.user_id, signed_in.password_set_at, context).await?)
    }
}

impl FromRequestParts<AppState> for Credentials {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Problem> {
        Ok(Self(match bearer(&parts.headers)? {
            Some(secret) => Shown::Token(secret.to_owned()),
            None => Shown::Session(parts.extensions.get::<Session>().and_then(Session::id)),
        }))
    }
}

impl FromRequestParts<AppState> for CurrentProgram {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let secret = bearer(&parts.headers)?.ok_or_else(wrong_token)?;
        // No record tells of a read.
        let context = if writes(parts) { context::of(parts) } else { RequestContext::default() };
        let program = state.workflow.authenticate_program(secret, context).await?;
        program.map(Self).ok_or_else(wrong_token)
    }
}

/// Whether a request is one that changes something.
fn writes(parts: &Parts) -> bool {
    !matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn wrong_token() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", "this token is unknown, expired or revoked")
}

/// The token in `Authorization: Bearer …`, if there is one.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    let token = text
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    match (token, values.next()) {
        (Some(token), None) if !token.is_empty() => Ok(Some(token)),
        _ => Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "send one `Authorization: Bearer <token>`",
        )),
    }
}
