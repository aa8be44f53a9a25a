//! Runtime profiles: an environment's blueprint. Typed variables, from which parameters take their values, and where the
//! environment is reached, where its data lives and how that is migrated.

use crate::audit::AuditActor;
use crate::catalog::Values;
use crate::id::{AppId, ProfileId};
use crate::name::{BaseUrl, ConnectionName, EnvironmentName};
use crate::path::RepoPath;
use crate::secret::Secrets;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// An environment's blueprint, at its newest revision.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RuntimeProfile {
    /// Its id.
    pub id: ProfileId,
    /// The app.
    pub app_id: AppId,
    /// Its name, unique in the app.
    pub name: EnvironmentName,
    /// Counts the revisions, from 1.
    pub revision: u32,
    /// Typed variables; those named like a parameter are its value.
    pub env_vars: Values,
    /// What is not a variable.
    #[serde(default)]
    pub settings: ProfileSettings,
    /// What is known of its secrets.
    #[serde(default)]
    pub secrets: Secrets,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// One revision of a profile on record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProfileRevision {
    /// The profile.
    pub profile_id: ProfileId,
    /// The app.
    pub app_id: AppId,
    /// Which, from 1.
    pub revision: u32,
    /// The variables then.
    pub env_vars: Values,
    /// What was not a variable then.
    #[serde(default)]
    pub settings: ProfileSettings,
    /// What was known of its secrets then.
    #[serde(default)]
    pub secrets: Secrets,
    /// Who made it.
    pub changed_by: AuditActor,
    /// Why, as typed.
    pub reason: String,
    /// When.
    pub changed_at: Timestamp,
}

/// What a profile holds beside variables.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileSettings {
    /// Where the environment is reached.
    pub base_url: Option<BaseUrl>,
    /// Where its data lives; none for an environment without any.
    pub database: Option<Database>,
    /// How its data is brought to what a release expects; none where nothing is migrated.
    pub migrations: Option<Migrations>,
}

/// Where an environment's data lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    /// What kind of database it is.
    pub engine: DatabaseEngine,
    /// The name under which the connection is kept; the connection itself, which holds a password, never stands here.
    pub connection_ref: ConnectionName,
    /// Where its content comes from.
    #[serde(flatten)]
    pub provisioning: Provisioning,
}

/// What kind of database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatabaseEngine {
    /// MongoDB.
    Mongodb,
}

/// Where a database's content comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "provisioning_mode", rename_all = "snake_case")]
pub enum Provisioning {
    /// It is there already.
    Existing,
    /// Copied from another profile's.
    CloneFromBase {
        /// That profile.
        base_profile_id: ProfileId,
    },
    /// Restored from a snapshot.
    SnapshotRestore,
    /// It begins empty.
    Empty,
}

impl Provisioning {
    /// The profile whose database is copied.
    pub fn base(self) -> Option<ProfileId> {
        match self {
            Self::CloneFromBase { base_profile_id } => Some(base_profile_id),
            Self::Existing | Self::SnapshotRestore | Self::Empty => None,
        }
    }
}

/// How data is brought to what a release expects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migrations {
    /// The folders of the repository that hold them, in order.
    pub repo_paths: Vec<RepoPath>,
    /// What runs them, as a command line.
    pub command: String,
}

impl Migrations {
    /// The most folders.
    pub const MOST_PATHS: usize = 20;
    /// The longest command, in bytes.
    pub const LONGEST_COMMAND: usize = 2_000;

    /// What is wrong with it, by field.
    pub fn problems(&self) -> Vec<(&'static str, &'static str)> {
        let mut problems = Vec::new();
        if self.repo_paths.is_empty() {
            problems.push(("repo_paths", "name at least one folder of the repository"));
        }
        if self.repo_paths.len() > Self::MOST_PATHS {
            problems.push(("repo_paths", "at most 20 folders"));
        }
        if self.command.trim().is_empty() {
            problems.push(("command", "say what runs the migrations"));
        }
        if self.command.len() > Self::LONGEST_COMMAND || self.command.contains(['\0', '\n', '\r']) {
            problems.push(("command", "one line of at most 2,000 bytes"));
        }
        problems
    }
}
