//! What stays on record: audit events and mails.

use crate::harness::{Harness, LIST_PAGE};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

on_both! {
    every_state_has_its_event,
    mails_go_to_those_concerned,
    events_tell_what_things_are_called,
    the_log_is_searched_by_what_who_when_and_about_what,
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

/// Each filter finds what it says, alone and with each of the others, and so many in all; pages do not lose any.
async fn the_log_is_searched_by_what_who_when_and_about_what(h: &Harness) {
    let one = h.queued(h.author(), "pages/a.yml", "name: a\n").await;
    let (release, _) = h.composed(&[&one]).await;
    h.publishes(&release).await;
    h.deploys(&release, "dev").await;
    h.is_quiet().await;
    let log = format!("/api/audit?app={}", h.app);
    let events = h.all(&log).await;
    let kinds = h.author().get("/api/audit/kinds").await.ok();
    for event in &events {
        let kind = kinds.as_array().unwrap().iter().find(|kind| kind["kind"] == event["entity"]);
        let kind = kind.unwrap_or_else(|| panic!("{} is no kind: {event}", event["entity"]));
        assert!(kind["actions"].as_array().unwrap().contains(&event["action"]), "{event}");
    }
    let text = |event: &Value, name: &str| event[name].as_str().unwrap_or_default().to_owned();
    let approved = events.iter().find(|event| event["action"] == "changeset.approved").unwrap();
    let (person, at) = (text(approved, "actor_id"), text(approved, "happened_at"));
    let what =
        ["", "&kind=changeset", "&kind=release", "&action=changeset.approved", "&action=release.published"];
    let who = [String::new(), format!("&by={person}"), "&by=system".to_owned(), "&by=programs".to_owned()];
    let when =
        [String::new(), format!("&from={at}"), format!("&until={at}"), format!("&from={at}&until={at}")];
    let about = [String::new(), format!("&entity={}", one.id), format!("&entity={}", release.id)];
    for (what, who, when, about) in what
        .iter()
        .flat_map(|what| who.iter().map(move |who| (what, who)))
        .flat_map(|(what, who)| when.iter().map(move |when| (what, who, when)))
        .flat_map(|(what, who, when)| about.iter().map(move |about| (*what, who, when, about)))
    {
        let search = format!("{log}{what}{who}{when}{about}");
        if what.starts_with("&kind") && !about.is_empty() {
            h.author().get(&search).await.refused(400, "invalid");
            continue;
        }
        let expected: Vec<String> = events
            .iter()
            .filter(|event| match what.split_once('=') {
                Some(("&kind", kind)) => event["entity"] == kind,
                Some((_, action)) => event["action"] == action,
                None => true,
            })
            .filter(|event| match who.trim_start_matches("&by=") {
                "" => true,
                "system" => event["actor"] == "system",
                "programs" => false,
                person => event["actor_id"] == person,
            })
            .filter(|event| !when.contains("from") || text(event, "happened_at") >= at)
            .filter(|event| !when.contains("until") || text(event, "happened_at") < at)
            .filter(|event| about.is_empty() || about.ends_with(&text(event, "entity_id")))
            .map(|event| text(event, "id"))
            .collect();
        let found = h.author().get(&format!("{search}&limit=200")).await.ok();
        let ids: Vec<String> =
            found["data"].as_array().unwrap().iter().map(|event| text(event, "id")).collect();
        assert_eq!(ids, expected, "{search}");
        assert_eq!(found["total"], expected.len(), "{search}");
    }
    let search = format!("{log}&kind=changeset&by=system");
    let (all, second) = (h.all(&search).await, format!("{search}&limit=1&page=2"));
    assert_eq!(h.author().get(&second).await.ok()["data"][0]["id"], all[1]["id"]);
    for wrong in ["by=Rita", "from=yesterday", "until=2026-13-01", "kind=changeset&action=changeset.approved"]
    {
        h.author().get(&format!("{log}&{wrong}")).await.refused(400, "invalid");
        h.admin().get(&format!("/api/audit?{wrong}")).await.refused(400, "invalid");
    }
    let nobody = reqwest::get(format!("{}/api/audit/kinds", h.url)).await.unwrap();
    assert_eq!(nobody.status(), 401);
}
