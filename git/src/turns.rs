//! Turns at a ref, among servers that share a folder.
//!
//! A lock file beside a ref outlives a killed server and says nothing of whose it is. A lock of the system ends with its
//! holder. So servers that share a folder take the system's lock first: whoever has it, and still finds a lock file that
//! stays, knows that a killed server left that.

use crate::{GitError, Result};
use git2::{ObjectType, Oid};
use std::fs::{self, File, Metadata, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The folder of a repository in which turns are taken.
const FOLDER: &str = "conman-turns";

/// How long a lock file has to stay before it counts as left: an operator's git command holds one for a moment.
const ABANDONED: Duration = Duration::from_secs(2);

/// A turn at a ref; it ends with the value, or with the process.
pub(crate) struct Turn {
    path: PathBuf,
    _file: File,
}

impl Turn {
    /// Takes the turn, unless somebody has it.
    pub(crate) fn try_take(repository: &Path, name: &str) -> Result<Option<Self>> {
        // Of one length, and without the slashes of a ref's name.
        let key = Oid::hash_object(ObjectType::Blob, name.as_bytes())?;
        let path = repository.join(FOLDER).join(key.to_string());
        let open = || File::options().create(true).truncate(false).write(true).open(&path);
        let file = match open() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::create_dir_all(repository.join(FOLDER)).map_err(GitError::io(&path))?;
                open()
            }
            opened => opened,
        };
        let file = file.map_err(GitError::io(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(source)) => return Err(GitError::Io { path, source }),
        }
        // Whoever had the turn may have removed this file after it was opened here: then it gives no turn any more.
        let held = file.metadata().map_err(GitError::io(&path))?;
        match fs::metadata(&path) {
            Ok(present) if same(&held, &present) => Ok(Some(Self { path, _file: file })),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(GitError::Io { path, source }),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // Before the lock is let go, so that nobody else's turn is removed. A file that stays does no harm.
        let _ = fs::remove_file(&self.path);
    }
}

/// Watches a lock file that is in the way of who has the turn.
#[derive(Default)]
pub(crate) struct InTheWay {
    seen: Option<(Metadata, Instant)>,
}

impl InTheWay {
    /// Removes the lock file once it has stayed the same for as long as nobody holds one.
    pub(crate) fn clear(&mut self, file: &Path) -> Result<()> {
        let present = match fs::metadata(file) {
            Ok(present) => present,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.seen = None;
                return Ok(());
            }
            Err(error) => return Err(GitError::io(file)(error)),
        };
        match &self.seen {
            Some((seen, since)) if same(seen, &present) => {
                if since.elapsed() >= ABANDONED {
                    tracing::info!(file = %file.display(), "removing what a killed server had left");
                    fs::remove_file(file).map_err(GitError::io(file))?;
                    self.seen = None;
                }
            }
            Some(_) | None => self.seen = Some((present, Instant::now())),
        }
        Ok(())
    }
}

fn same(one: &Metadata, other: &Metadata) -> bool {
    let identity = |file: &Metadata| (file.dev(), file.ino(), file.mtime(), file.mtime_nsec());
    identity(one) == identity(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ownership, Placed, Repositories};
    use conman_domain::Timestamp;
    use conman_domain::git::Signature;
    use conman_domain::id::AppId;
    use conman_domain::name::{BranchName, ReleaseTag};

    #[test]
    fn a_turn_is_one_at_a_time_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let take = |name| Turn::try_take(folder.path(), name).unwrap();
        let first = take("refs/heads/main").unwrap();
        assert!(take("refs/heads/main").is_none());
        let other = take("refs/heads/other").unwrap();
        drop(first);
        let second = take("refs/heads/main").unwrap();
        drop((second, other));
        assert_eq!(fs::read_dir(folder.path().join(FOLDER)).unwrap().count(), 0);
    }

    #[test]
    fn many_take_turns() {
        let folder = tempfile::tempdir().unwrap();
        let busy = std::sync::atomic::AtomicUsize::new(0);
        let take = || loop {
            if let Some(turn) = Turn::try_take(folder.path(), "refs/heads/main").unwrap() {
                return turn;
            }
            std::thread::yield_now();
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let turn = take();
                        assert_eq!(busy.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                        busy.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                        drop(turn);
                    }
                });
            }
        });
    }

    #[tokio::test]
    async fn a_lock_that_a_killed_server_left_is_removed_by_one_that_shares_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let (app, main) = (AppId::new(uuid::Uuid::from_u128(7)), BranchName::parse("main").unwrap());
        let person = Signature::new("Ana", "ana@lab.example", Timestamp::from_millis(1_000));
        let one = Repositories::open(folder.path(), Ownership::Shared).await.unwrap();
        let two = Repositories::open(folder.path(), Ownership::Shared).await.unwrap();
        let head = one.create(app, &main, Vec::new(), person.clone(), "Begin").await.unwrap();
        let tag = ReleaseTag::parse("r2026.01.02.1").unwrap();
        let id = one.get(app).tag_object(&tag, head, person, "First").await.unwrap();
        let left = folder.path().join(format!("{app}.git/refs/tags/{tag}.lock"));
        fs::create_dir_all(left.parent().unwrap()).unwrap();
        fs::write(&left, "").unwrap();
        let started = Instant::now();
        assert_eq!(two.get(app).place_tag(&tag, id).await.unwrap(), Placed::Created);
        assert!(started.elapsed() >= ABANDONED);
        assert!(!left.exists());
        assert_eq!(one.get(app).place_tag(&tag, id).await.unwrap(), Placed::AlreadyThere);
    }
}
