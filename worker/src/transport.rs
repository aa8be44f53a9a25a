//! What the two ways to a configuration have in common.

use crate::wire::WorkerReport;
use async_trait::async_trait;
use bytes::Bytes;
use conman_domain::Timestamp;
use conman_domain::name::ParameterName;
use conman_domain::path::RepoPath;
use conman_domain::snapshot::{ConfigVersion, ContentHash, Provenance, Snapshot, SnapshotParameter};
use std::collections::BTreeMap;

/// What there is to apply.
#[derive(Debug)]
pub(crate) enum Fetched {
    /// Nothing was ever activated in this environment.
    Nothing,
    /// The version that was applied is the active one.
    Unchanged,
    /// The source runs an older version than was applied: it was put back, or it is another one.
    Behind(ConfigVersion),
    /// Everything.
    Whole(Box<Snapshot>),
    /// What differs from the applied version.
    Newer(Box<Delta>),
}

/// What leads from the applied version to a newer one; `None` where something is gone.
#[derive(Debug)]
pub(crate) struct Delta {
    pub(crate) provenance: Provenance,
    pub(crate) activated_at: Timestamp,
    pub(crate) parameters: BTreeMap<ParameterName, Option<SnapshotParameter>>,
    pub(crate) files: BTreeMap<RepoPath, Option<ContentHash>>,
}

/// Tells why a transport did not do as asked. Holds no values, passwords or tokens.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransportError {
    /// The connection is of no use any more; a new one may be.
    #[error("{reason}")]
    Lost { reason: String },
    /// The source does not let this worker in.
    #[error("{reason}")]
    Refused { reason: String },
    /// The connection works, but what it brings cannot be applied.
    #[error("{reason}")]
    Unusable { reason: String },
}

impl TransportError {
    pub(crate) fn lost(reason: impl Into<String>) -> Self {
        Self::Lost { reason: reason.into() }
    }

    pub(crate) fn unusable(reason: impl Into<String>) -> Self {
        Self::Unusable { reason: reason.into() }
    }
}

/// One way to the configuration of one environment.
#[async_trait]
pub(crate) trait Transport: Send {
    /// Replaces whatever connection there was. On return hints are heard already: what is fetched from then on is
    /// either the newest, or a hint of a newer one follows.
    async fn connect(&mut self, applied: Option<ConfigVersion>) -> Result<(), TransportError>;

    /// Waits until there may be something newer. May be dropped while waiting.
    async fn hint(&mut self) -> Result<(), TransportError>;

    /// Looks for what is newer than the applied version, as of one instant.
    async fn fetch(&mut self, applied: Option<ConfigVersion>) -> Result<Fetched, TransportError>;

    /// Fetches contents by hash; those that cannot be had any more are left out.
    async fn contents(&mut self, hashes: &[ContentHash])
    -> Result<Vec<(ContentHash, Bytes)>, TransportError>;

    /// Says what the worker runs.
    async fn report(&mut self, report: &WorkerReport) -> Result<(), TransportError>;

    /// The greatest version hinted at since the connection was made: what was fetched may lag behind it.
    fn hinted(&self) -> ConfigVersion;

    /// Hears that a version was applied, so that hints of it are no news.
    fn applied(&mut self, version: ConfigVersion);
}
