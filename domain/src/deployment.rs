//! Deployments: the act of putting a release on an environment.

use crate::changeset::Approval;
use crate::freeze::FreezeOverride;
use crate::id::{AppId, DeploymentId, EnvironmentId, ReleaseId, UserId};
use crate::name::ReleaseTag;
use crate::snapshot::ConfigVersion;
use crate::state::IllegalTransition;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The act of putting a release on an environment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Deployment {
    /// Its id; also the source id under which the distribution database applies it once.
    pub id: DeploymentId,
    /// The app.
    pub app_id: AppId,
    /// The environment.
    pub environment_id: EnvironmentId,
    /// The release.
    pub release_id: ReleaseId,
    /// The release's tag.
    pub tag: ReleaseTag,
    /// How it was asked for.
    pub kind: DeploymentKind,
    /// Where it stands.
    pub status: DeploymentStatus,
    /// How many approvals of its own it needs before it runs.
    pub approvals_required: u32,
    /// The approvals so far.
    pub approvals: Vec<Approval>,
    /// The freeze that is set aside for it, if one was in force when it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze_override: Option<FreezeOverride>,
    /// The deployment that this one takes back by itself, because workers refuse it; none where somebody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolls_back: Option<DeploymentId>,
    /// Who asked for it, or for what it takes back.
    pub requested_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// How a deployment was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentKind {
    /// A release onto the first stage.
    Deploy,
    /// What the previous stage runs.
    Promote,
    /// A release that is not live on the stage before.
    SkipStage,
    /// A release that this environment ran before.
    Redeploy,
}

/// Where a deployment stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum DeploymentStatus {
    /// Waits for approvals or for its job.
    Pending,
    /// Decided: its config version is taken.
    Running {
        /// The version that it activates.
        version: ConfigVersion,
    },
    /// The environment runs it, or ran it until something newer came.
    Succeeded {
        /// The version that it activated.
        version: ConfigVersion,
        /// When the distribution database had it.
        activated_at: Timestamp,
    },
    /// It did not happen.
    Failed {
        /// Whether the answer was no (`rejected`) or something broke (`errored`).
        cause: FailureCause,
        /// Why.
        reason: String,
        /// When.
        failed_at: Timestamp,
    },
    /// Somebody stopped it before it ran.
    Canceled {
        /// Who.
        user_id: UserId,
        /// When.
        canceled_at: Timestamp,
    },
}

/// Whether the answer was no, or something broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCause {
    /// The answer was no: values that the catalog refuses, a freeze, a hook that said no.
    Rejected,
    /// Something technical broke.
    Errored,
}

/// What happens to a deployment.
#[derive(Debug, Clone)]
pub enum DeploymentEvent {
    /// It is decided and takes a version.
    Start(ConfigVersion),
    /// The distribution database has it.
    Activated(Timestamp),
    /// It did not happen.
    Fail {
        /// No, or broken.
        cause: FailureCause,
        /// Why.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// Somebody stops it.
    Cancel(UserId, Timestamp),
}

impl DeploymentStatus {
    /// The states in which a deployment holds its environment.
    pub const ACTIVE: [&'static str; 2] = ["pending", "running"];

    /// The state's name in the API.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running { .. } => "running",
            Self::Succeeded { .. } => "succeeded",
            Self::Failed { .. } => "failed",
            Self::Canceled { .. } => "canceled",
        }
    }

    /// The status after an event: the only way from one state to another.
    pub fn next(self, event: DeploymentEvent) -> Result<Self, IllegalTransition> {
        use DeploymentEvent as E;
        let name = match &event {
            E::Start(_) => "start",
            E::Activated(_) => "activated",
            E::Fail { .. } => "fail",
            E::Cancel(..) => "cancel",
        };
        let refused = IllegalTransition { machine: "deployment", state: self.name(), event: name };
        match (self, event) {
            (Self::Pending, E::Start(version)) => Ok(Self::Running { version }),
            (Self::Running { version }, E::Activated(activated_at)) => {
                Ok(Self::Succeeded { version, activated_at })
            }
            (Self::Pending | Self::Running { .. }, E::Fail { cause, reason, at }) => {
                Ok(Self::Failed { cause, reason, failed_at: at })
            }
            (Self::Pending, E::Cancel(user_id, canceled_at)) => Ok(Self::Canceled { user_id, canceled_at }),
            (
                Self::Pending
                | Self::Running { .. }
                | Self::Succeeded { .. }
                | Self::Failed { .. }
                | Self::Canceled { .. },
                E::Start(_) | E::Activated(_) | E::Fail { .. } | E::Cancel(..),
            ) => Err(refused),
        }
    }
}
