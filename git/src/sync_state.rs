//! What is stored of a sync.
//!
//! The hidden ref `refs/conman/sync/<workspace>` names a commit that holds all that a sync knows: what it waits for, or
//! what it has decided. A decision is written before branch and working files move, and whoever comes next after a kill
//! carries it out. The commit's parents and tree keep every object alive that the sync needs.

use crate::objects::{ObjectName, Objects, commit_bytes};
use crate::refs::{Expected, LockedRef, Swap};
use crate::repository::Handle;
use crate::sync::{SyncConflict, SyncMode, SyncState};
use crate::tree::{self, Changes, FILE, Found, Leaf, or_empty};
use crate::working::Names;
use crate::{GitError, NewCommit, Result};
use conman_domain::git::Signature;
use conman_domain::{BlobId, CommitId, RepoPath, Timestamp, TreeId};
use git2::{ObjectType, Oid};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What the sync ref holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stored {
    /// Branch and working files are to move; nothing can stop it any more.
    Decided(Decision),
    /// Conflicts wait.
    Waiting(Box<Waiting>),
}

/// Where a branch is to move, its working files dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Decision {
    from: CommitId,
    to: CommitId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Waiting {
    pub(crate) onto: CommitId,
    pub(crate) mode: SyncMode,
    pub(crate) author: Signature,
    pub(crate) committer: Signature,
    /// The branch's head, which the end of the sync expects unmoved.
    pub(crate) head: CommitId,
    /// The head with the working files carried as a commit.
    pub(crate) start: CommitId,
    /// What the next commit stands on.
    pub(crate) tip: CommitId,
    pub(crate) replaying: Option<CommitId>,
    pub(crate) remaining: Vec<CommitId>,
    /// Git's best attempt at the tree.
    pub(crate) merged: TreeId,
    pub(crate) conflicts: Vec<StoredConflict>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredConflict {
    pub(crate) path: RepoPath,
    /// Where the merged tree holds Git's attempt at it.
    pub(crate) attempt: RepoPath,
    pub(crate) base: Option<BlobId>,
    pub(crate) ours: Option<BlobId>,
    pub(crate) theirs: Option<BlobId>,
    pub(crate) resolution: Option<StoredResolution>,
    /// What is wrong, where the lines would merge cleanly.
    #[serde(default)]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StoredResolution {
    Blob(BlobId),
    Delete,
}

impl Waiting {
    /// What callers see of it.
    pub(crate) fn state(&self) -> SyncState {
        let conflicts = self.conflicts.iter().map(|conflict| SyncConflict {
            path: conflict.path.clone(),
            base: conflict.base,
            ours: conflict.ours,
            theirs: conflict.theirs,
            resolved: conflict.resolution.is_some(),
            reason: conflict.reason.clone(),
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
pub(crate) fn put_state(objects: &mut Objects<'_>, stored: &Stored) -> Result<Oid> {
    let text = serde_json::to_vec_pretty(stored).map_err(|error| GitError::corrupt(error.to_string()))?;
    let state = objects.put(ObjectType::Blob, text, None);
    let mut changes = Changes::default();
    changes.set(STATE_FILE, Some(Leaf { mode: FILE, id: state }));
    let mut parents: Vec<Oid> = Vec::new();
    let at = match stored {
        Stored::Decided(decision) => {
            parents.extend([decision.from.oid(), decision.to.oid()]);
            Timestamp::from_millis(0)
        }
        Stored::Waiting(waiting) => {
            let own = [waiting.head, waiting.start, waiting.onto, waiting.tip];
            parents.extend(own.into_iter().map(ObjectName::oid));
            changes.set(b"merged", Some(Leaf { mode: tree::FOLDER, id: waiting.merged.oid() }));
            let blobs = waiting.conflicts.iter().flat_map(|conflict| {
                let resolution = match conflict.resolution {
                    Some(StoredResolution::Blob(blob)) => Some(blob),
                    Some(StoredResolution::Delete) | None => None,
                };
                [conflict.base, conflict.ours, conflict.theirs, resolution]
            });
            for blob in blobs.flatten().collect::<BTreeSet<BlobId>>() {
                changes.set(format!("blobs/{blob}").as_bytes(), Some(Leaf { mode: FILE, id: blob.oid() }));
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
    let new = NewCommit { author: own.clone(), committer: own, message: "Sync of a workspace".to_owned() };
    Ok(objects.put(ObjectType::Commit, commit_bytes(tree, &unique, &new), None))
}

/// What the sync ref holds, with its value.
pub(crate) fn read_state(handle: &Handle, names: &Names) -> Result<Option<(Oid, Stored)>> {
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
    match handle.swap_ref(&names.head, Expected::Is(Some(decision.from.oid())), Some(decision.to.oid()))? {
        Swap::Done => work.commit(None)?,
        Swap::Differs(Some(head)) if head == decision.to.oid() => work.commit(None)?,
        // Someone else moved the branch since: what the decision stood on is gone, the working files stay.
        Swap::Differs(_) => drop(work),
    }
    // Another process may have done it: only this very decision is cleared.
    handle.swap_ref(&names.sync, Expected::Is(Some(id)), None).map(drop)
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
    let decision = Decision { from: CommitId::of(from), to: CommitId::of(to) };
    let id = put_state(&mut objects, &Stored::Decided(decision))?;
    objects.store_loose()?;
    set_state(handle, names, id)?;
    branch.commit(Some(to))?;
    work.commit(None)?;
    handle.swap_ref(&names.sync, Expected::Is(Some(id)), None).map(drop)
}

/// Reads the sync that waits.
pub(crate) fn waiting(handle: &Handle, names: &Names) -> Result<Box<Waiting>> {
    match read_state(handle, names)? {
        Some((_, Stored::Waiting(waiting))) => Ok(waiting),
        Some((_, Stored::Decided(_))) | None => Err(GitError::NoSync),
    }
}

/// Sets the sync ref, under the workspace's lock.
pub(crate) fn set_state(handle: &Handle, names: &Names, id: Oid) -> Result<()> {
    handle.swap_ref(&names.sync, Expected::Any, Some(id)).map(drop)
}
