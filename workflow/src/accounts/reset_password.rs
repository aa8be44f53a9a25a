//! A new password by somebody who forgot the present one: a mailed one-time link.

use super::change_password::set_password;
use super::guard::too_many;
use super::password::Password;
use crate::change::{Change, Letter};
use crate::error::{Error, Rejection, Result};
use crate::fresh::{fresh_id, random_token};
use crate::{Actor, Workflow};
use chrono::TimeDelta;
use conman_domain::access::{Token, TokenHash, TokenPurpose, TokenScope};
use conman_domain::audit::{AuditActor, RequestContext};
use conman_domain::id::UserId;
use conman_domain::name::{EmailAddress, Title};
use conman_store::collections::TOKEN_BY_USER;
use conman_store::{Query, Versioned};
use serde_json::Value;

/// How long a link works.
const LIFETIME: TimeDelta = TimeDelta::minutes(30);

impl Workflow {
    /// Counts a request of a reset link against its client address, before anything depends on the account.
    pub fn count_reset_request(&self, context: &RequestContext) -> Result<()> {
        self.guard().attempts.reset_request(context.address.as_deref()).map_err(too_many)
    }

    /// Mails a reset link, in place of earlier ones, if the address has an account and did not get too many.
    ///
    /// The caller answers before this is done, so that neither the answer nor its time tells whether there is one.
    pub async fn mail_reset_link(&self, email: &EmailAddress, context: RequestContext) -> Result<()> {
        let Some(user) = self.user_by_email(email).await? else { return Ok(()) };
        if !self.guard().attempts.reset_link(email.as_str()) {
            return Ok(());
        }
        let secret = random_token("crst");
        let at = self.now().await?;
        let token = Token {
            id: fresh_id(),
            purpose: TokenPurpose::PasswordReset { user_id: user.id },
            name: Title::parse("Password reset").expect("a plain title"),
            token_hash: TokenHash::of(&secret),
            created_at: at,
            expires_at: Some(at.plus(LIFETIME)),
            last_used_at: None,
        };
        let mut change = Change::by_other(AuditActor::Anonymous, context, None, at);
        for earlier in self.reset_tokens(user.id).await? {
            change.delete(&earlier);
        }
        change.insert(&token).audit("user", user.id, "user.reset_requested", Value::Null, Value::Null);
        let letter = Letter {
            event: "user.reset_requested",
            subject: "Set a new Conman password".to_owned(),
            text: "Somebody asked for a new password for your account. The link works once, for 30 minutes. If it was \
                   not you, there is nothing to do."
                .to_owned(),
            link: Some(format!("/reset-password/{secret}")),
        };
        change.mail_to(&user.email, Some(user.id), &letter);
        match self.commit(change).await {
            // Somebody asked at the same moment, and that link is on its way.
            Err(error) if error.conflict_code().is_some() => Ok(()),
            other => other,
        }
    }

    /// Sets a new password by a mailed link, which is used up, and ends all sessions of the account.
    pub async fn reset_password(&self, secret: &str, new: Password, context: RequestContext) -> Result<()> {
        let used_up = || Error::from(Rejection::NotFound("link; it may have been used or have expired"));
        let link = self.token(secret).await?.ok_or_else(used_up)?;
        let TokenPurpose::PasswordReset { user_id } = link.purpose else { return Err(used_up()) };
        if self.is_over(&link).await? {
            return Err(used_up());
        }
        let user = self.user(user_id).await?.ok_or_else(used_up)?;
        new.check_new("/password", &user.email, &user.handle, &user.name)?;
        let password = self.guard().hashing.hash(new).await?;
        let at = self.now().await?;
        // Waiting for the hash may have taken the link past its end.
        if link.expires_at.is_some_and(|end| end <= at) {
            return Err(used_up());
        }
        let actor = Actor::new(&user, TokenScope::Write, context);
        let mut change = Change::by(&actor, None, at);
        set_password(&mut change, &user, password, at);
        let others = self.reset_tokens(user.id).await?;
        change.delete(&link);
        for other in others.iter().filter(|other| other.id != link.id) {
            change.delete(other);
        }
        change.audit("user", user.id, "user.password_reset", Value::Null, Value::Null);
        self.commit(change).await.map_err(|error| match error.conflict_code() {
            Some(_) => used_up(),
            None => error,
        })?;
        self.remove_sessions(user.id).await;
        Ok(())
    }

    async fn is_over(&self, token: &Token) -> Result<bool> {
        let now = self.now().await?;
        Ok(token.expires_at.is_some_and(|end| end <= now))
    }

    async fn reset_tokens(&self, user_id: UserId) -> Result<Vec<Versioned<Token>>> {
        let query = Query::<Token>::on(&TOKEN_BY_USER).eq(user_id.to_string()).eq("password_reset");
        Ok(self.store().find(query).await?.items)
    }
}
