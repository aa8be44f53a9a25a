//! `cargo xtask test`: everything that must hold.

use crate::commands::arguments::asks_for_help;
use crate::failure::{Failure, Outcome};
use crate::signals;
use crate::test::{Run, Selection};

const HELP: &str = "\
cargo xtask test [--only STEP,STEP…] [-- NEXTEST_ARGS…]

Runs everything that must hold, on real Git, MongoDB and PostgreSQL, which it installs (as root on Debian or Ubuntu) and
starts itself on free loopback ports, and stops again. A server that CONMAN_TEST_MONGODB or CONMAN_TEST_POSTGRES names
is used instead. Goes on after a failed step; the status tells whether all went well.

    setup    install what is missing: compiler, git, PostgreSQL, mongod, cargo-nextest, cargo-deny, Python, Node,
             chromium
    fmt      formatting
    tidy     arrows between crates and the rules of the house
    deny     licences, bans, sources and (where their database can be had) advisories of dependencies
    clippy   lints
    build    all tests, and the conman binary with fault points
    unit     unit, contract, workflow and crash tests
    doc      examples in the documentation
    python   the Python library of workers: lints, types, its wheel and its tests
    console  the console: lints, types, what is generated, unit tests, build, and browser tests in chromium

For instance: cargo xtask test --only unit -- -p conman-store";

pub(crate) fn command(arguments: &[String]) -> Outcome<()> {
    if asks_for_help(arguments) {
        println!("{HELP}");
        return Ok(());
    }
    let selection =
        Selection::parse(arguments).map_err(|failure| Failure::new(format!("{failure}\n\n{HELP}")))?;
    let report = Run::new(selection).all();
    print!("\n{}\n", report.table());
    println!("{}", report.last_line());
    if signals::interrupted() {
        return Err(Failure::new("stopped before its end"));
    }
    if report.has_failed() { Err(Failure::new("not everything holds")) } else { Ok(()) }
}
