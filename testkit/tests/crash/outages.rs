//! A database server that is away in the middle of a deployment, and comes back.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::stream::{self, StreamExt as _};

use crate::client::until;
use crate::hold::Hold;
use crate::journey::{Journey, Reached};
use crate::line::Line;
use crate::memories;
use crate::place::{Backend, stop};
use crate::points::{Prepared, prepare};

/// How long the line to the store stays cut: nobody can be asked meanwhile how far the deployment is.
const AWAY: Duration = Duration::from_secs(2);

/// Which server is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Away {
    /// MongoDB, by a line that is cut.
    Mongo,
    /// PostgreSQL, by a line that is cut.
    Postgres,
    /// PostgreSQL, by its administrator: it ends the connections, and takes no new ones.
    PostgresByOrder,
}

/// The steps that need the distribution database.
const ON_POSTGRES: [&str; 3] =
    ["deploy.before_activate", "distribution.activate.before_commit", "distribution.activate.after_commit"];

/// Cuts the line to the distribution database at each step that needs it.
pub(crate) async fn postgres_goes_away() -> Result<()> {
    at_each(Away::Postgres, &ON_POSTGRES).await
}

/// Closes the distribution database at each step that needs it.
pub(crate) async fn postgres_is_closed() -> Result<()> {
    at_each(Away::PostgresByOrder, &ON_POSTGRES).await
}

/// Cuts the line to the store at each step that needs it.
pub(crate) async fn mongo_goes_away() -> Result<()> {
    let points =
        ["deploy.after_decision", "deploy.before_activate", "deploy.after_activate", "deploy.before_finish"];
    at_each(Away::Mongo, &points).await
}

async fn at_each(away: Away, points: &[&'static str]) -> Result<()> {
    let prepared = prepare(Backend::Servers).await?;
    let outcomes: Vec<(&str, Result<()>)> = stream::iter(points)
        .map(|point| (*point, &prepared))
        .map(|(point, prepared)| async move { (point, goes_away_at(prepared, away, point).await) })
        .buffer_unordered(points.len())
        .collect()
        .await;
    let failed =
        outcomes.into_iter().filter_map(|(point, outcome)| Some(format!("{point}: {:#}", outcome.err()?)));
    let failed: Vec<String> = failed.collect();
    ensure!(failed.is_empty(), "{}", failed.join("\n\n"));
    Ok(())
}

async fn goes_away_at(prepared: &Prepared, away: Away, point: &'static str) -> Result<()> {
    let lab = &prepared.lab;
    let place = prepared.place.copy().await?;
    let (mongo, postgres) = place.urls()?;
    let line = Line::to(if away == Away::Mongo { mongo } else { postgres }).await?;
    let command = match away {
        Away::Mongo => place.command_by(Some(&line.through(mongo)?), Some(postgres))?,
        Away::Postgres => place.command_by(Some(mongo), Some(&line.through(postgres)?))?,
        Away::PostgresByOrder => place.command()?,
    };
    let hold = Hold::at(point)?;
    let mut server = command.env("CONMAN_HOLD_AT", hold.variable()).start().await?;
    let people = lab.people(&server)?;
    let mut journey = Journey::new(lab, &lab.stages[0], prepared.changesets[..3].to_vec());
    journey.goes_to(&people, Reached::Requested).await?;
    until("the deployment to be held", async || Ok(hold.holds().then_some(()))).await?;
    let broken = if away == Away::PostgresByOrder {
        place.close_postgres().await?
    } else {
        line.cut();
        0
    };
    hold.release()?;
    if away == Away::Mongo {
        tokio::time::sleep(AWAY).await;
    } else {
        let jobs = lab.path("/jobs?type=deploy_release");
        until("the deployment's job to notice", async || {
            let jobs = people.manager.get(&jobs).await?;
            let attempt = jobs["data"][0]["attempt"].as_u64().context("the deployment has no job")?;
            Ok((attempt > 1).then_some(()))
        })
        .await?;
    }
    let broken = if away == Away::PostgresByOrder {
        place.open_postgres().await?;
        broken
    } else {
        line.mend();
        line.broken()
    };
    ensure!(broken > 0, "nobody was connected");

    journey.goes_on(&people).await.context("the deployment does not go on")?;
    lab.settles(&people).await?;
    stop(&mut server).await?;
    memories::check(&place).await?;
    Ok(())
}
