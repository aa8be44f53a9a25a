//! Passwords changed, forgotten, reset.

use crate::harness::{On, PASSWORD, Server};
use conman_domain::access::Token;
use conman_domain::mail::Mail;
use conman_store::collections::{MAIL_BY_TIME, TOKEN_BY_KIND};
use conman_store::{Batch, Query};
use serde_json::json;

const NEW: &str = "amber-lantern-fjord";

#[tokio::test]
async fn changing_the_password_ends_all_sessions_but_a_new_one() {
    let server = Server::start(On::Sqlite).await;
    let mut root = server.first_account().await;
    let mut elsewhere = server.browser();
    elsewhere.signs_in("root@lab.example", PASSWORD).await;
    let before = root.clone();

    let wrong =
        root.post("/api/auth/change-password", &json!({"current_password": NEW, "new_password": NEW})).await;
    assert_eq!((wrong.status, wrong.body["errors"][0]["pointer"].as_str()), (400, Some("/current_password")));
    for weak in ["short", "password1234", "root@lab.example", "Rita Root!!", "aaaaaaaaaaaaaaa"] {
        let answer = root
            .post("/api/auth/change-password", &json!({"current_password": PASSWORD, "new_password": weak}))
            .await;
        assert_eq!(
            (answer.status, answer.body["errors"][0]["pointer"].as_str()),
            (400, Some("/new_password")),
            "{weak}"
        );
    }
    let answer = root
        .post("/api/auth/change-password", &json!({"current_password": PASSWORD, "new_password": NEW}))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(root.is_signed_in().await);
    assert!(!before.is_signed_in().await, "the session that asked goes on under its old id");
    assert!(!elsewhere.is_signed_in().await, "another session goes on");
    assert_eq!(server.browser().signs_in("root@lab.example", PASSWORD).await.status, 401);
    assert_eq!(server.browser().signs_in("root@lab.example", NEW).await.status, 200);
    let mails = server.mails().await;
    assert!(mails.iter().any(|mail| mail.event == "user.password_changed"));
    server.stop().await;
}

#[tokio::test]
async fn a_token_does_not_change_passwords_or_make_tokens() {
    let server = Server::start(On::Sqlite).await;
    let mut root = server.first_account().await;
    let body = json!({"name": "ci", "scope": "write", "expires_at": in_an_hour()});
    let secret = root.post("/api/me/tokens", &body).await.body["secret"].as_str().unwrap().to_owned();
    let mut script = server.browser();
    script.bearer = Some(secret);
    let change = json!({"current_password": PASSWORD, "new_password": NEW});
    for (path, body) in [("/api/auth/change-password", &change), ("/api/me/tokens", &body)] {
        let answer = script.post(path, body).await;
        assert_eq!((answer.status, answer.code()), (403, "session_required"), "{path}");
    }
    server.stop().await;
}

pub(crate) fn in_an_hour() -> String {
    conman_domain::Timestamp::new(chrono::Utc::now() + chrono::TimeDelta::hours(1)).to_string()
}

/// Row 17: a reset link works once, 20 at once, whatever Host asked for it.
async fn a_reset_link_works_once(on: On) {
    let server = Server::start(on).await;
    let root = server.first_account().await;
    let ask = reqwest::Client::new()
        .post(format!("http://{}/api/auth/forgot-password", server.address))
        .header("host", "evil.example")
        .header("x-forwarded-host", "evil.example");
    let answer = crate::harness::answer(ask.json(&json!({"email": "root@lab.example"}))).await;
    assert_eq!(answer.status, 202);
    server.mail_arrives("root@lab.example", 0).await;
    let mails = server.mails().await;
    assert!(!serde_json::to_string(&mails).unwrap().contains("evil.example"));
    let token = server.mailed_token("root@lab.example", "/reset-password/").await;

    let tries = (0..20).map(|n| {
        let mut browser = server.browser();
        let body = json!({"token": token, "password": format!("{NEW}-{n}")});
        async move { browser.post("/api/auth/reset-password", &body).await.status }
    });
    let statuses = futures::future::join_all(tries).await;
    assert_eq!(statuses.iter().filter(|status| **status == 204).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 204 | 404 | 429)), "{statuses:?}");
    let again =
        server.browser().post("/api/auth/reset-password", &json!({"token": token, "password": NEW})).await;
    assert_eq!(again.status, 404);
    assert!(!root.is_signed_in().await);
    let audit = serde_json::to_string(&server.audit().await).unwrap();
    assert!(!audit.contains(&token) && !audit.contains(NEW), "a secret is in the audit log");
    server.stop().await;
}

#[tokio::test]
async fn a_reset_link_works_once_on_sqlite() {
    a_reset_link_works_once(On::Sqlite).await;
}

#[tokio::test]
async fn a_reset_link_works_once_on_mongodb() {
    a_reset_link_works_once(On::Mongo).await;
}

#[tokio::test]
async fn a_reset_link_expires_and_is_replaced_by_the_next() {
    let server = Server::start(On::Sqlite).await;
    server.first_account().await;
    let ask = json!({"email": "root@lab.example"});
    server.browser().post("/api/auth/forgot-password", &ask).await;
    server.mail_arrives("root@lab.example", 0).await;
    let first = server.mailed_token("root@lab.example", "/reset-password/").await;
    server.browser().post("/api/auth/forgot-password", &ask).await;
    server.mail_arrives("root@lab.example", 1).await;
    let second = server.mailed_token("root@lab.example", "/reset-password/").await;
    let replaced =
        server.browser().post("/api/auth/reset-password", &json!({"token": first, "password": NEW})).await;
    assert_eq!(replaced.status, 404);

    let store = server.workflow.store();
    let found = store.find(Query::<Token>::on(&TOKEN_BY_KIND).eq("password_reset")).await.unwrap();
    assert_eq!(found.items.len(), 1);
    let (mut token, version) = found.items.into_iter().next().unwrap().into_parts();
    assert!(!serde_json::to_string(&token).unwrap().contains(&second), "the token itself is kept");
    token.expires_at = Some(server.workflow.now().await.unwrap());
    store.commit(Batch::new().replace(&token, version)).await.unwrap();
    let expired =
        server.browser().post("/api/auth/reset-password", &json!({"token": second, "password": NEW})).await;
    assert_eq!(expired.status, 404);
    server.stop().await;
}

/// Row 18: the same answer for known and unknown addresses, and no more than a few mails.
#[tokio::test]
async fn asking_for_a_link_tells_nothing() {
    let server = Server::start(On::Sqlite).await;
    server.first_account().await;
    let known =
        server.browser().post("/api/auth/forgot-password", &json!({"email": "root@lab.example"})).await;
    let unknown =
        server.browser().post("/api/auth/forgot-password", &json!({"email": "nobody@lab.example"})).await;
    assert_eq!((known.status, &known.text), (unknown.status, &unknown.text));
    let mut statuses = Vec::new();
    for _ in 0..25 {
        let answer =
            server.browser().post("/api/auth/forgot-password", &json!({"email": "root@lab.example"})).await;
        statuses.push(answer.status);
    }
    assert!(
        statuses.iter().all(|status| matches!(status, 202 | 429)) && statuses.contains(&429),
        "{statuses:?}"
    );
    let workflow = server.workflow.clone();
    server.stop().await;
    let mails = Query::<Mail>::on(&MAIL_BY_TIME);
    let mails = workflow.store().find(mails).await.unwrap().items.len();
    assert!((1..=3).contains(&mails), "{mails} mails for 26 requests");
}
