//! The people: accounts made as people make them, by links.

use super::scenario::Person;
use crate::client::{Client, list, text};
use anyhow::{Context as _, Result, ensure};
use chrono::{SecondsFormat, TimeDelta, Utc};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

/// How long the people's tokens last: as long as tokens may.
const TOKEN_LASTS: TimeDelta = TimeDelta::days(365);

/// What somebody signs in with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) handle: String,
    pub(super) name: String,
    pub(super) role: String,
    pub(super) email: String,
    pub(super) password: String,
    /// A personal access token that may write.
    pub(super) token: String,
}

impl Account {
    /// A client that acts as this account.
    pub(super) fn client(&self, server: &Client) -> Result<Client> {
        server.with_token(&self.token)
    }
}

/// Makes the first account by the link that the server printed.
pub(super) async fn make_first(server: &Client, link: &str) -> Result<Account> {
    let person = Person {
        handle: "operator".to_owned(),
        name: "Robin Maas".to_owned(),
        email: "operator@lab.example".to_owned(),
        role: "instance_admin".to_owned(),
    };
    let password = new_password();
    // A client of its own: the session that begins here is this person's.
    let session = server.as_nobody()?;
    let first = json!({
        "token": last_part(link)?, "email": person.email, "handle": person.handle, "name": person.name,
        "password": password,
    });
    session.post("/api/auth/setup", first).await.context("the set-up link did not make the first account")?;
    with_token(&session, &person, password).await
}

/// Invites everybody into an app, and lets them accept by the links in their mails.
pub(super) async fn invite_all(admin: &Client, app: &str, people: &[Person]) -> Result<Vec<Account>> {
    for person in people {
        let invite = json!({"email": person.email, "role": person.role});
        admin.post(&format!("/api/apps/{app}/invites"), invite).await?;
    }
    let links = links(admin).await?;
    let accepting = people.iter().map(|person| async {
        let link =
            links.get(&person.email).with_context(|| format!("no invite was mailed to {}", person.email))?;
        accept(admin, person, link).await
    });
    try_join_all(accepting).await
}

/// The links of the invites in the outbox, by address.
async fn links(admin: &Client) -> Result<BTreeMap<String, String>> {
    let mails = admin.get("/api/outbox?limit=200").await?;
    let invites = list(&mails, "data")?
        .iter()
        .filter(|mail| mail["link"].as_str().is_some_and(|link| link.contains("/invite/")));
    invites.map(|mail| Ok((text(mail, "to")?.to_owned(), text(mail, "link")?.to_owned()))).collect()
}

async fn accept(server: &Client, person: &Person, link: &str) -> Result<Account> {
    let session = server.as_nobody()?;
    let secret = last_part(link)?;
    let invite = session.get(&format!("/api/auth/invites/{secret}")).await?;
    ensure!(text(&invite, "email")? == person.email, "the invite of {} is for somebody else", person.email);
    let password = new_password();
    let account = json!({"handle": person.handle, "name": person.name, "password": password});
    session.post("/api/auth/accept-invite", json!({"token": secret, "account": account})).await?;
    with_token(&session, person, password).await
}

async fn with_token(session: &Client, person: &Person, password: String) -> Result<Account> {
    let expires_at = (Utc::now() + TOKEN_LASTS).to_rfc3339_opts(SecondsFormat::Millis, true);
    let wish = json!({"name": "Demo", "scope": "write", "expires_at": expires_at});
    let made = session.post("/api/me/tokens", wish).await?;
    Ok(Account {
        handle: person.handle.clone(),
        name: person.name.clone(),
        role: person.role.clone(),
        email: person.email.clone(),
        password,
        token: text(&made, "secret")?.to_owned(),
    })
}

fn last_part(link: &str) -> Result<&str> {
    link.rsplit('/').next().filter(|part| !part.is_empty()).context("a link has no secret")
}

/// 96 random bits, short enough to be typed.
fn new_password() -> String {
    let token = conman_workflow::random_token("lab");
    token[..20].to_owned()
}
