//! The one connection of this process that LISTENs.
//!
//! Every (re)connect goes LISTEN first, then reads all active versions, so that no change falls between; what was
//! missed while away is told then. A notification is a hint: what counts is the version per environment.

use super::server::Server;
use crate::changes::{ConfigChanged, Hub};
use crate::decode;
use crate::error::DistributionError;
use conman_domain::id::{AppId, EnvironmentId};
use conman_domain::snapshot::ConfigVersion;
use futures::StreamExt;
use rand::RngExt;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Client};

/// When a connection counts as lost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// How often the connection is asked whether it is alive.
    pub(super) heartbeat: Duration,
    /// How long it has for an answer.
    pub(super) answer: Duration,
}

pub(super) const PATIENCE: Patience =
    Patience { heartbeat: Duration::from_secs(30), answer: Duration::from_secs(10) };

/// How the connection shows in `pg_stat_activity`.
const LISTENER_NAME: &str = "conman listener";

/// Pauses between attempts to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A connection that listens already.
pub(super) struct Listening {
    client: Client,
    patience: Patience,
    payloads: mpsc::UnboundedReceiver<String>,
    driver: JoinHandle<()>,
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
        hub: &Hub,
        patience: Patience,
    ) -> Result<Self, DistributionError> {
        let listening = Self::connect(server, patience).await?;
        hub.prime(listening.active_versions().await?);
        Ok(listening)
    }

    async fn connect(server: &Server, patience: Patience) -> Result<Self, DistributionError> {
        // As a whole: whoever takes the connection may still be silent.
        answered(patience, Self::connect_and_listen(server, patience)).await
    }

    async fn connect_and_listen(server: &Server, patience: Patience) -> Result<Self, DistributionError> {
        let mut server = server.clone();
        server.config.application_name(LISTENER_NAME);
        let (client, mut messages) = server.connect().await?;
        let (sender, payloads) = mpsc::unbounded_channel();
        let driver = tokio::spawn(async move {
            while let Some(Ok(message)) = messages.next().await {
                if let AsyncMessage::Notification(notification) = message
                    && sender.send(notification.payload().to_owned()).is_err()
                {
                    break;
                }
            }
        });
        let listening = Self { client, patience, payloads, driver };
        listening.client.batch_execute("LISTEN config_changed").await?;
        Ok(listening)
    }

    async fn active_versions(&self) -> Result<Vec<(AppId, EnvironmentId, ConfigVersion)>, DistributionError> {
        let sql = "SELECT app_id, environment_id, version FROM conman.active_config";
        let rows = answered(self.patience, async { Ok(self.client.query(sql, &[]).await?) }).await?;
        rows.iter()
            .map(|row| {
                let (app, environment): (uuid::Uuid, uuid::Uuid) = (row.get(0), row.get(1));
                Ok((app.into(), environment.into(), decode::version(row.get(2))?))
            })
            .collect()
    }

    /// Tells whatever became active unheard.
    async fn catch_up(&self, hub: &Hub) -> Result<(), DistributionError> {
        for (app_id, environment_id, version) in self.active_versions().await? {
            hub.tell(ConfigChanged { app_id, environment_id, version, changed: Vec::new(), truncated: true });
        }
        Ok(())
    }

    /// Tells of a change that was heard of, if the database agrees: anyone who may connect can send a payload, and a
    /// version that is not there would hide all that follow.
    async fn hear(&self, hub: &Hub, change: ConfigChanged) -> Result<(), DistributionError> {
        let sql = "SELECT version FROM conman.active_config WHERE app_id = $1 AND environment_id = $2";
        let (app, environment) = (change.app_id.uuid(), change.environment_id.uuid());
        let row =
            answered(self.patience, async { Ok(self.client.query_opt(sql, &[&app, &environment]).await?) })
                .await?;
        match row {
            Some(row) if decode::version(row.get(0))? >= change.version => hub.tell(change),
            Some(_) | None => tracing::warn!("a notification tells of a version that is not there"),
        }
        Ok(())
    }

    /// Tells what it hears, until the connection is lost or no longer answers.
    async fn follow(&mut self, hub: &Hub) -> DistributionError {
        let mut heartbeat = tokio::time::interval(self.patience.heartbeat);
        heartbeat.reset();
        loop {
            let outcome = tokio::select! {
                payload = self.payloads.recv() => match payload.as_deref().map(serde_json::from_str) {
                    Some(Ok(change)) => self.hear(hub, change).await,
                    // Somebody else's words on our channel: look for ourselves.
                    Some(Err(_)) => self.catch_up(hub).await,
                    None => {
                        let closed = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
                        Err(DistributionError::Unavailable(Box::new(closed)))
                    }
                },
                _ = heartbeat.tick() => self.catch_up(hub).await,
            };
            if let Err(error) = outcome {
                return error;
            }
        }
    }
}

/// Listens for as long as the process has the distribution database open.
pub(super) async fn run(server: Server, hub: Hub, first: Listening) {
    let patience = first.patience;
    let mut listening = first;
    loop {
        let lost = listening.follow(&hub).await;
        tracing::warn!(event = "listen_reconnect", error = %lost, "the listening connection was lost");
        drop(listening);
        listening = reconnect(&server, &hub, patience).await;
    }
}

async fn reconnect(server: &Server, hub: &Hub, patience: Patience) -> Listening {
    let mut pause = FIRST_PAUSE;
    loop {
        let attempt = async {
            let listening = Listening::connect(server, patience).await?;
            listening.catch_up(hub).await?;
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
        let hub = Hub::new();
        let patience = Patience { heartbeat: Duration::from_millis(300), answer: Duration::from_millis(300) };
        let listening = Listening::start(&through, &hub, patience).await.unwrap();
        let listener = tokio::spawn(run(through, hub.clone(), listening));
        let mut changes = hub.subscribe();
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
