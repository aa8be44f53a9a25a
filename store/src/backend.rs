//! What a database has to do for the port.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::batch::Write;
use crate::collection::Collection;
use crate::error::{CommitError, StoreError};
use crate::query::Plan;
use crate::version::{Version, Versioned};

/// Is a database behind the port.
#[async_trait]
pub(crate) trait Backend: Send + Sync {
    /// Reads one document as it was last committed.
    async fn get(&self, collection: &'static Collection, id: String) -> Result<Option<Stored>, StoreError>;

    /// Reads the documents of these ids, in any order; those that are not there are left out.
    async fn get_many(
        &self,
        collection: &'static Collection,
        ids: Vec<String>,
    ) -> Result<Vec<Stored>, StoreError>;

    /// Reads the documents that a plan finds, all as of one moment.
    async fn find(&self, plan: Plan) -> Result<Found, StoreError>;

    /// Writes all or nothing, and answers when it is on disk; goes on when the caller stops waiting.
    async fn commit(&self, writes: Vec<Write>) -> Result<(), CommitError>;

    /// A number that every commit changes before it is answered; `None` where others may write as well.
    fn generation(&self) -> Option<u64> {
        None
    }

    /// Reads the database's clock.
    async fn now(&self) -> Result<DateTime<Utc>, StoreError>;

    /// Asks the database whether it answers and takes writes.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Finishes what is under way and lets go of the database.
    async fn close(&self);
}

/// Is a document as a database gave it.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) id: String,
    pub(crate) version: i64,
    pub(crate) body: Body,
}

/// Is a document's JSON object, as text or taken apart.
#[derive(Debug)]
pub(crate) enum Body {
    Text(String),
    Object(Json),
}

/// Is what a plan found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) items: Vec<Stored>,
    pub(crate) total: Option<u64>,
}

impl Stored {
    /// Reads the document as its type.
    pub(crate) fn decode<T: DeserializeOwned>(
        self,
        collection: &'static Collection,
    ) -> Result<Versioned<T>, StoreError> {
        let Self { id, version, body } = self;
        let doc = match body {
            Body::Text(text) => serde_json::from_str(&text),
            Body::Object(json) => serde_json::from_value(json),
        };
        let unreadable = |source: Box<dyn std::error::Error + Send + Sync>| StoreError::Unreadable {
            collection: collection.name,
            id: id.clone(),
            source,
        };
        let number = u64::try_from(version).map_err(|error| unreadable(error.into()))?;
        Ok(Versioned { doc: doc.map_err(|error| unreadable(error.into()))?, version: Version::new(number) })
    }
}
