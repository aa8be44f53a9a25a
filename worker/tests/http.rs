//! Following an environment over a server's stream.

#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

#[expect(dead_code, reason = "the PostgreSQL tests use all of it")]
mod support;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use conman_distribution::{Changes, WorkerReport, WorkerSession};
use conman_domain::snapshot::{ConfigVersion, ContentHash};
use conman_worker::{ConnectError, FileSelection, Follower, Options, Source, wire};
use futures::StreamExt;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::Duration;
use support::{With, World, options, reaches, within};
use tokio::sync::watch;

/// The server's side of the protocol over a real distribution database, with some ways to misbehave.
#[derive(Clone)]
struct Server {
    world: World,
    faults: Arc<Faults>,
    /// Every stream ends when this changes.
    cut: watch::Sender<u32>,
    url: String,
}

#[derive(Default)]
struct Faults {
    revoked: AtomicBool,
    /// New streams open, and nothing ever comes.
    mute: AtomicBool,
    corrupt: AtomicBool,
    failing: AtomicBool,
    /// Never sends a file.
    stuck: AtomicBool,
    files: AtomicU32,
    /// Takes no report.
    deaf: AtomicBool,
    /// Answers with the snapshot whatever the worker has already.
    forgetful: AtomicBool,
    /// Says that nothing changed, whatever did.
    behind: AtomicBool,
    not_modified: AtomicU32,
    streams: AtomicU32,
    whole_snapshots: AtomicU32,
}

const TOKEN: &str = "cst_test";

impl Server {
    async fn start(world: World) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            world,
            faults: Arc::default(),
            cut: watch::channel(0).0,
            url: format!("http://{}", listener.local_addr().unwrap()),
        };
        let router = Router::new()
            .route(wire::STREAM_PATH, get(stream))
            .route(wire::SNAPSHOT_PATH, get(snapshot))
            .route("/v1/worker/files/{hash}", get(file))
            .route(wire::REPORT_PATH, post(report))
            .with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    fn source(&self, token: &str) -> Source {
        Source::Http { server_url: self.url.clone(), token: token.to_owned() }
    }

    async fn follow(&self, options: Options) -> Follower {
        within(Follower::connect(self.source(TOKEN), options)).await.unwrap()
    }

    fn refuse(&self, headers: &HeaderMap) -> Result<(), StatusCode> {
        let authorised =
            headers.get("authorization").is_some_and(|value| value == &format!("Bearer {TOKEN}"));
        if !authorised || self.faults.revoked.load(SeqCst) {
            return Err(StatusCode::UNAUTHORIZED);
        }
        if self.faults.failing.load(SeqCst) {
            return Err(StatusCode::INTERNAL_SERVER_ERROR);
        }
        Ok(())
    }
}

async fn stream(State(server): State<Server>, headers: HeaderMap) -> Result<Response, StatusCode> {
    server.refuse(&headers)?;
    server.faults.streams.fetch_add(1, SeqCst);
    if server.faults.mute.load(SeqCst) {
        let silence = futures::stream::pending::<Result<Event, Infallible>>();
        return Ok(Sse::new(silence).into_response());
    }
    let changes: Changes = server.world.port.subscribe();
    let environment = server.world.environment;
    let mut cut = server.cut.subscribe();
    let faults = Arc::clone(&server.faults);
    let events = changes
        .into_stream()
        .filter(move |change| std::future::ready(change.environment_id == environment))
        .map(|change| {
            let data = wire::StreamEvent { version: change.version };
            Ok::<_, Infallible>(Event::default().event(wire::STREAM_EVENT).json_data(data).unwrap())
        })
        .take_until(async move {
            let _ = cut.changed().await;
            if faults.mute.load(SeqCst) {
                // Not even an end.
                std::future::pending::<()>().await;
            }
        });
    let keep_alive = KeepAlive::new().interval(Duration::from_millis(100)).text("");
    Ok(Sse::new(events).keep_alive(keep_alive).into_response())
}

async fn snapshot(State(server): State<Server>, headers: HeaderMap) -> Result<Response, StatusCode> {
    server.refuse(&headers)?;
    let world = &server.world;
    let Some(snapshot) = world.port.snapshot(world.app, world.environment).await.unwrap() else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let tag = format!("\"{}\"", snapshot.provenance.config_version);
    let known = headers.get("if-none-match").is_some_and(|known| *known == tag);
    let behind = server.faults.behind.load(SeqCst);
    if behind || known && !server.faults.forgetful.load(SeqCst) {
        server.faults.not_modified.fetch_add(1, SeqCst);
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    server.faults.whole_snapshots.fetch_add(1, SeqCst);
    Ok(([("etag", tag)], axum::Json(snapshot)).into_response())
}

async fn file(
    State(server): State<Server>,
    Path(hash): Path<String>,
    headers: HeaderMap,
) -> Result<Response, StatusCode> {
    server.refuse(&headers)?;
    server.faults.files.fetch_add(1, SeqCst);
    if server.faults.stuck.load(SeqCst) {
        std::future::pending::<()>().await;
    }
    if server.faults.corrupt.load(SeqCst) {
        return Ok("something else".into_response());
    }
    let (world, hash) = (&server.world, ContentHash::from(hash));
    let content = world.port.file(world.app, world.environment, &hash).await.unwrap();
    Ok(Body::from(content.ok_or(StatusCode::NOT_FOUND)?).into_response())
}

async fn report(
    State(server): State<Server>,
    headers: HeaderMap,
    axum::Json(report): axum::Json<WorkerReport>,
) -> Result<StatusCode, StatusCode> {
    server.refuse(&headers)?;
    if server.faults.deaf.load(SeqCst) {
        return Err(StatusCode::INTERNAL_SERVER_ERROR);
    }
    let world = &server.world;
    world.port.report(world.app, world.environment, report).await.unwrap();
    Ok(StatusCode::NO_CONTENT)
}

async fn with_server<F: Future<Output = ()>>(test: impl FnOnce(Server) -> F) {
    let folder = std::env::temp_dir().join(format!("conman-worker-{}", uuid::Uuid::now_v7()));
    let url = format!("sqlite:{}", folder.join("distribution.db").display());
    test(Server::start(World::open(url).await).await).await;
    std::fs::remove_dir_all(folder).unwrap();
}

fn quick(name: &str) -> Options {
    Options {
        files: FileSelection::All,
        heartbeat: Duration::from_millis(300),
        silence: Duration::from_millis(600),
        ..options(name)
    }
}

fn problem(text: &'static str) -> impl Fn(&[WorkerSession]) -> bool {
    move |sessions| {
        sessions
            .iter()
            .any(|session| session.report.problem.as_deref().is_some_and(|problem| problem.contains(text)))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_follow_the_stream() {
    with_server(async |server: Server| {
        let world = &server.world;
        world.put(&[b"one", b"two"]).await;
        let waiting = tokio::spawn({
            let server = server.clone();
            async move { server.follow(quick("early")).await }
        });
        world.sessions_until(problem("nothing was activated")).await;
        world.activate(world.version(1).parameter("n", 1.into()).file("a", b"one")).await;
        let first = within(waiting).await.unwrap();
        let second = server.follow(quick("late")).await;
        let other = world.elsewhere();
        for number in 2..=30 {
            other.tick(number).await;
            let content: &[u8] = if number % 2 == 0 { b"two" } else { b"one" };
            let activation = world.version(number).parameter("n", number.into()).file("a", content);
            world.activate(activation).await;
        }
        for follower in [&first, &second] {
            reaches(follower, 30).await;
            assert_eq!(follower.view().parameter::<u32>("n"), Ok(30));
            assert_eq!(follower.view().file("a").unwrap(), "two");
            assert_eq!(follower.status().reconnects, 0);
        }
        let at_last = |sessions: &[WorkerSession]| {
            sessions.len() == 2
                && sessions.iter().all(|session| {
                    let applied = session.report.applied.as_ref();
                    applied.is_some_and(|a| a.provenance == world.version(30).provenance)
                        && session.report.problem.is_none()
                        && session.report.last_notify_at.is_some()
                })
        };
        let sessions = world.sessions_until(at_last).await;
        // Heartbeats cost no snapshots while nothing changes.
        let fetched = server.faults.whole_snapshots.load(SeqCst);
        let before = sessions[0].report.heartbeat_at;
        world
            .sessions_until(|sessions| {
                sessions[0].report.heartbeat_at.since(before).num_milliseconds() > 1_000
            })
            .await;
        assert_eq!(server.faults.whole_snapshots.load(SeqCst), fetched);
        first.shutdown().await;
        world.sessions_until(|sessions| sessions.iter().any(|session| session.report.stopped)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_stream_is_replaced() {
    with_server(async |server: Server| {
        server.world.tick(1).await;
        server.faults.mute.store(true, SeqCst);
        // The first stream is mute already; without its silence being noticed, only heartbeats would find version 2.
        let patient = Options { heartbeat: Duration::from_secs(3_600), ..quick("w") };
        let follower = server.follow(patient).await;
        assert_eq!(follower.view().version(), ConfigVersion(1));
        server.world.tick(2).await;
        server.faults.mute.store(false, SeqCst);
        reaches(&follower, 2).await;
        assert!(follower.status().reconnects >= 1);
        let streams = server.faults.streams.load(SeqCst);
        server.world.tick(3).await;
        reaches(&follower, 3).await;
        // A stream with nothing but comments is alive.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(server.faults.streams.load(SeqCst), streams);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_stream_is_opened_again_and_caught_up() {
    with_server(async |server: Server| {
        server.world.tick(1).await;
        let follower = server.follow(quick("w")).await;
        for number in [2, 3, 4] {
            server.faults.failing.store(true, SeqCst);
            server.cut.send_modify(|n| *n += 1);
            server.world.tick(number).await;
            server.faults.failing.store(false, SeqCst);
            reaches(&follower, number).await;
        }
        assert!(follower.status().reconnects >= 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_token_keeps_the_last_good_view() {
    with_server(async |server: Server| {
        server.world.tick(1).await;
        let error = Follower::connect(server.source("cst_wrong"), quick("w")).await.unwrap_err();
        assert!(matches!(error, ConnectError::Refused { .. }), "{error:?}");
        assert!(!format!("{error:?}").contains("cst_wrong"));
        let error = Follower::connect(server.source("cst\nwrong"), quick("w")).await.unwrap_err();
        assert!(matches!(error, ConnectError::Setup { .. }), "{error:?}");

        let follower = server.follow(quick("w")).await;
        server.faults.revoked.store(true, SeqCst);
        server.world.tick(2).await;
        within(async {
            while follower.status().connected {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
        assert!(follower.status().problem.unwrap().contains("token"));
        assert_eq!(follower.view().version(), ConfigVersion(1));
        server.faults.revoked.store(false, SeqCst);
        reaches(&follower, 2).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_does_not_fit_its_hash_is_not_applied() {
    with_server(async |server: Server| {
        let world = &server.world;
        world.put(&[b"one", b"two"]).await;
        world.activate(world.version(1).file("a", b"one")).await;
        let follower = server.follow(quick("w")).await;
        server.faults.corrupt.store(true, SeqCst);
        world.activate(world.version(2).file("a", b"two")).await;
        let sessions = world.sessions_until(problem("hash")).await;
        let applied = sessions[0].report.applied.as_ref().unwrap();
        assert_eq!(applied.provenance.config_version, ConfigVersion(1));
        assert_eq!(follower.view().file("a").unwrap(), "one");
        // The next heartbeat tries again.
        server.faults.corrupt.store(false, SeqCst);
        reaches(&follower, 2).await;
        assert_eq!(follower.view().file("a").unwrap(), "two");
        world.sessions_until(|sessions| sessions[0].report.problem.is_none()).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_stops_though_a_file_never_comes() {
    with_server(async |server: Server| {
        let world = &server.world;
        world.put(&[b"one", b"two"]).await;
        world.activate(world.version(1).file("a", b"one")).await;
        let follower = server.follow(quick("w")).await;
        let asked = server.faults.files.load(SeqCst);
        server.faults.stuck.store(true, SeqCst);
        world.activate(world.version(2).file("a", b"two")).await;
        within(async {
            while server.faults.files.load(SeqCst) == asked {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
        let began = std::time::Instant::now();
        follower.shutdown().await;
        assert!(began.elapsed() < Duration::from_secs(8), "it took {:?}", began.elapsed());
        let sessions = world.sessions_until(|sessions| sessions.iter().any(|it| it.report.stopped)).await;
        assert_eq!(follower.view().version(), ConfigVersion(1));
        assert_eq!(sessions.len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_server_is_waited_for() {
    with_server(async |server: Server| {
        server.world.tick(1).await;
        server.faults.failing.store(true, SeqCst);
        let waiting = tokio::spawn({
            let server = server.clone();
            async move { server.follow(quick("w")).await }
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!waiting.is_finished());
        server.faults.failing.store(false, SeqCst);
        let follower = within(waiting).await.unwrap();
        assert_eq!(follower.view().version(), ConfigVersion(1));
        // A server that fails for good is given up in time.
        server.faults.failing.store(true, SeqCst);
        let hasty = Options { connect_within: Duration::from_millis(300), ..quick("w") };
        let error = within(Follower::connect(server.source(TOKEN), hasty)).await.unwrap_err();
        assert!(matches!(error, ConnectError::Unreachable { .. }), "{error:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_no_report_is_not_pestered() {
    with_server(async |server: Server| {
        server.world.tick(1).await;
        server.faults.deaf.store(true, SeqCst);
        let follower = server.follow(quick("w")).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        // With pauses of 100 ms it would be several times as many.
        let streams = server.faults.streams.load(SeqCst);
        assert!((2..=9).contains(&streams), "{streams} streams were opened");
        server.world.tick(2).await;
        reaches(&follower, 2).await;
        server.faults.deaf.store(false, SeqCst);
        server.world.sessions_until(|sessions| sessions.iter().any(|it| it.report.problem.is_none())).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_is_known_is_not_applied_again() {
    with_server(async |server: Server| {
        server.world.tick(1).await;
        server.faults.forgetful.store(true, SeqCst);
        let follower = server.follow(quick("w")).await;
        let first = follower.view();
        let sent = server.faults.whole_snapshots.load(SeqCst);
        within(async {
            while server.faults.whole_snapshots.load(SeqCst) < sent + 3 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
        assert!(Arc::ptr_eq(&first, &follower.view()));
        server.world.tick(2).await;
        let told = [within(follower.changed()).await, within(follower.changed()).await];
        assert_eq!(told.map(|applied| applied.unwrap().provenance.config_version.0), [1, 2]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_used_is_given_up_in_time() {
    with_server(async |server: Server| {
        let folder = tempfile::tempdir().unwrap();
        let world = &server.world;
        world.put(&[b"one", b"two"]).await;
        world.activate(world.version(1).file("a", b"one")).await;
        server.faults.corrupt.store(true, SeqCst);
        let hasty = || Options { connect_within: Duration::from_millis(500), ..quick("w") };
        let error = within(Follower::connect(server.source(TOKEN), hasty())).await.unwrap_err();
        assert!(matches!(error, ConnectError::Unusable { .. }), "{error:?}");
        assert!(error.to_string().contains("hash"), "{error}");

        // With a good cache there is something to start from, and what becomes usable is applied.
        let cached = || Options { cache: Some(folder.path().join("w.cache")), ..hasty() };
        server.faults.corrupt.store(false, SeqCst);
        server.follow(cached()).await.shutdown().await;
        server.faults.corrupt.store(true, SeqCst);
        world.activate(world.version(2).file("a", b"two")).await;
        let follower = server.follow(cached()).await;
        assert_eq!(follower.view().version(), ConfigVersion(1));
        let status = follower.status();
        assert!(status.stale && status.connected, "{status:?}");
        assert!(status.problem.unwrap().contains("hash"));
        server.faults.corrupt.store(false, SeqCst);
        reaches(&follower, 2).await;
        assert!(!follower.view().is_stale());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_behind_its_own_hint_is_asked_again() {
    with_server(async |server: Server| {
        server.world.tick(1).await;
        let patient = Options { heartbeat: Duration::from_secs(3_600), ..quick("w") };
        let follower = server.follow(patient).await;
        let answers = server.faults.not_modified.load(SeqCst);
        server.faults.behind.store(true, SeqCst);
        server.world.tick(2).await;
        within(async {
            while server.faults.not_modified.load(SeqCst) < answers + 3 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
        assert_eq!(follower.view().version(), ConfigVersion(1));
        server.faults.behind.store(false, SeqCst);
        reaches(&follower, 2).await;
        assert_eq!(follower.status().reconnects, 0);
    })
    .await;
}
