//! Tests of repositories through the public API, on real Git.

mod common;
mod composition;
