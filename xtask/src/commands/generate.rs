//! `cargo xtask gen`: what is generated from the code and committed.

use std::process::Command;

use crate::commands::cargo::build_conman;
use crate::commands::web_ui;
use crate::commands::without_arguments;
use crate::failure::{During, Failure, Outcome};
use crate::json::Json;
use crate::{paths, shell};

const HELP: &str = "\
cargo xtask gen

Writes docs/openapi.json, the description of the HTTP API, from what `conman openapi` prints, and the console's client
in web-ui/src/api/gen from that. Commit the result: tests compare it with the code.";

pub(crate) fn command(arguments: &[String]) -> Outcome<()> {
    if without_arguments(arguments, "gen", HELP)?.is_none() {
        return Ok(());
    }
    let conman = build_conman("dev")?;
    let mut description = shell::read(Command::new(conman).arg("openapi"))?;
    if Json::parse(&description).is_none() {
        return Err(Failure::new("`conman openapi` printed something that is not JSON; nothing was written"));
    }
    if !description.ends_with('\n') {
        description.push('\n');
    }
    let file = paths::root().join("docs/openapi.json");
    let before = std::fs::read_to_string(&file).unwrap_or_default();
    if before == description {
        println!("docs/openapi.json is up to date");
    } else {
        std::fs::write(&file, description).during(|| format!("cannot write {}", file.display()))?;
        println!("docs/openapi.json is written");
    }
    shell::run(&mut web_ui::npm(&["run", "gen"])?)
}
