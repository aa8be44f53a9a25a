//! Parts that several resources show in the same way.

use crate::problem::Answer;
use crate::state::AppState;
use conman_domain::audit::AuditActor;
use conman_domain::changeset::{Approval, Finding, Severity};
use conman_domain::id::UserId;
use conman_domain::policy::Denied;
use conman_git::ChangeKind;
use serde::Serialize;
use std::collections::HashMap;
use utoipa::ToSchema;
use uuid::Uuid;

/// Somebody, as shown beside what they did.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Person)]
pub(super) struct PersonBody {
    pub(super) id: Uuid,
    /// Empty for an account that is gone.
    pub(super) name: String,
}

/// Who changed something: a person, a program with a service token, or the server.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Editor)]
pub(super) struct EditorBody {
    /// `user`, `service` or `server`.
    kind: &'static str,
    /// The account, for a person.
    id: Option<Uuid>,
    name: String,
}

impl EditorBody {
    /// A person by account.
    pub(super) fn person(id: Uuid, name: String) -> Self {
        Self { kind: "user", id: Some(id), name }
    }
}

impl From<&AuditActor> for EditorBody {
    fn from(actor: &AuditActor) -> Self {
        let (kind, id, name) = match actor {
            AuditActor::User { user_id, name } => ("user", Some(user_id.uuid()), name.clone()),
            AuditActor::Service { name } => ("service", None, name.clone()),
            AuditActor::System | AuditActor::Anonymous => ("server", None, String::new()),
        };
        Self { kind, id, name }
    }
}

/// The names of the people whom an answer shows.
pub(super) struct People(HashMap<UserId, String>);

impl People {
    /// Looks the names up.
    pub(super) async fn of(state: &AppState, ids: &[UserId]) -> Answer<Self> {
        Ok(Self(state.workflow.user_names(ids).await?))
    }

    /// One of them.
    pub(super) fn person(&self, id: UserId) -> PersonBody {
        PersonBody { id: id.uuid(), name: self.0.get(&id).cloned().unwrap_or_default() }
    }

    /// Approvals with the names of who gave them.
    pub(super) fn approvals(&self, approvals: &[Approval]) -> Vec<ApprovalBody> {
        let shown = |a: &Approval| ApprovalBody {
            user: self.person(a.user_id),
            approved_at: a.approved_at.to_string(),
        };
        approvals.iter().map(shown).collect()
    }
}

/// An approval.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Approval)]
pub(super) struct ApprovalBody {
    user: PersonBody,
    #[schema(format = DateTime)]
    approved_at: String,
}

/// Something that a validation found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Finding)]
pub(super) struct FindingBody {
    /// The rule, e.g. `yaml`, `schema` or `reference`.
    rule: String,
    /// `error`, `warning` or `info`; a validation fails by errors alone.
    severity: &'static str,
    /// The file, if it is about one.
    path: Option<String>,
    /// From 1, where known.
    line: Option<u32>,
    /// From 1 in characters, where known.
    column: Option<u32>,
    message: String,
    /// What to do about it, where that can be said.
    hint: Option<String>,
}

impl From<&Finding> for FindingBody {
    fn from(finding: &Finding) -> Self {
        Self {
            rule: finding.rule.clone(),
            severity: match finding.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Info => "info",
            },
            path: finding.path.as_ref().map(ToString::to_string),
            line: finding.line,
            column: finding.column,
            message: finding.message.clone(),
            hint: finding.hint.clone(),
        }
    }
}

/// The names of the actions that the policy allows.
pub(super) fn allowed<A: Copy>(
    all: &[A],
    name: fn(A) -> &'static str,
    decide: impl Fn(A) -> Result<(), Denied>,
) -> Vec<String> {
    all.iter().filter(|action| decide(**action).is_ok()).map(|action| name(*action).to_owned()).collect()
}

/// A job that was started.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StartedJob {
    pub(super) job_id: Uuid,
}

/// The name under which a kind of change is shown.
pub(super) fn kind_name(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Added => "added",
        ChangeKind::Modified => "modified",
        ChangeKind::Deleted => "deleted",
        ChangeKind::Renamed => "renamed",
    }
}
