//! `conman demo --serve`: the sample app in the middle of a week's work.

use super::headless::throw_away;
use super::kept::Kept;
use super::lab::Lab;
use super::unfinished::Unfinished;
use super::week;
use crate::arguments::DemoArguments;
use crate::client::Client;
use crate::ending::{Ending, Outcome};
use crate::print;
use crate::server::{Server, ServerSettings};
use crate::services::{Places, make_private};
use crate::signals;
use anyhow::{Context as _, Result, anyhow, bail};
use std::path::Path;
use tokio_util::sync::CancellationToken;

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
    let Some(server) = started(&arguments, &data, &shutdown).await? else {
        return Ok(());
    };
    let prepared = tokio::select! {
        () = shutdown.cancelled() => return Ok(server.stop().await?),
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

/// Starts the server, and begins anew where an earlier run was stopped before the sample app was in place.
async fn started(
    arguments: &DemoArguments,
    data: &Path,
    shutdown: &CancellationToken,
) -> Outcome<Option<Server>> {
    let places = Places::new(data, arguments.store.as_deref(), arguments.distribution.as_deref())?;
    let settings = ServerSettings {
        listen: arguments.listen,
        data: data.to_owned(),
        places,
        public_url: None,
        mail: None,
        trusted_proxies: Vec::new(),
        local_imports: false,
    };
    // Started even if all of it is to go: who has the folder open is not to lose it.
    let Some(server) = Server::start(settings.clone(), shutdown).await? else {
        return Ok(None);
    };
    let Some(unfinished) = Unfinished::find(data)? else {
        return Ok(Some(server));
    };
    server.stop().await?;
    if arguments.store.is_some() || arguments.distribution.is_some() {
        return Err(Ending::Failed(anyhow!(
            "the demo in {} was stopped before it was in place: begin with an empty folder and empty databases",
            data.display()
        )));
    }
    unfinished.clear()?;
    Server::start(settings, shutdown).await
}

/// What an earlier run kept, or what a new one puts in place.
async fn prepared(server: &Server, data: &Path) -> Result<Kept> {
    match (Kept::load(data)?, server.setup_link().await?) {
        (Some(kept), None) => Ok(kept),
        (None, Some(link)) => {
            let unfinished = Unfinished::mark(data)?;
            let lab = Lab::set_up(Client::new(&server.url, None)?, &link, data).await?;
            week::fill(&lab).await?;
            let kept = Kept::of(&lab)?;
            kept.save(data)?;
            unfinished.unmark()?;
            Ok(kept)
        }
        (Some(_), Some(_)) => {
            bail!(
                "{} keeps the accounts of a demo, and the store has none: name that demo's store",
                data.display()
            )
        }
        (None, None) => bail!(
            "the store has accounts that {} knows nothing of: begin with an empty folder and store",
            data.display()
        ),
    }
}
