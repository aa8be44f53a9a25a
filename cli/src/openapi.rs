//! `conman openapi`.

use crate::print;
use anyhow::{Context as _, Result};

/// Prints the description of the HTTP API.
pub(crate) fn run() -> Result<()> {
    let document =
        conman_server::openapi().to_pretty_json().context("the description cannot be written as JSON")?;
    Ok(print::line(&document)?)
}
