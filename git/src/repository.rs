//! Reading one repository.

use crate::objects::{ObjectName, Objects};
use crate::tree::{self, Found, TreeCache, repo_path};
use crate::{GitError, Missing, Ownership, Result, verify};
use conman_domain::git::{BlobId, Signature, TreeId};
use conman_domain::id::WorkspaceId;
use conman_domain::name::BranchName;
use conman_domain::{CommitId, RepoPath, Timestamp};
use git2::Oid;
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::OwnedMutexGuard;

/// What a commit says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitInfo {
    /// The commit's id.
    pub id: CommitId,
    /// Its tree.
    pub tree: TreeId,
    /// Its parents, first parent first.
    pub parents: Vec<CommitId>,
    /// Who wrote the change.
    pub author: Signature,
    /// Who made the commit.
    pub committer: Signature,
    /// The message; bytes that are not UTF-8 are replaced.
    pub message: String,
}

/// What a commit that is to be made says about itself. The same values give the same id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCommit {
    /// Who wrote the change.
    pub author: Signature,
    /// Who makes the commit.
    pub committer: Signature,
    /// The message; a line end is added if it has none.
    pub message: String,
}

/// One file of a tree.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FileEntry {
    /// Its path.
    pub path: RepoPath,
    /// Its content's id.
    pub blob: BlobId,
    /// Its size in bytes.
    pub size: u64,
}

/// The content of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileContent {
    /// The content's id, which a write of this file has to name.
    pub blob: BlobId,
    /// The bytes as they are stored.
    pub bytes: Vec<u8>,
}

/// Which part of a log is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogPage {
    /// How many commits to pass over.
    pub skip: usize,
    /// How many to return at most.
    pub limit: usize,
}

/// A handle on one app's repository; cheap to clone.
#[derive(Clone)]
pub struct Repository {
    shared: Arc<Shared>,
}

/// What all handles on one repository share.
pub(crate) struct Shared {
    path: PathBuf,
    removed: AtomicBool,
    /// Opened repositories at rest. The library's own handles serve one thread at a time.
    idle: Mutex<Vec<git2::Repository>>,
    trees: TreeCache,
    workspaces: Mutex<HashMap<WorkspaceId, Arc<tokio::sync::Mutex<()>>>>,
    ownership: Ownership,
    /// The lock of the folder that this repository lies in.
    _lock: Option<Arc<File>>,
}

impl Shared {
    pub(crate) fn new(path: PathBuf, ownership: Ownership, lock: Option<Arc<File>>) -> Self {
        Self {
            path,
            removed: AtomicBool::new(false),
            idle: Mutex::default(),
            trees: TreeCache::default(),
            workspaces: Mutex::default(),
            ownership,
            _lock: lock,
        }
    }

    /// Lets go of the files, and makes every handle answer that there is no repository.
    pub(crate) fn retire(&self) {
        self.removed.store(true, Ordering::SeqCst);
        self.idle.lock().clear();
    }
}

/// How many opened repositories are kept at rest.
const IDLE: usize = 8;

/// One opened repository, for one thread.
pub(crate) struct Handle {
    shared: Arc<Shared>,
    git: Option<git2::Repository>,
}

impl Handle {
    pub(crate) fn open(shared: Arc<Shared>) -> Result<Self> {
        if shared.removed.load(Ordering::SeqCst) {
            return Err(GitError::NotFound(Missing::Repository));
        }
        let idle = shared.idle.lock().pop();
        let git = match idle {
            Some(git) => git,
            None => match git2::Repository::open_bare(&shared.path) {
                Ok(git) => git,
                Err(error) if error.code() == git2::ErrorCode::NotFound => {
                    return Err(GitError::NotFound(Missing::Repository));
                }
                Err(error) => return Err(error.into()),
            },
        };
        Ok(Self { shared, git: Some(git) })
    }

    /// A handle on a repository that was opened elsewhere and is shared with nobody.
    pub(crate) fn of(git: git2::Repository) -> Self {
        let shared = Shared::new(git.path().to_owned(), Ownership::Shared, None);
        Self { shared: Arc::new(shared), git: Some(git) }
    }

    pub(crate) fn git(&self) -> &git2::Repository {
        self.git.as_ref().expect("it is taken out only by dropping the handle")
    }

    pub(crate) fn path(&self) -> &Path {
        &self.shared.path
    }

    /// True if other servers may work in the repository.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared.ownership == Ownership::Shared
    }

    pub(crate) fn trees(&self) -> &TreeCache {
        &self.shared.trees
    }

    pub(crate) fn objects(&self) -> Result<Objects<'_>> {
        Objects::new(self)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut idle = self.shared.idle.lock();
        if idle.len() < IDLE && !self.shared.removed.load(Ordering::SeqCst) {
            idle.extend(self.git.take());
        }
    }
}

/// Runs blocking work on the runtime's blocking threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(GitError::Stopped),
        },
    }
}

impl Repository {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Runs blocking work on an opened repository.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Handle) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let shared = self.shared.clone();
        blocking(move || work(&Handle::open(shared)?)).await
    }

    /// Runs blocking work while no other task of this process works on the workspace.
    pub(crate) async fn run_alone<T: Send + 'static>(
        &self,
        id: WorkspaceId,
        work: impl FnOnce(&Handle) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let turn: OwnedMutexGuard<()> = self.turn(id).lock_owned().await;
        let shared = self.shared.clone();
        blocking(move || {
            // Held here, so that a caller that goes away does not end its turn before the work has ended.
            let _turn = turn;
            work(&Handle::open(shared)?)
        })
        .await
    }

    fn turn(&self, id: WorkspaceId) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.shared.workspaces.lock();
        if turns.len() > 1024 {
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        turns.entry(id).or_default().clone()
    }

    /// The head of a branch, `None` if there is no such branch.
    pub async fn branch(&self, branch: &BranchName) -> Result<Option<CommitId>> {
        let branch = branch.clone();
        self.run(move |handle| Ok(handle.branch(&branch)?.map(CommitId::of))).await
    }

    /// What a commit says.
    pub async fn commit(&self, id: CommitId) -> Result<CommitInfo> {
        self.run(move |handle| handle.commit_info(id.oid())).await
    }

    /// All files of a tree with their sizes, in Git's order.
    pub async fn list(&self, tree: TreeId) -> Result<Vec<FileEntry>> {
        self.run(move |handle| {
            let odb = handle.git().odb()?;
            let mut files = Vec::new();
            tree::walk(&mut handle.objects()?, tree.oid(), &mut Vec::new(), &mut |_, path, leaf| {
                let (size, _) = odb.read_header(leaf.id)?;
                files.push(FileEntry {
                    path: repo_path(path)?,
                    blob: BlobId::of(leaf.id),
                    size: size as u64,
                });
                Ok(())
            })?;
            Ok(files)
        })
        .await
    }

    /// One file of a tree, `None` if it is not there.
    pub async fn file(&self, tree: TreeId, path: &RepoPath) -> Result<Option<FileContent>> {
        let path = path.clone();
        self.run(move |handle| {
            let mut objects = handle.objects()?;
            match tree::lookup(&mut objects, tree.oid(), path.as_str().as_bytes())? {
                Found::Leaf(leaf) if leaf.is_file() => {
                    Ok(Some(FileContent { blob: BlobId::of(leaf.id), bytes: objects.blob(leaf.id)? }))
                }
                Found::Leaf(_) | Found::Nothing | Found::Folder(_) | Found::Behind(_) => Ok(None),
            }
        })
        .await
    }

    /// The bytes of a blob.
    pub async fn blob(&self, blob: BlobId) -> Result<Vec<u8>> {
        self.run(move |handle| handle.objects()?.blob(blob.oid())).await
    }

    /// The files of a tree that `wanted` picks, with their content, in Git's order.
    pub async fn files(
        &self,
        tree: TreeId,
        wanted: impl Fn(&RepoPath) -> bool + Send + 'static,
    ) -> Result<Vec<(RepoPath, FileContent)>> {
        self.run(move |handle| {
            let mut files = Vec::new();
            tree::walk(&mut handle.objects()?, tree.oid(), &mut Vec::new(), &mut |objects, path, leaf| {
                let path = repo_path(path)?;
                if leaf.is_file() && wanted(&path) {
                    files.push((
                        path,
                        FileContent { blob: BlobId::of(leaf.id), bytes: objects.blob(leaf.id)? },
                    ));
                }
                Ok(())
            })?;
            Ok(files)
        })
        .await
    }

    /// True when `ancestor` is `descendant` or lies in its history.
    pub async fn is_ancestor(&self, ancestor: CommitId, descendant: CommitId) -> Result<bool> {
        self.run(move |handle| {
            handle.require_commit(ancestor.oid())?;
            handle.require_commit(descendant.oid())?;
            Ok(ancestor == descendant
                || handle.git().graph_descendant_of(descendant.oid(), ancestor.oid())?)
        })
        .await
    }

    /// The best common ancestor of two commits, `None` if their histories share nothing.
    pub async fn merge_base(&self, a: CommitId, b: CommitId) -> Result<Option<CommitId>> {
        self.run(move |handle| {
            handle.require_commit(a.oid())?;
            handle.require_commit(b.oid())?;
            match handle.git().merge_base(a.oid(), b.oid()) {
                Ok(base) => Ok(Some(CommitId::of(base))),
                Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    /// The history of `from`, newest first, children before their parents.
    pub async fn log(&self, from: CommitId, page: LogPage) -> Result<Vec<CommitInfo>> {
        self.run(move |handle| {
            handle.require_commit(from.oid())?;
            let mut walk = handle.git().revwalk()?;
            walk.set_sorting(git2::Sort::TOPOLOGICAL | git2::Sort::TIME)?;
            walk.push(from.oid())?;
            walk.skip(page.skip).take(page.limit).map(|id| handle.commit_info(id?)).collect()
        })
        .await
    }

    /// The e-mail addresses of all who wrote or made a commit that `head` has in its history and `base` has not.
    pub async fn people_between(&self, base: CommitId, head: CommitId) -> Result<BTreeSet<String>> {
        self.run(move |handle| {
            handle.require_commit(base.oid())?;
            handle.require_commit(head.oid())?;
            let mut walk = handle.git().revwalk()?;
            walk.push(head.oid())?;
            walk.hide(base.oid())?;
            let mut people = BTreeSet::new();
            for id in walk {
                let commit = handle.commit_info(id?)?;
                people.extend([commit.author.email, commit.committer.email]);
            }
            Ok(people)
        })
        .await
    }

    /// Checks a tree against every rule of paths, modes and form.
    ///
    /// # Errors
    ///
    /// [`GitError::Refused`](crate::GitError::Refused) names the first entry that breaks a rule.
    pub async fn verify_tree(&self, tree: TreeId) -> Result<()> {
        self.run(move |handle| verify::verify_tree(&mut handle.objects()?, tree.oid())).await
    }
}

impl Handle {
    /// The head of a branch.
    pub(crate) fn branch(&self, branch: &BranchName) -> Result<Option<Oid>> {
        self.read_ref(&format!("refs/heads/{branch}"))
    }

    /// The head of a branch that has to exist.
    pub(crate) fn require_branch(&self, branch: &BranchName) -> Result<Oid> {
        self.branch(branch)?.ok_or_else(|| GitError::NotFound(Missing::Branch(branch.clone())))
    }

    /// Says if there is no such commit.
    pub(crate) fn require_commit(&self, id: Oid) -> Result<()> {
        match self.git().odb()?.read_header(id) {
            Ok((_, git2::ObjectType::Commit)) => Ok(()),
            Ok(_) => Err(GitError::NotFound(Missing::Commit(CommitId::of(id)))),
            Err(error) if error.code() == git2::ErrorCode::NotFound => {
                Err(GitError::NotFound(Missing::Commit(CommitId::of(id))))
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn commit_info(&self, id: Oid) -> Result<CommitInfo> {
        self.require_commit(id)?;
        let commit = self.git().find_commit(id)?;
        let signature = |signature: git2::Signature<'_>| {
            Signature::new(
                &String::from_utf8_lossy(signature.name_bytes()),
                &String::from_utf8_lossy(signature.email_bytes()),
                Timestamp::from_millis(signature.when().seconds().saturating_mul(1000)),
            )
        };
        Ok(CommitInfo {
            id: CommitId::of(id),
            tree: TreeId::of(commit.tree_id()),
            parents: commit.parent_ids().map(CommitId::of).collect(),
            author: signature(commit.author()),
            committer: signature(commit.committer()),
            message: String::from_utf8_lossy(commit.message_bytes()).into_owned(),
        })
    }
}
