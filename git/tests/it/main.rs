//! Tests of repositories through the public API, on real Git.

mod common;
mod compose;
mod composition;
mod crash;
mod diff;
mod guards;
mod import;
mod refs;
mod sync;
mod working;
