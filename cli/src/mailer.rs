//! Mails, handed to a mail server over SMTP.

use crate::services::{patiently, without_credentials};
use anyhow::{Context as _, Result};
use async_trait::async_trait;
use conman_domain::mail::Mail;
use conman_workflow::Mailer;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use std::error::Error as StdError;
use std::time::Duration;

/// How long the mail server may take for one step.
const PATIENCE: Duration = Duration::from_secs(20);

/// The mail server as it was configured.
#[derive(Clone)]
pub(crate) struct MailSettings {
    /// `smtp://HOST:PORT` or `smtps://USER:PASSWORD@HOST`.
    pub(crate) url: String,
    /// Whom mails come from; made from the public address, if not said.
    pub(crate) from: Option<String>,
}

/// Hands mails to one mail server.
pub(crate) struct SmtpMailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    /// What stands behind the @ of message ids.
    domain: String,
}

impl SmtpMailer {
    /// Looks whether the mail server is there; asks again for a few seconds.
    pub(crate) async fn connect(settings: &MailSettings, public_url: &str) -> Result<Self> {
        // The parser's own words would quote the address, and with it a password.
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(&settings.url).map_err(|_| {
            anyhow::anyhow!(
                "the mail server's address is not one; write smtp://HOST:PORT or smtps://USER:PASSWORD@HOST"
            )
        })?;
        if sends_password_openly(&settings.url) {
            tracing::warn!(
                "the mail server's password travels unencrypted: use smtps:// or add ?tls=required"
            );
        }
        let transport = transport.timeout(Some(PATIENCE)).build();
        let mailer = Self {
            transport,
            from: sender(settings.from.as_deref(), public_url)?,
            domain: domain(public_url),
        };
        let greet = || async { mailer.transport.test_connection().await.map(drop) };
        patiently(greet, |error| !error.is_permanent()).await.with_context(|| {
            format!("the mail server {} does not answer", without_credentials(&settings.url))
        })?;
        Ok(mailer)
    }

    fn message(&self, mail: &Mail, link: Option<&str>) -> Result<Message, Box<dyn StdError + Send + Sync>> {
        let to: Address = mail.to.as_str().parse()?;
        // Programs that answer mails by themselves leave this one alone.
        let automatic =
            HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
        Ok(Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(one_line(&mail.subject))
            .message_id(Some(format!("<{}@{}>", mail.id, self.domain)))
            .raw_header(automatic)
            .header(ContentType::TEXT_PLAIN)
            .body(body(&mail.text, link))?)
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: &Mail, link: Option<&str>) -> Result<(), Box<dyn StdError + Send + Sync>> {
        let message = self.message(mail, link)?;
        self.transport.send(message).await?;
        Ok(())
    }
}

/// True if anybody on the way to the mail server could read the password.
fn sends_password_openly(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| {
        let encrypted = url.scheme() == "smtps"
            || url.query_pairs().any(|pair| pair == ("tls".into(), "required".into()));
        let is_local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        url.password().is_some() && !encrypted && !is_local
    })
}

/// The text, and the link on a line of its own.
fn body(text: &str, link: Option<&str>) -> String {
    let plain = |text: &str| text.replace(|c: char| c.is_control() && c != '\n' && c != '\t', "");
    let mut body = plain(text).trim_end().to_owned();
    if let Some(link) = link {
        body.push_str("\n\n");
        body.push_str(&one_line(link));
    }
    body.push('\n');
    body
}

/// A header's text: a line break in it would begin another header.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ").trim().to_owned()
}

fn sender(given: Option<&str>, public_url: &str) -> Result<Mailbox> {
    match given {
        Some(text) => text.parse().with_context(|| format!("--mail-from: `{text}` is not an address")),
        None => {
            let address =
                Address::new("conman", domain(public_url)).context("mails need a sender: say --mail-from")?;
            Ok(Mailbox::new(Some("Conman".to_owned()), address))
        }
    }
}

/// The public address's host, if it is a name.
fn domain(public_url: &str) -> String {
    let url = reqwest::Url::parse(public_url).ok();
    let name = url.as_ref().and_then(reqwest::Url::domain).filter(|name| !name.is_empty());
    name.unwrap_or("localhost").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use conman_domain::Timestamp;
    use conman_domain::mail::MailStatus;
    use conman_domain::name::EmailAddress;

    fn mailer() -> SmtpMailer {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("127.0.0.1").build();
        let from = sender(None, "https://conman.example").unwrap();
        SmtpMailer { transport, from, domain: domain("https://conman.example") }
    }

    fn mail(subject: &str, text: &str) -> Mail {
        Mail {
            id: uuid::Uuid::from_u128(7).into(),
            app_id: None,
            user_id: None,
            to: EmailAddress::parse("ana@lab.example").unwrap(),
            event: "invite.created".to_owned(),
            subject: subject.to_owned(),
            text: text.to_owned(),
            link: None,
            status: MailStatus::Waiting,
            created_at: Timestamp::from_millis(0),
        }
    }

    fn sent(subject: &str, text: &str, link: Option<&str>) -> String {
        String::from_utf8(mailer().message(&mail(subject, text), link).unwrap().formatted()).unwrap()
    }

    #[tokio::test]
    async fn a_mail_has_a_text_and_a_link() {
        let sent = sent("You are invited", "Mei invites you.", Some("https://conman.example/invite/cinv_x"));
        for line in [
            "From: Conman <conman@conman.example>",
            "To: ana@lab.example",
            "Subject: You are invited",
            "Message-ID: <00000000-0000-0000-0000-000000000007@conman.example>",
            "Auto-Submitted: auto-generated",
            "Content-Type: text/plain; charset=utf-8",
            "Mei invites you.",
            "https://conman.example/invite/cinv_x",
        ] {
            assert!(sent.lines().any(|sent| sent == line), "{line} is not in\n{sent}");
        }
    }

    #[tokio::test]
    async fn line_breaks_begin_no_header_and_no_command() {
        let sent = sent("Hi\r\nBcc: eve@evil.example", "one\r\n.\r\nRCPT TO:<eve@evil.example>\r", None);
        let (head, _) = sent.split_once("\r\n\r\n").unwrap();
        assert!(!head.lines().any(|line| line.to_lowercase().starts_with("bcc")), "{head}");
        assert!(head.contains("Subject: Hi  Bcc: eve@evil.example"), "{head}");
        assert!(!sent.replace("\r\n", "").contains(['\r', '\n']), "{sent:?}");
    }

    #[test]
    fn a_password_on_an_open_wire_is_noticed() {
        for (url, open) in [
            ("smtp://u:p@mail.example", true),
            ("smtp://u:p@mail.example:587?tls=opportunistic", true),
            ("smtp://u:p@mail.example:587?tls=required", false),
            ("smtps://u:p@mail.example", false),
            ("smtp://mail:1025", false),
            ("smtp://u:p@127.0.0.1:1025", false),
        ] {
            assert_eq!(sends_password_openly(url), open, "{url}");
        }
    }

    #[test]
    fn the_sender_is_of_the_public_address() {
        let of = |given, url| sender(given, url).map(|mailbox| mailbox.to_string()).ok();
        assert_eq!(of(None, "http://127.0.0.1:7070").as_deref(), Some("Conman <conman@localhost>"));
        assert_eq!(of(Some("Lab <lab@x.example>"), "http://h").as_deref(), Some("Lab <lab@x.example>"));
        assert_eq!(of(Some("nobody"), "http://h"), None);
    }
}
