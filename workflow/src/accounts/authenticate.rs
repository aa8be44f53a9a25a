//! From credentials to who is asking.

use crate::error::Result;
use crate::{Actor, Workflow};
use chrono::TimeDelta;
use conman_domain::Timestamp;
use conman_domain::access::{Token, TokenHash, TokenPurpose, TokenScope};
use conman_domain::audit::RequestContext;
use conman_domain::id::{AppId, EnvironmentId, UserId};
use conman_store::collections::TOKEN_BY_HASH;
use conman_store::{Batch, Query, Versioned};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the secrets of personal access tokens begin with.
pub(crate) const PERSONAL_PREFIX: &str = "cpat";
/// What the secrets of service tokens begin with.
pub(crate) const SERVICE_PREFIX: &str = "csvc";

/// A program that shows a service token.
#[derive(Debug, Clone)]
pub struct Program {
    /// The token, by whose name the program goes.
    pub token: Arc<Versioned<Token>>,
    /// The app.
    pub app_id: AppId,
    /// The only environment that the program may follow.
    pub environment_id: EnvironmentId,
    /// Where its request came from; nothing for one that only reads, which no record tells of.
    pub context: RequestContext,
}

/// How long a service token that was read counts as unchanged where the store cannot tell that nothing was written.
const TOKEN_MEMORY: Duration = Duration::from_secs(1);

/// How long revoking a service token takes: no server's memory of it from before is left then.
const LONGEST_TOKEN_MEMORY: Duration = Duration::from_millis(1_100);

/// How many tokens are remembered.
const MOST_TOKENS: usize = 10_000;

/// A token as it was found, and when.
#[derive(Debug, Clone)]
pub(crate) struct SeenToken {
    token: Option<Arc<Versioned<Token>>>,
    now: Timestamp,
}

/// Tokens by their hash, as they were read.
#[derive(Debug, Default)]
pub(crate) struct KnownTokens {
    by_hash: HashMap<String, KnownToken>,
}

#[derive(Debug)]
struct KnownToken {
    token: Arc<Versioned<Token>>,
    /// The store's generation before it was read.
    generation: Option<u64>,
    /// Before it was read.
    asked_at: Instant,
    /// The time by the store's clock, when it was read.
    now: Timestamp,
}

impl KnownToken {
    /// Whether the token is as it was: nothing was written since, or it is so short ago that whoever revokes it waits.
    fn holds(&self, generation: Option<u64>) -> bool {
        match generation {
            Some(generation) => self.generation == Some(generation),
            None => {
                matches!(self.token.purpose, TokenPurpose::Service { .. })
                    && self.asked_at.elapsed() < TOKEN_MEMORY
            }
        }
    }
}

impl KnownTokens {
    /// The token, if it is known to be as it was read, and what time it is if the store's clock went on since.
    fn at(&self, generation: Option<u64>, hash: &str) -> Option<(Arc<Versioned<Token>>, Timestamp)> {
        let known = self.by_hash.get(hash).filter(|known| known.holds(generation))?;
        let elapsed = TimeDelta::from_std(known.asked_at.elapsed()).ok()?;
        Some((Arc::clone(&known.token), known.now.plus(elapsed)))
    }

    /// Whose program the token is, if it is known to be as it was read and to be valid still.
    fn place(&self, generation: Option<u64>, hash: &str) -> Option<(AppId, EnvironmentId)> {
        let known = self.by_hash.get(hash).filter(|known| known.holds(generation))?;
        let elapsed = known.asked_at.elapsed();
        // The time that went by tells little of the store's clock once it is long.
        if elapsed >= TOKEN_MEMORY {
            return None;
        }
        let now = known.now.plus(TimeDelta::from_std(elapsed).ok()?);
        let is_valid = known.token.expires_at.is_none_or(|end| now < end);
        match known.token.purpose {
            TokenPurpose::Service { app_id, environment_id, .. }
                if is_valid && !is_use_forgotten(&known.token, now) =>
            {
                Some((app_id, environment_id))
            }
            _ => None,
        }
    }

    fn keep(&mut self, hash: String, known: KnownToken) {
        if let Some(before) = self.by_hash.get_mut(&hash) {
            *before = known;
            return;
        }
        if self.by_hash.len() >= MOST_TOKENS {
            self.by_hash.retain(|_, other| other.holds(known.generation));
        }
        if self.by_hash.len() < MOST_TOKENS {
            self.by_hash.insert(hash, known);
        }
    }

    fn forget(&mut self, hash: &TokenHash) {
        self.by_hash.remove(hash.as_str());
    }
}

impl Workflow {
    /// Finds the account of a session; none where the password that opened the session is no longer the account's.
    pub async fn authenticate_session(
        &self,
        user_id: UserId,
        password_set_at: Timestamp,
        context: RequestContext,
    ) -> Result<Option<Actor>> {
        let user = self.user(user_id).await?.filter(|user| user.password_set_at == password_set_at);
        Ok(user.map(|user| Actor::new(&user, TokenScope::Write, context)))
    }

    /// Finds the account of a personal access token; none for what is unknown, expired, or another kind of token.
    pub async fn authenticate_person(&self, secret: &str, context: RequestContext) -> Result<Option<Actor>> {
        let Some(token) = self.valid_token(secret).await? else { return Ok(None) };
        let TokenPurpose::Personal { user_id, scope } = token.purpose else { return Ok(None) };
        Ok(self.user(user_id).await?.map(|user| Actor::new(&user, scope, context)))
    }

    /// Finds the program of a service token; none for what is unknown, expired, or another kind of token.
    pub async fn authenticate_program(
        &self,
        secret: &str,
        context: RequestContext,
    ) -> Result<Option<Program>> {
        let Some(token) = self.valid_token(secret).await? else { return Ok(None) };
        let TokenPurpose::Service { app_id, environment_id, .. } = token.purpose else { return Ok(None) };
        Ok(Some(Program { token, app_id, environment_id, context }))
    }

    /// The place of a program whose service token is at hand, told on the thread that asks; `None` where
    /// [`Workflow::authenticate_program`] must look.
    pub(crate) fn place_at_hand(&self, secret: &str) -> Option<(AppId, EnvironmentId)> {
        let hash = TokenHash::of(secret);
        self.known_tokens().lock().place(self.store().generation(), hash.as_str())
    }

    /// Finds a token that has not expired.
    async fn valid_token(&self, secret: &str) -> Result<Option<Arc<Versioned<Token>>>> {
        let SeenToken { token, now } = self.seen_token(secret).await?;
        Ok(token.filter(|token| token.expires_at.is_none_or(|end| now < end)))
    }

    /// Finds a token, and what time it was then. One that is known to be as it was is not looked for; those who show any
    /// other at once share a look, which is begun after.
    async fn seen_token(&self, secret: &str) -> Result<SeenToken> {
        let hash = TokenHash::of(secret);
        let (generation, asked_at) = (self.store().generation(), Instant::now());
        let known = self.known_tokens().lock().at(generation, hash.as_str());
        if let Some((token, then)) = known {
            // A store that is asked over a network has its clock there; one in this process is asked as it costs nothing.
            let now = if generation.is_some() { self.now().await? } else { then };
            if !is_use_forgotten(&token, now) {
                if generation.is_some() {
                    let known = KnownToken { token: Arc::clone(&token), generation, asked_at, now };
                    self.known_tokens().lock().keep(hash.as_str().to_owned(), known);
                }
                return Ok(SeenToken { token: Some(token), now });
            }
        }
        let hash = hash.as_str().to_owned();
        let (workflow, key) = (self.clone(), hash.clone());
        let look = move || {
            let (workflow, hash) = (workflow.clone(), key.clone());
            async move { workflow.look_at_token(&hash).await.ok() }
        };
        let seen = match self.token_looks().ask(hash.clone(), look).await {
            Some(seen) => seen,
            None => self.look_at_token(&hash).await?,
        };
        if let Some(token) = &seen.token {
            let known = KnownToken { token: Arc::clone(token), generation, asked_at, now: seen.now };
            self.known_tokens().lock().keep(hash, known);
        }
        Ok(seen)
    }

    /// Waits until no server takes a service token that was revoked for valid.
    pub(crate) async fn outlive_memories_of(&self, token: &Token) {
        self.known_tokens().lock().forget(&token.token_hash);
        if self.store().generation().is_none() && matches!(token.purpose, TokenPurpose::Service { .. }) {
            tokio::time::sleep(LONGEST_TOKEN_MEMORY).await;
        }
    }

    async fn look_at_token(&self, hash: &str) -> Result<SeenToken> {
        let query = Query::<Token>::on(&TOKEN_BY_HASH).eq(hash).limit(1);
        let token = self.store().find(query).await?.items.into_iter().next();
        let now = self.now().await?;
        let is_used = token.as_ref().filter(|token| {
            let signs_in =
                matches!(token.purpose, TokenPurpose::Personal { .. } | TokenPurpose::Service { .. });
            signs_in && token.expires_at.is_none_or(|end| now < end)
        });
        if let Some(token) = is_used {
            self.remember_use(token.clone(), now).await;
        }
        Ok(SeenToken { token: token.map(Arc::new), now })
    }

    /// Finds a token by its secret.
    pub(crate) async fn token(&self, secret: &str) -> Result<Option<Versioned<Token>>> {
        let query = Query::<Token>::on(&TOKEN_BY_HASH).eq(TokenHash::of(secret).as_str()).limit(1);
        Ok(self.store().find(query).await?.items.into_iter().next())
    }

    /// Writes down that a token was used, at most once a minute. It is no change of state, so it leaves no event; and
    /// where somebody else writes the token at the same moment, that is as good.
    async fn remember_use(&self, token: Versioned<Token>, now: Timestamp) {
        if !is_use_forgotten(&token, now) {
            return;
        }
        let (mut doc, version) = token.into_parts();
        doc.last_used_at = Some(now);
        if let Err(error) = self.store().commit(Batch::new().replace(&doc, version)).await
            && !error.is_conflict()
        {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a token's last use was not written down"
            );
        }
    }
}

/// Whether it is long ago that a use of the token was written down.
fn is_use_forgotten(token: &Token, now: Timestamp) -> bool {
    token.last_used_at.is_none_or(|last| now.since(last) >= TimeDelta::minutes(1))
}
