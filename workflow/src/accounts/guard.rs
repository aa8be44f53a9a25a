//! What guards passwords, in memory.

use super::attempts::Attempts;
use super::hashing::Hashing;
use crate::Workflow;
use crate::error::{Error, Rejection};
use std::time::Duration;

/// Bounds how many passwords are hashed at once and how often somebody may try.
#[derive(Debug, Default)]
pub struct Guard {
    pub(crate) attempts: Attempts,
    pub(crate) hashing: Hashing,
}

impl Workflow {
    /// How many callers wait for a password to be hashed or verified, those whose turn it is included.
    pub fn password_queue_length(&self) -> usize {
        self.guard().hashing.waiting()
    }
}

/// The answer to who tried too often.
pub(crate) fn too_many(wait: Duration) -> Error {
    let seconds = wait.as_secs_f64().ceil().clamp(1.0, 86_400.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 1..=86,400 just above"
    )]
    let retry_after_seconds = seconds as u32;
    Rejection::TooMany { retry_after_seconds }.into()
}
