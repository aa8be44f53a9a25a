//! The one thread that writes, and commits together what is waiting.
//!
//! A flush to disk costs far more than a batch, so the batches that arrive during one flush share the next: each in a
//! savepoint of its own, so that one that is refused takes nothing from the others. None is answered before the flush.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
    /// How many groups were tried. The folder is this process's own, so nothing changes without it.
    generation: Arc<AtomicU64>,
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
        let generation = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&generation);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                serve(&connection, requests, &counted);
                // The connection goes before the folder: another process must find the file closed.
                drop(connection);
                drop(folder);
            })
            .map_err(StoreError::backend("starting the store's writer"))?;
        Ok(Self { queue: Mutex::new(Some(queue)), thread: Mutex::new(Some(thread)), generation })
    }

    /// Commits a batch and waits until it is on disk.
    pub(super) async fn commit(&self, writes: Vec<Write>) -> Result<(), CommitError> {
        let rows = writes.into_iter().map(Row::of).collect();
        self.submit(rows).await
    }

    /// Another number for each group that was tried, whatever became of it; new before its batches are answered.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
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
        queue.send(Request { rows, answer }).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|lost| StoreError::Unsettled { source: lost.into() })?
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
        Self { collection: write.collection, id: write.id, action }
    }

    fn missing(&self) -> CommitError {
        CommitError::Missing { collection: self.collection.name, id: self.id.clone() }
    }

    fn changed(&self) -> CommitError {
        CommitError::Changed { collection: self.collection.name, id: self.id.clone() }
    }

    fn exists(&self) -> CommitError {
        CommitError::Exists { collection: self.collection.name, id: self.id.clone() }
    }
}

fn serve(connection: &Connection, mut requests: mpsc::Receiver<Request>, generation: &AtomicU64) {
    let mut group = Vec::new();
    while requests.blocking_recv_many(&mut group, LARGEST_GROUP) > 0 {
        let (batches, answers): (Vec<_>, Vec<_>) =
            group.drain(..).map(|request| (request.rows, request.answer)).unzip();
        let outcomes = commit_all(connection, &batches);
        generation.fetch_add(1, Ordering::Release);
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            // A committer that went away has no use for the answer; the batch stands all the same.
            let _ = answer.send(outcome);
        }
    }
}

/// Commits batches, together where that works; returns an outcome for each, in their order.
fn commit_all(connection: &Connection, batches: &[Vec<Row>]) -> Vec<Result<(), CommitError>> {
    let broken = match commit_together(connection, batches) {
        Ok(outcomes) => return outcomes,
        Err(broken) => broken,
    };
    if !connection.is_autocommit()
        && let Err(error) = run(connection, "ROLLBACK")
    {
        tracing::error!(%error, "a transaction of the store could not be rolled back");
    }
    match broken {
        // Nothing was written. One batch too large for the disk must not fail its neighbours: each tries alone.
        Broken::Before(_) if batches.len() > 1 => {
            batches.iter().flat_map(|batch| commit_all(connection, std::slice::from_ref(batch))).collect()
        }
        Broken::Before(error) => {
            tracing::error!(%error, "the store could not commit");
            vec![Err(StoreError::backend("committing")(error).into())]
        }
        // Not even a refusal is certain: it may have been for the sake of a neighbour's writes.
        Broken::During(error) => {
            tracing::error!(%error, "the store could not commit");
            let error = Arc::new(error);
            batches
                .iter()
                .map(|_| Err(StoreError::Unsettled { source: Arc::clone(&error).into() }.into()))
                .collect()
        }
    }
}

/// Says at which point a group failed.
enum Broken {
    /// Before the commit: nothing was written.
    Before(rusqlite::Error),
    /// In the commit: a crash now may still bring it back from the log.
    During(rusqlite::Error),
}

fn commit_together(
    connection: &Connection,
    batches: &[Vec<Row>],
) -> Result<Vec<Result<(), CommitError>>, Broken> {
    run(connection, "BEGIN IMMEDIATE").map_err(Broken::Before)?;
    let outcomes = batches.iter().map(|rows| apply(connection, rows)).collect::<Result<_, _>>()?;
    run(connection, "COMMIT").map_err(Broken::During)?;
    Ok(outcomes)
}

/// Carries out one batch in a savepoint. The outer error ends the whole group.
fn apply(connection: &Connection, rows: &[Row]) -> Result<Result<(), CommitError>, Broken> {
    run(connection, "SAVEPOINT batch").map_err(Broken::Before)?;
    for row in rows {
        match write(connection, row) {
            Ok(()) => {}
            // A broken file makes SQLite give up the whole transaction, and the other batches' writes with it.
            Err(Failure::Failed(error)) if connection.is_autocommit() => return Err(Broken::Before(error)),
            Err(Failure::Failed(error)) => {
                undo(connection)?;
                return Ok(Err(StoreError::backend("committing")(error).into()));
            }
            Err(Failure::Refused(refused)) => {
                undo(connection)?;
                return Ok(Err(refused));
            }
        }
    }
    run(connection, "RELEASE batch").map_err(Broken::Before)?;
    Ok(Ok(()))
}

/// Says why a write was not carried out.
enum Failure {
    /// It expects what is not so.
    Refused(CommitError),
    /// The database could not.
    Failed(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error)
    }
}

fn undo(connection: &Connection) -> Result<(), Broken> {
    run(connection, "ROLLBACK TO batch").map_err(Broken::Before)?;
    run(connection, "RELEASE batch").map_err(Broken::Before)
}

fn run(connection: &Connection, sql: &str) -> Result<(), rusqlite::Error> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

fn write(connection: &Connection, row: &Row) -> Result<(), Failure> {
    let table = row.collection.name;
    let done = match &row.action {
        RowAction::Insert(doc) => connection
            .prepare_cached(&format!("INSERT INTO \"{table}\" (id, version, doc) VALUES (?1, ?2, ?3)"))
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
        Ok(0) => Err(Failure::Refused(match version_of(connection, table, &row.id)? {
            None => row.missing(),
            Some(_) => row.changed(),
        })),
        Ok(_) => Ok(()),
        Err(error) if is_constraint(&error) => Err(taken(connection, row, error)),
        Err(error) => Err(error.into()),
    }
}

fn version_of(connection: &Connection, table: &str, id: &str) -> Result<Option<i64>, rusqlite::Error> {
    connection
        .prepare_cached(&format!("SELECT version FROM \"{table}\" WHERE id = ?1"))?
        .query_row([id], |row| row.get(0))
        .optional()
}

fn is_constraint(error: &rusqlite::Error) -> bool {
    matches!(error, rusqlite::Error::SqliteFailure(failure, _) if failure.code == ffi::ErrorCode::ConstraintViolation)
}

/// Finds out which id or unique index refused a document, by asking, since SQLite says it only in prose.
fn taken(connection: &Connection, row: &Row, error: rusqlite::Error) -> Failure {
    match taken_by(connection, row) {
        Ok(Some(Taken::Id)) => Failure::Refused(row.exists()),
        Ok(Some(Taken::Index(index))) => {
            Failure::Refused(CommitError::NotUnique { collection: row.collection.name, index })
        }
        Ok(None) => Failure::Failed(error),
        Err(error) => Failure::Failed(error),
    }
}

/// Is what a new document needs and another one has.
enum Taken {
    Id,
    Index(&'static str),
}

fn taken_by(connection: &Connection, row: &Row) -> Result<Option<Taken>, rusqlite::Error> {
    let doc = match &row.action {
        RowAction::Insert(doc) if version_of(connection, row.collection.name, &row.id)?.is_none() => doc,
        RowAction::Insert(_) => return Ok(Some(Taken::Id)),
        RowAction::Replace(doc, _) => doc,
        RowAction::Delete(_) | RowAction::Check(_) => return Ok(None),
    };
    let json: Json =
        serde_json::from_str(doc).expect("the text was made from JSON as the batch was taken on");
    for index in row.collection.indexes.iter().filter(|index| index.unique && index.covers(&json)) {
        if is_held(connection, row.collection, index, doc, &row.id)? {
            return Ok(Some(Taken::Index(index.name)));
        }
    }
    Ok(None)
}

/// Tells whether another document holds a document's values under a unique index.
fn is_held(
    connection: &Connection,
    collection: &Collection,
    index: &Index,
    doc: &str,
    id: &str,
) -> Result<bool, rusqlite::Error> {
    let equal =
        index.fields.iter().map(|field| format!("{} = json_extract(?1, '$.{field}')", expression(field)));
    let terms: Vec<String> = equal.chain([coverage(index)]).collect();
    let sql = format!("SELECT 1 FROM \"{}\" WHERE {} AND id <> ?2", collection.name, terms.join(" AND "));
    connection.prepare_cached(&sql)?.exists(params![doc, id])
}

#[cfg(test)]
mod tests {
    use super::*;

    static NOTES: Collection = Collection::new("notes", &[]);

    fn memory() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE notes (id TEXT PRIMARY KEY, version INTEGER, doc TEXT NOT NULL) STRICT",
            )
            .unwrap();
        connection
    }

    fn insert(id: &str, size: usize) -> Row {
        let doc = Json::from("x".repeat(size)).to_string();
        Row { collection: &NOTES, id: id.to_owned(), action: RowAction::Insert(doc) }
    }

    fn ids(connection: &Connection) -> Vec<String> {
        let mut select = connection.prepare("SELECT id FROM notes ORDER BY id").unwrap();
        select.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn a_full_disk_fails_the_batch_that_does_not_fit_and_no_other() {
        let connection = memory();
        connection.pragma_update(None, "max_page_count", 100).unwrap();
        let batches = vec![
            vec![insert("a", 10), insert("b", 10)],
            vec![insert("c", 10), insert("d", 1 << 20)],
            vec![insert("e", 10)],
            vec![insert("f", 10), insert("a", 10)],
        ];
        let outcomes = commit_all(&connection, &batches);
        assert!(matches!(outcomes[0], Ok(())));
        assert!(matches!(outcomes[1], Err(CommitError::Store(StoreError::Backend { .. }))), "{outcomes:?}");
        assert!(matches!(outcomes[2], Ok(())));
        assert!(matches!(outcomes[3], Err(CommitError::Exists { .. })));
        assert_eq!(ids(&connection), ["a", "b", "e"]);
        assert!(connection.is_autocommit(), "no transaction stays open");
    }

    #[test]
    fn a_file_that_refuses_writes_fails_each_batch_until_it_takes_them() {
        let connection = memory();
        let batches = [vec![insert("a", 1)], vec![insert("b", 1)]];
        connection.pragma_update(None, "query_only", true).unwrap();
        for outcome in commit_all(&connection, &batches) {
            assert!(matches!(outcome, Err(CommitError::Store(StoreError::Backend { .. }))), "{outcome:?}");
        }
        assert!(ids(&connection).is_empty() && connection.is_autocommit());
        connection.pragma_update(None, "query_only", false).unwrap();
        // A transaction that somebody left open is in the way of the group, and gone for its batches.
        connection.execute_batch("BEGIN").unwrap();
        let outcomes = commit_all(&connection, &batches);
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        assert_eq!(ids(&connection), ["a", "b"]);
    }

    #[test]
    fn a_commit_that_fails_leaves_no_answer_certain() {
        let connection = memory();
        // A deferred constraint lets the writes pass and the commit fail.
        connection
            .execute_batch(
                "PRAGMA foreign_keys = ON;
                 CREATE TABLE owners (id INTEGER PRIMARY KEY);
                 CREATE TABLE owned (owner INTEGER REFERENCES owners (id) DEFERRABLE INITIALLY DEFERRED);
                 CREATE TRIGGER own AFTER INSERT ON notes WHEN new.id = 'orphan'
                 BEGIN INSERT INTO owned VALUES (1); END;",
            )
            .unwrap();
        let batches = vec![vec![insert("a", 1)], vec![insert("a", 1)], vec![insert("orphan", 1)]];
        let outcomes = commit_all(&connection, &batches);
        assert_eq!(outcomes.len(), 3);
        // The second would be refused for the sake of the first, which is not there.
        for outcome in &outcomes {
            assert!(matches!(outcome, Err(CommitError::Store(StoreError::Unsettled { .. }))), "{outcome:?}");
        }
        assert!(ids(&connection).is_empty() && connection.is_autocommit());
    }
}
