//! Who may do what: capability by role, ownership and state, in one place.
//!
//! Every use case asks here before it acts, and every resource that the API returns lists the actions for which the
//! same functions say yes, so that a client neither hides what would be allowed nor offers what would be refused.

use crate::access::Role;
use crate::audit::AuditActor;
use crate::changeset::{Changeset, ChangesetStatus, Comment};
use crate::deployment::{Deployment, DeploymentStatus};
use crate::draft::{DraftStatus, ParameterDraft};
use crate::environment::Environment;
use crate::id::UserId;
use crate::job::Job;
use crate::release::{Release, ReleaseStatus};
use crate::run::{Run, RunStatus};
use crate::waiting::Contained;
use crate::workspace::Workspace;

/// A member of an app, as the policy sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Viewer {
    /// The account.
    pub user_id: UserId,
    /// Its role in the app.
    pub role: Role,
}

/// The answer no, with its reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Denied {
    /// Whether another person or another state would get a yes.
    pub kind: DeniedKind,
    /// Why, in a sentence for the person who asked.
    pub reason: String,
}

/// Whether another person or another state would get a yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeniedKind {
    /// This person may not.
    Forbidden,
    /// Nobody may in this state.
    State,
}

fn forbidden(reason: impl Into<String>) -> Result<(), Denied> {
    Err(Denied { kind: DeniedKind::Forbidden, reason: reason.into() })
}

fn wrong_state(reason: impl Into<String>) -> Result<(), Denied> {
    Err(Denied { kind: DeniedKind::State, reason: reason.into() })
}

fn at_least(viewer: Viewer, role: Role) -> Result<(), Denied> {
    if viewer.role >= role {
        return Ok(());
    }
    let words = |role: Role| role.name().replace('_', " ");
    forbidden(format!("this needs the role {} or above; yours is {}", words(role), words(viewer.role)))
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $item:ident = $text:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$item_doc])* $item,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [$name] = &[$($name::$item,)*];

            /// The name in the API.
            pub fn name(self) -> &'static str {
                match self { $($name::$item => $text,)* }
            }
        }
    )*};
}

actions! {
    /// What can be done with an app.
    AppAction {
        /// Read it, its files, changesets, releases and environments.
        Read = "read",
        /// Make a workspace or a changeset of one's own.
        Author = "author",
        /// Change the order of the queue.
        ReorderQueue = "reorder_queue",
        /// Draft a release.
        DraftRelease = "draft_release",
        /// Deploy, promote and roll back.
        Deploy = "deploy",
        /// Invite people.
        Invite = "invite",
        /// Change roles and remove members.
        ManageMembers = "manage_members",
        /// Change settings.
        ManageSettings = "manage_settings",
        /// Change the list of environments.
        ManageEnvironments = "manage_environments",
        /// Make, change and remove freeze windows.
        ManageFreezes = "manage_freezes",
        /// Write to a frozen environment once, with a reason.
        OverrideFreeze = "override_freeze",
        /// Edit profiles directly.
        EditProfiles = "edit_profiles",
        /// See what the secrets of profiles say.
        RevealSecrets = "reveal_secrets",
        /// Make and revoke service tokens.
        ManageServiceTokens = "manage_service_tokens",
        /// Read the audit log of the app.
        ReadAudit = "read_audit",
        /// Freeze parameters, and register runs with them.
        RegisterRuns = "register_runs",
    }
    /// What can be done with a workspace.
    WorkspaceAction {
        /// See its files.
        Read = "read",
        /// Write, move and delete files, checkpoint, reset and sync.
        Edit = "edit",
    }
    /// What can be done with a changeset.
    ChangesetAction {
        /// Change title and description.
        Edit = "edit",
        /// Freeze the first revision, or the first after a draft.
        Submit = "submit",
        /// Freeze another revision.
        Resubmit = "resubmit",
        /// Comment.
        Comment = "comment",
        /// Approve the newest revision.
        Approve = "approve",
        /// Ask for changes.
        RequestChanges = "request_changes",
        /// Refuse for good.
        Reject = "reject",
        /// Put it into the queue.
        Queue = "queue",
        /// Take it back to draft.
        MoveToDraft = "move_to_draft",
        /// Make a new changeset from it.
        Clone = "clone",
    }
    /// What can be done with a release.
    ReleaseAction {
        /// Change members, order and notes.
        Edit = "edit",
        /// Compose it.
        Assemble = "assemble",
        /// Publish it.
        Publish = "publish",
        /// Put it on an environment.
        Deploy = "deploy",
    }
    /// What can be done with a comment.
    CommentAction {
        /// Change its text.
        Edit = "edit",
        /// Settle its thread, or open it again.
        Resolve = "resolve",
    }
    /// What can be done with an environment.
    EnvironmentAction {
        /// Put a release on it.
        Deploy = "deploy",
        /// Put what the stage before runs on it.
        Promote = "promote",
        /// Put a release that it ran before on it again.
        RollBack = "rollback",
        /// Save values of parameters that are not critical, and submit drafts of those that are.
        SaveParameters = "save_parameters",
    }
    /// What can be done with a draft of parameters.
    DraftAction {
        /// Have it applied.
        Approve = "approve",
        /// Refuse it for good.
        Reject = "reject",
    }
    /// What can be done with a job.
    JobAction {
        /// Ask it to stop.
        Cancel = "cancel",
    }
    /// What can be done with a run.
    RunAction {
        /// Say how it ended.
        End = "end",
        /// Register another one with the identical set.
        Rerun = "rerun",
    }
    /// What can be done with a deployment.
    DeploymentAction {
        /// Give one of the approvals that it needs.
        Approve = "approve",
        /// Stop it before it runs.
        Cancel = "cancel",
    }
}

/// Decides about an app.
pub fn app(viewer: Viewer, action: AppAction) -> Result<(), Denied> {
    match action {
        AppAction::Read | AppAction::Author | AppAction::ReadAudit | AppAction::RegisterRuns => Ok(()),
        AppAction::ReorderQueue | AppAction::DraftRelease | AppAction::Deploy => {
            at_least(viewer, Role::ConfigManager)
        }
        AppAction::Invite
        | AppAction::ManageMembers
        | AppAction::ManageSettings
        | AppAction::ManageEnvironments
        | AppAction::ManageFreezes
        | AppAction::OverrideFreeze
        | AppAction::EditProfiles
        | AppAction::RevealSecrets
        | AppAction::ManageServiceTokens => at_least(viewer, Role::AppAdmin),
    }
}

/// Decides about a workspace: it is its owner's alone.
pub fn workspace(viewer: Viewer, workspace: &Workspace, action: WorkspaceAction) -> Result<(), Denied> {
    match action {
        WorkspaceAction::Read | WorkspaceAction::Edit if workspace.user_id == viewer.user_id => Ok(()),
        WorkspaceAction::Read | WorkspaceAction::Edit => forbidden("this workspace is somebody else's"),
    }
}

/// Decides about a changeset.
pub fn changeset(viewer: Viewer, changeset: &Changeset, action: ChangesetAction) -> Result<(), Denied> {
    use ChangesetAction as A;
    use ChangesetStatus as S;
    let state = changeset.status.name();
    let own = changeset.author_id == viewer.user_id;
    let authors_only = || {
        if own { Ok(()) } else { forbidden("only its author does this") }
    };
    match action {
        A::Comment => Ok(()),
        A::Edit => {
            authors_only()?;
            match changeset.status {
                S::Released { .. } | S::Rejected { .. } => {
                    wrong_state(format!("a changeset that is {state} is not edited"))
                }
                _ => Ok(()),
            }
        }
        A::Submit => {
            authors_only()?;
            match changeset.status {
                S::Draft => Ok(()),
                _ => wrong_state(format!("only a draft is submitted; this changeset is {state}")),
            }
        }
        A::Resubmit => {
            authors_only()?;
            match changeset.status {
                S::Submitted { .. } | S::InReview { .. } | S::ChangesRequested { .. } => Ok(()),
                S::Approved { .. } | S::Queued { .. } => {
                    wrong_state("an approved changeset takes no further edits; make a new changeset for them")
                }
                _ => wrong_state(format!("a changeset that is {state} is not resubmitted")),
            }
        }
        A::Approve | A::RequestChanges | A::Reject => {
            at_least(viewer, Role::Reviewer)?;
            if changeset.contributors.contains(&viewer.user_id) || own {
                return forbidden("nobody decides on a changeset that they authored or contributed to");
            }
            match changeset.status {
                S::InReview { .. } => Ok(()),
                S::Submitted { findings: None } => wrong_state("its validation is still running"),
                S::Submitted { .. } => wrong_state("its validation failed; it needs a new revision first"),
                _ => wrong_state(format!("a changeset that is {state} is not reviewed")),
            }
        }
        A::Queue => {
            if !own && viewer.role < Role::ConfigManager {
                return forbidden("its author or a config manager puts it into the queue");
            }
            match changeset.status {
                S::Approved { .. } => Ok(()),
                _ => wrong_state(format!("only an approved changeset is queued; this one is {state}")),
            }
        }
        A::MoveToDraft => {
            if !own && viewer.role < Role::ConfigManager {
                return forbidden("its author or a config manager takes it back to draft");
            }
            match changeset.status {
                S::Conflicted { .. } | S::NeedsRevalidation { .. } | S::ChangesRequested { .. } => Ok(()),
                _ => wrong_state(format!("a changeset that is {state} does not go back to draft")),
            }
        }
        A::Clone => match changeset.status {
            S::Rejected { .. } => Ok(()),
            _ => wrong_state(format!("only a rejected changeset is cloned; this one is {state}")),
        },
    }
}

/// Decides whether an approved changeset goes into the queue by what its branch contains.
pub fn queue(contained: Contained) -> Result<(), Denied> {
    match contained {
        Contained::Head => Ok(()),
        Contained::Behind => {
            wrong_state("the integration branch has moved on; sync the workspace, then queue it")
        }
    }
}

/// Decides about a release.
pub fn release(viewer: Viewer, release: &Release, action: ReleaseAction) -> Result<(), Denied> {
    use ReleaseStatus as S;
    at_least(viewer, Role::ConfigManager)?;
    let state = release.status.name();
    match (action, &release.status) {
        (ReleaseAction::Edit | ReleaseAction::Assemble, S::DraftRelease | S::Validated { .. }) => Ok(()),
        (ReleaseAction::Publish, S::Validated { .. }) => Ok(()),
        (ReleaseAction::Deploy, status) if status.publication().is_some() => Ok(()),
        (ReleaseAction::Edit, status) if status.publication().is_some() => {
            wrong_state("a published release never changes")
        }
        (ReleaseAction::Publish, S::DraftRelease) => {
            wrong_state("it must be composed before it is published")
        }
        (ReleaseAction::Deploy, _) => wrong_state("it must be published before it is deployed"),
        (ReleaseAction::Edit | ReleaseAction::Assemble | ReleaseAction::Publish, _) => {
            wrong_state(format!("a release that is {state} does not take this"))
        }
    }
}

/// Decides about a comment: its text is its author's alone, a thread is everybody's.
pub fn comment(viewer: Viewer, comment: &Comment, action: CommentAction) -> Result<(), Denied> {
    match action {
        CommentAction::Edit if comment.author_id == viewer.user_id => Ok(()),
        CommentAction::Edit => forbidden("only its author edits a comment"),
        CommentAction::Resolve if comment.thread_id.is_none() => Ok(()),
        CommentAction::Resolve => wrong_state("resolve the first comment of the thread"),
    }
}

/// Decides about an environment, given the stage before it.
pub fn environment(
    viewer: Viewer,
    environment: &Environment,
    before: Option<&Environment>,
    action: EnvironmentAction,
) -> Result<(), Denied> {
    at_least(
        viewer,
        match action {
            EnvironmentAction::Deploy | EnvironmentAction::Promote | EnvironmentAction::RollBack => {
                Role::ConfigManager
            }
            EnvironmentAction::SaveParameters => Role::Reviewer,
        },
    )?;
    let name = &environment.name;
    let running = environment.running.as_ref().map(|running| running.release_id);
    match (action, before) {
        (EnvironmentAction::SaveParameters, _) => has_parameters(environment),
        (EnvironmentAction::Deploy, _) => Ok(()),
        (EnvironmentAction::Promote, None) => {
            wrong_state(format!("`{name}` is the first stage; deploy a release to it"))
        }
        (EnvironmentAction::Promote, Some(before)) => match &before.running {
            None => wrong_state(format!("`{}` runs nothing yet", before.name)),
            Some(first) if Some(first.release_id) == running => {
                wrong_state(format!("`{name}` runs what `{}` runs already", before.name))
            }
            Some(_) => Ok(()),
        },
        (EnvironmentAction::RollBack, _) if running.is_some() => Ok(()),
        (EnvironmentAction::RollBack, _) => {
            wrong_state(format!("`{name}` has run nothing that it could go back to"))
        }
    }
}

/// Decides what may be done to an environment while a deployment to it is under way: nothing that starts another one.
pub fn while_deploying(environment: &Environment, action: EnvironmentAction) -> Result<(), Denied> {
    match action {
        EnvironmentAction::Deploy | EnvironmentAction::Promote | EnvironmentAction::RollBack => {
            wrong_state(format!("another deployment to `{}` is under way; wait for it", environment.name))
        }
        EnvironmentAction::SaveParameters => Ok(()),
    }
}

/// Decides what a program may do that shows a service token of this environment: save what is not critical.
pub fn program(environment: &Environment) -> Result<(), Denied> {
    has_parameters(environment)
}

fn has_parameters(environment: &Environment) -> Result<(), Denied> {
    match environment.running {
        Some(_) => Ok(()),
        None => wrong_state(format!("`{}` runs nothing yet, and so has no parameters", environment.name)),
    }
}

/// Decides about a draft of parameters: whoever edited it leaves it to somebody else.
pub fn draft(viewer: Viewer, draft: &ParameterDraft, action: DraftAction) -> Result<(), Denied> {
    at_least(viewer, Role::Reviewer)?;
    let own = matches!(draft.edited_by, AuditActor::User { user_id, .. } if user_id == viewer.user_id);
    match (action, &draft.status) {
        (DraftAction::Approve | DraftAction::Reject, _) if own => {
            forbidden("you have edited this draft; somebody else decides on it")
        }
        (DraftAction::Approve | DraftAction::Reject, DraftStatus::PendingApproval) => Ok(()),
        (DraftAction::Approve | DraftAction::Reject, status) => {
            wrong_state(format!("a draft that is {} waits for no decision", status.name()))
        }
    }
}

/// Decides about a run: whoever registered it says how it ended.
pub fn run(viewer: Viewer, run: &Run, action: RunAction) -> Result<(), Denied> {
    match action {
        RunAction::Rerun => Ok(()),
        RunAction::End if run.started_by_id != viewer.user_id && viewer.role < Role::ConfigManager => {
            forbidden("who registered it or a config manager says how a run ended")
        }
        RunAction::End if run.status != RunStatus::Running => {
            wrong_state(format!("the run is {} already", run.status.name()))
        }
        RunAction::End => Ok(()),
    }
}

/// Decides about a job.
pub fn job(viewer: Viewer, job: &Job, action: JobAction) -> Result<(), Denied> {
    match action {
        JobAction::Cancel => {
            at_least(viewer, Role::ConfigManager)?;
            if job.status.is_finished() {
                wrong_state(format!("the job is {} already", job.status.name()))
            } else {
                Ok(())
            }
        }
    }
}

/// Decides about a deployment.
pub fn deployment(viewer: Viewer, deployment: &Deployment, action: DeploymentAction) -> Result<(), Denied> {
    let pending = matches!(deployment.status, DeploymentStatus::Pending);
    match action {
        DeploymentAction::Approve => {
            at_least(viewer, Role::Reviewer)?;
            if !pending || deployment.approvals.len() as u64 >= u64::from(deployment.approvals_required) {
                return wrong_state("it waits for no approval");
            }
            if deployment.approvals.iter().any(|a| a.user_id == viewer.user_id) {
                return wrong_state(
                    "you have approved it already; the next approval comes from somebody else",
                );
            }
            Ok(())
        }
        DeploymentAction::Cancel => {
            at_least(viewer, Role::ConfigManager)?;
            if pending {
                Ok(())
            } else {
                wrong_state(format!("a deployment that is {} is not canceled", deployment.status.name()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changeset::Approval;
    use crate::id::{AppId, ChangesetId, WorkspaceId};
    use crate::time::Timestamp;
    use uuid::Uuid;

    fn user(n: u128) -> UserId {
        UserId::new(Uuid::from_u128(n))
    }

    fn viewer(n: u128, role: Role) -> Viewer {
        Viewer { user_id: user(n), role }
    }

    fn a_changeset(status: ChangesetStatus) -> Changeset {
        let at = Timestamp::from_millis(0);
        Changeset {
            id: ChangesetId::new(Uuid::nil()),
            app_id: AppId::new(Uuid::nil()),
            number: 1,
            workspace_id: WorkspaceId::new(Uuid::nil()),
            author_id: user(1),
            title: "x".parse().unwrap(),
            description: String::new(),
            status,
            revision: None,
            contributors: vec![user(1), user(2)],
            cloned_from: None,
            created_at: at,
            updated_at: at,
        }
    }

    /// The table of product/5-access.md, cell by cell, for what an app itself offers.
    #[test]
    fn roles_have_their_capabilities() {
        for (action, least) in [
            (AppAction::Read, Role::User),
            (AppAction::Author, Role::User),
            (AppAction::DraftRelease, Role::ConfigManager),
            (AppAction::Deploy, Role::ConfigManager),
            (AppAction::Invite, Role::AppAdmin),
            (AppAction::ManageSettings, Role::AppAdmin),
            (AppAction::EditProfiles, Role::AppAdmin),
            (AppAction::RevealSecrets, Role::AppAdmin),
        ] {
            for role in Role::ALL {
                assert_eq!(app(viewer(1, role), action).is_ok(), role >= least, "{action:?} {role:?}");
            }
        }
    }

    #[test]
    fn nobody_approves_their_own() {
        let cs = a_changeset(ChangesetStatus::InReview { approvals: Vec::<Approval>::new() });
        for n in [1, 2] {
            let denied = changeset(viewer(n, Role::AppAdmin), &cs, ChangesetAction::Approve).unwrap_err();
            assert_eq!(denied.kind, DeniedKind::Forbidden);
        }
        assert!(changeset(viewer(3, Role::Reviewer), &cs, ChangesetAction::Approve).is_ok());
        assert!(changeset(viewer(3, Role::User), &cs, ChangesetAction::Approve).is_err());
    }
}
