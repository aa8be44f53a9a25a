//! The workflow's memory: one small document port, with SQLite and MongoDB behind it.
//!
//! Three verbs: [`Store::get`], [`Store::find`] and [`Store::commit`]. A [`Batch`] is all or nothing, and each of its
//! writes states what it expects of the document: that it is absent, or that it has one exact [`Version`]. Uniqueness
//! is a unique [`Index`]. A [`Query`] names the index that serves it and can ask for nothing that this index cannot
//! answer. The crate knows no business verb, and nothing outside it knows which database it has.

pub mod collections;

mod backend;
mod batch;
mod collection;
mod encode;
mod error;
mod mongo;
mod query;
mod sqlite;
mod store;
mod url;
mod value;
mod version;

pub use batch::Batch;
pub use collection::{Collection, Document, Index, OnlyWhere};
pub use error::{CommitError, StoreError};
pub use query::{Page, Query};
pub use store::Store;
pub use url::{StoreUrl, StoreUrlError};
pub use value::FieldValue;
pub use version::{Version, Versioned};
