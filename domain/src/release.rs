//! Releases: ordered sets of changesets, composed, tagged and then fixed for ever.

use crate::changeset::Finding;
use crate::collision::Collision;
use crate::git::{CommitId, TagId, TreeId};
use crate::id::{AppId, ChangesetId, JobId, ReleaseId, UserId};
use crate::name::ReleaseTag;
use crate::state::IllegalTransition;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// An ordered set of changesets on its way to a tag, or behind it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Release {
    /// Its id.
    pub id: ReleaseId,
    /// The app.
    pub app_id: AppId,
    /// Where it stands.
    pub status: ReleaseStatus,
    /// What is told of it, as typed or generated.
    pub notes: String,
    /// Who drafted it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A changeset's place in a release.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReleaseMember {
    /// The release.
    pub release_id: ReleaseId,
    /// The app.
    pub app_id: AppId,
    /// The changeset.
    pub changeset_id: ChangesetId,
    /// Its number.
    pub number: u32,
    /// The revision taken.
    pub revision: u32,
    /// The head of that revision.
    pub head: CommitId,
    /// Its place, from 1.
    pub position: u32,
    /// Whether the release holds on to the changeset: a changeset is held by one release at a time.
    pub hold: Hold,
    /// How composing it came out.
    pub result: MemberResult,
}

/// Whether a release holds on to a changeset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// It does: no other release takes it.
    Held,
    /// It has let go.
    Released,
}

/// How composing a member came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum MemberResult {
    /// Not composed yet.
    Pending,
    /// Merged.
    Merged {
        /// The merge commit; none where everything was contained already.
        commit: Option<CommitId>,
    },
    /// Left out: it collides.
    Conflicted {
        /// Where and with what.
        collisions: Vec<Collision>,
    },
    /// Left out: the merged tree does not hold.
    Invalid {
        /// What is wrong.
        findings: Vec<Finding>,
    },
}

impl MemberResult {
    /// The same without what the sides of collisions hold, for records that outlive the files.
    #[must_use]
    pub fn without_values(&self) -> Self {
        match self {
            Self::Conflicted { collisions } => {
                Self::Conflicted { collisions: collisions.iter().map(Collision::without_values).collect() }
            }
            other => other.clone(),
        }
    }
}

/// What composing made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The integration head that it was composed on.
    pub base: CommitId,
    /// The composed commit.
    pub commit: CommitId,
    /// Its tree.
    pub tree: TreeId,
    /// When.
    pub composed_at: Timestamp,
}

/// A decided publication: everything that the steps after the decision need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    /// The tag.
    pub tag: ReleaseTag,
    /// The tag's object.
    pub tag_id: TagId,
    /// What the integration branch points at before.
    pub previous_head: CommitId,
    /// What it points at after: the release's commit.
    pub commit: CommitId,
    /// The tree of that commit.
    pub tree: TreeId,
    /// Who published.
    pub published_by: UserId,
    /// When it was decided.
    pub published_at: Timestamp,
}

/// Where a release stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ReleaseStatus {
    /// Members are picked and ordered.
    DraftRelease,
    /// A job composes it.
    Assembling {
        /// The job.
        job_id: JobId,
    },
    /// Composed and found good.
    Validated {
        /// The candidate.
        candidate: Candidate,
    },
    /// Decided; tag and branch are being set.
    Publishing(Publication),
    /// Tagged; on no environment yet.
    Published(Publication),
    /// On some environments.
    DeployedPartial(Publication),
    /// On all environments.
    DeployedFull(Publication),
    /// An environment went back to an earlier release.
    RolledBack(Publication),
}

/// What happens to a release.
#[derive(Debug, Clone)]
pub enum ReleaseEvent {
    /// Its members or their order change.
    Edit,
    /// A job starts to compose it.
    Assemble(JobId),
    /// It is composed.
    Composed(Candidate),
    /// Composing went back to the draft.
    ReturnToDraft,
    /// Publishing is decided.
    Decide(Publication),
    /// Tag and branch are set.
    Finish,
    /// It arrived on an environment; `everywhere` if it is on all of them now.
    Deployed {
        /// Whether all environments run it.
        everywhere: bool,
    },
    /// An environment left it for an earlier release.
    RollBack,
}

impl ReleaseEvent {
    /// The event's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Edit => "edit",
            Self::Assemble(_) => "assemble",
            Self::Composed(_) => "composed",
            Self::ReturnToDraft => "return_to_draft",
            Self::Decide(_) => "publish",
            Self::Finish => "finish",
            Self::Deployed { .. } => "deployed",
            Self::RollBack => "roll_back",
        }
    }
}

impl ReleaseStatus {
    /// The states of releases that have a tag.
    pub const TAGGED: [&'static str; 4] = ["published", "deployed_partial", "deployed_full", "rolled_back"];

    /// The state's name in the API.
    pub fn name(&self) -> &'static str {
        match self {
            Self::DraftRelease => "draft_release",
            Self::Assembling { .. } => "assembling",
            Self::Validated { .. } => "validated",
            Self::Publishing(_) => "publishing",
            Self::Published(_) => "published",
            Self::DeployedPartial(_) => "deployed_partial",
            Self::DeployedFull(_) => "deployed_full",
            Self::RolledBack(_) => "rolled_back",
        }
    }

    /// The publication of a release whose tag and branch are set.
    pub fn publication(&self) -> Option<&Publication> {
        match self {
            Self::Published(p) | Self::DeployedPartial(p) | Self::DeployedFull(p) | Self::RolledBack(p) => {
                Some(p)
            }
            Self::DraftRelease | Self::Assembling { .. } | Self::Validated { .. } | Self::Publishing(_) => {
                None
            }
        }
    }

    /// The status after an event: the only way from one state to another.
    pub fn next(self, event: ReleaseEvent) -> Result<Self, IllegalTransition> {
        use ReleaseEvent as E;
        let refused = IllegalTransition { machine: "release", state: self.name(), event: event.name() };
        match (self, event) {
            // Editing a composed release throws the candidate away.
            (Self::DraftRelease | Self::Validated { .. }, E::Edit) => Ok(Self::DraftRelease),
            (Self::DraftRelease | Self::Validated { .. }, E::Assemble(job_id)) => {
                Ok(Self::Assembling { job_id })
            }
            (Self::Assembling { .. }, E::Composed(candidate)) => Ok(Self::Validated { candidate }),
            (Self::Assembling { .. } | Self::Validated { .. }, E::ReturnToDraft) => Ok(Self::DraftRelease),
            (Self::Validated { candidate }, E::Decide(publication))
                if candidate.commit == publication.commit =>
            {
                Ok(Self::Publishing(publication))
            }
            (Self::Publishing(publication), E::Finish) => Ok(Self::Published(publication)),
            (
                Self::Published(p) | Self::DeployedPartial(p) | Self::DeployedFull(p) | Self::RolledBack(p),
                E::Deployed { everywhere },
            ) => Ok(if everywhere { Self::DeployedFull(p) } else { Self::DeployedPartial(p) }),
            (
                Self::Published(p) | Self::DeployedPartial(p) | Self::DeployedFull(p) | Self::RolledBack(p),
                E::RollBack,
            ) => Ok(Self::RolledBack(p)),
            (
                Self::DraftRelease
                | Self::Assembling { .. }
                | Self::Validated { .. }
                | Self::Publishing(_)
                | Self::Published(_)
                | Self::DeployedPartial(_)
                | Self::DeployedFull(_)
                | Self::RolledBack(_),
                E::Edit
                | E::Assemble(_)
                | E::Composed(_)
                | E::ReturnToDraft
                | E::Decide(_)
                | E::Finish
                | E::Deployed { .. }
                | E::RollBack,
            ) => Err(refused),
        }
    }
}
