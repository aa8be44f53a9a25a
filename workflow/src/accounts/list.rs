//! One page of a list, and the list of all accounts.

use crate::Workflow;
use crate::actor::{Actor, Page};
use crate::error::{Rejection, Result};
use conman_domain::access::User;
use conman_store::collections::USER_BY_EMAIL;
use conman_store::{Query, Versioned};

/// One page of a list.
#[derive(Debug, Clone)]
pub struct Listed<T> {
    /// What stands on the page.
    pub items: Vec<T>,
    /// How many there are on all pages.
    pub total: u64,
}

impl<T> Listed<T> {
    /// Turns every item into another.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Listed<U> {
        Listed { items: self.items.into_iter().map(convert).collect(), total: self.total }
    }
}

impl Workflow {
    /// Lists all accounts by address, for instance admins.
    pub async fn list_accounts(&self, actor: &Actor, page: Page) -> Result<Listed<Versioned<User>>> {
        if !actor.instance_admin {
            return Err(Rejection::Forbidden("only instance admins see all accounts".to_owned()).into());
        }
        let query = Query::<User>::on(&USER_BY_EMAIL).skip(page.skip()).limit(page.limit.into()).with_total();
        let found = self.store().find(query).await?;
        Ok(Listed { items: found.items, total: found.total })
    }
}
