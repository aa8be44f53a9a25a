//! The port over SQLite.

use super::peek::Peek;
use super::{activate, applications, history, read, setup};
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
use parking_lot::Mutex;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Readers beyond these wait for a connection to be opened.
const IDLE_READERS: usize = 4;

#[derive(Debug)]
pub(crate) struct Sqlite {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
    peek: Peek,
    hub: Hub,
}

impl Sqlite {
    pub(crate) async fn open(path: &Path) -> Result<Self, DistributionError> {
        if path.as_os_str().is_empty() {
            return Err(DistributionError::Url { reason: "`sqlite:` needs the path of a file".to_owned() });
        }
        let path = path.to_owned();
        let inner = blocking(move || {
            let writer = setup::open_writer(&path)?;
            let hub = Hub::new();
            hub.prime(read::active_versions(&writer)?);
            let peek = Peek::open(&path)?;
            Ok(Inner { path, writer: Mutex::new(writer), readers: Mutex::default(), peek, hub })
        })
        .await?;
        Ok(Self { inner: Arc::new(inner) })
    }

    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection, &Hub) -> Result<T, DistributionError> + Send + 'static,
    ) -> Result<T, DistributionError> {
        let inner = Arc::clone(&self.inner);
        blocking(move || work(&mut inner.writer.lock(), &inner.hub)).await
    }

    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, DistributionError> + Send + 'static,
    ) -> Result<T, DistributionError> {
        let inner = Arc::clone(&self.inner);
        blocking(move || {
            let idle = inner.readers.lock().pop();
            let mut connection = match idle {
                Some(connection) => connection,
                None => setup::open_reader(&inner.path)?,
            };
            let result = work(&mut connection);
            let mut readers = inner.readers.lock();
            if readers.len() < IDLE_READERS {
                readers.push(connection);
            }
            result
        })
        .await
    }
}

/// Runs blocking work to its end, also if the caller stops waiting for it.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DistributionError> + Send + 'static,
) -> Result<T, DistributionError> {
    tokio::task::spawn_blocking(work).await.map_err(DistributionError::Interrupted)?
}

#[async_trait]
impl Distribution for Sqlite {
    async fn missing_blobs(&self, hashes: &[ContentHash]) -> Result<Vec<ContentHash>, DistributionError> {
        let hashes = hashes.to_vec();
        self.read(move |connection| read::missing_blobs(connection, &hashes)).await
    }

    async fn put_blobs(&self, contents: Vec<Bytes>) -> Result<(), DistributionError> {
        self.write(move |connection, _| activate::put_blobs(connection, &contents)).await
    }

    async fn activate(&self, activation: Activation) -> Result<Activated, DistributionError> {
        activation.check()?;
        self.write(move |connection, hub| activate::activate(connection, hub, &activation)).await
    }

    async fn activate_parameters(
        &self,
        activation: ParameterActivation,
    ) -> Result<Activated, DistributionError> {
        self.write(move |connection, hub| activate::activate_parameters(connection, hub, &activation)).await
    }

    async fn active(
        &self,
        app: AppId,
        environment: EnvironmentId,
    ) -> Result<Option<ActiveConfig>, DistributionError> {
        self.read(move |connection| read::active(connection, app, environment)).await
    }

    fn version_at_hand(&self, app: AppId, environment: EnvironmentId) -> Option<ConfigVersion> {
        self.inner.peek.version(app, environment)?
    }

    async fn snapshot(
        &self,
        app: AppId,
        environment: EnvironmentId,
    ) -> Result<Option<Snapshot>, DistributionError> {
        self.read(move |connection| read::snapshot(connection, app, environment)).await
    }

    async fn file(
        &self,
        app: AppId,
        environment: EnvironmentId,
        hash: &ContentHash,
    ) -> Result<Option<Bytes>, DistributionError> {
        let hash = hash.clone();
        self.read(move |connection| read::file(connection, app, environment, &hash)).await
    }

    async fn history(
        &self,
        app: AppId,
        environment: EnvironmentId,
        page: u32,
        limit: u32,
    ) -> Result<HistoryPage, DistributionError> {
        self.read(move |connection| history::history(connection, app, environment, page, limit)).await
    }

    async fn history_row(
        &self,
        app: AppId,
        environment: EnvironmentId,
        version: ConfigVersion,
    ) -> Result<Option<HistoryRow>, DistributionError> {
        self.read(move |connection| history::history_row(connection, app, environment, version)).await
    }

    async fn activated_at(
        &self,
        app: AppId,
        environment: EnvironmentId,
        versions: &[ConfigVersion],
    ) -> Result<BTreeMap<ConfigVersion, Timestamp>, DistributionError> {
        let versions = versions.to_vec();
        self.read(move |connection| history::activated_at(connection, app, environment, &versions)).await
    }

    async fn history_at(
        &self,
        app: AppId,
        environment: EnvironmentId,
        at: Timestamp,
    ) -> Result<Option<HistoryRow>, DistributionError> {
        self.read(move |connection| history::history_at(connection, app, environment, at)).await
    }

    async fn history_of_parameter(
        &self,
        app: AppId,
        environment: EnvironmentId,
        name: &ParameterName,
        page: u32,
        limit: u32,
    ) -> Result<HistoryPage, DistributionError> {
        let name = name.clone();
        self.read(move |connection| {
            history::history_of_parameter(connection, app, environment, &name, page, limit)
        })
        .await
    }

    async fn changes_of_parameter(
        &self,
        app: AppId,
        environment: EnvironmentId,
        name: &ParameterName,
        after: ConfigVersion,
    ) -> Result<Vec<HistoryRow>, DistributionError> {
        let name = name.clone();
        let read = move |connection: &mut _| {
            history::changes_of_parameter(connection, app, environment, &name, after)
        };
        self.read(read).await
    }

    async fn parameters_at(
        &self,
        app: AppId,
        environment: EnvironmentId,
        version: ConfigVersion,
    ) -> Result<Option<BTreeMap<ParameterName, SnapshotParameter>>, DistributionError> {
        self.read(move |connection| history::parameters_at(connection, app, environment, version)).await
    }

    async fn history_of(&self, source_id: &str) -> Result<Option<HistoryRow>, DistributionError> {
        let source_id = source_id.to_owned();
        self.read(move |connection| history::history_of(connection, &source_id)).await
    }

    fn subscribe(&self) -> Changes {
        self.inner.hub.subscribe()
    }

    async fn report(
        &self,
        app: AppId,
        environment: EnvironmentId,
        report: WorkerReport,
    ) -> Result<(), DistributionError> {
        let report = report.tamed();
        self.write(move |connection, _| activate::report(connection, app, environment, &report)).await
    }

    async fn workers(
        &self,
        app: AppId,
        environment: EnvironmentId,
    ) -> Result<Vec<WorkerSession>, DistributionError> {
        self.read(move |connection| read::workers(connection, app, environment)).await
    }

    async fn applications(
        &self,
        app: AppId,
        environment: EnvironmentId,
        version: ConfigVersion,
    ) -> Result<Vec<WorkerApplication>, DistributionError> {
        self.read(move |connection| applications::of_version(connection, app, environment, version)).await
    }

    async fn applications_since(
        &self,
        instant: Timestamp,
    ) -> Result<Vec<WorkerApplication>, DistributionError> {
        self.read(move |connection| applications::since(connection, instant)).await
    }

    async fn active_versions(&self) -> Result<Vec<(AppId, EnvironmentId, ConfigVersion)>, DistributionError> {
        self.read(|connection| read::active_versions(connection)).await
    }

    async fn ping(&self) -> Result<(), DistributionError> {
        self.read(|connection| Ok(connection.query_row("SELECT 1", [], |_| Ok(()))?)).await
    }
}
