//! Who changes parameters: a member of the app, or a program with a service token of the environment.

use crate::accounts::Program;
use crate::actor::Member;
use crate::change::Change;
use crate::error::{Rejection, Result};
use crate::freezes::WhenFrozen;
use crate::services::Workflow;
use conman_domain::Timestamp;
use conman_domain::access::Token;
use conman_domain::audit::AuditActor;
use conman_domain::environment::Environment;
use conman_domain::id::{AppId, EnvironmentId};
use conman_domain::policy::{self, EnvironmentAction};
use std::sync::Arc;

/// Who changes parameters.
#[derive(Debug, Clone, Copy)]
pub enum Editor<'a> {
    /// A member of the app.
    Member(&'a Member),
    /// A program, in its own environment alone.
    Program(&'a Program),
}

impl<'a> Editor<'a> {
    /// What is to come of a write if the environment is frozen; programs set nothing aside.
    pub(crate) fn when_frozen(self, reason: Option<&'a str>) -> WhenFrozen<'a> {
        match self {
            Self::Member(member) => WhenFrozen::of(member, reason),
            Self::Program(_) => WhenFrozen::Refuse,
        }
    }

    /// The app.
    pub(crate) fn app_id(self) -> AppId {
        match self {
            Self::Member(member) => member.app_id(),
            Self::Program(program) => program.app_id,
        }
    }

    /// How the record names the editor.
    pub(crate) fn audited(self) -> AuditActor {
        match self {
            Self::Member(member) => member.actor.audited(),
            Self::Program(program) => AuditActor::Service { name: program.token.name.as_str().to_owned() },
        }
    }

    /// Begins a change in the editor's name.
    pub(crate) fn change(self, at: Timestamp) -> Change {
        match self {
            Self::Member(member) => Change::by(&member.actor, Some(member.app_id()), at),
            Self::Program(program) => {
                Change::by_other(self.audited(), program.context.clone(), Some(program.app_id), at)
            }
        }
    }

    /// Another environment than the program's own does not exist for it.
    pub(crate) fn reaches(self, environment: EnvironmentId) -> Result<()> {
        match self {
            Self::Program(program) if program.environment_id != environment => {
                Err(Rejection::NotFound("environment").into())
            }
            Self::Program(_) | Self::Member(_) => Ok(()),
        }
    }

    /// Asks the policy whether the editor may save.
    pub(crate) fn may_save(self, environment: &Environment) -> Result<()> {
        match self {
            Self::Member(member) => {
                policy::environment(member.viewer(), environment, None, EnvironmentAction::SaveParameters)?;
            }
            Self::Program(_) => policy::program(environment)?,
        }
        Ok(())
    }
}

/// An editor as they are by now, however long they had to wait.
pub(crate) enum EditorNow {
    /// A member with their present role.
    Member(Box<Member>),
    /// A program whose token is still there.
    Program(Program),
}

impl EditorNow {
    pub(crate) fn editor(&self) -> Editor<'_> {
        match self {
            Self::Member(member) => Editor::Member(member),
            Self::Program(program) => Editor::Program(program),
        }
    }

    /// Lets a change be made only while they are what they are.
    pub(crate) fn check(&self, change: &mut Change) {
        match self {
            Self::Member(member) => change.check(&member.membership),
            Self::Program(program) => change.check(&program.token),
        };
    }
}

impl Workflow {
    /// Looks at an editor again.
    pub(crate) async fn editor_now(&self, editor: Editor<'_>) -> Result<EditorNow> {
        match editor {
            Editor::Member(member) => Ok(EditorNow::Member(Box::new(self.member_now(member).await?))),
            Editor::Program(program) => {
                let token = self.store().get::<Token>(&program.token.id.to_string()).await?;
                let token = token.ok_or(Rejection::Unauthenticated("this token was revoked meanwhile"))?;
                Ok(EditorNow::Program(Program { token: Arc::new(token), ..program.clone() }))
            }
        }
    }
}
