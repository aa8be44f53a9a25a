//! The console at every address that is none of the API's.

use crate::problem::Problem;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use conman_console::NONCE_PLACE;

/// Addresses of programs: what is not there, is not there, whoever asks.
const OF_PROGRAMS: [&str; 6] = ["/api", "/v1", "/git", "/livez", "/readyz", "/metrics"];
/// For files whose name changes with their content.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// For files that keep their name.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// Answers with a file of the console, or with its page where a browser asks for one.
pub(crate) async fn serve(request: Request) -> Response {
    let path = request.uri().path();
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let of_programs = OF_PROGRAMS
        .iter()
        .any(|prefix| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    if !reads || of_programs {
        return Problem::of_status(StatusCode::NOT_FOUND).into_response();
    }
    if let Some(file) = file(path, request.headers()) {
        return file;
    }
    let wants_page = path == "/" || accepts(request.headers(), header::ACCEPT, "text/html");
    if !wants_page || path.starts_with("/assets/") {
        return Problem::of_status(StatusCode::NOT_FOUND).into_response();
    }
    match conman_console::index() {
        Some(index) => page(&index),
        None => Html(WITHOUT_CONSOLE).into_response(),
    }
}

fn file(path: &str, headers: &HeaderMap) -> Option<Response> {
    let takes_brotli = accepts(headers, header::ACCEPT_ENCODING, "br");
    let asset = conman_console::asset(path.trim_start_matches('/'), takes_brotli)?;
    let mut response = Body::from(asset.bytes.into_owned()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
    headers.insert(header::CACHE_CONTROL, if asset.immutable { FOR_EVER } else { ASK_AGAIN });
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if asset.brotli {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
    }
    Some(response)
}

/// The page, with a nonce of its own: only the styles that its own scripts put in carry it.
fn page(index: &str) -> Response {
    let nonce = STANDARD.encode(rand::random::<[u8; 18]>());
    let policy = format!(
        "default-src 'self'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    );
    let policy = HeaderValue::try_from(policy).expect("base64 is text of a header");
    let mut response = Html(index.replace(NONCE_PLACE, &nonce)).into_response();
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

/// True where a list of a header names a word, without weighing it against the others.
fn accepts(headers: &HeaderMap, name: header::HeaderName, word: &str) -> bool {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(',')).any(
        |entry| {
            let mut parts = entry.split(';').map(str::trim);
            parts.next() == Some(word) && parts.all(|part| part != "q=0")
        },
    )
}

const WITHOUT_CONSOLE: &str = r#"<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Conman</title><meta name="viewport" content="width=device-width"></head>
<body>
<main>
<h1>Conman</h1>
<p>The server runs. The console is not part of this build: <code>cargo xtask run</code> and
<code>cargo xtask build</code> build it into <code>web-ui/dist</code>.</p>
<p><a href="/api/docs/">Read and try the HTTP API</a></p>
</main>
</body>
</html>
"#;

#[cfg(test)]
mod tests {
    use super::{accepts, page};
    use axum::http::{HeaderMap, header};

    #[test]
    fn a_list_names_what_it_takes() {
        let mut headers = HeaderMap::new();
        headers.append(header::ACCEPT_ENCODING, "gzip, br;q=1.0".parse().unwrap());
        assert!(accepts(&headers, header::ACCEPT_ENCODING, "br"));
        assert!(!accepts(&headers, header::ACCEPT_ENCODING, "zstd"));
        headers.insert(header::ACCEPT_ENCODING, "gzip, br;q=0".parse().unwrap());
        assert!(!accepts(&headers, header::ACCEPT_ENCODING, "br"));
    }

    #[test]
    fn each_page_has_a_nonce_of_its_own_and_no_unsafe_styles() {
        let policy = |response: axum::response::Response| {
            response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned()
        };
        let (one, other) = (policy(page("__CSP_NONCE__")), policy(page("__CSP_NONCE__")));
        assert_ne!(one, other);
        assert!(!one.contains("unsafe"));
        assert!(one.contains("style-src 'self' 'nonce-"));
    }
}
