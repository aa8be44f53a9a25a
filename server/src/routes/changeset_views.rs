//! How changesets, revisions and verdicts are shown.

use super::collision_views::CollisionBody;
use super::views::{ApprovalBody, FindingBody, People, PersonBody, allowed};
use crate::problem::Answer;
use crate::state::AppState;
use conman_domain::changeset::{Changeset, ChangesetStatus, Revision, Verdict};
use conman_domain::policy::{self, ChangesetAction};
use conman_domain::waiting::Contained;
use conman_store::Versioned;
use conman_workflow::Member;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A changeset.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Changeset)]
pub(super) struct ChangesetBody {
    id: Uuid,
    /// People say `#12`.
    number: u32,
    workspace_id: Uuid,
    author: PersonBody,
    title: String,
    description: String,
    /// `draft`, `submitted`, `in_review`, `changes_requested`, `rejected`, `approved`, `queued`, `conflicted`,
    /// `needs_revalidation` or `released`.
    state: &'static str,
    /// The newest one; null before the first submit.
    revision: Option<RevisionBody>,
    approvals: Vec<ApprovalBody>,
    approvals_required: u32,
    /// What the validation found.
    findings: Vec<FindingBody>,
    /// What it collides with.
    collisions: Vec<CollisionBody>,
    queue_position: Option<u32>,
    /// The release that holds it now, or that it is in.
    release_id: Option<Uuid>,
    release_tag: Option<String>,
    /// Whether it is approved and the integration branch has moved on: the queue takes it once its workspace is synced.
    sync_required: bool,
    cloned_from: Option<Uuid>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    allowed_actions: Vec<String>,
}

/// What a submit froze.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Revision)]
pub(super) struct RevisionBody {
    /// From 1.
    number: u32,
    head: String,
    /// What approvals are for.
    tree: String,
    /// What it is compared with.
    base: String,
    submitted_by: PersonBody,
    #[schema(format = DateTime)]
    submitted_at: String,
}

impl RevisionBody {
    pub(super) fn of(revision: &Revision, people: &People) -> Self {
        Self {
            number: revision.number,
            head: revision.head.to_string(),
            tree: revision.tree.to_string(),
            base: revision.base.to_string(),
            submitted_by: people.person(revision.submitted_by),
            submitted_at: revision.submitted_at.to_string(),
        }
    }
}

impl ChangesetBody {
    pub(super) async fn of(state: &AppState, member: &Member, changeset: &Changeset) -> Answer<Self> {
        let mut ids = vec![changeset.author_id];
        ids.extend(changeset.status.approvals().iter().map(|approval| approval.user_id));
        ids.extend(changeset.revision.iter().map(|revision| revision.submitted_by));
        let people = People::of(state, &ids).await?;
        let (mut findings, mut collisions, mut queue_position, mut release_tag) =
            (Vec::new(), Vec::new(), None, None);
        let mut release_id = None;
        match &changeset.status {
            ChangesetStatus::Submitted { findings: Some(found) }
            | ChangesetStatus::NeedsRevalidation { findings: found } => {
                findings = found.iter().map(FindingBody::from).collect();
            }
            ChangesetStatus::Conflicted { collisions: found, .. } => {
                collisions = found.iter().map(CollisionBody::from).collect();
            }
            ChangesetStatus::Queued { position, .. } => {
                queue_position = Some(*position);
                release_id = state.workflow.held_by(changeset).await?;
            }
            ChangesetStatus::Released { release_id: id, tag } => {
                (release_id, release_tag) = (Some(*id), Some(tag.to_string()));
            }
            ChangesetStatus::Draft
            | ChangesetStatus::Submitted { findings: None }
            | ChangesetStatus::InReview { .. }
            | ChangesetStatus::ChangesRequested { .. }
            | ChangesetStatus::Rejected { .. }
            | ChangesetStatus::Approved { .. } => {}
        }
        let contained = match &changeset.status {
            ChangesetStatus::Approved { .. } => state.workflow.contained(&member.app.doc, changeset).await?,
            _ => Contained::Head,
        };
        let decide = |action| {
            policy::changeset(member.viewer(), changeset, action)?;
            if action == ChangesetAction::Queue { policy::queue(contained) } else { Ok(()) }
        };
        Ok(Self {
            id: changeset.id.uuid(),
            number: changeset.number,
            workspace_id: changeset.workspace_id.uuid(),
            author: people.person(changeset.author_id),
            title: changeset.title.to_string(),
            description: changeset.description.clone(),
            state: changeset.status.name(),
            revision: changeset.revision.as_ref().map(|revision| RevisionBody::of(revision, &people)),
            approvals: people.approvals(changeset.status.approvals()),
            approvals_required: member.app.doc.settings.required_approval_count,
            findings,
            collisions,
            queue_position,
            release_id: release_id.map(|id| id.uuid()),
            release_tag,
            sync_required: contained == Contained::Behind,
            cloned_from: changeset.cloned_from.map(|id| id.uuid()),
            created_at: changeset.created_at.to_string(),
            updated_at: changeset.updated_at.to_string(),
            allowed_actions: allowed(ChangesetAction::ALL, ChangesetAction::name, decide),
        })
    }

    pub(super) async fn all(
        state: &AppState,
        member: &Member,
        changesets: &[Versioned<Changeset>],
    ) -> Answer<Vec<Self>> {
        let mut data = Vec::new();
        for changeset in changesets {
            data.push(Self::of(state, member, &changeset.doc).await?);
        }
        Ok(data)
    }
}

/// What a reviewer decides.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Verdict)]
pub(super) enum VerdictName {
    /// It may go.
    Approve,
    /// It must be changed.
    RequestChanges,
    /// It must not go at all.
    Reject,
}

impl From<VerdictName> for Verdict {
    fn from(verdict: VerdictName) -> Self {
        match verdict {
            VerdictName::Approve => Self::Approve,
            VerdictName::RequestChanges => Self::RequestChanges,
            VerdictName::Reject => Self::Reject,
        }
    }
}

impl From<Verdict> for VerdictName {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Approve => Self::Approve,
            Verdict::RequestChanges => Self::RequestChanges,
            Verdict::Reject => Self::Reject,
        }
    }
}
