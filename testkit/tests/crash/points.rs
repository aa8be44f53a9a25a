//! A kill at each fault point of composing, publishing, deploying and saving.

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use conman_domain::changeset::ChangesetStatus;
use conman_domain::job::Work;
use conman_domain::release::MemberResult;
use conman_testkit::{ConmanCommand, ConmanProcess, binary};
use futures::stream::{self, StreamExt as _};

use crate::client::{is_gone, list, text};
use crate::journey::{Journey, Reached};
use crate::lab::{Lab, People, Proposal};
use crate::memories::{self, Records};
use crate::place::{Backend, Place, stop};

const SIGKILL: i32 = 9;
/// How long a server may take to die after the request that killed it.
const DEATH: Duration = Duration::from_secs(20);
/// How many servers live at once: mostly they wait for the lease of a dead one to end.
const AT_ONCE: usize = 10;

/// The points that a server passes again right after its start when it was killed there.
const REPLAYED: [&str; 7] = [
    "publish.before_tag",
    "publish.after_tag",
    "publish.after_branch",
    "publish.before_finish",
    "save.before_activate",
    "save.after_activate",
    "save.before_finish",
];

/// What a fault point interrupts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Compose,
    Publish,
    /// Also what is new here and none of the others.
    Deploy,
    Save,
}

impl Step {
    fn of(point: &str) -> Self {
        match point.split('.').next() {
            Some("compose") => Self::Compose,
            Some("publish") => Self::Publish,
            Some("save") => Self::Save,
            Some(_) | None => Self::Deploy,
        }
    }

    /// What the release has come to once the step is done.
    fn done(self) -> Reached {
        match self {
            Self::Compose => Reached::Composed,
            Self::Publish => Reached::Published,
            Self::Deploy => Reached::Deployed,
            Self::Save => Reached::Saved,
        }
    }

    /// Whether a job is of this step.
    fn is_done_by(self, work: &Work) -> bool {
        match work {
            Work::ReleaseAssemble { .. } => self == Self::Compose,
            Work::ReleasePublish { .. } => self == Self::Publish,
            Work::DeployRelease { .. } => self == Self::Deploy,
            Work::MsuiteSubmit { .. }
            | Work::RevalidateQueuedChangeset { .. }
            | Work::SendNotification { .. } => false,
        }
    }
}

/// An app with four queued changesets: the third collides with the second, the fourth is for later.
pub(crate) struct Prepared {
    pub(crate) place: Place,
    pub(crate) lab: Lab,
    pub(crate) changesets: Vec<String>,
}

/// Kills a server at each fault point of a step, and looks at what comes of it.
pub(crate) async fn kill_at_each(backend: Backend, step: Step) -> Result<()> {
    let points = conman_workflow::faults::FAULT_POINTS.iter().chain(&conman_distribution::FAULT_POINTS);
    let points: Vec<&str> = points.copied().filter(|point| Step::of(point) == step).collect();
    ensure!(!points.is_empty(), "{step:?} has no fault points");
    has_fault_points().await?;
    let prepared = prepare(backend).await?;
    let outcomes: Vec<(&str, Result<()>)> = stream::iter(points)
        .map(|point| (point, &prepared))
        .map(|(point, prepared)| async move { (point, kill_at(prepared, point).await) })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let failed =
        outcomes.into_iter().filter_map(|(point, outcome)| Some(format!("{point}: {:#}", outcome.err()?)));
    let failed: Vec<String> = failed.collect();
    ensure!(failed.is_empty(), "{}", failed.join("\n\n"));
    Ok(())
}

pub(crate) async fn prepare(backend: Backend) -> Result<Prepared> {
    let place = Place::fresh(backend).await?;
    let mut server = place.command()?.start().await?;
    let lab = Lab::set_up(&server).await?;
    let people = lab.people(&server)?;
    let mut changesets = Vec::new();
    for (title, path, content) in [
        ("Show the material", "entities/sample.yml", "name: sample\nfields:\n  - id\n  - material\n"),
        ("Worklist first", "pages/home.yml", "title: Home\nmenu: main\nwidgets:\n  - worklist\n"),
        ("Results first", "pages/home.yml", "title: Home\nmenu: main\nwidgets:\n  - results\n"),
        ("More workers", "queues/analysis.yml", "name: analysis\nworkers: 4\n"),
    ] {
        let queued = lab.propose(&people, &Proposal { title, path, text: content.to_owned() }).await?;
        changesets.push(text(&queued, "id")?);
    }
    lab.settles(&people).await?;
    stop(&mut server).await?;
    Ok(Prepared { place, lab, changesets })
}

/// A binary without fault points would only be told by servers that do not die.
async fn has_fault_points() -> Result<()> {
    let binary = binary::conman_with_failpoints()?;
    let refusing = ConmanCommand::new(&binary).arg("openapi").env("CONMAN_KILL_AT", "no.such.point");
    let refused = !refusing.run(DEATH).await?.status.success();
    ensure!(
        refused,
        "{} has no fault points: build it with `cargo xtask build --failpoints`",
        binary.display()
    );
    Ok(())
}

async fn kill_at(prepared: &Prepared, point: &str) -> Result<()> {
    let (lab, step) = (&prepared.lab, Step::of(point));
    let place = prepared.place.copy().await?;
    let command = place.command()?;
    let mut server = command.clone().env("CONMAN_KILL_AT", point).start().await?;
    let mut journey = Journey::new(lab, &lab.stages[0], prepared.changesets[..3].to_vec());
    dies(&mut server, lab, &mut journey, step).await?;
    if REPLAYED.contains(&point) {
        // The first thing that the next life does is to finish what was decided: it passes the same point.
        let started = server.restart().await;
        let status = server.ended(DEATH).await?;
        ensure!(status.signal() == Some(SIGKILL), "the second life ended with {status}: {started:?}");
    }

    server.restart_with(command).await.context("the server does not start after the kill")?;
    let people = lab.people(&server)?;
    lab.settles(&people).await?;
    journey.is_kept(&people).await?;
    // What a person asked for and was not decided is not done; everything else is brought to its end.
    let done = if point == "save.before_decision" { Reached::Deployed } else { step.done() };
    let stands = journey.stands_at(&people, done).await?;
    ensure!(stands == done, "after the restart the release stands at {stands:?}");
    stop(&mut server).await?;
    let (records, _) = memories::check(&place).await.context("after the restart")?;
    check_first(&records, step, stands)?;

    server.restart().await?;
    let people = lab.people(&server)?;
    journey.goes_on(&people).await.context("the release does not go on")?;
    second_release(prepared, &people).await.context("no second release")?;
    lab.settles(&people).await?;
    stop(&mut server).await?;
    let (records, _) = memories::check(&place).await.context("after the second release")?;
    check_first(&records, step, Reached::Deployed)?;
    check_second(&records)
}

/// Plays the release until the server dies at its armed fault point, and not before.
async fn dies(server: &mut ConmanProcess, lab: &Lab, journey: &mut Journey<'_>, step: Step) -> Result<()> {
    let people = lab.people(server)?;
    match journey.goes_to(&people, step.done().max(Reached::Deployed)).await {
        Ok(()) => {
            // What lies behind the last thing that a person sees may be a moment later.
            let waited = server.ended(DEATH).await;
            waited.map(|_| ()).context("the release ran, and the server has not passed the fault point")?;
        }
        Err(error) if is_gone(&error) => {}
        Err(error) => return Err(error.context("something failed before the fault point")),
    }
    let status = server.ended(DEATH).await?;
    ensure!(status.signal() == Some(SIGKILL), "the server ended with {status}:\n{}", server.log());
    ensure!(journey.reached <= step.done(), "{step:?} was killed, and {:?} was reached", journey.reached);
    Ok(())
}

/// Composes, publishes and deploys what was left in the queue, and promotes it.
async fn second_release(prepared: &Prepared, people: &People) -> Result<()> {
    let (lab, changesets) = (&prepared.lab, prepared.changesets[3..].to_vec());
    let mut dev = Journey::new(lab, &lab.stages[0], changesets.clone());
    dev.goes_on(people).await?;
    let mut prod = Journey::new(lab, &lab.stages[1], changesets);
    prod.goes_on(people).await?;
    let path = lab.path("/environments");
    for environment in list(&people.manager.get(&path).await?, "data")? {
        ensure!(environment["running"].is_object(), "an environment runs nothing: {environment}");
        ensure!(environment["active_deployment"].is_null(), "an environment is held: {environment}");
    }
    Ok(())
}

/// The first release is what it would have been without a kill, and nothing took another attempt without a reason.
fn check_first(records: &Records, step: Step, reached: Reached) -> Result<()> {
    let (release, members) = records.releases.first().context("the release is gone")?;
    let results: Vec<&str> = members
        .iter()
        .map(|member| match &member.result {
            MemberResult::Merged { .. } => "merged",
            MemberResult::Conflicted { .. } => "conflicted",
            MemberResult::Invalid { .. } => "invalid",
            MemberResult::Pending => "pending",
        })
        .collect();
    ensure!(results == ["merged", "merged", "conflicted"], "the members came out as {results:?}");
    let states: Vec<&str> = records.changesets.iter().map(|changeset| changeset.status.name()).collect();
    let in_release = if reached >= Reached::Published { "released" } else { "queued" };
    ensure!(states[..3] == [in_release, in_release, "conflicted"], "the changesets are {states:?}");
    let ChangesetStatus::Conflicted { collisions, .. } = &records.changesets[2].status else {
        bail!("the third changeset is {states:?}")
    };
    let named = collisions.iter().any(|c| c.path == "pages/home.yml" && c.with == "#2");
    ensure!(named, "it is not said what the third collides with: {collisions:?}");
    let tagged = release.status.publication().is_some();
    ensure!(
        tagged == (reached >= Reached::Published),
        "at {reached:?} the release is {}",
        release.status.name()
    );
    check_attempts(records, step)?;
    check_mails_told_once(records)
}

/// The interrupted job took another attempt; no other job did, unless its log says that it broke or that its runner was
/// not heard of, as happens on a machine that is too busy.
fn check_attempts(records: &Records, step: Step) -> Result<()> {
    for kind in [Step::Compose, Step::Publish, Step::Deploy] {
        let jobs: Vec<_> = records.jobs.iter().filter(|job| kind.is_done_by(&job.work)).collect();
        ensure!(kind > step || !jobs.is_empty(), "no job was there to {kind:?}");
        for (index, job) in jobs.into_iter().enumerate() {
            let (attempts, log) = (job.attempt, &records.logs[&job.id]);
            let killed = kind == step && index == 0;
            ensure!(!killed || attempts > 1, "the job that was killed took one attempt: {log:#?}");
            let explained = log.iter().filter(|line| line.explains_another_attempt()).count();
            let told = u32::try_from(explained)? + 1;
            ensure!(attempts == told, "a job to {kind:?} took {attempts} attempts, not {told}: {log:#?}");
        }
    }
    Ok(())
}

/// Who is told of something is told once, however often the step behind it was begun.
fn check_mails_told_once(records: &Records) -> Result<()> {
    let mut told = std::collections::BTreeMap::<_, u32>::new();
    for mail in records.mails.iter().filter(|mail| mail.event != "invite") {
        *told.entry((&mail.event, mail.to.as_str(), &mail.subject, &mail.link)).or_default() += 1;
    }
    let twice: Vec<_> = told.into_iter().filter(|(_, times)| *times > 1).collect();
    ensure!(twice.is_empty(), "told more than once: {twice:?}");
    Ok(())
}

fn check_second(records: &Records) -> Result<()> {
    let states: Vec<&str> = records.releases.iter().map(|(release, _)| release.status.name()).collect();
    ensure!(states == ["deployed_partial", "deployed_full"], "the releases are {states:?}");
    let (first, second) = (&records.releases[0].0, &records.releases[1].0);
    // Day and number of the day: the two may be published on either side of midnight.
    let numbers = |release: &conman_domain::release::Release| -> Option<Vec<u32>> {
        let tag = release.status.publication()?.tag.to_string();
        tag.trim_start_matches('r').split('.').map(|number| number.parse().ok()).collect()
    };
    let (one, two) = (numbers(first), numbers(second));
    ensure!(one.is_some() && one < two, "the tags are numbered {one:?} and {two:?}");
    let state = records.changesets[3].status.name();
    ensure!(state == "released", "the fourth changeset is {state}");
    Ok(())
}
