//! What a client calls itself.

use axum::http::{HeaderMap, header};

/// The most characters that are kept.
const LONGEST: usize = 200;

/// What a client calls itself, shortened, without control characters.
pub(crate) fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = String::from_utf8_lossy(headers.get(header::USER_AGENT)?.as_bytes());
    Some(text.chars().filter(|c| !c.is_control()).take(LONGEST).collect())
}
