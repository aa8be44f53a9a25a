//! From an activation's commit to the last worker that has it in memory: `bench_distribute [--workers 1,100,500]
//! [--rounds 60]`.
//!
//! Needs `CONMAN_TEST_POSTGRES`, a server whose user may create databases, with room for two connections per worker.
//! Two databases hold the same configuration of 1,000 parameters and 200 files; each round changes one parameter in
//! either, one after the other, by the same [`Distribution::activate`](conman_distribution::Distribution::activate).
//! In the first, workers of the library follow; in the second, bare programs LISTEN and SELECT what is newer than
//! their own version: the floor. Time runs from the moment at which the commit is sent, by a thread with a runtime of
//! its own, to the moment at which the last worker's program was told. All workers live in this process.

#![expect(clippy::print_stdout, reason = "the lines on standard output are what a bench is for")]

use bytes::Bytes;
use conman_distribution::{Activation, Distribution};
use conman_domain::id::{AppId, EnvironmentId};
use conman_domain::name::ParameterName;
use conman_domain::path::RepoPath;
use conman_domain::snapshot::{ChangeKind, ConfigVersion, ContentHash, Provenance, SnapshotParameter};
use conman_domain::value::ParameterType;
use conman_worker::{Follower, Options, Source};
use futures::future::try_join_all;
use std::cell::Cell;
use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, NoTls};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use uuid::Uuid;

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

const PARAMETERS: u32 = 1_000;
const FILES: u32 = 200;

/// Rounds that are not counted: connections, caches and plans warm up.
const WARM_UP: u32 = 5;

/// Says that a worker has a version, and since when.
type Done = (u32, Instant);

fn main() -> Fallible<()> {
    let (mut workers, mut rounds) = (vec![1_usize, 100, 500], 60_u32);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{argument} needs a value"))?;
        match argument.as_str() {
            "--workers" => workers = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
            "--rounds" => rounds = value.parse()?,
            _ => return Err(format!("unknown argument {argument}").into()),
        }
    }
    let server = std::env::var("CONMAN_TEST_POSTGRES").map_err(
        |_| "CONMAN_TEST_POSTGRES must be the URL of a PostgreSQL whose user may create databases",
    )?;
    let runtime = tokio::runtime::Runtime::new()?;
    for workers in workers {
        runtime.block_on(bench(&server, workers, rounds))?;
    }
    Ok(())
}

async fn bench(server: &str, workers: usize, rounds: u32) -> Fallible<()> {
    let admin = connect(server).await?;
    let row = admin.query_one("SELECT current_setting('max_connections')", &[]).await?;
    let room: usize = row.get::<_, String>(0).parse()?;
    if room < workers * 2 + 60 {
        return Err(
            format!("{workers} workers need max_connections of {}, it is {room}", workers * 2 + 60).into()
        );
    }
    let (mut ours, mut floor) = (Side::create(server, &admin).await?, Side::create(server, &admin).await?);
    let outcome = measure(&mut ours, &mut floor, workers, rounds).await;
    for side in [ours, floor] {
        side.drop_database(&admin).await?;
    }
    let (mut ours, mut floor) = outcome?;
    let line = serde_json::json!({
        "bench": "distribute",
        "transport": "postgres",
        "workers": workers,
        "rounds": rounds,
        "parameters": PARAMETERS,
        "files": FILES,
        "ours_p50_ms": percentile(&mut ours, 50),
        "ours_p95_ms": percentile(&mut ours, 95),
        "ours_p99_ms": percentile(&mut ours, 99),
        "floor_p50_ms": percentile(&mut floor, 50),
        "floor_p95_ms": percentile(&mut floor, 95),
        "floor_p99_ms": percentile(&mut floor, 99),
        "ratio_p95": hundredths(percentile(&mut ours, 95) / percentile(&mut floor, 95)),
    });
    println!("{line}");
    Ok(())
}

async fn measure(
    ours: &mut Side,
    floor: &mut Side,
    workers: usize,
    rounds: u32,
) -> Fallible<(Vec<f64>, Vec<f64>)> {
    let (done, mut ours_done) = mpsc::unbounded_channel();
    let followers = try_join_all((0..workers).map(|at| follow(ours, at, done.clone()))).await?;
    let (done, mut floor_done) = mpsc::unbounded_channel();
    let bare = try_join_all((0..workers).map(|_| follow_bare(floor, done.clone()))).await?;
    // Every worker has told its first version.
    gather(&mut ours_done, workers, 1).await?;

    let (mut ours_ms, mut floor_ms) = (Vec::new(), Vec::new());
    for round in 0..rounds + WARM_UP {
        for (side, done, times) in
            [(&mut *ours, &mut ours_done, &mut ours_ms), (&mut *floor, &mut floor_done, &mut floor_ms)]
        {
            let version = side.version + 1;
            let committed = side.activate_next()?;
            let last = gather(done, workers, version).await?;
            if round >= WARM_UP {
                let took = last.saturating_duration_since(committed);
                times.push(took.as_secs_f64() * 1_000.0);
            }
            // Reports follow an application; in life the next change is not there yet.
            tokio::time::sleep(Duration::from_millis(450)).await;
        }
    }
    for task in followers.into_iter().chain(bare) {
        task.abort();
    }
    Ok((ours_ms, floor_ms))
}

/// Waits until all workers have the version, and tells when the last of them had it.
async fn gather(done: &mut mpsc::UnboundedReceiver<Done>, workers: usize, version: u32) -> Fallible<Instant> {
    let mut last = Instant::now() - Duration::from_secs(3_600);
    for _ in 0..workers {
        let (reached, at) =
            tokio::time::timeout(Duration::from_secs(60), done.recv()).await?.ok_or("a worker ended")?;
        if reached != version {
            return Err(format!("a worker has version {reached} instead of {version}").into());
        }
        last = last.max(at);
    }
    Ok(last)
}

async fn follow(
    side: &Side,
    at: usize,
    done: mpsc::UnboundedSender<Done>,
) -> Fallible<tokio::task::JoinHandle<()>> {
    let source =
        Source::Postgres { url: side.url.clone(), app_id: side.app, environment_id: side.environment };
    let follower = Follower::connect(source, Options::new(format!("worker-{at}"))).await?;
    Ok(tokio::spawn(async move {
        while let Some(applied) = follower.changed().await {
            let now = Instant::now();
            if done.send((applied.provenance.config_version.0, now)).is_err() {
                return;
            }
        }
    }))
}

/// The floor: LISTEN, and SELECT what is newer than one's own version.
async fn follow_bare(
    side: &Side,
    done: mpsc::UnboundedSender<Done>,
) -> Fallible<tokio::task::JoinHandle<()>> {
    let (client, mut connection) = tokio_postgres::connect(&side.url, NoTls).await?;
    let (heard, mut hints) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(Ok(message)) = std::future::poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(_) = message
                && heard.send(()).is_err()
            {
                return;
            }
        }
    });
    client.batch_execute("LISTEN config_changed").await?;
    let newer = client
        .prepare(
            "SELECT changed_in, name, value::text FROM conman.active_config_entries
             WHERE app_id = $1 AND environment_id = $2 AND changed_in > $3",
        )
        .await?;
    let (app, environment) = (side.app.uuid(), side.environment.uuid());
    let mut version = i64::from(side.version);
    Ok(tokio::spawn(async move {
        let mut values: HashMap<String, String> = HashMap::new();
        while hints.recv().await.is_some() {
            let Ok(rows) = client.query(&newer, &[&app, &environment, &version]).await else {
                return;
            };
            for row in rows {
                version = version.max(row.get(0));
                values.insert(row.get(1), row.get(2));
            }
            let now = Instant::now();
            if done.send((version as u32, now)).is_err() {
                return;
            }
        }
    }))
}

/// One database with one environment, and a thread of its own that activates.
struct Side {
    name: String,
    url: String,
    app: AppId,
    environment: EnvironmentId,
    version: u32,
    activation: Activation,
    activations: std::sync::mpsc::SyncSender<Activation>,
    answers: std::sync::mpsc::Receiver<Fallible<Instant>>,
    thread: std::thread::JoinHandle<()>,
}

impl Side {
    async fn create(server: &str, admin: &tokio_postgres::Client) -> Fallible<Self> {
        let name = format!("bench_{}", Uuid::now_v7().simple());
        admin.batch_execute(&format!("CREATE DATABASE {name}")).await?;
        let (front, _) = server.rsplit_once('/').ok_or("the URL names no database")?;
        let url = format!("{front}/{name}");
        let (activations, inbox) = std::sync::mpsc::sync_channel(0);
        let (outbox, answers) = std::sync::mpsc::sync_channel(1);
        let thread = std::thread::spawn({
            let url = url.clone();
            move || activate_all(&url, &inbox, &outbox)
        });
        let (app, environment) = (Uuid::now_v7().into(), Uuid::now_v7().into());
        let mut side = Self {
            name,
            url,
            app,
            environment,
            version: 0,
            activation: first(app, environment)?,
            activations,
            answers,
            thread,
        };
        side.activate_next()?;
        Ok(side)
    }

    /// Activates the next version, with one parameter changed, and tells when that was answered.
    fn activate_next(&mut self) -> Fallible<Instant> {
        self.version += 1;
        let activation = &mut self.activation;
        activation.source_id = format!("bench/{}", self.version);
        activation.provenance.config_version = ConfigVersion(self.version);
        let at: ParameterName = format!("parameter_{}", self.version % PARAMETERS).parse()?;
        if let Some(parameter) = activation.parameters.get_mut(&at) {
            parameter.value = serde_json::json!({"version": self.version});
        }
        self.activations.send(activation.clone())?;
        self.answers.recv()?
    }

    async fn drop_database(self, admin: &tokio_postgres::Client) -> Fallible<()> {
        drop(self.activations);
        self.thread.join().map_err(|_| "the activating thread panicked")?;
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        Ok(admin.batch_execute(&sql).await?)
    }
}

/// Activates what comes in, on a runtime that no worker keeps busy.
fn activate_all(
    url: &str,
    inbox: &std::sync::mpsc::Receiver<Activation>,
    outbox: &std::sync::mpsc::SyncSender<Fallible<Instant>>,
) {
    let run = || -> Fallible<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let port = runtime.block_on(conman_distribution::open(url))?;
        let _clock = tracing::subscriber::set_default(CommitClock);
        for activation in inbox {
            outbox.send(runtime.block_on(activate(&port, activation)))?;
        }
        Ok(())
    };
    if let Err(error) = run() {
        // Whoever waits for an answer hears why there is none; nobody may be waiting.
        let _ = outbox.send(Err(error));
    }
}

async fn activate(port: &Arc<dyn Distribution>, activation: Activation) -> Fallible<Instant> {
    if activation.provenance.config_version == ConfigVersion(1) {
        port.put_blobs((0..FILES).map(content).collect()).await?;
    }
    COMMITTED.set(None);
    port.activate(activation).await?;
    Ok(COMMITTED.get().ok_or("nothing was committed")?)
}

thread_local! {
    /// When this thread's last commit was sent.
    static COMMITTED: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Hears the moment of the commit: the activation says it in its log, and returns only later, when the workers may
/// have had the processors for a while.
struct CommitClock;

impl Subscriber for CommitClock {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event()
            && metadata.target().starts_with("conman_distribution")
            && metadata.fields().field("event").is_some()
    }

    fn event(&self, event: &Event<'_>) {
        struct IsCommit(bool);
        impl Visit for IsCommit {
            fn record_str(&mut self, field: &Field, value: &str) {
                self.0 |= field.name() == "event" && value == "config_change_commit";
            }

            fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
        }
        let mut visitor = IsCommit(false);
        event.record(&mut visitor);
        if visitor.0 {
            COMMITTED.set(Some(Instant::now()));
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn content(at: u32) -> Bytes {
    Bytes::from(format!("name: file {at}\n").repeat(100))
}

fn first(app: AppId, environment: EnvironmentId) -> Fallible<Activation> {
    let mut activation = Activation {
        source_id: String::new(),
        app_id: app,
        environment_id: environment,
        environment_name: "bench".parse()?,
        provenance: Provenance {
            release_tag: "r2026.03.21.1".parse()?,
            release_commit: "a".repeat(40).parse()?,
            tree_id: "b".repeat(40).parse()?,
            profile_revision: 1,
            config_version: ConfigVersion(0),
        },
        kind: ChangeKind::Save,
        parameters: Default::default(),
        files: Default::default(),
        catalog: Default::default(),
        changed_by: "bench".to_owned(),
        approved_by: None,
        reason: None,
    };
    for at in 0..PARAMETERS {
        let parameter = SnapshotParameter {
            value: serde_json::json!({"limit": at, "text": "a parameter of usual length"}),
            kind: ParameterType::Json,
            category: None,
            hot_reloadable: true,
        };
        activation.parameters.insert(format!("parameter_{at}").parse()?, parameter);
    }
    for at in 0..FILES {
        let path = RepoPath::parse(&format!("folder{}/file{at}.yml", at % 10))?;
        activation.files.insert(path, ContentHash::of(&content(at)));
    }
    Ok(activation)
}

async fn connect(url: &str) -> Fallible<tokio_postgres::Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// The nearest-rank percentile, in hundredths of a millisecond.
fn percentile(times: &mut [f64], percent: usize) -> f64 {
    times.sort_by(f64::total_cmp);
    let rank = (times.len() * percent).div_ceil(100).max(1);
    hundredths(times[rank - 1])
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
