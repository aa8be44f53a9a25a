//! What the use cases stand on.

use crate::accounts::{KnownTokens, SeenToken};
use crate::actor::{Actor, Member};
use crate::change::Change;
use crate::error::{Error, Rejection, Result};
use crate::looks::Looks;
use crate::mail::Mailer;
use crate::models::Models;
use crate::read_config::{ConfigValues, ValuesInMemory};
use crate::secrets::MasterKey;
use conman_distribution::Distribution;
use conman_domain::Timestamp;
use conman_domain::access::Membership;
use conman_domain::app::App;
use conman_domain::id::{AppId, EnvironmentId};
use conman_git::{Repositories, Repository};
use conman_store::{Document, Query, Store, Versioned};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use tokio::sync::Notify;

/// What the operator decided for the whole server.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address under which people reach the server, without a slash at the end.
    pub public_url: String,
    /// Whether repositories may be imported from folders of the server itself.
    pub local_imports: bool,
    /// What locks the secrets of profiles; without it, none are kept.
    pub master_key: Option<MasterKey>,
}

/// The use cases, over the three memories. Cheap to clone.
#[derive(Clone)]
pub struct Workflow(Arc<Parts>);

struct Parts {
    store: Store,
    repositories: Repositories,
    distribution: Arc<dyn Distribution>,
    settings: Settings,
    accounts: crate::accounts::Guard,
    models: Models,
    mailer: Option<Arc<dyn Mailer>>,
    jobs_added: Notify,
    /// In which order this process changes parameters of an environment.
    turns: Mutex<HashMap<EnvironmentId, Weak<tokio::sync::Mutex<()>>>>,
    /// Values as they were read last.
    values: Mutex<ValuesInMemory>,
    /// Looks at what environments run, shared.
    value_looks: Arc<Looks<(AppId, EnvironmentId), Arc<ConfigValues>>>,
    /// Looks at tokens, shared, by their hash.
    token_looks: Arc<Looks<String, SeenToken>>,
    /// Tokens that nobody can have changed since they were read.
    known_tokens: Mutex<KnownTokens>,
}

impl std::fmt::Debug for Workflow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workflow").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl Workflow {
    /// Puts the three memories together.
    pub fn new(
        store: Store,
        repositories: Repositories,
        distribution: Arc<dyn Distribution>,
        mailer: Option<Arc<dyn Mailer>>,
        settings: Settings,
    ) -> Self {
        let (accounts, models) = (crate::accounts::Guard::default(), Models::default());
        let jobs_added = Notify::new();
        let (turns, values) = (Mutex::default(), Mutex::default());
        let (value_looks, token_looks) = Default::default();
        Self(Arc::new(Parts {
            store,
            repositories,
            distribution,
            settings,
            accounts,
            models,
            mailer,
            jobs_added,
            turns,
            values,
            value_looks,
            token_looks,
            known_tokens: Mutex::default(),
        }))
    }

    /// The workflow's memory.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The repositories.
    pub fn repositories(&self) -> &Repositories {
        &self.0.repositories
    }

    /// An app's repository.
    pub fn repository(&self, app_id: AppId) -> Repository {
        self.0.repositories.get(app_id)
    }

    /// What workers read.
    pub fn distribution(&self) -> &Arc<dyn Distribution> {
        &self.0.distribution
    }

    /// What is known of trees.
    pub(crate) fn models(&self) -> &Models {
        &self.0.models
    }

    /// What the operator decided.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// What guards passwords: how many are hashed at once, how many attempts there may be.
    pub(crate) fn guard(&self) -> &crate::accounts::Guard {
        &self.0.accounts
    }

    /// What whoever changes an environment's parameters in this process holds while they do.
    pub(crate) fn turn(&self, environment: EnvironmentId) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.0.turns.lock();
        if let Some(turn) = turns.get(&environment).and_then(Weak::upgrade) {
            return turn;
        }
        // Those that nobody holds any more need no place.
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::default();
        turns.insert(environment, Arc::downgrade(&turn));
        turn
    }

    pub(crate) fn value_looks(&self) -> &Arc<Looks<(AppId, EnvironmentId), Arc<ConfigValues>>> {
        &self.0.value_looks
    }

    pub(crate) fn token_looks(&self) -> &Arc<Looks<String, SeenToken>> {
        &self.0.token_looks
    }

    pub(crate) fn known_tokens(&self) -> &Mutex<KnownTokens> {
        &self.0.known_tokens
    }

    pub(crate) fn values_in_memory(&self) -> &Mutex<ValuesInMemory> {
        &self.0.values
    }

    /// Now, by the store's clock.
    pub async fn now(&self) -> Result<Timestamp> {
        Ok(Timestamp::new(self.store().now().await?))
    }

    /// Proves that an actor is a member of an app; for others the app does not exist.
    pub async fn member(&self, actor: &Actor, app_id: AppId) -> Result<Member> {
        let no_app = Error::from(Rejection::NotFound("app"));
        let query = Query::<Membership>::on(&conman_store::collections::MEMBERSHIP_BY_APP_AND_USER)
            .eq(app_id.to_string())
            .eq(actor.user_id.to_string())
            .limit(1);
        let Some(membership) = self.store().find(query).await?.items.into_iter().next() else {
            return Err(no_app);
        };
        let Some(app) = self.store().get::<App>(&app_id.to_string()).await? else { return Err(no_app) };
        Ok(Member { actor: actor.clone(), app, role: membership.doc.role, membership })
    }

    /// A member as they are by now, for whoever had to wait: the role may have been taken away meanwhile. A change that
    /// checks the membership too cannot be made after that.
    pub(crate) async fn member_now(&self, member: &Member) -> Result<Member> {
        self.member(&member.actor, member.app_id()).await
    }

    /// Loads a document, or says that there is none.
    pub(crate) async fn load<T: Document>(
        &self,
        what: &'static str,
        id: impl ToString,
    ) -> Result<Versioned<T>> {
        let found = self.store().get::<T>(&id.to_string()).await?;
        found.ok_or_else(|| Rejection::NotFound(what).into())
    }

    /// Commits a change: the new state with its audit events, jobs and mails, all or nothing.
    pub async fn commit(&self, change: Change) -> Result<()> {
        let adds_jobs = change.adds_jobs();
        self.store().commit(change.into_batch()).await?;
        if adds_jobs {
            self.0.jobs_added.notify_one();
        }
        Ok(())
    }

    /// Wakes a runner of this process when a job was added in it; other processes find jobs by looking.
    pub fn jobs_added(&self) -> &Notify {
        &self.0.jobs_added
    }

    /// Sends mails, where a mail server is configured.
    pub(crate) fn mailer(&self) -> Option<&Arc<dyn Mailer>> {
        self.0.mailer.as_ref()
    }
}
