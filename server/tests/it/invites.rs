//! Invites: once, for one address, for seven days.

use crate::harness::{On, PASSWORD, Server};
use conman_domain::access::{Invite, Role};
use conman_store::collections::INVITE_BY_APP;
use conman_store::{Batch, Query};
use serde_json::json;

fn account(handle: &str) -> serde_json::Value {
    json!({"handle": handle, "name": "Ana", "password": PASSWORD})
}

/// Row 17: 20 at once, and reuse.
async fn an_invite_works_once(on: On) {
    let server = Server::start(on).await;
    let root = server.first_account().await;
    let app = server.app(&root, "lab").await;
    let token = server.invited(&root, app, "ana@lab.example", Role::Reviewer).await;
    let look = server.browser().get(&format!("/api/auth/invites/{token}")).await;
    assert_eq!(look.status, 200);
    assert_eq!((look.body["role"].as_str(), look.body["app_name"].as_str()), (Some("reviewer"), Some("lab")));
    assert_eq!(
        (look.body["inviter"].as_str(), look.body["has_account"].as_bool()),
        (Some("Rita Root"), Some(false))
    );

    let tries = (0..20).map(|n| {
        let mut browser = server.browser();
        let body = json!({"token": token, "account": account(&format!("ana-{n}"))});
        async move {
            let answer = browser.post("/api/auth/accept-invite", &body).await;
            (answer.status, answer.code().to_owned(), browser)
        }
    });
    let answers = futures::future::join_all(tries).await;
    let statuses: Vec<_> = answers.iter().map(|(status, code, _)| (*status, code.as_str())).collect();
    assert_eq!(answers.iter().filter(|(status, ..)| *status == 200).count(), 1, "{statuses:?}");
    assert!(answers.iter().all(|(status, ..)| matches!(status, 200 | 404 | 409 | 429)), "{statuses:?}");
    let (_, _, ana) = answers.into_iter().find(|(status, ..)| *status == 200).unwrap();
    let me = ana.get("/api/me").await;
    assert_eq!(me.body["email"], "ana@lab.example");
    assert_eq!(me.body["memberships"][0]["role"], "reviewer");
    assert_eq!(server.browser().get(&format!("/api/auth/invites/{token}")).await.status, 404);
    let again = server
        .browser()
        .post("/api/auth/accept-invite", &json!({"token": token, "account": account("eva")}))
        .await;
    assert_eq!(again.status, 404);
    let members = root.get(&format!("/api/apps/{app}/members")).await;
    assert_eq!(members.body["total"], 2);
    let audit = serde_json::to_string(&server.audit().await).unwrap();
    assert!(!audit.contains(&token), "the link is in the audit log");
    server.stop().await;
}

#[tokio::test]
async fn an_invite_works_once_on_sqlite() {
    an_invite_works_once(On::Sqlite).await;
}

#[tokio::test]
async fn an_invite_works_once_on_mongodb() {
    an_invite_works_once(On::Mongo).await;
}

#[tokio::test]
async fn an_invite_binds_to_its_address() {
    let server = Server::start(On::Sqlite).await;
    let root = server.first_account().await;
    let (lab, shop) = (server.app(&root, "lab").await, server.app(&root, "shop").await);
    let mut ana = server.joins(&root, lab, "ana", Role::User).await;
    let mut bob = server.joins(&root, lab, "bob", Role::User).await;
    let token = server.invited(&root, shop, "ana@lab.example", Role::ConfigManager).await;
    let look = server.browser().get(&format!("/api/auth/invites/{token}")).await;
    assert_eq!(look.body["has_account"], true);

    let by_nobody = server.browser().post("/api/auth/accept-invite", &json!({"token": token})).await;
    assert_eq!(by_nobody.status, 401);
    let by_bob = bob.post("/api/auth/accept-invite", &json!({"token": token})).await;
    assert_eq!(by_bob.status, 403);
    let as_new = server
        .browser()
        .post("/api/auth/accept-invite", &json!({"token": token, "account": account("ana-2")}))
        .await;
    assert_eq!((as_new.status, as_new.code()), (409, "account_exists"));
    assert_eq!(ana.get(&format!("/api/apps/{shop}/members")).await.status, 404);
    let by_ana = ana.post("/api/auth/accept-invite", &json!({"token": token})).await;
    assert_eq!((by_ana.status, by_ana.body["memberships"].as_array().map(Vec::len)), (200, Some(2)));
    assert_eq!(ana.get(&format!("/api/apps/{shop}/members")).await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn invites_are_resent_revoked_and_expire() {
    let server = Server::start(On::Sqlite).await;
    let root = server.first_account().await;
    let app = server.app(&root, "lab").await;
    let first = server.invited(&root, app, "ana@lab.example", Role::User).await;
    let mut admin = root.clone();
    let invites = format!("/api/apps/{app}/invites");
    let twice = admin.post(&invites, &json!({"email": "ana@lab.example", "role": "user"})).await;
    assert_eq!((twice.status, twice.code()), (409, "already_invited"));
    let listed = root.get(&invites).await;
    assert_eq!(listed.body["data"][0]["allowed_actions"], json!(["resend", "revoke"]));
    let id = listed.body["data"][0]["id"].as_str().unwrap().to_owned();

    assert_eq!(admin.post(&format!("{invites}/{id}/resend"), &json!({})).await.status, 200);
    let second = server.mailed_token("ana@lab.example", "/invite/").await;
    assert_ne!(first, second);
    assert_eq!(server.browser().get(&format!("/api/auth/invites/{first}")).await.status, 404);

    let store = server.workflow.store();
    let found = store.find(Query::<Invite>::on(&INVITE_BY_APP).eq(app.to_string())).await.unwrap();
    let (mut invite, version) = found.items.into_iter().next().unwrap().into_parts();
    invite.expires_at = server.workflow.now().await.unwrap();
    store.commit(Batch::new().replace(&invite, version)).await.unwrap();
    let look = server.browser().get(&format!("/api/auth/invites/{second}")).await;
    assert_eq!((look.status, look.body["expired"].as_bool()), (200, Some(true)));
    let accept = server
        .browser()
        .post("/api/auth/accept-invite", &json!({"token": second, "account": account("ana")}))
        .await;
    assert_eq!((accept.status, accept.code()), (409, "invite_expired"));
    let plea = format!("/api/auth/invites/{second}/ask-again");
    assert_eq!(server.browser().post(&plea, &json!({})).await.status, 202);
    assert_eq!(server.browser().post(&plea, &json!({})).await.status, 429);
    assert!(
        server
            .mails()
            .await
            .iter()
            .any(|mail| mail.event == "invite.asked_again" && mail.to.as_str() == "root@lab.example")
    );

    let third = server.invited(&root, app, "ana@lab.example", Role::User).await;
    let newest = root.get(&invites).await.body["data"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(admin.delete(&format!("{invites}/{newest}")).await.status, 204);
    assert_eq!(server.browser().get(&format!("/api/auth/invites/{third}")).await.status, 404);
    assert_eq!(admin.delete(&format!("{invites}/{newest}")).await.status, 409);
    assert_eq!(admin.post(&format!("{invites}/{newest}/resend"), &json!({})).await.status, 409);
    server.stop().await;
}

#[tokio::test]
async fn what_an_invited_person_types_is_checked_field_by_field() {
    let server = Server::start(On::Sqlite).await;
    let root = server.first_account().await;
    let app = server.app(&root, "lab").await;
    let token = server.invited(&root, app, "ana@lab.example", Role::User).await;
    for (handle, name, password, pointer) in [
        ("../main", "Ana", PASSWORD, "/account/handle"),
        ("a.lock", "Ana", PASSWORD, "/account/handle"),
        ("-x", "Ana", PASSWORD, "/account/handle"),
        ("@{1}", "Ana", PASSWORD, "/account/handle"),
        ("root", "Ana", PASSWORD, "/account/handle"),
        ("ana", "a\r\nBcc: x", PASSWORD, "/account/name"),
        ("ana", "Ana", "short", "/account/password"),
        ("ana", "Ana", "ana@lab.example", "/account/password"),
    ] {
        let body = json!({"token": token, "account": {"handle": handle, "name": name, "password": password}});
        let answer = server.browser().post("/api/auth/accept-invite", &body).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.body);
        assert_eq!(answer.body["errors"][0]["pointer"], pointer, "{body}");
    }
    let fine = server
        .browser()
        .post("/api/auth/accept-invite", &json!({"token": token, "account": account("ana")}))
        .await;
    assert_eq!(fine.status, 200);
    server.stop().await;
}
