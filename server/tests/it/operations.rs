//! What operators and browsers get around the API.

use crate::harness::{On, PASSWORD, Server, answer};
use reqwest::Method;

#[tokio::test]
async fn every_answer_carries_its_id_and_headers_of_safety() {
    let server = Server::start(On::Sqlite).await;
    let browser = server.browser();
    let given = "0190f3a0-7c1e-7abc-8def-0123456789ab";
    let echoed = answer(browser.request(Method::GET, "/livez").header("x-request-id", given)).await;
    assert_eq!(echoed.header("x-request-id"), given);
    for junk in ["x", "a b", "0190f3a07c1e7abc8def0123456789ab"] {
        let replaced = answer(browser.request(Method::GET, "/livez").header("x-request-id", junk)).await;
        assert_eq!(uuid::Uuid::parse_str(replaced.header("x-request-id")).unwrap().get_version_num(), 7);
    }
    for path in ["/", "/livez", "/api/me", "/api/nothing", "/api/docs/", "/nothing"] {
        let answered = browser.get(path).await;
        assert!(answered.header("content-security-policy").contains("default-src 'self'"), "{path}");
        assert!(answered.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(answered.header("x-content-type-options"), "nosniff", "{path}");
        assert!(!answered.header("referrer-policy").is_empty(), "{path}");
        assert!(answered.header("strict-transport-security").starts_with("max-age="), "{path}");
    }
    let missing = browser.get("/api/nothing").await;
    assert_eq!(
        (missing.status, missing.code(), missing.header("cache-control")),
        (404, "not_found", "no-store")
    );
    assert_eq!(missing.body["instance"], "/api/nothing");
    assert_eq!(missing.body["request_id"], missing.header("x-request-id"));
    server.stop().await;
}

#[tokio::test]
async fn pages_are_there_without_a_network() {
    let server = Server::start(On::Sqlite).await;
    let browser = server.browser();
    let home = browser.get("/").await;
    assert!(home.text.contains("/api/docs/"));
    let docs = browser.get("/api/docs/").await;
    assert!(docs.status == 200 && !docs.text.contains("https://"), "{}", docs.text);
    assert_eq!(browser.get("/api/docs/swagger-ui-bundle.js").await.status, 200);
    let document = browser.get("/api/openapi.json").await;
    assert_eq!(document.body["openapi"], "3.1.0");
    server.stop().await;
}

#[tokio::test]
async fn readiness_names_what_is_missing() {
    let server = Server::start(On::Sqlite).await;
    let browser = server.browser();
    assert_eq!(browser.get("/livez").await.text, "ok\n");
    let ready = browser.get("/readyz").await;
    assert_eq!((ready.status, ready.body["ready"].as_bool()), (200, Some(true)), "{}", ready.text);
    server.stop().await;
    let server = Server::configured(On::Sqlite, |config| config.repositories = "/nowhere".into()).await;
    let unready = server.browser().get("/readyz").await;
    assert_eq!((unready.status, unready.body["ready"].as_bool()), (503, Some(false)));
    let failed = |check: &&serde_json::Value| check["ok"] == false;
    let checks = unready.body["checks"].as_array().unwrap();
    assert_eq!(
        checks.iter().filter(failed).map(|check| check["name"].as_str().unwrap()).collect::<Vec<_>>(),
        ["repositories"]
    );
    server.stop().await;
}

#[tokio::test]
async fn requests_and_sign_ins_are_counted_by_route() {
    let server = Server::start(On::Sqlite).await;
    let root = server.first_account().await;
    let app = server.app(&root, "lab").await;
    root.get(&format!("/api/apps/{app}/members")).await;
    root.get("/api/nothing/at/all").await;
    server.browser().signs_in("root@lab.example", PASSWORD).await;
    server.browser().signs_in("root@lab.example", "something wrong").await;
    let metrics = server.browser().get("/metrics").await.text;
    for line in [
        r#"conman_http_requests_total{method="GET",route="/api/apps/{appId}/members",status="200"} 1"#,
        r#"conman_http_requests_total{method="GET",route="unmatched",status="404"} 1"#,
        r#"conman_sign_ins_total{outcome="signed_in"} 1"#,
        r#"conman_sign_ins_total{outcome="refused"} 1"#,
        "conman_http_requests_in_flight 1",
        "conman_password_queue 0",
        "conman_http_request_duration_seconds_bucket",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    assert!(!metrics.contains(&app.to_string()));
    server.stop().await;
}

#[tokio::test]
async fn too_many_requests_at_once_are_sent_away() {
    let server = Server::configured(On::Sqlite, |config| config.limits.in_flight = 0).await;
    let refused = server.browser().get("/api/me").await;
    assert_eq!((refused.status, refused.code(), refused.header("retry-after")), (503, "overloaded", "1"));
    assert_eq!(server.browser().get("/livez").await.status, 200);
    server.stop().await;
}

/// A stop lets a request that is under way finish, and takes no new connection.
#[tokio::test]
async fn a_stop_drains() {
    let server = Server::start(On::Sqlite).await;
    let address = server.address;
    server.first_account().await;
    let mut busy = server.browser();
    let request = tokio::spawn(async move { busy.signs_in("root@lab.example", PASSWORD).await.status });
    // The password is being verified: the request is under way.
    while server.workflow.password_queue_length() == 0 && !request.is_finished() {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    server.stop().await;
    assert_eq!(request.await.unwrap(), 200);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
