//! Where a request comes from.

use crate::layers::user_agent;
use crate::problem::Problem;
use axum::extract::FromRequestParts;
use axum::http::HeaderValue;
use axum::http::request::Parts;
use conman_domain::audit::RequestContext;
use conman_domain::id::RequestId;
use std::net::IpAddr;

/// Where a request comes from, for the audit log.
#[derive(Debug, Clone)]
pub struct ClientContext(pub RequestContext);

/// The same as the outermost layer leaves it: written out only for those who ask.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) request_id: RequestId,
    pub(crate) address: IpAddr,
    pub(crate) user_agent: Option<HeaderValue>,
}

impl<S: Sync> FromRequestParts<S> for ClientContext {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(of(parts)))
    }
}

/// The context that the outermost layer left.
pub(super) fn of(parts: &Parts) -> RequestContext {
    let Some(origin) = parts.extensions.get::<Origin>() else { return RequestContext::default() };
    RequestContext {
        request_id: Some(origin.request_id),
        address: Some(origin.address.to_string()),
        user_agent: origin.user_agent.as_ref().map(user_agent),
    }
}
