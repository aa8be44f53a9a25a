//! A distribution database that gets into trouble with an activation.

use async_trait::async_trait;
use bytes::Bytes;
use conman_distribution::{
    Activated, Activation, ActiveConfig, Changes, Distribution, DistributionError, FrozenSet, HistoryPage,
    HistoryRow, NewRun, ParameterActivation, RowsPage, RunEnding, RunFilter, RunRegistry, SetReferences,
    SetSummary, WorkerApplication, WorkerReport, WorkerSession,
};
use conman_domain::Timestamp;
use conman_domain::id::{AppId, EnvironmentId, RunId};
use conman_domain::name::ParameterName;
use conman_domain::parameter_set::ParameterSet;
use conman_domain::run::Run;
use conman_domain::snapshot::{ConfigVersion, ContentHash, Snapshot, SnapshotParameter};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::Notify;

/// What happens to an activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It never comes to an end, as for one whose process is killed.
    Stalls,
    /// It breaks, so many times.
    Breaks(u32),
}

/// Passes everything on but the answer to an activation.
pub(crate) struct Troubled {
    inner: Arc<dyn Distribution>,
    trouble: Trouble,
    /// Whether the snapshot is written before the trouble begins.
    writes: bool,
    broken: AtomicU32,
    /// Told when an activation has come as far as it will.
    pub(crate) reached: Notify,
}

impl Troubled {
    /// Gets into trouble before or after the snapshot is written.
    pub(crate) fn new(inner: Arc<dyn Distribution>, trouble: Trouble, writes: bool) -> Arc<Self> {
        Arc::new(Self { inner, trouble, writes, broken: AtomicU32::new(0), reached: Notify::new() })
    }

    async fn fails(&self) -> Result<Activated, DistributionError> {
        self.reached.notify_one();
        match self.trouble {
            Trouble::Stalls => std::future::pending().await,
            Trouble::Breaks(_) => Err(DistributionError::Url { reason: "the line is cut".to_owned() }),
        }
    }
}

#[async_trait]
impl Distribution for Troubled {
    async fn missing_blobs(&self, hashes: &[ContentHash]) -> Result<Vec<ContentHash>, DistributionError> {
        self.inner.missing_blobs(hashes).await
    }

    async fn put_blobs(&self, contents: Vec<Bytes>) -> Result<(), DistributionError> {
        self.inner.put_blobs(contents).await
    }

    async fn activate(&self, activation: Activation) -> Result<Activated, DistributionError> {
        if let Trouble::Breaks(times) = self.trouble
            && self.broken.fetch_add(1, Ordering::Relaxed) >= times
        {
            return self.inner.activate(activation).await;
        }
        if self.writes {
            self.inner.activate(activation).await?;
        }
        self.fails().await
    }

    async fn activate_parameters(
        &self,
        activation: ParameterActivation,
    ) -> Result<Activated, DistributionError> {
        if let Trouble::Breaks(times) = self.trouble
            && self.broken.fetch_add(1, Ordering::Relaxed) >= times
        {
            return self.inner.activate_parameters(activation).await;
        }
        if self.writes {
            self.inner.activate_parameters(activation).await?;
        }
        self.fails().await
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

    async fn history_row(
        &self,
        app: AppId,
        environment: EnvironmentId,
        version: ConfigVersion,
    ) -> Result<Option<HistoryRow>, DistributionError> {
        self.inner.history_row(app, environment, version).await
    }

    async fn activated_at(
        &self,
        app: AppId,
        environment: EnvironmentId,
        versions: &[ConfigVersion],
    ) -> Result<BTreeMap<ConfigVersion, Timestamp>, DistributionError> {
        self.inner.activated_at(app, environment, versions).await
    }

    async fn history_at(
        &self,
        app: AppId,
        environment: EnvironmentId,
        at: Timestamp,
    ) -> Result<Option<HistoryRow>, DistributionError> {
        self.inner.history_at(app, environment, at).await
    }

    async fn history_of_parameter(
        &self,
        app: AppId,
        environment: EnvironmentId,
        name: &ParameterName,
        page: u32,
        limit: u32,
    ) -> Result<HistoryPage, DistributionError> {
        self.inner.history_of_parameter(app, environment, name, page, limit).await
    }

    async fn changes_of_parameter(
        &self,
        app: AppId,
        environment: EnvironmentId,
        name: &ParameterName,
        after: ConfigVersion,
    ) -> Result<Vec<HistoryRow>, DistributionError> {
        self.inner.changes_of_parameter(app, environment, name, after).await
    }

    async fn parameters_at(
        &self,
        app: AppId,
        environment: EnvironmentId,
        version: ConfigVersion,
    ) -> Result<Option<BTreeMap<ParameterName, SnapshotParameter>>, DistributionError> {
        self.inner.parameters_at(app, environment, version).await
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

    async fn applications(
        &self,
        app: AppId,
        environment: EnvironmentId,
        version: ConfigVersion,
    ) -> Result<Vec<WorkerApplication>, DistributionError> {
        self.inner.applications(app, environment, version).await
    }

    async fn applications_since(
        &self,
        instant: Timestamp,
    ) -> Result<Vec<WorkerApplication>, DistributionError> {
        self.inner.applications_since(instant).await
    }

    async fn active_versions(&self) -> Result<Vec<(AppId, EnvironmentId, ConfigVersion)>, DistributionError> {
        self.inner.active_versions().await
    }

    async fn ping(&self) -> Result<(), DistributionError> {
        self.inner.ping().await
    }
}

#[async_trait]
impl RunRegistry for Troubled {
    async fn freeze(
        &self,
        set: &ParameterSet,
        frozen_by: &str,
    ) -> Result<(FrozenSet, bool), DistributionError> {
        self.inner.freeze(set, frozen_by).await
    }

    async fn parameter_set(
        &self,
        app: AppId,
        hash: &ContentHash,
    ) -> Result<Option<FrozenSet>, DistributionError> {
        self.inner.parameter_set(app, hash).await
    }

    async fn parameter_sets(
        &self,
        app: AppId,
        environment: Option<EnvironmentId>,
        page: u32,
        limit: u32,
    ) -> Result<RowsPage<SetSummary>, DistributionError> {
        self.inner.parameter_sets(app, environment, page, limit).await
    }

    async fn sets_referring_to(
        &self,
        app: AppId,
        names: &[ParameterName],
    ) -> Result<BTreeMap<ParameterName, SetReferences>, DistributionError> {
        self.inner.sets_referring_to(app, names).await
    }

    async fn register_run(&self, run: NewRun) -> Result<Option<Run>, DistributionError> {
        self.inner.register_run(run).await
    }

    async fn end_run(
        &self,
        app: AppId,
        id: RunId,
        ending: RunEnding,
    ) -> Result<Option<Run>, DistributionError> {
        self.inner.end_run(app, id, ending).await
    }

    async fn run(&self, app: AppId, id: RunId) -> Result<Option<Run>, DistributionError> {
        self.inner.run(app, id).await
    }

    async fn runs(
        &self,
        app: AppId,
        filter: &RunFilter,
        page: u32,
        limit: u32,
    ) -> Result<RowsPage<Run>, DistributionError> {
        self.inner.runs(app, filter, page, limit).await
    }
}
