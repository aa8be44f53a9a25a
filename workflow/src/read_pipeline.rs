//! The pipeline as a picture: what each stage runs and takes next, and where each release was deployed.

use crate::actor::{Member, Page};
use crate::error::Result;
use crate::fleet::WorkerState;
use crate::services::Workflow;
use conman_domain::deployment::Deployment;
use conman_domain::environment::Environment;
use conman_domain::id::{EnvironmentId, ReleaseId};
use conman_domain::name::ReleaseTag;
use conman_domain::policy::{self, EnvironmentAction};
use conman_domain::release::{Publication, Release};
use conman_store::collections::{DEPLOYMENT_BY_RELEASE, RELEASE_BY_STATE};
use conman_store::{Query, Versioned};
use std::collections::{BTreeMap, HashSet};

/// States of a release that has its tag: what environments take.
const TAGGED: [&str; 4] = ["published", "deployed_partial", "deployed_full", "rolled_back"];

/// How many deployments of one release are read at once; stages that are not among them are asked for one by one.
const AT_ONCE: u64 = 200;

/// The stages of an app, and its newest releases with where they were deployed.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// First stage first.
    pub stages: Vec<PipelineStage>,
    /// Newest release first.
    pub releases: Vec<PipelineRelease>,
    /// How many releases are published in all.
    pub total: u64,
}

/// A stage of the pipeline beside what surrounds it.
#[derive(Debug, Clone)]
pub struct PipelineStage {
    /// The environment.
    pub id: EnvironmentId,
    /// The deployment that put there what runs, if something does.
    pub deployment: Option<Deployment>,
    /// How many workers there are in which state; those that stopped are not told.
    pub workers: BTreeMap<&'static str, u32>,
    /// The newest revision of its profile: another one than runs is drift.
    pub profile_revision: u32,
    /// What could be put on it next; none where it runs that already, or where there is nothing.
    pub next: Option<NextRelease>,
}

/// What a stage could take next: what the stage before runs or, at the first one, the newest published release.
#[derive(Debug, Clone)]
pub struct NextRelease {
    /// The release.
    pub release_id: ReleaseId,
    /// What it is called.
    pub tag: ReleaseTag,
    /// Why not now, if so.
    pub held: Option<Held>,
}

/// Why a release cannot be put on a stage now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// This person may not.
    Role(String),
    /// Another deployment is under way there.
    Deployment,
    /// The stage is frozen.
    Freeze(String),
}

/// A published release and where it was deployed.
#[derive(Debug, Clone)]
pub struct PipelineRelease {
    /// The release.
    pub release: Release,
    /// How it was published.
    pub publication: Publication,
    /// Its newest deployment on each stage that has one, first stage first.
    pub deployments: Vec<Deployment>,
}

impl Workflow {
    /// The app's stages, and a page of its published releases with where each was deployed.
    pub async fn pipeline(&self, member: &Member, page: Page) -> Result<Pipeline> {
        let environments: Vec<Environment> = self
            .environments(member.app_id())
            .await?
            .into_iter()
            .map(|environment| environment.doc)
            .collect();
        let newest = self.tagged_releases(member, Page { page: 1, limit: 1 }).await?.0;
        let newest = newest.iter().find_map(|release| {
            let publication = release.doc.status.publication()?;
            Some((release.doc.id, publication.tag.clone()))
        });
        let mut stages = Vec::new();
        let mut before: Option<&Environment> = None;
        for environment in &environments {
            let next = match before {
                None => newest.clone(),
                Some(before) => before
                    .running
                    .as_ref()
                    .map(|running| (running.release_id, running.provenance.release_tag.clone())),
            };
            stages.push(self.pipeline_stage(member, environment, before, next).await?);
            before = Some(environment);
        }
        let (found, total) = self.tagged_releases(member, page).await?;
        let mut releases = Vec::new();
        for release in found {
            // One that changed its state between the index and the document would be none of them.
            let Some(publication) = release.doc.status.publication().cloned() else { continue };
            let deployments = self.newest_on_each(&environments, release.doc.id).await?;
            releases.push(PipelineRelease { release: release.doc, publication, deployments });
        }
        Ok(Pipeline { stages, releases, total })
    }

    async fn tagged_releases(&self, member: &Member, page: Page) -> Result<(Vec<Versioned<Release>>, u64)> {
        let query = Query::<Release>::on(&RELEASE_BY_STATE).eq(member.app_id().to_string()).any_of(TAGGED);
        let query = query.descending().skip(page.skip()).limit(u64::from(page.limit)).with_total();
        let found = self.store().find(query).await?;
        Ok((found.items, found.total))
    }

    async fn pipeline_stage(
        &self,
        member: &Member,
        environment: &Environment,
        before: Option<&Environment>,
        next: Option<(ReleaseId, ReleaseTag)>,
    ) -> Result<PipelineStage> {
        let deployment = match &environment.running {
            Some(running) => Some(self.deployment(member, running.deployment_id).await?.doc),
            None => None,
        };
        let mut workers = BTreeMap::new();
        for standing in self.fleet(environment.app_id, environment.id).await?.workers {
            if standing.state != WorkerState::Stopped {
                *workers.entry(standing.state.name()).or_default() += 1;
            }
        }
        let running = environment.running.as_ref().map(|running| running.release_id);
        let next = match next {
            Some((release_id, tag)) if Some(release_id) != running => {
                let held = self.held(member, environment, before).await?;
                Some(NextRelease { release_id, tag, held })
            }
            Some(_) | None => None,
        };
        let profile_revision = self.profile(member, environment.profile_id).await?.doc.revision;
        Ok(PipelineStage { id: environment.id, deployment, workers, profile_revision, next })
    }

    /// Why nothing can be put on an environment by this person now, if so.
    async fn held(
        &self,
        member: &Member,
        environment: &Environment,
        before: Option<&Environment>,
    ) -> Result<Option<Held>> {
        let action = before.map_or(EnvironmentAction::Deploy, |_| EnvironmentAction::Promote);
        if let Err(denied) = policy::environment(member.viewer(), environment, before, action) {
            return Ok(Some(Held::Role(denied.reason)));
        }
        if self.active_deployment(environment.id).await?.is_some() {
            return Ok(Some(Held::Deployment));
        }
        Ok(self.frozen_start(environment, None, self.now().await?).await?.map(Held::Freeze))
    }

    async fn newest_on_each(
        &self,
        environments: &[Environment],
        release: ReleaseId,
    ) -> Result<Vec<Deployment>> {
        let of_release = || Query::<Deployment>::on(&DEPLOYMENT_BY_RELEASE).eq(release.to_string());
        let found = self.store().find(of_release().descending().limit(AT_ONCE)).await?.items;
        let is_all = (found.len() as u64) < AT_ONCE;
        let mut seen = HashSet::new();
        let mut newest: Vec<Deployment> =
            found.into_iter().map(|found| found.doc).filter(|one| seen.insert(one.environment_id)).collect();
        for environment in environments.iter().filter(|one| !is_all && !seen.contains(&one.id)) {
            let query = of_release().eq(environment.id.to_string()).descending().limit(1);
            newest.extend(self.store().find(query).await?.items.into_iter().map(|found| found.doc));
        }
        let place = |one: &Deployment| environments.iter().position(|e| e.id == one.environment_id);
        newest.sort_by_key(place);
        Ok(newest)
    }
}
