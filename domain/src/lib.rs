//! Types, state machines and policy of Conman.
//!
//! Nothing here does I/O, waits, reads a clock or draws random numbers: times and ids come in as arguments. Every
//! state machine is one enum with one transition function, `next(self, event)`; what a person may do is decided in
//! [`policy`] and nowhere else.

pub mod access;
pub mod app;
pub mod audit;
pub mod audit_kinds;
pub mod catalog;
pub mod catalog_edit;
pub mod changeset;
pub mod collision;
pub mod deployment;
pub mod draft;
pub mod environment;
pub mod finding;
pub mod freeze;
pub mod git;
pub mod id;
pub mod job;
pub mod mail;
pub mod name;
pub mod parameter_set;
pub mod path;
pub mod policy;
pub mod profile;
pub mod release;
pub mod run;
pub mod secret;
pub mod snapshot;
pub mod state;
pub mod time;
pub mod value;
pub mod value_change;
pub mod waiting;
pub mod workspace;
pub mod yaml;

pub use git::{BlobId, CommitId, TreeId};
pub use path::RepoPath;
pub use state::IllegalTransition;
pub use time::Timestamp;
