//! Repositories: objects, refs, merges, working files.
//!
//! One bare repository per app lies under one root folder, [`Repositories`]. A [`Repository`] is a cheap handle on one
//! of them: it may be cloned, sent and shared. Every method is async and does its blocking work on the runtime's
//! blocking threads.
//!
//! What always holds:
//!
//! - No ref moves without the old id that it is expected to have; the compare and the swap happen under the ref's
//!   lock, so that of several processes exactly one wins.
//! - What a method has answered with success is synced to disk.
//! - A tree that a caller's bytes or an import bring in has passed the path guard ([`conman_domain::RepoPath`] and the
//!   tree verifier); nothing is ever checked out.
//! - Rejections (the answer is no) and errors (something broke) are told apart by [`GitError::is_rejection`].
//! - This crate alone names the Git library and runs the `git` command.

mod any;
mod candidate;
mod changes;
mod command;
mod compose;
mod contents;
mod diff;
mod error;
mod history;
mod import;
mod lines;
mod merge;
mod objects;
mod outside;
mod pack;
mod pairs;
mod refs;
mod repositories;
mod repository;
mod sync;
mod sync_run;
mod sync_state;
mod tree;
mod turns;
mod verify;
mod working;

pub use any::{ChangedFile, Comparison, RevisionContent, RevisionFile, compare_revisions, files_of_revision};
pub use changes::{ChangeKind, PathChange};
pub use compose::{
    Check, CheckFailure, CollidesWith, ComposeConflict, ComposeHooks, ComposeMember, ComposePlan,
    ComposeProgress, Composition, Explain, Explained, MemberOutcome, MergeCheck, MergeProbe, MergedPath,
    Progress,
};
pub use contents::{Contents, PastContent};
pub use diff::{DiffLimits, DiffLine, FileDiff, Hunk, LineKind, RawDiff};
pub use error::{GitError, Missing, Result, TreeRefused};
pub use history::{Blame, FileChange, FileHistory, HistoryLimits, LineSource};
pub use import::ImportSource;
pub use refs::{Advance, KeepName, Placed, TagEntry};
pub use repositories::{Ownership, Repositories};
pub use repository::{CommitInfo, FileContent, FileEntry, LogPage, NewCommit, Repository};
pub use sync::{Resolution, SyncCheck, SyncConflict, SyncMode, SyncOutcome, SyncRequest, SyncState};
pub use working::{Edit, Working, WriteRules};
