//! Tests of repositories through the public API, on real Git.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops at the first thing that fails, and may say what it did"
)]

mod any;
mod common;
mod compose;
mod composition;
mod crash;
mod diff;
mod guards;
mod history;
mod import;
mod moved;
mod refs;
mod sync;
mod working;
