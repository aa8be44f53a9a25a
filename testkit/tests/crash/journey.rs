//! One release from its draft to an environment, which can be gone on with at any point after the server died.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use crate::client::{list, text, until};
use crate::lab::{Lab, People};

/// How far a release got, in order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reached {
    /// Nothing was acknowledged.
    #[default]
    Nothing,
    /// It is a draft.
    Drafted,
    /// It is composed.
    Composed,
    /// It is published.
    Published,
    /// It is asked to be deployed.
    Requested,
    /// It runs on the environment.
    Deployed,
    /// A value was saved on top of it.
    Saved,
}

/// The value that is saved, which nobody else saves.
const SAVED: u32 = 77;

/// A release and what the server has acknowledged of it so far.
#[derive(Debug)]
pub(crate) struct Journey<'a> {
    lab: &'a Lab,
    /// The environment that it goes to.
    environment: &'a str,
    /// Its changesets, in order.
    changesets: Vec<String>,
    /// What was acknowledged.
    pub(crate) reached: Reached,
    release: Option<String>,
    tag: Option<String>,
    deployment: Option<String>,
    jobs: Vec<String>,
}

impl<'a> Journey<'a> {
    pub(crate) fn new(lab: &'a Lab, environment: &'a str, changesets: Vec<String>) -> Self {
        let reached = Reached::Nothing;
        Self {
            lab,
            environment,
            changesets,
            reached,
            release: None,
            tag: None,
            deployment: None,
            jobs: Vec::new(),
        }
    }

    /// Goes on from wherever the release is, to its end.
    pub(crate) async fn goes_on(&mut self, people: &People) -> Result<()> {
        self.goes_to(people, Reached::Deployed).await
    }

    /// Goes on from wherever the release is, until it has come so far.
    pub(crate) async fn goes_to(&mut self, people: &People, target: Reached) -> Result<()> {
        until(&format!("the release to be {target:?}"), async || {
            // Looked at before the release: a job that is no more to be done has changed it by then.
            let publishing = self.asked(people, "release_publish").await?;
            let release = self.read_or_draft(people).await?;
            if self.reached >= target {
                return Ok(Some(()));
            }
            let path = self.lab.path(&format!("/releases/{}", text(&release, "id")?));
            match release["state"].as_str().unwrap_or_default() {
                "draft_release" => {
                    let wish = json!({"on_isolation": "continue"});
                    let started = people.manager.post(&format!("{path}/assemble"), wish).await?;
                    self.jobs.push(text(&started, "job_id")?);
                }
                "assembling" | "publishing" => {}
                "validated" if publishing => {}
                "validated" => {
                    let started = people.manager.post(&format!("{path}/publish"), json!({})).await?;
                    self.jobs.push(text(&started, "job_id")?);
                }
                "published" | "deployed_partial" | "deployed_full" => {
                    self.deploys(people, &release).await?;
                    if self.reached >= Reached::Deployed && target == Reached::Saved {
                        self.saves(people).await?;
                    }
                    return Ok((self.reached >= target).then_some(()));
                }
                other => bail!("the release came to be {other}: {release}"),
            }
            Ok(None)
        })
        .await
    }

    /// What was acknowledged is there still, or has gone on from there.
    pub(crate) async fn is_kept(&mut self, people: &People) -> Result<()> {
        let before = self.reached;
        if let Some(id) = self.release.clone() {
            let release = people.manager.get(&self.lab.path(&format!("/releases/{id}"))).await?;
            self.notes(&release)?;
        }
        if let Some(id) = self.deployment.clone() {
            let deployment = people.manager.get(&self.lab.path(&format!("/deployments/{id}"))).await?;
            self.notes_deployment(&deployment)?;
        }
        for id in &self.jobs {
            people.manager.get(&self.lab.path(&format!("/jobs/{id}"))).await?;
        }
        ensure!(self.reached >= before, "{before:?} was acknowledged, and {:?} is left", self.reached);
        Ok(())
    }

    /// Reads the release as soon as the server has come so far with it, without asking it to go on.
    ///
    /// A save that was decided is finished behind everybody's back, so that there is nothing to wait for but itself.
    pub(crate) async fn stands_at(&mut self, people: &People, expected: Reached) -> Result<Reached> {
        if expected == Reached::Saved {
            until("the save to be finished", async || Ok(self.has_saved(people).await?.then_some(())))
                .await?;
            self.reached = Reached::Saved;
        }
        self.stands(people).await
    }

    /// Reads the release as far as the server has come with it, without asking it to go on.
    pub(crate) async fn stands(&mut self, people: &People) -> Result<Reached> {
        if let Some(release) = self.find(people).await? {
            self.notes(&release)?;
            if let Some(deployment) = self.find_deployment(people, &release).await? {
                self.notes_deployment(&deployment)?;
            }
        }
        Ok(self.reached)
    }

    async fn read_or_draft(&mut self, people: &People) -> Result<Value> {
        let release = match self.find(people).await? {
            Some(release) => release,
            None => {
                let wish = json!({"changeset_ids": self.changesets});
                people.manager.post(&self.lab.path("/releases"), wish).await?
            }
        };
        self.notes(&release)?;
        Ok(release)
    }

    /// Finds the release; its draft may have been made although nobody answered.
    async fn find(&self, people: &People) -> Result<Option<Value>> {
        if let Some(id) = &self.release {
            return Ok(Some(people.manager.get(&self.lab.path(&format!("/releases/{id}"))).await?));
        }
        let releases = people.manager.get(&self.lab.path("/releases?limit=200")).await?;
        let is_ours = |release: &Value| {
            let members = release["members"].as_array().into_iter().flatten();
            members.map(|member| member["changeset_id"].as_str().unwrap_or_default()).eq(&self.changesets)
        };
        Ok(list(&releases, "data")?.into_iter().find(is_ours))
    }

    /// True while a job of this kind is to be done or being done: asking twice is not part of the journey.
    async fn asked(&self, people: &People, kind: &str) -> Result<bool> {
        let jobs = people.manager.get(&self.lab.path(&format!("/jobs?type={kind}&limit=200"))).await?;
        let jobs = list(&jobs, "data")?;
        let failed = jobs.iter().find(|job| matches!(job["state"].as_str(), Some("failed" | "canceled")));
        ensure!(failed.is_none(), "a job failed: {failed:?}");
        Ok(jobs.iter().any(|job| matches!(job["state"].as_str(), Some("queued" | "running"))))
    }

    async fn saves(&mut self, people: &People) -> Result<()> {
        if !self.has_saved(people).await? {
            let path = self.lab.path(&format!("/environments/{}/config", self.environment));
            let config = people.reviewer.get(&path).await?;
            let wish = json!({"base_version": config["config_version"], "values": {"batch_size": SAVED}});
            people.reviewer.post(&format!("{path}/save"), wish).await?;
        }
        self.reached = Reached::Saved;
        Ok(())
    }

    async fn has_saved(&self, people: &People) -> Result<bool> {
        let path = self.lab.path(&format!("/environments/{}/config", self.environment));
        let config = people.reviewer.get(&path).await?;
        Ok(config["parameters"]["batch_size"]["value"] == SAVED)
    }

    async fn deploys(&mut self, people: &People, release: &Value) -> Result<()> {
        let deployment = match self.find_deployment(people, release).await? {
            Some(deployment) => deployment,
            None => {
                let path = self.lab.path(&format!("/environments/{}/deploy", self.environment));
                people.manager.post(&path, json!({"release_id": release["id"]})).await?
            }
        };
        self.notes_deployment(&deployment)
    }

    async fn find_deployment(&self, people: &People, release: &Value) -> Result<Option<Value>> {
        let path = self.lab.path(&format!("/environments/{}/deployments?limit=200", self.environment));
        let deployments = list(&people.manager.get(&path).await?, "data")?;
        Ok(deployments.into_iter().find(|deployment| deployment["release_id"] == release["id"]))
    }

    /// Takes in what the server says of the release, which must go on from what it said before.
    fn notes(&mut self, release: &Value) -> Result<()> {
        let reached = match release["state"].as_str().unwrap_or_default() {
            "draft_release" | "assembling" => Reached::Drafted,
            "validated" | "publishing" => Reached::Composed,
            "published" | "deployed_partial" | "deployed_full" => Reached::Published,
            other => bail!("the release came to be {other}: {release}"),
        };
        let said = self.reached.min(Reached::Published);
        ensure!(reached >= said, "{said:?} was acknowledged, and the release is at {reached:?}: {release}");
        self.reached = self.reached.max(reached);
        self.release = Some(text(release, "id")?);
        if let Some(tag) = release["tag"].as_str() {
            let known = self.tag.get_or_insert_with(|| tag.to_owned());
            ensure!(known == tag, "the release was {known} and is {tag}");
        }
        ensure!(self.tag.is_none() || release["tag"].is_string(), "the tag is gone: {release}");
        Ok(())
    }

    fn notes_deployment(&mut self, deployment: &Value) -> Result<()> {
        let id = text(deployment, "id")?;
        let known = self.deployment.get_or_insert_with(|| id.clone());
        ensure!(*known == id, "the release was deployed twice: {deployment}");
        let reached = match deployment["state"].as_str().context("a deployment without a state")? {
            "pending" | "running" => Reached::Requested,
            "succeeded" => Reached::Deployed,
            other => bail!("the deployment came to be {other}: {deployment}"),
        };
        ensure!(
            reached >= self.reached.min(Reached::Deployed),
            "{:?} was acknowledged, and it is not so any more: {deployment}",
            self.reached
        );
        self.reached = self.reached.max(reached);
        Ok(())
    }
}
