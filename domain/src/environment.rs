//! Environments: deploy targets in the app's pipeline.

use crate::id::{AppId, DeploymentId, EnvironmentId, ProfileId, ReleaseId};
use crate::name::EnvironmentName;
use crate::snapshot::{ConfigVersion, Provenance};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A deploy target at a position in the app's pipeline.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Environment {
    /// Its id, kept when the list is edited.
    pub id: EnvironmentId,
    /// The app.
    pub app_id: AppId,
    /// Its name, unique in the app.
    pub name: EnvironmentName,
    /// Its stage, from 1.
    pub position: u32,
    /// Whether users see this one; true for exactly one per app.
    pub canonical: bool,
    /// The profile that it is built from.
    pub profile_id: ProfileId,
    /// The greatest config version ever decided.
    pub last_version: ConfigVersion,
    /// What it runs; none before the first deployment.
    pub running: Option<Running>,
    /// Why automatic promotion into it is held; none if it is not.
    pub promotion_hold: Option<String>,
    /// By how many workers a deployed version is refused before the environment goes back by itself; none for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_when_refused_by: Option<u32>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What an environment runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// The release.
    pub release_id: ReleaseId,
    /// The deployment that put it there.
    pub deployment_id: DeploymentId,
    /// Tag, commit, tree, profile revision and config version.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// Since when, by the distribution database's clock.
    pub activated_at: Timestamp,
}
