//! `cargo xtask fuzz`: random input against the parsers.

use crate::commands::arguments::asks_for_help;
use crate::commands::cargo::cargo;
use crate::failure::{Failure, Outcome};
use crate::{paths, shell};

const HELP: &str = "\
cargo xtask fuzz [TARGET [ARGS…]]

Runs a fuzz target of fuzz/fuzz_targets until it finds something or Ctrl-C; without a target, lists them. The arguments
go to the fuzzer, for instance -max_total_time=60. Needs cargo-fuzz (`cargo install cargo-fuzz --locked`).";

pub(crate) fn command(arguments: &[String]) -> Outcome<()> {
    if asks_for_help(arguments) {
        println!("{HELP}");
        return Ok(());
    }
    let targets = targets();
    let Some((target, rest)) = arguments.split_first() else {
        if targets.is_empty() {
            println!("There is no fuzz target yet.");
        }
        for target in targets {
            println!("{target}");
        }
        return Ok(());
    };
    if !targets.contains(target) {
        return Err(Failure::new(format!(
            "there is no fuzz target `{target}`; there is: {}",
            targets.join(", ")
        )));
    }
    // The sanitizers' flags are unstable, and the toolchain is the stable one.
    shell::run(cargo().env("RUSTC_BOOTSTRAP", "1").args(["fuzz", "run", target, "--"]).args(rest))
}

fn targets() -> Vec<String> {
    let entries = std::fs::read_dir(paths::root().join("fuzz/fuzz_targets")).into_iter().flatten().flatten();
    let mut targets: Vec<String> = entries
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".rs")?.to_owned()))
        .collect();
    targets.sort();
    targets
}
