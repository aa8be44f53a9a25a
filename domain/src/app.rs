//! Apps: one managed configuration repository each, and its settings.

use crate::git::CommitId;
use crate::id::{AppId, EnvironmentId, UserId};
use crate::name::{BranchName, Slug, Title};
use crate::path::RepoPath;
use crate::time::Timestamp;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::{Deserialize, Serialize};

/// One managed configuration repository.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct App {
    /// Its id.
    pub id: AppId,
    /// Its name for people.
    pub name: Title,
    /// Its unique short name.
    pub slug: Slug,
    /// Its settings.
    pub settings: AppSettings,
    /// The environment that users see; none until environments exist.
    pub canonical_environment_id: Option<EnvironmentId>,
    /// The commit that the app began with.
    pub initial_commit: CommitId,
    /// The number of the newest changeset.
    pub last_changeset_number: u32,
    /// The day and number of the newest release tag, so that none is ever used again.
    pub last_tag: Option<LastTag>,
    /// The highest place ever given in the queue.
    pub last_queue_position: u32,
    /// Who made it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
}

/// The newest release tag of an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastTag {
    /// What all tags of that day begin with.
    pub day: String,
    /// The number within the day.
    pub number: u32,
}

/// What an app admin may set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppSettings {
    /// Where published releases land.
    pub integration_branch: BranchName,
    /// What new workspaces start from.
    pub baseline_mode: BaselineMode,
    /// The largest file, in bytes.
    pub file_size_limit_bytes: u32,
    /// Globs of paths that nobody writes.
    pub blocked_paths: Vec<String>,
    /// When working files become commits.
    pub commit_mode_default: CommitMode,
    /// How many approvals a changeset needs.
    pub required_approval_count: u32,
}

/// What a workspace starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BaselineMode {
    /// The head of the integration branch.
    IntegrationHead,
    /// The release on the canonical environment; the integration head while there is none.
    CanonicalEnvRelease,
}

/// When working files become commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommitMode {
    /// One commit, made at submit.
    SubmitCommit,
    /// Each checkpoint is a commit.
    ManualCheckpoint,
}

/// The most approvals that an app may ask for.
pub const MAX_REQUIRED_APPROVALS: u32 = 10;
/// The largest file size limit that an app may set: 100 MiB.
pub const MAX_FILE_SIZE_LIMIT: u32 = 100 * 1024 * 1024;

impl Default for AppSettings {
    fn default() -> Self {
        Self {
            integration_branch: BranchName::parse("main").expect("`main` is a branch name"),
            baseline_mode: BaselineMode::CanonicalEnvRelease,
            file_size_limit_bytes: 5 * 1024 * 1024,
            blocked_paths: [".git/**", ".gitignore", ".github/**"].map(str::to_owned).to_vec(),
            commit_mode_default: CommitMode::SubmitCommit,
            required_approval_count: 1,
        }
    }
}

impl AppSettings {
    /// Says what is wrong with the settings: pairs of field name and sentence.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        if self.integration_branch.is_workspace() {
            problems.push(("integration_branch", "branches under `ws/` belong to workspaces".to_owned()));
        }
        if !(1..=MAX_REQUIRED_APPROVALS).contains(&self.required_approval_count) {
            problems.push(("required_approval_count", format!("between 1 and {MAX_REQUIRED_APPROVALS}")));
        }
        if !(1..=MAX_FILE_SIZE_LIMIT).contains(&self.file_size_limit_bytes) {
            problems.push(("file_size_limit_bytes", format!("between 1 and {MAX_FILE_SIZE_LIMIT}")));
        }
        if self.blocked_paths.len() > 200 {
            problems.push(("blocked_paths", "at most 200 globs".to_owned()));
        } else if let Err(error) = BlockedPaths::new(&self.blocked_paths) {
            problems.push(("blocked_paths", error.to_string()));
        }
        problems
    }
}

/// The compiled globs of paths that nobody writes. Matching takes linear time.
#[derive(Debug, Clone)]
pub struct BlockedPaths(GlobSet);

/// Says which glob does not compile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{glob}` is not a glob: {reason}")]
pub struct InvalidGlob {
    /// The glob.
    pub glob: String,
    /// What is wrong with it.
    pub reason: String,
}

impl BlockedPaths {
    /// Compiles the globs; matching ignores case, as some file systems do.
    pub fn new(globs: &[String]) -> Result<Self, InvalidGlob> {
        let mut set = GlobSetBuilder::new();
        let invalid = |glob: &str, reason: String| InvalidGlob { glob: glob.to_owned(), reason };
        for glob in globs {
            if glob.len() > 500 {
                return Err(invalid(
                    &glob.chars().take(40).collect::<String>(),
                    "longer than 500 bytes".to_owned(),
                ));
            }
            let built = GlobBuilder::new(glob).literal_separator(true).case_insensitive(true).build();
            set.add(built.map_err(|error| invalid(glob, error.kind().to_string()))?);
        }
        set.build().map(Self).map_err(|error| invalid("(all)", error.kind().to_string()))
    }

    /// True if nobody may write the path.
    pub fn blocks(&self, path: &RepoPath) -> bool {
        self.0.is_match(path.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_settings_block_what_steers_git() {
        let settings = AppSettings::default();
        assert_eq!(settings.problems(), []);
        let blocked = BlockedPaths::new(&settings.blocked_paths).unwrap();
        assert!(blocked.blocks(&RepoPath::parse(".github/workflows/x.yml").unwrap()));
        assert!(blocked.blocks(&RepoPath::parse(".gitignore").unwrap()));
        assert!(!blocked.blocks(&RepoPath::parse("pages/x.yml").unwrap()));
    }
}
