//! Throw-away folders.

use anyhow::Context as _;

/// Makes an empty folder that goes with the value.
///
/// # Errors
///
/// Fails when the system's temporary folder cannot be written.
pub fn folder() -> anyhow::Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix("conman-test-").tempdir().context("cannot make a temporary folder")
}
