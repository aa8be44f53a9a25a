//! What a bare machine lacks, before the first step.

use std::process::Command;

use crate::commands::cargo::{cargo, tools};
use crate::commands::web_ui;
use crate::failure::{Failure, Outcome};
use crate::servers::{self, apt_install};
use crate::test::python;
use crate::test::selection::{Selection, Step};
use crate::{paths, shell};

const NEXTEST: &str = "0.9.143";
const DENY: &str = "0.20.2";

/// Installs what the selected steps need and this machine lacks.
pub(crate) fn set_up(selection: &Selection) -> Outcome<()> {
    let missing: Vec<&str> =
        [("cc", "gcc"), ("cc", "libc6-dev"), ("pkg-config", "pkg-config"), ("git", "git")]
            .into_iter()
            .filter(|(program, _)| paths::program(program).is_none())
            .map(|(_, package)| package)
            .collect();
    if !missing.is_empty() {
        let with_certificates: Vec<&str> = missing.into_iter().chain(["ca-certificates"]).collect();
        apt_install(&with_certificates)?;
    }
    for (step, subcommand, component) in
        [(Step::Format, "fmt", "rustfmt"), (Step::Clippy, "clippy", "clippy")]
    {
        if selection.contains(step) && !has(subcommand) {
            shell::run(Command::new("rustup").args(["component", "add", component]))?;
        }
    }
    if selection.contains(Step::Deny) && !has("deny") {
        install("cargo-deny", DENY, &[])?;
    }
    if selection.contains(Step::Unit) {
        if !has("nextest") {
            // Without its code for updating itself, which is half of it.
            let features = ["--no-default-features", "--features", "default-no-update"];
            install("cargo-nextest", NEXTEST, &features)?;
        }
        servers::prepare()?;
        if paths::program("promtool").is_none() {
            apt_install(&["prometheus"])?;
        }
    }
    if selection.contains(Step::Python) {
        python::prepare()?;
        servers::prepare()?;
    }
    if selection.contains(Step::Console) {
        web_ui::install_node()?;
        if paths::program("chromium").is_none() {
            apt_install(&["chromium"])?;
        }
    }
    Ok(())
}

fn has(subcommand: &str) -> bool {
    shell::read(cargo().args([subcommand, "--version"])).is_ok()
}

/// Installs a cargo subcommand for this checkout. Unoptimised: compiling these tools well takes minutes, and they run
/// for seconds.
pub(crate) fn install(package: &str, version: &str, features: &[&str]) -> Outcome<()> {
    let mut command = cargo();
    // Built in a folder of its own: its dependencies are none of ours.
    command.env_remove("CARGO_TARGET_DIR");
    command.env("CARGO_PROFILE_DEV_DEBUG", "0");
    command.args(["install", package, "--version", version, "--locked", "--debug"]).args(features);
    command.arg("--root").arg(tools());
    shell::run(&mut command).map_err(|failure| Failure::new(format!("cannot install {package}: {failure}")))
}
