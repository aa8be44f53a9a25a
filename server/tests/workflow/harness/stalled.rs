//! A distribution database that takes a snapshot and never says so, as one does whose client is killed.

use async_trait::async_trait;
use bytes::Bytes;
use conman_distribution::{
    Activated, Activation, ActiveConfig, Changes, Distribution, DistributionError, HistoryPage, HistoryRow,
    WorkerReport, WorkerSession,
};
use conman_domain::id::{AppId, EnvironmentId};
use conman_domain::snapshot::{ContentHash, Snapshot};
use std::sync::Arc;
use tokio::sync::Notify;

/// Passes everything on but the answer to an activation.
pub(crate) struct Stalled {
    inner: Arc<dyn Distribution>,
    /// Whether the snapshot is written before the answer stays out.
    writes: bool,
    /// Told when an activation has come as far as it will.
    pub(crate) reached: Notify,
}

impl Stalled {
    /// Stalls before or after the snapshot is written.
    pub(crate) fn new(inner: Arc<dyn Distribution>, writes: bool) -> Arc<Self> {
        Arc::new(Self { inner, writes, reached: Notify::new() })
    }
}

#[async_trait]
impl Distribution for Stalled {
    async fn missing_blobs(&self, hashes: &[ContentHash]) -> Result<Vec<ContentHash>, DistributionError> {
        self.inner.missing_blobs(hashes).await
    }

    async fn put_blobs(&self, contents: Vec<Bytes>) -> Result<(), DistributionError> {
        self.inner.put_blobs(contents).await
    }

    async fn activate(&self, activation: Activation) -> Result<Activated, DistributionError> {
        if self.writes {
            self.inner.activate(activation).await?;
        }
        self.reached.notify_one();
        std::future::pending().await
    }

    async fn active(
        &self,
        app: AppId,
        environment: EnvironmentId,
    ) -> Result<Option<ActiveConfig>, DistributionError> {
        self.inner.active(app, environment).await
    }

    async fn snapshot(
        &self,
        app: AppId,
        environment: EnvironmentId,
    ) -> Result<Option<Snapshot>, DistributionError> {
        self.inner.snapshot(app, environment).await
    }

    async fn file(
        &self,
        app: AppId,
        environment: EnvironmentId,
        hash: &ContentHash,
    ) -> Result<Option<Bytes>, DistributionError> {
        self.inner.file(app, environment, hash).await
    }

    async fn history(
        &self,
        app: AppId,
        environment: EnvironmentId,
        page: u32,
        limit: u32,
    ) -> Result<HistoryPage, DistributionError> {
        self.inner.history(app, environment, page, limit).await
    }

    async fn history_of(&self, source_id: &str) -> Result<Option<HistoryRow>, DistributionError> {
        self.inner.history_of(source_id).await
    }

    fn subscribe(&self) -> Changes {
        self.inner.subscribe()
    }

    async fn report(
        &self,
        app: AppId,
        environment: EnvironmentId,
        report: WorkerReport,
    ) -> Result<(), DistributionError> {
        self.inner.report(app, environment, report).await
    }

    async fn workers(
        &self,
        app: AppId,
        environment: EnvironmentId,
    ) -> Result<Vec<WorkerSession>, DistributionError> {
        self.inner.workers(app, environment).await
    }

    async fn ping(&self) -> Result<(), DistributionError> {
        self.inner.ping().await
    }
}
