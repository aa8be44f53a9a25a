//! What can go wrong.

use std::time::Duration;

/// Tells why a worker could not begin to follow its environment.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The source's address or the worker's name is not usable.
    #[error("the worker cannot be set up: {reason}")]
    Setup {
        /// What is wrong; holds no password and no token.
        reason: String,
    },
    /// The source does not let this worker in: the token or the password is wrong or was revoked.
    #[error("the source refuses this worker: {reason}")]
    Refused {
        /// What the source said, in short.
        reason: String,
    },
    /// The source was not reached in time.
    #[error("the source was not reached within {within:?}: {reason}")]
    Unreachable {
        /// How long it was tried.
        within: Duration,
        /// What went wrong last.
        reason: String,
    },
    /// The source answers, but what it answers cannot be used.
    #[error("the source has had nothing that can be used for {within:?}: {reason}")]
    Unusable {
        /// How long it was tried.
        within: Duration,
        /// What was wrong last.
        reason: String,
    },
    /// The task that follows ended before anything was applied.
    #[error("the worker was stopped before it had a configuration")]
    Stopped,
}

/// Tells why a parameter cannot be had as asked for. Never shows its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// The view has no such parameter.
    #[error("there is no parameter `{name}` in this configuration")]
    Unknown {
        /// The name asked for.
        name: String,
    },
    /// Its value has another form.
    #[error("the parameter `{name}` is {kind}, which does not fit {wanted}")]
    Shape {
        /// The parameter.
        name: String,
        /// Its type in the catalog.
        kind: &'static str,
        /// The type asked for.
        wanted: &'static str,
    },
}
