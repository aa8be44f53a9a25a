//! Bringing another branch's head into a workspace.

//!
//! The hidden ref `refs/conman/sync/<workspace>` names a commit that holds all that a sync knows: what it waits for, or
//! what it has decided. A decision is written before branch and working files move, and whoever comes next after a kill
//! carries it out. The commit's parents and tree keep every object alive that the sync needs.

use crate::merge::{self, Conflict, Merged};
use crate::objects::{ObjectName, Objects, commit_bytes};
use crate::outside::{Outside, moved_aside};
use crate::refs::{Expected, LockedRef, Swap};
use crate::repository::Handle;
use crate::tree::{self, Changes, FILE, Found, Leaf, or_empty, repo_path};
use crate::working::{Names, lock, read_files_carried};
use crate::{GitError, NewCommit, Repository, Result, verify};
use conman_domain::git::Signature;
use conman_domain::id::WorkspaceId;
use conman_domain::name::BranchName;
use conman_domain::{BlobId, CommitId, RepoPath, Timestamp, TreeId};
use git2::{ObjectType, Oid};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

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

/// What the sync ref holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stored {
    /// Branch and working files are to move; nothing can stop it any more.
    Decided(Decision),
    /// Conflicts wait.
    Waiting(Waiting),
}

/// Where a branch is to move, its working files dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Decision {
    from: CommitId,
    to: CommitId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Waiting {
    onto: CommitId,
    mode: SyncMode,
    author: Signature,
    committer: Signature,
    /// The branch's head, which the end of the sync expects unmoved.
    head: CommitId,
    /// The head with the working files carried as a commit.
    start: CommitId,
    /// What the next commit stands on.
    tip: CommitId,
    replaying: Option<CommitId>,
    remaining: Vec<CommitId>,
    /// Git's best attempt at the tree.
    merged: TreeId,
    conflicts: Vec<StoredConflict>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct StoredConflict {
    path: RepoPath,
    /// Where the merged tree holds Git's attempt at it.
    attempt: RepoPath,
    base: Option<BlobId>,
    ours: Option<BlobId>,
    theirs: Option<BlobId>,
    resolution: Option<StoredResolution>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredResolution {
    Blob(BlobId),
    Delete,
}

impl Waiting {
    fn state(&self) -> SyncState {
        let conflicts = self.conflicts.iter().map(|conflict| SyncConflict {
            path: conflict.path.clone(),
            base: conflict.base,
            ours: conflict.ours,
            theirs: conflict.theirs,
            resolved: conflict.resolution.is_some(),
        });
        SyncState {
            onto: self.onto,
            mode: self.mode,
            replaying: self.replaying,
            conflicts: conflicts.collect(),
        }
    }
}

const STATE_FILE: &[u8] = b"state.json";

/// Adds the commit that holds a state.
fn put_state(objects: &mut Objects<'_>, stored: &Stored) -> Result<Oid> {
    let text = serde_json::to_vec_pretty(stored).map_err(|error| GitError::corrupt(error.to_string()))?;
    let state = objects.put(ObjectType::Blob, text, None);
    let mut changes = Changes::default();
    changes.set(
        STATE_FILE,
        Some(Leaf {
            mode: FILE,
            id: state,
        }),
    );
    let mut parents: Vec<Oid> = Vec::new();
    let at = match stored {
        Stored::Decided(decision) => {
            parents.extend([decision.from.oid(), decision.to.oid()]);
            Timestamp::from_millis(0)
        }
        Stored::Waiting(waiting) => {
            let own = [waiting.head, waiting.start, waiting.onto, waiting.tip];
            parents.extend(own.into_iter().map(ObjectName::oid));
            changes.set(
                b"merged",
                Some(Leaf {
                    mode: tree::FOLDER,
                    id: waiting.merged.oid(),
                }),
            );
            let blobs = waiting.conflicts.iter().flat_map(|conflict| {
                let resolution = match conflict.resolution {
                    Some(StoredResolution::Blob(blob)) => Some(blob),
                    Some(StoredResolution::Delete) | None => None,
                };
                [conflict.base, conflict.ours, conflict.theirs, resolution]
            });
            for blob in blobs.flatten().collect::<BTreeSet<BlobId>>() {
                changes.set(
                    format!("blobs/{blob}").as_bytes(),
                    Some(Leaf {
                        mode: FILE,
                        id: blob.oid(),
                    }),
                );
            }
            waiting.committer.at
        }
    };
    let mut unique: Vec<Oid> = Vec::new();
    for parent in parents {
        if !unique.contains(&parent) {
            unique.push(parent);
        }
    }
    let tree = changes.apply(objects, None)?;
    let tree = or_empty(objects, tree);
    let own = Signature::new("Conman", "conman@invalid", at);
    let new = NewCommit {
        author: own.clone(),
        committer: own,
        message: "Sync of a workspace".to_owned(),
    };
    Ok(objects.put(ObjectType::Commit, commit_bytes(tree, &unique, &new), None))
}

/// What the sync ref holds, with its value.
fn read_state(handle: &Handle, names: &Names) -> Result<Option<(Oid, Stored)>> {
    let Some(id) = handle.read_ref(&names.sync)? else {
        return Ok(None);
    };
    let mut objects = handle.objects()?;
    let root = objects.commit(id)?.tree;
    let Found::Leaf(state) = tree::lookup(&mut objects, root, STATE_FILE)? else {
        return Err(GitError::corrupt("a sync ref holds no state"));
    };
    let stored = serde_json::from_slice(&objects.blob(state.id)?)
        .map_err(|error| GitError::corrupt(format!("the state of a sync cannot be read: {error}")))?;
    Ok(Some((id, stored)))
}

/// A decision that was not carried out to its end, with the value of the sync ref.
pub(crate) fn unfinished(handle: &Handle, names: &Names) -> Result<Option<(Oid, Decision)>> {
    Ok(match read_state(handle, names)? {
        Some((id, Stored::Decided(decision))) => Some((id, decision)),
        Some((_, Stored::Waiting(_))) | None => None,
    })
}

/// Says when a sync waits.
pub(crate) fn refuse_pending(handle: &Handle, names: &Names) -> Result<()> {
    match handle.read_ref(&names.sync)? {
        Some(_) => Err(GitError::SyncPending),
        None => Ok(()),
    }
}

/// Carries a decision out: branch, working files, sync ref, each of which may have been done before.
pub(crate) fn finish(
    handle: &Handle,
    names: &Names,
    work: LockedRef<'_>,
    (id, decision): (Oid, Decision),
) -> Result<()> {
    match handle.swap_ref(
        &names.head,
        Expected::Is(Some(decision.from.oid())),
        Some(decision.to.oid()),
    )? {
        Swap::Done => work.commit(None)?,
        Swap::Differs(Some(head)) if head == decision.to.oid() => work.commit(None)?,
        // Someone else moved the branch since: what the decision stood on is gone, the working files stay.
        Swap::Differs(_) => drop(work),
    }
    // Another process may have done it: only this very decision is cleared.
    handle
        .swap_ref(&names.sync, Expected::Is(Some(id)), None)
        .map(drop)
}

/// Moves a branch and drops the working files and a waiting sync, so that a kill at any point leaves all or nothing.
pub(crate) fn decide_and_finish(
    handle: &Handle,
    names: &Names,
    work: LockedRef<'_>,
    from: Oid,
    to: Oid,
) -> Result<()> {
    // Held from the check to the decision, so that the decision is never in vain.
    let branch = handle.lock_ref(&names.head)?;
    if branch.current() != Some(from) {
        return Err(GitError::Lost {
            name: format!("heads/{}", names.branch),
            actual: branch.current().map(CommitId::of),
        });
    }
    if work.current().is_none() && handle.read_ref(&names.sync)?.is_none() {
        return branch.commit(Some(to));
    }
    let mut objects = handle.objects()?;
    let decision = Decision {
        from: CommitId::of(from),
        to: CommitId::of(to),
    };
    let id = put_state(&mut objects, &Stored::Decided(decision))?;
    objects.store_loose()?;
    set_state(handle, names, id)?;
    branch.commit(Some(to))?;
    work.commit(None)?;
    handle
        .swap_ref(&names.sync, Expected::Is(Some(id)), None)
        .map(drop)
}

/// How far a merge or replay came.
enum Step {
    Done(Oid),
    Stuck(Waiting),
}

/// A sync at work.
struct Run<'h> {
    handle: &'h Handle,
    objects: Objects<'h>,
    request: SyncRequest,
    head: Oid,
    start: Oid,
}

impl Run<'_> {
    fn wait(
        &mut self,
        tip: Oid,
        replaying: Option<Oid>,
        remaining: &[Oid],
        merged: Oid,
        conflicts: Vec<Conflict>,
    ) -> Result<Step> {
        let blob = |leaf: Option<Leaf>| leaf.map(|leaf| BlobId::of(leaf.id));
        let merged = self.objects.adopt(merged, None)?;
        let merged = or_empty(&mut self.objects, merged);
        let mut stored: Vec<StoredConflict> = Vec::with_capacity(conflicts.len());
        for conflict in conflicts {
            // Contents that Git made up for a common ancestor lie beside the repository: they are needed here.
            for leaf in [conflict.base, conflict.ours, conflict.theirs]
                .into_iter()
                .flatten()
            {
                self.objects.adopt_blob(leaf.id, None)?;
            }
            // Replaying, Git calls the workspace's commit theirs.
            let (ours, theirs) = match replaying {
                Some(_) => (conflict.theirs, conflict.ours),
                None => (conflict.ours, conflict.theirs),
            };
            let path = match moved_aside(&conflict.path) {
                Some(own) if ours.is_some() => [own, b"~workspace"].concat(),
                Some(own) => [own, b"~incoming"].concat(),
                None => conflict.path.clone(),
            };
            stored.push(StoredConflict {
                path: repo_path(&path)?,
                attempt: repo_path(&conflict.path)?,
                base: blob(conflict.base),
                ours: blob(ours),
                theirs: blob(theirs),
                resolution: None,
            });
        }
        stored.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Step::Stuck(Waiting {
            onto: self.request.onto,
            mode: self.request.mode,
            author: self.request.author.clone(),
            committer: self.request.committer.clone(),
            head: CommitId::of(self.head),
            start: CommitId::of(self.start),
            tip: CommitId::of(tip),
            replaying: replaying.map(CommitId::of),
            remaining: remaining.iter().map(|id| CommitId::of(*id)).collect(),
            merged: TreeId::of(merged),
            conflicts: stored,
        }))
    }

    fn merge(&mut self) -> Result<Step> {
        let onto = self.request.onto.oid();
        let merged = Outside::new(self.handle)?.merge_commits(&mut self.objects, self.start, onto)?;
        match merged {
            Merged::Clean { tree } => self.merge_commit(tree).map(Step::Done),
            Merged::Conflicted { tree, conflicts } => self.wait(self.start, None, &[], tree, conflicts),
        }
    }

    fn merge_commit(&mut self, tree: Oid) -> Result<Oid> {
        verify::verify_tree(&mut self.objects, tree)?;
        let onto = self.request.onto;
        let new = NewCommit {
            author: self.request.author.clone(),
            committer: self.request.committer.clone(),
            message: format!("Sync with {}", onto.short()),
        };
        let bytes = commit_bytes(tree, &[self.start, onto.oid()], &new);
        Ok(self.objects.put(ObjectType::Commit, bytes, None))
    }

    /// The workspace's own commits, oldest first, without merges.
    fn own_commits(&self) -> Result<Vec<Oid>> {
        let mut walk = self.handle.git().revwalk()?;
        walk.set_sorting(git2::Sort::TOPOLOGICAL | git2::Sort::REVERSE)?;
        walk.push(self.head)?;
        walk.hide(self.request.onto.oid())?;
        let mut commits = Vec::new();
        for id in walk {
            let id = id?;
            if self.objects.commit(id)?.parents.len() < 2 {
                commits.push(id);
            }
        }
        // Not stored yet, so that the walk cannot see it.
        if self.start != self.head {
            commits.push(self.start);
        }
        Ok(commits)
    }

    fn replay(&mut self, mut tip: Oid, commits: &[Oid]) -> Result<Step> {
        for (number, commit) in commits.iter().enumerate() {
            let links = self.objects.commit(*commit)?;
            let base = match links.parents.first() {
                Some(parent) => self.objects.commit(*parent)?.tree,
                None => or_empty(&mut self.objects, None),
            };
            let onto = self.objects.commit(tip)?.tree;
            match merge::merge_trees(self.handle, &mut self.objects, base, onto, links.tree)? {
                Merged::Clean { tree } => tip = self.replayed(tip, *commit, tree)?,
                Merged::Conflicted { tree, conflicts } => {
                    return self.wait(tip, Some(*commit), &commits[number + 1..], tree, conflicts);
                }
            }
        }
        Ok(Step::Done(tip))
    }

    /// Makes a commit anew on another one; the tip itself if nothing is left of it.
    fn replayed(&mut self, tip: Oid, commit: Oid, tree: Oid) -> Result<Oid> {
        if self.objects.commit(tip)?.tree == tree {
            return Ok(tip);
        }
        verify::verify_tree(&mut self.objects, tree)?;
        let (author, message) = self.objects.author_and_message(commit)?;
        let new = NewCommit {
            author,
            committer: self.request.committer.clone(),
            message,
        };
        Ok(self
            .objects
            .put(ObjectType::Commit, commit_bytes(tree, &[tip], &new), None))
    }

    /// Moves the branch, or stores what waits.
    fn settle(mut self, names: &Names, work: LockedRef<'_>, step: Step) -> Result<SyncOutcome> {
        match step {
            Step::Done(to) => {
                self.objects.store_pack()?;
                decide_and_finish(self.handle, names, work, self.head, to)?;
                Ok(SyncOutcome::Synced {
                    head: CommitId::of(to),
                })
            }
            Step::Stuck(waiting) => {
                let state = waiting.state();
                let id = put_state(&mut self.objects, &Stored::Waiting(waiting))?;
                self.objects.store_pack()?;
                set_state(self.handle, names, id)?;
                drop(work);
                Ok(SyncOutcome::Conflicted(state))
            }
        }
    }
}

/// Sets the sync ref, under the workspace's lock.
fn set_state(handle: &Handle, names: &Names, id: Oid) -> Result<()> {
    handle.swap_ref(&names.sync, Expected::Any, Some(id)).map(drop)
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
            Ok(matches!(
                tree::lookup(objects, waiting.merged.oid(), path)?,
                Found::Leaf(_)
            ))
        })
        .collect::<Result<_>>()?;
    let mut changes = Changes::default();
    for (conflict, _) in waiting
        .conflicts
        .iter()
        .zip(&present)
        .filter(|(_, present)| **present)
    {
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
                return Err(GitError::Clash {
                    path,
                    other,
                    folder: true,
                });
            }
        }
        changes.set(
            path,
            Some(Leaf {
                mode: FILE,
                id: blob.oid(),
            }),
        );
    }
    objects.rewind(mark);
    let tree = changes.apply(objects, Some(waiting.merged.oid()))?;
    Ok(or_empty(objects, tree))
}

/// Reads the sync that waits.
fn waiting(handle: &Handle, names: &Names) -> Result<Waiting> {
    match read_state(handle, names)? {
        Some((_, Stored::Waiting(waiting))) => Ok(waiting),
        Some((_, Stored::Decided(_))) | None => Err(GitError::NoSync),
    }
}

impl Repository {
    /// Brings a commit into a workspace. Edited working files are first carried as a commit of their own by
    /// `request.author`, so that they take part like any other change; an abort turns them back into working files.
    ///
    /// # Errors
    ///
    /// `SyncPending`, `BranchMoved`, `NotFound`, and `Refused` when the merged tree may not be, of [`GitError`].
    pub async fn sync(
        &self,
        id: WorkspaceId,
        branch: &BranchName,
        request: SyncRequest,
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
                start = objects.put(
                    ObjectType::Commit,
                    commit_bytes(files.tree, &[files.head], &new),
                    None,
                );
            }
            let behind = start == files.head && git.graph_descendant_of(onto, files.head)?;
            let mode = request.mode;
            let mut run = Run {
                handle,
                objects,
                request,
                head: files.head,
                start,
            };
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
            let Some(conflict) = waiting
                .conflicts
                .iter_mut()
                .find(|conflict| conflict.path == path)
            else {
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
    pub async fn sync_continue(&self, id: WorkspaceId, branch: &BranchName) -> Result<SyncOutcome> {
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
