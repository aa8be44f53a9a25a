//! A sync at work: merging, or replaying commit by commit, until it is done or has to wait.

use crate::contents::Contents;
use crate::merge::{self, Conflict, Merged};
use crate::objects::{ObjectName, Objects, commit_bytes};
use crate::outside::{Outside, moved_aside};
use crate::refs::LockedRef;
use crate::repository::Handle;
use crate::sync::{SyncCheck, SyncOutcome, SyncRequest};
use crate::sync_state::{Stored, StoredConflict, Waiting, decide_and_finish, put_state, set_state};
use crate::tree::{Leaf, or_empty, repo_path};
use crate::working::Names;
use crate::{NewCommit, Result, verify};
use conman_domain::{BlobId, CommitId, TreeId};
use git2::{ObjectType, Oid};

/// How far a merge or replay came.
pub(crate) enum Step {
    Done(Oid),
    Stuck(Box<Waiting>),
}

/// A sync at work.
pub(crate) struct Run<'h> {
    pub(crate) handle: &'h Handle,
    pub(crate) objects: Objects<'h>,
    pub(crate) request: SyncRequest,
    pub(crate) check: Box<SyncCheck>,
    pub(crate) head: Oid,
    pub(crate) start: Oid,
}

impl Run<'_> {
    /// The files whose lines were combined although they do not fit, each with what is wrong.
    fn misfits(
        &mut self,
        base: Option<Oid>,
        (ours, theirs): (Oid, Oid),
        merged: Oid,
        conflicts: &[Conflict],
    ) -> Result<Vec<(Conflict, String)>> {
        let mut misfits = Vec::new();
        for touched in merge::touched(&mut self.objects, base, ours, theirs, merged)? {
            let shown = touched.shown()?;
            if !shown.is_combined() || conflicts.iter().any(|conflict| conflict.path == touched.path) {
                continue;
            }
            let failures = (self.check)(&shown, &Contents::of(&self.objects, None));
            if let Some(first) = failures.into_iter().next() {
                let [base, ours, theirs] = touched.versions();
                misfits.push((Conflict { path: touched.path, base, ours, theirs }, first.reason));
            }
        }
        Ok(misfits)
    }

    fn wait(
        &mut self,
        tip: Oid,
        replaying: Option<Oid>,
        remaining: &[Oid],
        merged: Oid,
        conflicts: Vec<(Conflict, Option<String>)>,
    ) -> Result<Step> {
        let blob = |leaf: Option<Leaf>| leaf.map(|leaf| BlobId::of(leaf.id));
        let merged = self.objects.adopt(merged, None)?;
        let merged = or_empty(&mut self.objects, merged);
        let mut stored: Vec<StoredConflict> = Vec::with_capacity(conflicts.len());
        for (conflict, reason) in conflicts {
            // Contents that Git made up for a common ancestor lie beside the repository: they are needed here.
            for leaf in [conflict.base, conflict.ours, conflict.theirs].into_iter().flatten() {
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
                reason,
            });
        }
        stored.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Step::Stuck(Box::new(Waiting {
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
        })))
    }

    pub(crate) fn merge(&mut self) -> Result<Step> {
        let onto = self.request.onto.oid();
        let mut outside = Outside::new(self.handle)?;
        let merged = outside.merge_commits(&mut self.objects, self.start, onto)?;
        let (tree, conflicts) = parts(merged);
        // What the start has beyond the head is in neither's history.
        let bases = match self.handle.git().merge_bases(self.head, onto) {
            Ok(bases) => bases.to_vec(),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let base = outside.common_base(&mut self.objects, &bases)?;
        let sides = (self.objects.commit(self.start)?.tree, self.objects.commit(onto)?.tree);
        let misfits = self.misfits(base, sides, tree, &conflicts)?;
        if conflicts.is_empty() && misfits.is_empty() {
            return self.merge_commit(tree).map(Step::Done);
        }
        self.wait(self.start, None, &[], tree, together(conflicts, misfits))
    }

    pub(crate) fn merge_commit(&mut self, tree: Oid) -> Result<Oid> {
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
    pub(crate) fn own_commits(&self) -> Result<Vec<Oid>> {
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

    pub(crate) fn replay(&mut self, mut tip: Oid, commits: &[Oid]) -> Result<Step> {
        for (number, commit) in commits.iter().enumerate() {
            let links = self.objects.commit(*commit)?;
            let base = match links.parents.first() {
                Some(parent) => self.objects.commit(*parent)?.tree,
                None => or_empty(&mut self.objects, None),
            };
            let onto = self.objects.commit(tip)?.tree;
            let merged = merge::merge_trees(self.handle, &mut self.objects, base, onto, links.tree)?;
            let (tree, conflicts) = parts(merged);
            let misfits = self.misfits(Some(base), (onto, links.tree), tree, &conflicts)?;
            if !conflicts.is_empty() || !misfits.is_empty() {
                let conflicts = together(conflicts, misfits);
                return self.wait(tip, Some(*commit), &commits[number + 1..], tree, conflicts);
            }
            tip = self.replayed(tip, *commit, tree)?;
        }
        Ok(Step::Done(tip))
    }

    /// Makes a commit anew on another one; the tip itself if nothing is left of it.
    pub(crate) fn replayed(&mut self, tip: Oid, commit: Oid, tree: Oid) -> Result<Oid> {
        if self.objects.commit(tip)?.tree == tree {
            return Ok(tip);
        }
        verify::verify_tree(&mut self.objects, tree)?;
        let (author, message) = self.objects.author_and_message(commit)?;
        let new = NewCommit { author, committer: self.request.committer.clone(), message };
        Ok(self.objects.put(ObjectType::Commit, commit_bytes(tree, &[tip], &new), None))
    }

    /// Moves the branch, or stores what waits.
    pub(crate) fn settle(mut self, names: &Names, work: LockedRef<'_>, step: Step) -> Result<SyncOutcome> {
        match step {
            Step::Done(to) => {
                self.objects.store_pack()?;
                decide_and_finish(self.handle, names, work, self.head, to)?;
                Ok(SyncOutcome::Synced { head: CommitId::of(to) })
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

/// The tree of a merge, and what conflicts in it.
fn parts(merged: Merged) -> (Oid, Vec<Conflict>) {
    match merged {
        Merged::Clean { tree } => (tree, Vec::new()),
        Merged::Conflicted { tree, conflicts } => (tree, conflicts),
    }
}

fn together(conflicts: Vec<Conflict>, misfits: Vec<(Conflict, String)>) -> Vec<(Conflict, Option<String>)> {
    let misfits = misfits.into_iter().map(|(conflict, reason)| (conflict, Some(reason)));
    conflicts.into_iter().map(|conflict| (conflict, None)).chain(misfits).collect()
}
