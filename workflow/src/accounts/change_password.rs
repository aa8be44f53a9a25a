//! A new password by somebody who knows the present one.

use super::guard::too_many;
use super::password::Password;
use crate::change::{Change, Letter};
use crate::error::{Error, Rejection, Result};
use crate::{Actor, Workflow};
use chrono::TimeDelta;
use conman_domain::Timestamp;
use conman_domain::access::{PasswordHash, User};
use conman_store::Versioned;
use serde_json::Value;

/// A wish for another password.
#[derive(Debug, Clone)]
pub struct ChangePassword {
    /// The present one.
    pub current: Password,
    /// The new one.
    pub new: Password,
}

impl Workflow {
    /// Sets another password and ends all sessions of the account; answers the account, so that one may begin anew.
    pub async fn change_password(&self, actor: &Actor, wish: ChangePassword) -> Result<Versioned<User>> {
        let address = actor.context.address.as_deref();
        let attempt = self.guard().attempts.sign_in(actor.email.as_str(), address).map_err(too_many)?;
        let gone = || Error::from(Rejection::Unauthenticated("this account is gone"));
        let user = self.user(actor.user_id).await?.ok_or_else(gone)?;
        match self.guard().hashing.verify(wish.current, Some(user.password.clone())).await {
            Ok(true) => attempt.succeeded(),
            Ok(false) => {
                return Err(Error::invalid("/current_password", "this is not your present password"));
            }
            Err(error) => {
                attempt.not_tried();
                return Err(error);
            }
        }
        wish.new.check_new("/new_password", &user.email, &user.handle, &user.name)?;
        let password = self.guard().hashing.hash(wish.new).await?;
        let at = self.now().await?;
        let mut change = Change::by(actor, None, at);
        let new = set_password(&mut change, &user, password, at);
        change.audit("user", user.id, "user.password_changed", Value::Null, Value::Null);
        self.commit(change).await?;
        self.remove_sessions(user.id).await;
        Ok(Versioned { doc: new, version: user.version.next() })
    }
}

/// Adds the new password and the mail that tells of it; sessions opened by the old one are dead with the commit.
pub(crate) fn set_password(
    change: &mut Change,
    user: &Versioned<User>,
    password: PasswordHash,
    at: Timestamp,
) -> User {
    let mut new = user.doc.clone();
    new.password = password;
    // Never the same instant twice, whatever the clock does: sessions are told apart by it.
    new.password_set_at = at.max(user.password_set_at.plus(TimeDelta::milliseconds(1)));
    change.replace(&new, user.version);
    let letter = Letter {
        event: "user.password_changed",
        subject: "Your Conman password was changed".to_owned(),
        text: "Your password was changed and all sessions were ended. If it was not you, ask for a reset link at once."
            .to_owned(),
        link: Some("/forgot-password".to_owned()),
    };
    change.mail_to(&user.email, Some(user.id), &letter);
    new
}
