//! `cargo xtask bench`: speed against the floors, one JSON line per configuration.

use crate::commands::arguments::asks_for_help;
use crate::commands::cargo::{build_conman, cargo};
use crate::commands::web_ui;
use crate::failure::{Failure, Outcome};
use crate::servers::Servers;
use crate::shell;

const HELP: &str = "\
cargo xtask bench NAME [ARGS…]

Builds a bench, optimised, and runs it. Each prints one JSON object per configuration, a line each, on standard output.

    compose      composing releases, against git's own merges      e.g. --files 5000 --changesets 500
    diff         semantic diffs, against difftastic, which is installed below target/ if need be, and `git diff`
    store        batches and reads of the store, on both backends
    distribute   from a deployment's commit to the last worker that applied it; without ARGS, `streams` as well
    streams      from a save to the last client of the server's stream
    reads        values over HTTP, against a bare handler
    rebuild      what a server reads before its first answer, by the length of the history
    console      what the console's pages weigh and how long they take in a browser, e.g. --rounds 5; with --debug first,
                 against a debug binary

The servers that `store`, `distribute`, `reads` and `rebuild` need are started for them, unless CONMAN_TEST_MONGODB and
CONMAN_TEST_POSTGRES name some.";

struct Bench {
    name: &'static str,
    package: &'static str,
    example: &'static str,
    needs_servers: bool,
    /// Whether it starts the binary.
    needs_conman: bool,
}

const BENCHES: [Bench; 7] = [
    Bench {
        name: "compose",
        package: "conman-workflow",
        example: "bench_compose",
        needs_servers: false,
        needs_conman: false,
    },
    Bench {
        name: "diff",
        package: "conman-git",
        example: "bench_diff",
        needs_servers: false,
        needs_conman: false,
    },
    Bench {
        name: "store",
        package: "conman-store",
        example: "bench_store",
        needs_servers: true,
        needs_conman: false,
    },
    Bench {
        name: "distribute",
        package: "conman-distribution",
        example: "bench_distribute",
        needs_servers: true,
        needs_conman: false,
    },
    Bench {
        name: "streams",
        package: "conman-testkit",
        example: "bench_streams",
        needs_servers: false,
        needs_conman: true,
    },
    Bench {
        name: "reads",
        package: "conman-testkit",
        example: "bench_reads",
        needs_servers: true,
        needs_conman: true,
    },
    Bench {
        name: "rebuild",
        package: "conman-distribution",
        example: "bench_rebuild",
        needs_servers: true,
        needs_conman: false,
    },
];

pub(crate) fn command(arguments: &[String]) -> Outcome<()> {
    let Some((name, rest)) = arguments.split_first().filter(|(name, _)| !asks_for_help(&[(*name).clone()]))
    else {
        println!("{HELP}");
        return Ok(());
    };
    if name == "console" {
        return console(rest);
    }
    let mut benches = Vec::from_iter(BENCHES.iter().filter(|bench| bench.name == name));
    if benches.is_empty() {
        return Err(Failure::new(format!("there is no bench `{name}`\n\n{HELP}")));
    }
    let rest = rest.strip_prefix(&["--".to_owned()]).unwrap_or(rest);
    if name == "distribute" && rest.is_empty() {
        // The other way to follow an environment.
        benches.extend(BENCHES.iter().filter(|bench| bench.name == "streams"));
    }
    benches.into_iter().try_for_each(|bench| run(bench, rest))
}

fn run(bench: &Bench, arguments: &[String]) -> Outcome<()> {
    let target = ["--release", "--locked", "--package", bench.package, "--example", bench.example];
    // Built before the servers start: they would idle beside the compiler.
    let build = cargo().arg("build").args(target).status();
    if !build.is_ok_and(|status| status.success()) {
        return Err(Failure::new(format!("cannot build {}", bench.example)));
    }
    let conman = bench.needs_conman.then(|| build_conman("release")).transpose()?;
    let servers = bench.needs_servers.then(Servers::start).transpose()?;
    let mut command = cargo();
    command.args(["run", "--quiet"]).args(target).arg("--").args(arguments);
    if let Some(conman) = conman {
        command.env("CONMAN_BIN", conman);
    }
    for (variable, url) in servers.iter().flat_map(Servers::variables) {
        command.env(variable, url);
    }
    // Nothing but the bench's own lines goes to standard output: they are read by programs.
    let status = shell::status(&mut command)?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("the bench ended with {status}"))) }
}

/// Measures the console in a browser. What it is measured against is told in each line.
fn console(rest: &[String]) -> Outcome<()> {
    let (profile, build, rest) = match rest.split_first() {
        Some((flag, rest)) if flag == "--debug" => ("dev", "debug", rest),
        _ => ("release", "release", rest),
    };
    web_ui::build_if_stale()?;
    let conman = build_conman(profile)?;
    let mut bench = web_ui::npm(&["run", "--silent", "bench", "--", "--build", build])?;
    bench.args(rest).env("CONMAN_BIN", conman);
    let status = shell::status(&mut bench)?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("the bench ended with {status}"))) }
}
