//! Where a request comes from.

use crate::problem::Problem;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use conman_domain::audit::RequestContext;

/// Where a request comes from, for the audit log.
#[derive(Debug, Clone)]
pub struct ClientContext(pub RequestContext);

impl<S: Sync> FromRequestParts<S> for ClientContext {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(of(parts)))
    }
}

/// The context that the outermost layer left.
pub(super) fn of(parts: &Parts) -> RequestContext {
    parts.extensions.get::<RequestContext>().cloned().unwrap_or_default()
}
