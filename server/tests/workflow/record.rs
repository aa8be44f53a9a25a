//! What stays on record: audit events and mails.

use crate::harness::{Harness, LIST_PAGE};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

on_both! {
    every_state_has_its_event,
    mails_go_to_those_concerned,
    events_tell_what_things_are_called,
}

embedded! {
    allowed_actions_are_what_is_allowed,
}

/// Every state that anything is or was in has its audit event, by whom and from where.
async fn every_state_has_its_event(h: &Harness) {
    let one = h.queued(h.author(), "pages/list.yml", &LIST_PAGE.replace("All patients", "Everybody")).await;
    let two =
        h.queued(h.second_author(), "pages/list.yml", &LIST_PAGE.replace("All patients", "Nobody")).await;
    let (release, _) = h.composed(&[&one, &two]).await;
    h.publishes(&release).await;
    h.manager().does(&two, "move-to-draft").await.ok();
    let deployment = h.deploys(&release, "dev").await;
    h.is_quiet().await;
    assert_eq!(
        h.audited(&one.id).await,
        [
            "changeset.created",
            "changeset.submitted",
            "changeset.in_review",
            "changeset.approved",
            "changeset.queued",
            "changeset.released",
        ]
    );
    assert_eq!(h.audited(&two.id).await[5..], ["changeset.isolated", "changeset.moved_to_draft"]);
    assert_eq!(
        h.audited(&release.id).await,
        [
            "release.drafted",
            "release.assembling",
            "release.composed",
            "release.publish_requested",
            "release.publishing",
            "release.published",
            "release.deployed",
        ]
    );
    assert_eq!(
        h.audited(deployment["id"].as_str().unwrap()).await,
        ["deployment.requested", "deployment.started", "deployment.succeeded"]
    );
    let events = h.all(&format!("/api/audit?app={}", h.app)).await;
    for event in &events {
        let action = event["action"].as_str().unwrap();
        let by_system = event["actor"] == "system";
        assert_eq!(by_system, event["actor_id"].is_null(), "{event}");
        if !by_system && event["address"].is_string() {
            assert_eq!(event["address"], "127.0.0.1", "{event}");
            assert!(event["request_id"].is_string(), "{event}");
        }
        assert!(
            event["before"].is_object() || event["after"].is_object() || action.starts_with("workspace."),
            "{event}"
        );
    }
    let approved = events.iter().find(|e| e["action"] == "changeset.approved").unwrap();
    assert_eq!(
        (&approved["actor"], &approved["before"]["status"]["state"]),
        (&json!("Rita"), &json!("in_review"))
    );
    let of_action = h.all(&format!("/api/audit?app={}&action=changeset.submitted", h.app)).await;
    assert_eq!(of_action.len(), 2);
    h.author().get(&format!("/api/audit?app={}", h.app)).await.ok();
    h.author().get("/api/audit").await.refused(403, "forbidden");
    h.author().get(&format!("/api/audit?app={}&entity=a&action=b", h.app)).await.refused(400, "invalid");
    h.author().get("/api/audit?action=changeset.submitted").await.refused(400, "invalid");
}

/// Everybody concerned gets one mail, and nobody gets one of what they did themselves.
async fn mails_go_to_those_concerned(h: &Harness) {
    let change = h.author().edits("pages/a.yml", "name: a\n").submits().await;
    h.reviewer().approves(&change).await;
    h.author().queues(&change).await;
    let (release, _) = h.composed(&[&change]).await;
    h.publishes(&release).await;
    h.deploys(&release, "dev").await;
    let asked = h.manager().asks_to_deploy(&release, "prod").await.ok();
    let path = h.manager().at(&format!("/deployments/{}/cancel", asked["id"].as_str().unwrap()));
    h.manager().post(&path, &json!({})).await.ok();
    h.is_quiet().await;
    let mails = h.all("/api/outbox").await;
    let mut told: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for mail in &mails {
        let to = mail["to"].as_str().unwrap().trim_end_matches("@lab.example");
        told.entry(mail["event"].as_str().unwrap()).or_default().push(to.to_owned());
    }
    let told: BTreeMap<&str, Vec<String>> = told
        .into_iter()
        .map(|(event, mut people)| {
            people.sort();
            (event, people)
        })
        .collect();
    let expected: BTreeMap<&str, Vec<String>> = [
        // Whoever may review, and that is every role above, too.
        ("changeset.review_requested", vec!["ada", "mona", "ravi", "rita"]),
        ("changeset.approved", vec!["ana"]),
        // Queued by the author herself.
        ("changeset.queued", vec!["ada", "mona"]),
        ("release.composed", vec!["mona"]),
        ("release.published", vec!["ada", "ana", "mona"]),
        ("deployment.started", vec!["mona"]),
        ("deployment.succeeded", vec!["ada", "mona"]),
        ("deployment.approval_requested", vec!["ada", "ravi", "rita"]),
    ]
    .into_iter()
    .map(|(event, people)| (event, people.into_iter().map(str::to_owned).collect()))
    .collect();
    assert_eq!(told, expected);
    for mail in &mails {
        let link = mail["link"].as_str().unwrap();
        assert!(link.starts_with(&format!("/apps/{}/", h.app)), "{mail}");
        assert_eq!(mail["state"], "waiting", "no mail server is configured");
    }
    h.manager().get("/api/outbox").await.refused(403, "forbidden");
}

/// What each resource says that one may do is what one may do.
async fn allowed_actions_are_what_is_allowed(h: &Harness) {
    let change = h.author().edits("pages/a.yml", "name: a\n").submits().await;
    let actions = |seen: &Value| -> BTreeSet<String> {
        seen["allowed_actions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|action| action.as_str().unwrap().to_owned())
            .collect()
    };
    let names =
        |names: &[&str]| -> BTreeSet<String> { names.iter().map(|name| (*name).to_owned()).collect() };
    assert_eq!(actions(&h.author().sees(&change).await), names(&["edit", "resubmit", "comment"]));
    assert_eq!(actions(&h.second_author().sees(&change).await), names(&["comment"]));
    assert_eq!(
        actions(&h.reviewer().sees(&change).await),
        names(&["comment", "approve", "request_changes", "reject"])
    );
    let approved = h.reviewer().approves(&change).await;
    assert_eq!(actions(&approved), names(&["comment"]));
    assert_eq!(actions(&h.author().sees(&change).await), names(&["edit", "comment", "queue"]));
    assert_eq!(actions(&h.manager().sees(&change).await), names(&["comment", "queue"]));
    h.author().queues(&change).await;
    let (release, now) = h.composed(&[&change]).await;
    assert_eq!(
        actions(&h.manager().get(&h.manager().at(&format!("/releases/{}", release.id))).await.ok()),
        names(&["edit", "assemble", "publish"])
    );
    assert_eq!(
        actions(&h.reviewer().get(&h.reviewer().at(&format!("/releases/{}", release.id))).await.ok()),
        names(&[])
    );
    assert_eq!(actions(&now), names(&["edit", "assemble", "publish"]));
    h.publishes(&release).await;
    assert_eq!(actions(&h.author().sees(&change).await), names(&["comment"]));
}

/// An event tells what it is about, however old that is; a workspace leads its owner there and nobody else.
async fn events_tell_what_things_are_called(h: &Harness) {
    h.has_parameters().await;
    let change = h.author().edits("pages/a.yml", "name: a\n").titled("A page").submits().await;
    let comments = h.author().at(&format!("/changesets/{}/comments", change.id));
    let comment = h.author().post(&comments, &json!({"body": "See below."})).await.ok();
    let draft = h.draft_of_beds(&h.reviewer(), &h.environments["dev"]).await;
    let workspace = h.author().sees(&change).await["workspace_id"].as_str().unwrap().to_owned();
    let profile = h.environment("dev").await["profile_id"].as_str().unwrap().to_owned();
    h.sets_variables("dev", json!({"beds": 12})).await;
    h.is_quiet().await;

    let about = |person: &crate::harness::Person, id: &str| {
        let (person, path) = (person.clone(), format!("/api/audit?app={}&entity={id}&limit=1", h.app));
        async move { person.get(&path).await.ok()["data"][0]["about"].clone() }
    };
    let ana = h.author();
    let page = json!({"kind": "changeset", "changeset_id": change.id});
    assert_eq!(about(&ana, &change.id).await, json!({"name": "#2 A page", "page": page}));
    let comment = comment["id"].as_str().unwrap();
    assert_eq!(about(&ana, comment).await, json!({"name": "#2 A page", "page": page}));
    let dev = &h.environments["dev"];
    let page = json!({"kind": "draft", "environment_id": dev, "draft_id": draft});
    assert_eq!(about(&ana, &draft).await, json!({"name": "beds in dev", "page": page}));
    let page = json!({"kind": "profile", "profile_id": profile});
    assert_eq!(about(&ana, &profile).await, json!({"name": "dev", "page": page}));
    let page = json!({"kind": "workspace", "workspace_id": workspace});
    assert_eq!(about(&ana, &workspace).await["page"], page);
    let told = about(&h.reviewer(), &workspace).await;
    assert!(told["name"].is_string() && told["page"].is_null(), "{told}");
}
