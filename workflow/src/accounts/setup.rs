//! The first account, made by a one-time link that the server prints.

use super::password::Password;
use crate::change::Change;
use crate::error::{Error, Rejection, Result};
use crate::fresh::{fresh_id, random_token};
use crate::{Actor, Workflow};
use conman_domain::Timestamp;
use conman_domain::access::{Token, TokenHash, TokenPurpose, TokenScope, User};
use conman_domain::audit::{AuditActor, RequestContext};
use conman_domain::id::TokenId;
use conman_domain::name::{EmailAddress, Handle, Title};
use conman_store::collections::USER_BY_EMAIL;
use conman_store::{Query, Versioned};
use serde_json::{Value, json};
use uuid::Uuid;

/// The id of the only set-up link that a store ever has. Once used it stays, so that no second one can be made.
const SETUP_TOKEN: TokenId = TokenId::new(Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0001));

/// What the person who sets up the server says of themselves.
#[derive(Debug, Clone)]
pub struct FirstAccount {
    /// Their address.
    pub email: EmailAddress,
    /// Their short name.
    pub handle: Handle,
    /// Their name.
    pub name: Title,
    /// Their password.
    pub password: Password,
}

impl Workflow {
    /// Makes the set-up link while there is no account, in place of an earlier one; answers its path.
    pub async fn ensure_setup_link(&self) -> Result<Option<String>> {
        let secret = random_token("cset");
        loop {
            let existing = self.store().get::<Token>(&SETUP_TOKEN.to_string()).await?;
            // The order matters: whoever makes the first account writes this token, so the write below then fails.
            if self.any_account().await? {
                return Ok(None);
            }
            let at = self.now().await?;
            let token = Token {
                id: SETUP_TOKEN,
                purpose: TokenPurpose::FirstSetup,
                name: Title::parse("First account").expect("a plain title"),
                token_hash: TokenHash::of(&secret),
                created_at: at,
                expires_at: None,
                last_used_at: None,
            };
            let mut change = Change::by_system(None, at);
            match existing {
                None => change.insert(&token),
                Some(Versioned { version, .. }) => change.replace(&token, version),
            };
            change.audit("token", SETUP_TOKEN, "setup_link.created", Value::Null, Value::Null);
            match self.store().commit(change.into_batch()).await {
                Ok(()) => return Ok(Some(format!("/setup/{secret}"))),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Makes the first account, an instance admin, and uses up the link.
    pub async fn set_up(
        &self,
        secret: &str,
        first: FirstAccount,
        context: RequestContext,
    ) -> Result<Versioned<User>> {
        let used_up =
            || Error::from(Rejection::NotFound("set-up link; it works once, while there is no account"));
        let link = self.token(secret).await?.ok_or_else(used_up)?;
        if link.purpose != TokenPurpose::FirstSetup || link.expires_at.is_some() || self.any_account().await?
        {
            return Err(used_up());
        }
        first.password.check_new("/password", &first.email, &first.handle, &first.name)?;
        let password = self.guard().hashing.hash(first.password).await?;
        let at = self.now().await?;
        let user = User {
            id: fresh_id(),
            handle: first.handle,
            name: first.name,
            email: first.email,
            password,
            instance_admin: true,
            mail_wanted: true,
            created_at: at,
            password_set_at: at,
        };
        self.commit_first(&user, link, context, at).await.map_err(|error| match error.conflict_code() {
            Some(_) => used_up(),
            None => error,
        })?;
        self.user(user.id).await?.ok_or_else(used_up)
    }

    async fn commit_first(
        &self,
        user: &User,
        link: Versioned<Token>,
        context: RequestContext,
        at: Timestamp,
    ) -> Result<()> {
        let mut change = Change::by_other(AuditActor::Anonymous, context.clone(), None, at);
        let (mut used, version) = link.into_parts();
        used.expires_at = Some(at);
        used.last_used_at = Some(at);
        // The secret is gone for good: the link's hash becomes that of a value nobody knows.
        used.token_hash = TokenHash::of(&random_token("used"));
        let actor = Actor::new(user, TokenScope::Write, context);
        change.insert(user).replace(&used, version);
        let after =
            json!({"email": user.email, "handle": user.handle, "name": user.name, "instance_admin": true});
        change.audit("user", actor.user_id, "user.created_first", Value::Null, after);
        self.commit_new_account(change, "/handle").await
    }

    async fn any_account(&self) -> Result<bool> {
        let found = self.store().find(Query::<User>::on(&USER_BY_EMAIL).limit(1)).await?;
        Ok(!found.items.is_empty())
    }
}
