//! Which workers ran a version, and how long it took to reach them.

use crate::decode::version;
use crate::error::DistributionError;
use chrono::TimeDelta;
use conman_domain::Timestamp;
use conman_domain::id::{AppId, EnvironmentId, WorkerId};
use conman_domain::snapshot::ConfigVersion;
use uuid::Uuid;

/// The most applications that are read at once.
pub(crate) const MAX_APPLICATIONS: i64 = 5_000;

/// Says that a worker session had a version in memory. Kept for ninety days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerApplication {
    /// The app.
    pub app_id: AppId,
    /// The environment.
    pub environment_id: EnvironmentId,
    /// The version.
    pub version: ConfigVersion,
    /// The worker's session.
    pub session_id: WorkerId,
    /// The worker's name then.
    pub name: String,
    /// When the worker had it in memory, by the worker's clock.
    pub applied_at: Timestamp,
    /// When the worker was heard of having it, by the database's clock.
    pub recorded_at: Timestamp,
    /// How long after the version became active that was; none for a session that began later than the version.
    pub took: Option<TimeDelta>,
}

/// The columns of one application.
pub(crate) struct ApplicationColumns {
    pub(crate) app_id: Uuid,
    pub(crate) environment_id: Uuid,
    pub(crate) version: i64,
    pub(crate) session_id: Uuid,
    pub(crate) name: String,
    pub(crate) started_at: Timestamp,
    pub(crate) applied_at: Timestamp,
    pub(crate) recorded_at: Timestamp,
    /// When the version became active.
    pub(crate) active_at: Timestamp,
}

impl ApplicationColumns {
    pub(crate) fn application(self) -> Result<WorkerApplication, DistributionError> {
        let took = self.recorded_at.since(self.active_at).max(TimeDelta::zero());
        Ok(WorkerApplication {
            app_id: self.app_id.into(),
            environment_id: self.environment_id.into(),
            version: version(self.version)?,
            session_id: self.session_id.into(),
            name: self.name,
            applied_at: self.applied_at,
            recorded_at: self.recorded_at,
            took: (self.started_at <= self.active_at).then_some(took),
        })
    }
}
