//! A database server that is away in the middle of a deployment, and comes back.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use conman_domain::job::Work;
use futures::stream::{self, StreamExt as _};

use crate::client::until;
use crate::journey::{Journey, Reached};
use crate::line::Line;
use crate::memories;
use crate::place::{Backend, stop};
use crate::points::{Prepared, prepare};

/// How long the deployment is held at a fault point, in ms: a busy machine may take seconds to see that it runs.
const HELD: u32 = 5_000;
/// How long after the deployment began the line is cut: it is held by then.
const BEFORE: Duration = Duration::from_millis(700);
/// How long the line stays cut: longer than the deployment is held, so that its next step finds nobody.
const AWAY: Duration = Duration::from_millis(6_500);

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

async fn goes_away_at(prepared: &Prepared, away: Away, point: &str) -> Result<()> {
    let lab = &prepared.lab;
    let place = prepared.place.copy().await?;
    let (mongo, postgres) = place.urls()?;
    let line = Line::to(if away == Away::Mongo { mongo } else { postgres }).await?;
    let command = match away {
        Away::Mongo => place.command_by(Some(&line.through(mongo)?), Some(postgres))?,
        Away::Postgres => place.command_by(Some(mongo), Some(&line.through(postgres)?))?,
        Away::PostgresByOrder => place.command()?,
    };
    let mut server = command.env("FAILPOINTS", format!("{point}=1*sleep({HELD})")).start().await?;
    let people = lab.people(&server)?;
    let mut journey = Journey::new(lab, &lab.stages[0], prepared.changesets[..3].to_vec());
    journey.goes_to(&people, Reached::Requested).await?;
    until("the deployment to run", async || {
        let deployments = people.manager.get(&lab.path("/deployments")).await?;
        let state = deployments["data"][0]["state"].as_str().context("no deployment")?;
        ensure!(state != "succeeded", "it was over before it was held at {point}");
        Ok((state == "running").then_some(()))
    })
    .await?;
    tokio::time::sleep(BEFORE).await;
    let broken = if away == Away::PostgresByOrder {
        let broken = place.close_postgres().await?;
        tokio::time::sleep(AWAY).await;
        place.open_postgres().await?;
        broken
    } else {
        line.cut();
        tokio::time::sleep(AWAY).await;
        line.mend();
        line.broken()
    };
    ensure!(broken > 0, "nobody was connected");

    journey.goes_on(&people).await.context("the deployment does not go on")?;
    lab.settles(&people).await?;
    stop(&mut server).await?;
    let (records, _) = memories::check(&place).await?;
    let job = records.jobs.iter().find(|job| matches!(job.work, Work::DeployRelease { .. }));
    let attempt = job.context("the deployment had no job")?.attempt;
    // The store's driver may have waited for its server; the distribution database is asked again by a new attempt.
    ensure!(attempt > 1 || away == Away::Mongo, "the job did not notice");
    Ok(())
}
