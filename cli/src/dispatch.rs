//! From what was typed to the command that does it.

use crate::arguments::{Arguments, Command, WorkerCommand};
use crate::ending::{Ending, Outcome};
use crate::{api, check, completion, demo, diff, logging, openapi, print, serve, worker};
use anyhow::Context as _;
use clap::Parser as _;
use std::process::ExitCode;

/// Runs the command that was typed.
pub(crate) fn run() -> ExitCode {
    // Wrong words end here, with 2 and what would be right.
    let arguments = Arguments::parse();
    match chosen(arguments) {
        Ok(code) => code,
        Err(ending) => {
            print::complaint(format!("conman: {}", ending.sentence()));
            ending.code()
        }
    }
}

fn chosen(arguments: Arguments) -> Outcome<ExitCode> {
    let usual = if matches!(arguments.command, Command::Serve(_)) { "info" } else { "warn" };
    logging::start(&arguments.log, usual).map_err(Ending::CannotStart)?;
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| Ending::cannot_start(anyhow::anyhow!("another TLS provider is installed already")))?;
    #[cfg(feature = "failpoints")]
    let _armed = crate::fault_points::arm().map_err(Ending::CannotStart)?;
    let done = match arguments.command {
        Command::Check(arguments) => return check::run(&arguments),
        Command::Diff(arguments) => return diff::run(&arguments),
        Command::Serve(arguments) => on_runtime(serve::run(arguments)),
        Command::Demo(arguments) if arguments.headless => on_runtime(demo::headless(arguments)),
        Command::Demo(arguments) => on_runtime(demo::serve(arguments)),
        Command::Worker(WorkerCommand::Run(arguments)) => on_runtime(worker::run(arguments)),
        Command::Api(arguments) => on_runtime(api::run(arguments)),
        Command::Openapi => Ok(openapi::run()?),
        Command::Completion { shell } => Ok(completion::run(shell)?),
    };
    done.map(|()| ExitCode::SUCCESS)
}

fn on_runtime(command: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("threads cannot be started").map_err(Ending::CannotStart)?;
    runtime.block_on(command)
}
