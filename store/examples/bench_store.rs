//! Measures commits through the store against the bare driver doing the same work, in one run.
//!
//! `bench_store [sqlite] [mongodb] [--seconds N]` prints one JSON line for each backend and number of clients.
//! `CONMAN_TEST_MONGODB` names the replica set. A batch is five writes, as a decision of the workflow makes them: the
//! changed document, an audit event, a job and two mails. Each client changes a document of its own. The floor has the
//! same collections, indexes and documents, with rusqlite and group commit or a transaction of the mongodb crate.

use std::error::Error;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use conman_store::{Batch, Collection, Document, Index, Store, StoreUrl, Version};
use futures::FutureExt;
use futures::future::{BoxFuture, try_join_all};
use mongodb::bson::{self, doc};
use mongodb::options::{Acknowledgment, ReadConcern, WriteConcern};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

macro_rules! documents {
    ($($name:ident in $collection:ident as $table:literal { $($field:ident: $type:ty),* } by [$($index:expr),*];)*) => {
        $(
            #[derive(Debug, Clone, Serialize, Deserialize)]
            struct $name {
                id: String,
                $($field: $type),*
            }

            static $collection: Collection = Collection::new($table, &[$($index),*]);

            impl Document for $name {
                const COLLECTION: &'static Collection = &$collection;

                fn id(&self) -> String {
                    self.id.clone()
                }
            }
        )*

        static ALL: &[&Collection] = &[$(&$collection),*];
    };
}

documents! {
    Change in CHANGES as "changes" { app_id: String, number: u32, state: String, title: String, updated_at: String }
        by [Index::on("by_number", &["app_id", "number"]).unique(), Index::on("by_state", &["app_id", "state"])];
    Event in EVENTS as "events" { app_id: String, actor: String, verb: String, happened_at: String }
        by [Index::on("by_app", &["app_id", "happened_at"])];
    Job in JOBS as "jobs" { kind: String, state: String, run_at: String, payload: Vec<String> }
        by [Index::on("by_state", &["state", "run_at"])];
    Mail in MAILS as "mails" { to: String, subject: String, state: String, created_at: String }
        by [Index::on("by_state", &["state", "created_at"])];
}

const NOW: &str = "2026-11-20T05:00:00.000Z";

/// Is the work of one commit.
struct Decision {
    change: Change,
    version: Version,
    event: Event,
    job: Job,
    mails: [Mail; 2],
}

impl Decision {
    fn new(client: usize, version: Version) -> Self {
        let id = || uuid::Uuid::now_v7().to_string();
        let mail = || Mail {
            id: id(),
            to: "reviewer@lab.example".to_owned(),
            subject: "A changeset waits for your review".to_owned(),
            state: "waiting".to_owned(),
            created_at: NOW.to_owned(),
        };
        Self {
            change: change(client),
            version,
            event: Event {
                id: id(),
                app_id: "lab".to_owned(),
                actor: "ada".to_owned(),
                verb: "changeset.approved".to_owned(),
                happened_at: NOW.to_owned(),
            },
            job: Job {
                id: id(),
                kind: "revalidate".to_owned(),
                state: "queued".to_owned(),
                run_at: NOW.to_owned(),
                payload: vec![id(), id()],
            },
            mails: [mail(), mail()],
        }
    }

    fn into_batch(self) -> Batch {
        let [one, two] = &self.mails;
        Batch::new()
            .replace(&self.change, self.version)
            .insert(&self.event)
            .insert(&self.job)
            .insert(one)
            .insert(two)
    }
}

fn change(client: usize) -> Change {
    Change {
        id: format!("change-{client}"),
        app_id: "lab".to_owned(),
        number: u32::try_from(client).unwrap_or(u32::MAX),
        state: "in_review".to_owned(),
        title: "Raise the potassium alarm threshold".to_owned(),
        updated_at: NOW.to_owned(),
    }
}

/// Is one of the two sides that are compared: how it commits, and how far its clients have come.
struct Side {
    commit: Box<dyn Fn(Decision) -> BoxFuture<'static, Outcome<()>>>,
    versions: Vec<AtomicU64>,
    commits: AtomicU64,
    time: Duration,
}

impl Side {
    fn new<F>(clients: usize, commit: impl Fn(Decision) -> F + 'static) -> Self
    where
        F: Future<Output = Outcome<()>> + Send + 'static,
    {
        Self {
            commit: Box::new(move |decision| commit(decision).boxed()),
            versions: (0..clients).map(|_| AtomicU64::new(Version::FIRST.get())).collect(),
            commits: AtomicU64::new(0),
            time: Duration::ZERO,
        }
    }

    /// Has each client commit one decision after the other for a while.
    async fn run(&mut self, slice: Duration) -> Outcome<()> {
        let start = Instant::now();
        let side = &*self;
        let clients = side.versions.iter().enumerate().map(|(client, version)| async move {
            while start.elapsed() < slice {
                let at = Version::new(version.load(Ordering::Relaxed));
                tokio::spawn((side.commit)(Decision::new(client, at))).await??;
                version.store(at.next().get(), Ordering::Relaxed);
                side.commits.fetch_add(1, Ordering::Relaxed);
            }
            Outcome::Ok(())
        });
        try_join_all(clients).await?;
        self.time += start.elapsed();
        Ok(())
    }

    fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rate is not exact anyway")]
        let commits = self.commits.load(Ordering::Relaxed) as f64;
        commits / self.time.as_secs_f64()
    }
}

/// Lets the sides take turns in short slices, so that whatever else the machine does meets both alike.
async fn compare(
    backend: &str,
    clients: usize,
    time: Duration,
    mut floor: Side,
    mut ours: Side,
) -> Outcome<()> {
    const SLICES: u32 = 8;
    for _ in 0..SLICES {
        floor.run(time / SLICES).await?;
        ours.run(time / SLICES).await?;
    }
    let (ours, floor) = (ours.rate(), floor.rate());
    let line = serde_json::json!({
        "bench": "store",
        "backend": backend,
        "clients": clients,
        "ours_tps": ours.round(),
        "floor_tps": floor.round(),
        "ratio_tps": (ours / floor * 100.0).round() / 100.0,
    });
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

/// Opens a store that holds each client's document.
async fn prepared(url: &StoreUrl, clients: usize) -> Outcome<Store> {
    let store = Store::open(url, ALL).await?;
    let batch = (0..clients).fold(Batch::new(), |batch, client| batch.insert(&change(client)));
    store.commit(batch).await?;
    Ok(store)
}

async fn ours(url: &StoreUrl, clients: usize) -> Outcome<Side> {
    let store = prepared(url, clients).await?;
    Ok(Side::new(clients, move |decision| {
        let store = store.clone();
        async move { Ok(store.commit(decision.into_batch()).await?) }
    }))
}

/// Is a bare request to the writing thread of the SQLite floor: the rows as text.
struct Request {
    change: (String, i64, String),
    rows: [(&'static str, String, String); 4],
    answer: oneshot::Sender<Result<(), rusqlite::Error>>,
}

impl Request {
    fn new(decision: &Decision) -> Outcome<(Self, oneshot::Receiver<Result<(), rusqlite::Error>>)> {
        let (answer, answered) = oneshot::channel();
        let Decision { change, version, event, job, mails: [one, two] } = decision;
        let request = Self {
            change: (change.id.clone(), i64::try_from(version.get())?, serde_json::to_string(change)?),
            rows: [
                ("events", event.id.clone(), serde_json::to_string(event)?),
                ("jobs", job.id.clone(), serde_json::to_string(job)?),
                ("mails", one.id.clone(), serde_json::to_string(one)?),
                ("mails", two.id.clone(), serde_json::to_string(two)?),
            ],
            answer,
        };
        Ok((request, answered))
    }

    fn write(&self, connection: &Connection) -> Result<(), rusqlite::Error> {
        let (id, version, doc) = &self.change;
        let changed = connection
            .prepare_cached(
                "UPDATE changes SET version = version + 1, doc = ?3 WHERE id = ?1 AND version = ?2",
            )?
            .execute(params![id, version, doc])?;
        if changed != 1 {
            return Err(rusqlite::Error::QueryReturnedNoRows);
        }
        for (table, id, doc) in &self.rows {
            connection
                .prepare_cached(&format!("INSERT INTO {table} (id, version, doc) VALUES (?1, 1, ?2)"))?
                .execute(params![id, doc])?;
        }
        Ok(())
    }
}

fn commit_together(connection: &Connection, group: &[Request]) -> Result<(), rusqlite::Error> {
    let run = |sql: &str| connection.prepare_cached(sql)?.execute([]);
    run("BEGIN IMMEDIATE")?;
    for request in group {
        run("SAVEPOINT batch")?;
        request.write(connection)?;
        run("RELEASE batch")?;
    }
    run("COMMIT").map(drop)
}

async fn sqlite_floor(folder: &std::path::Path, clients: usize) -> Outcome<Side> {
    // The store makes the same tables and indexes; then only the bare driver touches them.
    prepared(&StoreUrl::sqlite(folder), clients).await?.close().await;
    let connection = Connection::open(folder.join("store.sqlite"))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    connection.set_prepared_statement_cache_capacity(64);
    let (queue, mut requests) = mpsc::channel::<Request>(1024);
    std::thread::spawn(move || {
        let mut group = Vec::new();
        while requests.blocking_recv_many(&mut group, 256) > 0 {
            let done = commit_together(&connection, &group).map_err(|error| error.to_string());
            for request in group.drain(..) {
                let told = done.clone().map_err(|_| rusqlite::Error::InvalidQuery);
                let _ = request.answer.send(told);
            }
        }
    });
    Ok(Side::new(clients, move |decision| {
        let queue = queue.clone();
        async move {
            let (request, answered) = Request::new(&decision)?;
            queue.send(request).await?;
            Ok(answered.await??)
        }
    }))
}

async fn mongodb_floor(url: &str, name: &str, clients: usize) -> Outcome<Side> {
    prepared(&url.parse()?, clients).await?.close().await;
    let mut options = mongodb::options::ClientOptions::parse(url).await?;
    options.max_pool_size = Some(64);
    let client = mongodb::Client::with_options(options)?;
    let database = client.database(name);
    Ok(Side::new(clients, move |decision| {
        let (client, database) = (client.clone(), database.clone());
        async move { Ok(bare_transaction(&client, &database, decision).await?) }
    }))
}

async fn bare_transaction(
    client: &mongodb::Client,
    database: &mongodb::Database,
    decision: Decision,
) -> mongodb::error::Result<()> {
    fn framed<T: Serialize>(document: &T, version: i64) -> mongodb::error::Result<bson::Document> {
        let mut framed = bson::serialize_to_document(document)?;
        if let Some(id) = framed.remove("id") {
            framed.insert("_id", id);
        }
        framed.insert("_version", version);
        Ok(framed)
    }
    let version = i64::try_from(decision.version.get()).unwrap_or(i64::MAX);
    let mut session = client.start_session().await?;
    session
        .start_transaction()
        .read_concern(ReadConcern::snapshot())
        .write_concern(WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build())
        .await?;
    let collection = |name: &str| database.collection::<bson::Document>(name);
    let replaced = collection("changes")
        .replace_one(
            doc! { "_id": &decision.change.id, "_version": version },
            framed(&decision.change, version + 1)?,
        )
        .session(&mut session)
        .await?;
    assert_eq!(replaced.matched_count, 1, "each client changes a document of its own");
    collection("events").insert_one(framed(&decision.event, 1)?).session(&mut session).await?;
    collection("jobs").insert_one(framed(&decision.job, 1)?).session(&mut session).await?;
    for mail in &decision.mails {
        collection("mails").insert_one(framed(mail, 1)?).session(&mut session).await?;
    }
    session.commit_transaction().await
}

const CLIENTS: [usize; 3] = [1, 8, 32];

async fn bench_sqlite(time: Duration) -> Outcome<()> {
    for clients in CLIENTS {
        // On the disk that the program runs on: a memory disk would flush nothing.
        let folder = tempfile::tempdir_in(".")?;
        let floor = sqlite_floor(&folder.path().join("floor"), clients).await?;
        let ours = ours(&StoreUrl::sqlite(folder.path().join("ours")), clients).await?;
        compare("sqlite", clients, time, floor, ours).await?;
    }
    Ok(())
}

async fn bench_mongodb(time: Duration) -> Outcome<()> {
    let server = std::env::var("CONMAN_TEST_MONGODB")
        .map_err(|_| "CONMAN_TEST_MONGODB must name a MongoDB replica set")?;
    let (hosts, options) = server.split_once("/?").unwrap_or((server.trim_end_matches('/'), ""));
    let fresh = |kind: &str| {
        let name = format!("bench_{kind}_{}", uuid::Uuid::now_v7().simple());
        (format!("{hosts}/{name}?{options}"), name)
    };
    for clients in CLIENTS {
        let (floor_url, floor_name) = fresh("floor");
        let (ours_url, ours_name) = fresh("ours");
        let floor = mongodb_floor(&floor_url, &floor_name, clients).await?;
        let compared =
            compare("mongodb", clients, time, floor, ours(&ours_url.parse()?, clients).await?).await;
        let client = mongodb::Client::with_uri_str(&server).await?;
        for name in [floor_name, ours_name] {
            client.database(&name).drop().await?;
        }
        compared?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut seconds = 4;
    let mut backends = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--seconds" => seconds = rest.next().ok_or("--seconds needs a number")?.parse()?,
            "sqlite" | "mongodb" => backends.push(argument.as_str()),
            other => return Err(format!("{other} is neither sqlite nor mongodb nor --seconds").into()),
        }
    }
    if backends.is_empty() {
        backends = vec!["sqlite", "mongodb"];
    }
    let time = Duration::from_secs(seconds);
    for backend in backends {
        match backend {
            "sqlite" => bench_sqlite(time).await?,
            _ => bench_mongodb(time).await?,
        }
    }
    Ok(())
}
