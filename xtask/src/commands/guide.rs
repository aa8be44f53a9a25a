//! `cargo xtask guide`: the pictures of the user guide.

use crate::commands::arguments::asks_for_help;
use crate::commands::cargo::build_conman;
use crate::commands::web_ui;
use crate::failure::{Failure, Outcome};
use crate::{paths, shell};

const HELP: &str = "\
cargo xtask guide

Takes the pictures of the user guide anew, into docs/guide/images: the browser tests that play the main job take them on
their way. `cargo xtask test` takes them as well, elsewhere, and fails where the guide names one that is not taken.";

pub(crate) fn command(arguments: &[String]) -> Outcome<()> {
    if asks_for_help(arguments) {
        println!("{HELP}");
        return Ok(());
    }
    if !arguments.is_empty() {
        return Err(Failure::new(format!("`guide` does not know these arguments\n\n{HELP}")));
    }
    web_ui::build_if_stale()?;
    let conman = build_conman("dev")?;
    let mut tests = web_ui::npm(&["run", "--silent", "guide"])?;
    tests
        .env("CONMAN_BIN", conman)
        .env("CONMAN_SHOTS", paths::target().join("console-screenshots"))
        .env("CONMAN_GUIDE", paths::root().join("docs/guide/images"));
    shell::run(&mut tests)
}
