//! What is answered when a request is not done: `application/problem+json` (RFC 9457).
//!
//! This is the only place that knows which refusal has which status, and the only one where something that broke is
//! split into a public text (that it broke) and an internal one (what broke), which goes to the log.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use conman_workflow::{Conflict, Error, FieldProblem, Rejection};
use serde::Serialize;
use serde_json::Value;
use std::error::Error as StdError;
use utoipa::ToSchema;

/// What a handler answers.
pub type Answer<T> = Result<T, Problem>;

/// The media type of problems.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// The conflict code of a write that is based on another version than the present one.
const STALE_VERSION: &str = "stale_version";
/// The conflict code of a write to a frozen environment.
const FROZEN: &str = "frozen";

/// When to try again where a database does not answer.
const RETRY_AFTER_SECONDS: u32 = 2;

/// Says why a request was not done.
#[derive(Debug, Clone)]
pub struct Problem(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    body: ProblemBody,
    retry_after_seconds: Option<u32>,
    current_version: Option<u64>,
}

/// A problem as it is sent (RFC 9457).
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Names the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "urn:conman:problem:not_found")]
    kind: String,
    /// What kind of problem it is, in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What is wrong this time, for a person.
    detail: String,
    /// The path that was asked for.
    instance: String,
    /// The stable name of the kind, for programs.
    code: String,
    /// The wrong fields, if it is about fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// What a client needs to go on, by code.
    #[serde(skip_serializing_if = "Value::is_null")]
    #[schema(value_type = Object)]
    details: Value,
    /// The request's id, also in the log and the audit log.
    request_id: String,
}

/// One wrong field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// A JSON pointer into the body, or the name of a query parameter behind a slash.
    pub pointer: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Marks an answer whose body is the refusal already, in a form of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OwnForm;

impl Problem {
    /// Makes a problem with a code of its own.
    pub fn new(status: StatusCode, code: impl Into<String>, detail: impl Into<String>) -> Self {
        let code = code.into();
        Self(Box::new(Parts {
            body: ProblemBody {
                kind: format!("urn:conman:problem:{code}"),
                title: status.canonical_reason().unwrap_or("Error").to_owned(),
                status: status.as_u16(),
                detail: detail.into(),
                instance: String::new(),
                code,
                errors: Vec::new(),
                details: Value::Null,
                request_id: String::new(),
            },
            retry_after_seconds: None,
            current_version: None,
        }))
    }

    /// Makes the problem that a bare status stands for.
    pub fn of_status(status: StatusCode) -> Self {
        let (code, detail) = match status {
            StatusCode::NOT_FOUND => ("not_found", "there is nothing at this address"),
            StatusCode::METHOD_NOT_ALLOWED => {
                ("method_not_allowed", "this address does not take this method")
            }
            StatusCode::PAYLOAD_TOO_LARGE => ("too_large", "what was sent is too large"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                ("unsupported_media_type", "send application/json, not compressed")
            }
            StatusCode::REQUEST_TIMEOUT => ("timeout", "the request did not arrive in time"),
            StatusCode::SERVICE_UNAVAILABLE => ("overloaded", "too many requests at once; try again soon"),
            status if status.is_client_error() => ("malformed", "this request cannot be understood"),
            _ => ("internal", "something broke on the server; the request id finds it in the log"),
        };
        Self::new(status, code, detail)
    }

    /// Something broke; the text goes to the log only.
    pub fn internal(what: &str, error: &(dyn StdError + 'static)) -> Self {
        tracing::error!(error = %chain(error), "{what}");
        Self::of_status(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// A database does not answer for the moment; which and why goes to the log only.
    fn unavailable(error: &(dyn StdError + 'static)) -> Self {
        tracing::warn!(error = %chain(error), "a request failed for the moment");
        let detail = "a database does not answer at the moment; try again soon, and where something was to be changed, \
                      look first whether it was";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).retry_after(RETRY_AFTER_SECONDS)
    }

    /// A body or a query that is wrong in some fields.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let text = |error: &FieldError| match error.pointer.as_str() {
            "" => error.message.clone(),
            pointer => format!("{pointer}: {}", error.message),
        };
        let texts: Vec<String> = errors.iter().map(text).collect();
        let mut problem = Self::new(StatusCode::BAD_REQUEST, "invalid", texts.join("; "));
        problem.0.body.errors = errors;
        problem
    }

    /// Adds when to try again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.0.retry_after_seconds = Some(seconds);
        self
    }

    /// Adds what a client needs to go on.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.0.body.details = details;
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.body.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Adds what only the layer around all handlers knows.
    pub(crate) fn about(mut self, instance: &str, request_id: &str) -> Self {
        instance.clone_into(&mut self.0.body.instance);
        request_id.clone_into(&mut self.0.body.request_id);
        self
    }

    fn of_conflict(conflict: Conflict) -> Self {
        let status = match conflict.code {
            STALE_VERSION => StatusCode::PRECONDITION_FAILED,
            FROZEN => StatusCode::LOCKED,
            _ => StatusCode::CONFLICT,
        };
        let mut problem = Self::new(status, conflict.code, conflict.message);
        if conflict.code == STALE_VERSION {
            problem.0.current_version = conflict.details.get("version").and_then(Value::as_u64);
        }
        problem.with_details(conflict.details)
    }

    fn of_rejection(rejection: Rejection) -> Self {
        let text = rejection.to_string();
        match rejection {
            Rejection::NotFound(_) => Self::new(StatusCode::NOT_FOUND, "not_found", text),
            Rejection::Gone(_) => Self::new(StatusCode::GONE, "gone", text),
            Rejection::Unauthenticated(_) => Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", text),
            Rejection::Forbidden(_) => Self::new(StatusCode::FORBIDDEN, "forbidden", text),
            Rejection::ApprovalRequired(names) => {
                let details = serde_json::json!({"parameters": names});
                Self::new(StatusCode::FORBIDDEN, "approval_required", text).with_details(details)
            }
            Rejection::Invalid(problems) => {
                let field = |FieldProblem { pointer, message }| FieldError { pointer, message };
                Self::invalid(problems.into_iter().map(field).collect())
            }
            Rejection::Conflict(conflict) => Self::of_conflict(conflict),
            Rejection::TooLarge(_) => Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", text),
            Rejection::TooMany { retry_after_seconds } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many", text).retry_after(retry_after_seconds)
            }
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Rejected(rejection) => Self::of_rejection(rejection),
            Error::Errored(errored) if errored.is_transient => Self::unavailable(&errored),
            Error::Errored(errored) => Self::internal("a request failed", &errored),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.0.body).expect("a problem is plain JSON");
        let mut response = (self.status(), [(header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.0.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(version) = self.0.current_version {
            headers.insert(header::ETAG, crate::etag::of_number(version));
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"conman\""));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// An error with all its sources, on one line.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text.replace(|c: char| c.is_control(), " ")
}
