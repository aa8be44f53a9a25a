//! Sending what the outbox holds.

use crate::error::{Error, Result};
use crate::job_context::JobContext;
use crate::services::Workflow;
use async_trait::async_trait;
use conman_domain::id::MailId;
use conman_domain::mail::{Mail, MailStatus};
use conman_store::{Batch, Versioned};
use serde_json::json;

/// Hands mails to a mail server.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands one mail over; `link` is the whole address of its one link.
    ///
    /// # Errors
    ///
    /// Whatever kept the server from taking it; it is tried again later.
    async fn send(
        &self,
        mail: &Mail,
        link: Option<&str>,
    ) -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>>;
}

impl Workflow {
    /// Sends a mail; a job. Without a mail server the mail stays in the outbox, where it can be read.
    pub async fn send_mail(&self, job: &JobContext, id: MailId) -> Result<serde_json::Value> {
        let mail: Versioned<Mail> = self.load("mail", id).await?;
        if mail.doc.status != MailStatus::Waiting {
            return Ok(json!({"outcome": "already_done"}));
        }
        let Some(mailer) = self.mailer() else { return Ok(json!({"outcome": "kept"})) };
        let link = mail.doc.link.as_ref().map(|path| format!("{}{path}", self.settings().public_url));
        mailer
            .send(&mail.doc, link.as_deref())
            .await
            .map_err(|error| Error::errored("the mail server did not take the mail", error))?;
        let sent = Mail { status: MailStatus::Sent { sent_at: self.now().await? }, ..mail.doc.clone() };
        // The link may hold a secret that only its receiver should have, so a sent mail does not keep it.
        let sent = Mail { link: None, ..sent };
        self.store().commit(Batch::new().replace(&sent, mail.version)).await?;
        job.log(format!("Sent {}", mail.doc.event)).await?;
        Ok(json!({"outcome": "sent"}))
    }
}
