//! What workers read: the active configuration of every environment, and how it came to be.
//!
//! [`Distribution`] is the port; PostgreSQL and SQLite stand behind it, and nothing outside this crate knows which.
//! The store decides what an environment runs; here that decision becomes readable, in one transaction per
//! [`Activation`]: parameters, files, catalog, history and notification together, or nothing. An activation carries a
//! source id, and applying the same one again changes nothing, so a lost answer is settled by asking again.
//!
//! Contents of files are kept once, under their hash. They are written before the activation that refers to them and
//! can be read by nobody until it has committed:
//!
//! ```no_run
//! # use conman_distribution::{Activation, DistributionError};
//! # async fn deploy(activation: Activation, content: impl Fn(&conman_domain::snapshot::ContentHash) -> bytes::Bytes)
//! # -> Result<(), DistributionError> {
//! let distribution = conman_distribution::open("sqlite:/var/lib/conman/distribution.db").await?;
//! let hashes: Vec<_> = activation.files.values().cloned().collect();
//! let missing = distribution.missing_blobs(&hashes).await?;
//! distribution.put_blobs(missing.iter().map(content).collect()).await?;
//! distribution.activate(activation).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Values of parameters never appear in errors or logs: of a database's complaint only its code and the names of the
//! constraint and the table are kept.

mod application;
mod changes;
mod decode;
mod diff;
mod error;
mod migrations;
mod model;
mod port;
mod postgres;
mod runs;
mod sqlite;

pub use application::WorkerApplication;
pub use changes::{Changes, ConfigChanged};
pub use error::{DatabaseFault, DistributionError};
pub use model::{
    Activated, Activation, ActiveConfig, AppliedConfig, Boundary, FileCounts, HistoryPage, HistoryRow,
    ParameterActivation, ParameterChange, Pending, Refused, WorkerReport, WorkerSession,
};
pub use port::{Distribution, FAULT_POINTS, create_database, drop_database, open};
pub use runs::{FrozenSet, NewRun, RowsPage, RunEnding, RunFilter, RunRegistry, SetReferences, SetSummary};
