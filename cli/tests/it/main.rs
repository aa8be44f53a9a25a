//! The real binary as people and scripts call it: started, asked, stopped.

#![expect(clippy::unwrap_used, reason = "in tests, a panic is how to fail")]

mod check;
mod commands;
mod common;
mod demo;
mod diff;
#[cfg(feature = "failpoints")]
mod fault_points;
mod mail;
mod missing;
mod serve;
mod smtp;
mod worker;
