//! `cargo xtask servers`: the test servers, for as long as someone needs them.

use std::time::Duration;

use crate::commands::without_arguments;
use crate::failure::Outcome;
use crate::servers::Servers;
use crate::signals;

const HELP: &str = "\
cargo xtask servers

Starts the servers that the tests need (MongoDB as a replica set of one, PostgreSQL) on free loopback ports, installs
what is missing first, prints one `export NAME=URL` line for each on standard output, and stops them at Ctrl-C.

    cargo xtask servers > servers.env &     then, in any shell:  . ./servers.env && cargo nextest run -p conman-store";

pub(crate) fn command(arguments: &[String]) -> Outcome<()> {
    if without_arguments(arguments, "servers", HELP)?.is_none() {
        return Ok(());
    }
    let mut servers = Servers::start()?;
    for (name, value) in servers.variables() {
        println!("export {name}='{value}'");
    }
    eprintln!("The servers are up. Ctrl-C stops them.");
    while !signals::interrupted() {
        servers.check()?;
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}
