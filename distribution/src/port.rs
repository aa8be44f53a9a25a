//! The port, and how to get one.

use crate::application::WorkerApplication;
use crate::changes::Changes;
use crate::error::DistributionError;
use crate::model::{
    Activated, Activation, ActiveConfig, HistoryPage, HistoryRow, ParameterActivation, WorkerReport,
    WorkerSession,
};
use crate::runs::RunRegistry;
use crate::{postgres, sqlite};
use async_trait::async_trait;
use bytes::Bytes;
use conman_domain::Timestamp;
use conman_domain::id::{AppId, EnvironmentId};
use conman_domain::name::ParameterName;
use conman_domain::snapshot::{ConfigVersion, ContentHash, Snapshot, SnapshotParameter};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The names of the fault points in [`Distribution::activate`] and [`Distribution::activate_parameters`], armed with the feature `failpoints`.
///
/// Both lie on the way of a first application only: before the commit nothing is there, after it everything is, and
/// the caller has not been answered.
pub const FAULT_POINTS: [&str; 2] =
    ["distribution.activate.before_commit", "distribution.activate.after_commit"];

/// The longest page of history, in rows.
pub(crate) const MAX_PAGE: u32 = 200;

/// How many versions back an environment's replaced files can still be read.
pub(crate) const RECENT_VERSIONS: u32 = 10;

/// Keeps what every environment runs, and tells who listens when it changes.
#[async_trait]
pub trait Distribution: RunRegistry + Send + Sync {
    /// Names those of the hashes whose contents the database lacks, each once, in no particular order.
    async fn missing_blobs(&self, hashes: &[ContentHash]) -> Result<Vec<ContentHash>, DistributionError>;

    /// Stores contents under their hashes; what is there already stays as it is.
    ///
    /// Nobody can read a content before an environment's configuration refers to it.
    async fn put_blobs(&self, contents: Vec<Bytes>) -> Result<(), DistributionError>;

    /// Makes a snapshot the active one, in one transaction with its history row and its notification.
    ///
    /// Once per source id: a second call, also a concurrent one, changes nothing. After an error that
    /// [is transient](DistributionError::is_transient) the outcome is unknown; calling again settles it.
    async fn activate(&self, activation: Activation) -> Result<Activated, DistributionError>;

    /// Makes other values of parameters active, in one transaction with their history row and their notification.
    ///
    /// The release, its files and its catalog stay. Once per source id, as [`Distribution::activate`]; refused with
    /// [`DistributionError::WrongBase`] where another version is active than the one that the change is based on.
    async fn activate_parameters(
        &self,
        activation: ParameterActivation,
    ) -> Result<Activated, DistributionError>;

    /// Says what an environment runs; `None` before its first activation.
    async fn active(
        &self,
        app: AppId,
        environment: EnvironmentId,
    ) -> Result<Option<ActiveConfig>, DistributionError>;

    /// The version of [`Distribution::active`], where it can be told without waiting; `None` where it must be asked.
    ///
    /// It is as new as every activation that was answered, by any server, before this is called.
    fn version_at_hand(&self, _app: AppId, _environment: EnvironmentId) -> Option<ConfigVersion> {
        None
    }

    /// Reads the whole active configuration as of one instant; `None` before the first activation.
    async fn snapshot(
        &self,
        app: AppId,
        environment: EnvironmentId,
    ) -> Result<Option<Snapshot>, DistributionError>;

    /// Reads the content behind a hash, if this environment runs it or did in one of its last ten versions.
    async fn file(
        &self,
        app: AppId,
        environment: EnvironmentId,
        hash: &ContentHash,
    ) -> Result<Option<Bytes>, DistributionError>;

    /// Reads an environment's history, newest first; pages count from 1, `limit` is at most 200.
    async fn history(
        &self,
        app: AppId,
        environment: EnvironmentId,
        page: u32,
        limit: u32,
    ) -> Result<HistoryPage, DistributionError>;

    /// Finds the history row of a version.
    async fn history_row(
        &self,
        app: AppId,
        environment: EnvironmentId,
        version: ConfigVersion,
    ) -> Result<Option<HistoryRow>, DistributionError>;

    /// Tells when versions of an environment became active; what never did is left out.
    async fn activated_at(
        &self,
        app: AppId,
        environment: EnvironmentId,
        versions: &[ConfigVersion],
    ) -> Result<BTreeMap<ConfigVersion, Timestamp>, DistributionError>;

    /// Finds the history row of the version that was active at an instant; `None` before the first.
    async fn history_at(
        &self,
        app: AppId,
        environment: EnvironmentId,
        at: Timestamp,
    ) -> Result<Option<HistoryRow>, DistributionError>;

    /// Reads the history rows that changed one parameter, oldest first; pages as in [`Distribution::history`].
    async fn history_of_parameter(
        &self,
        app: AppId,
        environment: EnvironmentId,
        name: &ParameterName,
        page: u32,
        limit: u32,
    ) -> Result<HistoryPage, DistributionError>;

    /// Reads the next history rows that changed one parameter after a version, oldest first: at most 200.
    async fn changes_of_parameter(
        &self,
        app: AppId,
        environment: EnvironmentId,
        name: &ParameterName,
        after: ConfigVersion,
    ) -> Result<Vec<HistoryRow>, DistributionError>;

    /// Reads every parameter as it was at a version; `None` if the environment never ran that version.
    async fn parameters_at(
        &self,
        app: AppId,
        environment: EnvironmentId,
        version: ConfigVersion,
    ) -> Result<Option<BTreeMap<ParameterName, SnapshotParameter>>, DistributionError>;

    /// Finds the history row of a source id: there exactly if that activation was applied.
    async fn history_of(&self, source_id: &str) -> Result<Option<HistoryRow>, DistributionError>;

    /// Hears of every activation from now on, of all apps and environments, after it can be read.
    ///
    /// One that was read just before may still be told.
    fn subscribe(&self) -> Changes;

    /// Writes down what a worker of this environment says of itself.
    async fn report(
        &self,
        app: AppId,
        environment: EnvironmentId,
        report: WorkerReport,
    ) -> Result<(), DistributionError>;

    /// Reads the latest reports of an environment's worker sessions, by name and start.
    ///
    /// Sessions that were not heard of for seven days are forgotten when the next one begins.
    async fn workers(
        &self,
        app: AppId,
        environment: EnvironmentId,
    ) -> Result<Vec<WorkerSession>, DistributionError>;

    /// Reads which worker sessions ran a version of an environment, the first one first.
    ///
    /// Whichever way a worker reports, the database writes this down; it keeps it for ninety days.
    async fn applications(
        &self,
        app: AppId,
        environment: EnvironmentId,
        version: ConfigVersion,
    ) -> Result<Vec<WorkerApplication>, DistributionError>;

    /// Reads what was applied from an instant on, by the database's clock, in all environments; the first 5,000.
    async fn applications_since(
        &self,
        instant: Timestamp,
    ) -> Result<Vec<WorkerApplication>, DistributionError>;

    /// Names the version that every environment runs.
    async fn active_versions(&self) -> Result<Vec<(AppId, EnvironmentId, ConfigVersion)>, DistributionError>;

    /// Succeeds if the database answers.
    async fn ping(&self) -> Result<(), DistributionError>;

    /// Lets go of the database, so that other servers do not wait for this one. Versions are not at hand any more, and
    /// nothing more is heard; all else still works.
    async fn close(&self) {}
}

/// Opens the distribution database behind a URL, `postgres://…` or `sqlite:PATH`, and brings its tables up to date.
///
/// Several servers may open the same PostgreSQL at once.
pub async fn open(url: &str) -> Result<Arc<dyn Distribution>, DistributionError> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(Arc::new(postgres::Postgres::open(url).await?));
    }
    if let Some(path) = url.strip_prefix("sqlite:") {
        return Ok(Arc::new(sqlite::Sqlite::open(path.as_ref()).await?));
    }
    Err(DistributionError::Url { reason: "it begins with neither".to_owned() })
}

/// Makes an empty PostgreSQL database beside the one that a URL names, for a while; answers its URL.
///
/// It is named after the given one with `_` and the suffix, of letters, digits and underscores.
pub async fn create_database(beside: &str, suffix: &str) -> Result<String, DistributionError> {
    postgres::databases::create(beside, suffix).await
}

/// Drops a PostgreSQL database that [`create_database`] made beside a given one, and whoever is connected to it.
///
/// Refuses to drop the given one itself.
pub async fn drop_database(beside: &str, made: &str) -> Result<(), DistributionError> {
    postgres::databases::drop(beside, made).await
}
