//! The port over PostgreSQL.

use super::{activate, applications, history, listen, read, report, setup};
use crate::application::WorkerApplication;
use crate::changes::{Changes, Hub};
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
use std::collections::BTreeMap;
use tokio::task::JoinHandle;

#[derive(Debug)]
pub(crate) struct Postgres {
    pool: Pool,
    hub: Hub,
    listener: JoinHandle<()>,
}

impl Postgres {
    pub(crate) async fn open(url: &str) -> Result<Self, DistributionError> {
        let server = setup::server(url)?;
        let pool = setup::pool(&server)?;
        setup::migrate(&mut pool.get().await?).await?;
        let hub = Hub::new();
        let listening = listen::Listening::start(&server, &hub, listen::PATIENCE).await?;
        let listener = tokio::spawn(listen::run(server, hub.clone(), listening));
        Ok(Self { pool, hub, listener })
    }
}

impl Postgres {
    pub(super) async fn client(&self) -> Result<Object, DistributionError> {
        Ok(self.pool.get().await?)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.listener.abort();
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
        activate::activate(&mut self.pool.get().await?, &activation).await
    }

    async fn activate_parameters(
        &self,
        activation: ParameterActivation,
    ) -> Result<Activated, DistributionError> {
        activate::activate_parameters(&mut self.pool.get().await?, &activation).await
    }

    async fn active(
        &self,
        app: AppId,
        environment: EnvironmentId,
    ) -> Result<Option<ActiveConfig>, DistributionError> {
        read::active(&self.pool.get().await?, app, environment).await
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
        self.hub.subscribe()
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
}
