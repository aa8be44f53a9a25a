//! `cargo xtask`: everything that is done to this repository, in one program without dependencies.
//!
//! `cargo xtask help` lists the commands; each of them explains itself with `--help`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program talks to its terminal"
)]

mod commands;
mod failure;
mod json;
mod manifest;
mod paths;
mod servers;
mod shell;
mod signals;
mod test;
mod tidy;

use std::process::ExitCode;

fn main() -> ExitCode {
    signals::install();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match commands::dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}
