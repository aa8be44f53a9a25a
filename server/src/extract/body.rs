//! Bodies: bounded in size and time, JSON taken strictly.

use super::fields::Node;
use super::json;
use crate::problem::Problem;
use crate::state::AppState;
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;

/// The largest body of a route, in bytes; added to a route as an `Extension`.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimit(pub usize);

/// A body of JSON. Other media types, compression, unknown and repeated fields, deep nesting, numbers that are not
/// finite and bodies that are too large or too slow are refused.
#[derive(Debug, Clone)]
pub struct JsonBody<T>(pub T);

/// A body of any kind, bounded in size and time.
#[derive(Debug, Clone)]
pub struct RawBody(pub Bytes);

impl<T: DeserializeOwned> FromRequest<AppState> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let RawBody(bytes) = RawBody::from_request(request, state).await?;
        let value = json::parse(&bytes)?;
        T::deserialize(Node::json(&value))
            .map(Self)
            .map_err(|fault| Problem::invalid(vec![fault.into_field_error()]))
    }
}

impl FromRequest<AppState> for RawBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        let encodings = request.headers().get_all(header::CONTENT_ENCODING);
        if encodings.iter().any(|encoding| encoding != "identity") {
            return Err(Problem::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let limit =
            request.extensions().get::<BodyLimit>().map_or(state.config.limits.body_bytes, |limit| limit.0);
        let announced =
            request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if announced.is_some_and(|length: u64| length > limit as u64) {
            return Err(too_large(limit));
        }
        let reading = read(request.into_body(), limit);
        match tokio::time::timeout(state.config.limits.body_timeout, reading).await {
            Ok(read) => read.map(Self),
            Err(_) => Err(Problem::of_status(StatusCode::REQUEST_TIMEOUT)),
        }
    }
}

async fn read(mut body: Body, limit: usize) -> Result<Bytes, Problem> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        // The client went away or broke the framing: nobody reads the answer, so any 4xx does.
        let frame = frame.map_err(|_| Problem::of_status(StatusCode::BAD_REQUEST))?;
        if let Ok(data) = frame.into_data() {
            if bytes.len() + data.len() > limit {
                return Err(too_large(limit));
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes.freeze())
}

fn too_large(limit: usize) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("a body here has at most {limit} bytes"))
}

/// True for `application/json`, alone or with `charset=utf-8`.
fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let mut parts = value.to_str().unwrap_or_default().split(';').map(str::trim);
    let kind = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    kind && parts.all(|parameter| {
        let lower = parameter.to_ascii_lowercase();
        matches!(lower.as_str(), "" | "charset=utf-8" | "charset=\"utf-8\"")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_is_json() {
        let is = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, text.parse().unwrap());
            is_json(&headers)
        };
        assert!(is("application/json"));
        assert!(is("Application/JSON; charset=UTF-8"));
        for other in [
            "text/plain",
            "application/json; charset=utf-16",
            "application/jsonx",
            "text/plain; application/json",
            "",
        ] {
            assert!(!is(other), "{other}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
