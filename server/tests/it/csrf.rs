//! Other sites, and odd spellings of requests.

use crate::harness::{On, PASSWORD, Server, answer};
use reqwest::Method;
use serde_json::json;

/// Row 16: a foreign Origin, and JSON as another media type.
#[tokio::test]
async fn other_sites_do_not_write() {
    let server = Server::start(On::Sqlite).await;
    let root = server.first_account().await;
    let cookie = root.cookie.clone().unwrap();
    let client = reqwest::Client::new();
    let url = format!("http://{}/api/me", server.address);
    let patch = || client.patch(&url).header("cookie", &cookie).json(&json!({"name": "Evil"}));
    for foreign in [
        patch(),
        patch().header("origin", "https://evil.example"),
        patch().header("origin", "null"),
        patch().header("origin", "https://conman.example.evil.example"),
        patch().header("sec-fetch-site", "cross-site"),
        patch().header("sec-fetch-site", "same-site"),
        patch().header("sec-fetch-site", "cross-site").header("origin", "https://conman.example"),
    ] {
        let refused = answer(foreign).await;
        assert_eq!((refused.status, refused.code()), (403, "foreign_origin"));
    }
    let login = client
        .post(format!("http://{}/api/auth/login", server.address))
        .header("origin", "https://evil.example");
    let refused = answer(login.json(&json!({"email": "root@lab.example", "password": PASSWORD}))).await;
    assert_eq!(refused.status, 403, "another site signs its visitors in");
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
    ] {
        let request =
            root.request(Method::PATCH, "/api/me").header("content-type", kind).body(r#"{"name":"Evil"}"#);
        let refused = answer(request).await;
        assert_eq!((refused.status, refused.code()), (415, "unsupported_media_type"), "{kind}");
    }
    let untyped = root.request(Method::PATCH, "/api/me").body(r#"{"name":"Evil"}"#);
    assert_eq!(answer(untyped).await.status, 415);
    assert_eq!(root.get("/api/me").await.body["name"], "Rita Root");
    for ours in
        [patch().header("origin", "https://conman.example"), patch().header("sec-fetch-site", "same-origin")]
    {
        assert_eq!(answer(ours).await.status, 200);
    }
    server.stop().await;
}

/// Row 16: a GET that changes.
#[tokio::test]
async fn reads_change_nothing() {
    let server = Server::start(On::Sqlite).await;
    let root = server.first_account().await;
    let before = server.audit().await.len();
    for path in ["/api/auth/logout", "/api/auth/login", "/api/auth/reset-password"] {
        assert_eq!(root.get(path).await.status, 405, "{path}");
    }
    assert!(root.is_signed_in().await);
    assert_eq!(server.audit().await.len(), before);
    server.stop().await;
}

/// Row 21: headers that claim to be somebody, and paths that a proxy reads differently.
#[tokio::test]
async fn claims_and_odd_paths_gain_nothing() {
    let server = Server::start(On::Sqlite).await;
    let root = server.first_account().await;
    let id = root.get("/api/me").await.body["id"].as_str().unwrap().to_owned();
    for header in
        ["x-user", "x-user-id", "x-remote-user", "x-forwarded-user", "x-auth-request-email", "remote-user"]
    {
        let request = server.browser().request(Method::GET, "/api/me").header(header, &id);
        assert_eq!(answer(request).await.status, 401, "{header}");
    }
    let mut elsewhere = server.browser();
    elsewhere.forwarded_for = Some("203.0.113.77".to_owned());
    elsewhere.signs_in("root@lab.example", "a wrong password").await;
    let audit = serde_json::to_string(&server.audit().await).unwrap();
    assert!(
        audit.contains("127.0.0.1") && !audit.contains("203.0.113.77"),
        "X-Forwarded-For of anybody is believed"
    );
    for path in [
        "//api/me",
        "/api//me",
        "/api/me;x=1",
        "/api;x/me",
        "/api%2Fme",
        "/api/me%2F",
        "/api/me/",
        "/x/..%2fapi/me",
        "/api/%2e%2e/api/me",
    ] {
        let (status, _) = raw(
            &server,
            &format!(
                "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: {}\r\n\r\n",
                root.cookie.as_deref().unwrap()
            ),
        )
        .await;
        assert_eq!(status, 404, "{path}");
    }
    server.stop().await;
}

/// Sends bytes, and reads until the server closes.
pub(crate) async fn raw(server: &Server, request: &str) -> (u16, String) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    // A reset after the answer is as good as an orderly end.
    let _ = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    (status, text)
}
