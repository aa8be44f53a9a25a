//! Jobs: work that outlives the request that asked for it.

use crate::changeset::Finding;
use crate::id::{AppId, ChangesetId, DeploymentId, JobId, MailId, ReleaseId, UserId};
use crate::state::IllegalTransition;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A piece of work, kept in the store until it is done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// The app; none for work of the whole server.
    pub app_id: Option<AppId>,
    /// What is to be done.
    pub work: Work,
    /// Where it stands.
    pub status: JobStatus,
    /// How often it was claimed; also the fence: only the newest attempt finishes it.
    pub attempt: u32,
    /// How often it may be claimed.
    pub max_attempts: u32,
    /// Whether somebody asked it to stop.
    pub cancel_requested: bool,
    /// Who asked for it; none for the server itself.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
}

/// What a job does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Work {
    /// Validates a submitted revision.
    MsuiteSubmit {
        /// The changeset.
        changeset_id: ChangesetId,
        /// The revision.
        revision: u32,
    },
    /// Checks that a queued changeset still merges and holds.
    RevalidateQueuedChangeset {
        /// The changeset.
        changeset_id: ChangesetId,
    },
    /// Composes a release.
    ReleaseAssemble {
        /// The release.
        release_id: ReleaseId,
        /// What becomes of the release if members are isolated.
        on_isolation: OnIsolation,
    },
    /// Publishes a release.
    ReleasePublish {
        /// The release.
        release_id: ReleaseId,
        /// Who publishes.
        published_by: UserId,
    },
    /// Carries a deployment out.
    DeployRelease {
        /// The deployment.
        deployment_id: DeploymentId,
    },
    /// Sends a mail.
    SendNotification {
        /// The mail.
        mail_id: MailId,
    },
}

/// What becomes of a release whose composing isolated members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnIsolation {
    /// It goes on without them.
    #[default]
    Continue,
    /// It returns to its draft.
    ReturnToDraft,
}

impl Work {
    /// The names of all kinds of work.
    pub const TYPES: [&'static str; 6] = [
        "msuite_submit",
        "revalidate_queued_changeset",
        "release_assemble",
        "release_publish",
        "deploy_release",
        "send_notification",
    ];

    /// The kinds without the one that sends mails.
    pub const TYPES_BUT_MAILS: [&'static str; 5] = [
        "msuite_submit",
        "revalidate_queued_changeset",
        "release_assemble",
        "release_publish",
        "deploy_release",
    ];

    /// The kind's name in the API.
    pub fn name(&self) -> &'static str {
        match self {
            Self::MsuiteSubmit { .. } => "msuite_submit",
            Self::RevalidateQueuedChangeset { .. } => "revalidate_queued_changeset",
            Self::ReleaseAssemble { .. } => "release_assemble",
            Self::ReleasePublish { .. } => "release_publish",
            Self::DeployRelease { .. } => "deploy_release",
            Self::SendNotification { .. } => "send_notification",
        }
    }
}

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum JobStatus {
    /// Waits for its time and a runner.
    Queued {
        /// Not before.
        run_at: Timestamp,
    },
    /// A runner has it.
    Running {
        /// The runner.
        owner: String,
        /// When it was claimed.
        started_at: Timestamp,
        /// Until when the runner has it, by the store's clock; a heartbeat moves this.
        lease_ends_at: Timestamp,
    },
    /// Done.
    Succeeded {
        /// When.
        finished_at: Timestamp,
        /// What came out, for people and the API.
        result: serde_json::Value,
    },
    /// Given up.
    Failed {
        /// When.
        finished_at: Timestamp,
        /// Whether the answer was no (true) or something broke (false).
        rejected: bool,
        /// Why.
        reason: String,
        /// What was found, where something was checked.
        findings: Vec<Finding>,
    },
    /// Stopped on request.
    Canceled {
        /// When.
        finished_at: Timestamp,
    },
}

/// What happens to a job.
#[derive(Debug, Clone)]
pub enum JobEvent {
    /// A runner claims it, or takes it over from one whose lease has ended.
    Claim {
        /// The runner.
        owner: String,
        /// Now.
        at: Timestamp,
        /// Until when.
        lease_ends_at: Timestamp,
    },
    /// The runner is alive.
    Heartbeat {
        /// Until when it has the job now.
        lease_ends_at: Timestamp,
    },
    /// It is done.
    Succeed(Timestamp, serde_json::Value),
    /// It broke and is tried again later.
    Retry {
        /// Not before.
        run_at: Timestamp,
    },
    /// It is given up.
    Fail {
        /// When.
        at: Timestamp,
        /// Whether the answer was no.
        rejected: bool,
        /// Why.
        reason: String,
        /// What was found.
        findings: Vec<Finding>,
    },
    /// It stops on request.
    Cancel(Timestamp),
}

impl JobStatus {
    /// The state's name in the API.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Queued { .. } => "queued",
            Self::Running { .. } => "running",
            Self::Succeeded { .. } => "succeeded",
            Self::Failed { .. } => "failed",
            Self::Canceled { .. } => "canceled",
        }
    }

    /// True once nothing more happens to it.
    pub fn is_finished(&self) -> bool {
        match self {
            Self::Queued { .. } | Self::Running { .. } => false,
            Self::Succeeded { .. } | Self::Failed { .. } | Self::Canceled { .. } => true,
        }
    }

    /// The status after an event: the only way from one state to another.
    pub fn next(self, event: JobEvent) -> Result<Self, IllegalTransition> {
        use JobEvent as E;
        let name = match &event {
            E::Claim { .. } => "claim",
            E::Heartbeat { .. } => "heartbeat",
            E::Succeed(..) => "succeed",
            E::Retry { .. } => "retry",
            E::Fail { .. } => "fail",
            E::Cancel(_) => "cancel",
        };
        let refused = IllegalTransition { machine: "job", state: self.name(), event: name };
        match (self, event) {
            (Self::Queued { run_at }, E::Claim { owner, at, lease_ends_at }) if run_at <= at => {
                Ok(Self::Running { owner, started_at: at, lease_ends_at })
            }
            (Self::Running { lease_ends_at: old, .. }, E::Claim { owner, at, lease_ends_at })
                if old <= at =>
            {
                Ok(Self::Running { owner, started_at: at, lease_ends_at })
            }
            (Self::Running { owner, started_at, .. }, E::Heartbeat { lease_ends_at }) => {
                Ok(Self::Running { owner, started_at, lease_ends_at })
            }
            (Self::Running { .. }, E::Succeed(finished_at, result)) => {
                Ok(Self::Succeeded { finished_at, result })
            }
            (Self::Running { .. }, E::Retry { run_at }) => Ok(Self::Queued { run_at }),
            (Self::Queued { .. } | Self::Running { .. }, E::Fail { at, rejected, reason, findings }) => {
                Ok(Self::Failed { finished_at: at, rejected, reason, findings })
            }
            (Self::Queued { .. } | Self::Running { .. }, E::Cancel(finished_at)) => {
                Ok(Self::Canceled { finished_at })
            }
            (
                Self::Queued { .. }
                | Self::Running { .. }
                | Self::Succeeded { .. }
                | Self::Failed { .. }
                | Self::Canceled { .. },
                E::Claim { .. }
                | E::Heartbeat { .. }
                | E::Succeed(..)
                | E::Retry { .. }
                | E::Fail { .. }
                | E::Cancel(_),
            ) => Err(refused),
        }
    }
}

/// One line of a job's log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JobLog {
    /// The job.
    pub job_id: JobId,
    /// Counts the lines of all attempts, from 1.
    pub sequence: u32,
    /// The attempt that wrote it.
    pub attempt: u32,
    /// When.
    pub logged_at: Timestamp,
    /// What.
    pub message: String,
}

/// How a line begins that says why the job takes another attempt: the runner that had it was not heard of any more.
pub const TAKEN_OVER: &str = "Taken over";
/// How a line begins that says why the job takes another attempt: its runner stops, or its records changed meanwhile.
pub const GIVEN_BACK: &str = "Given back";
/// How a line begins that says why the job takes another attempt: something broke.
pub const BROKE: &str = "Broke";

impl JobLog {
    /// Whether the line says why the job takes another attempt.
    pub fn explains_another_attempt(&self) -> bool {
        [TAKEN_OVER, GIVEN_BACK, BROKE].iter().any(|beginning| self.message.starts_with(beginning))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_taken_over_only_after_it_ended() {
        let at = Timestamp::from_millis;
        let claim = |now| JobEvent::Claim { owner: "b".into(), at: at(now), lease_ends_at: at(now + 10) };
        let running = JobStatus::Queued { run_at: at(0) }.next(claim(0)).unwrap();
        assert!(running.clone().next(claim(5)).is_err());
        assert!(running.clone().next(claim(10)).is_ok());
        assert!(running.next(JobEvent::Succeed(at(3), serde_json::Value::Null)).unwrap().is_finished());
    }
}
