//! From a word to a command.

use crate::commands::{servers, tidy};
use crate::failure::{Failure, Outcome};

const HELP: &str = "\
cargo xtask COMMAND

    servers   start the servers that the tests need, until Ctrl-C
    tidy      check the arrows between crates and the rules of the house

cargo xtask COMMAND --help says more.";

/// Runs the command that the arguments name.
pub(crate) fn dispatch(arguments: &[String]) -> Outcome<()> {
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", arguments),
    };
    match command {
        "servers" => servers::command(rest),
        "tidy" => tidy::command(rest),
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(())
        }
        other => Err(Failure::new(format!("there is no command `{other}`\n\n{HELP}"))),
    }
}
