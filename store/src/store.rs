//! The store itself: three verbs over whichever database its address names.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::backend::Backend;
use crate::batch::Batch;
use crate::collection::{Collection, Document, check_declarations};
use crate::error::{CommitError, StoreError};
use crate::mongo::{self, MongoBackend};
use crate::query::{Page, Query};
use crate::sqlite::SqliteBackend;
use crate::url::{Place, StoreUrl};
use crate::version::Versioned;

/// Is the workflow's memory. Clones share it.
///
/// An embedded store ends its work by itself when its last clone is dropped; [`Store::close`] waits for that.
#[derive(Clone)]
pub struct Store {
    backend: Arc<dyn Backend>,
    collections: &'static [&'static Collection],
    url: Arc<StoreUrl>,
}

impl Store {
    /// Opens a store, and makes the collections and indexes that it lacks.
    ///
    /// # Errors
    /// [`StoreError::InUse`] where another process has the embedded store open, [`StoreError::StandAlone`] where a
    /// MongoDB server has no transactions, [`StoreError::WrongVersion`] where the program and the database do not fit,
    /// [`StoreError::BadDeclaration`] where a collection could not be held, [`StoreError::Backend`] otherwise.
    pub async fn open(
        url: &StoreUrl,
        collections: &'static [&'static Collection],
    ) -> Result<Self, StoreError> {
        check_declarations(collections)?;
        let backend: Arc<dyn Backend> = match url.place() {
            Place::Sqlite { folder } => Arc::new(SqliteBackend::open(folder.clone(), collections).await?),
            Place::Mongo { url, database } => Arc::new(MongoBackend::open(url, database, collections).await?),
        };
        Ok(Self { backend, collections, url: Arc::new(url.clone()) })
    }

    /// Reads a document as it was last committed; `None` where there is none.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] where the document does not fit its type; otherwise what kept the database from
    /// answering.
    pub async fn get<T: Document>(&self, id: &str) -> Result<Option<Versioned<T>>, StoreError> {
        if !self.has(T::COLLECTION) {
            return Err(unopened(T::COLLECTION, id));
        }
        match self.backend.get(T::COLLECTION, id.to_owned()).await? {
            Some(stored) => Ok(Some(stored.decode(T::COLLECTION)?)),
            None => Ok(None),
        }
    }

    /// Reads the documents of these ids in one go, sorted by id; those that are not there are left out.
    ///
    /// Each is as it was last committed, but they may be of different moments.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn get_many<T: Document>(
        &self,
        ids: impl IntoIterator<Item = String>,
    ) -> Result<Vec<Versioned<T>>, StoreError> {
        let ids: BTreeSet<String> = ids.into_iter().collect();
        if !self.has(T::COLLECTION) {
            return Err(unopened(T::COLLECTION, "*"));
        }
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = self.backend.get_many(T::COLLECTION, ids.into_iter().collect()).await?;
        found.sort_by(|one, other| one.id.cmp(&other.id));
        found.into_iter().map(|stored| stored.decode(T::COLLECTION)).collect()
    }

    /// Reads the documents that a query finds, all as of one moment.
    ///
    /// # Errors
    /// [`StoreError::BadQuery`] where the index cannot answer, [`StoreError::Unreadable`] where a document does not fit
    /// its type; otherwise what kept the database from answering.
    pub async fn find<T: Document>(&self, query: Query<T>) -> Result<Page<T>, StoreError> {
        let plan = query.into_plan()?;
        if !self.has(T::COLLECTION) {
            return Err(unopened(T::COLLECTION, "*"));
        }
        if plan.finds_nothing() {
            return Ok(Page { items: Vec::new(), total: 0 });
        }
        let found = self.backend.find(plan).await?;
        let items = found
            .items
            .into_iter()
            .map(|stored| stored.decode(T::COLLECTION))
            .collect::<Result<Vec<Versioned<T>>, StoreError>>()?;
        let total = found.total.unwrap_or(items.len() as u64);
        Ok(Page { items, total })
    }

    /// Writes a batch, all or nothing, and answers when it is on disk.
    ///
    /// A commit that has begun goes on to its end when the caller stops waiting for it.
    ///
    /// # Errors
    /// An expectation that does not hold (the first, unless a commit under way broke another one), a value taken under a unique index, a document that cannot be stored,
    /// or what kept the database from answering.
    pub async fn commit(&self, batch: Batch) -> Result<(), CommitError> {
        let writes = batch.into_writes()?;
        if let Some(write) = writes.iter().find(|write| !self.has(write.collection)) {
            return Err(unopened(write.collection, &write.id).into());
        }
        if writes.is_empty() {
            return Ok(());
        }
        self.backend.commit(writes).await
    }

    /// A number that every commit changes before it is answered, where this process alone writes; `None` elsewhere.
    ///
    /// Who keeps what it has read, with the number from before, may use it for as long as the number is the same.
    pub fn generation(&self) -> Option<u64> {
        self.backend.generation()
    }

    /// Reads the database's clock, to the millisecond: the one clock that all servers of a store share.
    ///
    /// # Errors
    /// What kept the database from answering.
    pub async fn now(&self) -> Result<DateTime<Utc>, StoreError> {
        self.backend.now().await
    }

    /// Asks whether the database answers and takes writes.
    ///
    /// # Errors
    /// What kept the database from answering.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.backend.ping().await
    }

    /// Finishes the commits under way and lets go of the database, for all clones.
    pub async fn close(self) {
        self.backend.close().await;
    }

    /// Removes the MongoDB database that an address names, with everything in it: for databases made for a while.
    ///
    /// Nothing happens where there is none. An embedded store is removed with its folder, by the folder's owner.
    ///
    /// # Errors
    /// What kept the database from being dropped.
    pub async fn remove(url: &StoreUrl) -> Result<(), StoreError> {
        match url.place() {
            Place::Sqlite { .. } => Ok(()),
            Place::Mongo { url, database } => mongo::remove(url, database).await,
        }
    }

    fn has(&self, collection: &'static Collection) -> bool {
        self.collections.iter().any(|known| std::ptr::eq(*known, collection) || *known == collection)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.url)
    }
}

fn unopened(collection: &'static Collection, id: &str) -> StoreError {
    StoreError::BadBatch {
        collection: collection.name,
        id: id.to_owned(),
        reason: "is of a collection that the store was not opened with",
    }
}
