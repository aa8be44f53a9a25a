//! What can go wrong.

use conman_domain::name::ParameterName;
use conman_domain::snapshot::{ConfigVersion, ContentHash};
use std::fmt;

/// Tells why the distribution database did not do as asked.
///
/// Values of parameters and contents of files never appear here.
#[derive(Debug, thiserror::Error)]
pub enum DistributionError {
    /// The URL names no database that is supported.
    #[error("a distribution database is `postgres://…` or `sqlite:PATH`: {reason}")]
    Url {
        /// What is wrong with it; holds no password.
        reason: String,
    },
    /// The database cannot be reached, or the connection was lost on the way: the outcome may be unknown, ask again.
    #[error("the distribution database is not reachable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database refused a statement.
    #[error("the distribution database refused a statement")]
    Database(#[source] DatabaseFault),
    /// SQLite failed.
    #[error("the embedded distribution database failed")]
    Sqlite(#[source] rusqlite::Error),
    /// The folder or file of the embedded database cannot be used.
    #[error("the embedded distribution database cannot be opened at {path}")]
    Open {
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The database was set up by another version of the product.
    #[error("the distribution database does not fit this version: {reason}")]
    Schema {
        /// What differs.
        reason: String,
    },
    /// An activation refers to contents that the database does not have.
    #[error("the contents of {} files are missing in the distribution database", .0.len())]
    MissingBlobs(Vec<ContentHash>),
    /// An activation cannot be written as it is.
    #[error("the activation is not valid: {reason}")]
    Invalid {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A change of parameters is based on another version than the active one.
    #[error("the change is not based on the active version, which is {active}")]
    WrongBase {
        /// The active version; 0 if there is none.
        active: ConfigVersion,
    },
    /// A source id was used before for another environment or version.
    #[error("the source id was used before, for another environment or version")]
    SourceIdReused,
    /// What was read cannot be understood.
    #[error("the distribution database holds {what} that cannot be understood")]
    Corrupt {
        /// Which kind of thing.
        what: &'static str,
        /// The parameter, where it is one.
        name: Option<ParameterName>,
    },
    /// A task of this process was cancelled or panicked.
    #[error("the work on the distribution database was interrupted")]
    Interrupted(#[source] tokio::task::JoinError),
}

impl DistributionError {
    /// True if asking again later may succeed without anyone changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Interrupted(_) => true,
            Self::Database(fault) => fault.is_transient(),
            Self::Sqlite(error) => matches!(
                error.sqlite_error_code(),
                Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
            ),
            Self::Url { .. }
            | Self::Open { .. }
            | Self::Schema { .. }
            | Self::MissingBlobs(_)
            | Self::WrongBase { .. }
            | Self::Invalid { .. }
            | Self::SourceIdReused
            | Self::Corrupt { .. } => false,
        }
    }
}

/// A refusal by PostgreSQL: its code and the names of what was hurt.
///
/// The server's own sentence and details are dropped, because they quote the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseFault {
    /// The five-character SQLSTATE.
    pub code: String,
    /// The constraint, if one was hurt.
    pub constraint: Option<String>,
    /// The table, if one is known.
    pub table: Option<String>,
}

impl DatabaseFault {
    /// True for lost races, shut-downs, timeouts and full connection tables.
    pub fn is_transient(&self) -> bool {
        matches!(self.code.get(..2), Some("08" | "40" | "53" | "55" | "57"))
    }
}

impl DatabaseFault {
    /// True where what is there forbids it: a constraint was hurt (class 23), or one of our own rules (class CM).
    pub fn is_refusal(&self) -> bool {
        matches!(self.code.get(..2), Some("23" | "CM"))
    }
}

impl fmt::Display for DatabaseFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SQLSTATE {}", self.code)?;
        if let Some(constraint) = &self.constraint {
            write!(f, ", constraint {constraint}")?;
        }
        if let Some(table) = &self.table {
            write!(f, ", table {table}")?;
        }
        Ok(())
    }
}

impl std::error::Error for DatabaseFault {}

impl From<tokio_postgres::Error> for DistributionError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(fault) => Self::Database(DatabaseFault {
                code: fault.code().code().to_owned(),
                constraint: fault.constraint().map(ToOwned::to_owned),
                table: fault.table().map(ToOwned::to_owned),
            }),
            None => Self::Unavailable(Box::new(error)),
        }
    }
}

impl From<deadpool_postgres::PoolError> for DistributionError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        match error {
            deadpool_postgres::PoolError::Backend(error) => error.into(),
            other => Self::Unavailable(Box::new(other)),
        }
    }
}

impl From<rusqlite::Error> for DistributionError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}
