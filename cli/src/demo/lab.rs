//! The laboratory's app on a server: its people, environments and values.

use super::accounts::{Account, invite_all, make_first};
use super::scenario::Scenario;
use crate::client::{Client, list, text};
use crate::print::progress;
use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

/// The laboratory's app on a server.
#[derive(Debug)]
pub(super) struct Lab {
    pub(super) scenario: Scenario,
    /// The server, as seen by nobody.
    pub(super) server: Client,
    pub(super) app_id: String,
    /// Who set the server up.
    pub(super) operator: Account,
    /// The people of the scenario, in its order.
    pub(super) people: Vec<Account>,
    /// The stages, in order.
    pub(super) stages: Vec<Stage>,
}

/// One stage of the pipeline.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    pub(super) name: String,
    pub(super) id: String,
    pub(super) canonical: bool,
    /// A token for programs that follow it.
    pub(super) service_token: String,
}

impl Lab {
    /// Sets the server up and the laboratory's app on it; `folder` is for what is needed on the way.
    pub(super) async fn set_up(server: Client, setup_link: &str, folder: &Path) -> Result<Self> {
        let scenario = Scenario::load()?;
        let operator = make_first(&server, setup_link).await?;
        let first = operator.client(&server)?;
        progress(format!("{} set the server up", operator.name));

        let bundle = folder.join("sample");
        std::fs::create_dir_all(&bundle).context("no room for the sample app's history")?;
        let bytes = std::fs::read(scenario.write_bundle(&bundle)?)?;
        std::fs::remove_dir_all(&bundle)?;
        let named = [("name", &scenario.app.name), ("slug", &scenario.app.slug)];
        let address =
            reqwest::Url::parse_with_params(&format!("{}/api/apps/import", server.server()), named)?;
        let path = format!("{}?{}", address.path(), address.query().unwrap_or_default());
        let app = first.upload(&path, "application/x-git-bundle", bytes).await?;
        let app_id = text(&app, "id")?.to_owned();
        progress(format!("{} was imported with its history", scenario.app.name));

        let people = invite_all(&first, &app_id, &scenario.people).await?;
        progress(format!("{} people accepted their invites", people.len()));
        let mut lab = Self { scenario, server, app_id, operator, people, stages: Vec::new() };
        lab.make_stages().await?;
        Ok(lab)
    }

    /// A path below the app's.
    pub(super) fn path(&self, below: &str) -> String {
        format!("/api/apps/{}{below}", self.app_id)
    }

    /// A client that acts as a person of the scenario.
    pub(super) fn person(&self, handle: &str) -> Result<Client> {
        let account = self.people.iter().find(|account| account.handle == handle);
        account.with_context(|| format!("the scenario has no {handle}"))?.client(&self.server)
    }

    /// A client that acts as the first person with a role.
    pub(super) fn first_with(&self, role: &str) -> Result<Client> {
        self.account_with(role)?.client(&self.server)
    }

    /// The first person with a role.
    pub(super) fn account_with(&self, role: &str) -> Result<&Account> {
        let account = self.people.iter().find(|account| account.role == role);
        account.with_context(|| format!("the scenario has nobody with the role {role}"))
    }

    /// The stage that is canonical.
    pub(super) fn canonical(&self) -> Result<&Stage> {
        self.stages.iter().find(|stage| stage.canonical).context("no environment is canonical")
    }

    /// Makes the environments, each with its values and a token for its workers.
    async fn make_stages(&mut self) -> Result<()> {
        let admin = self.first_with("app_admin")?;
        let sketches = self.scenario.environments.iter();
        let wanted: Vec<_> = sketches.map(|e| json!({"name": e.name, "canonical": e.canonical})).collect();
        let made = admin
            .write(Method::PATCH, &self.path("/environments"), None, json!({"environments": wanted}))
            .await?;
        let made = list(&made, "data")?;
        ensure!(made.len() == self.scenario.environments.len(), "not every environment was made: {made:?}");
        for (sketch, environment) in self.scenario.environments.iter().zip(made) {
            ensure!(text(environment, "name")? == sketch.name, "the environments are not in order: {made:?}");
            let id = text(environment, "id")?.to_owned();
            let profile = self.path(&format!("/runtime-profiles/{}", text(environment, "profile_id")?));
            let (_, etag) = admin.get_tagged(&profile).await?;
            let values = json!({"env_vars": sketch.values, "reason": "The values that this stage runs with"});
            admin.write(Method::PATCH, &profile, etag.as_deref(), values).await?;
            let wish = json!({"name": format!("Workers of {}", sketch.name), "environment_id": id});
            let token = admin.post(&self.path("/service-tokens"), wish).await?;
            let service_token = text(&token, "secret")?.to_owned();
            self.stages.push(Stage {
                name: sketch.name.clone(),
                id,
                canonical: sketch.canonical,
                service_token,
            });
        }
        let names: Vec<&str> = self.stages.iter().map(|stage| stage.name.as_str()).collect();
        progress(format!("environments {} are there, with their values", names.join(", ")));
        Ok(())
    }

    /// The ids of the environments, by name.
    pub(super) fn environment_ids(&self) -> BTreeMap<String, String> {
        self.stages.iter().map(|stage| (stage.name.clone(), stage.id.clone())).collect()
    }

    /// The workers' tokens, by environment.
    pub(super) fn service_tokens(&self) -> BTreeMap<String, String> {
        self.stages.iter().map(|stage| (stage.name.clone(), stage.service_token.clone())).collect()
    }
}
