//! `If-Match`: the version that a write is based on.

use crate::etag;
use crate::problem::Problem;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::header;
use axum::http::request::Parts;
use conman_store::Version;

/// The version that a write is based on, where the client states one.
#[derive(Debug, Clone, Copy)]
pub struct IfMatch(pub Option<Version>);

/// The version that a write is based on; refused with 428 where the client states none.
#[derive(Debug, Clone, Copy)]
pub struct RequiredIfMatch(pub Version);

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(header::IF_MATCH).iter();
        let Some(value) = values.next() else {
            return Ok(Self(None));
        };
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" && values.next().is_none() {
            return Ok(Self(None));
        }
        match (etag::parse(text), values.next()) {
            (Some(version), None) => Ok(Self(Some(version))),
            _ => {
                let detail = "If-Match takes one ETag of this server, such as \"v3\", and no such version is the present one";
                Err(Problem::new(StatusCode::PRECONDITION_FAILED, "stale_version", detail))
            }
        }
    }
}

impl<S: Sync> FromRequestParts<S> for RequiredIfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let IfMatch(version) = IfMatch::from_request_parts(parts, state).await?;
        version.map(Self).ok_or_else(|| {
            let detail = "state in If-Match the ETag of the version that this write is based on";
            Problem::new(StatusCode::PRECONDITION_REQUIRED, "if_match_required", detail)
        })
    }
}
