//! The `conman` binary: the server, the demo, a worker to look with, and commands for scripts.
//!
//! This is the composition root: it opens the three memories that an operator names and gives them to the rooms that
//! stand on them. No rule of the product lives here. It ends with 0 when all went well, with 1 when something was
//! refused or failed, and with 2 when it was called wrongly or could not start.

mod api;
mod arguments;
mod check;
mod client;
mod completion;
mod diff;
mod dispatch;
mod ending;
#[cfg(feature = "failpoints")]
mod fault_points;
mod logging;
mod mailer;
mod master_key;
mod openapi;
mod print;
mod serve;
mod server;
mod services;
mod signals;
mod worker;

mod demo;

/// The system's allocator took a tenth of the time of a short read.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    dispatch::run()
}
