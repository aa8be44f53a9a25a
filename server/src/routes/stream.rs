//! What changes in an app, as it changes: one stream for everything that a page shows.

use crate::extract::{AppMember, ClientContext, Credentials};
use crate::feeds::{Place, Told};
use crate::problem::{Answer, Problem};
use crate::state::AppState;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use conman_domain::Timestamp;
use conman_domain::audit::RequestContext;
use conman_domain::id::AppId;
use conman_workflow::{FeedEvent, Looked, Member, Workers};
use serde::Serialize;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::time::{Interval, MissedTickBehavior};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// How often a quiet stream says that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often it is asked whether the reader may still read.
const CHECK_AGAIN: Duration = Duration::from_secs(1);
/// When a browser tries again after its stream ended.
const RETRY: Duration = Duration::from_secs(1);

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(stream_app))
}

/// Something that changed. It names things and says nothing of their values: read them again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StreamEvent)]
struct StreamEventBody {
    /// What kind of thing: `app`, `changeset`, `comment`, `deployment`, `environment`, `freeze_window`, `invite`, `job`,
    /// `member`, `parameter_draft`, `queue`, `release`, `runtime_profile`, `token`, `user`, `worker`, `workspace`, or
    /// another entity of the audit log.
    kind: String,
    /// Which one.
    id: String,
    /// What happened, as in the audit log, e.g. `changeset.submitted`; also `environment.version_changed`,
    /// `job.<type>` and `worker.reported`.
    action: String,
    /// The state that the thing is in now, where the change says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    /// The environment concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    environment_id: Option<Uuid>,
    /// The config version concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    /// The name of who did it; `system` for the server itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<String>,
    /// The account of who did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_id: Option<Uuid>,
    #[schema(format = DateTime)]
    at: String,
}

impl From<&FeedEvent> for StreamEventBody {
    fn from(event: &FeedEvent) -> Self {
        Self {
            kind: event.kind.clone(),
            id: event.id.clone(),
            action: event.action.clone(),
            state: event.state.clone(),
            environment_id: event.environment_id.map(|id| id.uuid()),
            version: event.version.map(|version| version.0),
            actor: event.actor.as_ref().map(|actor| actor.name().to_owned()),
            actor_id: event.actor.as_ref().and_then(|actor| actor.user_id()).map(|id| id.uuid()),
            at: event.at.to_string(),
        }
    }
}

/// Follows an app: a stream of everything that changes in it.
///
/// The events of the stream are `ready` (it begins: what was read before may be old by now), `change` (its data is a
/// `StreamEvent`), and `reset` (more changed than is told, or `Last-Event-ID` is too old or unknown: read everything
/// again). A stream that is resumed with `Last-Event-ID`, at any server, leaves nothing out, and may tell the last
/// seconds twice. It ends when the reader is no longer signed in or no member, when the reader is too slow, and when the
/// server stops.
#[utoipa::path(get, path = "/api/apps/{appId}/stream", operation_id = "stream_app", tag = "apps",
    params(("appId" = Uuid, Path, description = "The app"),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was received")),
    responses((status = 200, description = "What changes",
        body = StreamEventBody, content_type = "text/event-stream"),
        (status = 406, description = "The `Accept` asks for something else")))]
async fn stream_app(
    State(state): State<AppState>,
    member: AppMember,
    credentials: Credentials,
    ClientContext(context): ClientContext,
    headers: HeaderMap,
) -> Answer<Response> {
    let streamed =
        headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"text/event-stream"));
    let last = headers.get("last-event-id").map(|id| id.to_str().ok().and_then(instant_of));
    if !streamed {
        let detail = "this is a stream of events; ask with `Accept: text/event-stream`";
        return Err(Problem::new(StatusCode::NOT_ACCEPTABLE, "not_acceptable", detail));
    }
    let place = state.feeds.place(member.actor.user_id, state.config.limits.streams_per_person)?;
    // Followed before it is read what was missed, so that nothing falls between.
    let told = state.feeds.follow(&state, &member).await?;
    let begin = begin(&state, &member, last).await?;
    let mut check = tokio::time::interval(CHECK_AGAIN);
    check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let app_id = member.app_id();
    let reader = Reader { state, app_id, credentials, context, told, check, begin, _place: place };
    let events = futures::stream::unfold(reader, async |mut reader| {
        let event = reader.next().await?;
        Some((Ok::<_, Infallible>(event), reader))
    });
    let quiet = [("x-accel-buffering", "no"), ("cache-control", "no-store")];
    Ok((quiet, Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))).into_response())
}

/// What is told first: what was missed, or that it is not known.
async fn begin(
    state: &AppState,
    member: &Member,
    last: Option<Option<Timestamp>>,
) -> Answer<VecDeque<Event>> {
    let now = state.workflow.now().await?;
    let Some(last) = last else { return Ok([marker("ready", now).retry(RETRY)].into()) };
    let missed = missed(state, member, last).await?;
    Ok(missed.map_or_else(
        || [marker("reset", now).retry(RETRY)].into(),
        |events| events.iter().map(change).collect(),
    ))
}

/// What changed since an instant; none if that is not told.
async fn missed(
    state: &AppState,
    member: &Member,
    since: Option<Timestamp>,
) -> Answer<Option<Vec<FeedEvent>>> {
    let Some(since) = since else { return Ok(None) };
    let mut feed = state.workflow.feed(member, since)?;
    Ok(match feed.look(Workers::Too).await? {
        Looked::New(events) => Some(events),
        Looked::TooMuch => None,
    })
}

/// Somebody who follows an app.
struct Reader {
    state: AppState,
    app_id: AppId,
    credentials: Credentials,
    context: RequestContext,
    told: Receiver<Told>,
    check: Interval,
    begin: VecDeque<Event>,
    _place: Place,
}

impl Reader {
    /// Waits for what is to be told next; none once the reader is to go.
    async fn next(&mut self) -> Option<Event> {
        if let Some(event) = self.begin.pop_front() {
            return Some(event);
        }
        loop {
            tokio::select! {
                () = self.state.stopping.cancelled() => return None,
                told = self.told.recv() => {
                    // Who is too far behind is cut off as well: it resumes where it was.
                    return match told.ok()? {
                        Told::Change(event) => Some(change(&event)),
                        Told::Everything => {
                            Some(marker("reset", self.state.workflow.now().await.ok()?))
                        }
                    };
                }
                _ = self.check.tick() => {
                    let holder = self.credentials.holder(&self.state, self.context.clone()).await.ok()??;
                    self.state.workflow.member(&holder, self.app_id).await.ok()?;
                }
            }
        }
    }
}

fn change(event: &FeedEvent) -> Event {
    let body = serde_json::to_string(&StreamEventBody::from(event)).unwrap_or_default();
    Event::default().event("change").id(id_of(event.at)).data(body)
}

fn marker(name: &str, at: Timestamp) -> Event {
    Event::default().event(name).id(id_of(at)).data("{}")
}

/// The id of what happened at an instant.
fn id_of(at: Timestamp) -> String {
    at.millis().to_string()
}

fn instant_of(id: &str) -> Option<Timestamp> {
    id.parse().ok().filter(|millis| *millis > 0).map(Timestamp::from_millis)
}
