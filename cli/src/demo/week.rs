//! The middle of a week's work: changesets in every state, and a release that is live everywhere.

use super::lab::Lab;
use super::proposals::Proposal;
use super::scenario::content;
use crate::client::{number, until};
use crate::print::progress;
use anyhow::{Context as _, Result};
use serde_json::json;

/// The first release, live everywhere.
const RELEASED: [&str; 5] = [
    "callback-read-back",
    "stat-target-45m",
    "worklist-overview",
    "retire-paper-form",
    "clearinghouse-timeout",
];
/// Queued before that release was published, and in its way: found conflicted after it.
const OVERTAKEN: [&str; 1] = ["stat-target-50m"];
/// In the draft of the next release.
const DRAFTED: [&str; 1] = ["accession-check-digit"];
/// Waiting in the queue.
const QUEUED: [&str; 1] = ["toxicology"];
/// Approved, and not queued yet.
const APPROVED: [&str; 1] = ["cold-chain-alarm"];
/// Waiting for a reviewer.
const IN_REVIEW: [&str; 3] = ["worklist-closed-at", "paper-form-copy-to", "menu-wording"];

/// Brings the changesets to where each is to be found.
pub(super) async fn fill(lab: &Lab) -> Result<()> {
    let proposals = lab.draft_all().await?;
    let of = |keys: &[&str]| -> Result<Vec<&Proposal>> {
        let found = keys.iter().map(|key| {
            let proposal = proposals.iter().find(|proposal| proposal.key == *key);
            proposal.with_context(|| format!("the scenario has no changeset {key}"))
        });
        found.collect()
    };
    let (released, overtaken, drafted) = (of(&RELEASED)?, of(&OVERTAKEN)?, of(&DRAFTED)?);
    let queued = [released.clone(), overtaken.clone(), drafted.clone(), of(&QUEUED)?].concat();
    let approved = [queued.clone(), of(&APPROVED)?].concat();
    let in_review = of(&IN_REVIEW)?;
    for proposal in &in_review {
        lab.submit(proposal).await?;
    }
    lab.approve_all(&approved).await?;
    for proposal in &queued {
        lab.queue(proposal).await?;
    }
    for proposal in &in_review {
        lab.in_review(proposal).await?;
    }
    talk(lab, of(&["menu-wording"])?[0]).await?;
    progress(format!("{} changesets are on their way", proposals.len()));

    let release = lab.draft_release(&released).await?;
    lab.compose(&release).await?;
    let release = lab.publish(&release).await?;
    for stage in &lab.stages {
        lab.deploy(&release, stage).await?;
    }
    progress(format!("{} is live everywhere", release.tag));
    for proposal in &overtaken {
        lab.changeset_in(proposal, "conflicted").await?;
    }
    settled(lab).await?;
    lab.draft_release(&drafted).await?;
    settled(lab).await
}

/// A reviewer asks about a line, and the author answers.
async fn talk(lab: &Lab, proposal: &Proposal) -> Result<()> {
    const PATH: &str = "menus/main.yml";
    const WORDS: &str = "Orders to suppliers";
    let comments = lab.changeset(proposal, "/comments");
    let sketch = lab.sketch(&proposal.key)?;
    let source = sketch.writes.get(PATH).cloned().flatten();
    let menu = content(&source.context("the wording of the menu is not changed")?)?;
    let line = String::from_utf8_lossy(&menu).lines().position(|line| line.contains(WORDS));
    let question = json!({
        "body": "The purchasing forms still say \"Purchase orders\". Do we change them in the same release?",
        "place": {"revision": 1, "path": PATH, "line": line.map(|above| above + 1)},
    });
    let question = lab.first_with("reviewer")?.post(&comments, question).await?;
    let answer = json!({
        "body": "They are printed once a year, so they follow in January.",
        "thread_id": question["id"],
    });
    lab.person(&sketch.author)?.post(&comments, answer).await?;
    Ok(())
}

/// Waits until no job is left.
async fn settled(lab: &Lab) -> Result<()> {
    let admin = lab.first_with("app_admin")?;
    until("the last jobs to end", async || {
        for state in ["queued", "running"] {
            let jobs = admin.get(&lab.path(&format!("/jobs?state={state}&limit=1"))).await?;
            if number(&jobs, "total")? > 0 {
                return Ok(None);
            }
        }
        Ok(Some(()))
    })
    .await
}
