//! Versions as entity tags: `"v7"`.

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use conman_store::Version;
use serde::Serialize;

/// A body with its version as `ETag`, which a later write may state in `If-Match`.
#[derive(Debug)]
pub struct Tagged<T>(pub Version, pub T);

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        ([(header::ETAG, of_number(self.0.get()))], Json(self.1)).into_response()
    }
}

pub(crate) fn of_number(version: u64) -> HeaderValue {
    HeaderValue::try_from(format!("\"v{version}\"")).expect("a quoted number is a header value")
}

/// Reads an entity tag that [`Tagged`] wrote.
pub(crate) fn parse(tag: &str) -> Option<Version> {
    let digits = tag.strip_prefix("\"v")?.strip_suffix('"')?;
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    digits.parse().ok().filter(|_| plain).map(Version::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_has_one_spelling() {
        assert_eq!(parse("\"v12\"").map(Version::get), Some(12));
        for other in
            ["v12", "\"12\"", "W/\"v12\"", "\"v012\"", "\"v+1\"", "\"v\"", "\"v99999999999999999999\"", "*"]
        {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
