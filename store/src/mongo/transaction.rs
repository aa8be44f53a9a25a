//! Commits on MongoDB: one transaction for a batch, repeated while others stand in the way.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bson::{Bson, Document, RawDocumentBuf, doc, rawdoc};
use futures::TryStreamExt;
use mongodb::error::{Error, TRANSIENT_TRANSACTION_ERROR, UNKNOWN_TRANSACTION_COMMIT_RESULT};
use mongodb::options::ReadConcern;
use mongodb::{Client, ClientSession, Database};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};

use super::backend::{acknowledged, durable};
use super::turns::{Turn, Turns};
use super::{schema, wire};
use crate::batch::{Action, Write};
use crate::collection::Collection;
use crate::encode::LARGEST_DOCUMENT;
use crate::error::{CommitError, StoreError};
use crate::version::Version;

/// How long a commit goes on trying.
///
/// A client that was killed in an open transaction holds its documents until the server ends the transaction, after
/// `transactionLifetimeLimitSeconds`. That should be 5 on a server of ours: the server looks every half of it, and a commit
/// must outlast both.
const PATIENCE: Duration = Duration::from_secs(15);
/// The longest `transactionLifetimeLimitSeconds` that [`PATIENCE`] outlasts.
const LONGEST_LIFETIME: i64 = 9;
/// How long the server may take for the commit proper before the driver is told to ask again.
const COMMIT_TIME: Duration = Duration::from_secs(5);
const SHORTEST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// How many commits may be under way; [`Committer::close`] waits for all of them.
const UNDER_WAY: u32 = 4096;

/// Commits batches to one database.
#[derive(Clone)]
pub(super) struct Committer {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    database: Database,
    turns: Turns,
    under_way: Arc<Semaphore>,
}

impl Committer {
    pub(super) fn new(client: Client, database: Database) -> Self {
        let under_way = Arc::new(Semaphore::new(UNDER_WAY as usize));
        Self { inner: Arc::new(Inner { client, database, turns: Turns::new(), under_way }) }
    }

    /// Commits a batch, in a task of its own: a caller that goes away leaves no half-open transaction behind.
    pub(super) async fn commit(&self, writes: Vec<Write>) -> Result<(), CommitError> {
        let permit =
            Arc::clone(&self.inner.under_way).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let inner = Arc::clone(&self.inner);
        let writes = by_collection(writes);
        let task = tokio::spawn(async move {
            let outcome = inner.commit(&writes).await;
            drop(permit);
            outcome
        });
        match task.await {
            Ok(outcome) => outcome,
            Err(error) => Err(StoreError::Unsettled { source: error.into() }.into()),
        }
    }

    /// Waits for the commits under way and takes no more.
    pub(super) async fn close(&self) {
        if let Ok(all) = self.inner.under_way.acquire_many(UNDER_WAY).await {
            all.forget();
            self.inner.under_way.close();
        }
    }
}

impl Inner {
    async fn commit(&self, writes: &[Write]) -> Result<(), CommitError> {
        let steps = Step::of(writes)?;
        let started = Instant::now();
        let deadline = started + PATIENCE;
        let busy = |source: Box<dyn std::error::Error + Send + Sync>| {
            let waited_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            CommitError::Store(StoreError::Busy { waited_ms, source })
        };
        let mut turn = match timeout_at(deadline, self.turns.take(writes)).await {
            Ok(turn) => turn?,
            Err(elapsed) => return Err(busy(elapsed.into())),
        };
        let mut session = self.client.start_session().await.map_err(failed)?;
        let mut pause = SHORTEST_PAUSE;
        loop {
            let attempt = timeout_at(deadline, self.attempt(&mut session, &steps, writes)).await;
            let stopped = match attempt {
                Err(elapsed) => return Err(busy(elapsed.into())),
                Ok(Ok(())) => match settle(&mut session, &mut turn, deadline).await {
                    Ok(()) => {
                        turn.end(writes);
                        return Ok(());
                    }
                    Err(stopped) => stopped,
                },
                Ok(Err(stopped)) => {
                    // Best effort: the server ends it anyway, and the answer that matters is known.
                    let _ = timeout_at(deadline, session.abort_transaction()).await;
                    stopped
                }
            };
            match stopped {
                Stopped::Refused(refused) => return Err(refused),
                Stopped::InTheWay(error) if Instant::now() >= deadline => return Err(busy(error.into())),
                Stopped::InTheWay(_) => {}
                // The reply counts the documents that were not as expected, and does not name them.
                Stopped::Unmet(range) => match timeout_at(deadline, self.unmet(&writes[range])).await {
                    Ok(Ok(Some(refused))) => return Err(refused),
                    Ok(Ok(None)) if Instant::now() < deadline => {}
                    Ok(Ok(None)) => return Err(busy("the documents change all the time".into())),
                    Ok(Err(error)) => return Err(failed(error)),
                    Err(elapsed) => return Err(busy(elapsed.into())),
                },
            }
            sleep(pause.mul_f64(rand::random_range(0.5..1.5))).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Carries out the writes in a transaction, and leaves it open.
    async fn attempt(
        &self,
        session: &mut ClientSession,
        steps: &[Step],
        writes: &[Write],
    ) -> Result<(), Stopped> {
        session
            .start_transaction()
            .read_concern(ReadConcern::snapshot())
            .write_concern(durable())
            .max_commit_time(COMMIT_TIME)
            .await
            .map_err(Stopped::by)?;
        for step in steps {
            let reply = self
                .database
                .run_raw_command(step.command.clone())
                .session(&mut *session)
                .await
                .map_err(Stopped::by)?;
            judge(step, writes, &reply)?;
        }
        Ok(())
    }

    /// Finds the first write of a step whose document is not as it expects; `None` where all are by now.
    async fn unmet(&self, writes: &[Write]) -> Result<Option<CommitError>, Error> {
        let Some(collection) = writes.first().map(|write| write.collection) else {
            return Ok(None);
        };
        let ids: Vec<&str> = writes.iter().map(|write| write.id.as_str()).collect();
        let versions: HashMap<String, i64> = acknowledged::<Document>(&self.database, collection)
            .find(doc! { "_id": { "$in": ids } })
            .projection(doc! { wire::VERSION: 1 })
            .await?
            .try_filter_map(async |found| {
                Ok(found.get_str("_id").ok().map(str::to_owned).zip(found.get_i64(wire::VERSION).ok()))
            })
            .try_collect()
            .await?;
        Ok(writes.iter().find_map(|write| {
            let (collection, id) = (collection.name, write.id.clone());
            match (versions.get(&write.id).copied(), write.expects()) {
                (None, Some(_)) => Some(CommitError::Missing { collection, id }),
                (found, expected) if found != expected => Some(CommitError::Changed { collection, id }),
                _ => None,
            }
        }))
    }
}

/// Reads from a step's reply whether all of its writes found what they expect.
fn judge(step: &Step, writes: &[Write], reply: &Document) -> Result<(), Stopped> {
    let writes = &writes[step.range.clone()];
    let count =
        |document: &Document, field| document.get_i32(field).ok().and_then(|n| usize::try_from(n).ok());
    let found = count(reply, "n").unwrap_or_default();
    let failure =
        reply.get_array("writeErrors").ok().and_then(|errors| errors.first()).and_then(Bson::as_document);
    let done = match failure {
        // The writes before the one that failed may have found nothing, which is not an error to MongoDB.
        Some(failure) => count(failure, "index").unwrap_or_default(),
        None => writes.len(),
    };
    match failure {
        _ if found < done && step.kind != Kind::Insert => {
            Err(Stopped::Unmet(step.range.start..step.range.start + done))
        }
        Some(failure) => Err(Stopped::Refused(refusal(writes, failure))),
        None if found == done => Ok(()),
        None => Err(Stopped::Refused(unexpected(format!("a write was answered with {reply}")))),
    }
}

/// Commits the open transaction, and asks again until it is known whether it was committed.
async fn settle(session: &mut ClientSession, turn: &mut Turn<'_>, deadline: Instant) -> Result<(), Stopped> {
    turn.begin();
    let mut pause = SHORTEST_PAUSE;
    loop {
        let unsettled = |source: Box<dyn std::error::Error + Send + Sync>| {
            Stopped::Refused(StoreError::Unsettled { source }.into())
        };
        match timeout_at(deadline, session.commit_transaction()).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) if error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT) => {
                if Instant::now() >= deadline {
                    return Err(unsettled(error.into()));
                }
            }
            Ok(Err(error)) => return Err(Stopped::by(error)),
            Err(elapsed) => return Err(unsettled(elapsed.into())),
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Says why a transaction came to nothing.
enum Stopped {
    /// Another writer or a change of primary stood in the way; the same batch may pass in a moment.
    InTheWay(Error),
    /// Some of these writes found another version than they expect, or nothing.
    Unmet(Range<usize>),
    /// The answer is final.
    Refused(CommitError),
}

impl Stopped {
    fn by(error: Error) -> Self {
        if error.contains_label(TRANSIENT_TRANSACTION_ERROR) {
            Self::InTheWay(error)
        } else {
            Self::Refused(failed(error))
        }
    }
}

fn failed(error: Error) -> CommitError {
    StoreError::backend("committing")(error).into()
}

fn unexpected(answer: String) -> CommitError {
    StoreError::backend("committing")(answer).into()
}

/// Reads a write error: a taken id, a value taken under a unique index, or something else.
fn refusal(writes: &[Write], error: &Document) -> CommitError {
    const DUPLICATE_KEY: i32 = 11000;
    let at = error.get_i32("index").ok().and_then(|at| usize::try_from(at).ok());
    let write = at.and_then(|at| writes.get(at));
    if let (Ok(DUPLICATE_KEY), Some(write), Ok(pattern)) =
        (error.get_i32("code"), write, error.get_document("keyPattern"))
    {
        let collection = write.collection;
        if pattern.keys().eq(["_id"]) {
            return CommitError::Exists { collection: collection.name, id: write.id.clone() };
        }
        if let Some(index) = schema::violated(collection, pattern) {
            return CommitError::NotUnique { collection: collection.name, index };
        }
    }
    unexpected(format!("a write was answered with {error}"))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Insert,
    Update,
    Delete,
}

/// Is one command: neighbouring writes of one kind and collection, which cost one round trip together.
struct Step {
    kind: Kind,
    range: Range<usize>,
    command: RawDocumentBuf,
}

impl Step {
    fn of(writes: &[Write]) -> Result<Vec<Self>, CommitError> {
        // A command is a document and obeys their limit; one large write fits, since the server allows itself 16 KiB more.
        const LARGEST_COMMAND: usize = 12 * 1024 * 1024;
        let mut steps = Vec::new();
        let mut first = 0;
        while first < writes.len() {
            let kind = Kind::of(&writes[first]);
            let collection = writes[first].collection;
            let mut parts = Vec::new();
            let mut size = 0;
            for write in &writes[first..] {
                if Kind::of(write) != kind || write.collection != collection {
                    break;
                }
                let part = part(write)?;
                if size > 0 && size + part.as_bytes().len() > LARGEST_COMMAND {
                    break;
                }
                size += part.as_bytes().len();
                parts.push(part);
            }
            let range = first..first + parts.len();
            first = range.end;
            steps.push(Self { kind, range, command: command(kind, collection, parts) });
        }
        Ok(steps)
    }
}

/// Brings the writes of each collection together, in the order that they have there: a run of one kind is one command, and
/// every command is a round trip of an open transaction, which the server ends after some seconds. The order matters
/// within a collection alone, whose unique indexes may want a value freed before it is taken.
fn by_collection(mut writes: Vec<Write>) -> Vec<Write> {
    let mut places = HashMap::new();
    for write in &writes {
        let next = places.len();
        places.entry(write.collection.name).or_insert(next);
    }
    writes.sort_by_key(|write| places.get(write.collection.name).copied());
    writes
}

impl Kind {
    fn of(write: &Write) -> Self {
        match write.action {
            Action::Insert(_) => Self::Insert,
            Action::Replace(..) | Action::Check(_) => Self::Update,
            Action::Delete(_) => Self::Delete,
        }
    }
}

/// Makes a write's part of its command.
fn part(write: &Write) -> Result<RawDocumentBuf, CommitError> {
    let id = write.id.as_str();
    let document = |version: i64, json| {
        let raw = wire::to_bson(id, version, json).map_err(|error| {
            let reason = error.to_string();
            StoreError::BadDocument { collection: write.collection.name, id: id.to_owned(), reason }
        })?;
        let size = raw.as_bytes().len();
        // Escapes can make it larger than what was counted as the batch was made.
        if size > LARGEST_DOCUMENT + 1024 {
            let (collection, id) = (write.collection.name, id.to_owned());
            return Err(CommitError::TooLarge { collection, id, size, limit: LARGEST_DOCUMENT });
        }
        Ok(raw)
    };
    Ok(match &write.action {
        Action::Insert(json) => document(Version::FIRST.stored().unwrap_or(1), json)?,
        Action::Replace(json, expected) => rawdoc! {
            "q": { "_id": id, "_version": *expected },
            "u": document(expected.saturating_add(1), json)?,
        },
        // Writing the guard makes the check conflict with whoever writes the document, and leaves its version alone.
        Action::Check(expected) => rawdoc! {
            "q": { "_id": id, "_version": *expected },
            "u": { "$inc": { "_guard": 1_i64 } },
        },
        Action::Delete(expected) => rawdoc! {
            "q": { "_id": id, "_version": *expected },
            "limit": 1,
        },
    })
}

fn command(kind: Kind, collection: &Collection, parts: Vec<RawDocumentBuf>) -> RawDocumentBuf {
    let mut list = bson::raw::RawArrayBuf::new();
    for part in parts {
        list.push(part);
    }
    match kind {
        Kind::Insert => rawdoc! { "insert": collection.name, "ordered": true, "documents": list },
        Kind::Update => rawdoc! { "update": collection.name, "ordered": true, "updates": list },
        Kind::Delete => rawdoc! { "delete": collection.name, "ordered": true, "deletes": list },
    }
}

/// Warns where a killed client can hold documents for longer than a commit waits.
pub(super) async fn warn_of_long_lived_transactions(admin: &Database) {
    let asked = admin.run_command(doc! { "getParameter": 1, "transactionLifetimeLimitSeconds": 1 }).await;
    // A user without the right to ask works all the same.
    let Ok(answer) = asked else { return };
    let seconds = match answer.get("transactionLifetimeLimitSeconds") {
        Some(Bson::Int32(seconds)) => i64::from(*seconds),
        Some(Bson::Int64(seconds)) => *seconds,
        _ => return,
    };
    if seconds > LONGEST_LIFETIME {
        tracing::warn!(
            seconds,
            "MongoDB's transactionLifetimeLimitSeconds should be 5: a server that is killed holds its documents for that long"
        );
    }
}
