//! The audit log: who did what, to what, and what it was before.

use crate::git::CommitId;
use crate::id::{AppId, AuditEventId, RequestId, UserId};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// One entry of the audit log, written in the batch of the state that it tells of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditEvent {
    /// Its id; ids of one process grow with time.
    pub id: AuditEventId,
    /// When.
    pub happened_at: Timestamp,
    /// The app; none for what concerns the whole server.
    pub app_id: Option<AppId>,
    /// Who.
    pub actor: AuditActor,
    /// What kind of thing it happened to, e.g. `changeset`.
    pub entity: String,
    /// Which one.
    pub entity_id: String,
    /// What was done, e.g. `changeset.submitted`.
    pub action: String,
    /// What is worth knowing of the state before.
    pub before: Option<serde_json::Value>,
    /// What is worth knowing of the state after.
    pub after: Option<serde_json::Value>,
    /// The commit concerned, if there is one.
    pub commit: Option<CommitId>,
    /// Where the request came from.
    pub context: RequestContext,
}

/// Who acted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AuditActor {
    /// A person.
    User {
        /// The account.
        user_id: UserId,
        /// Its name then.
        name: String,
    },
    /// A program with a service token.
    Service {
        /// The token's name.
        name: String,
    },
    /// The server itself, e.g. a job.
    System,
    /// Nobody who was signed in.
    Anonymous,
}

impl AuditActor {
    /// What people call whoever acted.
    pub fn name(&self) -> &str {
        match self {
            Self::User { name, .. } | Self::Service { name } => name,
            Self::System => "system",
            Self::Anonymous => "anonymous",
        }
    }

    /// The account of whoever acted, if it was one.
    pub fn user_id(&self) -> Option<UserId> {
        match self {
            Self::User { user_id, .. } => Some(*user_id),
            Self::Service { .. } | Self::System | Self::Anonymous => None,
        }
    }
}

/// Where a request came from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestContext {
    /// The request; none for work that no request started.
    pub request_id: Option<RequestId>,
    /// The peer's address.
    pub address: Option<String>,
    /// What the client calls itself, shortened.
    pub user_agent: Option<String>,
}
