//! From a word to a command.

use crate::commands::{bench, build, fuzz, generate, guide, run, servers, test, tidy};
use crate::failure::{Failure, Outcome};

const HELP: &str = "\
cargo xtask COMMAND

    run       start Conman here, with a sample app, an account per role and a worker
    test      everything that must hold, on real servers
    tidy      check the arrows between crates and the rules of the house
    gen       write what is generated from the code
    guide     take the pictures of the user guide
    bench     measure speed against the floors
    build     build the binary to ship
    fuzz      throw random input at the parsers
    servers   start the servers that the tests need, until Ctrl-C

cargo xtask COMMAND --help says more.";

/// Runs the command that the arguments name.
pub(crate) fn dispatch(arguments: &[String]) -> Outcome<()> {
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", arguments),
    };
    match command {
        "run" => run::command(rest),
        "test" => test::command(rest),
        "tidy" => tidy::command(rest),
        "gen" => generate::command(rest),
        "guide" => guide::command(rest),
        "bench" => bench::command(rest),
        "build" => build::command(rest),
        "fuzz" => fuzz::command(rest),
        "servers" => servers::command(rest),
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(())
        }
        other => Err(Failure::new(format!("there is no command `{other}`\n\n{HELP}"))),
    }
}
