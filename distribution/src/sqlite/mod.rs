//! The embedded default: one file, one process.
//!
//! One connection writes, a few read; WAL lets them not wait for each other. SQLite's calls block, so each runs on
//! Tokio's blocking threads. Subscribers are told by the writer itself, behind each commit and in its order.

mod activate;
mod applications;
mod backend;
mod history;
mod peek;
mod read;
mod runs;
mod setup;

pub(crate) use backend::Sqlite;
