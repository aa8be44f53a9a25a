//! `cargo xtask tidy`: the rules of the house.

use crate::commands::without_arguments;
use crate::failure::{Failure, Outcome};
use crate::{paths, tidy};

const HELP: &str = "\
cargo xtask tidy

Fails on what the architecture and the style guide forbid and no compiler sees:
  - an arrow between crates that docs/ARCHITECTURE.md does not draw, in any Cargo.toml;
  - a driver (MongoDB, SQLite, PostgreSQL, libgit2, axum) or anyhow outside the rooms that own it;
  - I/O, async, clocks or randomness in domain and semantic-diff;
  - HTTP in domain, store, git and workflow, and handlers of 25 lines or more in server;
  - `allow` attributes, `todo!`, ignored tests, `cfg!(test)`;
  - code in lib.rs or mod.rs, and files over 500 lines (tests not counted) without a `//! Long because …` line;
  - members without a licence or without the workspace's lints, and versions outside the workspace's manifest;
  - paths of somebody's machine.

Each finding is one line: FILE:LINE: what to do.";

pub(crate) fn command(arguments: &[String]) -> Outcome<()> {
    without_arguments(arguments, "tidy", HELP)?.map_or(Ok(()), |()| run())
}

/// Checks the repository, prints each finding, and fails if there is any.
pub(crate) fn run() -> Outcome<()> {
    let findings = tidy::check(paths::root())?;
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => {
            println!("tidy: clean");
            Ok(())
        }
        1 => Err(Failure::new("tidy: 1 finding")),
        count => Err(Failure::new(format!("tidy: {count} findings"))),
    }
}
