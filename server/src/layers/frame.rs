//! What is around every request: ids, counts, the log, the form of refusals, headers of safety.

use super::client::{Peer, client_address};
use super::overload;
use super::plain_paths::is_plain;
use super::same_origin::is_foreign;
use crate::extract::Origin;
use crate::problem::{OwnForm, Problem};
use crate::state::AppState;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use conman_domain::id::RequestId;
use futures::FutureExt as _;
use std::any::Any;
use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::sync::OwnedSemaphorePermit;
use tower::{Layer, Service};
use tracing::{Instrument as _, Span};
use uuid::Uuid;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// As many as are added here, and those that nearly all answers have besides.
const MOST_HEADERS: usize = 14;

const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
);
/// The page of the API's documentation sets styles from its scripts.
const DOCS_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'; object-src 'none'",
);

/// The layer of [`Framed`].
#[derive(Clone)]
pub(crate) struct Frame(pub(crate) AppState);

impl<S> Layer<S> for Frame {
    type Service = Framed<S>;

    fn layer(&self, inner: S) -> Framed<S> {
        Framed { inner, state: self.0.clone() }
    }
}

/// Names and counts a request, has it answered if it may be, and gives the answer its final form. A handler that panics
/// breaks its own request only.
#[derive(Clone)]
pub(crate) struct Framed<S> {
    inner: S,
    state: AppState,
}

impl<S> Service<Request> for Framed<S>
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send + 'static>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    // What can be done at once is done here: the future is small then, and needs no copy of the service.
    fn call(&mut self, mut request: Request) -> Self::Future {
        let state = self.state.clone();
        // Without a connection, as in tests of the router alone, there is no peer.
        let peer = request.extensions().get::<Peer>().copied().unwrap_or(Peer::UNKNOWN);
        let route = request.extensions().get::<MatchedPath>().cloned().map_or(UNMATCHED, Route::Matched);
        let about = About::of(&state, Instant::now(), peer, route, &request);
        let user_agent = request.headers().get(header::USER_AGENT).cloned();
        let origin = Origin { request_id: about.request_id, address: about.address, user_agent };
        request.extensions_mut().insert(origin);
        let begun = admit(&state, &request).map(|place| {
            let answering = panic::catch_unwind(AssertUnwindSafe(|| self.inner.call(request)));
            (place, answering)
        });
        Box::pin(async move {
            let _in_flight = state.metrics.began();
            let response = match begun {
                Ok((_place, Ok(answering))) => {
                    let answered = AssertUnwindSafe(answering).catch_unwind().instrument(about.span.clone());
                    answered.await.map_or_else(
                        |panic| panicked(&*panic),
                        |answer| answer.unwrap_or_else(|e| match e {}),
                    )
                }
                Ok((_place, Err(panic))) => about.span.in_scope(|| panicked(&*panic)),
                Err(problem) => problem.into_response(),
            };
            Ok(about.finish(&state, response))
        })
    }
}

/// Counts an answer that was at hand, and gives it its final form, as if it had passed the layer.
pub(crate) fn frame_at_once<B>(
    state: &AppState,
    began: Instant,
    peer: Peer,
    route: &'static str,
    request: &axum::http::Request<B>,
    response: Response,
) -> Response {
    About::of(state, began, peer, Route::Fixed(route), request).finish(state, response)
}

/// The route that a request is counted under.
enum Route {
    Matched(MatchedPath),
    Fixed(&'static str),
}

/// What no route has.
const UNMATCHED: Route = Route::Fixed("unmatched");

impl Route {
    fn as_str(&self) -> &str {
        match self {
            Self::Matched(path) => path.as_str(),
            Self::Fixed(path) => path,
        }
    }
}

/// What is known of a request before it is answered.
struct About {
    began: Instant,
    request_id: RequestId,
    address: IpAddr,
    method: &'static str,
    route: Route,
    uri: Uri,
    span: Span,
}

impl About {
    fn of<B>(
        state: &AppState,
        began: Instant,
        peer: Peer,
        route: Route,
        request: &axum::http::Request<B>,
    ) -> Self {
        let request_id = request_id(request.headers());
        let address = client_address(peer.0, request.headers(), &state.config.trusted_proxies);
        let method = known_method(request.method().as_str());
        let span = tracing::info_span!("request", id = %request_id, method, route = route.as_str());
        Self { began, request_id, address, method, route, uri: request.uri().clone(), span }
    }

    /// Counts an answer, and gives it its final form.
    fn finish(self, state: &AppState, response: Response) -> Response {
        let mut response = in_form(response, self.uri.path(), self.request_id);
        let (status, took) = (response.status(), self.began.elapsed());
        state.metrics.answered(self.route.as_str(), self.method, status, took);
        let (took_ms, address) = (took.as_secs_f64() * 1000.0, self.address);
        self.span.in_scope(|| tracing::debug!(status = status.as_u16(), took_ms, %address, "answered"));
        add_headers(&mut response, self.uri.path(), self.request_id, state.behind_tls());
        response
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Response {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = text.unwrap_or("(not a text)"), "a handler panicked");
    Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR).into_response()
}

/// Lets a request in, or tells why not: too many at once, an odd path, a foreign site.
fn admit(state: &AppState, request: &Request) -> Result<Option<OwnedSemaphorePermit>, Problem> {
    let place = overload::place(state, request.uri().path())?;
    if !is_plain(request.uri().path()) {
        return Err(Problem::of_status(StatusCode::NOT_FOUND));
    }
    let public_url = &state.workflow.settings().public_url;
    if is_foreign(request.method(), request.headers(), public_url) {
        let detail = "this write does not come from this site";
        return Err(Problem::new(StatusCode::FORBIDDEN, "foreign_origin", detail));
    }
    Ok(place)
}

/// The id that the client gave, if it is one; otherwise a new one.
fn request_id(headers: &HeaderMap) -> RequestId {
    let given = headers.get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    given.and_then(|text| text.parse().ok()).unwrap_or_else(conman_workflow::fresh_id)
}

/// Methods are the client's text; what is counted by them must not grow without end.
fn known_method(method: &str) -> &'static str {
    ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or("other")
}

/// Completes a problem, and makes one of any other refusal.
fn in_form(mut response: Response, path: &str, request_id: RequestId) -> Response {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if has_own_body(&response) => return response,
        None => Problem::of_status(status),
    };
    let mut formed = problem.about(path, &request_id.to_string()).into_response();
    for (name, value) in response.headers() {
        if !matches!(*name, header::CONTENT_TYPE | header::CONTENT_LENGTH)
            && !formed.headers().contains_key(name)
        {
            formed.headers_mut().append(name.clone(), value.clone());
        }
    }
    formed
}

/// Some routes answer a refusal in a form of their own, e.g. readiness.
fn has_own_body(response: &Response) -> bool {
    let kind = response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    response.extensions().get::<OwnForm>().is_some()
        || response.status() == StatusCode::SERVICE_UNAVAILABLE && kind.starts_with("application/json")
        || kind.starts_with("application/x-git-")
}

/// What every answer has, whatever its handler says.
const FIXED: [(HeaderName, HeaderValue); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// The headers of an answer that says nothing else, by whether it is of the API's documentation and goes out by TLS: a
/// copy of all is made faster than each is put where it belongs.
static HEADERS: LazyLock<[[HeaderMap; 2]; 2]> =
    LazyLock::new(|| [false, true].map(|docs| [false, true].map(|behind_tls| headers_of(docs, behind_tls))));

fn headers_of(docs: bool, behind_tls: bool) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(MOST_HEADERS);
    headers.extend(FIXED);
    let policy = if docs { DOCS_SECURITY_POLICY } else { CONTENT_SECURITY_POLICY };
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    if behind_tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    if !docs {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    headers
}

fn add_headers(response: &mut Response, path: &str, request_id: RequestId, behind_tls: bool) {
    // Into an array: a text would grow as it is written.
    let id = HeaderValue::from_str(request_id.uuid().hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    let id = id.expect("a UUID is a header value");
    let docs = path.starts_with("/api/docs");
    let ours = &HEADERS[usize::from(docs)][usize::from(behind_tls)];
    let own = std::mem::replace(response.headers_mut(), ours.clone());
    let headers = response.headers_mut();
    for (name, value) in &own {
        if matches!(*name, header::CONTENT_SECURITY_POLICY | header::CACHE_CONTROL) {
            headers.insert(name.clone(), value.clone());
        } else if !ours.contains_key(name) {
            headers.append(name.clone(), value.clone());
        }
    }
    headers.insert(REQUEST_ID, id);
}
