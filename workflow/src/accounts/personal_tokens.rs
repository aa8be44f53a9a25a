//! Personal access tokens: for scripts and the command line.

use super::authenticate::PERSONAL_PREFIX;
use super::list::Listed;
use crate::Workflow;
use crate::actor::{Actor, Page};
use crate::change::Change;
use crate::error::{Error, Rejection, Result};
use crate::fresh::{fresh_id, random_token};
use chrono::TimeDelta;
use conman_domain::Timestamp;
use conman_domain::access::{Token, TokenHash, TokenPurpose, TokenScope};
use conman_domain::id::TokenId;
use conman_domain::name::Title;
use conman_store::collections::TOKEN_BY_USER;
use conman_store::{Query, Versioned};
use serde_json::{Value, json};

/// The longest life of a token.
const LONGEST_LIFE: TimeDelta = TimeDelta::days(366);
/// How many tokens an account may have.
const MOST_TOKENS: u64 = 100;

/// A wish for a token.
#[derive(Debug, Clone)]
pub struct NewTokenRequest {
    /// What its owner calls it.
    pub name: Title,
    /// What it may do.
    pub scope: TokenScope,
    /// When it ends; at most 366 days from now.
    pub expires_at: Timestamp,
}

/// A token just made, with its secret, which is never shown again.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// The token as it is kept.
    pub token: Versioned<Token>,
    /// The secret, `cpat_…`.
    pub secret: String,
}

impl Workflow {
    /// Lists an account's own tokens, newest first.
    pub async fn list_tokens(&self, actor: &Actor, page: Page) -> Result<Listed<Versioned<Token>>> {
        let query = Query::<Token>::on(&TOKEN_BY_USER).eq(actor.user_id.to_string()).eq("personal");
        let query = query.descending().skip(page.skip()).limit(page.limit.into()).with_total();
        let found = self.store().find(query).await?;
        Ok(Listed { items: found.items, total: found.total })
    }

    /// Makes a token for an account.
    pub async fn create_token(&self, actor: &Actor, wish: NewTokenRequest) -> Result<NewToken> {
        let at = self.now().await?;
        if wish.expires_at <= at || wish.expires_at.since(at) > LONGEST_LIFE {
            return Err(Error::invalid("/expires_at", "choose an instant within the next 366 days"));
        }
        let count = Query::<Token>::on(&TOKEN_BY_USER)
            .eq(actor.user_id.to_string())
            .eq("personal")
            .limit(1)
            .with_total();
        if self.store().find(count).await?.total >= MOST_TOKENS {
            return Err(Error::conflict("too_many_tokens", "you have 100 tokens; revoke one of them first"));
        }
        let secret = random_token(PERSONAL_PREFIX);
        let token = Token {
            id: fresh_id(),
            purpose: TokenPurpose::Personal { user_id: actor.user_id, scope: wish.scope },
            name: wish.name,
            token_hash: TokenHash::of(&secret),
            created_at: at,
            expires_at: Some(wish.expires_at),
            last_used_at: None,
        };
        let mut change = Change::by(actor, None, at);
        let after = json!({"name": token.name, "scope": wish.scope, "expires_at": token.expires_at});
        change.insert(&token).audit("token", token.id, "token.created", Value::Null, after);
        self.commit(change).await?;
        Ok(NewToken { token: Versioned { doc: token, version: conman_store::Version::FIRST }, secret })
    }

    /// Revokes one of an account's own tokens, at once.
    pub async fn revoke_token(&self, actor: &Actor, id: TokenId) -> Result<()> {
        let own = |token: &Versioned<Token>| matches!(token.purpose, TokenPurpose::Personal { user_id, .. } if user_id == actor.user_id);
        self.revoke(id, own, |at| Change::by(actor, None, at)).await
    }

    /// Deletes a token that passes a test; its last use being written meanwhile does not keep it alive. Once this has
    /// answered, no server takes it any more.
    pub(crate) async fn revoke(
        &self,
        id: TokenId,
        allowed: impl Fn(&Versioned<Token>) -> bool,
        change: impl Fn(Timestamp) -> Change,
    ) -> Result<()> {
        loop {
            let token = self.load::<Token>("token", id).await?;
            if !allowed(&token) {
                return Err(Rejection::NotFound("token").into());
            }
            let mut change = change(self.now().await?);
            change.delete(&token).audit(
                "token",
                id,
                "token.revoked",
                json!({"name": token.name}),
                Value::Null,
            );
            match self.store().commit(change.into_batch()).await {
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
                Ok(_) => {
                    self.outlive_memories_of(&token).await;
                    return Ok(());
                }
            }
        }
    }
}
