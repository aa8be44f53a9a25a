//! The first account, and what accounts see of themselves.

use crate::harness::{On, PASSWORD, Server};
use reqwest::Method;
use serde_json::json;

async fn the_set_up_link_makes_one_account(on: On) {
    let server = Server::start(on).await;
    let link = server.workflow.ensure_setup_link().await.unwrap().unwrap();
    let newer = server.workflow.ensure_setup_link().await.unwrap().unwrap();
    let (old, token) = (link.strip_prefix("/setup/").unwrap(), newer.strip_prefix("/setup/").unwrap());
    let body = |token: &str, n: usize| json!({"token": token, "email": format!("u{n}@lab.example"), "handle": format!("u{n}"), "name": "U", "password": PASSWORD});
    assert_eq!(server.browser().post("/api/auth/setup", &body(old, 0)).await.status, 404);
    let tries = (0..20).map(|n| {
        let (mut browser, body) = (server.browser(), body(token, n));
        async move { browser.post("/api/auth/setup", &body).await.status }
    });
    let statuses = futures::future::join_all(tries).await;
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 201 | 404 | 429)), "{statuses:?}");
    assert_eq!(server.browser().post("/api/auth/setup", &body(token, 99)).await.status, 404);
    assert_eq!(server.workflow.ensure_setup_link().await.unwrap(), None);
    server.stop().await;
}

#[tokio::test]
async fn the_set_up_link_makes_one_account_on_sqlite() {
    the_set_up_link_makes_one_account(On::Sqlite).await;
}

#[tokio::test]
async fn the_set_up_link_makes_one_account_on_mongodb() {
    the_set_up_link_makes_one_account(On::Mongo).await;
}

#[tokio::test]
async fn an_account_sees_and_changes_itself() {
    let server = Server::start(On::Sqlite).await;
    let root = server.first_account().await;
    let app = server.app(&root, "lab").await;
    let me = root.get("/api/me").await;
    assert_eq!(me.body["email"], "root@lab.example");
    assert_eq!(me.body["allowed_actions"], json!(["create_app", "list_accounts"]));
    assert_eq!(me.body["memberships"][0]["app_id"], app.to_string());
    assert_eq!(me.body["memberships"][0]["role"], "app_admin");
    assert!(!me.text.contains("argon2"), "{}", me.text);

    let stale =
        root.request(Method::PATCH, "/api/me").header("if-match", "\"v99\"").json(&json!({"name": "X"}));
    let stale = crate::harness::answer(stale).await;
    assert_eq!((stale.status, stale.code(), stale.header("etag")), (412, "stale_version", me.header("etag")));
    let fresh = root.request(Method::PATCH, "/api/me").header("if-match", me.header("etag"));
    let fresh = crate::harness::answer(fresh.json(&json!({"name": "Rita Neu"}))).await;
    assert_eq!((fresh.status, fresh.body["name"].as_str()), (200, Some("Rita Neu")));
    assert_ne!(fresh.header("etag"), me.header("etag"));

    assert_eq!(root.get("/api/me/notification-preferences").await.body, json!({"mail": true}));
    let off = root.patch("/api/me/notification-preferences", &json!({"mail": false})).await;
    assert_eq!(off.body, json!({"mail": false}));
    assert_eq!(root.get("/api/me/notification-preferences").await.body, json!({"mail": false}));

    let accounts = root.get("/api/accounts?limit=1").await;
    assert_eq!((accounts.body["total"].as_u64(), accounts.body["limit"].as_u64()), (Some(1), Some(1)));
    let ana = server.joins(&root, app, "ana", conman_domain::access::Role::User).await;
    assert_eq!(ana.get("/api/accounts").await.status, 403);
    server.stop().await;
}

/// Row 28: line breaks and control characters in names, and row 14: fields that nobody asked for.
#[tokio::test]
async fn hostile_names_and_extra_fields_are_refused() {
    let server = Server::start(On::Sqlite).await;
    let root = server.first_account().await;
    for name in ["a\r\nBcc: x@evil.example", "a\u{1b}[31m", "\u{202e}abc", "", &"x".repeat(201)] {
        let answer = root.patch("/api/me", &json!({"name": name})).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid"), "{name:?}");
        assert_eq!(answer.body["errors"][0]["pointer"], "/name");
    }
    for field in ["role", "state", "version", "author_id", "_id", "instance_admin", "email"] {
        let answer = root.patch("/api/me", &json!({"name": "Rita", field: true})).await;
        assert_eq!(answer.status, 400, "{field}");
        assert_eq!(answer.body["errors"][0]["pointer"], format!("/{field}"));
    }
    let name = "<img src=x onerror=alert(1)>";
    assert_eq!(root.patch("/api/me", &json!({"name": name})).await.body["name"], name);
    server.stop().await;
}
