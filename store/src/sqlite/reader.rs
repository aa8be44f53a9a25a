//! Connections that only read, lent to one query at a time on the blocking threads.

use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::folder::Folder;
use crate::error::StoreError;

/// Holds the reading connections of a store.
pub(super) struct Readers {
    free: Arc<Semaphore>,
    pool: Arc<Pool>,
}

struct Pool {
    connections: Mutex<Vec<Connection>>,
    // Declared after the connections, so that they are closed before the folder is given up.
    folder: Mutex<Option<Folder>>,
}

/// How many queries read at once.
const CONNECTIONS: u32 = 4;

impl Readers {
    /// Opens the connections.
    pub(super) fn open(folder: &Folder) -> Result<Self, StoreError> {
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            let connection = folder.connect()?;
            connection
                .pragma_update(None, "query_only", "ON")
                .map_err(StoreError::backend("opening the database"))?;
            connections.push(connection);
        }
        let pool =
            Arc::new(Pool { connections: Mutex::new(connections), folder: Mutex::new(Some(folder.clone())) });
        Ok(Self { free: Arc::new(Semaphore::new(CONNECTIONS as usize)), pool })
    }

    /// Runs a query on a connection of its own, off the async threads.
    pub(super) async fn read<R: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<R, rusqlite::Error> + Send + 'static,
    ) -> Result<R, StoreError> {
        let permit = Arc::clone(&self.free).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let pool = Arc::clone(&self.pool);
        let reading = tokio::task::spawn_blocking(move || {
            let lease = Lease::take(&pool);
            let result = query(lease.connection());
            drop(lease);
            drop(permit);
            result
        });
        reading
            .await
            .map_err(StoreError::backend("reading the store"))?
            .map_err(StoreError::backend("reading the store"))
    }

    /// Waits for the queries under way and closes the connections.
    pub(super) async fn close(&self) {
        if let Ok(all) = self.free.acquire_many(CONNECTIONS).await {
            all.forget();
            self.free.close();
            self.pool.connections.lock().clear();
            self.pool.folder.lock().take();
        }
    }
}

/// Is a connection taken out of the pool, which gets it back even from a query that panics.
struct Lease<'a> {
    connection: Option<Connection>,
    pool: &'a Pool,
}

impl<'a> Lease<'a> {
    fn take(pool: &'a Pool) -> Self {
        Self { connection: pool.connections.lock().pop(), pool }
    }

    fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("each permit stands for a connection in the pool")
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.pool.connections.lock().extend(self.connection.take());
    }
}
