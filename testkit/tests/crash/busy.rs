//! A kill at any moment of a busy day: people go on as soon as the server is back, and find everything as it was.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use conman_testkit::ConmanProcess;
use futures::future::try_join_all;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::client::{Failed, list, text, until};
use crate::lab::{Lab, People};
use crate::memories;
use crate::place::{Backend, Place, stop};

/// How often the server is killed.
const ROUNDS: usize = 10;
/// How long it lives each time, in ms: short enough to meet the start, long enough for a whole release.
const LIFE: std::ops::Range<u64> = 250..3_500;
/// How many changesets are on their way at once.
const AUTHORS: usize = 4;
/// How many workspaces are edited all the time.
const EDITORS: usize = 2;
const MOMENT: Duration = Duration::from_millis(40);

/// What becomes of the server.
#[derive(Debug, Clone)]
enum Life {
    Down,
    Up(People),
    Over,
}

/// What the server has acknowledged.
#[derive(Debug, Default)]
struct Ledger {
    /// Paths of things that were made.
    made: BTreeSet<String>,
    /// The tags of releases that were seen published.
    tags: BTreeSet<String>,
    /// How many deployments were asked for.
    deployments: u32,
    /// By workspace and path: what was written last, and what may have been written since.
    files: BTreeMap<(String, String), Written>,
}

#[derive(Debug, Clone, Default)]
struct Written {
    acknowledged: Option<String>,
    in_doubt: Option<String>,
}

/// Everything that the people of one busy day share.
struct Day<'a> {
    lab: &'a Lab,
    ledger: Mutex<Ledger>,
    life: watch::Sender<Life>,
}

/// Kills a busy server again and again, at moments that a seed decides.
pub(crate) async fn kill_at_random(backend: Backend) -> Result<()> {
    seeded(backend, 1).await
}

/// Kills now the one and now the other of two servers that share everything; people go to the one that is left.
pub(crate) async fn kill_either_of_two() -> Result<()> {
    seeded(Backend::Servers, 2).await
}

async fn seeded(backend: Backend, servers: usize) -> Result<()> {
    let seed = match std::env::var("CONMAN_CRASH_SEED") {
        Ok(seed) => seed.parse().context("CONMAN_CRASH_SEED is a number")?,
        Err(_) => 20_260_102,
    };
    play(backend, servers, seed).await.with_context(|| format!("with CONMAN_CRASH_SEED={seed}"))
}

async fn play(backend: Backend, count: usize, seed: u64) -> Result<()> {
    let place = Place::fresh(backend).await?;
    let mut command = place.command()?;
    if count > 1 {
        command = command.arg("--shared-repositories");
    }
    let mut servers = vec![command.clone().start().await?];
    let lab = Lab::set_up(&servers[0]).await?;
    while servers.len() < count {
        servers.push(command.clone().start().await?);
    }
    let people = lab.people(&servers[0])?;
    let mut workspaces = Vec::new();
    for number in 0..AUTHORS + EDITORS {
        let made =
            people.author.post(&lab.path("/workspaces"), json!({"name": format!("Busy {number}")})).await?;
        workspaces.push((text(&made, "id")?, text(&made, "branch")?));
    }
    let day = Day { lab: &lab, ledger: Mutex::default(), life: watch::Sender::new(Life::Up(people)) };
    let (writing, editing) = workspaces.split_at(AUTHORS);
    let busy = async {
        tokio::try_join!(
            day.kills(&mut servers, StdRng::seed_from_u64(seed)),
            day.manages(),
            try_join_all(writing.iter().enumerate().map(|(number, (id, _))| day.authors(number, id))),
            try_join_all(editing.iter().map(|(id, _)| day.edits(id))),
        )
    };
    if let Err(error) = busy.await {
        let logs: Vec<String> = servers.iter().map(ConmanProcess::log).collect();
        return Err(error.context(format!("the servers said:\n{}", logs.join("\n---\n"))));
    }

    let people = lab.people(&servers[0])?;
    lab.settles(&people).await?;
    let ledger = day.ledger.into_inner().unwrap_or_else(PoisonError::into_inner);
    for path in &ledger.made {
        people.manager.get(path).await.context("it was acknowledged, and is gone")?;
    }
    for server in &mut servers {
        stop(server).await?;
    }
    if count > 1 {
        // What a killed server left where nobody came by again is removed by the next one that is alone.
        servers[0].restart().await?;
        stop(&mut servers[0]).await?;
    }
    let (records, repository) = memories::check(&place).await?;
    let published = records.releases.iter().filter_map(|(release, _)| release.status.publication());
    let tags: BTreeSet<String> = published.map(|publication| publication.tag.to_string()).collect();
    ensure!(ledger.tags.is_subset(&tags), "seen were {:?}, left are {tags:?}", ledger.tags);
    for ((workspace, path), written) in &ledger.files {
        let (_, branch) =
            editing.iter().find(|(id, _)| id == workspace).context("an edit of no workspace")?;
        let now = repository.working_file(workspace, branch, path)?;
        let kept = now == written.acknowledged || (now.is_some() && now == written.in_doubt);
        ensure!(kept, "{path} of {workspace} is {now:?}, and was acknowledged as {written:?}");
    }
    Ok(())
}

impl Day<'_> {
    /// Kills one server after the other; where there are two, people are at the other one by then.
    async fn kills(&self, servers: &mut [ConmanProcess], mut random: StdRng) -> Result<()> {
        for round in 0..ROUNDS {
            tokio::time::sleep(Duration::from_millis(random.random_range(LIFE))).await;
            let (dies, stays) = (round % servers.len(), (round + 1) % servers.len());
            servers[dies].kill().await?;
            if stays == dies {
                self.life.send_replace(Life::Down);
            } else {
                self.life.send_replace(Life::Up(self.lab.people(&servers[stays])?));
            }
            servers[dies].restart().await.with_context(|| format!("no start after kill {round}"))?;
            self.life.send_replace(Life::Up(self.lab.people(&servers[stays])?));
        }
        // A day on which little happened would prove little.
        let wanted = |ledger: &mut Ledger| {
            ledger.tags.len() >= 2 && ledger.deployments >= 2 && !ledger.files.is_empty()
        };
        until("two releases and two deployments", async || Ok(self.notes(wanted).then_some(()))).await?;
        self.life.send_replace(Life::Over);
        Ok(())
    }

    /// Takes turns until the day is over. A turn that the server's death interrupts is taken again in its next life;
    /// one that another's turn made impossible is taken again, too.
    async fn takes_turns(&self, mut turn: impl AsyncFnMut(&People) -> Result<()>) -> Result<()> {
        let mut life = self.life.subscribe();
        loop {
            let people = match &*life.wait_for(|life| !matches!(life, Life::Down)).await? {
                Life::Up(people) => people.clone(),
                Life::Down | Life::Over => return Ok(()),
            };
            if let Err(error) = turn(&people).await {
                match error.downcast_ref::<Failed>() {
                    Some(Failed::Gone(_) | Failed::Refused { status: StatusCode::CONFLICT, .. }) => {}
                    Some(Failed::Refused { .. }) | None => return Err(error),
                }
            }
            tokio::time::sleep(MOMENT).await;
        }
    }

    fn notes<T>(&self, note: impl FnOnce(&mut Ledger) -> T) -> T {
        note(&mut self.ledger.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn made(&self, below: String) {
        self.notes(|ledger| ledger.made.insert(self.lab.path(&below)));
    }

    fn deployed(&self, deployment: &Value) -> Result<()> {
        self.made(format!("/deployments/{}", text(deployment, "id")?));
        self.notes(|ledger| ledger.deployments += 1);
        Ok(())
    }

    /// Edits some files of a workspace over and over.
    async fn edits(&self, workspace: &str) -> Result<()> {
        let mut count = 0_u32;
        let files = self.lab.path(&format!("/workspaces/{workspace}"));
        self.takes_turns(async |people| {
            count += 1;
            let (path, content) = (format!("notes/{}.yml", count % 3), format!("count: {count}\n"));
            let key = (workspace.to_owned(), path.clone());
            let tree = list(&people.author.get(&format!("{files}/tree")).await?, "files")?;
            let expected =
                tree.iter().find(|file| file["path"] == path.as_str()).map(|file| file["blob"].clone());
            self.settles_doubt(people, &files, &key, expected.is_some()).await?;
            let edit = json!({"op": "put", "path": path, "expected_blob": expected, "text": content});
            self.notes(|ledger| {
                ledger.files.entry(key.clone()).or_default().in_doubt = Some(content.clone())
            });
            people.author.send(Method::PUT, &format!("{files}/files"), json!({"edits": [edit]})).await?;
            let written = Written { acknowledged: Some(content), in_doubt: None };
            self.notes(|ledger| ledger.files.insert(key, written));
            Ok(())
        })
        .await
    }

    /// After a write that nobody answered, the file holds what it held or what was written, and nothing else.
    async fn settles_doubt(
        &self,
        people: &People,
        files: &str,
        key: &(String, String),
        exists: bool,
    ) -> Result<()> {
        let written = self.notes(|ledger| ledger.files.get(key).cloned().unwrap_or_default());
        let now = match exists {
            true => Some(text(&people.author.get(&format!("{files}/files?path={}", key.1)).await?, "text")?),
            false => None,
        };
        let kept = now == written.acknowledged || (now.is_some() && now == written.in_doubt);
        ensure!(kept, "{} is {now:?}, and was acknowledged as {written:?}", key.1);
        self.notes(|ledger| ledger.files.insert(key.clone(), Written { acknowledged: now, in_doubt: None }));
        Ok(())
    }

    /// Brings one changeset after the other from a workspace into the queue.
    async fn authors(&self, number: usize, workspace: &str) -> Result<()> {
        let mut count = 0_u32;
        self.takes_turns(async |people| {
            count += 1;
            let newest = self.newest_of(people, workspace).await?;
            let Some(newest) = newest.filter(|newest| !is_over(newest)) else {
                self.begins(people, workspace, number, count).await?;
                let wish = json!({"workspace_id": workspace, "title": format!("Busy {count}"), "description": ""});
                let made = people.author.post(&self.lab.path("/changesets"), wish).await?;
                self.made(format!("/changesets/{}", text(&made, "id")?));
                return Ok(());
            };
            let path = self.lab.path(&format!("/changesets/{}", text(&newest, "id")?));
            match newest["state"].as_str().unwrap_or_default() {
                "draft" => match people.author.post(&format!("{path}/submit"), json!({})).await {
                    Err(Failed::Refused { status: StatusCode::CONFLICT, .. }) => {
                        self.begins(people, workspace, number, count).await?;
                    }
                    other => drop(other?),
                },
                "in_review" => {
                    let verdict = json!({"revision": newest["revision"]["number"], "verdict": "approve", "comment": ""});
                    people.reviewer.post(&format!("{path}/review"), verdict).await?;
                }
                "approved" => match people.author.post(&format!("{path}/queue"), json!({})).await {
                    Err(Failed::Refused { code, .. }) if code == "sync_required" => {
                        self.syncs(people, workspace, &path).await?;
                    }
                    other => drop(other?),
                },
                "submitted" => ensure!(newest["findings"].as_array().is_none_or(Vec::is_empty), "{newest}"),
                _ => {}
            }
            Ok(())
        })
        .await
    }

    async fn newest_of(&self, people: &People, workspace: &str) -> Result<Option<Value>> {
        let changesets = people.author.get(&self.lab.path("/changesets?limit=200")).await?;
        Ok(list(&changesets, "data")?.into_iter().find(|changeset| changeset["workspace_id"] == workspace))
    }

    /// Starts again from today's baseline, with a change of its own or one that collides with others'.
    async fn begins(&self, people: &People, workspace: &str, number: usize, count: u32) -> Result<()> {
        let path = self.lab.path(&format!("/workspaces/{workspace}/reset"));
        people.author.post(&path, json!({})).await?;
        let (path, content) = match count % 3 {
            0 => ("pages/home.yml".to_owned(), format!("title: Home {number}-{count}\nmenu: main\n")),
            _ => (format!("pages/busy-{number}.yml"), format!("title: Busy {count}\n")),
        };
        self.lab.write(people, workspace, &path, &content).await
    }

    /// Takes in what was published meanwhile; a changeset that collides with it begins again as a draft.
    async fn syncs(&self, people: &People, workspace: &str, changeset: &str) -> Result<()> {
        let sync = self.lab.path(&format!("/workspaces/{workspace}"));
        let synced = people.author.post(&format!("{sync}/sync-integration"), json!({"mode": "merge"})).await;
        let clean = synced.as_ref().is_ok_and(|synced| synced["pending"].is_null());
        if !clean {
            if synced.as_ref().is_err_and(Failed::is_gone) {
                synced?;
            }
            people.author.post(&format!("{sync}/sync/abort"), json!({})).await?;
            people.author.post(&format!("{changeset}/move-to-draft"), json!({})).await?;
        }
        Ok(())
    }

    /// Releases what is queued, one release at a time, and brings the newest to both environments.
    async fn manages(&self) -> Result<()> {
        self.takes_turns(async |people| {
            self.releases(people).await?;
            self.deploys(people).await
        })
        .await
    }

    async fn releases(&self, people: &People) -> Result<()> {
        let path = self.lab.path("/jobs?type=release_publish&limit=200");
        let jobs = list(&people.manager.get(&path).await?, "data")?;
        let publishing = jobs.iter().any(|job| matches!(job["state"].as_str(), Some("queued" | "running")));
        let releases = list(&people.manager.get(&self.lab.path("/releases?limit=200")).await?, "data")?;
        for release in &releases {
            if let Some(tag) = release["tag"].as_str() {
                self.notes(|ledger| ledger.tags.insert(tag.to_owned()));
            }
        }
        if let Some(open) = releases.iter().find(|release| is_open(release)) {
            let path = self.lab.path(&format!("/releases/{}", text(open, "id")?));
            match open["state"].as_str().unwrap_or_default() {
                "draft_release" => drop(
                    people
                        .manager
                        .post(&format!("{path}/assemble"), json!({"on_isolation": "continue"}))
                        .await?,
                ),
                "validated" if !publishing => {
                    drop(people.manager.post(&format!("{path}/publish"), json!({})).await?)
                }
                _ => {}
            }
            return Ok(());
        }
        let queue = list(&people.manager.get(&self.lab.path("/queue")).await?, "data")?;
        let free = queue.iter().filter(|changeset| changeset["held_by_release"].is_null());
        let picked: Vec<&Value> = free.take(3).map(|changeset| &changeset["id"]).collect();
        if !picked.is_empty() {
            let made =
                people.manager.post(&self.lab.path("/releases"), json!({"changeset_ids": picked})).await?;
            self.made(format!("/releases/{}", text(&made, "id")?));
        }
        Ok(())
    }

    async fn deploys(&self, people: &People) -> Result<()> {
        let states = "published,deployed_partial,deployed_full";
        let path = self.lab.path(&format!("/releases?state={states}&limit=200"));
        let releases = list(&people.manager.get(&path).await?, "data")?;
        let newest =
            releases.iter().max_by_key(|release| release["published_at"].as_str().map(str::to_owned));
        let Some(newest) = newest else { return Ok(()) };
        let environments = list(&people.manager.get(&self.lab.path("/environments")).await?, "data")?;
        let [dev, prod] = environments.as_slice() else {
            anyhow::bail!("two environments: {environments:?}")
        };
        let runs = |environment: &Value| environment["running"]["release_id"].clone();
        let path = |environment: &Value, verb: &str| {
            self.lab.path(&format!("/environments/{}/{verb}", environment["id"].as_str().unwrap_or_default()))
        };
        if dev["active_deployment"].is_null() && runs(dev) != newest["id"] {
            let wish = json!({"release_id": newest["id"]});
            let asked = people.manager.post(&path(dev, "deploy"), wish).await?;
            self.deployed(&asked)?;
        }
        if prod["active_deployment"].is_null() && !runs(dev).is_null() && runs(dev) != runs(prod) {
            let asked = people.manager.post(&path(prod, "promote"), json!({})).await?;
            self.deployed(&asked)?;
        }
        Ok(())
    }
}

/// True for a changeset that goes nowhere any more by itself.
fn is_over(changeset: &Value) -> bool {
    matches!(changeset["state"].as_str(), Some("released" | "conflicted" | "needs_revalidation" | "rejected"))
}

/// True for a release that is to be gone on with; not for one all of whose members were sent back.
fn is_open(release: &Value) -> bool {
    match release["state"].as_str().unwrap_or_default() {
        "assembling" | "validated" | "publishing" => true,
        "draft_release" => {
            let members = release["members"].as_array().into_iter().flatten();
            members.map(|member| &member["result"]).all(|result| *result == "pending" || *result == "merged")
        }
        _ => false,
    }
}
