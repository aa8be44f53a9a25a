//! Building the console.

use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use crate::failure::{Failure, Outcome};
use crate::{paths, shell};

/// Builds the console if it is there and its sources are newer than what was built of them.
pub(crate) fn build_if_stale() -> Outcome<()> {
    let folder = paths::root().join("web-ui");
    if !folder.join("package.json").is_file() {
        return Ok(());
    }
    if paths::program("npm").is_none() {
        return Err(Failure::new(
            "the console is built with npm, and there is none: install Node 20 or later",
        ));
    }
    // npm writes this file when it has installed everything.
    let installed = newest(&folder.join("node_modules/.package-lock.json"));
    if installed < newest(&folder.join("package-lock.json")) || installed.is_none() {
        shell::run(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder))?;
    }
    let sources = std::fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| !matches!(entry.file_name().to_str(), Some("dist" | "node_modules")))
        .filter_map(|entry| newest(&entry.path()))
        .max();
    let built = newest(&folder.join("dist"));
    if built.is_none() || built < sources {
        shell::run(Command::new("npm").args(["run", "build"]).current_dir(&folder))?;
    }
    Ok(())
}

/// When the newest file at or below a path was written.
fn newest(path: &Path) -> Option<SystemTime> {
    if path.is_dir() {
        std::fs::read_dir(path).ok()?.flatten().filter_map(|entry| newest(&entry.path())).max()
    } else {
        path.metadata().ok()?.modified().ok()
    }
}
