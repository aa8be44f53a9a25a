//! `conman demo --serve`: the sample app in the middle of a week's work.

use super::headless::throw_away;
use super::kept::Kept;
use super::lab::Lab;
use super::proposals::Proposal;
use crate::arguments::DemoArguments;
use crate::client::{Client, number, until};
use crate::ending::{Ending, Outcome};
use crate::print::{self, progress};
use crate::server::{Server, ServerSettings};
use crate::services::{Places, make_private};
use crate::signals;
use anyhow::{Context as _, Result, anyhow, bail};
use std::path::Path;

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

/// Puts the sample app in place, unless it is, and serves it until told to stop.
pub(crate) async fn serve(arguments: DemoArguments) -> Outcome {
    let shutdown = signals::shutdown().map_err(Ending::CannotStart)?;
    let temporary = match &arguments.data {
        Some(_) => None,
        None => Some(throw_away().map_err(Ending::CannotStart)?),
    };
    let data = arguments.data.clone().or_else(|| temporary.as_ref().map(|folder| folder.path().to_owned()));
    let data = data.context("a folder for the data is needed").map_err(Ending::CannotStart)?;
    make_private(&data)
        .with_context(|| format!("the data folder {} cannot be made", data.display()))
        .map_err(Ending::CannotStart)?;
    let places = Places::new(&data, arguments.store.as_deref(), arguments.distribution.as_deref())?;
    let settings = ServerSettings {
        listen: arguments.listen,
        data: data.clone(),
        places,
        public_url: None,
        mail: None,
        local_imports: false,
    };
    let server = Server::start(settings, &shutdown).await?;
    let prepared = tokio::select! {
        () = shutdown.cancelled() => Err(anyhow!("stopped before the sample app was in place")),
        prepared = prepared(&server, &data) => prepared,
    };
    let kept = match prepared {
        Ok(kept) => kept,
        Err(error) => {
            server.stop().await?;
            return Err(Ending::Failed(error));
        }
    };
    let url = &server.public_url;
    let ready = if arguments.json { kept.to_json(url).to_string() } else { kept.to_table(url) };
    print::line(&ready).context("nobody reads that the server is ready")?;
    server.serve_until(&shutdown).await
}

/// What an earlier run kept, or what a new one puts in place.
async fn prepared(server: &Server, data: &Path) -> Result<Kept> {
    match (Kept::load(data)?, server.setup_link().await?) {
        (Some(kept), None) => Ok(kept),
        (None, Some(link)) => {
            let lab = Lab::set_up(Client::new(&server.url, None)?, &link, data).await?;
            fill(&lab).await?;
            let kept = Kept::of(&lab)?;
            kept.save(data)?;
            Ok(kept)
        }
        (Some(_), Some(_)) => {
            bail!(
                "{} keeps the accounts of a demo, and the store has none: name that demo's store",
                data.display()
            )
        }
        (None, None) => bail!(
            "the store has accounts that {} knows nothing of, or the demo there was stopped before it was in place: \
             begin with an empty folder and store",
            data.display()
        ),
    }
}

/// Brings the changesets to where each is to be found.
async fn fill(lab: &Lab) -> Result<()> {
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
