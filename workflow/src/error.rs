//! What a use case answers when it does not do what was asked: the answer is no, or something broke.

use conman_domain::IllegalTransition;
use conman_domain::name::ParameterName;
use conman_domain::path::InvalidPath;
use conman_domain::policy::{Denied, DeniedKind};
use conman_store::{CommitError, StoreError, Version};
use serde_json::Value;

/// The result of a use case.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a use case did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The answer is no; asking in the same way again gives the same answer.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// Something broke; asking again may work.
    #[error(transparent)]
    Errored(#[from] Errored),
}

/// The answer no, with what the person can do about it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Rejection {
    /// There is no such thing, or not for this person.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// There was such a thing, and it was deleted.
    #[error("{0}")]
    Gone(&'static str),
    /// Nobody is signed in, or the credentials are wrong.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// This person may not.
    #[error("{0}")]
    Forbidden(String),
    /// These parameters are critical: somebody else has to approve.
    #[error("a change of critical parameters needs an approval; submit a draft: {}", names(.0))]
    ApprovalRequired(Vec<ParameterName>),
    /// What was sent is wrong, field by field.
    #[error("{}", list(.0))]
    Invalid(Vec<FieldProblem>),
    /// It does not fit the present state.
    #[error("{}", .0.message)]
    Conflict(Conflict),
    /// What was sent is too large.
    #[error("{0}")]
    TooLarge(String),
    /// Too many attempts; later again.
    #[error("too many attempts; try again in {retry_after_seconds} s")]
    TooMany {
        /// When, in seconds.
        retry_after_seconds: u32,
    },
}

/// Something that does not fit the present state.
#[derive(Debug, Clone)]
pub struct Conflict {
    /// A stable code, e.g. `sync_required`.
    pub code: &'static str,
    /// What does not fit, and the way out.
    pub message: String,
    /// What a client needs to go on, e.g. the current content.
    pub details: Value,
}

/// One wrong field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    /// A JSON pointer into what was sent, e.g. `/title`.
    pub pointer: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Something that broke, with its source.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct Errored {
    /// What was being done.
    pub what: &'static str,
    /// True if a database does not answer or is overrun for the moment: asking again later may do without anybody's help.
    pub is_transient: bool,
    /// What went wrong.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

fn names(names: &[ParameterName]) -> String {
    names.iter().map(ParameterName::as_str).collect::<Vec<_>>().join(", ")
}

fn list(problems: &[FieldProblem]) -> String {
    let texts: Vec<String> = problems.iter().map(|p| format!("{}: {}", p.pointer, p.message)).collect();
    texts.join("; ")
}

impl Error {
    /// Wraps something that broke.
    pub fn errored(what: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Errored(Errored { what, is_transient: false, source: source.into() })
    }

    /// Wraps something that does not work for the moment.
    pub(crate) fn unavailable(
        what: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Errored(Errored { what, is_transient: true, source: source.into() })
    }

    /// A conflict without details.
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Rejection::Conflict(Conflict { code, message: message.into(), details: Value::Null }).into()
    }

    /// A conflict with what a client needs to go on.
    pub fn conflict_with(code: &'static str, message: impl Into<String>, details: Value) -> Self {
        Rejection::Conflict(Conflict { code, message: message.into(), details }).into()
    }

    /// The refusal of a write that is based on another version than the present one.
    pub fn stale(current: Version) -> Self {
        let details = serde_json::json!({"version": u32::try_from(current.get()).unwrap_or(u32::MAX)});
        Self::conflict_with(
            "stale_version",
            "this was changed since you loaded it; load it again and retry",
            details,
        )
    }

    /// One wrong field.
    pub fn invalid(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Rejection::Invalid(vec![FieldProblem { pointer: pointer.into(), message: message.into() }]).into()
    }

    /// The conflict's code, if it is one.
    pub fn conflict_code(&self) -> Option<&'static str> {
        match self {
            Self::Rejected(Rejection::Conflict(conflict)) => Some(conflict.code),
            Self::Rejected(_) | Self::Errored(_) => None,
        }
    }
}

/// The code for "somebody else was faster"; the caller loads again and retries.
pub(crate) const CHANGED_MEANWHILE: &str = "changed_meanwhile";

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let what = "the store did not answer";
        if error.is_transient() { Self::unavailable(what, error) } else { Self::errored(what, error) }
    }
}

impl From<CommitError> for Error {
    fn from(error: CommitError) -> Self {
        if let CommitError::NotUnique { collection, index } = &error {
            let message = "something with this name or place exists already";
            return Self::conflict_with(
                "not_unique",
                message,
                serde_json::json!({"collection": collection, "index": index}),
            );
        }
        if error.is_conflict() {
            return Self::conflict(
                CHANGED_MEANWHILE,
                "somebody else changed this at the same moment; load it again and retry",
            );
        }
        let what = "the store did not take the change";
        match error {
            CommitError::Store(error) if error.is_transient() => Self::unavailable(what, error),
            error => Self::errored(what, error),
        }
    }
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        match denied.kind {
            DeniedKind::Forbidden => Rejection::Forbidden(denied.reason).into(),
            DeniedKind::State => Self::conflict("wrong_state", denied.reason),
        }
    }
}

impl From<IllegalTransition> for Error {
    fn from(error: IllegalTransition) -> Self {
        Self::conflict("wrong_state", error.to_string())
    }
}

impl From<InvalidPath> for Error {
    fn from(error: InvalidPath) -> Self {
        Self::invalid("/path", format!("{error} (rule `{}`)", error.rule))
    }
}
