//! Personal access tokens and service tokens.

use crate::harness::{On, Server};
use crate::passwords::in_an_hour;
use conman_domain::access::{Role, Token};
use conman_store::collections::TOKEN_BY_KIND;
use conman_store::{Batch, Query};
use conman_workflow::Stage;
use reqwest::Method;
use serde_json::json;

async fn tokens_are_shown_once_scoped_and_revoked(on: On) {
    let server = Server::start(on).await;
    let mut root = server.first_account().await;
    let made = root
        .post("/api/me/tokens", &json!({"name": "reads", "scope": "read", "expires_at": in_an_hour()}))
        .await;
    assert_eq!(made.status, 201, "{}", made.body);
    let secret = made.body["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("cpat_"));
    let list = root.get("/api/me/tokens").await;
    assert!(!list.text.contains(&secret));
    assert_eq!(list.body["data"][0]["last_used_at"], json!(null));

    let mut script = server.browser();
    script.bearer = Some(secret.clone());
    assert_eq!(script.get("/api/me").await.body["email"], "root@lab.example");
    let write = script.patch("/api/me", &json!({"name": "X"})).await;
    assert_eq!((write.status, write.code()), (403, "read_only_token"));
    assert!(root.get("/api/me/tokens").await.body["data"][0]["last_used_at"].is_string());

    let made = root
        .post("/api/me/tokens", &json!({"name": "writes", "scope": "write", "expires_at": in_an_hour()}))
        .await;
    let mut writer = server.browser();
    writer.bearer = made.body["secret"].as_str().map(str::to_owned);
    assert_eq!(writer.patch("/api/me", &json!({"name": "X"})).await.status, 200);
    let id = list.body["data"][0]["id"].as_str().unwrap();
    assert_eq!(script.delete(&format!("/api/me/tokens/{id}")).await.status, 403);
    assert_eq!(writer.delete(&format!("/api/me/tokens/{id}")).await.status, 204);
    assert_eq!(script.get("/api/me").await.status, 401);
    assert_eq!(writer.delete(&format!("/api/me/tokens/{id}")).await.status, 404);
    let audit = serde_json::to_string(&server.audit().await).unwrap();
    assert!(!audit.contains(&secret));
    server.stop().await;
}

#[tokio::test]
async fn tokens_are_shown_once_scoped_and_revoked_on_sqlite() {
    tokens_are_shown_once_scoped_and_revoked(On::Sqlite).await;
}

#[tokio::test]
async fn tokens_are_shown_once_scoped_and_revoked_on_mongodb() {
    tokens_are_shown_once_scoped_and_revoked(On::Mongo).await;
}

#[tokio::test]
async fn wrong_and_expired_tokens_are_refused() {
    let server = Server::start(On::Sqlite).await;
    let mut root = server.first_account().await;
    for expires_at in ["2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "tomorrow", ""] {
        let answer = root
            .post("/api/me/tokens", &json!({"name": "x", "scope": "read", "expires_at": expires_at}))
            .await;
        assert_eq!(
            (answer.status, answer.body["errors"][0]["pointer"].as_str()),
            (400, Some("/expires_at")),
            "{expires_at}"
        );
    }
    let made =
        root.post("/api/me/tokens", &json!({"name": "x", "scope": "read", "expires_at": in_an_hour()})).await;
    let mut script = server.browser();
    script.bearer = made.body["secret"].as_str().map(str::to_owned);
    let store = server.workflow.store();
    let found = store.find(Query::<Token>::on(&TOKEN_BY_KIND).eq("personal")).await.unwrap();
    let (mut token, version) = found.items.into_iter().next().unwrap().into_parts();
    token.expires_at = Some(server.workflow.now().await.unwrap());
    store.commit(Batch::new().replace(&token, version)).await.unwrap();
    assert_eq!(script.get("/api/me").await.status, 401);
    let with_cookie = root.clone();
    for wrong in ["Bearer", "Bearer ", "Basic cm9vdDp4", "Bearer cpat_x", "cpat_x", "Bearer \u{e9}"] {
        let request = with_cookie.request(Method::GET, "/api/me").header("authorization", wrong);
        let answer = crate::harness::answer(request).await;
        assert_eq!(answer.status, 401, "{wrong}: a wrong token falls back to the cookie");
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
    }
    server.stop().await;
}

#[tokio::test]
async fn service_tokens_belong_to_one_environment() {
    let server = Server::start(On::Sqlite).await;
    let mut root = server.first_account().await;
    let app = server.app(&root, "lab").await;
    let member = server.workflow.member(&server.actor(&root).await, app).await.unwrap();
    let dev =
        Stage { id: None, name: "dev".parse().unwrap(), canonical: true, rollback_when_refused_by: None };
    let environments = server.workflow.set_environments(&member, vec![dev]).await.unwrap();
    let path = format!("/api/apps/{app}/service-tokens");
    let foreign = json!({"name": "w", "environment_id": app.to_string()});
    let answer = root.post(&path, &foreign).await;
    assert_eq!((answer.status, answer.body["errors"][0]["pointer"].as_str()), (400, Some("/environment_id")));
    let ana = server.joins(&root, app, "ana", Role::ConfigManager).await;
    assert_eq!(ana.get(&path).await.status, 403);
    let environment = environments[0].doc.id;
    let made = root.post(&path, &json!({"name": "worker", "environment_id": environment.to_string()})).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let secret = made.body["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("csvc_"));
    let mut program = server.browser();
    program.bearer = Some(secret.clone());
    assert_eq!(program.get("/api/me").await.status, 401, "a service token is no account");
    let list = root.get(&path).await;
    assert_eq!(list.body["data"][0]["environment_id"], environment.to_string());
    assert!(!list.text.contains(&secret));
    let id = list.body["data"][0]["id"].as_str().unwrap();
    assert_eq!(root.delete(&format!("/api/me/tokens/{id}")).await.status, 404, "nobody's personal token");
    assert_eq!(root.delete(&format!("{path}/{id}")).await.status, 204);
    server.stop().await;
}
