//! The one thread that writes, and commits together what is waiting.
//!
//! A flush to disk costs far more than a batch, so the batches that arrive during one flush share the next: each in a
//! savepoint of its own, so that one that is refused takes nothing from the others. None is answered before the flush.

use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, ffi, params};
use serde_json::Value as Json;
use tokio::sync::{mpsc, oneshot};

use super::folder::Folder;
use super::schema::{coverage, expression};
use crate::batch::{Action, Write};
use crate::collection::{Collection, Index};
use crate::error::{CommitError, StoreError};
use crate::version::Version;

/// How many batches share a commit at most.
const LARGEST_GROUP: usize = 256;
/// How many batches wait before committers do.
const QUEUE: usize = 1024;

/// Hands batches to the writing thread.
pub(super) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Request>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Request {
    rows: Vec<Row>,
    answer: oneshot::Sender<Result<(), CommitError>>,
}

/// Is a write as the thread carries it out, its document already text.
struct Row {
    collection: &'static Collection,
    id: String,
    action: RowAction,
}

enum RowAction {
    Insert(String),
    Replace(String, i64),
    Delete(i64),
    Check(i64),
}

impl Writer {
    /// Starts the thread, which owns the folder until the last batch is answered.
    pub(super) fn start(connection: Connection, folder: Folder) -> Result<Self, StoreError> {
        let (queue, requests) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                serve(&connection, requests);
                // The connection goes before the folder: another process must find the file closed.
                drop(connection);
                drop(folder);
            })
            .map_err(StoreError::backend("starting the store's writer"))?;
        Ok(Self {
            queue: Mutex::new(Some(queue)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Commits a batch and waits until it is on disk.
    pub(super) async fn commit(&self, writes: Vec<Write>) -> Result<(), CommitError> {
        let rows = writes.into_iter().map(Row::of).collect();
        self.submit(rows).await
    }

    /// Asks the thread for an empty transaction.
    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        match self.submit(Vec::new()).await {
            Err(CommitError::Store(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// Lets the thread finish what is queued, and waits for its end.
    pub(super) async fn close(&self) {
        drop(self.queue.lock().take());
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                tracing::error!("the store's writer ended by a panic");
            }
        }
    }

    async fn submit(&self, rows: Vec<Row>) -> Result<(), CommitError> {
        let queue = self.queue.lock().clone().ok_or(StoreError::Closed)?;
        let (answer, answered) = oneshot::channel();
        queue
            .send(Request { rows, answer })
            .await
            .map_err(|_| StoreError::Closed)?;
        answered
            .await
            .map_err(|lost| StoreError::Unsettled { source: lost.into() })?
    }
}

impl Row {
    fn of(write: Write) -> Self {
        let action = match write.action {
            Action::Insert(json) => RowAction::Insert(json.to_string()),
            Action::Replace(json, version) => RowAction::Replace(json.to_string(), version),
            Action::Delete(version) => RowAction::Delete(version),
            Action::Check(version) => RowAction::Check(version),
        };
        Self {
            collection: write.collection,
            id: write.id,
            action,
        }
    }

    fn missing(self) -> CommitError {
        CommitError::Missing {
            collection: self.collection.name,
            id: self.id,
        }
    }

    fn changed(self) -> CommitError {
        CommitError::Changed {
            collection: self.collection.name,
            id: self.id,
        }
    }

    fn exists(self) -> CommitError {
        CommitError::Exists {
            collection: self.collection.name,
            id: self.id,
        }
    }
}

fn serve(connection: &Connection, mut requests: mpsc::Receiver<Request>) {
    let mut group = Vec::new();
    while requests.blocking_recv_many(&mut group, LARGEST_GROUP) > 0 {
        let requests = std::mem::take(&mut group);
        let (batches, answers): (Vec<_>, Vec<_>) = requests
            .into_iter()
            .map(|request| (request.rows, request.answer))
            .unzip();
        for (answer, outcome) in answers.into_iter().zip(commit_together(connection, batches)) {
            // A committer that went away has no use for the answer; the batch stands all the same.
            let _ = answer.send(outcome);
        }
    }
}

/// Commits batches together; returns an outcome for each, in their order.
fn commit_together(connection: &Connection, batches: Vec<Vec<Row>>) -> Vec<Result<(), CommitError>> {
    let count = batches.len();
    let mut outcomes = Vec::with_capacity(count);
    let broken = match run(connection, "BEGIN IMMEDIATE") {
        Err(error) => Some(Broken::Before(error)),
        Ok(()) => batches
            .into_iter()
            .find_map(|rows| apply(connection, rows).map(|done| outcomes.push(done)).err()),
    };
    let broken = broken.map_or_else(|| run(connection, "COMMIT").map_err(Broken::During).err(), Some);
    let Some(broken) = broken else { return outcomes };
    if !connection.is_autocommit()
        && let Err(error) = run(connection, "ROLLBACK")
    {
        tracing::error!(%error, "a transaction of the store could not be rolled back");
    }
    tracing::error!(error = broken.cause(), "the store could not commit");
    let broken = Arc::new(broken);
    // A batch that was refused for its own sake keeps its answer; it has nothing to lose.
    let mut outcomes = outcomes.into_iter();
    (0..count)
        .map(|_| match outcomes.next() {
            Some(Err(refused)) => Err(refused),
            Some(Ok(())) | None => Err(broken.answer()),
        })
        .collect()
}

/// Says at which point a whole group failed.
#[derive(Debug)]
enum Broken {
    /// Before the commit: nothing was written.
    Before(rusqlite::Error),
    /// In the commit: a crash now may still bring it back from the log.
    During(rusqlite::Error),
}

impl Broken {
    fn cause(&self) -> &(dyn std::error::Error + 'static) {
        match self {
            Self::Before(error) | Self::During(error) => error,
        }
    }

    fn answer(self: &Arc<Self>) -> CommitError {
        let source = Box::new(SharedCause(Arc::clone(self)));
        match **self {
            Self::Before(_) => StoreError::Backend {
                doing: "committing",
                source,
            },
            Self::During(_) => StoreError::Unsettled { source },
        }
        .into()
    }
}

/// Is the one cause that all batches of a failed group are told.
#[derive(Debug, thiserror::Error)]
#[error("the embedded database failed")]
struct SharedCause(#[source] Arc<Broken>);

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self.cause(), f)
    }
}

impl std::error::Error for Broken {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause().source()
    }
}

/// Carries out one batch in a savepoint. The outer error ends the whole group.
fn apply(connection: &Connection, rows: Vec<Row>) -> Result<Result<(), CommitError>, Broken> {
    run(connection, "SAVEPOINT batch").map_err(Broken::Before)?;
    for row in rows {
        match write(connection, row) {
            Ok(()) => {}
            Err(CommitError::Store(StoreError::Backend { source, doing })) => {
                // A full disk or a broken file makes SQLite give up the whole transaction.
                if connection.is_autocommit() {
                    let error = source
                        .downcast::<rusqlite::Error>()
                        .map_or(rusqlite::Error::InvalidQuery, |e| *e);
                    return Err(Broken::Before(error));
                }
                undo(connection)?;
                return Ok(Err(StoreError::Backend { doing, source }.into()));
            }
            Err(refused) => {
                undo(connection)?;
                return Ok(Err(refused));
            }
        }
    }
    run(connection, "RELEASE batch").map_err(Broken::Before)?;
    Ok(Ok(()))
}

fn undo(connection: &Connection) -> Result<(), Broken> {
    run(connection, "ROLLBACK TO batch").map_err(Broken::Before)?;
    run(connection, "RELEASE batch").map_err(Broken::Before)
}

fn run(connection: &Connection, sql: &str) -> Result<(), rusqlite::Error> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

fn write(connection: &Connection, row: Row) -> Result<(), CommitError> {
    let table = row.collection.name;
    let done = match &row.action {
        RowAction::Insert(doc) => connection
            .prepare_cached(&format!(
                "INSERT INTO \"{table}\" (id, version, doc) VALUES (?1, ?2, ?3)"
            ))
            .and_then(|mut insert| insert.execute(params![row.id, Version::FIRST.stored(), doc])),
        RowAction::Replace(doc, version) => connection
            .prepare_cached(&format!(
                "UPDATE \"{table}\" SET version = version + 1, doc = ?3 WHERE id = ?1 AND version = ?2"
            ))
            .and_then(|mut update| update.execute(params![row.id, version, doc])),
        RowAction::Delete(version) => connection
            .prepare_cached(&format!("DELETE FROM \"{table}\" WHERE id = ?1 AND version = ?2"))
            .and_then(|mut delete| delete.execute(params![row.id, version])),
        RowAction::Check(version) => {
            version_of(connection, table, &row.id).map(|found| usize::from(found == Some(*version)))
        }
    };
    match done {
        Ok(0) => Err(match version_of(connection, table, &row.id).map_err(failed)? {
            None => row.missing(),
            Some(_) => row.changed(),
        }),
        Ok(_) => Ok(()),
        Err(error) if is_constraint(&error) => Err(taken(connection, row, error)),
        Err(error) => Err(failed(error)),
    }
}

fn version_of(connection: &Connection, table: &str, id: &str) -> Result<Option<i64>, rusqlite::Error> {
    connection
        .prepare_cached(&format!("SELECT version FROM \"{table}\" WHERE id = ?1"))?
        .query_row([id], |row| row.get(0))
        .optional()
}

fn failed(error: rusqlite::Error) -> CommitError {
    StoreError::backend("committing")(error).into()
}

fn is_constraint(error: &rusqlite::Error) -> bool {
    matches!(error, rusqlite::Error::SqliteFailure(failure, _) if failure.code == ffi::ErrorCode::ConstraintViolation)
}

/// Finds out which id or unique index refused a document, by asking, since SQLite says it only in prose.
fn taken(connection: &Connection, row: Row, error: rusqlite::Error) -> CommitError {
    let (doc, inserted) = match &row.action {
        RowAction::Insert(doc) => (doc, true),
        RowAction::Replace(doc, _) => (doc, false),
        RowAction::Delete(_) | RowAction::Check(_) => return failed(error),
    };
    if inserted {
        match version_of(connection, row.collection.name, &row.id) {
            Ok(None) => {}
            Ok(Some(_)) => return row.exists(),
            Err(error) => return failed(error),
        }
    }
    let json: Json = match serde_json::from_str(doc) {
        Ok(json) => json,
        Err(error) => return StoreError::backend("committing")(error).into(),
    };
    for index in row
        .collection
        .indexes
        .iter()
        .filter(|index| index.unique && index.covers(&json))
    {
        match holder(connection, row.collection, index, doc, &row.id) {
            Ok(false) => {}
            Ok(true) => {
                return CommitError::NotUnique {
                    collection: row.collection.name,
                    index: index.name,
                };
            }
            Err(error) => return failed(error),
        }
    }
    failed(error)
}

/// Tells whether another document holds a document's values under a unique index.
fn holder(
    connection: &Connection,
    collection: &Collection,
    index: &Index,
    doc: &str,
    id: &str,
) -> Result<bool, rusqlite::Error> {
    let equal = index
        .fields
        .iter()
        .map(|field| format!("{} = json_extract(?1, '$.{field}')", expression(field)));
    let terms: Vec<String> = equal.chain([coverage(index)]).collect();
    let sql = format!(
        "SELECT 1 FROM \"{}\" WHERE {} AND id <> ?2",
        collection.name,
        terms.join(" AND ")
    );
    connection.prepare_cached(&sql)?.exists(params![doc, id])
}
