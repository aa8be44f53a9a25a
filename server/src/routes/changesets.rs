//! Changesets: proposing, submitting, reviewing, queueing.

use super::changeset_views::{ChangesetBody, VerdictName};
use super::shared::{List, Nothing};
use crate::etag::Tagged;
use crate::extract::{AppMember, JsonBody, PageLimit, PageNumber, PathId, QueryOf, RequiredIfMatch};
use crate::problem::{Answer, FieldError, Problem};
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use conman_domain::changeset::Changeset;
use conman_domain::id::{ChangesetId, UserId, WorkspaceId};
use conman_domain::name::Title;
use conman_domain::policy::ChangesetAction;
use conman_store::Versioned;
use conman_workflow::{ChangesetFilter, Decision, Member};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_changesets, create_changeset))
        .routes(routes!(get_changeset, edit_changeset))
        .routes(routes!(submit_changeset))
        .routes(routes!(resubmit_changeset))
        .routes(routes!(review_changeset))
        .routes(routes!(queue_changeset))
        .routes(routes!(move_changeset_to_draft))
        .routes(routes!(clone_changeset))
}

pub(super) async fn tagged(
    state: &AppState,
    member: &Member,
    changeset: &Versioned<Changeset>,
) -> Answer<Tagged<ChangesetBody>> {
    Ok(Tagged(changeset.version, ChangesetBody::of(state, member, &changeset.doc).await?))
}

/// Which changesets.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ChangesetQuery {
    /// Only in one of these states, separated by commas.
    #[serde(default)]
    state: Option<String>,
    /// Only by this author; not together with `state`.
    #[serde(default)]
    author: Option<Uuid>,
    /// The page's number, from 1.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, default = 1)]
    page: PageNumber,
    /// How many rows a page has, 1 to 200.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200, default = 50)]
    limit: PageLimit,
}

/// The states that a list of states names; each must be known.
pub(super) fn states(text: Option<&str>, known: &[&str]) -> Result<Vec<String>, Problem> {
    let named: Vec<String> =
        text.unwrap_or_default().split(',').filter(|s| !s.is_empty()).map(str::to_owned).collect();
    match named.iter().find(|state| !known.contains(&state.as_str())) {
        None => Ok(named),
        Some(_) => {
            let message = format!("the states are {}", known.join(", "));
            Err(Problem::invalid(vec![FieldError { pointer: "/state".to_owned(), message }]))
        }
    }
}

const STATES: [&str; 10] = [
    "draft",
    "submitted",
    "in_review",
    "changes_requested",
    "rejected",
    "approved",
    "queued",
    "conflicted",
    "needs_revalidation",
    "released",
];

/// Lists the app's changesets, newest first.
#[utoipa::path(get, path = "/api/apps/{appId}/changesets", operation_id = "list_changesets", tag = "changesets",
    params(("appId" = Uuid, Path, description = "The app"), ChangesetQuery),
    responses((status = 200, description = "The changesets", body = List<ChangesetBody>)))]
async fn list_changesets(
    State(state): State<AppState>,
    member: AppMember,
    QueryOf(query): QueryOf<ChangesetQuery>,
) -> Answer<Json<List<ChangesetBody>>> {
    let states = states(query.state.as_deref(), &STATES)?;
    let filter = ChangesetFilter { states, author: query.author.map(UserId::new) };
    let page = query.page.of(query.limit);
    let (changesets, total) = state.workflow.list_changesets(&member, &filter, page).await?;
    Ok(Json(List::of(page, total, ChangesetBody::all(&state, &member, &changesets).await?)))
}

/// A wish for a changeset.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateChangeset {
    workspace_id: Uuid,
    #[schema(value_type = String)]
    title: Title,
    #[serde(default)]
    description: String,
}

/// Starts a changeset from a workspace of yours.
#[utoipa::path(post, path = "/api/apps/{appId}/changesets", operation_id = "create_changeset", tag = "changesets",
    params(("appId" = Uuid, Path, description = "The app")), request_body = CreateChangeset,
    responses((status = 201, description = "Started", body = ChangesetBody)))]
async fn create_changeset(
    State(state): State<AppState>,
    member: AppMember,
    JsonBody(body): JsonBody<CreateChangeset>,
) -> Answer<(StatusCode, Tagged<ChangesetBody>)> {
    let workspace = WorkspaceId::new(body.workspace_id);
    let changeset = state.workflow.create_changeset(&member, workspace, body.title, body.description).await?;
    Ok((StatusCode::CREATED, tagged(&state, &member, &changeset).await?))
}

/// Reads a changeset.
#[utoipa::path(get, path = "/api/apps/{appId}/changesets/{changesetId}", operation_id = "get_changeset", tag = "changesets",
    params(("appId" = Uuid, Path, description = "The app"), ("changesetId" = Uuid, Path, description = "The changeset")),
    responses((status = 200, description = "The changeset", body = ChangesetBody)))]
async fn get_changeset(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<ChangesetId>,
) -> Answer<Tagged<ChangesetBody>> {
    tagged(&state, &member, &state.workflow.changeset(&member, id).await?).await
}

/// A changeset's title and description.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EditChangeset {
    #[schema(value_type = String)]
    title: Title,
    description: String,
}

/// Changes a changeset's title and description.
#[utoipa::path(patch, path = "/api/apps/{appId}/changesets/{changesetId}", operation_id = "edit_changeset", tag = "changesets",
    params(("appId" = Uuid, Path, description = "The app"), ("changesetId" = Uuid, Path, description = "The changeset"),
        ("If-Match" = String, Header, description = "The ETag read")),
    request_body = EditChangeset, responses((status = 200, description = "Changed", body = ChangesetBody)))]
async fn edit_changeset(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<ChangesetId>,
    RequiredIfMatch(expected): RequiredIfMatch,
    JsonBody(body): JsonBody<EditChangeset>,
) -> Answer<Tagged<ChangesetBody>> {
    let changeset =
        state.workflow.edit_changeset(&member, id, expected, body.title, body.description).await?;
    tagged(&state, &member, &changeset).await
}

/// A submitted changeset.
#[derive(Debug, Serialize, ToSchema)]
struct Submitted {
    #[serde(flatten)]
    changeset: ChangesetBody,
    /// The profile overrides that travel with this revision.
    included_profile_overrides: Vec<String>,
}

async fn submit(
    state: &AppState,
    member: &Member,
    id: ChangesetId,
    action: ChangesetAction,
) -> Answer<Tagged<Submitted>> {
    let changeset = state.workflow.submit_changeset(member, id, action).await?;
    let body = ChangesetBody::of(state, member, &changeset.doc).await?;
    Ok(Tagged(changeset.version, Submitted { changeset: body, included_profile_overrides: Vec::new() }))
}

/// Freezes the workspace's head as a revision and starts its validation.
#[utoipa::path(post, path = "/api/apps/{appId}/changesets/{changesetId}/submit", operation_id = "submit_changeset", tag = "changesets",
    params(("appId" = Uuid, Path, description = "The app"), ("changesetId" = Uuid, Path, description = "The changeset")),
    request_body = Nothing, responses((status = 200, description = "Submitted", body = Submitted)))]
async fn submit_changeset(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<ChangesetId>,
    _nothing: JsonBody<Nothing>,
) -> Answer<Tagged<Submitted>> {
    submit(&state, &member, id, ChangesetAction::Submit).await
}

/// Freezes another revision; approvals start from zero.
#[utoipa::path(post, path = "/api/apps/{appId}/changesets/{changesetId}/resubmit", operation_id = "resubmit_changeset", tag = "changesets",
    params(("appId" = Uuid, Path, description = "The app"), ("changesetId" = Uuid, Path, description = "The changeset")),
    request_body = Nothing, responses((status = 200, description = "Submitted", body = Submitted)))]
async fn resubmit_changeset(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<ChangesetId>,
    _nothing: JsonBody<Nothing>,
) -> Answer<Tagged<Submitted>> {
    submit(&state, &member, id, ChangesetAction::Resubmit).await
}

/// A decision on a revision.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReviewChangeset {
    /// The revision that was looked at; a decision on any but the newest is refused.
    revision: u32,
    verdict: VerdictName,
    #[serde(default)]
    comment: String,
}

/// Decides on the newest revision; for reviewers, and never on one's own.
#[utoipa::path(post, path = "/api/apps/{appId}/changesets/{changesetId}/review", operation_id = "review_changeset", tag = "changesets",
    params(("appId" = Uuid, Path, description = "The app"), ("changesetId" = Uuid, Path, description = "The changeset")),
    request_body = ReviewChangeset, responses((status = 200, description = "Decided", body = ChangesetBody)))]
async fn review_changeset(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<ChangesetId>,
    JsonBody(body): JsonBody<ReviewChangeset>,
) -> Answer<Tagged<ChangesetBody>> {
    let verdict = body.verdict.into();
    let decision = Decision { revision: body.revision, verdict, comment: body.comment };
    tagged(&state, &member, &state.workflow.review_changeset(&member, id, &decision).await?).await
}

/// Puts an approved changeset at the queue's end; its branch must contain the integration head.
#[utoipa::path(post, path = "/api/apps/{appId}/changesets/{changesetId}/queue", operation_id = "queue_changeset", tag = "changesets",
    params(("appId" = Uuid, Path, description = "The app"), ("changesetId" = Uuid, Path, description = "The changeset")),
    request_body = Nothing, responses((status = 200, description = "Queued", body = ChangesetBody)))]
async fn queue_changeset(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<ChangesetId>,
    _nothing: JsonBody<Nothing>,
) -> Answer<Tagged<ChangesetBody>> {
    tagged(&state, &member, &state.workflow.queue_changeset(&member, id).await?).await
}

/// Takes a changeset back to draft.
#[utoipa::path(post, path = "/api/apps/{appId}/changesets/{changesetId}/move-to-draft", operation_id = "move_changeset_to_draft",
    tag = "changesets",
    params(("appId" = Uuid, Path, description = "The app"), ("changesetId" = Uuid, Path, description = "The changeset")),
    request_body = Nothing, responses((status = 200, description = "Back in draft", body = ChangesetBody)))]
async fn move_changeset_to_draft(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<ChangesetId>,
    _nothing: JsonBody<Nothing>,
) -> Answer<Tagged<ChangesetBody>> {
    tagged(&state, &member, &state.workflow.move_to_draft(&member, id).await?).await
}

/// Makes a new changeset, in a new workspace of yours, with the content of a rejected one.
#[utoipa::path(post, path = "/api/apps/{appId}/changesets/{changesetId}/clone", operation_id = "clone_changeset", tag = "changesets",
    params(("appId" = Uuid, Path, description = "The app"), ("changesetId" = Uuid, Path, description = "The changeset")),
    request_body = Nothing, responses((status = 201, description = "Cloned", body = ChangesetBody)))]
async fn clone_changeset(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<ChangesetId>,
    _nothing: JsonBody<Nothing>,
) -> Answer<(StatusCode, Tagged<ChangesetBody>)> {
    let cloned = state.workflow.clone_changeset(&member, id).await?;
    Ok((StatusCode::CREATED, tagged(&state, &member, &cloned).await?))
}
