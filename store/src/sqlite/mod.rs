//! The embedded backend: SQLite in a folder that one process owns.
//!
//! One thread writes, and commits what is waiting together: a savepoint for each batch, one flush to disk for all of
//! them. Readers have connections of their own and see the last commit.

mod backend;
mod folder;
mod reader;
mod schema;
mod select;
mod writer;

pub(crate) use backend::SqliteBackend;
