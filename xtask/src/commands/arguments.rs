//! What commands do alike with their arguments.

use crate::failure::{Failure, Outcome};

/// Tells whether a person asks for help.
pub(crate) fn asks_for_help(arguments: &[String]) -> bool {
    arguments
        .iter()
        .take_while(|argument| *argument != "--")
        .any(|argument| argument == "--help" || argument == "-h")
}

/// For a command that takes no arguments: prints its help if asked (`None`), or lets it run (`Some`).
pub(crate) fn without_arguments(arguments: &[String], command: &str, help: &str) -> Outcome<Option<()>> {
    if asks_for_help(arguments) {
        println!("{help}");
        return Ok(None);
    }
    match arguments.first() {
        None => Ok(Some(())),
        Some(argument) => Err(Failure::new(format!("`{command}` does not know `{argument}`\n\n{help}"))),
    }
}
