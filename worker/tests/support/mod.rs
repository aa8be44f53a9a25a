//! A distribution database to follow, what to put into it, and a proxy that can be cut.

use conman_distribution::{Activated, Activation, Distribution, WorkerSession};
use conman_domain::id::{AppId, EnvironmentId};
use conman_domain::path::RepoPath;
use conman_domain::snapshot::{ChangeKind, ConfigVersion, ContentHash, Provenance, SnapshotParameter};
use conman_domain::value::{ParameterType, Value};
use conman_worker::{Follower, Options, Source};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use uuid::Uuid;

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// One environment in a database of its own.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) url: String,
    pub(crate) port: Arc<dyn Distribution>,
    pub(crate) app: AppId,
    pub(crate) environment: EnvironmentId,
}

impl World {
    pub(crate) async fn open(url: String) -> Self {
        Self {
            port: conman_distribution::open(&url).await.unwrap(),
            url,
            app: Uuid::now_v7().into(),
            environment: Uuid::now_v7().into(),
        }
    }

    /// Another environment in the same database.
    pub(crate) fn elsewhere(&self) -> Self {
        Self { app: Uuid::now_v7().into(), environment: Uuid::now_v7().into(), ..self.clone() }
    }

    pub(crate) fn version(&self, number: u32) -> Activation {
        Activation {
            source_id: format!("{}/{number}", self.environment),
            app_id: self.app,
            environment_id: self.environment,
            environment_name: "dev".parse().unwrap(),
            provenance: Provenance {
                release_tag: format!("r2026.03.21.{number}").parse().unwrap(),
                release_commit: format!("{number:040x}").parse().unwrap(),
                tree_id: format!("{:040x}", number + 1).parse().unwrap(),
                profile_revision: number,
                config_version: ConfigVersion(number),
            },
            kind: ChangeKind::Deployment,
            parameters: Default::default(),
            files: Default::default(),
            catalog: Default::default(),
            changed_by: "ana".to_owned(),
            approved_by: None,
            reason: None,
        }
    }

    pub(crate) async fn activate(&self, activation: Activation) {
        let outcome = self.port.activate(activation).await.unwrap();
        assert!(matches!(outcome, Activated::Applied { .. }), "{outcome:?}");
    }

    /// Activates a version whose one parameter `n` is its number.
    pub(crate) async fn tick(&self, number: u32) {
        self.activate(self.version(number).parameter("n", number.into())).await;
    }

    pub(crate) async fn put(&self, contents: &[&'static [u8]]) {
        let contents = contents.iter().map(|content| bytes::Bytes::from_static(content)).collect();
        self.port.put_blobs(contents).await.unwrap();
    }

    pub(crate) fn source(&self) -> Source {
        self.source_by(&self.url)
    }

    pub(crate) fn source_by(&self, url: &str) -> Source {
        Source::Postgres { url: url.to_owned(), app_id: self.app, environment_id: self.environment }
    }

    pub(crate) async fn follow(&self, options: Options) -> Follower {
        within(Follower::connect(self.source(), options)).await.unwrap()
    }

    /// Waits until the sessions of the environment are as expected.
    pub(crate) async fn sessions_until(
        &self,
        expected: impl Fn(&[WorkerSession]) -> bool,
    ) -> Vec<WorkerSession> {
        within(async {
            loop {
                let sessions = self.port.workers(self.app, self.environment).await.unwrap();
                if expected(&sessions) {
                    return sessions;
                }
                // The database has no event for a report.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
    }
}

pub(crate) trait With: Sized {
    fn parameter(self, name: &str, value: Value) -> Self;
    fn file(self, path: &str, content: &[u8]) -> Self;
}

impl With for Activation {
    fn parameter(mut self, name: &str, value: Value) -> Self {
        let parameter =
            SnapshotParameter { value, kind: ParameterType::Json, category: None, hot_reloadable: true };
        self.parameters.insert(name.parse().unwrap(), parameter);
        self
    }

    fn file(mut self, path: &str, content: &[u8]) -> Self {
        self.files.insert(RepoPath::parse(path).unwrap(), ContentHash::of(content));
        self
    }
}

pub(crate) fn options(name: &str) -> Options {
    Options { report_delay: Duration::from_millis(10), ..Options::new(name) }
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it happens well within the time that is given")
}

/// Waits until a worker has a version, and checks that versions only grow on the way.
pub(crate) async fn reaches(follower: &Follower, version: u32) {
    within(async {
        let mut last = ConfigVersion(0);
        while follower.view().version() != ConfigVersion(version) {
            let applied = follower.changed().await.expect("the worker follows");
            assert!(applied.provenance.config_version > last, "versions only grow");
            last = applied.provenance.config_version;
        }
    })
    .await;
}

pub(crate) async fn sql(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Gives the test a fresh PostgreSQL database and drops it again, also if the test fails.
pub(crate) async fn on_postgres<F: Future<Output = ()> + Send + 'static>(test: impl FnOnce(World) -> F) {
    let server = std::env::var("CONMAN_TEST_POSTGRES").expect(
        "CONMAN_TEST_POSTGRES must be the URL of a PostgreSQL whose user may create databases; \
         `cargo xtask test` starts one and sets it",
    );
    let name = format!("worker_{}", Uuid::now_v7().simple());
    let admin = sql(&server).await;
    admin.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    let (front, _) = server.rsplit_once('/').expect("the URL names a database");
    let world = World::open(format!("{front}/{name}")).await;
    let outcome = tokio::spawn(test(world)).await;
    let drop_it = format!("DROP DATABASE {name} WITH (FORCE)");
    admin.batch_execute(&drop_it).await.unwrap();
    if let Err(failed) = outcome {
        std::panic::resume_unwind(failed.into_panic());
    }
}

/// What a proxy does with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// Passes them on.
    Open,
    /// Swallows those of connections that are open now, without a word; new connections work.
    Swallowing,
    /// Cuts all connections and takes no new ones.
    Cut,
}

/// Stands between a worker and its database.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    wire: watch::Sender<(u32, Wire)>,
}

impl Proxy {
    /// Listens on a free port for whoever should reach the host and port of a URL.
    pub(crate) async fn before(url: &str) -> (Self, String) {
        let target = url.rsplit_once('@').unwrap().1.split_once('/').unwrap().0.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (wire, state) = watch::channel((0, Wire::Open));
        let through = url.replace(&target, &format!("127.0.0.1:{port}"));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (born, wire) = *state.borrow();
                if wire == Wire::Cut {
                    continue;
                }
                let Ok(server) = TcpStream::connect(&target).await else {
                    continue;
                };
                tokio::spawn(carry(client, server, state.clone(), born));
            }
        });
        (Self { port, wire }, through)
    }

    pub(crate) fn set(&self, wire: Wire) {
        self.wire.send_modify(|(generation, now)| {
            *generation += 1;
            *now = wire;
        });
    }
}

/// Carries bytes both ways for as long as the wire lets it.
async fn carry(mut a: TcpStream, mut b: TcpStream, mut state: watch::Receiver<(u32, Wire)>, born: u32) {
    let (mut from_a, mut from_b) = ([0; 16_384], [0; 16_384]);
    loop {
        let (generation, wire) = *state.borrow_and_update();
        if generation > born && wire == Wire::Cut {
            return;
        }
        let swallow = generation > born && wire == Wire::Swallowing;
        tokio::select! {
            _ = state.changed() => {}
            read = a.read(&mut from_a) => match read {
                Ok(n) if n > 0 => if !swallow && b.write_all(&from_a[..n]).await.is_err() { return },
                // Even the end is swallowed: the other side never hears of it.
                _ if swallow => return std::future::pending().await,
                _ => return,
            },
            read = b.read(&mut from_b) => match read {
                Ok(n) if n > 0 => if !swallow && a.write_all(&from_b[..n]).await.is_err() { return },
                _ if swallow => return std::future::pending().await,
                _ => return,
            },
        }
    }
}
