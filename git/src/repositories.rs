//! All repositories of one server.

use crate::command::require_git;
use crate::objects::commit_bytes;
use crate::repository::{Handle, Shared, blocking};
use crate::tree::{Changes, FILE, Leaf, or_empty};
use crate::{GitError, ImportSource, NewCommit, Repository, Result, import, pack, verify};
use conman_domain::git::Signature;
use conman_domain::id::AppId;
use conman_domain::name::BranchName;
use conman_domain::path::find_clash;
use conman_domain::{CommitId, RepoPath};
use git2::ObjectType;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Says who else may work in the repositories' folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// This server alone: a second one is refused. For local folders.
    Exclusive,
    /// Several servers over one volume, each of them shared.
    Shared,
}

/// Holds one bare repository per app, `<root>/<app_id>.git`.
#[derive(Clone)]
pub struct Repositories {
    inner: Arc<Inner>,
}

struct Inner {
    root: PathBuf,
    ownership: Ownership,
    shared: Mutex<HashMap<AppId, Arc<Shared>>>,
    /// Held for as long as any handle lives; the system lets go of it when the process dies.
    lock: Arc<File>,
}

/// What a repository in the making, or on its way out, is named by.
const HALF_MADE: &str = ".tmp-";

impl Repositories {
    /// Opens the folder, made if missing, takes ownership of it, and sweeps what a killed process left (lock files
    /// beside refs, half-made repositories) when no other server is there.
    ///
    /// # Errors
    ///
    /// [`GitError::InUse`](crate::GitError::InUse) when another server's ownership forbids it;
    /// [`GitError::Unusable`](crate::GitError::Unusable) when the `git` command is missing or too old.
    pub async fn open(root: &Path, ownership: Ownership) -> Result<Self> {
        let root = root.to_owned();
        blocking(move || {
            fs::create_dir_all(&root).map_err(GitError::io(&root))?;
            let root = root.canonicalize().map_err(GitError::io(&root))?;
            let lock = take(&root, ownership)?;
            require_git(&root)?;
            let (shared, lock) = (Mutex::default(), Arc::new(lock));
            Ok(Self { inner: Arc::new(Inner { root, ownership, shared, lock }) })
        })
        .await
    }

    /// Creates the app's repository with one commit of `files` on `branch`. Doing it again answers the branch's head.
    ///
    /// # Errors
    ///
    /// [`GitError::Clash`](crate::GitError::Clash) when two of the files cannot lie in one tree.
    pub async fn create(
        &self,
        app: AppId,
        branch: &BranchName,
        files: Vec<(RepoPath, Vec<u8>)>,
        author: Signature,
        message: &str,
    ) -> Result<CommitId> {
        let (branch, message) = (branch.clone(), message.to_owned());
        self.make(app, branch.clone(), move |handle| {
            let paths: Vec<RepoPath> = files.iter().map(|(path, _)| path.clone()).collect();
            if let Some(clash) = find_clash(&paths) {
                return Err(GitError::Clash { path: clash.second, other: clash.first, folder: clash.folder });
            }
            let mut objects = handle.objects()?;
            let mut changes = Changes::default();
            for (path, bytes) in files {
                let id = objects.put(ObjectType::Blob, bytes, None);
                changes.set(path.as_str().as_bytes(), Some(Leaf { mode: FILE, id }));
            }
            let tree = changes.apply(&mut objects, None)?;
            let tree = or_empty(&mut objects, tree);
            let new = NewCommit { committer: author.clone(), author, message };
            let commit = objects.put(ObjectType::Commit, commit_bytes(tree, &[], &new), None);
            objects.store_pack()?;
            handle.git().reference(&format!("refs/heads/{branch}"), commit, false, "")?;
            Ok(())
        })
        .await
    }

    /// Copies the history of `branch` out of `source` into a new repository: objects only, never hooks, settings,
    /// alternates or other refs. The whole history passes `git fsck`, the head's tree the tree verifier. On a refusal
    /// nothing stays. Doing it again answers the branch's head.
    ///
    /// # Errors
    ///
    /// [`GitError::ImportRefused`](crate::GitError::ImportRefused), [`GitError::Refused`](crate::GitError::Refused).
    pub async fn import(&self, app: AppId, source: ImportSource, branch: &BranchName) -> Result<CommitId> {
        let branch = branch.clone();
        self.make(app, branch.clone(), move |handle| {
            let head = import::copy(handle, &source, &branch)?;
            let mut objects = handle.objects()?;
            let tree = objects.commit(head)?.tree;
            verify::verify_tree(&mut objects, tree)?;
            handle.git().reference(&format!("refs/heads/{branch}"), head, false, "")?;
            Ok(())
        })
        .await
    }

    /// Makes a repository under another name and gives it its own when it is whole.
    async fn make(
        &self,
        app: AppId,
        branch: BranchName,
        fill: impl FnOnce(&Handle) -> Result<()> + Send + 'static,
    ) -> Result<CommitId> {
        let repository = self.get(app);
        let inner = self.inner.clone();
        let made = branch.clone();
        blocking(move || {
            let target = inner.path(app);
            if target.exists() {
                return Ok(());
            }
            // Dropping it removes it with everything in it: after a refusal nothing stays.
            let half = tempfile::Builder::new()
                .prefix(&format!("{HALF_MADE}{app}-"))
                .tempdir_in(&inner.root)
                .map_err(GitError::io(&inner.root))?;
            initialise(half.path(), &made)?;
            fill(&Handle::open(Arc::new(Shared::new(half.path().to_owned(), Ownership::Exclusive, None)))?)?;
            sync_all(half.path())?;
            match fs::rename(half.path(), &target) {
                Ok(()) => drop(half.keep()),
                // Another caller was faster: its repository is the one.
                Err(error)
                    if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists) => {}
                Err(error) => {
                    return Err(GitError::Io { path: target, source: error });
                }
            }
            pack::sync_folder(&inner.root)
        })
        .await?;
        repository.run(move |handle| handle.require_branch(&branch)).await.map(crate::objects::ObjectName::of)
    }

    /// The handle on an app's repository. Does no I/O; when there is none, its methods say so.
    pub fn get(&self, app: AppId) -> Repository {
        let mut shared = self.inner.shared.lock();
        Repository::new(
            shared
                .entry(app)
                .or_insert_with(|| {
                    let lock = Some(self.inner.lock.clone());
                    Arc::new(Shared::new(self.inner.path(app), self.inner.ownership, lock))
                })
                .clone(),
        )
    }

    /// Removes an app's repository; no error if there is none. Handles that are still held find no repository.
    pub async fn remove(&self, app: AppId) -> Result<()> {
        if let Some(shared) = self.inner.shared.lock().remove(&app) {
            shared.retire();
        }
        let inner = self.inner.clone();
        blocking(move || {
            // Renamed first: a kill in the middle leaves no half of a repository under the app's name.
            let gone = tempfile::Builder::new()
                .prefix(HALF_MADE)
                .tempdir_in(&inner.root)
                .map_err(GitError::io(&inner.root))?;
            let target = inner.path(app);
            match fs::rename(&target, gone.path().join("gone")) {
                Ok(()) => pack::sync_folder(&inner.root)?,
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(GitError::Io { path: target, source: error });
                }
            }
            gone.close().map_err(GitError::io(&inner.root))
        })
        .await
    }
}

impl Inner {
    fn path(&self, app: AppId) -> PathBuf {
        self.root.join(format!("{app}.git"))
    }
}

/// Takes the folder's lock, and sweeps when nobody else can be at work in it.
fn take(root: &Path, ownership: Ownership) -> Result<File> {
    let path = root.join(".lock");
    let open =
        || File::options().create(true).truncate(false).write(true).open(&path).map_err(GitError::io(&path));
    let busy = |error| match error {
        TryLockError::WouldBlock => GitError::InUse { root: root.to_owned() },
        TryLockError::Error(source) => GitError::Io { path: path.clone(), source },
    };
    let lock = open()?;
    match (lock.try_lock(), ownership) {
        (Ok(()), Ownership::Exclusive) => {
            sweep(root)?;
            Ok(lock)
        }
        (Ok(()), Ownership::Shared) => {
            sweep(root)?;
            lock.unlock().map_err(GitError::io(&path))?;
            lock.try_lock_shared().map_err(busy)?;
            Ok(lock)
        }
        (Err(TryLockError::WouldBlock), Ownership::Shared) => {
            lock.try_lock_shared().map_err(busy)?;
            Ok(lock)
        }
        (Err(error), Ownership::Exclusive | Ownership::Shared) => Err(busy(error)),
    }
}

/// Removes what killed processes left: half-made repositories, locks beside refs, half-written packs.
fn sweep(root: &Path) -> Result<()> {
    for entry in entries(root)? {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let path = entry.path();
        if name.starts_with(HALF_MADE) {
            tracing::info!(folder = %name, "removing a half-made repository");
            fs::remove_dir_all(&path).map_err(GitError::io(&path))?;
        } else if name.ends_with(".git") {
            sweep_locks(&path.join("refs"))?;
            for file in ["HEAD.lock", "config.lock", "packed-refs.lock"] {
                remove_stale(&path.join(file))?;
            }
            for entry in entries(&path.join("objects").join("pack"))? {
                if entry.file_name().to_string_lossy().starts_with("tmp_") {
                    remove_stale(&entry.path())?;
                }
            }
        }
    }
    Ok(())
}

fn sweep_locks(folder: &Path) -> Result<()> {
    for entry in entries(folder)? {
        let path = entry.path();
        let kind = entry.file_type().map_err(GitError::io(&path))?;
        if kind.is_dir() {
            sweep_locks(&path)?;
        } else if path.extension().is_some_and(|extension| extension == "lock") {
            remove_stale(&path)?;
        }
    }
    Ok(())
}

fn remove_stale(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Ok(()) => {
            tracing::info!(file = %file.display(), "removed what a killed process had left");
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(GitError::Io { path: file.to_owned(), source: error }),
    }
}

/// The entries of a folder; none if there is no such folder.
fn entries(folder: &Path) -> Result<Vec<fs::DirEntry>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.collect::<std::io::Result<_>>().map_err(GitError::io(folder)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(GitError::Io { path: folder.to_owned(), source: error }),
    }
}

/// Makes an empty repository without anything of the machine's templates, hooks or settings.
pub(crate) fn initialise(path: &Path, branch: &BranchName) -> Result<()> {
    let mut options = git2::RepositoryInitOptions::new();
    options.bare(true).external_template(false).initial_head(branch.as_str());
    let git = git2::Repository::init_opts(path, &options)?;
    let mut config = git2::Config::open(&path.join("config"))?;
    // Without it the library answers before anything is on disk.
    config.set_bool("core.fsyncObjectFiles", true)?;
    config.set_bool("core.logAllRefUpdates", false)?;
    config.set_i32("gc.auto", 0)?;
    config.set_i32("receive.unpackLimit", 1)?;
    drop(git);
    // The library puts a sample there.
    let hooks = path.join("hooks");
    fs::remove_dir_all(&hooks).map_err(GitError::io(&hooks))
}

/// Syncs every file and folder beneath a folder.
fn sync_all(folder: &Path) -> Result<()> {
    for entry in entries(folder)? {
        let path = entry.path();
        if entry.file_type().map_err(GitError::io(&path))?.is_dir() {
            sync_all(&path)?;
        } else {
            File::open(&path).and_then(|file| file.sync_all()).map_err(GitError::io(&path))?;
        }
    }
    pack::sync_folder(folder)
}
