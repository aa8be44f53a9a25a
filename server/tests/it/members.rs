//! Members: roles, removal, and the walls between apps.

use crate::harness::{On, Server};
use conman_domain::access::Role;
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn roles_change_and_removal_is_at_once() {
    let server = Server::start(On::Sqlite).await;
    let root = server.first_account().await;
    let app = server.app(&root, "lab").await;
    let ana = server.joins(&root, app, "ana", Role::User).await;
    let members = format!("/api/apps/{app}/members");
    let ana_id = ana.get("/api/me").await.body["id"].as_str().unwrap().to_owned();
    let root_id = root.get("/api/me").await.body["id"].as_str().unwrap().to_owned();

    let list = ana.get(&members).await;
    assert_eq!((list.status, list.body["total"].as_u64()), (200, Some(2)));
    assert_eq!(list.body["data"][0]["allowed_actions"], json!([]));
    let list = root.get(&members).await;
    assert_eq!(list.body["data"][0]["allowed_actions"], json!([]), "the last app admin stays as they are");
    assert_eq!(list.body["data"][1]["allowed_actions"], json!(["change_role", "remove"]));

    assert_eq!(ana.patch(&format!("{members}/{ana_id}"), &json!({"role": "app_admin"})).await.status, 403);
    for change in [
        root.patch(&format!("{members}/{root_id}"), &json!({"role": "user"})).await,
        root.delete(&format!("{members}/{root_id}")).await,
    ] {
        assert_eq!((change.status, change.code()), (409, "last_app_admin"));
    }
    let path = format!("{members}/{ana_id}");
    let stale =
        root.request(Method::PATCH, &path).header("if-match", "\"v7\"").json(&json!({"role": "reviewer"}));
    assert_eq!(crate::harness::answer(stale).await.status, 412);
    let changed = root.patch(&path, &json!({"role": "app_admin"})).await;
    assert_eq!(
        (changed.status, changed.body["role"].as_str(), changed.header("etag")),
        (200, Some("app_admin"), "\"v2\"")
    );
    assert_eq!(ana.get(&format!("/api/apps/{app}/invites")).await.status, 200);

    assert_eq!(root.delete(&path).await.status, 204);
    assert_eq!(ana.get(&members).await.status, 404);
    assert_eq!(root.delete(&path).await.status, 404);
    server.stop().await;
}

async fn two_admins_who_demote_each_other_do_not_both_succeed(on: On) {
    let server = Server::start(on).await;
    let root = server.first_account().await;
    for round in 0..5 {
        let app = server.app(&root, &format!("lab{round}")).await;
        let ana = server.joins(&root, app, &format!("ana{round}"), Role::AppAdmin).await;
        let members = format!("/api/apps/{app}/members");
        let ana_id = ana.get("/api/me").await.body["id"].as_str().unwrap().to_owned();
        let root_id = root.get("/api/me").await.body["id"].as_str().unwrap().to_owned();
        let (demoted, removed) = (json!({"role": "user"}), format!("{members}/{root_id}"));
        let path = format!("{members}/{ana_id}");
        let (one, other) = tokio::join!(root.patch(&path, &demoted), ana.delete(&removed));
        let done = [one.status, other.status].iter().filter(|status| matches!(status, 200 | 204)).count();
        assert_eq!(done, 1, "{} {}", one.text, other.text);
    }
    server.stop().await;
}

#[tokio::test]
async fn two_admins_who_demote_each_other_do_not_both_succeed_on_sqlite() {
    two_admins_who_demote_each_other_do_not_both_succeed(On::Sqlite).await;
}

#[tokio::test]
async fn two_admins_who_demote_each_other_do_not_both_succeed_on_mongodb() {
    two_admins_who_demote_each_other_do_not_both_succeed(On::Mongo).await;
}

/// Row 15: every id of one app under another, and ids that are none.
#[tokio::test]
async fn ids_of_one_app_name_nothing_in_another() {
    let server = Server::start(On::Sqlite).await;
    let root = server.first_account().await;
    let (lab, shop) = (server.app(&root, "lab").await, server.app(&root, "shop").await);
    let ana = server.joins(&root, lab, "ana", Role::AppAdmin).await;
    let ana_id = ana.get("/api/me").await.body["id"].as_str().unwrap().to_owned();
    server.invited(&root, lab, "eva@lab.example", Role::User).await;
    let invite = root.get(&format!("/api/apps/{lab}/invites")).await.body["data"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();

    for path in ["members", "invites", "service-tokens"] {
        assert_eq!(ana.get(&format!("/api/apps/{shop}/{path}")).await.status, 404, "{path}");
        assert_eq!(server.browser().get(&format!("/api/apps/{shop}/{path}")).await.status, 401, "{path}");
    }
    let foreign = [
        (Method::PATCH, format!("/api/apps/{shop}/members/{ana_id}"), json!({"role": "user"})),
        (Method::DELETE, format!("/api/apps/{shop}/members/{ana_id}"), json!({})),
        (Method::POST, format!("/api/apps/{shop}/invites/{invite}/resend"), json!({})),
        (Method::DELETE, format!("/api/apps/{shop}/invites/{invite}"), json!({})),
        (Method::DELETE, format!("/api/apps/{shop}/service-tokens/{invite}"), json!({})),
    ];
    for (method, path, body) in foreign {
        let answer = root.send(method, &path, Some(&body)).await;
        assert_eq!((answer.status, answer.code()), (404, "not_found"), "{path}");
    }
    for bad in
        ["x", "%00", "..%2f", "0190f3a07c1e7abc8def0123456789ab", "{0190f3a0-7c1e-7abc-8def-0123456789ab}"]
    {
        assert_eq!(root.get(&format!("/api/apps/{bad}/members")).await.status, 404, "{bad}");
    }
    assert_eq!(root.get(&format!("/api/apps/{lab}/invites")).await.body["total"], 2);
    server.stop().await;
}
