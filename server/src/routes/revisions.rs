//! A changeset's revisions, the decisions on them, and what they change.

use super::changeset_views::{RevisionBody, VerdictName};
use super::diffs::DiffBody;
use super::shared::{DiffMode, DiffQuery};
use super::views::{FindingBody, People, PersonBody};
use crate::extract::{AppMember, PageLimit, PageNumber, PathId, QueryOf};
use crate::problem::Answer;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use conman_domain::changeset::Validation;
use conman_domain::id::{ChangesetId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_revisions))
        .routes(routes!(list_reviews))
        .routes(routes!(get_changeset_diff))
}

/// A changeset's revisions.
#[derive(Debug, Serialize, ToSchema)]
struct Revisions {
    /// Oldest first.
    data: Vec<ValidatedRevision>,
}

/// A revision with how its validation came out.
#[derive(Debug, Serialize, ToSchema)]
struct ValidatedRevision {
    #[serde(flatten)]
    revision: RevisionBody,
    /// `running`, `passed` or `failed`.
    validation: &'static str,
    findings: Vec<FindingBody>,
}

/// Lists a changeset's revisions, oldest first.
#[utoipa::path(get, path = "/api/apps/{appId}/changesets/{changesetId}/revisions", operation_id = "list_revisions", tag = "changesets",
    params(("appId" = Uuid, Path, description = "The app"), ("changesetId" = Uuid, Path, description = "The changeset")),
    responses((status = 200, description = "The revisions", body = Revisions)))]
async fn list_revisions(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<ChangesetId>,
) -> Answer<Json<Revisions>> {
    let records = state.workflow.revisions(&member, id).await?;
    let ids: Vec<UserId> = records.iter().map(|record| record.revision.submitted_by).collect();
    let people = People::of(&state, &ids).await?;
    let show = |record: &conman_domain::changeset::RevisionRecord| {
        let (validation, findings) = match &record.validation {
            Validation::Running => ("running", Vec::new()),
            Validation::Passed { findings } => ("passed", findings.iter().map(FindingBody::from).collect()),
            Validation::Failed { findings } => ("failed", findings.iter().map(FindingBody::from).collect()),
        };
        ValidatedRevision { revision: RevisionBody::of(&record.revision, &people), validation, findings }
    };
    Ok(Json(Revisions { data: records.iter().map(show).collect() }))
}

/// A changeset's review decisions.
#[derive(Debug, Serialize, ToSchema)]
struct Reviews {
    /// Oldest first.
    data: Vec<ReviewBody>,
}

/// A review decision.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Review)]
struct ReviewBody {
    id: Uuid,
    revision: u32,
    /// The tree that was decided on.
    tree: String,
    reviewer: PersonBody,
    verdict: VerdictName,
    comment: String,
    #[schema(format = DateTime)]
    decided_at: String,
}

/// Lists a changeset's review decisions, oldest first.
#[utoipa::path(get, path = "/api/apps/{appId}/changesets/{changesetId}/reviews", operation_id = "list_reviews", tag = "changesets",
    params(("appId" = Uuid, Path, description = "The app"), ("changesetId" = Uuid, Path, description = "The changeset")),
    responses((status = 200, description = "The decisions", body = Reviews)))]
async fn list_reviews(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<ChangesetId>,
) -> Answer<Json<Reviews>> {
    let reviews = state.workflow.reviews(&member, id).await?;
    let ids: Vec<UserId> = reviews.iter().map(|review| review.reviewer_id).collect();
    let people = People::of(&state, &ids).await?;
    let show = |review: &conman_domain::changeset::Review| ReviewBody {
        id: review.id.uuid(),
        revision: review.revision,
        tree: review.tree.to_string(),
        reviewer: people.person(review.reviewer_id),
        verdict: review.verdict.into(),
        comment: review.comment.clone(),
        decided_at: review.decided_at.to_string(),
    };
    Ok(Json(Reviews { data: reviews.iter().map(show).collect() }))
}

/// Which revisions to compare.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RevisionsQuery {
    /// `raw`, which is also the default, or `semantic`.
    #[serde(default)]
    mode: DiffMode,
    /// Which part of the files (`raw`) or of the changes (`semantic`), from 1.
    #[serde(default)]
    #[param(value_type = u32)]
    page: PageNumber,
    /// How many files or changes a part has, 200 at most; all of them if left out.
    #[serde(default)]
    #[param(value_type = Option<u32>)]
    limit: Option<PageLimit>,
    /// The older revision; the changeset's baseline if left out.
    #[serde(default)]
    from: Option<u32>,
    /// The newer revision; the newest if left out.
    #[serde(default)]
    to: Option<u32>,
}

/// Compares a revision with its baseline or with another revision.
#[utoipa::path(get, path = "/api/apps/{appId}/changesets/{changesetId}/diff", operation_id = "get_changeset_diff", tag = "changesets",
    params(("appId" = Uuid, Path, description = "The app"), ("changesetId" = Uuid, Path, description = "The changeset"), RevisionsQuery),
    responses((status = 200, description = "The differences", body = DiffBody)))]
async fn get_changeset_diff(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<ChangesetId>,
    QueryOf(query): QueryOf<RevisionsQuery>,
) -> Answer<Json<DiffBody>> {
    let comparison = state.workflow.changeset_diff(&member, id, query.from, query.to).await?;
    let wanted = DiffQuery { mode: query.mode, page: query.page, limit: query.limit };
    Ok(Json(DiffBody::of(&state, &comparison, wanted).await?))
}
