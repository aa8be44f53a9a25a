//! Changesets: reviewable proposals, in numbered revisions, and the states they go through.

use crate::collision::Collision;
use crate::git::{CommitId, TreeId};
use crate::id::{AppId, ChangesetId, CommentId, ReleaseId, ReviewId, UserId, WorkspaceId};
use crate::name::{ReleaseTag, Title};
use crate::path::RepoPath;
use crate::state::IllegalTransition;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

pub use crate::finding::{Finding, Severity};

/// A reviewable proposal from one workspace.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Changeset {
    /// Its id.
    pub id: ChangesetId,
    /// The app.
    pub app_id: AppId,
    /// Its number in the app; people say `#12`.
    pub number: u32,
    /// The workspace it comes from.
    pub workspace_id: WorkspaceId,
    /// Who proposes it.
    pub author_id: UserId,
    /// One line that says what it is for.
    pub title: Title,
    /// More about it, as the author typed it.
    pub description: String,
    /// Where it stands.
    pub status: ChangesetStatus,
    /// Its newest revision; none before the first submit.
    pub revision: Option<Revision>,
    /// Everybody who authored or submitted a revision of it; none of them may approve it.
    pub contributors: Vec<UserId>,
    /// The changeset that it was cloned from.
    pub cloned_from: Option<ChangesetId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What a submit froze.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Counts from 1.
    pub number: u32,
    /// The frozen head.
    pub head: CommitId,
    /// Its tree: what approvals are for.
    pub tree: TreeId,
    /// What it is compared with.
    pub base: CommitId,
    /// Who submitted it.
    pub submitted_by: UserId,
    /// When.
    pub submitted_at: Timestamp,
}

/// A revision on record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RevisionRecord {
    /// The changeset.
    pub changeset_id: ChangesetId,
    /// The app.
    pub app_id: AppId,
    /// What was frozen.
    #[serde(flatten)]
    pub revision: Revision,
    /// How its validation came out.
    pub validation: Validation,
}

/// How a validation stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Validation {
    /// Waits or runs.
    Running,
    /// Found no errors.
    Passed {
        /// Warnings and remarks.
        #[serde(default)]
        findings: Vec<Finding>,
    },
    /// Found something.
    Failed {
        /// What is wrong.
        findings: Vec<Finding>,
    },
}

/// One approval of one revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who approves.
    pub user_id: UserId,
    /// When.
    pub approved_at: Timestamp,
}

/// Where a changeset stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ChangesetStatus {
    /// Its author works on it.
    Draft,
    /// A revision is frozen; its validation runs or has failed.
    Submitted {
        /// What the validation found; none while it runs.
        findings: Option<Vec<Finding>>,
    },
    /// Reviewers decide.
    InReview {
        /// The approvals so far of the newest revision.
        approvals: Vec<Approval>,
    },
    /// A reviewer wants it changed.
    ChangesRequested {
        /// Who.
        user_id: UserId,
        /// When.
        decided_at: Timestamp,
    },
    /// A reviewer refused it for good.
    Rejected {
        /// Who.
        user_id: UserId,
        /// When.
        decided_at: Timestamp,
    },
    /// The newest revision has the approvals it needs.
    Approved {
        /// The approvals.
        approvals: Vec<Approval>,
    },
    /// Waits to be picked for a release.
    Queued {
        /// The approvals.
        approvals: Vec<Approval>,
        /// Its place: lower is earlier.
        position: u32,
    },
    /// Could not be merged.
    Conflicted {
        /// The release that it was composed for; none if found by a merge check.
        release_id: Option<ReleaseId>,
        /// Where and with what.
        collisions: Vec<Collision>,
    },
    /// Merges, but the merged tree does not hold.
    NeedsRevalidation {
        /// What is wrong.
        findings: Vec<Finding>,
    },
    /// Is in a published release.
    Released {
        /// The release.
        release_id: ReleaseId,
        /// Its tag.
        tag: ReleaseTag,
    },
}

/// What happens to a changeset.
#[derive(Debug, Clone)]
pub enum ChangesetEvent {
    /// A new revision is frozen; approvals start from zero.
    Submit,
    /// The validation of the newest revision found nothing wrong.
    ValidationPassed,
    /// The validation of the newest revision found something.
    ValidationFailed(Vec<Finding>),
    /// Somebody approves the newest revision; `required` approvals make it approved.
    Approve {
        /// The approval.
        approval: Approval,
        /// How many are needed.
        required: u32,
    },
    /// Somebody wants it changed.
    RequestChanges(UserId, Timestamp),
    /// Somebody refuses it.
    Reject(UserId, Timestamp),
    /// A sync changed nothing of its own; the approvals stand for the new revision.
    CarryOver,
    /// It enters the queue at a position.
    Queue(u32),
    /// It moves within the queue.
    Reorder(u32),
    /// It could not be merged.
    Conflict {
        /// The release that it was composed for.
        release_id: Option<ReleaseId>,
        /// Where and with what.
        collisions: Vec<Collision>,
    },
    /// The merged tree does not hold.
    Invalidate(Vec<Finding>),
    /// Its author works on it again.
    MoveToDraft,
    /// Its release is published.
    Release(ReleaseId, ReleaseTag),
}

impl ChangesetEvent {
    /// The event's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::ValidationPassed => "validation_passed",
            Self::ValidationFailed(_) => "validation_failed",
            Self::Approve { .. } => "approve",
            Self::RequestChanges(..) => "request_changes",
            Self::Reject(..) => "reject",
            Self::CarryOver => "carry_over",
            Self::Queue(_) => "queue",
            Self::Reorder(_) => "reorder",
            Self::Conflict { .. } => "conflict",
            Self::Invalidate(_) => "invalidate",
            Self::MoveToDraft => "move_to_draft",
            Self::Release(..) => "release",
        }
    }
}

impl ChangesetStatus {
    /// The same without what the sides of collisions hold, for records that outlive the files.
    #[must_use]
    pub fn without_values(&self) -> Self {
        match self {
            Self::Conflicted { release_id, collisions } => Self::Conflicted {
                release_id: *release_id,
                collisions: collisions.iter().map(Collision::without_values).collect(),
            },
            other => other.clone(),
        }
    }

    /// The states in which a changeset may wait for its author.
    pub const WITH_AUTHOR: [&'static str; 6] =
        ["draft", "submitted", "changes_requested", "approved", "conflicted", "needs_revalidation"];

    /// The states in which a workspace's changeset still takes revisions; a workspace has at most one such.
    pub const OPEN: [&'static str; 4] = ["draft", "submitted", "in_review", "changes_requested"];

    /// The state's name in the API.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Submitted { .. } => "submitted",
            Self::InReview { .. } => "in_review",
            Self::ChangesRequested { .. } => "changes_requested",
            Self::Rejected { .. } => "rejected",
            Self::Approved { .. } => "approved",
            Self::Queued { .. } => "queued",
            Self::Conflicted { .. } => "conflicted",
            Self::NeedsRevalidation { .. } => "needs_revalidation",
            Self::Released { .. } => "released",
        }
    }

    /// True while revisions can be added.
    pub fn is_open(&self) -> bool {
        Self::OPEN.contains(&self.name())
    }

    /// The approvals that the newest revision has.
    pub fn approvals(&self) -> &[Approval] {
        match self {
            Self::InReview { approvals } | Self::Approved { approvals } | Self::Queued { approvals, .. } => {
                approvals
            }
            Self::Draft
            | Self::Submitted { .. }
            | Self::ChangesRequested { .. }
            | Self::Rejected { .. }
            | Self::Conflicted { .. }
            | Self::NeedsRevalidation { .. }
            | Self::Released { .. } => &[],
        }
    }

    /// The status after an event: the only way from one state to another.
    pub fn next(self, event: ChangesetEvent) -> Result<Self, IllegalTransition> {
        use ChangesetEvent as E;
        let refused = IllegalTransition { machine: "changeset", state: self.name(), event: event.name() };
        match (self, event) {
            (
                Self::Draft
                | Self::Submitted { .. }
                | Self::InReview { .. }
                | Self::ChangesRequested { .. }
                | Self::Approved { .. },
                E::Submit,
            ) => Ok(Self::Submitted { findings: None }),
            (Self::Submitted { .. }, E::ValidationPassed) => Ok(Self::InReview { approvals: Vec::new() }),
            (Self::Submitted { .. }, E::ValidationFailed(findings)) => {
                Ok(Self::Submitted { findings: Some(findings) })
            }
            (Self::InReview { mut approvals }, E::Approve { approval, required }) => {
                approvals.retain(|other| other.user_id != approval.user_id);
                approvals.push(approval);
                if approvals.len() as u64 >= u64::from(required) {
                    Ok(Self::Approved { approvals })
                } else {
                    Ok(Self::InReview { approvals })
                }
            }
            (Self::InReview { .. }, E::RequestChanges(user_id, decided_at)) => {
                Ok(Self::ChangesRequested { user_id, decided_at })
            }
            (Self::InReview { .. }, E::Reject(user_id, decided_at)) => {
                Ok(Self::Rejected { user_id, decided_at })
            }
            (Self::Approved { approvals }, E::CarryOver) => Ok(Self::Approved { approvals }),
            (Self::InReview { approvals }, E::CarryOver) => Ok(Self::InReview { approvals }),
            (Self::Approved { approvals }, E::Queue(position)) => Ok(Self::Queued { approvals, position }),
            (Self::Queued { approvals, .. }, E::Reorder(position)) => {
                Ok(Self::Queued { approvals, position })
            }
            (Self::Queued { .. }, E::Conflict { release_id, collisions }) => {
                Ok(Self::Conflicted { release_id, collisions })
            }
            (Self::Queued { .. }, E::Invalidate(findings)) => Ok(Self::NeedsRevalidation { findings }),
            (
                Self::Conflicted { .. } | Self::NeedsRevalidation { .. } | Self::ChangesRequested { .. },
                E::MoveToDraft,
            ) => Ok(Self::Draft),
            (Self::Queued { .. }, E::Release(release_id, tag)) => Ok(Self::Released { release_id, tag }),
            (
                Self::Draft
                | Self::Submitted { .. }
                | Self::InReview { .. }
                | Self::ChangesRequested { .. }
                | Self::Rejected { .. }
                | Self::Approved { .. }
                | Self::Queued { .. }
                | Self::Conflicted { .. }
                | Self::NeedsRevalidation { .. }
                | Self::Released { .. },
                E::Submit
                | E::ValidationPassed
                | E::ValidationFailed(_)
                | E::Approve { .. }
                | E::RequestChanges(..)
                | E::Reject(..)
                | E::CarryOver
                | E::Queue(_)
                | E::Reorder(_)
                | E::Conflict { .. }
                | E::Invalidate(_)
                | E::MoveToDraft
                | E::Release(..),
            ) => Err(refused),
        }
    }
}

/// A reviewer's decision on a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It may go.
    Approve,
    /// It must be changed.
    RequestChanges,
    /// It must not go at all.
    Reject,
}

/// A review decision on record; a person has one per revision, a later one replaces the earlier.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Review {
    /// Its id.
    pub id: ReviewId,
    /// The app.
    pub app_id: AppId,
    /// The changeset.
    pub changeset_id: ChangesetId,
    /// The revision decided on.
    pub revision: u32,
    /// The tree of that revision.
    pub tree: TreeId,
    /// Who decided.
    pub reviewer_id: UserId,
    /// What.
    pub verdict: Verdict,
    /// Why, as typed.
    pub comment: String,
    /// When.
    pub decided_at: Timestamp,
}

/// A comment on a changeset, a file or a line of a revision; answers hang below the first of a thread.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Comment {
    /// Its id.
    pub id: CommentId,
    /// The app.
    pub app_id: AppId,
    /// The changeset.
    pub changeset_id: ChangesetId,
    /// The comment it answers; none for the first of a thread.
    pub thread_id: Option<CommentId>,
    /// Where it stands.
    pub place: Option<CommentPlace>,
    /// Who wrote it.
    pub author_id: UserId,
    /// What, as typed.
    pub body: String,
    /// Counts the edits, from 1.
    pub revision: u32,
    /// Whether its thread is settled.
    pub resolved: bool,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was last edited.
    pub updated_at: Timestamp,
}

/// An earlier text of an edited comment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CommentRevision {
    /// The comment.
    pub comment_id: CommentId,
    /// Which text, from 1.
    pub revision: u32,
    /// The text.
    pub body: String,
    /// When it was replaced.
    pub replaced_at: Timestamp,
}

/// The file or line that a comment is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentPlace {
    /// The revision.
    pub revision: u32,
    /// The file.
    pub path: RepoPath,
    /// One-based line of the new side; none for the whole file.
    pub line: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(n: u128) -> UserId {
        UserId::new(uuid::Uuid::from_u128(n))
    }

    fn approve(n: u128, required: u32) -> ChangesetEvent {
        ChangesetEvent::Approve {
            approval: Approval { user_id: user(n), approved_at: Timestamp::from_millis(0) },
            required,
        }
    }

    #[test]
    fn the_happy_path() {
        let status = ChangesetStatus::Draft
            .next(ChangesetEvent::Submit)
            .and_then(|s| s.next(ChangesetEvent::ValidationPassed))
            .and_then(|s| s.next(approve(1, 2)))
            .unwrap();
        assert_eq!(status.name(), "in_review");
        // The same person twice counts once.
        let status = status.next(approve(1, 2)).unwrap();
        assert_eq!(status.name(), "in_review");
        let status = status.next(approve(2, 2)).and_then(|s| s.next(ChangesetEvent::Queue(7))).unwrap();
        assert_eq!(status.name(), "queued");
        let release = ReleaseId::new(uuid::Uuid::from_u128(9));
        let tag = ReleaseTag::parse("r2026.01.02.1").unwrap();
        assert_eq!(status.next(ChangesetEvent::Release(release, tag)).unwrap().name(), "released");
    }

    #[test]
    fn a_new_revision_resets_approvals() {
        let status = ChangesetStatus::InReview {
            approvals: vec![Approval { user_id: user(1), approved_at: Timestamp::from_millis(0) }],
        };
        assert_eq!(status.next(ChangesetEvent::Submit).unwrap().approvals(), []);
    }

    #[test]
    fn illegal_moves_are_refused() {
        for (status, event) in [
            (ChangesetStatus::Draft, approve(1, 1)),
            (ChangesetStatus::Draft, ChangesetEvent::Queue(1)),
            (ChangesetStatus::Submitted { findings: None }, approve(1, 1)),
            (
                ChangesetStatus::Rejected { user_id: user(1), decided_at: Timestamp::from_millis(0) },
                ChangesetEvent::Submit,
            ),
            (ChangesetStatus::Queued { approvals: vec![], position: 1 }, ChangesetEvent::Submit),
        ] {
            assert!(status.next(event).is_err());
        }
    }
}
