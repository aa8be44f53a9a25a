//! Signing in, and finding accounts.

use super::guard::too_many;
use super::password::Password;
use crate::change::Change;
use crate::error::{Error, Rejection, Result};
use crate::{Actor, Workflow};
use conman_domain::access::User;
use conman_domain::audit::{AuditActor, RequestContext};
use conman_domain::id::UserId;
use conman_domain::name::{EmailAddress, Handle};
use conman_store::collections::{USER_BY_EMAIL, USER_BY_HANDLE};
use conman_store::{CommitError, Query, Versioned};
use serde_json::{Value, json};

impl Workflow {
    /// Checks an address and a password, and answers the account.
    ///
    /// For an unknown address the same is done: one account looked up, one password verified, one event committed.
    pub async fn sign_in(
        &self,
        email: &EmailAddress,
        password: Password,
        context: RequestContext,
    ) -> Result<Versioned<User>> {
        let attempt =
            self.guard().attempts.sign_in(email.as_str(), context.address.as_deref()).map_err(too_many)?;
        let user = match self.user_by_email(email).await {
            Ok(user) => user,
            Err(error) => {
                attempt.not_tried();
                return Err(error);
            }
        };
        let hash = user.as_ref().map(|user| user.password.clone());
        let right = match self.guard().hashing.verify(password, hash).await {
            Ok(right) => right,
            Err(error) => {
                attempt.not_tried();
                return Err(error);
            }
        };
        let at = self.now().await?;
        match user {
            Some(user) if right => {
                let actor = Actor::new(&user, conman_domain::access::TokenScope::Write, context);
                let mut change = Change::by(&actor, None, at);
                change.audit("user", user.id, "user.signed_in", Value::Null, Value::Null);
                self.commit(change).await?;
                attempt.succeeded();
                Ok(user)
            }
            other => {
                let (id, after) = match &other {
                    Some(user) => (user.id.to_string(), json!({"email": user.email})),
                    None => ("unknown".to_owned(), Value::Null),
                };
                let mut change = Change::by_other(AuditActor::Anonymous, context, None, at);
                change.audit("user", id, "user.sign_in_failed", Value::Null, after);
                self.commit(change).await?;
                Err(Rejection::Unauthenticated("the address or the password is wrong").into())
            }
        }
    }

    /// Records that somebody signed out.
    pub async fn sign_out(&self, actor: &Actor) -> Result<()> {
        let mut change = Change::by(actor, None, self.now().await?);
        change.audit("user", actor.user_id, "user.signed_out", Value::Null, Value::Null);
        self.commit(change).await
    }

    pub(crate) async fn user_by_email(&self, email: &EmailAddress) -> Result<Option<Versioned<User>>> {
        let query = Query::<User>::on(&USER_BY_EMAIL).eq(email.as_str()).limit(1);
        Ok(self.store().find(query).await?.items.into_iter().next())
    }

    /// Finds an account by its short name.
    pub(crate) async fn user_by_handle(&self, handle: &Handle) -> Result<Option<Versioned<User>>> {
        let query = Query::<User>::on(&USER_BY_HANDLE).eq(handle.as_str()).limit(1);
        Ok(self.store().find(query).await?.items.into_iter().next())
    }

    pub(crate) async fn user(&self, id: UserId) -> Result<Option<Versioned<User>>> {
        Ok(self.store().get::<User>(&id.to_string()).await?)
    }

    /// Commits a change that makes an account; a taken handle is a wrong field, a taken address a conflict.
    pub(crate) async fn commit_new_account(&self, change: Change, handle_pointer: &str) -> Result<()> {
        match self.store().commit(change.into_batch()).await {
            Err(CommitError::NotUnique { index, .. }) if index == USER_BY_HANDLE.name => {
                Err(Error::invalid(handle_pointer, "this handle is taken; choose another"))
            }
            Err(CommitError::NotUnique { index, .. }) if index == USER_BY_EMAIL.name => Err(account_exists()),
            other => other.map_err(Into::into),
        }
    }
}

/// The answer where an address has an account already.
pub(crate) fn account_exists() -> Error {
    Error::conflict("account_exists", "this address has an account already; sign in with it first")
}
