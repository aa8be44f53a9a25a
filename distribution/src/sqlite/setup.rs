//! Opening the file and bringing its tables up to date.

use crate::error::DistributionError;
use crate::migrations;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, params};
use std::path::Path;
use std::time::{Duration, Instant};

/// Another process that looks at the file may hold a lock for a moment.
const BUSY: Duration = Duration::from_secs(10);
/// How long it is waited where SQLite does not wait itself.
const PAUSE: Duration = Duration::from_millis(10);

pub(super) fn open_writer(path: &Path) -> Result<Connection, DistributionError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .map_err(|source| DistributionError::Open { path: path.display().to_string(), source })?;
    }
    let mut connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY)?;
    use_write_ahead_log(&connection)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(64);
    migrate(&mut connection)?;
    Ok(connection)
}

pub(super) fn open_reader(path: &Path) -> Result<Connection, DistributionError> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// A reader that waits for nobody.
pub(super) fn open_peek(path: &Path) -> Result<Connection, DistributionError> {
    let connection = open_reader(path)?;
    connection.busy_timeout(Duration::ZERO)?;
    Ok(connection)
}

/// Switches the journal; asked again while another process does the same.
///
/// The switch of a new file raises a read lock to an exclusive one, and SQLite does not wait for its busy timeout
/// there: two that waited would wait for each other (<https://www.sqlite.org/c3ref/busy_handler.html>).
fn use_write_ahead_log(connection: &Connection) -> Result<(), DistributionError> {
    let deadline = Instant::now() + BUSY;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && Instant::now() < deadline =>
            {
                std::thread::sleep(PAUSE);
            }
            outcome => return Ok(outcome?),
        }
    }
}

fn migrate(connection: &mut Connection) -> Result<(), DistributionError> {
    // The write lock is taken first: two processes that start at once do not both set up.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS migrations (
            number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL
        ) STRICT",
    )?;
    let applied: Vec<(i32, String)> = transaction
        .prepare("SELECT number, checksum FROM migrations ORDER BY number")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for migration in migrations::outstanding(migrations::SQLITE, &applied)? {
        transaction.execute_batch(migration.sql)?;
        transaction.execute(
            "INSERT INTO migrations (number, name, checksum, applied_at)
             VALUES (?1, ?2, ?3, CAST(round(unixepoch('subsec') * 1000) AS INTEGER))",
            params![migration.number, migration.name, migration.checksum()],
        )?;
    }
    Ok(transaction.commit()?)
}
