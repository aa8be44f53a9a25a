//! Straight from the distribution database: one connection that listens, reads and reports.

use crate::error::ConnectError;
use crate::inbox::Inbox;
use crate::options::Options;
use crate::server::{Messages, Server};
use crate::transport::{Delta, Fetched, Transport, TransportError};
use crate::wire::WorkerReport;
use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use conman_domain::Timestamp;
use conman_domain::id::{AppId, EnvironmentId};
use conman_domain::name::{ParameterName, ReleaseTag};
use conman_domain::path::RepoPath;
use conman_domain::snapshot::{ConfigVersion, ContentHash, Provenance, Snapshot, SnapshotParameter};
use futures::StreamExt;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Json;
use tokio_postgres::{AsyncMessage, Client, Row, Statement};

/// With more versions than this to catch up with, the whole snapshot is read instead.
const MOST_VERSIONS: i64 = 32;

/// What is newer than the applied version: one row per version, with everything that it changed.
const NEWER: &str = "SELECT version, base_version, release_tag, release_commit, tree_id, profile_revision, at,
        parameters::text, CASE WHEN files_added + files_changed + files_removed > 0 THEN files::text END AS files
    FROM conman.config_history WHERE app_id = $1 AND environment_id = $2 AND version > $3
    ORDER BY version LIMIT $4";

/// The active version alone.
const ACTIVE: &str = "SELECT version FROM conman.active_config WHERE app_id = $1 AND environment_id = $2";

/// The whole snapshot, in one statement and so as of one instant.
const WHOLE: &str =
    "SELECT version, release_tag, release_commit, tree_id, profile_revision, updated_at AS at,
        (SELECT coalesce(json_object_agg(e.name, json_build_object('value', e.value, 'type', e.type,
                'category', e.category, 'hot_reloadable', e.hot_reloadable)), '{}')::text
         FROM conman.active_config_entries e
         WHERE e.app_id = c.app_id AND e.environment_id = c.environment_id) AS parameters,
        (SELECT coalesce(json_object_agg(f.path, f.hash), '{}')::text
         FROM conman.active_config_files f
         WHERE f.app_id = c.app_id AND f.environment_id = c.environment_id) AS files
    FROM conman.active_config c WHERE app_id = $1 AND environment_id = $2";

const CONTENTS: &str = "SELECT hash, content FROM conman.config_blobs WHERE hash = ANY ($1)";

const REPORT: &str = "INSERT INTO conman.worker_sessions AS w (session_id, app_id, environment_id, name, library,
        started_at, version, release_tag, release_commit, tree_id, profile_revision, applied_at, last_notify_at,
        heartbeat_at, problem, stopped, pending, restart_required, refused_version, refused_reason, refused_at,
        stale, forbidden_applications, heard_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
        clock_timestamp())
    ON CONFLICT (session_id) DO UPDATE SET version = excluded.version, release_tag = excluded.release_tag,
        release_commit = excluded.release_commit, tree_id = excluded.tree_id,
        profile_revision = excluded.profile_revision, applied_at = excluded.applied_at,
        last_notify_at = excluded.last_notify_at, heartbeat_at = excluded.heartbeat_at,
        problem = excluded.problem, stopped = excluded.stopped, pending = excluded.pending,
        restart_required = excluded.restart_required, refused_version = excluded.refused_version,
        refused_reason = excluded.refused_reason, refused_at = excluded.refused_at, stale = excluded.stale,
        forbidden_applications = excluded.forbidden_applications, heard_at = excluded.heard_at
    WHERE w.app_id = excluded.app_id AND w.environment_id = excluded.environment_id";

pub(crate) struct Postgres {
    server: Server,
    app_id: AppId,
    environment_id: EnvironmentId,
    connection: Option<Connection>,
}

struct Connection {
    client: Client,
    inbox: Arc<Inbox>,
    driver: JoinHandle<()>,
    newer: Statement,
    report: Statement,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// The part of a notification that says whom it concerns.
#[derive(Deserialize)]
struct Hint {
    app_id: AppId,
    environment_id: EnvironmentId,
    version: ConfigVersion,
}

/// The part of a recorded change that leads forward.
#[derive(Deserialize)]
struct After<T> {
    after: Option<T>,
}

impl Postgres {
    pub(crate) fn new(
        url: &str,
        app_id: AppId,
        environment_id: EnvironmentId,
        options: &Options,
    ) -> Result<Self, ConnectError> {
        let mut server = Server::parse(url)?;
        let config = &mut server.config;
        if config.get_application_name().is_none() {
            config.application_name("conman worker");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(options.answer_within);
        }
        config
            .keepalives(true)
            .keepalives_idle(options.heartbeat.max(Duration::from_secs(1)))
            .tcp_user_timeout(options.heartbeat + options.answer_within);
        Ok(Self { server, app_id, environment_id, connection: None })
    }

    fn connection(&self) -> Result<&Connection, TransportError> {
        self.connection.as_ref().ok_or_else(|| TransportError::lost("there is no connection"))
    }

    async fn whole(&self) -> Result<Fetched, TransportError> {
        let connection = self.connection()?;
        let row = connection
            .client
            .query_opt(WHOLE, &[&self.app_id.uuid(), &self.environment_id.uuid()])
            .await
            .map_err(broken)?;
        let Some(row) = row else {
            return Ok(Fetched::Nothing);
        };
        Ok(Fetched::Whole(Box::new(Snapshot {
            app_id: self.app_id,
            environment_id: self.environment_id,
            provenance: provenance(&row)?,
            activated_at: Timestamp::new(row.get::<_, DateTime<Utc>>("at")),
            parameters: json(row.get("parameters"))?,
            files: json(row.get("files"))?,
        })))
    }

    /// Tells apart what the absence of newer versions can mean.
    async fn nothing_newer(&self, applied: ConfigVersion) -> Result<Fetched, TransportError> {
        let row = self
            .connection()?
            .client
            .query_opt(ACTIVE, &[&self.app_id.uuid(), &self.environment_id.uuid()])
            .await
            .map_err(broken)?;
        let active = match row {
            Some(row) => version(row.get(0))?,
            None => ConfigVersion::default(),
        };
        Ok(if active < applied { Fetched::Behind(active) } else { Fetched::Unchanged })
    }
}

#[async_trait]
impl Transport for Postgres {
    async fn connect(&mut self, applied: Option<ConfigVersion>) -> Result<(), TransportError> {
        self.connection = None;
        let (client, messages) = self.server.connect().await.map_err(broken)?;
        let inbox = Arc::new(Inbox::new(applied));
        let driver = tokio::spawn(drive(messages, Arc::clone(&inbox), self.app_id, self.environment_id));
        // LISTEN before anything is read: whatever commits from here on sends a hint.
        client.batch_execute("LISTEN config_changed").await.map_err(broken)?;
        let (newer, report) =
            futures::try_join!(client.prepare(NEWER), client.prepare(REPORT)).map_err(broken)?;
        self.connection = Some(Connection { client, inbox, driver, newer, report });
        Ok(())
    }

    async fn hint(&mut self) -> Result<(), TransportError> {
        if self.connection()?.inbox.next().await {
            Ok(())
        } else {
            Err(TransportError::lost("the database closed the connection"))
        }
    }

    async fn fetch(&mut self, applied: Option<ConfigVersion>) -> Result<Fetched, TransportError> {
        let Some(applied) = applied else {
            return self.whole().await;
        };
        let connection = self.connection()?;
        let rows = connection
            .client
            .query(
                &connection.newer,
                &[&self.app_id.uuid(), &self.environment_id.uuid(), &i64::from(applied.0), &MOST_VERSIONS],
            )
            .await
            .map_err(broken)?;
        let Some(last) = rows.last() else {
            return self.nothing_newer(applied).await;
        };
        if rows.len() as i64 == MOST_VERSIONS {
            return self.whole().await;
        }
        let (mut parameters, mut files) = (BTreeMap::new(), BTreeMap::new());
        let mut base = i64::from(applied.0);
        for row in &rows {
            // Each row says what it was built on: only an unbroken chain leads from here to there.
            if row.get::<_, i64>("base_version") != base {
                return self.whole().await;
            }
            base = row.get("version");
            let changed: BTreeMap<ParameterName, After<SnapshotParameter>> = json(row.get("parameters"))?;
            parameters.extend(changed.into_iter().map(|(name, change)| (name, change.after)));
            if let Some(text) = row.get("files") {
                let changed: BTreeMap<RepoPath, After<ContentHash>> = json(text)?;
                files.extend(changed.into_iter().map(|(path, change)| (path, change.after)));
            }
        }
        Ok(Fetched::Newer(Box::new(Delta {
            provenance: provenance(last)?,
            activated_at: Timestamp::new(last.get::<_, DateTime<Utc>>("at")),
            parameters,
            files,
        })))
    }

    async fn contents(
        &mut self,
        hashes: &[ContentHash],
    ) -> Result<Vec<(ContentHash, Bytes)>, TransportError> {
        let hashes: Vec<&str> = hashes.iter().map(ContentHash::as_str).collect();
        let rows = self.connection()?.client.query(CONTENTS, &[&hashes]).await.map_err(broken)?;
        Ok(rows
            .iter()
            .map(|row| {
                let (hash, content): (String, Vec<u8>) = (row.get(0), row.get(1));
                (ContentHash::from(hash), Bytes::from(content))
            })
            .collect())
    }

    async fn report(&mut self, report: &WorkerReport) -> Result<(), TransportError> {
        let connection = self.connection()?;
        let provenance = report.applied.as_ref().map(|applied| &applied.provenance);
        let refused = report.refused.as_ref();
        connection
            .client
            .execute(
                &connection.report,
                &[
                    &report.session_id.uuid(),
                    &self.app_id.uuid(),
                    &self.environment_id.uuid(),
                    &report.name,
                    &report.library,
                    &report.started_at.instant(),
                    &provenance.map(|p| i64::from(p.config_version.0)),
                    &provenance.map(|p| p.release_tag.as_str()),
                    &provenance.map(|p| p.release_commit.to_string()),
                    &provenance.map(|p| p.tree_id.to_string()),
                    &provenance.map(|p| i64::from(p.profile_revision)),
                    &report.applied.as_ref().map(|applied| applied.applied_at.instant()),
                    &report.last_notify_at.map(Timestamp::instant),
                    &report.heartbeat_at.instant(),
                    &report.problem,
                    &report.stopped,
                    &Json(&report.pending),
                    &Json(&report.restart_required),
                    &refused.map(|refused| i64::from(refused.version.0)),
                    &refused.map(|refused| refused.reason.as_str()),
                    &refused.map(|refused| refused.at.instant()),
                    &report.stale,
                    &i64::from(report.forbidden_applications),
                ],
            )
            .await
            .map_err(broken)?;
        Ok(())
    }

    fn hinted(&self) -> ConfigVersion {
        self.connection.as_ref().map(|connection| connection.inbox.newest()).unwrap_or_default()
    }

    fn applied(&mut self, version: ConfigVersion) {
        if let Some(connection) = &self.connection {
            connection.inbox.applied(version);
        }
    }
}

/// Moves the connection's bytes, and puts what concerns this environment into the inbox.
async fn drive(mut messages: Messages, inbox: Arc<Inbox>, app_id: AppId, environment_id: EnvironmentId) {
    while let Some(Ok(message)) = messages.next().await {
        if let AsyncMessage::Notification(notification) = message {
            match serde_json::from_str::<Hint>(notification.payload()) {
                Ok(hint) if hint.app_id == app_id && hint.environment_id == environment_id => {
                    inbox.hint(Some(hint.version));
                }
                Ok(_) => {}
                // Not understood, so perhaps ours.
                Err(_) => inbox.hint(None),
            }
        }
    }
    inbox.close();
}

/// Keeps of a database's complaint only what holds no row.
fn broken(error: tokio_postgres::Error) -> TransportError {
    let Some(fault) = error.as_db_error() else {
        return TransportError::lost(format!("the database is not reachable: {error}"));
    };
    let code = fault.code();
    let reason = format!("the database refused (SQLSTATE {})", code.code());
    let refusals = [
        SqlState::INVALID_PASSWORD,
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        SqlState::INSUFFICIENT_PRIVILEGE,
        SqlState::INVALID_CATALOG_NAME,
    ];
    if refusals.contains(code) {
        TransportError::Refused { reason }
    } else if matches!(code.code().get(..2), Some("22" | "23")) {
        TransportError::Unusable { reason }
    } else {
        TransportError::Lost { reason }
    }
}

fn provenance(row: &Row) -> Result<Provenance, TransportError> {
    let (commit, tree): (&str, &str) = (row.get("release_commit"), row.get("tree_id"));
    Ok(Provenance {
        release_tag: ReleaseTag::parse(row.get("release_tag")).map_err(|_| odd())?,
        release_commit: commit.parse().map_err(|_| odd())?,
        tree_id: tree.parse().map_err(|_| odd())?,
        profile_revision: version(row.get("profile_revision"))?.0,
        config_version: version(row.get("version"))?,
    })
}

fn version(number: i64) -> Result<ConfigVersion, TransportError> {
    u32::try_from(number).map(ConfigVersion).map_err(|_| odd())
}

fn json<T: DeserializeOwned>(text: &str) -> Result<T, TransportError> {
    serde_json::from_str(text).map_err(|_| odd())
}

fn odd() -> TransportError {
    TransportError::unusable("the database holds something that this worker does not understand")
}
