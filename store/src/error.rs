//! What can go wrong, with the answer "no" told apart from a broken store.

use std::path::PathBuf;

use thiserror::Error;

/// Says why a batch was not committed. Nothing of it was written.
///
/// The exception is [`StoreError::Unsettled`], which says that nobody knows.
#[derive(Debug, Error)]
pub enum CommitError {
    /// The document that a write or check expects is not there.
    #[error("{collection}/{id} does not exist")]
    Missing {
        /// The collection's name.
        collection: &'static str,
        /// The document's id.
        id: String,
    },
    /// The document is there, but not at the version that a write or check expects.
    #[error("{collection}/{id} was changed in the meantime")]
    Changed {
        /// The collection's name.
        collection: &'static str,
        /// The document's id.
        id: String,
    },
    /// The document that should be inserted is there already.
    #[error("{collection}/{id} exists already")]
    Exists {
        /// The collection's name.
        collection: &'static str,
        /// The document's id.
        id: String,
    },
    /// Another document holds the same values under a unique index.
    #[error("another document of {collection} has the same {index}")]
    NotUnique {
        /// The collection's name.
        collection: &'static str,
        /// The unique index's name.
        index: &'static str,
    },
    /// A document is larger than either database takes.
    #[error("{collection}/{id} is too large: {size} bytes, where {limit} are allowed")]
    TooLarge {
        /// The collection's name.
        collection: &'static str,
        /// The document's id.
        id: String,
        /// The size in bytes.
        size: usize,
        /// The largest size in bytes.
        limit: usize,
    },
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CommitError {
    /// Tells whether the batch lost to what is stored, so that reading again and deciding again may help.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        match self {
            Self::Missing { .. } | Self::Changed { .. } | Self::Exists { .. } | Self::NotUnique { .. } => {
                true
            }
            Self::TooLarge { .. } | Self::Store(_) => false,
        }
    }
}

/// Says why the store could not answer.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Another process has the embedded store open.
    #[error("the store in {} is in use by another process; stop that one first", folder.display())]
    InUse {
        /// The store's folder.
        folder: PathBuf,
    },
    /// The MongoDB server is alone, and so has no transactions.
    #[error(
        "the MongoDB server is not a member of a replica set, so it has no transactions; start it with --replSet and initiate the set (one member is enough)"
    )]
    StandAlone,
    /// The database is of a version that this program cannot use.
    #[error("the store cannot be used by this version of the program: {reason}")]
    WrongVersion {
        /// What was found and what is needed.
        reason: String,
    },
    /// A collection or index is declared in a way that a database cannot hold.
    #[error("collection {collection} is declared wrongly: {reason}")]
    BadDeclaration {
        /// The collection's name.
        collection: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A query asks for what its index cannot answer.
    #[error("a query of {collection} by {index} cannot be served: {reason}")]
    BadQuery {
        /// The collection's name.
        collection: &'static str,
        /// The index's name.
        index: &'static str,
        /// What is wrong with the query.
        reason: String,
    },
    /// A batch contradicts itself, or a document is of a collection that was not opened.
    #[error("the store cannot do that: {collection}/{id} {reason}")]
    BadBatch {
        /// The collection's name.
        collection: &'static str,
        /// The document's id.
        id: String,
        /// What is wrong with the batch.
        reason: &'static str,
    },
    /// A document holds something that cannot be stored and read back exactly.
    #[error("{collection}/{id} cannot be stored: {reason}")]
    BadDocument {
        /// The collection's name.
        collection: &'static str,
        /// The document's id.
        id: String,
        /// What it holds.
        reason: String,
    },
    /// A stored document does not fit its type.
    #[error("{collection}/{id} cannot be read as what it should be")]
    Unreadable {
        /// The collection's name.
        collection: &'static str,
        /// The document's id.
        id: String,
        /// Where it does not fit.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Other writers held the documents for longer than the store waits.
    #[error("the documents were held by other writers for longer than {waited_ms} ms")]
    Busy {
        /// How long the store waited.
        waited_ms: u64,
        /// What the database said at last.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer to a commit was lost: read to learn whether the batch was written.
    #[error("the answer to a commit was lost, and it may or may not have been written")]
    Unsettled {
        /// What the database said at last.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// The database or the file system failed.
    #[error("the store failed while {doing}")]
    Backend {
        /// What the store was doing.
        doing: &'static str,
        /// What the database said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// Tells whether asking again later may do, without anybody changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Busy { .. } | Self::Unsettled { .. } | Self::Closed => true,
            // The databases are asked over a network or a disk; what they say of a query itself has names of its own.
            Self::Backend { source, .. } => is_unreachable(source.as_ref()),
            Self::InUse { .. }
            | Self::StandAlone
            | Self::WrongVersion { .. }
            | Self::BadDeclaration { .. }
            | Self::BadQuery { .. }
            | Self::BadBatch { .. }
            | Self::BadDocument { .. }
            | Self::Unreadable { .. } => false,
        }
    }

    /// Wraps a driver's error with what was being done.
    pub(crate) fn backend<E>(doing: &'static str) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        move |source| Self::Backend { doing, source: source.into() }
    }
}

/// Whether MongoDB could not be reached, or went away; SQLite's file cannot.
fn is_unreachable(error: &(dyn std::error::Error + 'static)) -> bool {
    use mongodb::error::ErrorKind;
    error.downcast_ref::<mongodb::error::Error>().is_some_and(|error| {
        matches!(
            error.kind.as_ref(),
            ErrorKind::ServerSelection { .. } | ErrorKind::Io(_) | ErrorKind::ConnectionPoolCleared { .. }
        ) || error.contains_label(mongodb::error::TRANSIENT_TRANSACTION_ERROR)
            || error.contains_label(mongodb::error::RETRYABLE_WRITE_ERROR)
    })
}
