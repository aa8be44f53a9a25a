//! Ending sessions.

use crate::Workflow;
use crate::error::Result;
use conman_domain::access::Session;
use conman_domain::id::UserId;
use conman_store::collections::{SESSION_BY_EXPIRY, SESSION_BY_USER};
use conman_store::{Batch, Document, Query, Versioned};

/// How many sessions are removed in one batch.
const SWEEP: u64 = 200;

impl Workflow {
    /// Removes all sessions of an account. They are dead already, by the password that opened them; this cleans up.
    pub(crate) async fn remove_sessions(&self, user_id: UserId) {
        let query = || Query::<Session>::on(&SESSION_BY_USER).eq(user_id.to_string()).limit(SWEEP);
        if let Err(error) = self.remove_found(query).await {
            tracing::warn!(error = &error as &dyn std::error::Error, %user_id, "ended sessions were not removed");
        }
    }

    /// Removes the sessions whose time is over; answers how many.
    pub async fn remove_expired_sessions(&self) -> Result<u64> {
        let now = self.now().await?;
        self.remove_found(|| Query::<Session>::on(&SESSION_BY_EXPIRY).at_most(now.to_string()).limit(SWEEP))
            .await
    }

    async fn remove_found(&self, query: impl Fn() -> Query<Session>) -> Result<u64> {
        let mut removed = 0;
        loop {
            let found = self.store().find(query()).await?.items;
            if found.is_empty() {
                return Ok(removed);
            }
            let mut progress = false;
            for Versioned { doc, version } in found {
                // One by one: somebody who signs out at this moment must not keep the others alive.
                match self.store().commit(Batch::new().delete::<Session>(&doc.id(), version)).await {
                    Ok(()) => {
                        removed += 1;
                        progress = true;
                    }
                    Err(error) if error.is_conflict() => {}
                    Err(error) => return Err(error.into()),
                }
            }
            if !progress {
                return Ok(removed);
            }
        }
    }
}
