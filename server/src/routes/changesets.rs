//! Changesets: proposing, submitting, reviewing, queueing.

use super::shared::{List, Nothing};
use super::views::{ApprovalBody, CollisionBody, FindingBody, People, PersonBody, RawDiffBody, allowed};
use crate::etag::Tagged;
use crate::extract::{AppMember, JsonBody, PageLimit, PageNumber, PathId, QueryOf, RequiredIfMatch};
use crate::problem::{Answer, FieldError, Problem};
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use conman_domain::changeset::{Changeset, ChangesetStatus, Revision, Validation, Verdict};
use conman_domain::id::{ChangesetId, UserId, WorkspaceId};
use conman_domain::name::Title;
use conman_domain::policy::{self, ChangesetAction};
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
        .routes(routes!(list_revisions))
        .routes(routes!(list_reviews))
        .routes(routes!(get_changeset_diff))
}

/// A changeset.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Changeset)]
pub(super) struct ChangesetBody {
    id: Uuid,
    /// People say `#12`.
    number: u32,
    workspace_id: Uuid,
    author: PersonBody,
    title: String,
    description: String,
    /// `draft`, `submitted`, `in_review`, `changes_requested`, `rejected`, `approved`, `queued`, `conflicted`,
    /// `needs_revalidation` or `released`.
    state: &'static str,
    /// The newest one; null before the first submit.
    revision: Option<RevisionBody>,
    approvals: Vec<ApprovalBody>,
    approvals_required: u32,
    /// What the validation found.
    findings: Vec<FindingBody>,
    /// What it collides with.
    collisions: Vec<CollisionBody>,
    queue_position: Option<u32>,
    /// The release that holds it now, or that it is in.
    release_id: Option<Uuid>,
    release_tag: Option<String>,
    cloned_from: Option<Uuid>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    allowed_actions: Vec<String>,
}

/// What a submit froze.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Revision)]
struct RevisionBody {
    /// From 1.
    number: u32,
    head: String,
    /// What approvals are for.
    tree: String,
    /// What it is compared with.
    base: String,
    submitted_by: PersonBody,
    #[schema(format = DateTime)]
    submitted_at: String,
}

impl RevisionBody {
    fn of(revision: &Revision, people: &People) -> Self {
        Self {
            number: revision.number,
            head: revision.head.to_string(),
            tree: revision.tree.to_string(),
            base: revision.base.to_string(),
            submitted_by: people.person(revision.submitted_by),
            submitted_at: revision.submitted_at.to_string(),
        }
    }
}

impl ChangesetBody {
    pub(super) async fn of(state: &AppState, member: &Member, changeset: &Changeset) -> Answer<Self> {
        let mut ids = vec![changeset.author_id];
        ids.extend(
            changeset
                .status
                .approvals()
                .iter()
                .map(|approval| approval.user_id),
        );
        ids.extend(changeset.revision.iter().map(|revision| revision.submitted_by));
        let people = People::of(state, &ids).await?;
        let (mut findings, mut collisions, mut queue_position, mut release_tag) =
            (Vec::new(), Vec::new(), None, None);
        let mut release_id = None;
        match &changeset.status {
            ChangesetStatus::Submitted {
                findings: Some(found),
            }
            | ChangesetStatus::NeedsRevalidation { findings: found } => {
                findings = found.iter().map(FindingBody::from).collect();
            }
            ChangesetStatus::Conflicted {
                collisions: found, ..
            } => {
                collisions = found.iter().map(CollisionBody::from).collect();
            }
            ChangesetStatus::Queued { position, .. } => {
                queue_position = Some(*position);
                release_id = state.workflow.held_by(changeset).await?;
            }
            ChangesetStatus::Released { release_id: id, tag } => {
                (release_id, release_tag) = (Some(*id), Some(tag.to_string()));
            }
            ChangesetStatus::Draft
            | ChangesetStatus::Submitted { findings: None }
            | ChangesetStatus::InReview { .. }
            | ChangesetStatus::ChangesRequested { .. }
            | ChangesetStatus::Rejected { .. }
            | ChangesetStatus::Approved { .. } => {}
        }
        let decide = |action| policy::changeset(member.viewer(), changeset, action);
        Ok(Self {
            id: changeset.id.uuid(),
            number: changeset.number,
            workspace_id: changeset.workspace_id.uuid(),
            author: people.person(changeset.author_id),
            title: changeset.title.to_string(),
            description: changeset.description.clone(),
            state: changeset.status.name(),
            revision: changeset
                .revision
                .as_ref()
                .map(|revision| RevisionBody::of(revision, &people)),
            approvals: people.approvals(changeset.status.approvals()),
            approvals_required: member.app.doc.settings.required_approval_count,
            findings,
            collisions,
            queue_position,
            release_id: release_id.map(|id| id.uuid()),
            release_tag,
            cloned_from: changeset.cloned_from.map(|id| id.uuid()),
            created_at: changeset.created_at.to_string(),
            updated_at: changeset.updated_at.to_string(),
            allowed_actions: allowed(ChangesetAction::ALL, ChangesetAction::name, decide),
        })
    }

    pub(super) async fn all(
        state: &AppState,
        member: &Member,
        changesets: &[Versioned<Changeset>],
    ) -> Answer<Vec<Self>> {
        let mut data = Vec::new();
        for changeset in changesets {
            data.push(Self::of(state, member, &changeset.doc).await?);
        }
        Ok(data)
    }
}

async fn tagged(
    state: &AppState,
    member: &Member,
    changeset: &Versioned<Changeset>,
) -> Answer<Tagged<ChangesetBody>> {
    Ok(Tagged(
        changeset.version,
        ChangesetBody::of(state, member, &changeset.doc).await?,
    ))
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
    let named: Vec<String> = text
        .unwrap_or_default()
        .split(',')
        .filter(|s| !s.is_empty())
        .map(str::to_owned)
        .collect();
    match named.iter().find(|state| !known.contains(&state.as_str())) {
        None => Ok(named),
        Some(_) => {
            let message = format!("the states are {}", known.join(", "));
            Err(Problem::invalid(vec![FieldError {
                pointer: "/state".to_owned(),
                message,
            }]))
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
    let filter = ChangesetFilter {
        states,
        author: query.author.map(UserId::new),
    };
    let page = query.page.of(query.limit);
    let (changesets, total) = state.workflow.list_changesets(&member, &filter, page).await?;
    Ok(Json(List::of(
        page,
        total,
        ChangesetBody::all(&state, &member, &changesets).await?,
    )))
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
    let changeset = state
        .workflow
        .create_changeset(&member, workspace, body.title, body.description)
        .await?;
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
    let changeset = state
        .workflow
        .edit_changeset(&member, id, expected, body.title, body.description)
        .await?;
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
    Ok(Tagged(
        changeset.version,
        Submitted {
            changeset: body,
            included_profile_overrides: Vec::new(),
        },
    ))
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

/// What a reviewer decides.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Verdict)]
enum VerdictName {
    /// It may go.
    Approve,
    /// It must be changed.
    RequestChanges,
    /// It must not go at all.
    Reject,
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
    let verdict = match body.verdict {
        VerdictName::Approve => Verdict::Approve,
        VerdictName::RequestChanges => Verdict::RequestChanges,
        VerdictName::Reject => Verdict::Reject,
    };
    let decision = Decision {
        revision: body.revision,
        verdict,
        comment: body.comment,
    };
    tagged(
        &state,
        &member,
        &state.workflow.review_changeset(&member, id, &decision).await?,
    )
    .await
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
    tagged(
        &state,
        &member,
        &state.workflow.queue_changeset(&member, id).await?,
    )
    .await
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
    let ids: Vec<UserId> = records
        .iter()
        .map(|record| record.revision.submitted_by)
        .collect();
    let people = People::of(&state, &ids).await?;
    let show = |record: &conman_domain::changeset::RevisionRecord| {
        let (validation, findings) = match &record.validation {
            Validation::Running => ("running", Vec::new()),
            Validation::Passed => ("passed", Vec::new()),
            Validation::Failed { findings } => ("failed", findings.iter().map(FindingBody::from).collect()),
        };
        ValidatedRevision {
            revision: RevisionBody::of(&record.revision, &people),
            validation,
            findings,
        }
    };
    Ok(Json(Revisions {
        data: records.iter().map(show).collect(),
    }))
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
        verdict: match review.verdict {
            Verdict::Approve => VerdictName::Approve,
            Verdict::RequestChanges => VerdictName::RequestChanges,
            Verdict::Reject => VerdictName::Reject,
        },
        comment: review.comment.clone(),
        decided_at: review.decided_at.to_string(),
    };
    Ok(Json(Reviews {
        data: reviews.iter().map(show).collect(),
    }))
}

/// Which revisions to compare.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RevisionsQuery {
    /// `raw`, which is also the default.
    #[serde(default)]
    #[expect(dead_code, reason = "one mode so far; reading it is what refuses others")]
    mode: super::shared::DiffMode,
    /// The older revision; the changeset's baseline if left out.
    #[serde(default)]
    from: Option<u32>,
    /// The newer revision; the newest if left out.
    #[serde(default)]
    to: Option<u32>,
}

/// Compares a revision with its baseline or with another revision, line by line.
#[utoipa::path(get, path = "/api/apps/{appId}/changesets/{changesetId}/diff", operation_id = "get_changeset_diff", tag = "changesets",
    params(("appId" = Uuid, Path, description = "The app"), ("changesetId" = Uuid, Path, description = "The changeset"), RevisionsQuery),
    responses((status = 200, description = "The differences", body = RawDiffBody)))]
async fn get_changeset_diff(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<ChangesetId>,
    QueryOf(query): QueryOf<RevisionsQuery>,
) -> Answer<Json<RawDiffBody>> {
    Ok(Json(
        state
            .workflow
            .changeset_diff(&member, id, query.from, query.to)
            .await?
            .into(),
    ))
}
