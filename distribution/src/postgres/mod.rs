//! PostgreSQL, for teams: workers read it directly.
//!
//! A pool serves the queries; one more connection per process LISTENs and feeds every subscriber.

mod activate;
mod applications;
mod backend;
pub(crate) mod databases;
mod history;
mod lease;
mod listen;
mod read;
mod readers;
mod report;
mod runs;
mod server;
mod setup;

pub(crate) use backend::Postgres;
