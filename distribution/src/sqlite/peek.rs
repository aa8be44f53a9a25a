//! The active version, told on the thread that asks, in less than the time that a query takes.
//!
//! Each commit, whichever process makes it, writes a new head of the index of the write-ahead log, before it is answered
//! (<https://www.sqlite.org/walformat.html#the_wal_index_header>). While that head is the same, so is every row: a
//! version that was read once is told again without a query and without its locks.

use super::{read, setup};
use crate::error::DistributionError;
use conman_domain::id::{AppId, EnvironmentId};
use conman_domain::snapshot::ConfigVersion;
use parking_lot::Mutex;
use rusqlite::Connection;
use std::collections::HashMap;
use std::path::Path;

#[derive(Debug)]
pub(super) struct Peek {
    commits: Option<CommitMarks>,
    known: Mutex<Known>,
    connection: Mutex<Connection>,
}

/// Versions as they were read while nothing was committed since a mark.
#[derive(Debug, Default)]
struct Known {
    mark: Option<Mark>,
    versions: HashMap<(AppId, EnvironmentId), Option<ConfigVersion>>,
}

impl Peek {
    pub(super) fn open(path: &Path) -> Result<Self, DistributionError> {
        let connection = setup::open_peek(path)?;
        // Before its first read a connection has no index.
        read::active_versions(&connection)?;
        let commits = connection.path().and_then(CommitMarks::open);
        Ok(Self { commits, known: Mutex::default(), connection: Mutex::new(connection) })
    }

    /// The version; outside, `None` where it must be asked as ever, since who asks would have to wait here.
    pub(super) fn version(&self, app: AppId, environment: EnvironmentId) -> Option<Option<ConfigVersion>> {
        let mark = self.commits.as_ref().and_then(CommitMarks::now);
        if mark.is_some() {
            let known = self.known.lock();
            if known.mark == mark
                && let Some(version) = known.versions.get(&(app, environment))
            {
                return Some(*version);
            }
        }
        let version = read::version(&*self.connection.try_lock()?, app, environment).ok()?;
        if mark.is_some() {
            let mut known = self.known.lock();
            // As of the mark, or of later, when there is another mark by now.
            if known.mark != mark {
                *known = Known { mark, versions: HashMap::new() };
            }
            known.versions.insert((app, environment), version);
        }
        Some(version)
    }
}

use marks::{CommitMarks, Mark};

#[cfg(unix)]
mod marks {
    use memmap2::{MmapOptions, MmapRaw};
    use std::fs::File;
    use std::mem::ManuallyDrop;
    use std::sync::atomic::{AtomicU32, Ordering, fence};

    /// The length of the head in words of four bytes; a copy of it follows.
    const HEAD: usize = 12;
    const WORD: usize = size_of::<u32>();

    /// What the head of the index held.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) struct Mark([u32; HEAD]);

    /// The head of the index, in the memory that all connections to the database share, those of other processes too.
    /// Closing the file would drop all locks that this process has on it, those of other connections too
    /// (<https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_>),
    /// so that it stays open to the end of the process.
    #[derive(Debug)]
    pub(super) struct CommitMarks {
        memory: MmapRaw,
        _file: ManuallyDrop<File>,
    }

    impl CommitMarks {
        /// `None` where there is no such file: then every version is asked.
        pub(super) fn open(database: &str) -> Option<Self> {
            let file = ManuallyDrop::new(File::open(format!("{database}-shm")).ok()?);
            let length = 2 * HEAD * WORD;
            if file.metadata().ok()?.len() < length as u64 {
                return None;
            }
            let memory = MmapOptions::new().len(length).map_raw_read_only(&*file).ok()?;
            Some(Self { memory, _file: file })
        }

        /// `None` in the moment in which a commit writes: it writes the copy first.
        pub(super) fn now(&self) -> Option<Mark> {
            let head = self.words(0);
            fence(Ordering::Acquire);
            (head == self.words(HEAD)).then_some(Mark(head))
        }

        fn words(&self, first: usize) -> [u32; HEAD] {
            std::array::from_fn(|at| {
                let word = self.memory.as_ptr().cast::<u32>().wrapping_add(first + at);
                #[expect(
                    unsafe_code,
                    reason = "the memory is mapped for as long as `self` lives, a page begins at a multiple of four, \
                              all of it is within the file, which SQLite never makes shorter while a connection has it \
                              open, and who writes there meanwhile is met by atomic loads"
                )]
                let word = unsafe { AtomicU32::from_ptr(word.cast_mut()) };
                word.load(Ordering::Relaxed)
            })
        }
    }
}

#[cfg(not(unix))]
mod marks {
    /// Is never known here.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) enum Mark {}

    /// Where files cannot be read at an offset without moving, every version is asked.
    #[derive(Debug)]
    pub(super) enum CommitMarks {}

    impl CommitMarks {
        pub(super) fn open(_database: &str) -> Option<Self> {
            None
        }

        pub(super) fn now(&self) -> Option<Mark> {
            match *self {}
        }
    }
}
