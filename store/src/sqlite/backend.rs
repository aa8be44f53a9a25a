//! The SQLite side of the port.

use std::path::PathBuf;

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, Utc};

use super::folder::Folder;
use super::reader::Readers;
use super::writer::Writer;
use super::{schema, select};
use crate::backend::{Backend, Found, Stored};
use crate::batch::Write;
use crate::collection::Collection;
use crate::error::{CommitError, StoreError};
use crate::query::Plan;

/// Is an open embedded store.
pub(crate) struct SqliteBackend {
    readers: Readers,
    writer: Writer,
}

impl SqliteBackend {
    /// Takes possession of a folder and opens the database in it.
    pub(crate) async fn open(
        folder: PathBuf,
        collections: &'static [&'static Collection],
    ) -> Result<Self, StoreError> {
        let opened = tokio::task::spawn_blocking(move || {
            let folder = Folder::own(&folder)?;
            let mut connection = folder.connect()?;
            schema::prepare(&mut connection, collections)?;
            let readers = Readers::open(&folder)?;
            let writer = Writer::start(connection, folder)?;
            Ok(Self { readers, writer })
        });
        opened.await.map_err(StoreError::backend("opening the store"))?
    }
}

#[async_trait]
impl Backend for SqliteBackend {
    async fn get(&self, collection: &'static Collection, id: String) -> Result<Option<Stored>, StoreError> {
        self.readers.read(move |connection| select::one(connection, collection, id)).await
    }

    async fn get_many(
        &self,
        collection: &'static Collection,
        ids: Vec<String>,
    ) -> Result<Vec<Stored>, StoreError> {
        self.readers.read(move |connection| select::many(connection, collection, &ids)).await
    }

    async fn find(&self, plan: Plan) -> Result<Found, StoreError> {
        self.readers.read(move |connection| select::page(connection, &plan)).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<(), CommitError> {
        self.writer.commit(writes).await
    }

    fn generation(&self) -> Option<u64> {
        Some(self.writer.generation())
    }

    async fn now(&self) -> Result<DateTime<Utc>, StoreError> {
        // The database runs in this process, so its clock is this process's.
        Ok(Utc::now().trunc_subsecs(3))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.writer.ping().await
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}
