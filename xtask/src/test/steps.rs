//! The steps of a run.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use crate::commands::cargo::{
    build_and_find, build_conman, build_failpoints_binary, cargo, keep_failpoints_binary, with_failpoints,
};
use crate::commands::{tidy, web_ui};
use crate::failure::{Failure, Outcome};
use crate::servers::Servers;
use crate::test::python;
use crate::test::report::{Counts, Ending, Report};
use crate::test::selection::{Selection, Step};
use crate::test::setup::set_up;
use crate::{paths, shell, signals};

/// One run of the test command: goes on after a failed step, so that one run shows everything.
pub(crate) struct Run {
    selection: Selection,
    report: Report,
    /// The binary with fault points, once it is built.
    conman: Option<PathBuf>,
}

impl Run {
    pub(crate) fn new(selection: Selection) -> Self {
        Self { selection, report: Report::default(), conman: None }
    }

    /// Runs the selected steps, and gives what they found. Ends early at Ctrl-C.
    pub(crate) fn all(mut self) -> Report {
        for step in Step::ALL {
            if !self.selection.contains(step) || signals::interrupted() {
                continue;
            }
            println!("\n=== {}", step.name());
            let start = Instant::now();
            let mut counts = Counts::default();
            let ending = match self.step(step, &mut counts) {
                Ok(None) => Ending::Passed,
                Ok(Some(note)) => Ending::Partly(note),
                Err(failure) => Ending::Failed(failure.to_string()),
            };
            let time = start.elapsed();
            match &ending {
                Ending::Failed(why) => {
                    println!("=== {} failed after {:.1} s: {why}", step.name(), time.as_secs_f64())
                }
                Ending::Passed | Ending::Partly(_) => {
                    println!("=== {} took {:.1} s", step.name(), time.as_secs_f64());
                }
            }
            self.report.add(step, ending, time, counts);
        }
        self.report
    }

    /// Runs one step; a text says what of it was left out.
    fn step(&mut self, step: Step, counts: &mut Counts) -> Outcome<Option<String>> {
        match step {
            Step::Setup => set_up(&self.selection).map(|()| None),
            Step::Format => format().map(|()| None),
            Step::Tidy => tidy::run().map(|()| None),
            Step::Deny => deny(),
            Step::Clippy => clippy().map(|()| None),
            Step::Build => self.build().map(|()| None),
            Step::Unit => self.unit(counts).map(|()| None),
            Step::Doc => doc(counts).map(|()| None),
            Step::Python => self.python(counts).map(|()| None),
            Step::Console => self.console(counts).map(|()| None),
        }
    }

    /// Builds all tests, and with them the one binary that process tests start and kill: the workspace is built once,
    /// with fault points in it, which do nothing until they are armed.
    fn build(&mut self) -> Outcome<()> {
        let mut command = cargo();
        command.args(["test", "--no-run", "--workspace", "--locked"]).args(with_failpoints(&[])?);
        self.conman = Some(match build_and_find(&mut command, "conman")? {
            Some(built) => keep_failpoints_binary(&built)?,
            // Cargo leaves a binary out of a test build when its package has no integration tests.
            None => build_failpoints_binary()?,
        });
        Ok(())
    }

    fn unit(&self, counts: &mut Counts) -> Outcome<()> {
        if self.report.failed(Step::Build) {
            return Err(Failure::new("not run, because the tests do not build"));
        }
        let mut servers = Servers::start()?;
        let mut command = cargo();
        command.args(["nextest", "run", "--locked", "--no-fail-fast"]);
        let packages = self.selection.packages();
        if packages.is_empty() {
            command.arg("--workspace");
        }
        command.args(with_failpoints(&packages)?);
        command.args(&self.selection.nextest_arguments);
        for (variable, url) in servers.variables() {
            command.env(variable, url);
        }
        if let Some(conman) = &self.conman {
            command.env("CONMAN_BIN", conman).env("CONMAN_BIN_FAILPOINTS", conman);
        }
        let outcome = count(&mut command, counts, Counts::read_nextest);
        // Tests that fail because a server died under them are better explained by the server.
        servers.check().and(outcome)
    }

    fn python(&self, counts: &mut Counts) -> Outcome<()> {
        python::check()?;
        let conman = self.conman()?;
        let mut servers = Servers::start()?;
        let mut command = python::tests();
        command.env("CONMAN_BIN", conman).envs(servers.variables());
        let outcome = count(&mut command, counts, Counts::read_pytest);
        servers.check().and(outcome)
    }

    /// The binary that was built; built now, if that step was not asked for.
    fn conman(&self) -> Outcome<PathBuf> {
        match &self.conman {
            Some(built) => Ok(built.clone()),
            None if self.report.failed(Step::Build) => {
                Err(Failure::new("its tests did not run, because the conman binary does not build"))
            }
            None => build_conman("dev"),
        }
    }

    /// Tests the console by itself, and then in a browser against the real binary, which reads the build from the disk.
    fn console(&self, counts: &mut Counts) -> Outcome<()> {
        console_alone(counts)?;
        let conman = self.conman()?;
        let mut browser_tests = web_ui::npm(&["run", "e2e"])?;
        browser_tests
            .env("CONMAN_BIN", conman)
            .env("CONMAN_SHOTS", paths::target().join("console-screenshots"));
        count(&mut browser_tests, counts, Counts::read_console)
    }
}

/// The part of the console that needs no server: lints, types, what is generated, unit tests, the build.
fn console_alone(counts: &mut Counts) -> Outcome<()> {
    shell::run(&mut web_ui::npm(&["run", "check"])?)?;
    count(&mut web_ui::npm(&["test"])?, counts, Counts::read_console)?;
    shell::run(&mut web_ui::npm(&["run", "build"])?)
}

/// Checks the format of the workspace, and of the fuzz targets, which are none of its members.
fn format() -> Outcome<()> {
    shell::run(cargo().args(["fmt", "--all", "--", "--check"]))?;
    shell::run(cargo().args(["fmt", "--manifest-path", "fuzz/Cargo.toml", "--", "--check"]))
}

fn doc(counts: &mut Counts) -> Outcome<()> {
    let mut command = cargo();
    command.args(["test", "--doc", "--workspace", "--locked", "--no-fail-fast"]).args(with_failpoints(&[])?);
    count(&mut command, counts, Counts::read_harness)
}

/// Lints what is shipped and all tests, and then the tests that only exist with fault points.
fn clippy() -> Outcome<()> {
    let lint = |targets: &str, features: &[String]| {
        let mut command = cargo();
        command
            .args(["clippy", "--workspace", targets, "--locked", "--keep-going"])
            .args(features)
            .args(["--", "-D", "warnings"]);
        shell::run(&mut command)
    };
    lint("--all-targets", &[])?;
    lint("--tests", &with_failpoints(&[])?)
}

fn count(command: &mut Command, counts: &mut Counts, read: fn(&mut Counts, &str)) -> Outcome<()> {
    let line = shell::describe(command);
    let status = shell::tee(command, |line| read(counts, line))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("`{line}` ended with {status}"))) }
}

/// Checks licences, bans and sources always, and advisories when their database can be had.
fn deny() -> Outcome<Option<String>> {
    shell::run(cargo().args(["deny", "--locked", "check", "licenses", "bans", "sources"]))?;
    let mut fetch = cargo();
    fetch.env("GIT_TERMINAL_PROMPT", "0").args(["deny", "--locked", "fetch", "db"]);
    if let Err(failure) = shell::read(&mut fetch) {
        let note = "advisories not checked: their database cannot be fetched from here";
        println!(
            "{failure}\n\nNOT CHECKED: {note}. This is no failure; run it where the network reaches it."
        );
        return Ok(Some(note.to_owned()));
    }
    shell::run(cargo().args(["deny", "--locked", "check", "--disable-fetch", "advisories"]))?;
    Ok(None)
}
