//! What workers read: the whole configuration of an environment at a config version.

use crate::catalog::{Category, Values};
use crate::git::{CommitId, TreeId};
use crate::id::{AppId, EnvironmentId};
use crate::name::{ParameterName, ReleaseTag};
use crate::path::RepoPath;
use crate::time::Timestamp;
use crate::value::{ParameterType, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The number of an environment's active configuration; every change makes a greater one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConfigVersion(pub u32);

impl ConfigVersion {
    /// The version that follows.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for ConfigVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// SHA-256 of a file's bytes, in hex: the name under which its content is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentHash(String);

impl ContentHash {
    /// Hashes the bytes of a file.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::{Digest, Sha256};
        Self(hex::encode(Sha256::digest(bytes)))
    }

    /// The hash in hex.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Says that a text is not a SHA-256 in lowercase hex.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 in lowercase hex is expected")]
pub struct InvalidHash;

impl FromStr for ContentHash {
    type Err = InvalidHash;

    fn from_str(text: &str) -> Result<Self, InvalidHash> {
        let is_hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if text.len() == 64 && is_hex { Ok(Self(text.to_owned())) } else { Err(InvalidHash) }
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for ContentHash {
    fn from(hex: String) -> Self {
        Self(hex)
    }
}

/// One parameter in a snapshot, with what decides its boundary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SnapshotParameter {
    /// The value.
    pub value: Value,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: ParameterType,
    /// What it steers.
    pub category: Option<Category>,
    /// Whether a running worker may take a new value.
    pub hot_reloadable: bool,
}

/// Says exactly what an environment or a worker runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The release's tag.
    pub release_tag: ReleaseTag,
    /// The release's commit.
    pub release_commit: CommitId,
    /// The tree of that commit.
    pub tree_id: TreeId,
    /// The revision of the environment's profile, from 1.
    pub profile_revision: u32,
    /// The config version.
    pub config_version: ConfigVersion,
}

/// The whole configuration of an environment at a config version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The app.
    pub app_id: AppId,
    /// The environment.
    pub environment_id: EnvironmentId,
    /// Release, tree, profile revision and config version.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// When it became active, by the distribution database's clock.
    pub activated_at: Timestamp,
    /// The parameters, by name.
    pub parameters: BTreeMap<ParameterName, SnapshotParameter>,
    /// The files, by path, as the hashes of their contents.
    pub files: BTreeMap<RepoPath, ContentHash>,
}

impl Snapshot {
    /// The parameters' values alone.
    pub fn values(&self) -> Values {
        self.parameters.iter().map(|(name, parameter)| (name.clone(), parameter.value.clone())).collect()
    }
}

/// How a config version came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A release was deployed or promoted.
    Deployment,
    /// An earlier release was put back.
    Redeployment,
    /// Parameters were saved directly.
    Save,
    /// An approved draft was applied.
    Draft,
    /// An earlier version was restored.
    Restore,
}

impl ChangeKind {
    /// Its name in the history and in the API, as it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::Redeployment => "redeployment",
            Self::Save => "save",
            Self::Draft => "draft",
            Self::Restore => "restore",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_changes_are_named_as_they_are_stored() {
        use ChangeKind::{Deployment, Draft, Redeployment, Restore, Save};
        for kind in [Deployment, Redeployment, Save, Draft, Restore] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }
}
