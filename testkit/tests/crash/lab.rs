//! A laboratory's app with its people, ready for a release: what every crash happens to.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use chrono::{SecondsFormat, TimeDelta, Utc};
use conman_testkit::ConmanProcess;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Client, list, text, until};
use crate::place::address;

const PASSWORD: &str = "violet-kettle-tundra";

/// The files that the app begins with.
const FILES: [(&str, &str); 5] = [
    ("catalog/queues.yml", CATALOG),
    ("entities/sample.yml", "name: sample\nfields:\n  - id\n  - material\n  - taken_at\n"),
    ("pages/home.yml", "title: Home\nmenu: main\nwidgets:\n  - worklist\n  - results\n"),
    ("pages/results.yml", "title: Results\ncolumns:\n  - sample\n  - value\n"),
    ("queues/analysis.yml", "name: analysis\nworkers: 2\n"),
];

const CATALOG: &str = "parameters:
  - name: batch_size
    type: int
    default: 20
    min: 1
    max: 500
    required: true
    group: queues
    description: How many samples are taken at once
    category: threshold
    hot_reloadable: true
    critical: false
    owner: laboratory
    deprecated: false
    excluded_from_runs: false
";

/// A changeset in the making.
#[derive(Debug, Clone)]
pub(crate) struct Proposal<'a> {
    /// Its title, and the name of its workspace.
    pub(crate) title: &'a str,
    /// The file that it writes.
    pub(crate) path: &'a str,
    /// The file's new content.
    pub(crate) text: String,
}

/// The app and its people, as they are told from outside; the same on every copy of its place.
#[derive(Debug, Clone)]
pub(crate) struct Lab {
    pub(crate) app_id: String,
    /// The environments' ids: dev, then prod, which is canonical.
    pub(crate) stages: [String; 2],
    admin: String,
    author: String,
    reviewer: String,
}

/// Everybody who acts, over one life of the server.
#[derive(Debug, Clone)]
pub(crate) struct People {
    /// Drafts, composes, publishes and deploys.
    pub(crate) manager: Client,
    /// Edits and submits.
    pub(crate) author: Client,
    /// Approves.
    pub(crate) reviewer: Client,
}

impl Lab {
    /// Sets everything up on a server that has nothing yet.
    pub(crate) async fn set_up(server: &ConmanProcess) -> Result<Self> {
        let url = address(server)?;
        let session = Client::new(&url, None)?;
        let link = text(server.ready(), "setup_url")?;
        let first = json!({
            "token": last_part(&link)?, "email": "mara@lab.example", "handle": "mara", "name": "Mara Ruiz",
            "password": PASSWORD,
        });
        session.post("/api/auth/setup", first).await?;
        let admin = personal_token(&session).await?;
        let manager = Client::new(&url, Some(&admin))?;
        let path = "/api/apps/import?name=Laboratory&slug=lab";
        let app = manager.upload(path, "application/x-git-bundle", bundle()?).await?;
        let app_id = text(&app, "id")?;
        let wanted = json!({"environments": [
            {"name": "dev", "canonical": false}, {"name": "prod", "canonical": true},
        ]});
        let path = format!("/api/apps/{app_id}/environments");
        let made = list(&manager.send(Method::PATCH, &path, wanted).await?, "data")?;
        ensure!(made.len() == 2, "two environments were asked for: {made:?}");
        let stages = [text(&made[0], "id")?, text(&made[1], "id")?];
        let author = joins(&manager, &url, &app_id, "ada", "user").await?;
        let reviewer = joins(&manager, &url, &app_id, "rolf", "reviewer").await?;
        Ok(Self { app_id, stages, admin, author, reviewer })
    }

    /// The people, over the present life of a server.
    pub(crate) fn people(&self, server: &ConmanProcess) -> Result<People> {
        let url = address(server)?;
        let person = |token: &str| Client::new(&url, Some(token));
        Ok(People {
            manager: person(&self.admin)?,
            author: person(&self.author)?,
            reviewer: person(&self.reviewer)?,
        })
    }

    /// A path below the app's.
    pub(crate) fn path(&self, below: &str) -> String {
        format!("/api/apps/{}{below}", self.app_id)
    }

    /// Brings a proposal from a new workspace into the queue; answers the changeset.
    pub(crate) async fn propose(&self, people: &People, proposal: &Proposal<'_>) -> Result<Value> {
        let workspace =
            people.author.post(&self.path("/workspaces"), json!({"name": proposal.title})).await?;
        let workspace = text(&workspace, "id")?;
        self.write(people, &workspace, proposal.path, &proposal.text).await?;
        let body = json!({"workspace_id": workspace, "title": proposal.title, "description": ""});
        let changeset = people.author.post(&self.path("/changesets"), body).await?;
        let path = self.path(&format!("/changesets/{}", text(&changeset, "id")?));
        people.author.post(&format!("{path}/submit"), json!({})).await?;
        until(&format!("{} to be in review", proposal.title), async || {
            let now = people.author.get(&path).await?;
            ensure!(now["findings"].as_array().is_none_or(Vec::is_empty), "it did not hold: {now}");
            Ok((now["state"] == "in_review").then_some(()))
        })
        .await?;
        let verdict = json!({"revision": 1, "verdict": "approve", "comment": ""});
        people.reviewer.post(&format!("{path}/review"), verdict).await?;
        Ok(people.author.post(&format!("{path}/queue"), json!({})).await?)
    }

    /// Writes a file of a workspace over what it holds now.
    pub(crate) async fn write(
        &self,
        people: &People,
        workspace: &str,
        path: &str,
        content: &str,
    ) -> Result<()> {
        let files = self.path(&format!("/workspaces/{workspace}"));
        let tree = people.author.get(&format!("{files}/tree")).await?;
        let present = list(&tree, "files")?.into_iter().find(|file| file["path"] == path);
        let expected = present.map_or(Value::Null, |file| file["blob"].clone());
        let edit = json!({"op": "put", "path": path, "expected_blob": expected, "text": content});
        people.author.send(Method::PUT, &format!("{files}/files"), json!({"edits": [edit]})).await?;
        Ok(())
    }

    /// Waits until the server has nothing more to do by itself.
    pub(crate) async fn settles(&self, people: &People) -> Result<()> {
        until("the server to bring everything to its end", async || {
            for state in ["queued", "running"] {
                let jobs = people.manager.get(&self.path(&format!("/jobs?state={state}&limit=1"))).await?;
                if jobs["total"] != 0 {
                    return Ok(None);
                }
            }
            let states = "assembling,publishing";
            let releases =
                people.manager.get(&self.path(&format!("/releases?state={states}&limit=1"))).await?;
            Ok((releases["total"] == 0).then_some(()))
        })
        .await
    }
}

/// Invites somebody, who accepts by the link in the mail; answers a personal access token.
async fn joins(admin: &Client, url: &str, app_id: &str, handle: &str, role: &str) -> Result<String> {
    let email = format!("{handle}@lab.example");
    admin.post(&format!("/api/apps/{app_id}/invites"), json!({"email": email, "role": role})).await?;
    let mails = list(&admin.get("/api/outbox?limit=200").await?, "data")?;
    let invite = |mail: &&Value| mail["to"] == email.as_str() && mail["link"].is_string();
    let mail = mails.iter().find(invite).context("no invite was mailed")?;
    let session = Client::new(url, None)?;
    let account = json!({"handle": handle, "name": handle, "password": PASSWORD});
    let body = json!({"token": last_part(&text(mail, "link")?)?, "account": account});
    session.post("/api/auth/accept-invite", body).await?;
    personal_token(&session).await
}

async fn personal_token(session: &Client) -> Result<String> {
    let expires_at = (Utc::now() + TimeDelta::days(2)).to_rfc3339_opts(SecondsFormat::Millis, true);
    let wish = json!({"name": "Crash test", "scope": "write", "expires_at": expires_at});
    text(&session.post("/api/me/tokens", wish).await?, "secret")
}

fn last_part(link: &str) -> Result<&str> {
    link.rsplit('/').next().filter(|part| !part.is_empty()).context("a link without a secret")
}

/// The app's files as a Git bundle with one commit on `main`.
fn bundle() -> Result<Vec<u8>> {
    let folder = conman_testkit::folder()?;
    for (path, content) in FILES {
        let file = folder.path().join(path);
        std::fs::create_dir_all(file.parent().context("a file lies in a folder")?)?;
        std::fs::write(file, content)?;
    }
    run_git(folder.path(), &["init", "--quiet", "--initial-branch=main"])?;
    run_git(folder.path(), &["add", "."])?;
    run_git(folder.path(), &["commit", "--quiet", "--message=Begin"])?;
    run_git(folder.path(), &["bundle", "create", "--quiet", ".git/app.bundle", "main"])?;
    Ok(std::fs::read(folder.path().join(".git/app.bundle"))?)
}

/// Runs git in a folder, uninfluenced by who runs the test; answers its standard output.
pub(crate) fn run_git(folder: &Path, arguments: &[&str]) -> Result<Vec<u8>> {
    let output = Command::new("git")
        .args(["-c", "safe.directory=*", "-c", "user.name=Test", "-c", "user.email=test@lab.example"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .current_dir(folder)
        .output()
        .context("cannot run git")?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "git {} ended with {}: {told}", arguments.join(" "), output.status);
    Ok(output.stdout)
}
