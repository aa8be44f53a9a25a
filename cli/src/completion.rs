//! `conman completion SHELL`.

use crate::arguments::Arguments;
use crate::print;
use anyhow::{Context as _, Result};
use clap::CommandFactory as _;
use clap_complete::Shell;

/// Prints what a shell needs to complete our words.
pub(crate) fn run(shell: Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "conman", &mut script);
    let script = String::from_utf8(script).context("the completions are not text")?;
    Ok(print::line(script.trim_end())?)
}
