//! Runtime profiles: an environment's blueprint. Here its typed variables, from which parameters take their values.

use crate::audit::AuditActor;
use crate::catalog::Values;
use crate::id::{AppId, ProfileId};
use crate::name::EnvironmentName;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// An environment's blueprint, at its newest revision.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RuntimeProfile {
    /// Its id.
    pub id: ProfileId,
    /// The app.
    pub app_id: AppId,
    /// Its name, unique in the app.
    pub name: EnvironmentName,
    /// Counts the revisions, from 1.
    pub revision: u32,
    /// Typed variables; those named like a parameter are its value.
    pub env_vars: Values,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// One revision of a profile on record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProfileRevision {
    /// The profile.
    pub profile_id: ProfileId,
    /// The app.
    pub app_id: AppId,
    /// Which, from 1.
    pub revision: u32,
    /// The variables then.
    pub env_vars: Values,
    /// Who made it.
    pub changed_by: AuditActor,
    /// Why, as typed.
    pub reason: String,
    /// When.
    pub changed_at: Timestamp,
}
