//! Jobs: what is being worked on, and the logs.

use super::places::AboutBody;
use super::shared::{List, Nothing};
use super::views::{FindingBody, People, PersonBody, allowed};
use crate::extract::{AppMember, JsonBody, PageLimit, PageNumber, PathId, QueryOf};
use crate::problem::{Answer, FieldError, Problem};
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use conman_domain::id::{JobId, UserId};
use conman_domain::job::{Job, JobLog, JobStatus, Work};
use conman_domain::policy::{self, JobAction};
use conman_store::Versioned;
use conman_workflow::{Member, Named, ThingId};
use futures::Stream;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// How many lines of a log are answered at once.
const LOG_CHUNK: u32 = 500;
/// How often a streamed log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_jobs))
        .routes(routes!(get_job))
        .routes(routes!(get_job_logs))
        .routes(routes!(cancel_job))
}

/// A job.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Job)]
struct JobBody {
    id: Uuid,
    #[serde(rename = "type")]
    kind: &'static str,
    /// What it is about.
    subject: Value,
    /// The same as people call it; null where it is gone.
    about: Option<AboutBody>,
    /// Who asked for it; null for what the server does by itself.
    asked_by: Option<PersonBody>,
    /// `queued`, `running`, `succeeded`, `failed` or `canceled`.
    state: &'static str,
    attempt: u32,
    /// What came out.
    result: Option<Value>,
    failure: Option<JobFailureBody>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    finished_at: Option<String>,
    allowed_actions: Vec<String>,
}

/// Why a job was given up.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobFailure)]
struct JobFailureBody {
    /// `rejected`: the answer was no. `errored`: something broke.
    cause: &'static str,
    reason: String,
    findings: Vec<FindingBody>,
}

/// The names that jobs are shown with.
struct Names {
    things: HashMap<ThingId, Named>,
    people: People,
}

impl JobBody {
    async fn all(state: &AppState, member: &Member, jobs: Vec<Versioned<Job>>) -> Answer<Vec<Self>> {
        let things: Vec<ThingId> = jobs.iter().map(|job| ThingId::of(&job.work)).collect();
        let people: Vec<UserId> = jobs.iter().filter_map(|job| job.created_by).collect();
        let things = state.workflow.named(member, &things).await?;
        let names = Names { things, people: People::of(state, &people).await? };
        Ok(jobs.iter().map(|job| Self::of(member, &job.doc, &names)).collect())
    }

    async fn one(state: &AppState, member: &Member, job: Versioned<Job>) -> Answer<Self> {
        let mut all = Self::all(state, member, vec![job]).await?;
        Ok(all.remove(0))
    }

    fn of(member: &Member, job: &Job, names: &Names) -> Self {
        let (result, failure, finished_at) = match &job.status {
            JobStatus::Queued { .. } | JobStatus::Running { .. } => (None, None, None),
            JobStatus::Succeeded { finished_at, result } => (Some(result.clone()), None, Some(finished_at)),
            JobStatus::Canceled { finished_at } => (None, None, Some(finished_at)),
            JobStatus::Failed { finished_at, rejected, reason, findings } => {
                let findings = findings.iter().map(FindingBody::from).collect();
                let cause = if *rejected { "rejected" } else { "errored" };
                (None, Some(JobFailureBody { cause, reason: reason.clone(), findings }), Some(finished_at))
            }
        };
        Self {
            id: job.id.uuid(),
            kind: job.work.name(),
            subject: serde_json::to_value(&job.work).unwrap_or_default(),
            about: names.things.get(&ThingId::of(&job.work)).map(AboutBody::from),
            asked_by: job.created_by.map(|id| names.people.person(id)),
            state: job.status.name(),
            attempt: job.attempt,
            result,
            failure,
            created_at: job.created_at.to_string(),
            finished_at: finished_at.map(ToString::to_string),
            allowed_actions: allowed(JobAction::ALL, JobAction::name, |action| {
                policy::job(member.viewer(), job, action)
            }),
        }
    }
}

/// Which jobs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct JobQuery {
    /// Only of these types, separated by commas; of all, if left out.
    #[serde(default, rename = "type")]
    kind: Option<String>,
    /// None of these types, separated by commas.
    #[serde(default)]
    without: Option<String>,
    /// Only in this state.
    #[serde(default)]
    state: Option<String>,
    /// The page's number, from 1.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, default = 1)]
    page: PageNumber,
    /// How many rows a page has, 1 to 200.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200, default = 50)]
    limit: PageLimit,
}

/// What a list of names says, each of which must be known.
fn known<'a>(field: &str, value: Option<&'a str>, names: &[&str]) -> Result<Vec<&'a str>, Problem> {
    let named: Vec<&str> = value.map(|value| value.split(',').collect()).unwrap_or_default();
    if named.iter().all(|name| names.contains(name)) {
        return Ok(named);
    }
    Err(wrong(field, format!("one of {}", names.join(", "))))
}

fn wrong(field: &str, message: impl Into<String>) -> Problem {
    Problem::invalid(vec![FieldError { pointer: format!("/{field}"), message: message.into() }])
}

impl JobQuery {
    /// The wanted types, in the order of all.
    fn kinds(&self) -> Result<Vec<&'static str>, Problem> {
        let only = known("type", self.kind.as_deref(), &Work::TYPES)?;
        let without = known("without", self.without.as_deref(), &Work::TYPES)?;
        let wanted = |kind: &&str| (only.is_empty() || only.contains(kind)) && !without.contains(kind);
        Ok(Work::TYPES.into_iter().filter(wanted).collect())
    }

    /// The wanted state; any, if none.
    fn state(&self) -> Result<Option<&str>, Problem> {
        let states = ["queued", "running", "succeeded", "failed", "canceled"];
        match known("state", self.state.as_deref(), &states)?[..] {
            [] => Ok(None),
            [state] => Ok(Some(state)),
            _ => Err(wrong("state", "one state, or none")),
        }
    }
}

/// Lists the app's jobs, newest first.
#[utoipa::path(get, path = "/api/apps/{appId}/jobs", operation_id = "list_jobs", tag = "jobs",
    params(("appId" = Uuid, Path, description = "The app"), JobQuery),
    responses((status = 200, description = "The jobs", body = List<JobBody>)))]
async fn list_jobs(
    State(state): State<AppState>,
    member: AppMember,
    QueryOf(query): QueryOf<JobQuery>,
) -> Answer<Json<List<JobBody>>> {
    let (kinds, page) = (query.kinds()?, query.page.of(query.limit));
    let (jobs, total) = state.workflow.list_jobs(&member, &kinds, query.state()?, page).await?;
    Ok(Json(List::of(page, total, JobBody::all(&state, &member, jobs).await?)))
}

/// Reads a job.
#[utoipa::path(get, path = "/api/apps/{appId}/jobs/{jobId}", operation_id = "get_job", tag = "jobs",
    params(("appId" = Uuid, Path, description = "The app"), ("jobId" = Uuid, Path, description = "The job")),
    responses((status = 200, description = "The job", body = JobBody)))]
async fn get_job(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<JobId>,
) -> Answer<Json<JobBody>> {
    let job = state.workflow.job(&member, id).await?;
    Ok(Json(JobBody::one(&state, &member, job).await?))
}

/// A part of a job's log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobLog)]
struct LogBody {
    data: Vec<LineBody>,
}

/// One line of a job's log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobLogLine)]
struct LineBody {
    /// Counts the lines, from 1.
    sequence: u32,
    /// The attempt that wrote it.
    attempt: u32,
    #[schema(format = DateTime)]
    logged_at: String,
    message: String,
}

impl From<JobLog> for LineBody {
    fn from(line: JobLog) -> Self {
        let JobLog { sequence, attempt, logged_at, message, .. } = line;
        Self { sequence, attempt, logged_at: logged_at.to_string(), message }
    }
}

/// Where to begin.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct LogQuery {
    /// Only lines behind this one.
    #[serde(default)]
    after: u32,
}

/// Reads a job's log; with `Accept: text/event-stream` it is streamed until the job ends.
#[utoipa::path(get, path = "/api/apps/{appId}/jobs/{jobId}/logs", operation_id = "get_job_logs", tag = "jobs",
    params(("appId" = Uuid, Path, description = "The app"), ("jobId" = Uuid, Path, description = "The job"), LogQuery),
    responses((status = 200, description = "The log", content((LogBody = "application/json"), (String = "text/event-stream")))))]
async fn get_job_logs(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<JobId>,
    QueryOf(query): QueryOf<LogQuery>,
    headers: HeaderMap,
) -> Answer<Response> {
    let lines = state.workflow.job_log(&member, id, query.after, LOG_CHUNK).await?;
    let streamed =
        headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"text/event-stream"));
    if !streamed {
        return Ok(Json(LogBody { data: lines.into_iter().map(LineBody::from).collect() }).into_response());
    }
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let from = resumed.unwrap_or(query.after);
    let events = follow(state, member.0, id, from);
    Ok((
        [("x-accel-buffering", "no"), ("cache-control", "no-store")],
        Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))),
    )
        .into_response())
}

/// Streams a job's log until the job ends, the server stops, or the reader is no member any more.
fn follow(
    state: AppState,
    member: Member,
    id: JobId,
    from: u32,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let start = (state, member, from, Vec::<JobLog>::new().into_iter(), false);
    futures::stream::unfold(start, move |(state, member, mut after, mut lines, mut ended)| async move {
        loop {
            if let Some(line) = lines.next() {
                after = line.sequence;
                let body = serde_json::to_string(&LineBody::from(line)).unwrap_or_default();
                let event = Event::default().event("log").id(after.to_string()).data(body);
                return Some((Ok(event), (state, member, after, lines, ended)));
            }
            if ended || state.stopping.is_cancelled() {
                return None;
            }
            // Asked again each time, so that who is thrown out of the app stops reading at once.
            let member = state.workflow.member(&member.actor, member.app_id()).await.ok()?;
            let finished = state.workflow.job(&member, id).await.ok()?.doc.status.is_finished();
            lines = state.workflow.job_log(&member, id, after, LOG_CHUNK).await.ok()?.into_iter();
            if lines.len() == 0 {
                if finished {
                    ended = true;
                    let event = Event::default().event("end").data("{}");
                    return Some((Ok(event), (state, member, after, lines, ended)));
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    })
}

/// Asks a job to stop: at once while it waits, at its next decision while it runs. For config managers.
#[utoipa::path(post, path = "/api/apps/{appId}/jobs/{jobId}/cancel", operation_id = "cancel_job", tag = "jobs",
    params(("appId" = Uuid, Path, description = "The app"), ("jobId" = Uuid, Path, description = "The job")),
    request_body = Nothing, responses((status = 200, description = "Asked to stop", body = JobBody)))]
async fn cancel_job(
    State(state): State<AppState>,
    member: AppMember,
    PathId(id): PathId<JobId>,
    _nothing: JsonBody<Nothing>,
) -> Answer<Json<JobBody>> {
    let job = state.workflow.cancel_job(&member, id).await?;
    Ok(Json(JobBody::one(&state, &member, job).await?))
}
