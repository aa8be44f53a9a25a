//! What goes on only after one person has done something: whether a thing waits for them, and for what.
//!
//! The policy decides what they may do; here stands which of it somebody waits for. A config manager may take anybody's
//! changeset back to draft, but it is its author who is waited for.

use crate::access::{Invite, InviteStatus};
use crate::changeset::{Changeset, ChangesetStatus};
use crate::deployment::Deployment;
use crate::draft::ParameterDraft;
use crate::policy::{self, AppAction, ChangesetAction, DeploymentAction, DraftAction, ReleaseAction, Viewer};
use crate::release::{Release, ReleaseStatus};
use crate::time::Timestamp;

/// What a person is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Decide on a draft of critical parameters.
    ApproveValues,
    /// Give one of the approvals that a deployment needs.
    ApproveDeployment,
    /// Decide on somebody else's changeset.
    Review,
    /// Solve what one's own changeset collides with.
    SolveConflict,
    /// Mend what a validation found in one's own changeset.
    MendFindings,
    /// Do what a reviewer asked for in one's own changeset.
    AnswerReview,
    /// Bring the integration head into the workspace of one's own approved changeset.
    Sync,
    /// Put an approved changeset into the queue.
    Queue,
    /// Submit one's own draft.
    Submit,
    /// Draft a release from what is queued.
    DraftRelease,
    /// Compose a drafted release.
    Assemble,
    /// Publish a composed release.
    Publish,
    /// Mail an invite again that was not accepted in time.
    ResendInvite,
}

impl Ask {
    /// Whether an environment waits with it.
    pub fn is_urgent(self) -> bool {
        matches!(self, Self::ApproveValues | Self::ApproveDeployment)
    }

    /// The allowed action that answers it, as the API names it.
    pub fn action(self) -> &'static str {
        match self {
            Self::ApproveValues => DraftAction::Approve.name(),
            Self::ApproveDeployment => DeploymentAction::Approve.name(),
            Self::Review => ChangesetAction::Approve.name(),
            Self::SolveConflict => ChangesetAction::MoveToDraft.name(),
            Self::MendFindings | Self::AnswerReview | Self::Sync => ChangesetAction::Edit.name(),
            Self::Queue => ChangesetAction::Queue.name(),
            Self::Submit => ChangesetAction::Submit.name(),
            Self::DraftRelease => AppAction::DraftRelease.name(),
            Self::Assemble => ReleaseAction::Assemble.name(),
            Self::Publish => ReleaseAction::Publish.name(),
            Self::ResendInvite => "resend",
        }
    }
}

/// Whether an approved changeset's branch contains what the queue asks of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contained {
    /// It contains the integration head.
    Head,
    /// The integration branch has moved on since.
    Behind,
}

/// What a changeset waits for from this person. `contained` counts for approved ones alone.
pub fn changeset(viewer: Viewer, changeset: &Changeset, contained: Contained) -> Option<Ask> {
    use ChangesetAction as A;
    use ChangesetStatus as S;
    let may = |action| policy::changeset(viewer, changeset, action).is_ok();
    let own = changeset.author_id == viewer.user_id;
    match &changeset.status {
        S::InReview { approvals } => {
            let has_decided = approvals.iter().any(|approval| approval.user_id == viewer.user_id);
            (!has_decided && may(A::Approve)).then_some(Ask::Review)
        }
        S::Approved { .. } => match contained {
            Contained::Head => may(A::Queue).then_some(Ask::Queue),
            Contained::Behind => own.then_some(Ask::Sync),
        },
        S::Draft => may(A::Submit).then_some(Ask::Submit),
        S::Submitted { findings: Some(_) } => may(A::Resubmit).then_some(Ask::MendFindings),
        S::NeedsRevalidation { .. } => (own && may(A::MoveToDraft)).then_some(Ask::MendFindings),
        S::Conflicted { .. } => (own && may(A::MoveToDraft)).then_some(Ask::SolveConflict),
        S::ChangesRequested { .. } => may(A::Resubmit).then_some(Ask::AnswerReview),
        S::Submitted { findings: None } | S::Rejected { .. } | S::Queued { .. } | S::Released { .. } => None,
    }
}

/// What a draft of parameters waits for from this person.
pub fn draft(viewer: Viewer, draft: &ParameterDraft) -> Option<Ask> {
    policy::draft(viewer, draft, DraftAction::Approve).ok().map(|()| Ask::ApproveValues)
}

/// What a deployment waits for from this person.
pub fn deployment(viewer: Viewer, deployment: &Deployment) -> Option<Ask> {
    policy::deployment(viewer, deployment, DeploymentAction::Approve).ok().map(|()| Ask::ApproveDeployment)
}

/// What a release that is not published waits for from this person.
pub fn release(viewer: Viewer, release: &Release) -> Option<Ask> {
    let may = |action, ask| policy::release(viewer, release, action).ok().map(|()| ask);
    match release.status {
        ReleaseStatus::Validated { .. } => may(ReleaseAction::Publish, Ask::Publish),
        _ => may(ReleaseAction::Assemble, Ask::Assemble),
    }
}

/// What queued changesets that no release holds wait for from this person.
pub fn queue(viewer: Viewer) -> Option<Ask> {
    policy::app(viewer, AppAction::DraftRelease).ok().map(|()| Ask::DraftRelease)
}

/// What an invite waits for from this person: one that was not accepted in time.
pub fn invite(viewer: Viewer, invite: &Invite, now: Timestamp) -> Option<Ask> {
    let is_over = invite.status == InviteStatus::Pending && invite.expires_at <= now;
    (is_over && policy::app(viewer, AppAction::Invite).is_ok()).then_some(Ask::ResendInvite)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Role;
    use crate::changeset::Approval;
    use crate::id::{AppId, ChangesetId, UserId, WorkspaceId};
    use uuid::Uuid;

    const AUTHOR: u128 = 1;
    const OTHER: u128 = 2;

    fn viewer(n: u128, role: Role) -> Viewer {
        Viewer { user_id: UserId::new(Uuid::from_u128(n)), role }
    }

    fn with(status: ChangesetStatus) -> Changeset {
        let (at, author) = (Timestamp::from_millis(0), UserId::new(Uuid::from_u128(AUTHOR)));
        Changeset {
            id: ChangesetId::new(Uuid::nil()),
            app_id: AppId::new(Uuid::nil()),
            number: 1,
            workspace_id: WorkspaceId::new(Uuid::nil()),
            author_id: author,
            title: "x".parse().unwrap(),
            description: String::new(),
            status,
            revision: None,
            contributors: vec![author],
            cloned_from: None,
            created_at: at,
            updated_at: at,
        }
    }

    /// Who is asked for what, state by state: the author, a reviewer, a config manager.
    #[test]
    fn each_state_waits_for_who_can_go_on() {
        let approval = |n: u128| Approval {
            user_id: UserId::new(Uuid::from_u128(n)),
            approved_at: Timestamp::from_millis(0),
        };
        let (user_id, decided_at) = (UserId::new(Uuid::from_u128(OTHER)), Timestamp::from_millis(0));
        let asked = |status: ChangesetStatus, contained| {
            let changeset = with(status);
            [viewer(AUTHOR, Role::User), viewer(OTHER, Role::Reviewer), viewer(OTHER, Role::ConfigManager)]
                .map(|viewer| super::changeset(viewer, &changeset, contained))
        };
        use ChangesetStatus as S;
        use Contained::{Behind, Head};
        for (status, contained, expected) in [
            (S::Draft, Head, [Some(Ask::Submit), None, None]),
            (S::Submitted { findings: None }, Head, [None; 3]),
            (S::Submitted { findings: Some(vec![]) }, Head, [Some(Ask::MendFindings), None, None]),
            (S::InReview { approvals: vec![] }, Head, [None, Some(Ask::Review), Some(Ask::Review)]),
            (S::InReview { approvals: vec![approval(OTHER)] }, Head, [None; 3]),
            (S::ChangesRequested { user_id, decided_at }, Head, [Some(Ask::AnswerReview), None, None]),
            (S::Rejected { user_id, decided_at }, Head, [None; 3]),
            (
                S::Approved { approvals: vec![approval(OTHER)] },
                Head,
                [Some(Ask::Queue), None, Some(Ask::Queue)],
            ),
            (S::Approved { approvals: vec![approval(OTHER)] }, Behind, [Some(Ask::Sync), None, None]),
            (S::Queued { approvals: vec![], position: 1 }, Head, [None; 3]),
            (
                S::Conflicted { release_id: None, collisions: vec![] },
                Head,
                [Some(Ask::SolveConflict), None, None],
            ),
            (S::NeedsRevalidation { findings: vec![] }, Head, [Some(Ask::MendFindings), None, None]),
        ] {
            let state = status.name();
            assert_eq!(asked(status, contained), expected, "{state} {contained:?}");
        }
    }
}
