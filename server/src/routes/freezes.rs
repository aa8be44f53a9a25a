//! Freeze windows of an environment.

use super::views::{People, PersonBody};
use crate::etag::Tagged;
use crate::extract::{AppMember, JsonBody, PathId, RequiredIfMatch};
use crate::problem::Answer;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use conman_domain::Timestamp;
use conman_domain::freeze::{FreezeSchedule, FreezeWindow};
use conman_domain::id::{EnvironmentId, FreezeWindowId};
use conman_domain::policy::AppAction;
use conman_store::Versioned;
use conman_workflow::{FreezeWish, InForce, Member};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_freeze_windows, add_freeze_window)).routes(routes!(
        get_freeze_window,
        update_freeze_window,
        remove_freeze_window
    ))
}

/// When an environment is frozen.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = FreezeSchedule)]
enum ScheduleBody {
    /// From one instant to another.
    Once {
        /// The first instant.
        #[schema(value_type = String, format = DateTime)]
        starts_at: Timestamp,
        /// The first instant after it.
        #[schema(value_type = String, format = DateTime)]
        ends_at: Timestamp,
    },
    /// Again and again, by the clock on a wall.
    Recurring {
        /// The recurrence by RFC 5545 without `DTSTART`; daily at most.
        #[schema(example = "FREQ=WEEKLY;BYDAY=FR")]
        rule: String,
        /// The time zone by its IANA name.
        #[schema(example = "Europe/Berlin")]
        time_zone: String,
        /// The local time at which the recurrence begins; each freeze begins at its time of day.
        #[schema(example = "2026-11-27T18:00")]
        starts_at: String,
        /// How long each freeze lasts.
        minutes: u32,
    },
}

impl From<ScheduleBody> for FreezeSchedule {
    fn from(body: ScheduleBody) -> Self {
        match body {
            ScheduleBody::Once { starts_at, ends_at } => Self::Once { starts_at, ends_at },
            ScheduleBody::Recurring { rule, time_zone, starts_at, minutes } => {
                Self::Recurring { rule, time_zone, starts_at, minutes }
            }
        }
    }
}

impl From<FreezeSchedule> for ScheduleBody {
    fn from(schedule: FreezeSchedule) -> Self {
        match schedule {
            FreezeSchedule::Once { starts_at, ends_at } => Self::Once { starts_at, ends_at },
            FreezeSchedule::Recurring { rule, time_zone, starts_at, minutes } => {
                Self::Recurring { rule, time_zone, starts_at, minutes }
            }
        }
    }
}

/// A freeze window as it is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewFreezeWindow)]
struct WishBody {
    name: String,
    /// What people are told while it lasts.
    #[serde(default)]
    banner: String,
    schedule: ScheduleBody,
}

impl From<WishBody> for FreezeWish {
    fn from(body: WishBody) -> Self {
        Self { name: body.name, banner: body.banner, schedule: body.schedule.into() }
    }
}

/// A freeze window.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FreezeWindow)]
struct WindowBody {
    id: Uuid,
    name: String,
    banner: String,
    schedule: ScheduleBody,
    /// The freeze in force now; null if it is in none.
    now: Option<SpanBody>,
    /// The one that comes next.
    next: Option<SpanBody>,
    created_by: PersonBody,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    allowed_actions: Vec<&'static str>,
}

/// One freeze.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FreezeSpan)]
struct SpanBody {
    #[schema(format = DateTime)]
    starts_at: String,
    #[schema(format = DateTime)]
    ends_at: String,
}

/// A freeze with what people are told of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Freeze)]
pub(super) struct FreezeBody {
    window_id: Uuid,
    name: String,
    banner: String,
    #[schema(format = DateTime)]
    starts_at: String,
    #[schema(format = DateTime)]
    ends_at: String,
}

impl From<InForce> for FreezeBody {
    fn from(in_force: InForce) -> Self {
        Self {
            window_id: in_force.window.id.uuid(),
            name: in_force.window.name,
            banner: in_force.window.banner,
            starts_at: in_force.freeze.starts_at.to_string(),
            ends_at: in_force.freeze.ends_at.to_string(),
        }
    }
}

async fn show(state: &AppState, member: &Member, window: FreezeWindow) -> Answer<WindowBody> {
    let people = People::of(state, &[window.created_by]).await?;
    let now = state.workflow.now().await?;
    let span = |freeze: conman_domain::freeze::Freeze| SpanBody {
        starts_at: freeze.starts_at.to_string(),
        ends_at: freeze.ends_at.to_string(),
    };
    let manage = member.may(AppAction::ManageFreezes).is_ok();
    Ok(WindowBody {
        id: window.id.uuid(),
        now: window.schedule.at(now).map(span),
        next: window.schedule.next(now).map(span),
        name: window.name,
        banner: window.banner,
        schedule: window.schedule.into(),
        created_by: people.person(window.created_by),
        created_at: window.created_at.to_string(),
        updated_at: window.updated_at.to_string(),
        allowed_actions: if manage { vec!["edit", "delete"] } else { Vec::new() },
    })
}

async fn tagged(
    state: &AppState,
    member: &Member,
    window: Versioned<FreezeWindow>,
) -> Answer<Tagged<WindowBody>> {
    Ok(Tagged(window.version, show(state, member, window.doc).await?))
}

/// An environment's freeze windows.
#[derive(Debug, Serialize, ToSchema)]
struct FreezeWindows {
    /// Oldest first.
    data: Vec<WindowBody>,
}

/// Lists an environment's freeze windows, oldest first.
#[utoipa::path(get, path = "/api/apps/{appId}/environments/{envId}/freeze-windows", operation_id = "list_freeze_windows",
    tag = "freezes",
    params(("appId" = Uuid, Path, description = "The app"), ("envId" = Uuid, Path, description = "The environment")),
    responses((status = 200, description = "The windows", body = FreezeWindows)))]
async fn list_freeze_windows(
    State(state): State<AppState>,
    member: AppMember,
    PathId(environment): PathId<EnvironmentId>,
) -> Answer<Json<FreezeWindows>> {
    let mut data = Vec::new();
    for window in state.workflow.freeze_windows(&member, environment).await? {
        data.push(show(&state, &member, window.doc).await?);
    }
    Ok(Json(FreezeWindows { data }))
}

/// Makes a freeze window: while it lasts, deployments to the environment and changes of its values are refused, also
/// deployments that were asked for before it and would start in it. For app admins.
#[utoipa::path(post, path = "/api/apps/{appId}/environments/{envId}/freeze-windows", operation_id = "add_freeze_window",
    tag = "freezes",
    params(("appId" = Uuid, Path, description = "The app"), ("envId" = Uuid, Path, description = "The environment")),
    request_body = WishBody, responses((status = 201, description = "Made", body = WindowBody)))]
async fn add_freeze_window(
    State(state): State<AppState>,
    AppMember(member): AppMember,
    PathId(environment): PathId<EnvironmentId>,
    JsonBody(body): JsonBody<WishBody>,
) -> Answer<(StatusCode, Tagged<WindowBody>)> {
    let window = state.workflow.add_freeze_window(&member, environment, &body.into()).await?;
    Ok((StatusCode::CREATED, tagged(&state, &member, window).await?))
}

/// Reads a freeze window.
#[utoipa::path(get, path = "/api/apps/{appId}/environments/{envId}/freeze-windows/{windowId}",
    operation_id = "get_freeze_window", tag = "freezes",
    params(("appId" = Uuid, Path, description = "The app"), ("envId" = Uuid, Path, description = "The environment"),
        ("windowId" = Uuid, Path, description = "The window")),
    responses((status = 200, description = "The window", body = WindowBody)))]
async fn get_freeze_window(
    State(state): State<AppState>,
    AppMember(member): AppMember,
    PathId(environment): PathId<EnvironmentId>,
    PathId(id): PathId<FreezeWindowId>,
) -> Answer<Tagged<WindowBody>> {
    let window = state.workflow.freeze_window(&member, environment, id).await?;
    tagged(&state, &member, window).await
}

/// Changes a freeze window. For app admins.
#[utoipa::path(put, path = "/api/apps/{appId}/environments/{envId}/freeze-windows/{windowId}",
    operation_id = "update_freeze_window", tag = "freezes",
    params(("appId" = Uuid, Path, description = "The app"), ("envId" = Uuid, Path, description = "The environment"),
        ("windowId" = Uuid, Path, description = "The window"), ("If-Match" = String, Header, description = "The ETag read")),
    request_body = WishBody, responses((status = 200, description = "Changed", body = WindowBody)))]
async fn update_freeze_window(
    State(state): State<AppState>,
    AppMember(member): AppMember,
    PathId(environment): PathId<EnvironmentId>,
    PathId(id): PathId<FreezeWindowId>,
    RequiredIfMatch(expected): RequiredIfMatch,
    JsonBody(body): JsonBody<WishBody>,
) -> Answer<Tagged<WindowBody>> {
    let window =
        state.workflow.update_freeze_window(&member, environment, id, expected, &body.into()).await?;
    tagged(&state, &member, window).await
}

/// Removes a freeze window; what it holds back may be written at once. For app admins.
#[utoipa::path(delete, path = "/api/apps/{appId}/environments/{envId}/freeze-windows/{windowId}",
    operation_id = "remove_freeze_window", tag = "freezes",
    params(("appId" = Uuid, Path, description = "The app"), ("envId" = Uuid, Path, description = "The environment"),
        ("windowId" = Uuid, Path, description = "The window")),
    responses((status = 204, description = "Removed")))]
async fn remove_freeze_window(
    State(state): State<AppState>,
    AppMember(member): AppMember,
    PathId(environment): PathId<EnvironmentId>,
    PathId(id): PathId<FreezeWindowId>,
) -> Answer<StatusCode> {
    state.workflow.remove_freeze_window(&member, environment, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
