//! Ids in paths.

use crate::problem::{FieldError, Problem};
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::StatusCode;
use axum::http::request::Parts;
use conman_domain::name::ParameterName;
use conman_domain::snapshot::ConfigVersion;
use conman_domain::snapshot::ContentHash;
use conman_domain::{Timestamp, id};
use std::str::FromStr;

/// An id out of the path. What is no id names nothing: 404.
#[derive(Debug, Clone, Copy)]
pub struct PathId<T>(pub T);

/// Is an id that stands in paths.
pub trait PathParameter: FromStr {
    /// The parameter's name in routes, e.g. `appId`.
    const NAME: &'static str;
    /// What it names, for the 404.
    const WHAT: &'static str;

    /// The text of the parameter where a route has it as a word of its own instead.
    fn of_route(_path: &str) -> Option<&'static str> {
        None
    }
}

macro_rules! parameters {
    ($($id:ident = $name:literal, $what:literal;)*) => {$(
        impl PathParameter for id::$id {
            const NAME: &'static str = $name;
            const WHAT: &'static str = $what;
        }
    )*};
}

parameters! {
    AppId = "appId", "app";
    UserId = "userId", "member";
    InviteId = "inviteId", "invite";
    TokenId = "tokenId", "token";
    WorkspaceId = "workspaceId", "workspace";
    ChangesetId = "changesetId", "changeset";
    CommentId = "commentId", "comment";
    ReleaseId = "releaseId", "release";
    EnvironmentId = "envId", "environment";
    ProfileId = "profileId", "runtime profile";
    DeploymentId = "deploymentId", "deployment";
    DraftId = "draftId", "draft";
    FreezeWindowId = "windowId", "freeze window";
    RunId = "runId", "run";
    JobId = "jobId", "job";
}

impl PathParameter for ParameterName {
    const NAME: &'static str = "name";
    const WHAT: &'static str = "value";

    /// Where several values are saved at once, by POST, a parameter of that name is read and set as well.
    fn of_route(path: &str) -> Option<&'static str> {
        path.ends_with("/config/save").then_some("save")
    }
}

impl PathParameter for ContentHash {
    const NAME: &'static str = "hash";
    const WHAT: &'static str = "parameter set";
}

/// A config version out of the path. What is no version names nothing: 404.
#[derive(Debug, Clone, Copy)]
pub struct PathVersion(pub ConfigVersion);

impl<S: Send + Sync> FromRequestParts<S> for PathVersion {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let missing = || Problem::new(StatusCode::NOT_FOUND, "not_found", "there is no such version");
        let parameters = RawPathParams::from_request_parts(parts, state).await.map_err(|_| missing())?;
        let text = parameters.iter().find(|(name, _)| *name == "version").map(|(_, text)| text);
        text.and_then(|text| text.parse().ok()).map(|number| Self(ConfigVersion(number))).ok_or_else(missing)
    }
}

/// An instant out of the path, in ISO 8601; anything else is refused with 400.
#[derive(Debug, Clone, Copy)]
pub struct PathInstant(pub Timestamp);

impl<S: Send + Sync> FromRequestParts<S> for PathInstant {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let missing = || Problem::of_status(StatusCode::NOT_FOUND);
        let parameters = RawPathParams::from_request_parts(parts, state).await.map_err(|_| missing())?;
        let (name, text) = parameters.iter().find(|(name, _)| *name == "timestamp").ok_or_else(missing)?;
        instant(name, text).map(Self)
    }
}

/// An instant that a client named, in ISO 8601; without an offset it is in UTC.
pub fn instant(name: &str, text: &str) -> Result<Timestamp, Problem> {
    let message = "an instant in ISO 8601 is expected, e.g. 2026-03-21T14:00:00Z".to_owned();
    let wrong = FieldError { pointer: format!("/{name}"), message };
    Timestamp::parse_iso(text).ok_or_else(|| Problem::invalid(vec![wrong]))
}

impl<T: PathParameter, S: Send + Sync> FromRequestParts<S> for PathId<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let missing =
            || Problem::new(StatusCode::NOT_FOUND, "not_found", format!("there is no such {}", T::WHAT));
        let parameters = RawPathParams::from_request_parts(parts, state).await.map_err(|_| missing())?;
        let text = parameters.iter().find(|(name, _)| *name == T::NAME).map(|(_, text)| text);
        let text = text.or_else(|| T::of_route(parts.uri.path()));
        text.and_then(|text| text.parse().ok()).map(Self).ok_or_else(missing)
    }
}
