//! Bringing another branch's head into a workspace.

use crate::compose::{CheckFailure, MergedPath};
use crate::contents::Contents;
use crate::objects::{ObjectName, Objects, commit_bytes};
use crate::refs::Expected;
use crate::sync_run::{Run, Step};
use crate::sync_state::{Stored, StoredResolution, Waiting, put_state, refuse_pending, set_state, waiting};
use crate::tree::{self, Changes, FILE, Found, Leaf, or_empty};
use crate::working::{Names, lock, read_files_carried};
use crate::{GitError, NewCommit, Repository, Result};
use conman_domain::git::Signature;
use conman_domain::id::WorkspaceId;
use conman_domain::name::BranchName;
use conman_domain::{BlobId, CommitId, RepoPath};
use git2::{ObjectType, Oid};
use serde::{Deserialize, Serialize};

/// How a workspace takes in another head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncMode {
    /// By one merge commit.
    Merge,
    /// By replaying the workspace's own commits on it; merge commits among them are flattened, empty ones dropped.
    Rebase,
}

/// A wish to sync. The same values give the same commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncRequest {
    /// The commit to bring in.
    pub onto: CommitId,
    /// How.
    pub mode: SyncMode,
    /// Who syncs: author of a merge commit, and of the commit that carries edited working files.
    pub author: Signature,
    /// Who makes the commits.
    pub committer: Signature,
}

/// One file that both sides changed in ways that do not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncConflict {
    /// The file.
    pub path: RepoPath,
    /// The common content; `None` if the file did not exist.
    pub base: Option<BlobId>,
    /// The workspace's content; `None` if it deleted the file.
    pub ours: Option<BlobId>,
    /// The content brought in; `None` if it was deleted there.
    pub theirs: Option<BlobId>,
    /// True when a resolution was given.
    pub resolved: bool,
    /// What is wrong, where the lines would merge cleanly.
    pub reason: Option<String>,
}

/// A sync that waits for its conflicts to be resolved. It survives a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncState {
    /// The commit that is brought in.
    pub onto: CommitId,
    /// How.
    pub mode: SyncMode,
    /// The workspace's commit that is being replayed; `None` when merging.
    pub replaying: Option<CommitId>,
    /// The files in conflict, sorted by path.
    pub conflicts: Vec<SyncConflict>,
}

/// How a conflict is resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// By this content.
    Content(Vec<u8>),
    /// By the workspace's side.
    Ours,
    /// By the side brought in.
    Theirs,
    /// By deleting the file.
    Delete,
}

/// Reads a file of which a sync combined the lines: a failure makes it a conflict, to be resolved like any other.
pub type SyncCheck = dyn FnMut(&MergedPath, &Contents<'_>) -> Vec<CheckFailure> + Send;

/// How a sync went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncOutcome {
    /// The workspace contained the commit already.
    UpToDate,
    /// Done; the branch moved.
    Synced {
        /// The branch's new head.
        head: CommitId,
    },
    /// Conflicts wait to be resolved; branch and working files are untouched.
    Conflicted(SyncState),
}

/// The tree with every conflict resolved.
fn resolved_tree(objects: &mut Objects<'_>, waiting: &Waiting) -> Result<Oid> {
    let open: Vec<RepoPath> = waiting
        .conflicts
        .iter()
        .filter(|conflict| conflict.resolution.is_none())
        .map(|conflict| conflict.path.clone())
        .collect();
    if !open.is_empty() {
        return Err(GitError::Unresolved { paths: open });
    }
    let mark = objects.mark();
    // A conflict over a file that is in neither side has no attempt in the tree: taking it away is no change.
    let present: Vec<bool> = waiting
        .conflicts
        .iter()
        .map(|conflict| {
            let path = conflict.attempt.as_str().as_bytes();
            Ok(matches!(tree::lookup(objects, waiting.merged.oid(), path)?, Found::Leaf(_)))
        })
        .collect::<Result<_>>()?;
    let mut changes = Changes::default();
    for (conflict, _) in waiting.conflicts.iter().zip(&present).filter(|(_, present)| **present) {
        changes.set(conflict.attempt.as_str().as_bytes(), None);
    }
    let rest = changes.apply(objects, Some(waiting.merged.oid()))?;
    let rest = or_empty(objects, rest);
    for conflict in &waiting.conflicts {
        let Some(StoredResolution::Blob(blob)) = conflict.resolution else {
            continue;
        };
        let path = conflict.path.as_str().as_bytes();
        match tree::lookup(objects, rest, path)? {
            Found::Nothing => {}
            Found::Leaf(_) | Found::Folder(_) | Found::Behind(_) => {
                let (path, other) = (conflict.path.clone(), conflict.path.clone());
                return Err(GitError::Clash { path, other, folder: true });
            }
        }
        changes.set(path, Some(Leaf { mode: FILE, id: blob.oid() }));
    }
    objects.rewind(mark);
    let tree = changes.apply(objects, Some(waiting.merged.oid()))?;
    Ok(or_empty(objects, tree))
}

impl Repository {
    /// Brings a commit into a workspace. Edited working files are first carried as a commit of their own by
    /// `request.author`, so that they take part like any other change; an abort turns them back into working files.
    /// `check` reads every file whose lines are combined, and may make it a conflict.
    ///
    /// # Errors
    ///
    /// `SyncPending`, `BranchMoved`, `NotFound`, and `Refused` when the merged tree may not be, of [`GitError`].
    pub async fn sync(
        &self,
        id: WorkspaceId,
        branch: &BranchName,
        request: SyncRequest,
        check: Box<SyncCheck>,
    ) -> Result<SyncOutcome> {
        let names = Names::new(id, branch);
        self.run_alone(id, move |handle| {
            let onto = request.onto.oid();
            handle.require_commit(onto)?;
            let work = lock(handle, &names)?;
            refuse_pending(handle, &names)?;
            let mut objects = handle.objects()?;
            let files = read_files_carried(handle, &names, &mut objects, work.current())?;
            let git = handle.git();
            if files.head == onto || git.graph_descendant_of(files.head, onto)? {
                return Ok(SyncOutcome::UpToDate);
            }
            let mut start = files.head;
            if files.is_dirty() {
                let new = NewCommit {
                    author: request.author.clone(),
                    committer: request.committer.clone(),
                    message: "Save working files before a sync".to_owned(),
                };
                start = objects.put(ObjectType::Commit, commit_bytes(files.tree, &[files.head], &new), None);
            }
            let behind = start == files.head && git.graph_descendant_of(onto, files.head)?;
            let mode = request.mode;
            let mut run = Run { handle, objects, request, check, head: files.head, start };
            let step = match mode {
                // Nothing of its own: both modes just move on.
                _ if behind => Step::Done(onto),
                SyncMode::Merge => run.merge()?,
                SyncMode::Rebase => {
                    let commits = run.own_commits()?;
                    run.replay(onto, &commits)?
                }
            };
            run.settle(&names, work, step)
        })
        .await
    }

    /// The sync that waits for resolutions, `None` if there is none.
    pub async fn sync_state(&self, id: WorkspaceId, branch: &BranchName) -> Result<Option<SyncState>> {
        let names = Names::new(id, branch);
        self.run(move |handle| match waiting(handle, &names) {
            Ok(waiting) => Ok(Some(waiting.state())),
            Err(GitError::NoSync) => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    /// Resolves one file of a waiting sync; a later resolution replaces an earlier one.
    ///
    /// # Errors
    ///
    /// `NoSync`, `NotInConflict` of [`GitError`].
    pub async fn sync_resolve(
        &self,
        id: WorkspaceId,
        branch: &BranchName,
        path: &RepoPath,
        resolution: Resolution,
    ) -> Result<SyncState> {
        let (names, path) = (Names::new(id, branch), path.clone());
        self.run_alone(id, move |handle| {
            let work = lock(handle, &names)?;
            let mut waiting = waiting(handle, &names)?;
            let mut objects = handle.objects()?;
            let Some(conflict) = waiting.conflicts.iter_mut().find(|conflict| conflict.path == path) else {
                return Err(GitError::NotInConflict { path });
            };
            let side = |blob: Option<BlobId>| blob.map_or(StoredResolution::Delete, StoredResolution::Blob);
            conflict.resolution = Some(match resolution {
                Resolution::Content(bytes) => {
                    StoredResolution::Blob(BlobId::of(objects.put(ObjectType::Blob, bytes, None)))
                }
                Resolution::Ours => side(conflict.ours),
                Resolution::Theirs => side(conflict.theirs),
                Resolution::Delete => StoredResolution::Delete,
            });
            let state = waiting.state();
            let id = put_state(&mut objects, &Stored::Waiting(waiting))?;
            objects.store_loose()?;
            set_state(handle, &names, id)?;
            drop(work);
            Ok(state)
        })
        .await
    }

    /// Goes on with a sync whose conflicts are resolved; a rebase may meet the next conflict.
    ///
    /// # Errors
    ///
    /// `NoSync`, `Unresolved`, `Clash`, `Refused`, and `Lost` when the branch was moved meanwhile, of [`GitError`].
    pub async fn sync_continue(
        &self,
        id: WorkspaceId,
        branch: &BranchName,
        check: Box<SyncCheck>,
    ) -> Result<SyncOutcome> {
        let names = Names::new(id, branch);
        self.run_alone(id, move |handle| {
            let work = lock(handle, &names)?;
            let waiting = waiting(handle, &names)?;
            let mut objects = handle.objects()?;
            let tree = resolved_tree(&mut objects, &waiting)?;
            let mut run = Run {
                handle,
                objects,
                request: SyncRequest {
                    onto: waiting.onto,
                    mode: waiting.mode,
                    author: waiting.author,
                    committer: waiting.committer,
                },
                check,
                head: waiting.head.oid(),
                start: waiting.start.oid(),
            };
            let step = match waiting.replaying {
                None => Step::Done(run.merge_commit(tree)?),
                Some(commit) => {
                    let tip = run.replayed(waiting.tip.oid(), commit.oid(), tree)?;
                    let remaining: Vec<Oid> = waiting.remaining.into_iter().map(ObjectName::oid).collect();
                    run.replay(tip, &remaining)?
                }
            };
            run.settle(&names, work, step)
        })
        .await
    }

    /// Gives up a waiting sync: branch and working files are as they were before it.
    ///
    /// # Errors
    ///
    /// `NoSync` of [`GitError`].
    pub async fn sync_abort(&self, id: WorkspaceId, branch: &BranchName) -> Result<()> {
        let names = Names::new(id, branch);
        self.run_alone(id, move |handle| {
            let work = lock(handle, &names)?;
            waiting(handle, &names)?;
            handle.swap_ref(&names.sync, Expected::Any, None)?;
            drop(work);
            Ok(())
        })
        .await
    }
}
