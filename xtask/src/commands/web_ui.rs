//! The console: installing what builds it, building it, generating its client.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use crate::failure::{Failure, Outcome};
use crate::{paths, shell};

/// The folder of the console.
pub(crate) fn folder() -> PathBuf {
    paths::root().join("web-ui")
}

/// npm in the console's folder, with its packages installed as the lock file has them.
pub(crate) fn npm(arguments: &[&str]) -> Outcome<Command> {
    if paths::program("npm").is_none() {
        return Err(Failure::new(
            "the console is built with npm, and there is none: install Node 20 or later",
        ));
    }
    let folder = folder();
    // npm writes this file when it has installed everything.
    let installed = newest(&folder.join("node_modules/.package-lock.json"));
    if installed < newest(&folder.join("package-lock.json")) || installed.is_none() {
        shell::run(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder))?;
    }
    let mut command = Command::new("npm");
    command.args(arguments).current_dir(folder);
    Ok(command)
}

/// Builds the console if its sources are newer than what was built of them.
pub(crate) fn build_if_stale() -> Outcome<()> {
    let folder = folder();
    let build = &mut npm(&["run", "build"])?;
    let sources = std::fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| !matches!(entry.file_name().to_str(), Some("dist" | "node_modules")))
        .filter_map(|entry| newest(&entry.path()))
        .max();
    let built = newest(&folder.join("dist"));
    if built.is_none() || built < sources {
        shell::run(build)?;
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
