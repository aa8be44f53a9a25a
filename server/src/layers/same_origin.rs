//! Other sites do not write in a person's name.

use crate::sessions::COOKIE;
use axum::http::{HeaderMap, Method, Uri, header};

/// True for a write that a browser says comes from another site, and for one with a cookie of which it says nothing.
///
/// Reads change nothing, so they pass. That bodies must be `application/json` keeps forms of other sites out as well.
pub(super) fn is_foreign(method: &Method, headers: &HeaderMap, public_url: &str) -> bool {
    let safe = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    !safe && !is_ours(headers, public_url)
}

fn is_ours(headers: &HeaderMap, public_url: &str) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let fetch_site = text(header::HeaderName::from_static("sec-fetch-site"));
    if headers.get_all(header::ORIGIN).iter().count() > 1 {
        return false;
    }
    if fetch_site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return false;
    }
    match text(header::ORIGIN) {
        Some(origin) => origin_of(public_url) == Some(origin) || names_host(origin, text(header::HOST)),
        None => fetch_site == Some("same-origin") || !has_session_cookie(headers),
    }
}

/// The origin of a URL: scheme, host and port, without a path.
fn origin_of(url: &str) -> Option<&str> {
    let after_scheme = url.find("://")? + 3;
    let end = url[after_scheme..].find('/').map_or(url.len(), |at| after_scheme + at);
    Some(&url[..end])
}

/// True where an origin has the host and port that the request was sent to.
fn names_host(origin: &str, host: Option<&str>) -> bool {
    let Ok(origin) = origin.parse::<Uri>() else {
        return false;
    };
    let known_scheme = matches!(origin.scheme_str(), Some("http" | "https"));
    known_scheme
        && host.is_some_and(|host| origin.authority().is_some_and(|authority| authority.as_str() == host))
}

fn has_session_cookie(headers: &HeaderMap) -> bool {
    let named = |pair: &str| pair.trim_start().split('=').next() == Some(COOKIE);
    headers.get_all(header::COOKIE).iter().any(|value| match value.to_str() {
        Ok(text) => text.split(';').any(named),
        // What cannot be read counts as one, to be on the safe side.
        Err(_) => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(headers: &[(&'static str, &'static str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        is_ours(&map, "https://conman.example")
    }

    #[test]
    fn foreign_sites_are_refused() {
        assert!(ours(&[("origin", "https://conman.example"), ("cookie", "conman_session=x")]));
        assert!(ours(&[
            ("origin", "http://127.0.0.1:8080"),
            ("host", "127.0.0.1:8080"),
            ("cookie", "conman_session=x")
        ]));
        assert!(ours(&[("sec-fetch-site", "same-origin"), ("cookie", "conman_session=x")]));
        assert!(ours(&[("authorization", "Bearer x")]));
        assert!(ours(&[("cookie", "theme=dark")]));

        assert!(!ours(&[("cookie", "theme=dark; conman_session=x")]));
        assert!(!ours(&[("origin", "https://evil.example"), ("host", "conman.example")]));
        assert!(!ours(&[("origin", "null"), ("host", "conman.example")]));
        assert!(!ours(&[("origin", "https://conman.example"), ("origin", "https://evil.example")]));
        assert!(!ours(&[("origin", "https://conman.example.evil.example"), ("cookie", "conman_session=x")]));
        assert!(!ours(&[("origin", "http://conman.example"), ("host", "other.example")]));
        assert!(!ours(&[("sec-fetch-site", "cross-site"), ("origin", "https://conman.example")]));
        assert!(!ours(&[("sec-fetch-site", "same-site"), ("cookie", "conman_session=x")]));
        assert!(!ours(&[("sec-fetch-site", "none"), ("cookie", "conman_session=x")]));
    }
}
