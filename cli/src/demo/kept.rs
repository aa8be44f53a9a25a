//! What a served demo prints, and keeps to print again.

use super::accounts::Account;
use super::lab::Lab;
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// The file in the data folder.
const FILE: &str = "demo.json";
/// The roles, in the order in which each includes the one before.
const ROLES: [&str; 4] = ["user", "reviewer", "config_manager", "app_admin"];

/// Everything that somebody needs to look around.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    app_id: String,
    /// One account per role.
    accounts: BTreeMap<String, SignIn>,
    /// Name to id.
    environments: BTreeMap<String, String>,
    /// Environment name to token.
    service_tokens: BTreeMap<String, String>,
    /// Who set the server up.
    operator: Account,
    /// Everybody in the app.
    people: Vec<Account>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SignIn {
    email: String,
    password: String,
    token: String,
}

impl Kept {
    /// What is to be kept of the sample app.
    pub(super) fn of(lab: &Lab) -> Result<Self> {
        let sign_in = |role: &str| {
            let Account { email, password, token, .. } = lab.account_with(role)?.clone();
            Ok((role.to_owned(), SignIn { email, password, token }))
        };
        Ok(Self {
            app_id: lab.app_id.clone(),
            accounts: ROLES.into_iter().map(sign_in).collect::<Result<_>>()?,
            environments: lab.environment_ids(),
            service_tokens: lab.service_tokens(),
            operator: lab.operator.clone(),
            people: lab.people.clone(),
        })
    }

    /// What an earlier run kept in a data folder, if one did.
    pub(super) fn load(data: &Path) -> Result<Option<Self>> {
        let file = data.join(FILE);
        match std::fs::read(&file) {
            Ok(bytes) => {
                let kept = serde_json::from_slice(&bytes);
                Ok(Some(kept.with_context(|| format!("{} is not what an earlier run kept", file.display()))?))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", file.display())),
        }
    }

    /// Keeps it, whole or not at all, for the folder's owner alone.
    pub(super) fn save(&self, data: &Path) -> Result<()> {
        let (file, beside) = (data.join(FILE), data.join("demo.json.new"));
        let write = || {
            let mut options = std::fs::OpenOptions::new();
            let mut new = options.write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
            new.write_all(serde_json::to_string_pretty(self)?.as_bytes())?;
            new.sync_all()?;
            std::fs::rename(&beside, &file)
        };
        write().with_context(|| format!("{} cannot be written", file.display()))
    }

    /// One JSON object for programs.
    pub(super) fn to_json(&self, url: &str) -> Value {
        let mut ready = json!(self);
        ready["url"] = json!(url);
        ready
    }

    /// A table for people.
    pub(super) fn to_table(&self, url: &str) -> String {
        let mut lines = vec![format!("Conman serves {url}"), String::new()];
        lines.push(format!("  {:<16}  {:<22}  password", "role", "e-mail"));
        for person in self.people.iter().chain([&self.operator]) {
            lines.push(format!("  {:<16}  {:<22}  {}", person.role, person.email, person.password));
        }
        lines.push(String::new());
        for (name, token) in &self.service_tokens {
            lines.push(format!("  workers of {name}: conman worker run --server {url} --token {token}"));
        }
        lines.push(String::new());
        lines.push("Ctrl-C stops it.".to_owned());
        lines.join("\n")
    }
}
