//! Service tokens: for programs that follow one environment.

use super::authenticate::SERVICE_PREFIX;
use super::list::Listed;
use super::personal_tokens::NewToken;
use crate::Workflow;
use crate::actor::{Member, Page};
use crate::change::Change;
use crate::error::{Error, Result};
use crate::fresh::{fresh_id, random_token};
use conman_domain::Timestamp;
use conman_domain::access::{Token, TokenHash, TokenPurpose};
use conman_domain::environment::Environment;
use conman_domain::id::{EnvironmentId, TokenId};
use conman_domain::name::Title;
use conman_domain::policy::AppAction;
use conman_store::collections::TOKEN_BY_APP;
use conman_store::{Query, Version, Versioned};
use serde_json::{Value, json};

/// A wish for a service token.
#[derive(Debug, Clone)]
pub struct NewServiceToken {
    /// What it is called.
    pub name: Title,
    /// The environment that its bearer may follow.
    pub environment_id: EnvironmentId,
    /// When it ends; never, if none.
    pub expires_at: Option<Timestamp>,
}

impl Workflow {
    /// Lists an app's service tokens, newest first.
    pub async fn list_service_tokens(&self, member: &Member, page: Page) -> Result<Listed<Versioned<Token>>> {
        member.may(AppAction::ManageServiceTokens)?;
        let query = Query::<Token>::on(&TOKEN_BY_APP).eq(member.app_id().to_string()).descending();
        let found = self.store().find(query.skip(page.skip()).limit(page.limit.into()).with_total()).await?;
        Ok(Listed { items: found.items, total: found.total })
    }

    /// Makes a service token for one environment of the app.
    pub async fn create_service_token(&self, member: &Member, wish: NewServiceToken) -> Result<NewToken> {
        member.may(AppAction::ManageServiceTokens)?;
        let at = self.now().await?;
        if wish.expires_at.is_some_and(|end| end <= at) {
            return Err(Error::invalid("/expires_at", "choose an instant to come"));
        }
        let environment = self.store().get::<Environment>(&wish.environment_id.to_string()).await?;
        if environment.is_none_or(|environment| environment.app_id != member.app_id()) {
            return Err(Error::invalid("/environment_id", "the app has no such environment"));
        }
        let secret = random_token(SERVICE_PREFIX);
        let purpose = TokenPurpose::Service {
            app_id: member.app_id(),
            environment_id: wish.environment_id,
            created_by: member.actor.user_id,
        };
        let token = Token {
            id: fresh_id(),
            purpose,
            name: wish.name,
            token_hash: TokenHash::of(&secret),
            created_at: at,
            expires_at: wish.expires_at,
            last_used_at: None,
        };
        let mut change = Change::by(&member.actor, Some(member.app_id()), at);
        let after = json!({"name": token.name, "environment_id": wish.environment_id, "expires_at": token.expires_at});
        change.insert(&token).audit("token", token.id, "service_token.created", Value::Null, after);
        self.commit(change).await?;
        Ok(NewToken { token: Versioned { doc: token, version: Version::FIRST }, secret })
    }

    /// Revokes a service token of the app, at once.
    pub async fn revoke_service_token(&self, member: &Member, id: TokenId) -> Result<()> {
        member.may(AppAction::ManageServiceTokens)?;
        let here = |token: &Versioned<Token>| matches!(token.purpose, TokenPurpose::Service { app_id, .. } if app_id == member.app_id());
        self.revoke(id, here, |at| Change::by(&member.actor, Some(member.app_id()), at)).await
    }
}
