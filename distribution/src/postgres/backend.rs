//! The port over PostgreSQL.

use super::lease::LONGEST_LEASE;
use super::listen::{self, Listeners, Listening};
use super::readers::{self, Expected, Made};
use super::server::Server;
use super::{activate, applications, history, read, report, setup};
use crate::application::WorkerApplication;
use crate::changes::{Changes, ConfigChanged, Notice};
use crate::error::DistributionError;
use crate::model::{
    Activated, Activation, ActiveConfig, HistoryPage, HistoryRow, ParameterActivation, WorkerReport,
    WorkerSession,
};
use crate::port::Distribution;
use async_trait::async_trait;
use bytes::Bytes;
use conman_domain::Timestamp;
use conman_domain::id::{AppId, EnvironmentId};
use conman_domain::name::ParameterName;
use conman_domain::snapshot::{ConfigVersion, ContentHash, Snapshot, SnapshotParameter};
use deadpool_postgres::{Object, Pool};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

#[derive(Debug)]
pub(crate) struct Postgres {
    pool: Pool,
    listeners: Listeners,
    listener: Mutex<Option<Listener>>,
}

/// The task that listens, until it is told to leave or the sender is gone.
#[derive(Debug)]
struct Listener {
    leave: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Postgres {
    pub(crate) async fn open(url: &str) -> Result<Self, DistributionError> {
        let server = setup::server(url)?;
        let pool = setup::pool(&server)?;
        setup::migrate(&mut pool.get().await?).await?;
        let listeners = Listeners::new();
        let first = Listening::start(&server, &listeners, listen::PATIENCE).await?;
        let (leave, left) = oneshot::channel();
        let task = tokio::spawn(listen_until(left, server, listeners.clone(), first, pool.clone()));
        Ok(Self { pool, listeners, listener: Mutex::new(Some(Listener { leave, task })) })
    }

    pub(super) async fn client(&self) -> Result<Object, DistributionError> {
        Ok(self.pool.get().await?)
    }

    /// Answers what an activation brought once no server tells of what was active before.
    async fn known_everywhere(
        &self,
        expected: Expected,
        outcome: Activated,
    ) -> Result<Activated, DistributionError> {
        let Made { app_id, environment_id, version } = expected.made();
        let active = match outcome {
            Activated::Applied { .. } | Activated::AlreadyApplied { .. } => version,
            Activated::Superseded { active } => active,
        };
        self.listeners.lease.raise(app_id, environment_id, active);
        let expected = match outcome {
            Activated::Applied { .. } => expected,
            // Whoever made it active may have been stopped before they had waited.
            Activated::AlreadyApplied { .. } | Activated::Superseded { .. } => {
                let again = self.listeners.hearings.expect(Made { app_id, environment_id, version: active });
                self.remind(again.made()).await?;
                again
            }
        };
        readers::wait(&self.pool, self.listeners.server, expected).await?;
        Ok(outcome)
    }

    /// Lets every reader hear once more of what is active.
    async fn remind(&self, made: Made) -> Result<(), DistributionError> {
        let Made { app_id, environment_id, version } = made;
        let change = ConfigChanged { app_id, environment_id, version, changed: Vec::new(), truncated: true };
        let payload = Notice { change, by: Some(self.listeners.server) }.payload();
        self.pool.get().await?.execute("SELECT pg_notify('config_changed', $1)", &[&payload]).await?;
        Ok(())
    }
}

async fn listen_until(
    left: oneshot::Receiver<()>,
    server: Server,
    listeners: Listeners,
    first: Listening,
    pool: Pool,
) {
    tokio::select! {
        () = listen::run(server, listeners.clone(), first) => {}
        _ = left => {}
    }
    listeners.lease.end();
    let go = async { readers::go(&pool.get().await?, listeners.server).await };
    if let Ok(Err(error)) = tokio::time::timeout(LONGEST_LEASE, go).await {
        tracing::debug!(%error, "this server did not say that it goes");
    }
}

#[async_trait]
impl Distribution for Postgres {
    async fn missing_blobs(&self, hashes: &[ContentHash]) -> Result<Vec<ContentHash>, DistributionError> {
        read::missing_blobs(&self.pool.get().await?, hashes).await
    }

    async fn put_blobs(&self, contents: Vec<Bytes>) -> Result<(), DistributionError> {
        activate::put_blobs(&self.pool.get().await?, contents).await
    }

    async fn activate(&self, activation: Activation) -> Result<Activated, DistributionError> {
        activation.check()?;
        let expected = self.listeners.hearings.expect(Made {
            app_id: activation.app_id,
            environment_id: activation.environment_id,
            version: activation.provenance.config_version,
        });
        let mut client = self.pool.get().await?;
        let outcome = activate::activate(&mut client, &activation, self.listeners.server).await?;
        drop(client);
        self.known_everywhere(expected, outcome).await
    }

    async fn activate_parameters(
        &self,
        activation: ParameterActivation,
    ) -> Result<Activated, DistributionError> {
        let expected = self.listeners.hearings.expect(Made {
            app_id: activation.app_id,
            environment_id: activation.environment_id,
            version: activation.config_version,
        });
        let mut client = self.pool.get().await?;
        let outcome = activate::activate_parameters(&mut client, &activation, self.listeners.server).await?;
        drop(client);
        self.known_everywhere(expected, outcome).await
    }

    async fn active(
        &self,
        app: AppId,
        environment: EnvironmentId,
    ) -> Result<Option<ActiveConfig>, DistributionError> {
        read::active(&self.pool.get().await?, app, environment).await
    }

    fn version_at_hand(&self, app: AppId, environment: EnvironmentId) -> Option<ConfigVersion> {
        self.listeners.lease.version(app, environment)
    }

    async fn snapshot(
        &self,
        app: AppId,
        environment: EnvironmentId,
    ) -> Result<Option<Snapshot>, DistributionError> {
        read::snapshot(&self.pool.get().await?, app, environment).await
    }

    async fn file(
        &self,
        app: AppId,
        environment: EnvironmentId,
        hash: &ContentHash,
    ) -> Result<Option<Bytes>, DistributionError> {
        read::file(&self.pool.get().await?, app, environment, hash).await
    }

    async fn history(
        &self,
        app: AppId,
        environment: EnvironmentId,
        page: u32,
        limit: u32,
    ) -> Result<HistoryPage, DistributionError> {
        history::history(&mut self.pool.get().await?, app, environment, page, limit).await
    }

    async fn history_row(
        &self,
        app: AppId,
        environment: EnvironmentId,
        version: ConfigVersion,
    ) -> Result<Option<HistoryRow>, DistributionError> {
        history::history_row(&self.pool.get().await?, app, environment, version).await
    }

    async fn activated_at(
        &self,
        app: AppId,
        environment: EnvironmentId,
        versions: &[ConfigVersion],
    ) -> Result<BTreeMap<ConfigVersion, Timestamp>, DistributionError> {
        history::activated_at(&self.pool.get().await?, app, environment, versions).await
    }

    async fn history_at(
        &self,
        app: AppId,
        environment: EnvironmentId,
        at: Timestamp,
    ) -> Result<Option<HistoryRow>, DistributionError> {
        history::history_at(&self.pool.get().await?, app, environment, at).await
    }

    async fn history_of_parameter(
        &self,
        app: AppId,
        environment: EnvironmentId,
        name: &ParameterName,
        page: u32,
        limit: u32,
    ) -> Result<HistoryPage, DistributionError> {
        history::history_of_parameter(&mut self.pool.get().await?, app, environment, name, page, limit).await
    }

    async fn changes_of_parameter(
        &self,
        app: AppId,
        environment: EnvironmentId,
        name: &ParameterName,
        after: ConfigVersion,
    ) -> Result<Vec<HistoryRow>, DistributionError> {
        history::changes_of_parameter(&self.pool.get().await?, app, environment, name, after).await
    }

    async fn parameters_at(
        &self,
        app: AppId,
        environment: EnvironmentId,
        version: ConfigVersion,
    ) -> Result<Option<BTreeMap<ParameterName, SnapshotParameter>>, DistributionError> {
        history::parameters_at(&mut self.pool.get().await?, app, environment, version).await
    }

    async fn history_of(&self, source_id: &str) -> Result<Option<HistoryRow>, DistributionError> {
        history::history_of(&self.pool.get().await?, source_id).await
    }

    fn subscribe(&self) -> Changes {
        self.listeners.hub.subscribe()
    }

    async fn report(
        &self,
        app: AppId,
        environment: EnvironmentId,
        report: WorkerReport,
    ) -> Result<(), DistributionError> {
        let report = report.tamed();
        report::report(&self.pool.get().await?, app, environment, &report).await
    }

    async fn workers(
        &self,
        app: AppId,
        environment: EnvironmentId,
    ) -> Result<Vec<WorkerSession>, DistributionError> {
        report::workers(&self.pool.get().await?, app, environment).await
    }

    async fn applications(
        &self,
        app: AppId,
        environment: EnvironmentId,
        version: ConfigVersion,
    ) -> Result<Vec<WorkerApplication>, DistributionError> {
        applications::of_version(&self.pool.get().await?, app, environment, version).await
    }

    async fn applications_since(
        &self,
        instant: Timestamp,
    ) -> Result<Vec<WorkerApplication>, DistributionError> {
        applications::since(&self.pool.get().await?, instant).await
    }

    async fn active_versions(&self) -> Result<Vec<(AppId, EnvironmentId, ConfigVersion)>, DistributionError> {
        read::active_versions(&self.pool.get().await?).await
    }

    async fn ping(&self) -> Result<(), DistributionError> {
        Ok(self.pool.get().await?.batch_execute("").await?)
    }
    async fn close(&self) {
        let listener = self.listener.lock().take();
        if let Some(Listener { leave, task }) = listener {
            drop(leave);
            if let Err(error) = task.await {
                tracing::debug!(%error, "the listener had ended");
            }
        }
    }
}
