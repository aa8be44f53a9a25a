//! Composition: merging the members of a release in order, in memory.
//!
//! The candidate grows in an overlay of new objects over the repository; only when all members are done is it written,
//! as one pack, synced, and then held by a keep-ref. A kill before that leaves nothing but a file that the next start
//! sweeps away.

use crate::candidate::{Attempt, Candidate};
use crate::contents::Contents;
use crate::objects::ObjectName;
use crate::refs::Expected;
use crate::{GitError, KeepName, Repository, Result};
use conman_domain::collision::KeyCollision;
use conman_domain::git::Signature;
use conman_domain::{BlobId, CommitId, RepoPath, TreeId};

/// One changeset to be composed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComposeMember {
    /// What people call it, e.g. `#12`.
    pub label: String,
    /// The approved head.
    pub head: CommitId,
    /// The author of its merge commit, with the time that it is to bear.
    pub author: Signature,
    /// The message of its merge commit.
    pub message: String,
}

/// A composition to be made. The same plan gives the same commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComposePlan {
    /// The integration branch's head.
    pub base: CommitId,
    /// The members in order.
    pub members: Vec<ComposeMember>,
    /// The committer of all merge commits, with the time that they are to bear.
    pub committer: Signature,
    /// The ref that keeps the candidate.
    pub keep: KeepName,
}

/// One path that a merge touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedPath {
    /// The path.
    pub path: RepoPath,
    /// Its path before, if one side moved it and its lines were combined all the same; the versions below are those of
    /// one file, whichever path they have.
    pub from: Option<RepoPath>,
    /// Its content in the merge base; of several, in what Git makes of them.
    pub base: Option<BlobId>,
    /// Its content in the candidate so far.
    pub ours: Option<BlobId>,
    /// Its content in the member.
    pub theirs: Option<BlobId>,
    /// Its content after the merge.
    pub merged: Option<BlobId>,
}

impl MergedPath {
    /// True when the merged content is neither side's own: both changed the file, and their lines were combined.
    pub fn is_combined(&self) -> bool {
        self.merged != self.ours && self.merged != self.theirs
    }
}

/// What a check sees after a member merged cleanly as text.
pub struct MergeCheck<'a> {
    /// The member.
    pub member: &'a ComposeMember,
    /// The candidate's tree with the member merged.
    pub tree: TreeId,
    /// The paths whose content the merge changed in the candidate, sorted.
    pub paths: &'a [MergedPath],
    /// What they hold, and who made it so.
    pub contents: Contents<'a>,
}

/// Why a check turns a clean text merge into a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckFailure {
    /// The file.
    pub path: RepoPath,
    /// The key in the file, where there is one.
    pub key: Option<String>,
    /// The line in the merged file, from 1.
    pub line: Option<u32>,
    /// Whom it collides with, where that is known better than by who touched the file last.
    pub with: Option<CollidesWith>,
    /// A sentence for the member's author.
    pub reason: String,
    /// The keys that collide, as far as they are told.
    pub keys: Vec<KeyCollision>,
    /// How many keys of the file collide in all.
    pub key_total: u32,
}

/// What is known of a file that could not be merged as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Explained {
    /// The first of its keys that collides.
    pub key: Option<String>,
    /// Whom that collides with, where that is known better than by who touched the file last.
    pub with: Option<CollidesWith>,
    /// The keys that collide, as far as they are told.
    pub keys: Vec<KeyCollision>,
    /// How many keys of the file collide in all.
    pub key_total: u32,
}

/// How far a composition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComposeProgress {
    /// Members done.
    pub done: usize,
    /// Members in all.
    pub total: usize,
}

/// May turn a clean text merge into a conflict; an empty list of failures counts as clean.
pub type Check = dyn FnMut(&MergeCheck<'_>) -> Result<(), Vec<CheckFailure>> + Send;

/// Looks into a file that could not be merged as text: nothing is merged of it.
pub type Explain = dyn FnMut(&MergedPath, &Contents<'_>) -> Explained + Send;

/// Hears how far a composition is; answering false stops it with [`GitError::Stopped`].
pub type Progress = dyn FnMut(ComposeProgress) -> bool + Send;

/// What a composition calls back; all run on a blocking thread.
pub struct ComposeHooks {
    /// Asked after each clean text merge.
    pub check: Box<Check>,
    /// Asked for each file in which a text merge conflicts.
    pub explain: Box<Explain>,
    /// Told before each member and at the end.
    pub progress: Box<Progress>,
}

impl Default for ComposeHooks {
    fn default() -> Self {
        Self {
            check: Box::new(|_| Ok(())),
            explain: Box::new(|_, _| Explained::default()),
            progress: Box::new(|_| true),
        }
    }
}

/// What a conflicting member collides with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CollidesWith {
    /// An earlier member of the same release, by its label.
    Member(String),
    /// What the integration branch already holds.
    Base(CommitId),
}

/// One reason why a member could not be merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComposeConflict {
    /// The file.
    pub path: RepoPath,
    /// The key in the file, where there is one.
    pub key: Option<String>,
    /// The line in the merged file, from 1, where there is one.
    pub line: Option<u32>,
    /// The other side.
    pub with: CollidesWith,
    /// A sentence for the member's author.
    pub reason: String,
    /// The keys that collide, as far as they are told.
    pub keys: Vec<KeyCollision>,
    /// How many keys of the file collide in all.
    pub key_total: u32,
}

/// What became of one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberOutcome {
    /// Merged by this commit.
    Merged {
        /// Its parents are the candidate so far and the member's head.
        commit: CommitId,
    },
    /// The candidate contained it already.
    AlreadyContained,
    /// Left out.
    Conflicted {
        /// Why, sorted by path; never empty.
        conflicts: Vec<ComposeConflict>,
    },
}

/// A composed candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composition {
    /// The commit it stands on.
    pub base: CommitId,
    /// The candidate; the base itself if nothing was merged.
    pub commit: CommitId,
    /// The candidate's tree.
    pub tree: TreeId,
    /// What became of the members, in the plan's order.
    pub members: Vec<MemberOutcome>,
}

/// Whether a head could be merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MergeProbe {
    /// It is contained already.
    AlreadyContained,
    /// It merges cleanly into this tree (which is not stored).
    Clean {
        /// The tree's id.
        tree: TreeId,
    },
    /// It conflicts.
    Conflicted {
        /// The files, sorted.
        paths: Vec<RepoPath>,
    },
}

impl Repository {
    /// Composes a candidate in memory and stores it with one synced pack, held by `plan.keep`. A conflicting member is
    /// left out and the others go on. Wherever `git merge --no-ff` merges cleanly, the tree is the same.
    ///
    /// # Errors
    ///
    /// [`GitError::NotFound`] when the base or a head is missing; [`GitError::Stopped`] when `hooks.progress` stops it.
    pub async fn compose(&self, plan: ComposePlan, mut hooks: ComposeHooks) -> Result<Composition> {
        self.run(move |handle| {
            let total = plan.members.len();
            let mut work = Candidate::new(handle, plan.base.oid())?;
            let mut outcomes = Vec::with_capacity(total);
            for (done, member) in plan.members.iter().enumerate() {
                if !(hooks.progress)(ComposeProgress { done, total }) {
                    return Err(GitError::Stopped);
                }
                outcomes.push(work.add(member, &plan.committer, &mut hooks)?);
            }
            (hooks.progress)(ComposeProgress { done: total, total });
            work.objects.store_pack()?;
            handle.swap_ref(&plan.keep.ref_name(), Expected::Any, Some(work.commit))?;
            Ok(Composition {
                base: plan.base,
                commit: CommitId::of(work.commit),
                tree: TreeId::of(work.tree),
                members: outcomes,
            })
        })
        .await
    }

    /// Tries a merge of `head` into `base` without storing anything.
    pub async fn merges(&self, base: CommitId, head: CommitId) -> Result<MergeProbe> {
        self.run(move |handle| {
            let mut work = Candidate::new(handle, base.oid())?;
            let conflicts = match work.merge(head.oid())? {
                Attempt::Contained => return Ok(MergeProbe::AlreadyContained),
                Attempt::Clean(merge) => match work.find_clashes(&merge)? {
                    conflicts if conflicts.is_empty() => {
                        return Ok(MergeProbe::Clean { tree: TreeId::of(merge.tree) });
                    }
                    conflicts => conflicts,
                },
                Attempt::Conflicted { conflicts, base } => {
                    work.explain(conflicts, base, &mut |_, _| Explained::default())?
                }
            };
            Ok(MergeProbe::Conflicted {
                paths: conflicts.into_iter().map(|conflict| conflict.path).collect(),
            })
        })
        .await
    }
}
