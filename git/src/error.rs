//! What can go wrong, rejections and errors told apart.

use conman_domain::name::{BranchName, ReleaseTag};
use conman_domain::{BlobId, CommitId, RepoPath, TreeId};
use std::path::PathBuf;
use std::time::Duration;

/// The result of this crate's methods.
pub type Result<T, E = GitError> = std::result::Result<T, E>;

/// Says why a repository did not do what was asked.
///
/// Variants for which [`GitError::is_rejection`] holds are answers: the caller asked for something that may not be.
/// The others say that something broke.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// A write names another content than the file has; `current` is the content that it has, `None` if it is absent.
    #[error("`{path}` has changed since it was read")]
    Stale {
        /// The file.
        path: RepoPath,
        /// What it holds now.
        current: Option<BlobId>,
    },
    /// A write touches a path that the app's rules keep out.
    #[error("`{path}` is blocked by the app's rules")]
    Blocked {
        /// The file.
        path: RepoPath,
    },
    /// A file is larger than the app allows.
    #[error("`{path}` has {size} bytes; the app allows {limit}")]
    TooLarge {
        /// The file.
        path: RepoPath,
        /// Its size in bytes.
        size: u64,
        /// The app's limit in bytes.
        limit: u64,
    },
    /// A write would make two paths that cannot lie in one tree.
    #[error("`{path}` and `{other}` cannot be in one tree: {}", if *.folder { "one is a file where the other needs a folder" } else { "they differ only in case" })]
    Clash {
        /// The path written.
        path: RepoPath,
        /// The path that is there.
        other: RepoPath,
        /// True when one is a file where the other needs a folder; false when they differ only in case.
        folder: bool,
    },
    /// One set of edits names a path twice as source or twice as target.
    #[error("`{path}` is edited twice in one write")]
    EditedTwice {
        /// The file.
        path: RepoPath,
    },
    /// A tree holds what no tree of an app may hold.
    #[error(transparent)]
    Refused(#[from] TreeRefused),
    /// A source could not be imported.
    #[error("the repository cannot be imported: {reason}")]
    ImportRefused {
        /// The rule that it breaks; stable.
        rule: &'static str,
        /// A sentence for the person who imports.
        reason: String,
    },
    /// Something that was named does not exist.
    #[error("no such {0}")]
    NotFound(Missing),
    /// A compare-and-swap of a ref lost: the ref is not where the caller expected it.
    #[error("`{name}` has moved")]
    Lost {
        /// The ref, without `refs/`.
        name: String,
        /// Where it is now; `None` if it does not exist.
        actual: Option<CommitId>,
    },
    /// A release tag exists already and names another object.
    #[error("the tag {tag} is taken")]
    TagTaken {
        /// The tag.
        tag: ReleaseTag,
        /// The commit that it names.
        actual: CommitId,
    },
    /// The branch was moved by someone else while there were unsaved working files, and both touch the same files.
    #[error("the branch has moved beneath the working files")]
    BranchMoved {
        /// Where the branch is now.
        head: CommitId,
        /// The commit that the working files were made from.
        base: CommitId,
    },
    /// A sync waits for its conflicts to be resolved; until then the workspace takes no edits.
    #[error("a sync of this workspace is waiting for its conflicts to be resolved")]
    SyncPending,
    /// There is no sync to resolve, continue or abort.
    #[error("no sync of this workspace is under way")]
    NoSync,
    /// The named path is not in conflict.
    #[error("`{path}` is not in conflict")]
    NotInConflict {
        /// The file.
        path: RepoPath,
    },
    /// A sync cannot go on while conflicts are open.
    #[error("{} files are still in conflict", paths.len())]
    Unresolved {
        /// The files.
        paths: Vec<RepoPath>,
    },
    /// Another server owns the repositories' folder.
    #[error("`{}` is in use by another server", root.display())]
    InUse {
        /// The folder.
        root: PathBuf,
    },
    /// A ref stayed locked by another process for too long; trying again later is right.
    #[error("`{name}` is locked by another process")]
    Busy {
        /// The ref.
        name: String,
    },
    /// The Git library failed.
    #[error("the Git library failed")]
    Git(#[from] git2::Error),
    /// Reading or writing a file failed.
    #[error("cannot access `{}`", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A `git` command failed.
    #[error("`git {verb}` failed with {status}: {stderr}")]
    Command {
        /// The subcommand.
        verb: &'static str,
        /// How it ended, e.g. `exit status: 128`.
        status: String,
        /// The end of its messages.
        stderr: String,
    },
    /// A `git` command ran out of time and was killed.
    #[error("`git {verb}` did not finish within {limit:?}")]
    TimedOut {
        /// The subcommand.
        verb: &'static str,
        /// Its time limit.
        limit: Duration,
    },
    /// The `git` command is missing or too old.
    #[error("the `git` command, version {} or later, is needed; found: {found}", crate::command::OLDEST)]
    Unusable {
        /// What was found.
        found: String,
    },
    /// An object in the repository is not what it should be.
    #[error("the repository is damaged: {what}")]
    Corrupt {
        /// What is wrong.
        what: String,
    },
    /// The runtime shut down before the work was done.
    #[error("the work was cut off by a shutdown")]
    Stopped,
}

impl GitError {
    /// True when the answer is no; false when something broke.
    pub fn is_rejection(&self) -> bool {
        match self {
            Self::Stale { .. }
            | Self::Blocked { .. }
            | Self::TooLarge { .. }
            | Self::Clash { .. }
            | Self::EditedTwice { .. }
            | Self::Refused(_)
            | Self::ImportRefused { .. }
            | Self::NotFound(_)
            | Self::Lost { .. }
            | Self::TagTaken { .. }
            | Self::BranchMoved { .. }
            | Self::SyncPending
            | Self::NoSync
            | Self::NotInConflict { .. }
            | Self::Unresolved { .. }
            | Self::InUse { .. } => true,
            Self::Busy { .. }
            | Self::Git(_)
            | Self::Io { .. }
            | Self::Command { .. }
            | Self::TimedOut { .. }
            | Self::Unusable { .. }
            | Self::Corrupt { .. }
            | Self::Stopped => false,
        }
    }

    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into() }
    }
}

/// Names what does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// The app has no repository.
    #[error("repository")]
    Repository,
    /// A branch.
    #[error("branch `{0}`")]
    Branch(BranchName),
    /// A commit.
    #[error("commit {0}")]
    Commit(CommitId),
    /// A tree.
    #[error("tree {0}")]
    Tree(TreeId),
    /// A blob.
    #[error("blob {0}")]
    Blob(BlobId),
    /// A revision, by any name that Git takes.
    #[error("revision `{0}`")]
    Revision(String),
    /// An annotated tag object.
    #[error("tag object {0}")]
    Tag(conman_domain::git::TagId),
}

/// Says which entry of a tree breaks which rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the tree holds `{path}`, which is refused ({rule})")]
pub struct TreeRefused {
    /// The path, made printable without loss: bytes that are not plain text are written as `\x1b` or `\u{202e}`.
    pub path: String,
    /// The rule, e.g. `symlink`, `unsorted`, or a rule of [`conman_domain::path::InvalidPath`]; stable.
    pub rule: &'static str,
}
