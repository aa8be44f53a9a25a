//! Paths have one spelling.

use crate::problem::Problem;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// Answers 404 to paths that a proxy in front could read differently from this server: empty, dotted or
/// parametrised segments, and encoded separators.
pub(crate) async fn plain_paths(request: Request, next: Next) -> Response {
    if is_plain(request.uri().path()) {
        return next.run(request).await;
    }
    Problem::of_status(StatusCode::NOT_FOUND).into_response()
}

fn is_plain(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let odd = ["//", ";", "\\", "%2f", "%5c", "%00", "%3b", "%25", "%0d", "%0a"];
    !odd.iter().any(|text| lower.contains(text))
        && !lower.split('/').any(|part| matches!(part.replace("%2e", ".").as_str(), "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn odd_spellings_are_seen() {
        for path in ["/", "/api/me", "/api/docs/", "/git/lab.git/info/refs", "/api/apps/a%20b"] {
            assert!(is_plain(path), "{path}");
        }
        for path in [
            "//api/me",
            "/api//me",
            "/api/me;x=1",
            "/api%2Fme",
            "/api/%2e%2E/x",
            "/api/../me",
            "/a\\b",
            "/a%5Cb",
        ] {
            assert!(!is_plain(path), "{path}");
        }
    }
}
