//! Refs: compare-and-swap, keep-refs, release tags.

use crate::objects::{ObjectName, commit_bytes, tag_bytes};
use crate::repository::Handle;
use crate::turns::{InTheWay, Turn};
use crate::{GitError, Missing, NewCommit, Repository, Result, pack};
use conman_domain::git::{Signature, TagId};
use conman_domain::id::{ChangesetId, ReleaseId};
use conman_domain::name::{BranchName, ReleaseTag};
use conman_domain::{CommitId, TreeId};
use git2::{ErrorCode, ObjectType, Oid};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Names a ref that keeps a commit and its history from ever being pruned: `refs/conman/keep/<name>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeepName(String);

impl KeepName {
    /// Keeps the candidate of a release.
    pub fn release(id: ReleaseId) -> Self {
        Self(format!("release/{id}"))
    }

    /// Keeps the head of a changeset's revision.
    pub fn revision(id: ChangesetId, number: u32) -> Self {
        Self(format!("revision/{id}/{number}"))
    }

    /// Keeps something else, under a name of a branch's form.
    pub fn other(name: &BranchName) -> Self {
        Self(format!("other/{name}"))
    }

    pub(crate) fn ref_name(&self) -> String {
        format!("refs/conman/keep/{}", self.0)
    }
}

/// How placing a tag went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    /// It is new.
    Created,
    /// It was there, naming the same object.
    AlreadyThere,
}

/// How moving a branch went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advance {
    /// It moved.
    Moved,
    /// It was at the new commit already.
    AlreadyThere,
    /// It is at neither commit.
    Lost {
        /// Where it is; `None` if it does not exist.
        actual: Option<CommitId>,
    },
}

/// One release tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagEntry {
    /// Its name.
    pub name: ReleaseTag,
    /// The annotated tag object.
    pub tag: TagId,
    /// The commit that it names.
    pub target: CommitId,
}

/// How long a ref's lock is waited for: other processes hold one for as long as a git command runs at most.
const LOCK_PATIENCE: Duration = Duration::from_secs(20);

/// The value that a ref is expected to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// This one; `None` when the ref must not exist.
    Is(Option<Oid>),
    /// Any: the caller overwrites on purpose.
    Any,
}

/// How a compare-and-swap went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Swap {
    /// The ref has its new value on disk.
    Done,
    /// The ref has another value than expected, and keeps it.
    Differs(Option<Oid>),
}

/// A ref whose lock is held, against other processes too, until this is dropped or committed.
pub(crate) struct LockedRef<'h> {
    handle: &'h Handle,
    transaction: git2::Transaction<'h>,
    name: String,
    current: Option<Oid>,
    /// Dropped last: the turn ends after the lock file is gone.
    _turn: Option<Turn>,
}

impl LockedRef<'_> {
    /// The ref's value, which no other process changes now.
    pub(crate) fn current(&self) -> Option<Oid> {
        self.current
    }

    /// Sets or removes the ref, synced, and gives the lock back.
    pub(crate) fn commit(mut self, value: Option<Oid>) -> Result<()> {
        if value == self.current {
            return Ok(());
        }
        match value {
            Some(id) => self.transaction.set_target(&self.name, id, None, "")?,
            None => self.transaction.remove(&self.name)?,
        }
        self.transaction.commit()?;
        if self.current.is_none() || value.is_none() {
            sync_folders(self.handle.path(), &self.name)?;
        }
        Ok(())
    }
}

/// Syncs the folders above a ref that came or went: the library syncs the nearest only.
fn sync_folders(repository: &Path, name: &str) -> Result<()> {
    let file = repository.join(name);
    for folder in file.ancestors().skip(1).take_while(|folder| *folder != repository) {
        match pack::sync_folder(folder) {
            // An emptied folder may be gone already.
            Err(GitError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
            other => other?,
        }
    }
    Ok(())
}

impl Handle {
    /// All release tags, sorted by name.
    pub(crate) fn tags(&self) -> Result<Vec<TagEntry>> {
        let mut tags = Vec::new();
        for reference in self.git().references_glob("refs/tags/r*")? {
            let reference = reference?;
            let name = std::str::from_utf8(reference.name_bytes()).ok();
            let name = name.and_then(|name| name.strip_prefix("refs/tags/")).map(ReleaseTag::parse);
            if let (Some(Ok(name)), Some(tag)) = (name, reference.target()) {
                tags.push(self.tag_entry(name, tag)?);
            }
        }
        tags.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(tags)
    }

    /// A ref's value; `None` if it does not exist.
    pub(crate) fn read_ref(&self, name: &str) -> Result<Option<Oid>> {
        match self.git().refname_to_id(name) {
            Ok(id) => Ok(Some(id)),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Locks a ref, waiting for its turn.
    pub(crate) fn lock_ref(&self, name: &str) -> Result<LockedRef<'_>> {
        let deadline = Instant::now() + LOCK_PATIENCE;
        let mut pause = Duration::from_micros(200);
        let mut wait = || {
            if Instant::now() > deadline {
                return Err(GitError::Busy { name: name.to_owned() });
            }
            // Locks of other processes announce nothing: looking again is the only way.
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
            Ok(())
        };
        let mut turn = None;
        while self.is_shared() && turn.is_none() {
            turn = Turn::try_take(self.path(), name)?;
            if turn.is_none() {
                wait()?;
            }
        }
        let mut in_the_way = InTheWay::default();
        loop {
            let mut transaction = self.git().transaction()?;
            match transaction.lock_ref(name) {
                Ok(()) => {
                    let (name, current) = (name.to_owned(), self.read_ref(name)?);
                    return Ok(LockedRef { handle: self, transaction, name, current, _turn: turn });
                }
                // Locked: another process is at it. Not found: its removal of the folder's last ref raced with ours.
                Err(error) if matches!(error.code(), ErrorCode::Locked | ErrorCode::NotFound) => {
                    if turn.is_some() {
                        in_the_way.clear(&self.path().join(format!("{name}.lock")))?;
                    }
                    wait()?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sets or removes a ref if it has the expected value.
    pub(crate) fn swap_ref(&self, name: &str, expected: Expected, value: Option<Oid>) -> Result<Swap> {
        let locked = self.lock_ref(name)?;
        match expected {
            Expected::Is(expected) if expected != locked.current() => Ok(Swap::Differs(locked.current())),
            Expected::Is(_) | Expected::Any => locked.commit(value).map(|()| Swap::Done),
        }
    }

    fn tag_entry(&self, name: ReleaseTag, tag: Oid) -> Result<TagEntry> {
        let target = match self.git().find_tag(tag) {
            Ok(object) => object.target_id(),
            Err(error) if error.code() == ErrorCode::NotFound => tag,
            Err(error) => return Err(error.into()),
        };
        Ok(TagEntry { name, tag: TagId::of(tag), target: CommitId::of(target) })
    }
}

impl Repository {
    /// Writes a commit object, synced. The same arguments give the same id.
    pub async fn commit_tree(
        &self,
        tree: TreeId,
        parents: Vec<CommitId>,
        new: NewCommit,
    ) -> Result<CommitId> {
        self.run(move |handle| {
            let mut objects = handle.objects()?;
            objects.tree(tree.oid())?;
            let parents: Vec<Oid> = parents.into_iter().map(ObjectName::oid).collect();
            parents.iter().try_for_each(|parent| handle.require_commit(*parent))?;
            let id = objects.put(ObjectType::Commit, commit_bytes(tree.oid(), &parents, &new), None);
            objects.store_loose()?;
            Ok(CommitId::of(id))
        })
        .await
    }

    /// Keeps a commit from being pruned; moves the keep-ref if it exists.
    pub async fn keep(&self, name: &KeepName, commit: CommitId) -> Result<()> {
        let name = name.ref_name();
        self.run(move |handle| {
            handle.require_commit(commit.oid())?;
            handle.swap_ref(&name, Expected::Any, Some(commit.oid())).map(drop)
        })
        .await
    }

    /// Lets go of what a keep-ref held; no error if it does not exist.
    pub async fn unkeep(&self, name: &KeepName) -> Result<()> {
        let name = name.ref_name();
        self.run(move |handle| handle.swap_ref(&name, Expected::Any, None).map(drop)).await
    }

    /// What a keep-ref holds, `None` if it does not exist.
    pub async fn kept(&self, name: &KeepName) -> Result<Option<CommitId>> {
        let name = name.ref_name();
        self.run(move |handle| Ok(handle.read_ref(&name)?.map(CommitId::of))).await
    }

    /// Writes an annotated tag object, synced, without placing it; the same arguments give the same id.
    pub async fn tag_object(
        &self,
        name: &ReleaseTag,
        target: CommitId,
        tagger: Signature,
        message: &str,
    ) -> Result<TagId> {
        let (name, message) = (name.clone(), message.to_owned());
        self.run(move |handle| {
            handle.require_commit(target.oid())?;
            let mut objects = handle.objects()?;
            let bytes = tag_bytes(target.oid(), name.as_str(), &tagger, &message);
            let id = objects.put(ObjectType::Tag, bytes, None);
            objects.store_loose()?;
            Ok(TagId::of(id))
        })
        .await
    }

    /// Places a tag, synced, never moving one.
    ///
    /// # Errors
    ///
    /// [`GitError::TagTaken`](crate::GitError::TagTaken) when it names another object.
    pub async fn place_tag(&self, name: &ReleaseTag, tag: TagId) -> Result<Placed> {
        let name = name.clone();
        self.run(move |handle| {
            let missing = || GitError::NotFound(Missing::Tag(tag));
            let (_, kind) =
                handle.git().odb()?.read_header(tag.oid()).map_err(|error| match error.code() {
                    ErrorCode::NotFound => missing(),
                    _ => error.into(),
                })?;
            if kind != ObjectType::Tag {
                return Err(missing());
            }
            match handle.swap_ref(&format!("refs/tags/{name}"), Expected::Is(None), Some(tag.oid()))? {
                Swap::Done => Ok(Placed::Created),
                Swap::Differs(Some(there)) if there == tag.oid() => Ok(Placed::AlreadyThere),
                Swap::Differs(there) => {
                    let there =
                        there.ok_or_else(|| GitError::corrupt("a tag that is absent differs from absent"))?;
                    let actual = handle.tag_entry(name.clone(), there)?.target;
                    Err(GitError::TagTaken { tag: name, actual })
                }
            }
        })
        .await
    }

    /// What a release tag names, `None` if it is not placed.
    pub async fn tag(&self, name: &ReleaseTag) -> Result<Option<TagEntry>> {
        let name = name.clone();
        self.run(move |handle| match handle.read_ref(&format!("refs/tags/{name}"))? {
            Some(tag) => handle.tag_entry(name, tag).map(Some),
            None => Ok(None),
        })
        .await
    }

    /// All release tags, sorted by name; tags of other forms are left out.
    pub async fn tags(&self) -> Result<Vec<TagEntry>> {
        self.run(move |handle| handle.tags()).await
    }

    /// Moves a branch from one commit to another by compare-and-swap, synced to disk.
    pub async fn advance(&self, branch: &BranchName, from: CommitId, to: CommitId) -> Result<Advance> {
        let name = format!("refs/heads/{branch}");
        self.run(move |handle| {
            handle.require_commit(to.oid())?;
            Ok(match handle.swap_ref(&name, Expected::Is(Some(from.oid())), Some(to.oid()))? {
                Swap::Done if from == to => Advance::AlreadyThere,
                Swap::Done => Advance::Moved,
                Swap::Differs(Some(actual)) if actual == to.oid() => Advance::AlreadyThere,
                Swap::Differs(actual) => Advance::Lost { actual: actual.map(CommitId::of) },
            })
        })
        .await
    }
}
