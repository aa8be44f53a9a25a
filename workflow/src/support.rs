//! What several use cases need: retrying lost races, finding people, mapping Git's answers.

use crate::actor::Member;
use crate::change::{Change, Letter};
use crate::error::{CHANGED_MEANWHILE, Error, FieldProblem, Rejection, Result};
use crate::services::Workflow;
use conman_distribution::DistributionError;
use conman_domain::CommitId;
use conman_domain::access::{Membership, Role, User};
use conman_domain::app::App;
use conman_domain::id::{AppId, UserId};
use conman_git::GitError;
use conman_store::collections::MEMBERSHIP_BY_APP_AND_ROLE;
use conman_store::{Query, Versioned};
use serde_json::json;
use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

/// How often a lost race is run again before the person is told.
const ATTEMPTS: u32 = 40;

/// Runs a load-decide-commit again while somebody else was faster, with growing pauses.
///
/// Only for changes whose caller named no expected version: there, the race is the answer.
pub(crate) async fn retrying<T, F, Fut>(mut run: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T>>,
{
    let mut attempt = 0;
    loop {
        match run().await {
            Err(error) if error.conflict_code() == Some(CHANGED_MEANWHILE) && attempt < ATTEMPTS => {
                attempt += 1;
                let ceiling = 1_u64 << attempt.min(7);
                let pause = rand::random_range(0..=ceiling);
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            other => return other,
        }
    }
}

impl Workflow {
    /// The commit that the app's integration branch points at.
    pub async fn integration_head(&self, app: &App) -> Result<CommitId> {
        let head = self.repository(app.id).branch(&app.settings.integration_branch).await?;
        head.ok_or_else(|| Error::errored("the integration branch is missing", "no such branch"))
    }

    /// Adds a mail to every member of the app whose role is at least this, but the actor.
    pub(crate) async fn mail_members(
        &self,
        change: &mut Change,
        app_id: AppId,
        least: Role,
        letter: &Letter,
    ) -> Result<()> {
        let roles = Role::ALL.into_iter().filter(|role| *role >= least).map(Role::name);
        let query = Query::<Membership>::on(&MEMBERSHIP_BY_APP_AND_ROLE)
            .eq(app_id.to_string())
            .any_of(roles)
            .limit(1_000);
        for membership in self.store().find(query).await?.items {
            self.mail_user(change, membership.doc.user_id, letter).await?;
        }
        Ok(())
    }

    /// Adds a mail to one account.
    pub(crate) async fn mail_user(
        &self,
        change: &mut Change,
        user_id: UserId,
        letter: &Letter,
    ) -> Result<()> {
        if let Some(user) = self.store().get::<User>(&user_id.to_string()).await? {
            change.mail(&user.doc, letter);
        }
        Ok(())
    }

    /// The names of accounts, for showing; unknown ids are left out.
    pub async fn user_names(&self, ids: &[UserId]) -> Result<HashMap<UserId, String>> {
        let users = self.store().get_many::<User>(ids.iter().map(ToString::to_string)).await?;
        Ok(users.into_iter().map(|user| (user.doc.id, user.doc.name.as_str().to_owned())).collect())
    }

    /// Loads the app again: the member's copy may be old.
    pub(crate) async fn app_again(&self, member: &Member) -> Result<Versioned<App>> {
        self.load("app", member.app_id()).await
    }
}

impl From<GitError> for Error {
    fn from(error: GitError) -> Self {
        let field = |message: String| {
            Rejection::Invalid(vec![FieldProblem { pointer: "/path".to_owned(), message }]).into()
        };
        match error {
            GitError::Stale { path, current } => Self::conflict_with(
                "stale_content",
                format!("`{path}` has changed since it was read; look at what it holds now and decide again"),
                json!({"path": path, "current_blob": current}),
            ),
            GitError::TooLarge { .. } => Rejection::TooLarge(error.to_string()).into(),
            GitError::Blocked { .. } | GitError::Clash { .. } | GitError::EditedTwice { .. } => {
                field(error.to_string())
            }
            GitError::Refused(refused) => field(refused.to_string()),
            GitError::ImportRefused { rule, reason } => {
                Self::invalid("/source", format!("{reason} (rule `{rule}`)"))
            }
            GitError::NotFound(_) => Self::conflict("not_in_repository", error.to_string()),
            GitError::SyncPending => Self::conflict("sync_pending", error.to_string()),
            GitError::NoSync => Self::conflict("no_sync", error.to_string()),
            GitError::NotInConflict { .. } => Self::conflict("not_in_conflict", error.to_string()),
            GitError::Unresolved { ref paths } => {
                let details = json!({"paths": paths});
                Self::conflict_with("unresolved", error.to_string(), details)
            }
            GitError::BranchMoved { .. } => Self::conflict("branch_moved", error.to_string()),
            GitError::Lost { .. } => Self::conflict(CHANGED_MEANWHILE, error.to_string()),
            other => Self::errored("the repository did not do what was asked", other),
        }
    }
}

impl From<DistributionError> for Error {
    fn from(error: DistributionError) -> Self {
        match error {
            DistributionError::Database(ref fault) if fault.is_refusal() => {
                let constraint = fault.constraint.clone();
                Self::conflict_with(
                    "refused_by_database",
                    "the distribution database holds what contradicts this; look at what is there now",
                    json!({"sqlstate": fault.code, "constraint": constraint}),
                )
            }
            error if error.is_transient() => {
                Self::unavailable("the distribution database did not answer", error)
            }
            error => Self::errored("the distribution database did not do what was asked", error),
        }
    }
}
