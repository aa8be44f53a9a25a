//! The one connection of this process that LISTENs.
//!
//! Every (re)connect goes LISTEN first, then reads all active versions, so that no change falls between; what was
//! missed while away is told then. A notification is a hint: what counts is the version per environment. The same
//! connection renews the [lease](super::lease) on what is active, and tells other servers what it heard.

use super::lease::{Lease, RENEWAL};
use super::readers::{self, HEARD, Heard, Hearings, Made};
use super::server::Server;
use crate::changes::{ConfigChanged, Hub, Notice};
use crate::decode;
use crate::error::DistributionError;
use conman_domain::id::{AppId, EnvironmentId};
use conman_domain::snapshot::ConfigVersion;
use futures::StreamExt;
use rand::RngExt;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_postgres::{AsyncMessage, Client, Notification, Row, Statement};
use uuid::Uuid;

/// When a connection counts as lost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// How often all active versions are read, which also tells whether the connection is alive.
    pub(super) renewal: Duration,
    /// How long it has for an answer.
    pub(super) answer: Duration,
}

pub(super) const PATIENCE: Patience = Patience { renewal: RENEWAL, answer: Duration::from_secs(10) };

/// How the connection shows in `pg_stat_activity`.
const LISTENER_NAME: &str = "conman listener";

/// Pauses between attempts to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How many notifications are looked into at once.
const BATCH: usize = 256;

/// Everything of this process that hears of changes.
#[derive(Debug, Clone)]
pub(super) struct Listeners {
    /// Names this process to others.
    pub(super) server: Uuid,
    pub(super) hub: Hub,
    pub(super) lease: Arc<Lease>,
    pub(super) hearings: Hearings,
}

impl Listeners {
    pub(super) fn new() -> Self {
        Self {
            server: Uuid::now_v7(),
            hub: Hub::new(),
            lease: Arc::new(Lease::new()),
            hearings: Hearings::default(),
        }
    }
}

type ActiveVersions = Vec<(AppId, EnvironmentId, ConfigVersion)>;

/// A connection that listens already.
pub(super) struct Listening {
    client: Client,
    patience: Patience,
    notifications: mpsc::UnboundedReceiver<Notification>,
    driver: JoinHandle<()>,
    reader: Uuid,
    statements: Statements,
}

struct Statements {
    all_active: Statement,
    active: Statement,
    heard: Statement,
}

impl Statements {
    async fn prepare(client: &Client) -> Result<Self, DistributionError> {
        // One statement reads both, so that versions are told only of an instant at which we were a reader.
        let all_active = "SELECT a.app_id, a.environment_id, a.version
            FROM conman.readers r LEFT JOIN conman.active_config a ON true WHERE r.id = $1 AND NOT r.dismissed";
        let active = "SELECT app_id, environment_id, version FROM conman.active_config
            WHERE (app_id, environment_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))";
        let heard = format!("SELECT pg_notify('{HEARD}', payload) FROM unnest($1::text[]) AS payload");
        Ok(Self {
            all_active: client.prepare(all_active).await?,
            active: client.prepare(active).await?,
            heard: client.prepare(&heard).await?,
        })
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Listening {
    /// Connects for the first time: what is active by now was nobody's news.
    pub(super) async fn start(
        server: &Server,
        listeners: &Listeners,
        patience: Patience,
    ) -> Result<Self, DistributionError> {
        let listening = Self::connect(server, listeners.server, patience).await?;
        let (began, versions) = listening.all_active().await?;
        listeners.hub.prime(versions.iter().copied());
        listeners.lease.renew(began, versions);
        Ok(listening)
    }

    async fn connect(
        server: &Server,
        server_id: Uuid,
        patience: Patience,
    ) -> Result<Self, DistributionError> {
        // As a whole: whoever takes the connection may still be silent.
        answered(patience, Self::connect_and_listen(server, server_id, patience)).await
    }

    async fn connect_and_listen(
        server: &Server,
        server_id: Uuid,
        patience: Patience,
    ) -> Result<Self, DistributionError> {
        let mut server = server.clone();
        server.config.application_name(LISTENER_NAME);
        let (client, mut messages) = server.connect().await?;
        let (sender, notifications) = mpsc::unbounded_channel();
        let driver = tokio::spawn(async move {
            while let Some(Ok(message)) = messages.next().await {
                if let AsyncMessage::Notification(notification) = message
                    && sender.send(notification).is_err()
                {
                    break;
                }
            }
        });
        client.batch_execute(&format!("LISTEN config_changed; LISTEN {HEARD}")).await?;
        let reader = Uuid::now_v7();
        readers::come(&client, server_id, reader).await?;
        // From here on it writes nothing but notifications, which need no disk.
        client.batch_execute("SET synchronous_commit = off").await?;
        let statements = Statements::prepare(&client).await?;
        Ok(Self { client, patience, notifications, driver, reader, statements })
    }

    /// All active versions, and when reading them began.
    async fn all_active(&self) -> Result<(Instant, ActiveVersions), DistributionError> {
        let began = Instant::now();
        let ask = async { Ok(self.client.query(&self.statements.all_active, &[&self.reader]).await?) };
        let rows = answered(self.patience, ask).await?;
        if rows.is_empty() {
            return Err(lost("others waited for this server in vain, and count on it no more"));
        }
        // Where nothing is active, the reader's row comes alone.
        let active = rows.iter().filter(|row| row.get::<_, Option<Uuid>>(0).is_some());
        Ok((began, active.map(active_version).collect::<Result<_, _>>()?))
    }

    /// Tells whatever became active unheard, and that nothing else has.
    async fn catch_up(&self, listeners: &Listeners) -> Result<(), DistributionError> {
        let (began, versions) = self.all_active().await?;
        for &(app_id, environment_id, version) in &versions {
            let change =
                ConfigChanged { app_id, environment_id, version, changed: Vec::new(), truncated: true };
            listeners.hub.tell(change);
        }
        listeners.lease.renew(began, versions);
        Ok(())
    }

    /// Hears what came: what others heard, and what changed.
    async fn hear(&self, listeners: &Listeners, came: &[Notification]) -> Result<(), DistributionError> {
        let (heard, changed): (Vec<_>, Vec<_>) = came.iter().partition(|came| came.channel() == HEARD);
        for heard in heard.iter().filter_map(|heard| serde_json::from_str::<Heard>(heard.payload()).ok()) {
            listeners.hearings.take(&heard);
        }
        let notices: Vec<Notice> =
            changed.iter().filter_map(|changed| serde_json::from_str(changed.payload()).ok()).collect();
        if notices.len() < changed.len() {
            // Somebody else's words on our channel: look for ourselves.
            self.catch_up(listeners).await?;
        }
        if notices.is_empty() {
            return Ok(());
        }
        for Notice { change, .. } in &notices {
            listeners.lease.doubt(change.app_id, change.environment_id, change.version);
        }
        let of_others = notices.iter().filter(|notice| notice.by != Some(listeners.server));
        let (told, active) = tokio::join!(self.say(of_others), self.active(&notices));
        told?;
        let active: HashMap<_, _> =
            active?.into_iter().map(|(app, environment, version)| ((app, environment), version)).collect();
        for (&(app, environment), &version) in &active {
            listeners.lease.raise(app, environment, version);
        }
        for Notice { change, .. } in notices {
            // Anyone who may connect can send a notice, and a version that is not there would hide all that follow.
            let active = active.get(&(change.app_id, change.environment_id));
            if active.is_some_and(|active| *active >= change.version) {
                listeners.hub.tell(change);
            } else {
                tracing::warn!("a notification tells of a version that is not there");
            }
        }
        Ok(())
    }

    /// Says to other servers that we heard of theirs.
    async fn say(&self, notices: impl Iterator<Item = &Notice>) -> Result<(), DistributionError> {
        let made: HashSet<Made> = notices.map(|notice| Made::from(&notice.change)).collect();
        if made.is_empty() {
            return Ok(());
        }
        let write = |made| serde_json::to_string(&Heard { reader: self.reader, made });
        let payloads: Vec<String> =
            made.into_iter().map(|made| write(made).expect("ids and numbers are always JSON")).collect();
        answered(self.patience, async { Ok(self.client.query(&self.statements.heard, &[&payloads]).await?) })
            .await?;
        Ok(())
    }

    /// The active versions of what notices tell of.
    async fn active(&self, notices: &[Notice]) -> Result<ActiveVersions, DistributionError> {
        let places: HashSet<_> =
            notices.iter().map(|notice| (notice.change.app_id, notice.change.environment_id)).collect();
        let (apps, environments): (Vec<Uuid>, Vec<Uuid>) =
            places.into_iter().map(|(app, environment)| (app.uuid(), environment.uuid())).unzip();
        let ask = async { Ok(self.client.query(&self.statements.active, &[&apps, &environments]).await?) };
        answered(self.patience, ask).await?.iter().map(active_version).collect()
    }

    /// Tells what it hears, until the connection is lost or no longer answers.
    async fn follow(&mut self, listeners: &Listeners) -> DistributionError {
        let mut renewal = tokio::time::interval(self.patience.renewal);
        renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut came = Vec::new();
        loop {
            let outcome = tokio::select! {
                count = self.notifications.recv_many(&mut came, BATCH) => match count {
                    0 => Err(lost("the connection was closed")),
                    _ => self.hear(listeners, &came).await,
                },
                _ = renewal.tick() => self.catch_up(listeners).await,
            };
            came.clear();
            if let Err(error) = outcome {
                return error;
            }
        }
    }
}

impl From<&ConfigChanged> for Made {
    fn from(change: &ConfigChanged) -> Self {
        Self { app_id: change.app_id, environment_id: change.environment_id, version: change.version }
    }
}

fn active_version(row: &Row) -> Result<(AppId, EnvironmentId, ConfigVersion), DistributionError> {
    let (app, environment): (Uuid, Uuid) = (row.get(0), row.get(1));
    Ok((app.into(), environment.into(), decode::version(row.get(2))?))
}

fn lost(why: &'static str) -> DistributionError {
    DistributionError::Unavailable(Box::new(std::io::Error::new(std::io::ErrorKind::ConnectionReset, why)))
}

/// Listens for as long as the process has the distribution database open.
pub(super) async fn run(server: Server, listeners: Listeners, first: Listening) {
    let patience = first.patience;
    let mut listening = first;
    loop {
        let reason = listening.follow(&listeners).await;
        // Whatever changes from now on is not heard.
        listeners.lease.end();
        tracing::warn!(event = "listen_reconnect", error = %reason, "the listening connection was lost");
        drop(listening);
        listening = reconnect(&server, &listeners, patience).await;
    }
}

async fn reconnect(server: &Server, listeners: &Listeners, patience: Patience) -> Listening {
    let mut pause = FIRST_PAUSE;
    loop {
        let attempt = async {
            let listening = Listening::connect(server, listeners.server, patience).await?;
            listening.catch_up(listeners).await?;
            Ok::<_, DistributionError>(listening)
        };
        match attempt.await {
            Ok(listening) => return listening,
            Err(error) => tracing::debug!(%error, ?pause, "cannot listen yet"),
        }
        // Jitter: servers that lost the same database do not come back all at once.
        let jitter = rand::rng().random_range(0.5..1.5);
        tokio::time::sleep(pause.mul_f64(jitter)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Waits as long as is due, and no longer.
async fn answered<T>(
    patience: Patience,
    asked: impl Future<Output = Result<T, DistributionError>>,
) -> Result<T, DistributionError> {
    tokio::time::timeout(patience.answer, asked)
        .await
        .map_err(|elapsed| DistributionError::Unavailable(Box::new(elapsed)))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::setup;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::watch;
    use uuid::Uuid;

    /// Passes bytes on until told to swallow those of all connections made before.
    async fn proxy(target: String, swallow: watch::Receiver<bool>) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&target).await.unwrap();
                let (client, server) = (client.into_split(), server.into_split());
                let late = *swallow.borrow();
                for (mut from, mut to) in [(client.0, server.1), (server.0, client.1)] {
                    let swallow = swallow.clone();
                    tokio::spawn(async move {
                        let mut bytes = [0; 4_096];
                        loop {
                            let count = from.read(&mut bytes).await.unwrap_or(0);
                            if *swallow.borrow() && !late {
                                // Neither a byte nor the end gets through, and nothing is closed.
                                std::future::pending::<()>().await;
                            }
                            if count == 0 || to.write_all(&bytes[..count]).await.is_err() {
                                return;
                            }
                        }
                    });
                }
            }
        });
        port
    }

    #[tokio::test]
    async fn a_silent_connection_is_replaced_and_caught_up() {
        let server = std::env::var("CONMAN_TEST_POSTGRES").expect(
            "CONMAN_TEST_POSTGRES must be the URL of a PostgreSQL whose user may create databases; \
             `cargo xtask test` starts one and sets it",
        );
        let name = format!("listen_{}", Uuid::now_v7().simple());
        let admin = setup::pool(&setup::server(&server).unwrap()).unwrap().get().await.unwrap();
        admin.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        let url = format!("{}/{name}", server.rsplit_once('/').unwrap().0);
        let outcome = tokio::spawn(async move { silent_connection(&url).await }).await;
        let drop_it = format!("DROP DATABASE {name} WITH (FORCE)");
        admin.batch_execute(&drop_it).await.unwrap();
        outcome.unwrap();
    }

    async fn silent_connection(url: &str) {
        let pool = setup::pool(&setup::server(url).unwrap()).unwrap();
        let mut client = pool.get().await.unwrap();
        setup::migrate(&mut client).await.unwrap();
        let (swallow, state) = watch::channel(false);
        let target = url.rsplit_once('@').unwrap().1.split_once('/').unwrap().0;
        let port = proxy(target.to_owned(), state).await;
        let through = setup::server(&url.replace(target, &format!("127.0.0.1:{port}"))).unwrap();
        let listeners = Listeners::new();
        let patience = Patience { renewal: Duration::from_millis(300), answer: Duration::from_millis(300) };
        let listening = Listening::start(&through, &listeners, patience).await.unwrap();
        let listener = tokio::spawn(run(through, listeners.clone(), listening));
        let mut changes = listeners.hub.subscribe();
        let (app, environment) = (Uuid::now_v7(), Uuid::now_v7());
        for version in 1..=4_i64 {
            // From the third on, the connection that listens is deaf and does not know it.
            swallow.send_replace(version >= 3);
            let notify = format!(
                "INSERT INTO conman.active_config VALUES ('{app}', '{environment}', 'dev', {version}, 'r', 'c', 't', 1,
                    '[]', 'ana', now())
                 ON CONFLICT (app_id, environment_id) DO UPDATE SET version = {version};
                 SELECT pg_notify('config_changed', json_build_object('app_id', '{app}'::text, 'environment_id',
                    '{environment}'::text, 'version', {version}, 'changed', '[]'::json, 'truncated', false)::text)"
            );
            client.batch_execute(&notify).await.unwrap();
            let change =
                tokio::time::timeout(Duration::from_secs(10), changes.next()).await.unwrap().unwrap();
            assert_eq!(i64::from(change.version.0), version);
        }
        listener.abort();
    }
}
