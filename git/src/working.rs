//! Workspaces: a branch, and its autosaved working files in a hidden ref.

//!
//! The hidden ref `refs/conman/work/<workspace>` names a commit whose tree is the working files and whose parent is the
//! branch's head that they were made from. Its lock is held through every operation that reads and then writes, so that
//! writers take turns across processes too. Moves of the branch together with the working files are decided by one
//! write of the sync ref first and replayed from it after a kill (see the module `sync_state`).

use crate::objects::{ObjectName, Objects, commit_bytes};
use crate::refs::{Expected, LockedRef, Swap};
use crate::repository::Handle;
use crate::tree::{self, Changes, FILE, Found, Leaf, or_empty, repo_path};
use crate::{GitError, NewCommit, Repository, Result, merge, sync_state, verify};
use conman_domain::git::Signature;
use conman_domain::id::WorkspaceId;
use conman_domain::name::BranchName;
use conman_domain::path::find_clash;
use conman_domain::{BlobId, CommitId, RepoPath, Timestamp, TreeId};
use git2::{ObjectType, Oid};
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// One edit of working files. `expected` is the content before the whole set of edits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Writes a file.
    Put {
        /// Where.
        path: RepoPath,
        /// The content that is replaced; `None`: the file must not exist (or be moved or deleted by the same edits).
        expected: Option<BlobId>,
        /// The new content.
        bytes: Vec<u8>,
    },
    /// Deletes a file.
    Delete {
        /// Which.
        path: RepoPath,
        /// The content that is deleted.
        expected: BlobId,
    },
    /// Moves a file, content unchanged; the target must not exist (or be moved or deleted by the same edits).
    Move {
        /// From where.
        from: RepoPath,
        /// To where.
        to: RepoPath,
        /// The content that is moved.
        expected: BlobId,
    },
}

/// What an app's rules allow to be written.
#[derive(Clone)]
pub struct WriteRules {
    /// The largest file in bytes.
    pub file_size_limit: u64,
    /// True for paths that may be neither written nor deleted.
    pub is_blocked: Arc<dyn Fn(&RepoPath) -> bool + Send + Sync>,
}

impl fmt::Debug for WriteRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteRules").field("file_size_limit", &self.file_size_limit).finish_non_exhaustive()
    }
}

/// The state of a workspace's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Working {
    /// The branch's head.
    pub head: CommitId,
    /// The working files' tree; the head's own tree when nothing was edited.
    pub tree: TreeId,
    /// True when the working files differ from the head.
    pub dirty: bool,
}

/// The refs of one workspace.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    pub(crate) branch: BranchName,
    pub(crate) head: String,
    pub(crate) work: String,
    pub(crate) sync: String,
}

impl Names {
    pub(crate) fn new(id: WorkspaceId, branch: &BranchName) -> Self {
        Self {
            branch: branch.clone(),
            head: format!("refs/heads/{branch}"),
            work: format!("refs/conman/work/{id}"),
            sync: format!("refs/conman/sync/{id}"),
        }
    }
}

/// The files of a workspace, as they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Files {
    /// The branch's head.
    pub(crate) head: Oid,
    pub(crate) head_tree: Oid,
    /// The commit that the working files were made from; the head unless the branch moved beneath them.
    pub(crate) base: Oid,
    pub(crate) tree: Oid,
}

impl Files {
    pub(crate) fn is_dirty(&self) -> bool {
        self.tree != self.head_tree
    }

    fn working(&self) -> Working {
        Working { head: CommitId::of(self.head), tree: TreeId::of(self.tree), dirty: self.is_dirty() }
    }
}

/// Reads a workspace's files, given the value of its hidden ref.
fn read_files(handle: &Handle, names: &Names, work: Option<Oid>) -> Result<Files> {
    let objects = handle.objects()?;
    let head = handle.require_branch(&names.branch)?;
    let head_tree = objects.commit(head)?.tree;
    let clean = Files { head, head_tree, base: head, tree: head_tree };
    let Some(work) = work else { return Ok(clean) };
    let work = objects.commit(work)?;
    // Equal trees: the files were committed, and a kill came before the hidden ref was cleared.
    if work.tree == head_tree {
        return Ok(clean);
    }
    Ok(Files { base: work.parents.first().copied().unwrap_or(head), tree: work.tree, ..clean })
}

/// Brings working files onto the branch's head where it moved beneath them (by a push, say).
fn carry_over(handle: &Handle, objects: &mut Objects<'_>, files: Files) -> Result<Files> {
    if files.base == files.head || !files.is_dirty() {
        return Ok(files);
    }
    let base = objects.commit(files.base)?.tree;
    match merge::merge_trees(handle, objects, base, files.head_tree, files.tree)? {
        merge::Merged::Clean { tree } => Ok(Files { base: files.head, tree, ..files }),
        merge::Merged::Conflicted { .. } => {
            Err(GitError::BranchMoved { head: CommitId::of(files.head), base: CommitId::of(files.base) })
        }
    }
}

/// Reads a workspace's files, brought onto the branch's head where it moved beneath them.
pub(crate) fn read_files_carried(
    handle: &Handle,
    names: &Names,
    objects: &mut Objects<'_>,
    work: Option<Oid>,
) -> Result<Files> {
    let files = read_files(handle, names, work)?;
    carry_over(handle, objects, files)
}

/// Locks a workspace after finishing what a killed process had decided.
pub(crate) fn lock<'h>(handle: &'h Handle, names: &Names) -> Result<LockedRef<'h>> {
    loop {
        let work = handle.lock_ref(&names.work)?;
        match sync_state::unfinished(handle, names)? {
            None => return Ok(work),
            Some(unfinished) => sync_state::finish(handle, names, work, unfinished)?,
        }
    }
}

impl Repository {
    /// Creates a workspace's branch. Doing it again changes nothing and answers the branch's head.
    pub async fn workspace_create(
        &self,
        id: WorkspaceId,
        branch: &BranchName,
        at: CommitId,
    ) -> Result<CommitId> {
        let names = Names::new(id, branch);
        self.run_alone(id, move |handle| {
            handle.require_commit(at.oid())?;
            match handle.swap_ref(&names.head, Expected::Is(None), Some(at.oid()))? {
                Swap::Done => Ok(at),
                Swap::Differs(Some(head)) => Ok(CommitId::of(head)),
                Swap::Differs(None) => Err(GitError::corrupt("a branch that is absent differs from absent")),
            }
        })
        .await
    }

    /// Deletes a workspace's branch, working files and pending sync; no error if they do not exist.
    pub async fn workspace_delete(&self, id: WorkspaceId, branch: &BranchName) -> Result<()> {
        let names = Names::new(id, branch);
        self.run_alone(id, move |handle| {
            let work = handle.lock_ref(&names.work)?;
            handle.swap_ref(&names.sync, Expected::Any, None)?;
            handle.swap_ref(&names.head, Expected::Any, None)?;
            work.commit(None)
        })
        .await
    }

    /// The state of a workspace's files.
    pub async fn working(&self, id: WorkspaceId, branch: &BranchName) -> Result<Working> {
        let names = Names::new(id, branch);
        self.run_alone(id, move |handle| {
            if sync_state::unfinished(handle, &names)?.is_some() {
                drop(lock(handle, &names)?);
            }
            let files = read_files(handle, &names, handle.read_ref(&names.work)?)?;
            let mut objects = handle.objects()?;
            match carry_over(handle, &mut objects, files) {
                Ok(files) => {
                    // What this answers has to be readable.
                    objects.store_loose()?;
                    Ok(files.working())
                }
                // Shown as they are; the next write or commit says what is wrong.
                Err(GitError::BranchMoved { .. }) => Ok(files.working()),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// Applies edits to the working files, all or none, and saves them. Concurrent writers take turns; nothing is lost.
    ///
    /// # Errors
    ///
    /// `Stale`, `Blocked`, `TooLarge`, `Clash`, `EditedTwice`, `SyncPending` and `BranchMoved` of
    /// [`GitError`](crate::GitError).
    pub async fn write(
        &self,
        id: WorkspaceId,
        branch: &BranchName,
        edits: Vec<Edit>,
        rules: &WriteRules,
        at: Timestamp,
    ) -> Result<Working> {
        let names = Names::new(id, branch);
        let rules = rules.clone();
        self.run_alone(id, move |handle| {
            check_rules(&edits, &rules)?;
            let work = lock(handle, &names)?;
            sync_state::refuse_pending(handle, &names)?;
            let mut objects = handle.objects()?;
            let files = read_files_carried(handle, &names, &mut objects, work.current())?;
            let tree = apply(&mut objects, files.tree, edits)?;
            let files = Files { tree, ..files };
            save(&mut objects, work, files, at)?;
            Ok(files.working())
        })
        .await
    }

    /// Commits the working files to the branch; `None` when there is nothing to commit. An edit that races with it is in
    /// the commit as a whole or stays in the working files as a whole.
    ///
    /// # Errors
    ///
    /// `SyncPending` and `BranchMoved` of [`GitError`](crate::GitError).
    pub async fn commit_working(
        &self,
        id: WorkspaceId,
        branch: &BranchName,
        new: NewCommit,
    ) -> Result<Option<CommitId>> {
        let names = Names::new(id, branch);
        self.run_alone(id, move |handle| {
            let work = lock(handle, &names)?;
            sync_state::refuse_pending(handle, &names)?;
            let mut objects = handle.objects()?;
            let files = read_files_carried(handle, &names, &mut objects, work.current())?;
            if !files.is_dirty() {
                work.commit(None)?;
                return Ok(None);
            }
            let commit = objects.put(ObjectType::Commit, commit_bytes(files.tree, &[files.head], &new), None);
            objects.store_loose()?;
            // A kill between the two leaves working files equal to the head: clean, as if it had not happened.
            match handle.swap_ref(&names.head, Expected::Is(Some(files.head)), Some(commit))? {
                Swap::Done => {}
                Swap::Differs(actual) => {
                    return Err(GitError::Lost {
                        name: format!("heads/{}", names.branch),
                        actual: actual.map(CommitId::of),
                    });
                }
            }
            work.commit(None)?;
            Ok(Some(CommitId::of(commit)))
        })
        .await
    }

    /// Sets the branch to a commit and drops the working files and a pending sync.
    pub async fn reset(&self, id: WorkspaceId, branch: &BranchName, to: CommitId) -> Result<Working> {
        let names = Names::new(id, branch);
        self.run_alone(id, move |handle| {
            handle.require_commit(to.oid())?;
            let work = lock(handle, &names)?;
            let from = handle.require_branch(&names.branch)?;
            sync_state::decide_and_finish(handle, &names, work, from, to.oid())?;
            let tree = handle.objects()?.commit(to.oid())?.tree;
            Ok(Working { head: to, tree: TreeId::of(tree), dirty: false })
        })
        .await
    }
}

/// Saves working files in the hidden ref, or clears it when they equal the head.
fn save(objects: &mut Objects<'_>, work: LockedRef<'_>, files: Files, at: Timestamp) -> Result<()> {
    if !files.is_dirty() {
        return work.commit(None);
    }
    let id = put_work_commit(objects, files.tree, files.head, at);
    objects.store_loose()?;
    work.commit(Some(id))
}

/// Adds the commit that the hidden ref names.
fn put_work_commit(objects: &mut Objects<'_>, tree: Oid, head: Oid, at: Timestamp) -> Oid {
    let own = Signature::new("Conman", "conman@invalid", at);
    let new = NewCommit { author: own.clone(), committer: own, message: "Working files".to_owned() };
    objects.put(ObjectType::Commit, commit_bytes(tree, &[head], &new), None)
}

/// Refuses edits that the app's rules forbid, or that contradict each other.
fn check_rules(edits: &[Edit], rules: &WriteRules) -> Result<()> {
    let (mut sources, mut targets) = (HashSet::new(), HashSet::new());
    for edit in edits {
        let (source, target) = match edit {
            Edit::Put { path, bytes, .. } => {
                let size = bytes.len() as u64;
                if size > rules.file_size_limit {
                    return Err(GitError::TooLarge {
                        path: path.clone(),
                        size,
                        limit: rules.file_size_limit,
                    });
                }
                (None, Some(path))
            }
            Edit::Delete { path, .. } => (Some(path), None),
            Edit::Move { from, to, .. } => (Some(from), Some(to)),
        };
        for path in source.into_iter().chain(target) {
            if (rules.is_blocked)(path) {
                return Err(GitError::Blocked { path: path.clone() });
            }
        }
        let twice =
            source.filter(|path| !sources.insert(*path)).or(target.filter(|path| !targets.insert(*path)));
        if let Some(path) = twice {
            return Err(GitError::EditedTwice { path: path.clone() });
        }
    }
    Ok(())
}

/// Applies edits to a tree: first everything that goes is taken away, then everything that comes is put in place.
fn apply(objects: &mut Objects<'_>, tree: Oid, edits: Vec<Edit>) -> Result<Oid> {
    let mut gone = Changes::default();
    let mut come: Vec<(RepoPath, Oid)> = Vec::new();
    let sources: HashSet<RepoPath> = edits
        .iter()
        .filter_map(|edit| match edit {
            Edit::Delete { path, .. } | Edit::Move { from: path, .. } => Some(path.clone()),
            Edit::Put { .. } => None,
        })
        .collect();
    for edit in edits {
        match edit {
            Edit::Put { path, expected, bytes } => {
                // A file that the same edits take away counts as absent for what comes in its place.
                let taken = sources.contains(&path) && expected.is_none();
                let current = if taken { None } else { current(objects, tree, &path)? };
                if current.map(|leaf| BlobId::of(leaf.id)) != expected {
                    return Err(stale(path, current));
                }
                let id = objects.put(ObjectType::Blob, bytes, current.map(|leaf| leaf.id));
                if current.is_some() {
                    gone.set(path.as_str().as_bytes(), None);
                }
                come.push((path, id));
            }
            Edit::Delete { path, expected } => {
                expect(objects, tree, &path, expected)?;
                gone.set(path.as_str().as_bytes(), None);
            }
            Edit::Move { from, to, expected } => {
                expect(objects, tree, &from, expected)?;
                gone.set(from.as_str().as_bytes(), None);
                if !sources.contains(&to)
                    && let Some(leaf) = current(objects, tree, &to)?
                {
                    return Err(stale(to, Some(leaf)));
                }
                come.push((to, expected.oid()));
            }
        }
    }
    let paths: Vec<RepoPath> = come.iter().map(|(path, _)| path.clone()).collect();
    if let Some(clash) = find_clash(&paths) {
        return Err(GitError::Clash { path: clash.second, other: clash.first, folder: clash.folder });
    }
    // Only a look at what is left: what is made for it is forgotten again.
    let mark = objects.mark();
    let rest = gone.apply(objects, Some(tree))?;
    let rest = or_empty(objects, rest);
    let mut changes = gone;
    for (path, id) in &come {
        let bytes = path.as_str().as_bytes();
        let in_the_way = match tree::lookup(objects, rest, bytes)? {
            Found::Nothing => None,
            Found::Leaf(leaf) => return Err(stale(path.clone(), Some(leaf))),
            Found::Folder(_) => Some(path.clone()),
            Found::Behind(components) => {
                let above: Vec<&str> = path.components().take(components).collect();
                Some(repo_path(above.join("/").as_bytes())?)
            }
        };
        if let Some(other) = in_the_way {
            return Err(GitError::Clash { path: path.clone(), other, folder: true });
        }
        // Whatever it was before, what we write is an ordinary file.
        changes.set(bytes, Some(Leaf { mode: FILE, id: *id }));
    }
    objects.rewind(mark);
    let tree = changes.apply(objects, Some(tree))?;
    let tree = or_empty(objects, tree);
    for path in paths {
        if let Some(other) = verify::find_case_clash(objects, tree, path.as_str().as_bytes())? {
            return Err(GitError::Clash { path, other: repo_path(&other)?, folder: false });
        }
    }
    Ok(tree)
}

fn current(objects: &mut Objects<'_>, tree: Oid, path: &RepoPath) -> Result<Option<Leaf>> {
    Ok(match tree::lookup(objects, tree, path.as_str().as_bytes())? {
        Found::Leaf(leaf) => Some(leaf),
        Found::Nothing | Found::Folder(_) | Found::Behind(_) => None,
    })
}

fn expect(objects: &mut Objects<'_>, tree: Oid, path: &RepoPath, expected: BlobId) -> Result<()> {
    match current(objects, tree, path)? {
        Some(leaf) if leaf.id == expected.oid() => Ok(()),
        other => Err(stale(path.clone(), other)),
    }
}

fn stale(path: RepoPath, current: Option<Leaf>) -> GitError {
    GitError::Stale { path, current: current.map(|leaf| BlobId::of(leaf.id)) }
}
