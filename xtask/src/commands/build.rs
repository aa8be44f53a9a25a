//! `cargo xtask build`: the binary to ship.

use crate::commands::arguments::asks_for_help;
use crate::commands::cargo::{build_conman, build_failpoints_binary};
use crate::commands::web_ui;
use crate::failure::{Failure, Outcome};

const HELP: &str = "\
cargo xtask build [--failpoints]

Builds the console, if there is one, and the conman binary, optimised; prints the binary's path.

    --failpoints   builds a debug binary with fault points instead, and prints the variable by which crash tests
                   find it (`cargo xtask test` does this by itself)";

pub(crate) fn command(arguments: &[String]) -> Outcome<()> {
    if asks_for_help(arguments) {
        println!("{HELP}");
        return Ok(());
    }
    match arguments {
        [] => {
            web_ui::build_if_stale()?;
            println!("{}", build_conman("release")?.display());
            Ok(())
        }
        [flag] if flag == "--failpoints" => {
            println!("export CONMAN_BIN_FAILPOINTS='{}'", build_failpoints_binary()?.display());
            Ok(())
        }
        _ => Err(Failure::new(format!("`build` does not know these arguments\n\n{HELP}"))),
    }
}
