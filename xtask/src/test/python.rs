//! The Python library of workers: its lints, its types, its wheel and its tests, in an environment of their own.

use std::path::PathBuf;
use std::process::Command;

use crate::failure::{During, Failure, Outcome};
use crate::servers::make_venv;
use crate::{paths, shell};

/// The oldest Python that the library is written for.
const OLDEST: &str = "3.11";
const PACKAGE: &str = "conman-worker";

/// Where the library lies.
fn library() -> PathBuf {
    paths::root().join("worker/python")
}

/// Where its environment and its wheel are made.
fn folder() -> PathBuf {
    paths::target().join("python")
}

/// A program of the environment, to be run in the library's folder.
fn program(name: &str) -> Command {
    let mut command = Command::new(folder().join("venv/bin").join(name));
    // Nothing is left beside the sources.
    command.env("PYTHONDONTWRITEBYTECODE", "1").current_dir(library());
    command
}

fn pip() -> Command {
    let mut command = program("python");
    command.args(["-m", "pip", "--disable-pip-version-check", "--quiet"]);
    command
}

/// Makes the environment, with exactly the packages that `requirements-test.txt` names, unless it is there.
pub(super) fn prepare() -> Outcome<()> {
    let file = library().join("requirements-test.txt");
    let wanted = std::fs::read_to_string(&file).during(|| format!("cannot read {}", file.display()))?;
    let (venv, stamp) = (folder().join("venv"), folder().join("installed.txt"));
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted)
        && shell::read(program("python").arg("--version")).is_ok()
    {
        return Ok(());
    }
    std::fs::create_dir_all(folder()).during(|| format!("cannot make {}", folder().display()))?;
    make_venv(&venv)?;
    is_new_enough()?;
    shell::run(pip().args(["install", "--only-binary=:all:", "--no-deps", "--requirement"]).arg(&file))?;
    std::fs::write(&stamp, wanted).during(|| format!("cannot write {}", stamp.display()))
}

/// Refuses a Python that the library is not written for.
fn is_new_enough() -> Outcome<()> {
    let old_enough = format!("import sys; sys.exit(sys.version_info < ({}))", OLDEST.replace('.', ", "));
    shell::read(program("python").args(["-c", &old_enough]))
        .map(drop)
        .map_err(|_| Failure::new(format!("python3 is older than {OLDEST}")))
}

/// Checks style and types, and installs the wheel, made from the sources, for the tests.
pub(super) fn check() -> Outcome<()> {
    shell::run(program("ruff").args(["check", "."]))?;
    shell::run(program("ruff").args(["format", "--check", "."]))?;
    shell::run(&mut program("mypy"))?;
    let wheels = folder().join("wheel");
    if wheels.exists() {
        std::fs::remove_dir_all(&wheels).during(|| format!("cannot remove {}", wheels.display()))?;
    }
    shell::run(
        pip().args(["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir"]).arg(&wheels).arg("."),
    )?;
    let mut install = pip();
    install.args(["install", "--no-deps", "--no-index", "--force-reinstall", "--find-links"]);
    shell::run(install.arg(&wheels).arg(PACKAGE))
}

/// The tests, to be told where the servers and the binary are.
pub(super) fn tests() -> Command {
    let mut command = program("python");
    command.args(["-m", "pytest", "--quiet", "--color=no"]);
    command
}
