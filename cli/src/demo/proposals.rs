//! Changesets: edited, submitted, reviewed and queued by the people whose work they are.

use super::lab::Lab;
use super::scenario::{ChangesetSketch, content};
use crate::client::{Client, list, number, text, until};
use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How many people work at the same time.
const AT_ONCE: usize = 4;

/// A changeset of the scenario on the server.
#[derive(Debug, Clone)]
pub(super) struct Proposal {
    pub(super) key: String,
    pub(super) id: String,
    pub(super) number: u64,
}

impl Proposal {
    /// How people and releases name it.
    pub(super) fn label(&self) -> String {
        format!("#{}", self.number)
    }
}

impl Lab {
    /// The sketch of a changeset.
    pub(super) fn sketch(&self, key: &str) -> Result<&ChangesetSketch> {
        let sketch = self.scenario.changesets.iter().find(|sketch| sketch.key == key);
        sketch.with_context(|| format!("the scenario has no changeset {key}"))
    }

    /// Every author edits their files, each change in a workspace of its own, and opens a changeset for it.
    ///
    /// The changesets stay drafts, and are numbered as they are listed.
    pub(super) async fn draft_all(&self) -> Result<Vec<Proposal>> {
        let edited = stream::iter(&self.scenario.changesets).map(|sketch| self.edited(sketch));
        let workspaces: Vec<String> = edited.buffered(AT_ONCE).try_collect().await?;
        let mut proposals = Vec::new();
        for (sketch, workspace) in self.scenario.changesets.iter().zip(workspaces) {
            let author = self.person(&sketch.author)?;
            let wish =
                json!({"workspace_id": workspace, "title": sketch.title, "description": sketch.description});
            let changeset = author.post(&self.path("/changesets"), wish).await?;
            proposals.push(Proposal {
                key: sketch.key.clone(),
                id: text(&changeset, "id")?.to_owned(),
                number: number(&changeset, "number")?,
            });
        }
        Ok(proposals)
    }

    /// Submits changesets, and has each reviewed and approved as soon as its validation lets it.
    pub(super) async fn approve_all(&self, proposals: &[&Proposal]) -> Result<()> {
        let approved = stream::iter(proposals).map(|proposal| async {
            self.submit(proposal).await?;
            self.approve(proposal).await
        });
        approved.buffer_unordered(AT_ONCE).try_collect().await
    }

    /// Edits a changeset's files in a workspace of its own; answers the workspace's id.
    async fn edited(&self, sketch: &ChangesetSketch) -> Result<String> {
        let author = self.person(&sketch.author)?;
        let workspace = author.post(&self.path("/workspaces"), json!({"name": sketch.title})).await?;
        let workspace = text(&workspace, "id")?.to_owned();
        let edited = self.edit(&author, &workspace, sketch).await;
        edited.with_context(|| format!("the edits of {} were not taken", sketch.key))?;
        Ok(workspace)
    }

    /// The author submits a draft; its validation begins.
    pub(super) async fn submit(&self, proposal: &Proposal) -> Result<()> {
        let author = self.person(&self.sketch(&proposal.key)?.author)?;
        author.post(&self.changeset(proposal, "/submit"), json!({})).await?;
        Ok(())
    }

    /// Waits until the validation let a changeset into review.
    pub(super) async fn in_review(&self, proposal: &Proposal) -> Result<Value> {
        self.changeset_in(proposal, "in_review").await
    }

    /// Waits until a changeset is in a state.
    pub(super) async fn changeset_in(&self, proposal: &Proposal, state: &str) -> Result<Value> {
        let reader = self.first_with("reviewer")?;
        until(&format!("changeset {} to be {state}", proposal.label()), async || {
            let found = reader.get(&self.changeset(proposal, "")).await?;
            match found["state"].as_str() {
                Some(now) if now == state => Ok(Some(found)),
                Some("draft" | "changes_requested" | "rejected") => {
                    bail!("it was sent back: {}", found["findings"])
                }
                _ => Ok(None),
            }
        })
        .await
    }

    /// A reviewer approves the newest revision.
    async fn approve(&self, proposal: &Proposal) -> Result<()> {
        let changeset = self.in_review(proposal).await?;
        let verdict = json!({"revision": number(&changeset["revision"], "number")?, "verdict": "approve", "comment": ""});
        let after = self.first_with("reviewer")?.post(&self.changeset(proposal, "/review"), verdict).await?;
        ensure!(text(&after, "state")? == "approved", "{} was not approved: {after}", proposal.label());
        Ok(())
    }

    /// The author queues an approved changeset.
    pub(super) async fn queue(&self, proposal: &Proposal) -> Result<()> {
        let author = self.person(&self.sketch(&proposal.key)?.author)?;
        author.post(&self.changeset(proposal, "/queue"), json!({})).await?;
        Ok(())
    }

    /// A path below a changeset's.
    pub(super) fn changeset(&self, proposal: &Proposal, below: &str) -> String {
        self.path(&format!("/changesets/{}{below}", proposal.id))
    }

    /// Moves first, then deletes and writes, each naming the content that it replaces.
    async fn edit(&self, author: &Client, workspace: &str, sketch: &ChangesetSketch) -> Result<()> {
        let files = self.path(&format!("/workspaces/{workspace}/files"));
        let mut blobs = self.blobs(author, workspace).await?;
        let mut moves = Vec::new();
        for (from, to) in &sketch.moves {
            let blob = blobs.remove(from).with_context(|| format!("{from} is not there to be moved"))?;
            moves.push(json!({"op": "move", "from": from, "to": to, "expected_blob": blob}));
            blobs.insert(to.clone(), blob);
        }
        if !moves.is_empty() {
            author.write(Method::PUT, &files, None, json!({"edits": moves})).await?;
        }
        let mut edits = Vec::new();
        for path in &sketch.deletes {
            let blob = blobs.get(path).with_context(|| format!("{path} is not there to be deleted"))?;
            edits.push(json!({"op": "delete", "path": path, "expected_blob": blob}));
        }
        for (path, source) in &sketch.writes {
            let source = source.as_deref().with_context(|| format!("{path} has no content"))?;
            let mut edit = json!({"op": "put", "path": path, "expected_blob": blobs.get(path)});
            match String::from_utf8(content(source)?) {
                Ok(text) => edit["text"] = json!(text),
                Err(binary) => edit["base64"] = json!(STANDARD.encode(binary.as_bytes())),
            }
            edits.push(edit);
        }
        if !edits.is_empty() {
            author.write(Method::PUT, &files, None, json!({"edits": edits})).await?;
        }
        Ok(())
    }

    /// The blobs of a workspace's files, by path.
    async fn blobs(&self, author: &Client, workspace: &str) -> Result<BTreeMap<String, String>> {
        let tree = author.get(&self.path(&format!("/workspaces/{workspace}/tree"))).await?;
        let files = list(&tree, "files")?.iter();
        files.map(|file| Ok((text(file, "path")?.to_owned(), text(file, "blob")?.to_owned()))).collect()
    }
}
