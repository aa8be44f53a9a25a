//! What a client calls itself.

use axum::http::HeaderValue;

/// The most characters that are kept.
const LONGEST: usize = 200;

/// What a client calls itself, shortened, without control characters.
pub(crate) fn user_agent(value: &HeaderValue) -> String {
    // Nearly all are short and plain.
    if let (Ok(plain), true) = (value.to_str(), value.len() <= LONGEST) {
        return plain.replace('\t', "");
    }
    let text = String::from_utf8_lossy(value.as_bytes());
    text.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}
