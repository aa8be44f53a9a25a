//! Drafts of parameters: submitted, looked at beside what runs, approved or rejected by somebody else.

use super::parameters::{SavedConfig, changes};
use super::shared::List;
use super::views::{EditorBody, People, PersonBody, allowed};
use crate::extract::{AppMember, JsonBody, PageLimit, PageNumber, PathId, QueryOf};
use crate::problem::Answer;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use conman_domain::catalog::Values;
use conman_domain::draft::{DraftStatus, ParameterDraft};
use conman_domain::id::{DraftId, EnvironmentId};
use conman_domain::policy::{self, DraftAction};
use conman_domain::snapshot::ConfigVersion;
use conman_domain::value_change::ValueChange;
use conman_workflow::{ConfigValues, DraftsIn, Member, NewDraft, WhenFrozen};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_drafts, submit_draft))
        .routes(routes!(get_draft))
        .routes(routes!(approve_draft))
        .routes(routes!(reject_draft))
}

/// A draft beside what runs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ParameterDraft)]
pub(super) struct DraftBody {
    id: Uuid,
    /// `save`, `draft` or `restore`.
    kind: &'static str,
    /// `pending_approval`, `approved`, `active`, `superseded`, `rejected` or `failed`.
    state: &'static str,
    /// The version whose values the editor saw.
    base_version: u32,
    /// The version that runs now; an approval names it.
    running_version: u32,
    /// What it changes, by name.
    changes: BTreeMap<String, DraftChange>,
    reason: Option<String>,
    edited_by: EditorBody,
    approved_by: Option<PersonBody>,
    /// The version that it made active.
    config_version: Option<u32>,
    rejected_by: Option<PersonBody>,
    /// Why it was rejected.
    rejection: Option<String>,
    /// What ran instead, where it was decided and could not become active.
    failure: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    allowed_actions: Vec<String>,
}

/// A value that runs, and the one that a draft proposes.
#[derive(Debug, Serialize, ToSchema)]
struct DraftChange {
    /// What runs now; null where there is none.
    current: Value,
    /// What is proposed; null where the environment's own value is to be deleted.
    proposed: Value,
    /// Whether the environment's own value is to be deleted.
    deleted: bool,
}

impl DraftBody {
    fn of(member: &Member, draft: &ParameterDraft, now: &ConfigValues, people: &People) -> Self {
        let decision = draft.status.decision();
        let superseded = decision.is_some_and(|decision| decision.version < now.version);
        let state = match &draft.status {
            DraftStatus::Active { .. } if superseded => "superseded",
            status => status.name(),
        };
        let (rejected_by, rejection) = match &draft.status {
            DraftStatus::Rejected { rejected_by, rejection, .. } => {
                (Some(people.person(*rejected_by)), Some(rejection.clone()))
            }
            _ => (None, None),
        };
        let failure = match &draft.status {
            DraftStatus::Failed { failure, .. } => Some(failure.clone()),
            _ => None,
        };
        let change = |(name, change): (&conman_domain::name::ParameterName, &ValueChange)| {
            let (proposed, deleted) = match change {
                ValueChange::Set(value) => (value.clone(), false),
                ValueChange::Delete => (Value::Null, true),
            };
            let current = now.values.get(name).cloned().unwrap_or_default();
            (name.to_string(), DraftChange { current, proposed, deleted })
        };
        Self {
            id: draft.id.uuid(),
            kind: draft.kind.name(),
            state,
            base_version: draft.base_version.0,
            running_version: now.version.0,
            changes: draft.changes.iter().map(change).collect(),
            reason: draft.reason.clone(),
            edited_by: EditorBody::from(&draft.edited_by),
            approved_by: decision.and_then(|decision| decision.approved_by).map(|id| people.person(id)),
            config_version: decision.map(|decision| decision.version.0),
            rejected_by,
            rejection,
            failure,
            created_at: draft.created_at.to_string(),
            allowed_actions: allowed(DraftAction::ALL, DraftAction::name, |action| {
                policy::draft(member.viewer(), draft, action)
            }),
        }
    }
}

async fn show(state: &AppState, member: &Member, drafts: &[ParameterDraft]) -> Answer<Vec<DraftBody>> {
    let Some(first) = drafts.first() else { return Ok(Vec::new()) };
    let now = state.workflow.config_values(first.app_id, first.environment_id).await?;
    let deciders = drafts.iter().filter_map(|draft| match &draft.status {
        DraftStatus::Rejected { rejected_by, .. } => Some(*rejected_by),
        status => status.decision()?.approved_by,
    });
    let people = People::of(state, &deciders.collect::<Vec<_>>()).await?;
    Ok(drafts.iter().map(|draft| DraftBody::of(member, draft, &now, &people)).collect())
}

pub(super) async fn show_one(
    state: &AppState,
    member: &Member,
    draft: ParameterDraft,
) -> Answer<Json<DraftBody>> {
    let mut shown = show(state, member, &[draft]).await?;
    Ok(Json(shown.remove(0)))
}

/// Which drafts are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DraftFilter {
    /// Only those in this state.
    #[serde(default)]
    #[param(value_type = Option<DraftState>, inline)]
    state: Option<DraftState>,
    /// The page's number, from 1.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, default = 1)]
    page: PageNumber,
    /// How many rows a page has, 1 to 200.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200, default = 50)]
    limit: PageLimit,
}

/// The states that drafts are shown in.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum DraftState {
    PendingApproval,
    Approved,
    Active,
    Superseded,
    Rejected,
    Failed,
}

impl From<DraftState> for DraftsIn {
    fn from(state: DraftState) -> Self {
        match state {
            DraftState::PendingApproval => Self::Kept("pending_approval"),
            DraftState::Approved => Self::Kept("approved"),
            DraftState::Active => Self::Active,
            DraftState::Superseded => Self::Superseded,
            DraftState::Rejected => Self::Kept("rejected"),
            DraftState::Failed => Self::Kept("failed"),
        }
    }
}

/// Lists an environment's drafts, saves among them, newest first.
#[utoipa::path(get, path = "/api/apps/{appId}/environments/{envId}/drafts", operation_id = "list_drafts", tag = "parameters",
    params(("appId" = Uuid, Path, description = "The app"), ("envId" = Uuid, Path, description = "The environment"), DraftFilter),
    responses((status = 200, description = "The drafts", body = List<DraftBody>)))]
async fn list_drafts(
    State(state): State<AppState>,
    AppMember(member): AppMember,
    PathId(id): PathId<EnvironmentId>,
    QueryOf(filter): QueryOf<DraftFilter>,
) -> Answer<Json<List<DraftBody>>> {
    let page = filter.page.of(filter.limit);
    let wanted = filter.state.map(DraftsIn::from);
    let (drafts, total) = state.workflow.list_drafts(&member, id, wanted, page).await?;
    let drafts: Vec<ParameterDraft> = drafts.into_iter().map(|draft| draft.doc).collect();
    Ok(Json(List::of(page, total, show(&state, &member, &drafts).await?)))
}

/// Values that somebody else is to approve.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SubmitDraft {
    base_version: u32,
    /// New values by parameter name, at least one.
    #[schema(value_type = BTreeMap<String, Value>)]
    values: Values,
    reason: String,
}

/// Submits a draft; somebody else approves or rejects it.
#[utoipa::path(post, path = "/api/apps/{appId}/environments/{envId}/drafts", operation_id = "submit_draft", tag = "parameters",
    params(("appId" = Uuid, Path, description = "The app"), ("envId" = Uuid, Path, description = "The environment")),
    request_body = SubmitDraft, responses((status = 202, description = "It waits for approval", body = DraftBody)))]
async fn submit_draft(
    State(state): State<AppState>,
    AppMember(member): AppMember,
    PathId(id): PathId<EnvironmentId>,
    JsonBody(body): JsonBody<SubmitDraft>,
) -> Answer<(StatusCode, Json<DraftBody>)> {
    let base_version = ConfigVersion(body.base_version);
    let wish = NewDraft { base_version, changes: changes(body.values), reason: body.reason };
    let draft = state.workflow.submit_draft(&member, id, &wish).await?;
    Ok((StatusCode::ACCEPTED, show_one(&state, &member, draft.doc).await?))
}

/// Reads a draft beside what runs.
#[utoipa::path(get, path = "/api/apps/{appId}/environments/{envId}/drafts/{draftId}", operation_id = "get_draft",
    tag = "parameters",
    params(("appId" = Uuid, Path, description = "The app"), ("envId" = Uuid, Path, description = "The environment"),
        ("draftId" = Uuid, Path, description = "The draft")),
    responses((status = 200, description = "The draft", body = DraftBody)))]
async fn get_draft(
    State(state): State<AppState>,
    AppMember(member): AppMember,
    PathId(environment): PathId<EnvironmentId>,
    PathId(id): PathId<DraftId>,
) -> Answer<Json<DraftBody>> {
    let draft = state.workflow.draft(&member, environment, id).await?;
    show_one(&state, &member, draft.doc).await
}

/// The version whose values were looked at beside the draft.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ApproveDraft {
    base_version: u32,
    /// Why a freeze is set aside for this approval; for app admins.
    #[serde(default)]
    override_freeze: Option<String>,
}

/// Approves somebody else's draft; answers when the environment runs it.
#[utoipa::path(post, path = "/api/apps/{appId}/environments/{envId}/drafts/{draftId}/approve", operation_id = "approve_draft",
    tag = "parameters",
    params(("appId" = Uuid, Path, description = "The app"), ("envId" = Uuid, Path, description = "The environment"),
        ("draftId" = Uuid, Path, description = "The draft")),
    request_body = ApproveDraft,
    responses((status = 200, description = "The environment runs it", body = SavedConfig),
        (status = 409, description = "Another version runs by now; its values are in the details")))]
async fn approve_draft(
    State(state): State<AppState>,
    AppMember(member): AppMember,
    PathId(environment): PathId<EnvironmentId>,
    PathId(id): PathId<DraftId>,
    JsonBody(body): JsonBody<ApproveDraft>,
) -> Answer<Json<SavedConfig>> {
    let seen = ConfigVersion(body.base_version);
    let when_frozen = WhenFrozen::of(&member, body.override_freeze.as_deref());
    Ok(Json(state.workflow.approve_draft(&member, environment, id, seen, when_frozen).await?.into()))
}

/// Why a draft is rejected.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RejectDraft {
    reason: String,
}

/// Rejects somebody else's draft for good.
#[utoipa::path(post, path = "/api/apps/{appId}/environments/{envId}/drafts/{draftId}/reject", operation_id = "reject_draft",
    tag = "parameters",
    params(("appId" = Uuid, Path, description = "The app"), ("envId" = Uuid, Path, description = "The environment"),
        ("draftId" = Uuid, Path, description = "The draft")),
    request_body = RejectDraft, responses((status = 200, description = "Rejected", body = DraftBody)))]
async fn reject_draft(
    State(state): State<AppState>,
    AppMember(member): AppMember,
    PathId(environment): PathId<EnvironmentId>,
    PathId(id): PathId<DraftId>,
    JsonBody(body): JsonBody<RejectDraft>,
) -> Answer<Json<DraftBody>> {
    let draft = state.workflow.reject_draft(&member, environment, id, &body.reason).await?;
    show_one(&state, &member, draft.doc).await
}
