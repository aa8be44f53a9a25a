//! `conman demo --headless`: the main job, once, with proof.

use super::databases::Databases;
use super::lab::Lab;
use super::proof;
use super::proposals::Proposal;
use super::watchers::{Watcher, running};
use crate::arguments::DemoArguments;
use crate::client::Client;
use crate::ending::{Ending, Outcome};
use crate::print::{self, progress};
use crate::server::{Server, ServerSettings};
use crate::services::Places;
use crate::signals;
use anyhow::{Context as _, Result, anyhow};
use conman_worker::Source;
use serde_json::{Map, Value, json};
use std::path::Path;

/// Plays the main job once in a throw-away folder and prints what came of it.
pub(crate) async fn headless(arguments: DemoArguments) -> Outcome {
    let shutdown = signals::shutdown().map_err(Ending::CannotStart)?;
    let folder = throw_away().map_err(Ending::CannotStart)?;
    let databases = Databases::fresh(arguments.store.as_deref(), arguments.distribution.as_deref()).await;
    let databases = databases.map_err(Ending::CannotStart)?;
    let places = Places::new(folder.path(), databases.store.as_deref(), databases.distribution.as_deref())?;
    let settings = ServerSettings {
        listen: arguments.listen,
        data: folder.path().to_owned(),
        places: places.clone(),
        public_url: None,
        mail: None,
        trusted_proxies: Vec::new(),
        local_imports: false,
    };
    let played = match Server::start(settings, &shutdown).await {
        Ok(Some(server)) => {
            let played = tokio::select! {
                () = shutdown.cancelled() => Err(stopped_early()),
                played = play(&server, &places, folder.path()) => played,
            };
            let stopped = server.stop().await;
            played.and_then(|told| stopped.map(|()| told)).map_err(Ending::Failed)
        }
        Ok(None) => Err(Ending::Failed(stopped_early())),
        Err(ending) => Err(ending),
    };
    let removed = databases.remove().await;
    // Where both went wrong, how it was played says more.
    let told = played?;
    removed?;
    let shown = if arguments.json { told.to_string() } else { format!("{told:#}") };
    print::line(&shown).context("nobody reads the result")?;
    Ok(())
}

fn stopped_early() -> anyhow::Error {
    anyhow!("stopped before the demo was played to its end")
}

/// A folder that goes with the value.
pub(super) fn throw_away() -> Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix("conman-demo-").tempdir().context("a throw-away folder cannot be made")
}

async fn play(server: &Server, places: &Places, folder: &Path) -> Result<Value> {
    progress(format!("Conman serves {}", server.url));
    let link = server.setup_link().await?.context("the store has accounts already; name an empty one")?;
    let lab = Lab::set_up(Client::new(&server.url, None)?, &link, folder).await?;

    let proposals = lab.draft_all().await?;
    let members: Vec<&Proposal> = proposals.iter().collect();
    progress(format!("{} changesets were drafted", proposals.len()));
    lab.approve_all(&members).await?;
    progress(format!("{} changesets were validated, reviewed and approved", proposals.len()));
    for proposal in &members {
        lab.queue(proposal).await?;
    }

    let release = lab.draft_release(&members).await?;
    let composed = lab.check_composed(&lab.compose(&release).await?, &proposals)?;
    tell(&composed, &proposals);
    let release = lab.publish(&release).await?;
    progress(format!("{} was published as {}", release.tag, &release.commit[..12]));

    let first = lab.stages.first().context("the scenario has no environment")?;
    let over_http = |token: &str| Source::Http { server_url: server.url.clone(), token: token.to_owned() };
    let canonical = lab.canonical()?;
    let directly = if places.distribution_is_postgres() {
        let ids = (lab.app_id.parse::<uuid::Uuid>()?, canonical.id.parse::<uuid::Uuid>()?);
        Source::Postgres {
            url: places.distribution.clone(),
            app_id: ids.0.into(),
            environment_id: ids.1.into(),
        }
    } else {
        over_http(&canonical.service_token)
    };
    let watchers = [
        Watcher::start(&lab, "analyzer-1", first, over_http(&first.service_token)).await?,
        Watcher::start(&lab, "analyzer-2", canonical, directly).await?,
    ];
    let mut deployments = Vec::new();
    for stage in &lab.stages {
        let deployed = lab.deploy(&release, stage).await?;
        progress(format!("{} runs {} as version {}", stage.name, release.tag, deployed.config_version));
        deployments.push((&stage.id, deployed));
    }
    let files = proof::files(&lab, &places.repositories, &release)?;
    let mut workers = Map::new();
    for watcher in watchers {
        let deployed = deployments.iter().find(|(stage, _)| **stage == watcher.stage.id);
        let (_, deployed) = deployed.context("a worker follows no stage")?;
        let name = watcher.name;
        let told = watcher.applied(&lab, &release, deployed, &files).await?;
        let stage = told["environment"].as_str().unwrap_or_default();
        progress(format!("{name} on {stage} applied it after {} ms", told["applied_after_ms"]));
        workers.insert(name.to_owned(), told);
    }
    let environments = running(&lab, &release).await?;
    proof::in_git(&lab, &places.repositories, &release).await?;
    proof::in_api(&lab, &release, &proposals).await?;
    progress("all of it holds, in Git, in the API and in the audit log");
    Ok(json!({
        "release_tag": release.tag,
        "release_commit": release.commit,
        "composed": composed,
        "environments": environments,
        "workers": workers,
    }))
}

fn tell(composed: &Map<String, Value>, proposals: &[Proposal]) {
    let labels = proposals.iter().map(Proposal::label);
    let isolated: Vec<String> = labels
        .filter_map(|label| {
            let with = composed.get(&label)?.get("with")?.as_str()?;
            Some(format!("{label} (collides with {with})"))
        })
        .collect();
    let merged = composed.len() - isolated.len();
    progress(format!("the release was composed: {merged} merged, left out {}", isolated.join(", ")));
}
