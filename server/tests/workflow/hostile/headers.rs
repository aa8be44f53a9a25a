//! Rows 16 and 21: requests that pretend to come from elsewhere, or to be somebody else's.

use super::api::{Api, Session};
use crate::harness::{Answer, Harness};
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeMap;

embedded! {
    row_16_writes_of_other_sites_are_refused,
    row_16_reads_change_nothing,
    row_21_pretending_gains_nothing,
}

/// What is on record, and where every ref is.
async fn state(h: &Harness) -> (usize, usize, String) {
    (
        h.all(&format!("/api/audit?app={}", h.app)).await.len(),
        h.all("/jobs").await.len(),
        h.git(&["for-each-ref"]),
    )
}

/// No write goes through that comes from another site, whatever it carries.
async fn row_16_writes_of_other_sites_are_refused(h: &Harness) {
    let (api, session) = (Api::load(), Session::of_admin(h).await);
    let before = state(h).await;
    let ids = BTreeMap::from([("appId".to_owned(), h.app.clone())]);
    for operation in api.operations.iter().filter(|o| o.method != Method::GET && o.path.starts_with("/api/"))
    {
        let path = operation.filled(&ids);
        let bodies = operation.body.as_ref().map_or_else(|| vec![json!({})], |schema| api.bodies(schema));
        for (name, value) in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("origin", "http://127.0.0.1.evil.example"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            let request = session.request(&operation.method, &path).json(&bodies[0]);
            let mut request = request.build().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
            let answer = Answer::to(
                reqwest::RequestBuilder::from_parts(h.admin().client.clone(), request),
                format!("{} from {value}", operation.name()),
            )
            .await;
            answer.refused(403, "foreign_origin");
        }
    }
    assert_eq!(state(h).await, before);
}

/// Reading changes nothing, whatever is read.
async fn row_16_reads_change_nothing(h: &Harness) {
    let release = h.released(&[("pages/a.yml", "name: a\n")]).await;
    h.deploys(&release, "dev").await;
    h.admin().get(&h.admin().at("/workspaces")).await.ok();
    h.is_quiet().await;
    let api = Api::load();
    let jobs = h.all("/jobs").await;
    let changesets = h.all("/changesets").await;
    let ids = BTreeMap::from([
        ("appId".to_owned(), h.app.clone()),
        ("releaseId".to_owned(), release.id.clone()),
        ("envId".to_owned(), h.environments["dev"].clone()),
        ("jobId".to_owned(), jobs[0]["id"].as_str().unwrap().to_owned()),
        ("changesetId".to_owned(), changesets[0]["id"].as_str().unwrap().to_owned()),
    ]);
    let before = state(h).await;
    for operation in api.operations.iter().filter(|o| o.method == Method::GET && o.path.starts_with("/api/"))
    {
        h.admin().get(&operation.filled(&ids)).await;
        let head = h.admin().request(Method::HEAD, &operation.filled(&ids)).send().await.unwrap();
        assert!(!head.status().is_server_error(), "{}", operation.name());
    }
    assert_eq!(state(h).await, before);
}

/// Headers and spellings of paths that pretend to be somebody or something else gain nothing.
async fn row_21_pretending_gains_nothing(h: &Harness) {
    let admin = h.admin();
    let queue = h.author().at("/queue/reorder");
    for (name, value) in [
        ("x-user", admin.id.as_str()),
        ("x-user", "ada"),
        ("x-remote-user", "ada"),
        ("x-forwarded-user", "ada"),
        ("x-forwarded-email", "ada@lab.example"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-original-url", "/api/apps"),
        ("x-rewrite-url", "/api/apps"),
        ("x-http-method-override", "GET"),
        ("forwarded", "for=127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
    ] {
        let request =
            h.author().request(Method::POST, &queue).header(name, value).json(&json!({"changeset_ids": []}));
        Answer::to(request, format!("with {name}")).await.refused(403, "forbidden");
        let nobody = admin.client.get(format!("{}{}", h.url, admin.at(""))).header(name, value);
        Answer::to(nobody, format!("nobody with {name}")).await.refused(401, "unauthenticated");
        let outbox = h.author().request(Method::GET, "/api/outbox").header(name, value);
        Answer::to(outbox, format!("outbox with {name}")).await.refused(403, "forbidden");
    }
    // The address on record is the peer's own.
    let made = h
        .author()
        .request(Method::POST, &h.author().at("/workspaces"))
        .header("x-forwarded-for", "203.0.113.9");
    let made = Answer::to(made.json(&json!({"name": "Mine"})), "with an address".to_owned()).await.ok();
    let events = h.all(&format!("/api/audit?app={}&entity={}", h.app, made["id"].as_str().unwrap())).await;
    assert_eq!(events[0]["address"], "127.0.0.1");
    for odd in [
        format!("//api/apps/{}", h.app),
        format!("/api//apps/{}", h.app),
        format!("/api/apps/{}/", h.app),
        format!("/api%2Fapps/{}", h.app),
        format!("/api/apps%2F{}", h.app),
        format!("/api/apps/{};x=1", h.app),
        format!("/api;x/apps/{}", h.app),
        format!("/API/apps/{}", h.app),
        format!("/api/apps/{}/queue;x", h.app),
        format!("/api/apps/{}%00", h.app),
        format!("/api/apps/{}%20", h.app),
        format!("/x/..%2fapi/apps/{}", h.app),
    ] {
        let answer = admin.get(&odd).await;
        assert!(matches!(answer.status, 400 | 404), "{odd} answers {} {}", answer.status, answer.text);
    }
}
