//! Who tells versions out of memory, and waiting until they have heard of a new one.
//!
//! A server is a reader for as long as its row is there. It may tell versions for a [lease](super::lease) from the moment
//! at which it began to read all of them, in a statement that also found its row, not dismissed. Who makes a version
//! active names the readers after the commit, and waits until each has said that it heard, or for longer than a lease:
//!
//! - a reader whose row came later reads the versions later still;
//! - a lease that began after the commit knows the version, and one that began before is over by then;
//! - the row of a reader that says nothing is dismissed first, and goes when no lease of it can be left.
//!
//! Whoever may connect can say that somebody heard. With that they can make another server tell the version before for
//! the rest of a lease, and no more.

use super::lease::LONGEST_LEASE;
use crate::error::DistributionError;
use conman_domain::id::{AppId, EnvironmentId};
use conman_domain::snapshot::ConfigVersion;
use deadpool_postgres::{Object, Pool};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Notify;
use uuid::Uuid;

/// The channel on which readers say what they heard.
pub(super) const HEARD: &str = "config_heard";

/// A version of an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Made {
    pub(super) app_id: AppId,
    pub(super) environment_id: EnvironmentId,
    pub(super) version: ConfigVersion,
}

/// Says that a reader tells no version before this one any more.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Heard {
    pub(super) reader: Uuid,
    #[serde(flatten)]
    pub(super) made: Made,
}

/// Collects who heard of what, while somebody waits for it.
#[derive(Debug, Clone, Default)]
pub(super) struct Hearings {
    awaited: Arc<Mutex<HashMap<Made, Hearing>>>,
}

#[derive(Debug, Default)]
struct Hearing {
    waiting: usize,
    readers: HashSet<Uuid>,
    came: Arc<Notify>,
}

impl Hearings {
    /// Begins to collect who heard of a version: before it can be heard of.
    pub(super) fn expect(&self, made: Made) -> Expected {
        let mut awaited = self.awaited.lock();
        let hearing = awaited.entry(made).or_default();
        hearing.waiting += 1;
        let came = Arc::clone(&hearing.came);
        Expected { hearings: self.clone(), made, came }
    }

    pub(super) fn take(&self, heard: &Heard) {
        if let Some(hearing) = self.awaited.lock().get_mut(&heard.made) {
            hearing.readers.insert(heard.reader);
            hearing.came.notify_waiters();
        }
    }
}

/// A version of which it is collected who heard.
#[derive(Debug)]
pub(super) struct Expected {
    hearings: Hearings,
    made: Made,
    came: Arc<Notify>,
}

impl Expected {
    pub(super) fn made(&self) -> Made {
        self.made
    }

    /// Waits until all of the readers heard of it, or no lease from before can be left; names who said nothing.
    async fn by(&self, readers: Vec<Uuid>) -> Vec<Uuid> {
        let deadline = tokio::time::Instant::from_std(Instant::now() + LONGEST_LEASE);
        loop {
            let more = self.came.notified();
            let silent = self.silent(&readers);
            if silent.is_empty() || tokio::time::timeout_at(deadline, more).await.is_err() {
                return self.silent(&readers);
            }
        }
    }

    fn silent(&self, readers: &[Uuid]) -> Vec<Uuid> {
        let awaited = self.hearings.awaited.lock();
        let heard = awaited.get(&self.made).map(|hearing| &hearing.readers);
        readers.iter().filter(|reader| heard.is_none_or(|heard| !heard.contains(*reader))).copied().collect()
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        let mut awaited = self.hearings.awaited.lock();
        if let Some(hearing) = awaited.get_mut(&self.made) {
            hearing.waiting -= 1;
            if hearing.waiting == 0 {
                awaited.remove(&self.made);
            }
        }
    }
}

/// Becomes a reader; what this server was before is over.
pub(super) async fn come(
    client: &tokio_postgres::Client,
    server: Uuid,
    reader: Uuid,
) -> Result<(), DistributionError> {
    client.execute("INSERT INTO conman.readers (id, server) VALUES ($1, $2)", &[&reader, &server]).await?;
    client.execute("DELETE FROM conman.readers WHERE server = $1 AND id <> $2", &[&server, &reader]).await?;
    Ok(())
}

/// Is no reader any more: the server's lease has ended.
pub(super) async fn go(client: &Object, server: Uuid) -> Result<(), DistributionError> {
    client.execute("DELETE FROM conman.readers WHERE server = $1", &[&server]).await?;
    Ok(())
}

/// Waits until no other server can tell what was active before a version that is committed.
pub(super) async fn wait(pool: &Pool, server: Uuid, expected: Expected) -> Result<(), DistributionError> {
    let client = pool.get().await?;
    let statement = client.prepare_cached("SELECT id FROM conman.readers WHERE server <> $1").await?;
    let readers: Vec<Uuid> =
        client.query(&statement, &[&server]).await?.iter().map(|row| row.get(0)).collect();
    drop(client);
    if readers.is_empty() {
        return Ok(());
    }
    let silent = expected.by(readers).await;
    if !silent.is_empty() {
        tracing::warn!(event = "reader_silent", readers = silent.len(), "a server did not say that it heard");
        let (pool, silent) = (pool.clone(), silent);
        // Nobody needs to wait for it: the version is active, and no lease from before is left.
        tokio::spawn(async move {
            if let Err(error) = dismiss(&pool, &silent).await {
                tracing::warn!(%error, "a silent server stays among the readers");
            }
        });
    }
    Ok(())
}

async fn dismiss(pool: &Pool, silent: &[Uuid]) -> Result<(), DistributionError> {
    let dismissal = "UPDATE conman.readers SET dismissed = true WHERE id = ANY ($1) AND NOT dismissed";
    pool.get().await?.execute(dismissal, &[&silent]).await?;
    tokio::time::sleep(LONGEST_LEASE).await;
    let removal = "DELETE FROM conman.readers WHERE id = ANY ($1) AND dismissed";
    pool.get().await?.execute(removal, &[&silent]).await?;
    Ok(())
}
