//! The pipeline as a picture: what each stage runs and takes next, and where each release was deployed.

use super::deployments::DeploymentBody;
use super::shared::Paging;
use super::views::{People, PersonBody};
use crate::extract::{AppMember, QueryOf};
use crate::problem::Answer;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use conman_workflow::{Held, Member, NextRelease, PipelineRelease, PipelineStage};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get_pipeline))
}

/// The stages of an app, and a page of its published releases with where each was deployed.
#[derive(Debug, Serialize, ToSchema)]
struct Pipeline {
    /// First stage first.
    stages: Vec<StageBody>,
    /// Published releases, newest first.
    data: Vec<ReleaseRowBody>,
    page: u32,
    limit: u32,
    /// How many releases are published in all.
    total: u32,
}

/// A stage of the pipeline beside what surrounds it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PipelineStage)]
struct StageBody {
    environment_id: Uuid,
    /// The deployment that put there what runs; null before the first.
    deployment: Option<DeploymentBody>,
    /// How many workers there are by their state: `current`, `waiting`, `restart_required`, `refused`, `lagging` or
    /// `lost`.
    workers: BTreeMap<&'static str, u32>,
    /// The newest revision of its profile: where it runs another one, that is drift.
    profile_revision: u32,
    /// What could be put on it next: what the stage before runs or, at the first stage, the newest published release.
    /// Null where it runs that already, and where there is nothing.
    next: Option<NextBody>,
}

/// A release that a stage could take next.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NextRelease)]
struct NextBody {
    release_id: Uuid,
    tag: String,
    /// Why not now; null where nothing holds it.
    held: Option<HeldBody>,
}

/// What holds a release.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum HeldBy {
    /// Who asks may not.
    Role,
    /// Another deployment is under way there.
    Deployment,
    /// The stage is frozen.
    Freeze,
}

/// Why a release cannot be put on a stage now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Held)]
struct HeldBody {
    by: HeldBy,
    /// In a sentence.
    reason: String,
}

/// A published release and where it was deployed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PipelineRelease)]
struct ReleaseRowBody {
    release_id: Uuid,
    tag: String,
    state: &'static str,
    published_by: PersonBody,
    #[schema(format = DateTime)]
    published_at: String,
    /// Its newest deployment on each stage that has one, first stage first.
    deployments: Vec<DeploymentBody>,
}

impl From<NextRelease> for NextBody {
    fn from(next: NextRelease) -> Self {
        let held = next.held.map(|held| match held {
            Held::Role(reason) => HeldBody { by: HeldBy::Role, reason },
            Held::Deployment => {
                HeldBody { by: HeldBy::Deployment, reason: "another deployment is under way".to_owned() }
            }
            Held::Freeze(reason) => HeldBody { by: HeldBy::Freeze, reason },
        });
        Self { release_id: next.release_id.uuid(), tag: next.tag.to_string(), held }
    }
}

impl StageBody {
    async fn of(state: &AppState, member: &Member, stage: PipelineStage) -> Answer<Self> {
        let deployment = match &stage.deployment {
            Some(deployment) => Some(DeploymentBody::of(state, member, deployment).await?),
            None => None,
        };
        Ok(Self {
            environment_id: stage.id.uuid(),
            deployment,
            workers: stage.workers,
            profile_revision: stage.profile_revision,
            next: stage.next.map(NextBody::from),
        })
    }
}

impl ReleaseRowBody {
    async fn of(state: &AppState, member: &Member, row: &PipelineRelease) -> Answer<Self> {
        let people = People::of(state, &[row.publication.published_by]).await?;
        let mut deployments = Vec::new();
        for deployment in &row.deployments {
            deployments.push(DeploymentBody::of(state, member, deployment).await?);
        }
        Ok(Self {
            release_id: row.release.id.uuid(),
            tag: row.publication.tag.to_string(),
            state: row.release.status.name(),
            published_by: people.person(row.publication.published_by),
            published_at: row.publication.published_at.to_string(),
            deployments,
        })
    }
}

/// Reads the pipeline: its stages, and the published releases by where they were deployed, newest first.
#[utoipa::path(get, path = "/api/apps/{appId}/pipeline", operation_id = "get_pipeline", tag = "environments",
    params(("appId" = Uuid, Path, description = "The app"), Paging),
    responses((status = 200, description = "The pipeline", body = Pipeline)))]
async fn get_pipeline(
    State(state): State<AppState>,
    member: AppMember,
    QueryOf(paging): QueryOf<Paging>,
) -> Answer<Json<Pipeline>> {
    let page = paging.page();
    let found = state.workflow.pipeline(&member, page).await?;
    let (mut stages, mut data) = (Vec::new(), Vec::new());
    for stage in found.stages {
        stages.push(StageBody::of(&state, &member, stage).await?);
    }
    for row in &found.releases {
        data.push(ReleaseRowBody::of(&state, &member, row).await?);
    }
    let total = u32::try_from(found.total).unwrap_or(u32::MAX);
    Ok(Json(Pipeline { stages, data, page: page.page, limit: page.limit, total }))
}
