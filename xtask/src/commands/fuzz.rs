//! `cargo xtask fuzz`: random input against the parsers.

use crate::commands::arguments::asks_for_help;
use crate::commands::cargo::cargo;
use crate::failure::{During as _, Failure, Outcome};
use crate::test::install;
use crate::{paths, shell};

const CARGO_FUZZ: &str = "0.13.1";

const HELP: &str = "\
cargo xtask fuzz [TARGET [ARGS…]]

Runs a fuzz target of fuzz/fuzz_targets until it finds something or Ctrl-C; without a target, lists them. The arguments
go to the fuzzer, for instance -max_total_time=60. cargo-fuzz is installed below target/ if it is not there.

It begins with the files of fuzz/corpus, which `cargo xtask test` tries as well, and keeps what it learns below target/.
What it finds goes to fuzz/artifacts: mend it, and put the file into the corpus under a name that says what it is.";

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
    if shell::read(cargo().args(["fuzz", "--version"])).is_err() {
        install("cargo-fuzz", CARGO_FUZZ, &[])?;
    }
    // The first folder is the one that is written to.
    let built = paths::target().join("fuzz");
    let learned = built.join("corpus").join(target);
    std::fs::create_dir_all(&learned).during(|| format!("cannot make {}", learned.display()))?;
    let mut command = cargo();
    // The sanitizers' flags are unstable, and the toolchain is the stable one.
    command.env("RUSTC_BOOTSTRAP", "1").args(["fuzz", "run", "--target-dir"]).arg(&built).arg(target);
    command.arg(&learned).arg(paths::root().join("fuzz/corpus").join(target)).arg("--").args(rest);
    shell::run(&mut command)
}

fn targets() -> Vec<String> {
    let entries = std::fs::read_dir(paths::root().join("fuzz/fuzz_targets")).into_iter().flatten().flatten();
    let mut targets: Vec<String> = entries
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".rs")?.to_owned()))
        .collect();
    targets.sort();
    targets
}
