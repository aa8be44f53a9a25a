//! Releases: drafted, composed, published, deployed and promoted by the config manager.

use super::lab::{Lab, Stage};
use super::proposals::Proposal;
use crate::client::{Client, list, number, text, until};
use anyhow::{Result, bail, ensure};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// A published release.
#[derive(Debug, Clone)]
pub(super) struct Published {
    pub(super) id: String,
    pub(super) tag: String,
    pub(super) commit: String,
    pub(super) tree: String,
}

/// A release as an environment runs it.
#[derive(Debug, Clone)]
pub(super) struct Deployed {
    pub(super) config_version: u64,
    pub(super) activated_at: chrono::DateTime<chrono::Utc>,
}

impl Lab {
    /// A client that acts as the config manager.
    pub(super) fn manager(&self) -> Result<Client> {
        self.first_with("config_manager")
    }

    /// Drafts a release of queued changesets, in this order; answers its id.
    pub(super) async fn draft_release(&self, members: &[&Proposal]) -> Result<String> {
        let ids: Vec<&str> = members.iter().map(|proposal| proposal.id.as_str()).collect();
        let release = self.manager()?.post(&self.path("/releases"), json!({"changeset_ids": ids})).await?;
        Ok(text(&release, "id")?.to_owned())
    }

    /// Has a release composed, leaving out what conflicts; answers it.
    pub(super) async fn compose(&self, release: &str) -> Result<Value> {
        let manager = self.manager()?;
        let path = self.path(&format!("/releases/{release}"));
        let job = manager.post(&format!("{path}/assemble"), json!({"on_isolation": "continue"})).await?;
        manager.finished_job(&self.app_id, text(&job, "job_id")?).await?;
        let composed = manager.get(&path).await?;
        ensure!(
            text(&composed, "state")? == "validated",
            "the release was composed, and is not good: {composed}"
        );
        Ok(composed)
    }

    /// Checks that exactly those members were isolated that the scenario says, for what it says, and tells how each came
    /// out.
    pub(super) fn check_composed(&self, release: &Value, members: &[Proposal]) -> Result<Map<String, Value>> {
        let results = list(release, "members")?;
        ensure!(
            results.len() == members.len(),
            "the release has {} members, not {}",
            results.len(),
            members.len()
        );
        let mut told = Map::new();
        for (proposal, result) in members.iter().zip(results) {
            let label = proposal.label();
            ensure!(
                number(result, "number")? == proposal.number,
                "{label} is not in its place in the release"
            );
            let outcome = text(result, "result")?;
            let sketch = self.sketch(&proposal.key)?;
            let entry = match (&sketch.conflicts_with, outcome) {
                (None, "merged") => json!({"result": "merged"}),
                (Some(other), "conflicted") => {
                    let other = members.iter().find(|member| member.key == *other);
                    let other = other.map(Proposal::label).unwrap_or_default();
                    let collisions = list(result, "collisions")?;
                    let with: BTreeSet<&str> =
                        collisions.iter().map(|c| text(c, "with")).collect::<Result<_>>()?;
                    let paths: BTreeSet<&str> =
                        collisions.iter().map(|c| text(c, "path")).collect::<Result<_>>()?;
                    ensure!(
                        with.iter().eq([&other.as_str()]),
                        "{label} collides with {with:?}, not with {other}"
                    );
                    let wanted = sketch.conflict.iter().flat_map(|conflict| &conflict.paths);
                    let wanted: BTreeSet<&str> = wanted.map(String::as_str).collect();
                    ensure!(paths == wanted, "{label} collides in {paths:?}, not in {wanted:?}");
                    json!({"result": "conflicted", "paths": paths, "with": other})
                }
                (None, other) => bail!("{label} ({}) should be merged, and is {other}: {result}", sketch.key),
                (Some(with), other) => {
                    bail!("{label} ({}) should collide with {with}, and is {other}: {result}", sketch.key)
                }
            };
            told.insert(label, entry);
        }
        Ok(told)
    }

    /// Has a composed release published.
    pub(super) async fn publish(&self, release: &str) -> Result<Published> {
        let manager = self.manager()?;
        let path = self.path(&format!("/releases/{release}"));
        let job = manager.post(&format!("{path}/publish"), json!({})).await?;
        manager.finished_job(&self.app_id, text(&job, "job_id")?).await?;
        let published = manager.get(&path).await?;
        ensure!(text(&published, "state")? == "published", "the release is not published: {published}");
        Ok(Published {
            id: release.to_owned(),
            tag: text(&published, "tag")?.to_owned(),
            commit: text(&published, "commit")?.to_owned(),
            tree: text(&published, "tree")?.to_owned(),
        })
    }

    /// Deploys a release to the first stage, or promotes it to a later one, and waits until it runs there.
    pub(super) async fn deploy(&self, release: &Published, stage: &Stage) -> Result<Deployed> {
        let manager = self.manager()?;
        let first = self.stages.first().is_some_and(|first| first.id == stage.id);
        let (verb, body) =
            if first { ("deploy", json!({"release_id": release.id})) } else { ("promote", json!({})) };
        let asked = manager.post(&self.path(&format!("/environments/{}/{verb}", stage.id)), body).await?;
        ensure!(
            text(&asked, "release_id")? == release.id,
            "{} would get another release: {asked}",
            stage.name
        );
        let path = self.path(&format!("/deployments/{}", text(&asked, "id")?));
        let deployment = until(&format!("the deployment to {}", stage.name), async || {
            let found = manager.get(&path).await?;
            match found["state"].as_str() {
                Some("succeeded") => Ok(Some(found)),
                Some("failed" | "canceled") => bail!("it did not happen: {}", found["failure"]),
                _ => Ok(None),
            }
        })
        .await?;
        Ok(Deployed {
            config_version: number(&deployment, "config_version")?,
            activated_at: text(&deployment, "activated_at")?.parse()?,
        })
    }
}
