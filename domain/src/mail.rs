//! Mails: written to the outbox in the batch of what they tell of, sent later.

use crate::id::{AppId, MailId, UserId};
use crate::name::EmailAddress;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A mail in the outbox.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Mail {
    /// Its id; also its Message-ID.
    pub id: MailId,
    /// The app that it is about.
    pub app_id: Option<AppId>,
    /// The account it goes to; none for people without one yet.
    pub user_id: Option<UserId>,
    /// The address it goes to.
    pub to: EmailAddress,
    /// What it tells of, e.g. `changeset.approved`.
    pub event: String,
    /// Its subject, one line.
    pub subject: String,
    /// Its text; the link stands on a line of its own.
    pub text: String,
    /// The one link, as a path on the server.
    pub link: Option<String>,
    /// Where it stands.
    pub status: MailStatus,
    /// When it was written.
    pub created_at: Timestamp,
}

/// Where a mail stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum MailStatus {
    /// Waits to be sent; kept like this where there is no mail server.
    Waiting,
    /// Handed to the mail server.
    Sent {
        /// When.
        sent_at: Timestamp,
    },
    /// Given up.
    Failed {
        /// When.
        failed_at: Timestamp,
        /// Why.
        reason: String,
    },
}
