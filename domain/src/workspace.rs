//! Workspaces: a user's mutable branch of an app, with autosaved working files.

use crate::app::{AppSettings, CommitMode};
use crate::git::CommitId;
use crate::id::{AppId, UserId, WorkspaceId};
use crate::name::{BranchName, Title};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A user's mutable branch of an app.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Workspace {
    /// Its id.
    pub id: WorkspaceId,
    /// The app.
    pub app_id: AppId,
    /// Whose it is.
    pub user_id: UserId,
    /// Its name for people.
    pub name: Title,
    /// 1 for the default workspace, then counting up per user and app.
    pub number: u32,
    /// Its branch.
    pub branch: BranchName,
    /// The commit that it is compared with: where it started or last synced.
    pub baseline: CommitId,
    /// When its working files become commits; none where its owner leaves that to the app.
    #[serde(default)]
    pub commit_mode: Option<CommitMode>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its record last changed.
    pub updated_at: Timestamp,
}

impl Workspace {
    /// When its working files become commits: as its owner chose, else as the app has it.
    pub fn commits(&self, app: &AppSettings) -> CommitMode {
        self.commit_mode.unwrap_or(app.commit_mode_default)
    }
}
