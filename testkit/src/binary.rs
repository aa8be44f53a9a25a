//! Where the binary under test lies.

use std::path::PathBuf;

use anyhow::{Result, bail};

/// Finds the `conman` binary.
///
/// Looked for in `CONMAN_BIN`, then where Cargo says that it built it for this test, then in the folder that this
/// test was built into. A test outside the binary's own package runs whatever was built there last.
///
/// # Errors
///
/// Fails when there is none; the sentence says how to build it.
pub fn conman() -> Result<PathBuf> {
    for variable in ["CONMAN_BIN", "NEXTEST_BIN_EXE_conman", "CARGO_BIN_EXE_conman"] {
        if let Some(path) = std::env::var_os(variable).filter(|path| !path.is_empty()) {
            return existing(PathBuf::from(path), variable);
        }
    }
    // …/target/debug/deps/TEST: the binary lies one folder up.
    let beside = std::env::current_exe()
        .ok()
        .and_then(|test| Some(test.parent()?.parent()?.join("conman")))
        .filter(|path| path.is_file());
    match beside {
        Some(path) => Ok(path),
        None => bail!(
            "this test needs the conman binary: run `cargo xtask test`, or `cargo build -p conman-cli` first"
        ),
    }
}

/// Finds the `conman` binary that was built with fault points.
///
/// # Errors
///
/// Fails when `CONMAN_BIN_FAILPOINTS` names none; the sentence says how to build it.
pub fn conman_with_failpoints() -> Result<PathBuf> {
    const VARIABLE: &str = "CONMAN_BIN_FAILPOINTS";
    match std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
        Some(path) => existing(PathBuf::from(path), VARIABLE),
        None => bail!(
            "this test needs the conman binary with fault points, and {VARIABLE} is not set: run `cargo xtask test`, \
             or build it with `cargo xtask build --failpoints` and set the variable that it prints"
        ),
    }
}

fn existing(path: PathBuf, variable: &str) -> Result<PathBuf> {
    if path.is_file() { Ok(path) } else { bail!("{variable} names {}, which does not exist", path.display()) }
}
