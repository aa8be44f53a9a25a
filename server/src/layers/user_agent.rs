//! What a client calls itself.

use axum::http::HeaderValue;

/// The most characters that are kept.
const LONGEST: usize = 200;

/// What a client calls itself, shortened, without control characters.
pub(crate) fn user_agent(value: &HeaderValue) -> String {
    let text = String::from_utf8_lossy(value.as_bytes());
    text.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}
