//! The two workers of the headless demo: real followers, one of `dev` and one of the canonical environment.

use super::lab::{Lab, Stage};
use super::releases::{Deployed, Published};
use crate::client::{list, number, text, until};
use anyhow::{Context as _, Result, ensure};
use conman_domain::snapshot::ContentHash;
use conman_worker::{Applied, FileSelection, Follower, Options, Source};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long a worker may take to apply what is active.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the files lie that the workers keep in memory; of the others they know the hashes.
const FOLLOWED: [&str; 1] = ["queues"];

/// A worker that follows a stage.
pub(super) struct Watcher {
    pub(super) name: &'static str,
    pub(super) stage: Stage,
    connecting: JoinHandle<Result<(Follower, Applied), conman_worker::ConnectError>>,
}

impl Watcher {
    /// Begins to follow a stage; answers when the server has heard of the worker.
    pub(super) async fn start(lab: &Lab, name: &'static str, stage: &Stage, source: Source) -> Result<Self> {
        let options = Options {
            files: FileSelection::Under(FOLLOWED.map(str::to_owned).to_vec()),
            report_delay: Duration::ZERO,
            ..Options::new(name)
        };
        // Returns behind the first application, so it waits for the deployment beside us.
        let connecting = tokio::spawn(async move {
            let follower = Follower::connect(source, options).await?;
            let applied = follower.changed().await.ok_or(conman_worker::ConnectError::Stopped)?;
            Ok((follower, applied))
        });
        let watcher = Self { name, stage: stage.clone(), connecting };
        watcher.reported(lab, "to report", |_| true).await?;
        Ok(watcher)
    }

    /// Waits until the worker runs a release, checks it against what the server says, and ends the worker.
    pub(super) async fn applied(
        mut self,
        lab: &Lab,
        release: &Published,
        deployed: &Deployed,
        files: &BTreeSet<String>,
    ) -> Result<Value> {
        let name = self.name;
        let connected = tokio::time::timeout(PATIENCE, &mut self.connecting).await;
        let (follower, applied) = connected
            .with_context(|| format!("{name} has applied nothing"))?
            .context("a worker died")?
            .with_context(|| format!("{name} cannot follow {}", self.stage.name))?;
        let runs = &applied.provenance;
        ensure!(
            runs.release_tag.as_str() == release.tag
                && runs.release_commit.to_string() == release.commit
                && runs.tree_id.to_string() == release.tree
                && u64::from(runs.config_version.0) == deployed.config_version,
            "{name} applied {runs:?}, which is not {} as {} runs it",
            release.tag,
            self.stage.name
        );
        self.check_memory(lab, &follower, files)?;
        let version = deployed.config_version;
        let session = self
            .reported(lab, "to report what it applied", |session| {
                session["applied"]["config_version"].as_u64().or(session["config_version"].as_u64())
                    == Some(version)
            })
            .await?;
        follower.shutdown().await;
        let applied_at = session["applied"]["applied_at"].as_str().or(session["applied_at"].as_str());
        let applied_at: chrono::DateTime<chrono::Utc> =
            applied_at.with_context(|| format!("{name} reports no instant: {session}"))?.parse()?;
        let after = (applied_at - deployed.activated_at).num_milliseconds().max(0);
        Ok(json!({
            "environment": self.stage.name,
            "release_tag": release.tag,
            "applied_version": version,
            "applied_after_ms": after,
        }))
    }

    /// The worker's memory holds the values that its environment was given, and the release's files.
    fn check_memory(&self, lab: &Lab, follower: &Follower, files: &BTreeSet<String>) -> Result<()> {
        let view = follower.view();
        let sketch = lab.scenario.environments.iter().find(|sketch| sketch.name == self.stage.name);
        for (parameter, wanted) in sketch.map(|sketch| &sketch.values).into_iter().flatten() {
            let found: Value = view.parameter(parameter)?;
            ensure!(
                found == *wanted,
                "{} has another value of {parameter} than {}",
                self.name,
                self.stage.name
            );
        }
        let found: BTreeSet<String> = view.files().map(|(path, _)| path.to_string()).collect();
        ensure!(
            found == *files,
            "{} has other files than the release: {:?}",
            self.name,
            found.symmetric_difference(files).take(5).collect::<Vec<_>>()
        );
        let mut followed = 0;
        for (path, hash) in view.files() {
            let Some(content) = view.file(path.as_str()) else {
                continue;
            };
            ensure!(ContentHash::of(&content) == *hash, "{} holds a wrong {path}", self.name);
            followed += 1;
        }
        ensure!(followed > 0, "{} keeps no file in memory", self.name);
        Ok(())
    }

    /// Waits until the server's list of the environment's workers has this one, as wanted.
    async fn reported(&self, lab: &Lab, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let reader = lab.manager()?;
        let path = lab.path(&format!("/environments/{}/workers", self.stage.id));
        until(&format!("{} {what}", self.name), async || {
            let workers = reader.get(&path).await?;
            let mut sessions = list(&workers, "data")?.iter();
            let found = sessions.find(|session| text(session, "name").is_ok_and(|name| name == self.name));
            Ok(found.filter(|session| wanted(session)).cloned())
        })
        .await
    }
}

/// Asks the server what every environment runs, and checks that it is the release.
pub(super) async fn running(lab: &Lab, release: &Published) -> Result<serde_json::Map<String, Value>> {
    let environments = lab.manager()?.get(&lab.path("/environments")).await?;
    let mut told = serde_json::Map::new();
    for environment in list(&environments, "data")? {
        let (name, running) = (text(environment, "name")?, &environment["running"]);
        for (key, wanted) in
            [("release_tag", &release.tag), ("release_commit", &release.commit), ("tree_id", &release.tree)]
        {
            ensure!(text(running, key)? == wanted, "{name} runs another {key} than {wanted}: {running}");
        }
        let entry = json!({
            "release_tag": release.tag, "tree_id": release.tree, "config_version": number(running, "config_version")?,
        });
        told.insert(name.to_owned(), entry);
    }
    ensure!(told.len() == lab.stages.len(), "not every environment is listed: {environments}");
    Ok(told)
}
