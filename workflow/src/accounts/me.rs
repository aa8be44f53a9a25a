//! What an account sees and changes of itself.

use crate::change::Change;
use crate::error::{Error, Rejection, Result};
use crate::{Actor, Workflow};
use conman_domain::access::{Membership, Role, User};
use conman_domain::app::App;
use conman_domain::id::AppId;
use conman_domain::name::{Slug, Title};
use conman_store::collections::MEMBERSHIP_BY_USER;
use conman_store::{Query, Version, Versioned};
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::json;

/// The most memberships that are told with an account.
const MOST_MEMBERSHIPS: u64 = 200;

/// An account as it sees itself.
#[derive(Debug, Clone)]
pub struct Me {
    /// The account.
    pub user: Versioned<User>,
    /// The apps that it belongs to, first joined first; at most 200.
    pub memberships: Vec<MyMembership>,
}

/// An app that an account belongs to.
#[derive(Debug, Clone)]
pub struct MyMembership {
    /// The app.
    pub app_id: AppId,
    /// Its short name.
    pub slug: Slug,
    /// Its name.
    pub name: Title,
    /// The account's role there.
    pub role: Role,
}

/// What an account changes of itself; what is none stays.
#[derive(Debug, Clone, Default)]
pub struct UpdateMe {
    /// Another name.
    pub name: Option<Title>,
    /// Whether mails are wanted.
    pub mail_wanted: Option<bool>,
    /// The version that the change is based on; any, if none.
    pub expected: Option<Version>,
}

impl Workflow {
    /// Reads an account and the apps that it belongs to.
    pub async fn me(&self, actor: &Actor) -> Result<Me> {
        let user = self.own_account(actor).await?;
        let query =
            Query::<Membership>::on(&MEMBERSHIP_BY_USER).eq(user.id.to_string()).limit(MOST_MEMBERSHIPS);
        let found = self.store().find(query).await?.items;
        let memberships: Vec<Option<MyMembership>> = futures::stream::iter(found)
            .map(|membership| async move {
                let app = self.store().get::<App>(&membership.app_id.to_string()).await?;
                Ok::<_, Error>(app.map(|app| MyMembership {
                    app_id: app.id,
                    slug: app.slug.clone(),
                    name: app.name.clone(),
                    role: membership.role,
                }))
            })
            .buffered(16)
            .try_collect()
            .await?;
        Ok(Me { user, memberships: memberships.into_iter().flatten().collect() })
    }

    /// Changes an account's name or wish for mails; answers the account.
    pub async fn update_me(&self, actor: &Actor, update: UpdateMe) -> Result<Versioned<User>> {
        let user = self.own_account(actor).await?;
        if let Some(expected) = update.expected
            && expected != user.version
        {
            return Err(stale(user.version));
        }
        let mut new = user.doc.clone();
        new.name = update.name.unwrap_or(new.name);
        new.mail_wanted = update.mail_wanted.unwrap_or(new.mail_wanted);
        if new.name == user.name && new.mail_wanted == user.mail_wanted {
            return Ok(user);
        }
        let mut change = Change::by(actor, None, self.now().await?);
        let told = |user: &User| json!({"name": user.name, "mail_wanted": user.mail_wanted});
        change.replace(&new, user.version).audit("user", user.id, "user.updated", told(&user), told(&new));
        self.commit(change).await?;
        Ok(Versioned { doc: new, version: user.version.next() })
    }

    async fn own_account(&self, actor: &Actor) -> Result<Versioned<User>> {
        let gone = || Error::from(Rejection::Unauthenticated("this account is gone"));
        self.user(actor.user_id).await?.ok_or_else(gone)
    }
}

/// The answer to a write that is based on another version than the present one.
pub(crate) fn stale(current: Version) -> Error {
    Error::stale(current)
}
