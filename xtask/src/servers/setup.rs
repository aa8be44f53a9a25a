//! Installing what a bare Debian or Ubuntu machine lacks.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::{Failure, Outcome};
use crate::{paths, shell};

/// Tells whether this program runs as root.
pub(crate) fn is_root() -> bool {
    shell::read(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

/// Tells whether Debian packages can be installed here.
fn may_install() -> bool {
    is_root() && paths::program("apt-get").is_some()
}

/// Installs Debian packages, or says which ones a person has to install.
pub(crate) fn apt_install(packages: &[&str]) -> Outcome<()> {
    static UPDATED: AtomicBool = AtomicBool::new(false);
    if !may_install() {
        return Err(Failure::new(format!(
            "missing: {}. Install it; only root on Debian or Ubuntu has it done by this command",
            packages.join(", ")
        )));
    }
    eprintln!("Installing {}", packages.join(", "));
    // A machine that was never updated knows no package; one that was may know only packages that are gone.
    if !UPDATED.swap(true, Ordering::SeqCst) {
        shell::read(Command::new("apt-get").args(["update", "-qq"]))?;
    }
    // Debian would otherwise make and start a cluster of its own, on the usual port.
    if packages.contains(&"postgresql") && !Path::new("/etc/postgresql-common/createcluster.conf").exists() {
        install(&["postgresql-common"])?;
        let _ = Command::new("sed")
            .args(["-i", "s/^#\\?create_main_cluster.*/create_main_cluster = false/"])
            .arg("/etc/postgresql-common/createcluster.conf")
            .stdin(Stdio::null())
            .status();
    }
    install(packages)
}

fn install(packages: &[&str]) -> Outcome<()> {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command.args(["install", "--yes", "-qq", "--no-install-recommends"]).args(packages);
    shell::read(&mut command).map(drop)
}

/// Finds a Python that has pip, installing both if need be.
pub(crate) fn python_with_pip() -> Outcome<OsString> {
    let has_pip = |python: &str| {
        paths::program(python).is_some()
            && shell::read(Command::new(python).args(["-m", "pip", "--version"])).is_ok()
    };
    if !has_pip("python3") {
        apt_install(&["python3", "python3-pip", "ca-certificates"])?;
        if !has_pip("python3") {
            // Another python3 stands before the system's on the PATH.
            return Ok(OsString::from("/usr/bin/python3"));
        }
    }
    Ok(OsString::from("python3"))
}

/// Makes an empty environment of Python. Debian keeps what that needs in a package of its own.
pub(crate) fn make_venv(venv: &Path) -> Outcome<()> {
    let make = || {
        let mut command = Command::new("python3");
        shell::read(command.args(["-m", "venv", "--clear"]).arg(venv))
    };
    if paths::program("python3").is_none() || make().is_err() {
        apt_install(&["python3", "python3-venv", "ca-certificates"])?;
        make()?;
    }
    Ok(())
}
