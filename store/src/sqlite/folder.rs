//! The folder of an embedded store, and the lock that makes it one process's own.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::error::StoreError;

/// Is a folder that this process owns for as long as a clone of this value lives.
#[derive(Clone)]
pub(super) struct Folder {
    database: PathBuf,
    _lock: Arc<File>,
}

impl Folder {
    /// Makes the folder where it is missing and takes the lock.
    pub(super) fn own(folder: &Path) -> Result<Self, StoreError> {
        // A process that was just told to stop may need a moment to let go.
        const PATIENCE: Duration = Duration::from_millis(500);
        const PAUSE: Duration = Duration::from_millis(20);
        make_private(folder).map_err(StoreError::backend("making the store's folder"))?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join("store.lock"))
            .map_err(StoreError::backend("opening the store's lock file"))?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {
                    return Err(StoreError::InUse { folder: folder.to_owned() });
                }
                Err(TryLockError::Error(error)) => {
                    return Err(StoreError::backend("locking the store's folder")(error));
                }
            }
        }
        Ok(Self { database: folder.join("store.sqlite"), _lock: Arc::new(lock) })
    }

    /// Opens a connection: write-ahead log, each commit flushed to disk.
    pub(super) fn connect(&self) -> Result<Connection, StoreError> {
        let open = || {
            let connection = Connection::open(&self.database)?;
            connection.busy_timeout(Duration::from_secs(10))?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "foreign_keys", "OFF")?;
            // A stranger's database must not run code through its schema.
            connection.pragma_update(None, "trusted_schema", "OFF")?;
            connection.pragma_update(None, "cache_size", -16_384)?;
            // A burst may let the log grow; it need not stay that large.
            connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
            connection.set_prepared_statement_cache_capacity(512);
            Ok(connection)
        };
        open().map_err(StoreError::backend::<rusqlite::Error>("opening the database"))
    }
}

#[cfg(unix)]
fn make_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;

    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)
}
