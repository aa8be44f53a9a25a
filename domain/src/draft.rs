//! Drafts: wishes to change values of an environment's parameters now, without a release.
//!
//! A save is a draft that needs no approval: it is approved as it is made. What an approved draft changes becomes
//! active with a config version of its own.

use crate::audit::AuditActor;
use crate::id::{AppId, DraftId, EnvironmentId, UserId};
use crate::snapshot::{ChangeKind, ConfigVersion};
use crate::state::IllegalTransition;
use crate::time::Timestamp;
use crate::value_change::ValueChanges;
use serde::{Deserialize, Serialize};

/// A wish to change values of an environment's parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ParameterDraft {
    /// Its id; also the source id under which the distribution database applies it once.
    pub id: DraftId,
    /// The app.
    pub app_id: AppId,
    /// The environment.
    pub environment_id: EnvironmentId,
    /// Whether it was saved directly or waits, or waited, for an approval.
    pub kind: ChangeKind,
    /// The config version whose values its editor saw.
    pub base_version: ConfigVersion,
    /// What it changes, by name.
    pub changes: ValueChanges,
    /// Why, as typed.
    pub reason: Option<String>,
    /// Where it stands.
    pub status: DraftStatus,
    /// The editor.
    pub edited_by: AuditActor,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Where a draft stands. An active draft is superseded once the environment runs a greater version than its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum DraftStatus {
    /// Is being made; kept by its editor alone.
    Draft,
    /// Waits for somebody else's decision.
    PendingApproval,
    /// Decided: config version and profile revision are taken.
    Approved {
        /// The decision.
        #[serde(flatten)]
        decision: DraftDecision,
    },
    /// The environment runs it, or ran it until something newer came.
    Active {
        /// The decision.
        #[serde(flatten)]
        decision: DraftDecision,
        /// When the distribution database had it.
        activated_at: Timestamp,
    },
    /// Somebody said no.
    Rejected {
        /// Who.
        rejected_by: UserId,
        /// Why.
        rejection: String,
        /// When.
        rejected_at: Timestamp,
    },
    /// It was decided and cannot become active: the environment runs something that the decision does not follow on.
    Failed {
        /// The decision. Its profile revision stays: the next deployment brings its values.
        #[serde(flatten)]
        decision: DraftDecision,
        /// What runs instead.
        failure: String,
        /// When that was seen.
        failed_at: Timestamp,
    },
}

/// What was decided with a draft's approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftDecision {
    /// Who approved; none where nobody had to.
    pub approved_by: Option<UserId>,
    /// The config version that ran then, which the new one follows on.
    pub follows: ConfigVersion,
    /// The config version that it makes active.
    pub version: ConfigVersion,
    /// The profile revision that holds its values.
    pub profile_revision: u32,
    /// When.
    pub approved_at: Timestamp,
}

/// What happens to a draft.
#[derive(Debug, Clone)]
pub enum DraftEvent {
    /// Its editor saves what needs no approval.
    Save(DraftDecision),
    /// Its editor asks for approval.
    Submit,
    /// Somebody else approves.
    Approve(DraftDecision),
    /// Somebody else says no.
    Reject {
        /// Who.
        user_id: UserId,
        /// Why.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// The distribution database has it.
    Activated(Timestamp),
    /// The distribution database cannot have it.
    Fail {
        /// What runs instead.
        failure: String,
        /// When that was seen.
        at: Timestamp,
    },
}

impl DraftStatus {
    /// The state of those that were made active, also where something else runs by now.
    pub const ACTIVE: &'static str = "active";

    /// All states that are kept.
    pub const NAMES: [&'static str; 5] = ["pending_approval", "approved", Self::ACTIVE, "rejected", "failed"];

    /// The state's name in the API.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::PendingApproval => "pending_approval",
            Self::Approved { .. } => "approved",
            Self::Active { .. } => Self::ACTIVE,
            Self::Rejected { .. } => "rejected",
            Self::Failed { .. } => "failed",
        }
    }

    /// What was decided, if it was approved.
    pub fn decision(&self) -> Option<&DraftDecision> {
        match self {
            Self::Approved { decision } | Self::Active { decision, .. } | Self::Failed { decision, .. } => {
                Some(decision)
            }
            Self::Draft | Self::PendingApproval | Self::Rejected { .. } => None,
        }
    }

    /// The status after an event: the only way from one state to another.
    pub fn next(self, event: DraftEvent) -> Result<Self, IllegalTransition> {
        use DraftEvent as E;
        let name = match &event {
            E::Save(_) => "save",
            E::Submit => "submit",
            E::Approve(_) => "approve",
            E::Reject { .. } => "reject",
            E::Activated(_) => "activated",
            E::Fail { .. } => "fail",
        };
        let refused = IllegalTransition { machine: "draft", state: self.name(), event: name };
        match (self, event) {
            (Self::Draft, E::Save(decision)) | (Self::PendingApproval, E::Approve(decision)) => {
                Ok(Self::Approved { decision })
            }
            (Self::Draft, E::Submit) => Ok(Self::PendingApproval),
            (Self::PendingApproval, E::Reject { user_id, reason, at }) => {
                Ok(Self::Rejected { rejected_by: user_id, rejection: reason, rejected_at: at })
            }
            (Self::Approved { decision }, E::Activated(activated_at)) => {
                Ok(Self::Active { decision, activated_at })
            }
            (Self::Approved { decision }, E::Fail { failure, at }) => {
                Ok(Self::Failed { decision, failure, failed_at: at })
            }
            (
                Self::Draft
                | Self::PendingApproval
                | Self::Approved { .. }
                | Self::Active { .. }
                | Self::Rejected { .. }
                | Self::Failed { .. },
                E::Save(_) | E::Submit | E::Approve(_) | E::Reject { .. } | E::Activated(_) | E::Fail { .. },
            ) => Err(refused),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    /// Every pair of state and event, against the arrows of the specification.
    #[test]
    fn a_draft_goes_its_way_and_no_other() {
        let at = Timestamp::from_millis(0);
        let user_id = UserId::new(Uuid::nil());
        let decision = DraftDecision {
            approved_by: None,
            follows: ConfigVersion(1),
            version: ConfigVersion(2),
            profile_revision: 2,
            approved_at: at,
        };
        let states = [
            DraftStatus::Draft,
            DraftStatus::PendingApproval,
            DraftStatus::Approved { decision: decision.clone() },
            DraftStatus::Active { decision: decision.clone(), activated_at: at },
            DraftStatus::Rejected { rejected_by: user_id, rejection: "no".to_owned(), rejected_at: at },
            DraftStatus::Failed { decision: decision.clone(), failure: "v9".to_owned(), failed_at: at },
        ];
        let events = [
            DraftEvent::Save(decision.clone()),
            DraftEvent::Submit,
            DraftEvent::Approve(decision),
            DraftEvent::Reject { user_id, reason: "no".to_owned(), at },
            DraftEvent::Activated(at),
            DraftEvent::Fail { failure: "v9".to_owned(), at },
        ];
        let ways: Vec<(&str, usize, &str)> = states
            .iter()
            .flat_map(|state| {
                events.iter().enumerate().map(move |(n, event)| (state.clone(), n, event.clone()))
            })
            .filter_map(|(state, n, event)| {
                let from = state.name();
                Some((from, n, state.next(event).ok()?.name()))
            })
            .collect();
        let expected = [
            ("draft", 0, "approved"),
            ("draft", 1, "pending_approval"),
            ("pending_approval", 2, "approved"),
            ("pending_approval", 3, "rejected"),
            ("approved", 4, "active"),
            ("approved", 5, "failed"),
        ];
        assert_eq!(ways, expected);
    }
}
