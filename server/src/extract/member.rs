//! Who asks within an app.

use super::{CurrentActor, PathId};
use crate::problem::Problem;
use crate::state::AppState;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use conman_domain::id::AppId;
use conman_workflow::Member;
use std::ops::Deref;

/// The account that asks, as a member of the app that the path names in `{appId}`; for others there is no such app.
#[derive(Debug, Clone)]
pub struct AppMember(pub Member);

impl Deref for AppMember {
    type Target = Member;

    fn deref(&self) -> &Member {
        &self.0
    }
}

impl FromRequestParts<AppState> for AppMember {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let current = CurrentActor::from_request_parts(parts, state).await?;
        let PathId(app_id) = PathId::<AppId>::from_request_parts(parts, state).await?;
        Ok(Self(state.workflow.member(&current.actor, app_id).await?))
    }
}
