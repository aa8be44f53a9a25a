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

/// How often the connection is asked whether it is alive, and how long it has for an answer.
const HEARTBEAT: Duration = Duration::from_secs(30);
const ANSWER: Duration = Duration::from_secs(10);

/// How the connection shows in `pg_stat_activity`.
const LISTENER_NAME: &str = "conman listener";

/// Pauses between attempts to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A connection that listens already.
pub(super) struct Listening {
    client: Client,
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
    pub(super) async fn start(server: &Server, hub: &Hub) -> Result<Self, DistributionError> {
        let listening = Self::connect(server).await?;
        hub.prime(listening.active_versions().await?);
        Ok(listening)
    }

    async fn connect(server: &Server) -> Result<Self, DistributionError> {
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
        let listening = Self { client, payloads, driver };
        listening.client.batch_execute("LISTEN config_changed").await?;
        Ok(listening)
    }

    async fn active_versions(&self) -> Result<Vec<(AppId, EnvironmentId, ConfigVersion)>, DistributionError> {
        let sql = "SELECT app_id, environment_id, version FROM conman.active_config";
        let rows = tokio::time::timeout(ANSWER, self.client.query(sql, &[]))
            .await
            .map_err(|elapsed| DistributionError::Unavailable(Box::new(elapsed)))??;
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
        let row = tokio::time::timeout(ANSWER, self.client.query_opt(sql, &[&app, &environment]))
            .await
            .map_err(|elapsed| DistributionError::Unavailable(Box::new(elapsed)))??;
        match row {
            Some(row) if decode::version(row.get(0))? >= change.version => hub.tell(change),
            Some(_) | None => tracing::warn!("a notification tells of a version that is not there"),
        }
        Ok(())
    }

    /// Tells what it hears, until the connection is lost or no longer answers.
    async fn follow(&mut self, hub: &Hub) -> DistributionError {
        let mut heartbeat = tokio::time::interval_at(tokio::time::Instant::now() + HEARTBEAT, HEARTBEAT);
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
    let mut listening = first;
    loop {
        let lost = listening.follow(&hub).await;
        tracing::warn!(event = "listen_reconnect", error = %lost, "the listening connection was lost");
        drop(listening);
        listening = reconnect(&server, &hub).await;
    }
}

async fn reconnect(server: &Server, hub: &Hub) -> Listening {
    let mut pause = FIRST_PAUSE;
    loop {
        let attempt = async {
            let listening = Listening::connect(server).await?;
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
