//! One module per command.

mod servers;

use crate::failure::{Failure, Outcome};

/// Runs the command that the arguments name.
pub(crate) fn dispatch(arguments: &[String]) -> Outcome<()> {
    match arguments.first().map(String::as_str) {
        Some("servers") => servers::command(&arguments[1..]),
        other => Err(Failure::new(format!("unknown command {other:?}"))),
    }
}
