//! Several at once: one wins, the others are told so, and nothing is done twice.

use crate::harness::{Changeset, Harness};
use futures::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeMap;

on_both! {
    row_24_fifty_publish_at_once,
    two_releases_are_published_at_once,
    row_23_fifty_approvals_by_one,
    row_23_an_approval_meets_the_next_revision,
    row_24_two_deployments_of_one_environment,
    row_24_submit_during_an_edit,
    row_24_cancel_against_run,
    numbers_are_given_once,
    clicking_twice_is_clicking_once,
    approvals_of_a_deployment_are_given_once,
}

/// Counts the answers by status and code.
fn counted(answers: &[crate::harness::Answer]) -> BTreeMap<(u16, String), usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry((answer.status, answer.code().to_owned())).or_default() += 1;
    }
    counts
}

/// Tells how many answers were successes, having checked that all others are conflicts.
fn successes(answers: &[crate::harness::Answer]) -> usize {
    for answer in answers {
        assert!(
            answer.is_ok() || answer.status == 409,
            "{} answers {}: {}",
            answer.asked,
            answer.status,
            answer.text
        );
    }
    answers.iter().filter(|answer| answer.is_ok()).count()
}

async fn page_of(h: &Harness, changeset: &Changeset) -> Value {
    h.author().reads(&changeset.workspace, "pages/a.yml").await
}

/// Fifty who publish one release make one tag.
async fn row_24_fifty_publish_at_once(h: &Harness) {
    let change = h.queued(h.author(), "pages/a.yml", "name: a\n").await;
    let (release, composed) = h.composed(&[&change]).await;
    let people = [h.manager(), h.admin()];
    let answers = join_all((0..50).map(|n| people[n % 2].does_to(&release, "publish", json!({})))).await;
    assert!(successes(&answers) >= 1, "{:?}", counted(&answers));
    h.is_quiet().await;
    let now = h.release(&release).await;
    assert_eq!((&now["state"], &now["commit"]), (&json!("published"), &composed["commit"]));
    let tags = h.git(&["tag", "--list"]);
    assert_eq!(tags.lines().collect::<Vec<_>>(), [now["tag"].as_str().unwrap()]);
    assert_eq!(json!(h.git(&["rev-parse", "main"])), composed["commit"]);
    let events = h.audited(&release.id).await;
    for once in ["release.publishing", "release.published"] {
        assert_eq!(events.iter().filter(|event| *event == once).count(), 1, "{once}");
    }
    assert_eq!(h.audited(&change.id).await.iter().filter(|event| *event == "changeset.released").count(), 1);
}

/// Two releases that are published at once come one after the other: one stands, the other is composed again on it.
async fn two_releases_are_published_at_once(h: &Harness) {
    let one = h.queued(h.author(), "pages/a.yml", "name: a\n").await;
    let two = h.queued(h.author(), "pages/b.yml", "name: b\n").await;
    let (first, _) = h.composed(&[&one]).await;
    let (second, _) = h.composed(&[&two]).await;
    let both = [&first, &second];
    let answers =
        join_all(both.map(|release| async { h.manager().does_to(release, "publish", json!({})).await }))
            .await;
    assert_eq!(successes(&answers), 2);
    h.is_quiet().await;
    h.expects_failed_jobs("release_publish", 1);
    let states: Vec<Value> = join_all(both.map(|release| h.release(release))).await;
    let (mut published, mut again) = (0, 0);
    for now in &states {
        match now["state"].as_str().unwrap() {
            "published" => published += 1,
            "validated" => again += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!((published, again), (1, 1));
    let left = if states[0]["state"] == "validated" { &first } else { &second };
    h.publishes(left).await;
    let files = h.git(&["ls-tree", "-r", "--name-only", "main"]);
    assert!(files.contains("pages/a.yml") && files.contains("pages/b.yml"), "{files}");
    assert_eq!(h.git(&["tag", "--list"]).lines().count(), 2);
}

/// Fifty approvals by one person are one.
async fn row_23_fifty_approvals_by_one(h: &Harness) {
    h.changes_settings(json!({"required_approval_count": 2})).await.ok();
    let change = h.author().edits("pages/a.yml", "name: a\n").submits().await;
    let answers =
        join_all((0..50).map(|_| async { h.reviewer().reviews(&change, 1, "approve").await })).await;
    assert!(successes(&answers) >= 1);
    let now = h.author().sees(&change).await;
    assert_eq!(
        (&now["state"], now["approvals"].as_array().map(Vec::len)),
        (&json!("in_review"), Some(1)),
        "{now}"
    );
    let events = h.audited(&change.id).await;
    assert_eq!(events.iter().filter(|event| *event == "changeset.approved").count(), 1);
    let reviews = h.author().get(&h.author().at(&format!("/changesets/{}/reviews", change.id))).await.ok();
    assert_eq!(reviews["data"].as_array().map(Vec::len), Some(1));
    h.is_quiet().await;
    let mails = h.all("/api/outbox").await;
    assert_eq!(mails.iter().filter(|mail| mail["event"] == "changeset.approved").count(), 1);
    // Two people at once are two.
    let change = h.author().edits("pages/b.yml", "name: b\n").submits().await;
    let people = [h.reviewer(), h.second_reviewer()];
    let answers = join_all(people.iter().map(|person| person.reviews(&change, 1, "approve"))).await;
    assert_eq!(successes(&answers), 2);
    assert_eq!(h.author().sees(&change).await["state"], "approved");
}

/// An approval of a revision that comes while the next one lands is refused, or counts for the old one alone.
async fn row_23_an_approval_meets_the_next_revision(h: &Harness) {
    let (mut refused, mut counted_before) = (0, 0);
    for round in 0..8 {
        let change = h.author().edits("pages/a.yml", &format!("name: a{round}\n")).submits().await;
        h.author().opens().of(&change).puts("pages/a.yml", &format!("name: b{round}\n")).saves().await;
        let (author, reviewer) = (h.author(), h.reviewer());
        let (resubmitted, approved) =
            tokio::join!(author.does(&change, "resubmit"), reviewer.reviews(&change, 1, "approve"));
        assert!(resubmitted.is_ok() || resubmitted.status == 409, "{}", resubmitted.text);
        assert!(approved.is_ok() || approved.status == 409, "{}", approved.text);
        let now = h.validated(&change).await;
        let approvals = now["approvals"].as_array().unwrap();
        if resubmitted.is_ok() {
            assert_eq!(
                (&now["revision"]["number"], approvals.len(), &now["state"]),
                (&json!(2), 0, &json!("in_review")),
                "{now}"
            );
            if approved.is_ok() { counted_before += 1 } else { refused += 1 }
        } else {
            // The approval came first and ended the changeset's edits.
            assert_eq!(
                (&now["revision"]["number"], approvals.len(), &now["state"]),
                (&json!(1), 1, &json!("approved")),
                "{now}"
            );
            let tree =
                h.git(&["show", &format!("{}:pages/a.yml", now["revision"]["head"].as_str().unwrap())]);
            assert_eq!(tree, format!("name: a{round}"));
            counted_before += 1;
        }
        let reviews =
            h.author().get(&h.author().at(&format!("/changesets/{}/reviews", change.id))).await.ok();
        for review in reviews["data"].as_array().unwrap() {
            assert_eq!(review["revision"], 1, "nothing was said of revision 2");
        }
    }
    assert_eq!(refused + counted_before, 8);
}

/// Of several deployments of one environment that are asked for at once, one runs.
async fn row_24_two_deployments_of_one_environment(h: &Harness) {
    let first = h.released(&[("pages/a.yml", "name: a\n")]).await;
    let second = h.released(&[("pages/b.yml", "name: b\n")]).await;
    for round in 0..3 {
        let releases = [&first, &second];
        let asked = join_all(
            (0..6).map(|n| async move { h.manager().asks_to_deploy(releases[(n + round) % 2], "dev").await }),
        )
        .await;
        assert!(successes(&asked) >= 1);
        for refused in asked.iter().filter(|answer| !answer.is_ok()) {
            assert!(["deployment_active", "changed_meanwhile"].contains(&refused.code()), "{}", refused.text);
        }
        h.is_quiet().await;
    }
    let all = h.all("/deployments").await;
    let history = h.all(&format!("/environments/{}/history", h.environments["dev"])).await;
    assert!(all.iter().all(|deployment| deployment["state"] == "succeeded"), "{all:?}");
    assert_eq!(history.len(), all.len(), "each is in the history once");
    let mut versions: Vec<u64> = all.iter().map(|d| d["config_version"].as_u64().unwrap()).collect();
    versions.sort_unstable();
    assert_eq!(versions, (1..=all.len() as u64).collect::<Vec<_>>());
    let dev = h.environment("dev").await;
    assert_eq!(dev["running"]["deployment_id"], all[0]["id"]);
}

/// What is submitted while somebody edits is one whole state of the files.
async fn row_24_submit_during_an_edit(h: &Harness) {
    for round in 0..6 {
        let change =
            h.author().edits("pages/a.yml", "old: 1\n").puts("pages/b.yml", "old: 1\n").drafts().await;
        let editing =
            h.author().opens().of(&change).puts("pages/a.yml", "new: 1\n").puts("pages/b.yml", "new: 1\n");
        let author = h.author();
        let (submitted, (_, saved)) = tokio::join!(author.does(&change, "submit"), editing.tries_to_save());
        saved.ok();
        submitted.ok();
        let now = h.validated(&change).await;
        let head = now["revision"]["head"].as_str().unwrap();
        let frozen = ["a", "b"].map(|name| h.git(&["show", &format!("{head}:pages/{name}.yml")]));
        assert_eq!(frozen[0], frozen[1], "round {round}");
        assert_eq!(page_of(h, &change).await, "new: 1\n", "the edit is not lost");
    }
}

/// A deployment that is canceled while it starts is one or the other.
async fn row_24_cancel_against_run(h: &Harness) {
    let release = h.released(&[("pages/a.yml", "name: a\n")]).await;
    let mut runs = 0;
    for _ in 0..10 {
        let asked = h.manager().asks_to_deploy(&release, "dev").await.ok();
        let path = h.manager().at(&format!("/deployments/{}", asked["id"].as_str().unwrap()));
        let canceled = h.manager().post(&format!("{path}/cancel"), &json!({})).await;
        assert!(canceled.is_ok() || canceled.status == 409, "{}", canceled.text);
        h.is_quiet().await;
        let ended = h.manager().get(&path).await.ok();
        runs += u64::from(!canceled.is_ok());
        assert_eq!(ended["state"], if canceled.is_ok() { "canceled" } else { "succeeded" });
        let dev = h.environment("dev").await;
        assert_eq!(
            (&dev["active_deployment"], dev["running"]["config_version"].as_u64().unwrap_or(0)),
            (&json!(null), runs)
        );
    }
    let history = h.all(&format!("/environments/{}/history", h.environments["dev"])).await;
    assert_eq!(history.len() as u64, runs);
    // And a job.
    for _ in 0..5 {
        let asked = h.manager().asks_to_deploy(&release, "dev").await.ok();
        let jobs = h.all("/jobs?type=deploy_release").await;
        let job = h.manager().at(&format!("/jobs/{}/cancel", jobs[0]["id"].as_str().unwrap()));
        let answer = h.manager().post(&job, &json!({})).await;
        assert!(answer.is_ok() || answer.status == 409, "{}", answer.text);
        h.is_quiet().await;
        let path = h.manager().at(&format!("/deployments/{}", asked["id"].as_str().unwrap()));
        let ended = h.manager().get(&path).await.ok();
        let row = h.all(&format!("/environments/{}/history", h.environments["dev"])).await;
        let written = row.iter().any(|row| row["source_id"] == asked["id"]);
        assert_eq!(ended["state"] == "succeeded", written, "{ended}");
        let newest = row.first().map_or(&Value::Null, |row| &row["config_version"]);
        assert_eq!(h.environment("dev").await["running"]["config_version"], *newest);
    }
}

/// Changesets that are made at once get numbers of their own, one by one.
async fn numbers_are_given_once(h: &Harness) {
    let drafts = join_all((0..8).map(|n| {
        let person = if n % 2 == 0 { h.author() } else { h.second_author() };
        let path = format!("pages/p{n}.yml");
        async move { person.edits(&path, "name: p\n").submits().await }
    }))
    .await;
    let mut numbers: Vec<u64> = drafts.iter().map(|draft| draft.number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=8).collect::<Vec<_>>());
    join_all(drafts.iter().map(|draft| async { h.reviewer().approves(draft).await })).await;
    // Queueing at once gives each a place.
    join_all(drafts.iter().map(|draft| async { h.manager().queues(draft).await })).await;
    let queue = h.author().get(&h.author().at("/queue")).await.ok();
    let mut places: Vec<u64> =
        queue["data"].as_array().unwrap().iter().map(|c| c["queue_position"].as_u64().unwrap()).collect();
    places.dedup();
    assert_eq!(places.len(), 8);
    // Two who draft a release of the same: one has it.
    let ids: Vec<&str> = drafts.iter().map(|draft| draft.id.as_str()).collect();
    let path = h.manager().at("/releases");
    let answers =
        join_all((0..6).map(|_| async { h.manager().post(&path, &json!({"changeset_ids": ids})).await }))
            .await;
    assert_eq!(successes(&answers), 1, "{:?}", counted(&answers));
}

/// Who submits, resubmits, queues or saves settings ten times at once has done it once.
async fn clicking_twice_is_clicking_once(h: &Harness) {
    let change = h.author().edits("pages/a.yml", "name: a\n").drafts().await;
    let ten = async |verb: &str| {
        let answers = join_all((0..10).map(|_| async { h.author().does(&change, verb).await })).await;
        assert_eq!(successes(&answers), 1, "{verb}: {:?}", counted(&answers));
    };
    ten("submit").await;
    assert_eq!(h.validated(&change).await["revision"]["number"], 1);
    h.author().opens().of(&change).puts("pages/a.yml", "name: b\n").saves().await;
    ten("resubmit").await;
    assert_eq!(h.validated(&change).await["revision"]["number"], 2);
    h.reviewer().approves(&change).await;
    ten("queue").await;
    let queue = h.author().get(&h.author().at("/queue")).await.ok();
    assert_eq!(queue["data"].as_array().map(Vec::len), Some(1));
    let admin = h.admin();
    let app = admin.get(&admin.at("")).await;
    let (etag, app) = (app.etag(), app.ok());
    let saves = join_all((0..10).map(|n| {
        let mut settings = app["settings"].clone();
        settings["name"] = json!(format!("Ward {n}"));
        let (admin, etag) = (h.admin(), etag.clone());
        async move { admin.patch_if(&admin.at("/settings"), &etag, &settings).await }
    }))
    .await;
    let saved = saves.iter().filter(|answer| answer.is_ok()).count();
    assert!(saves.iter().all(|answer| answer.is_ok() || matches!(answer.status, 409 | 412)), "{saves:?}");
    assert_eq!(saved, 1, "the others were based on what is no longer so");
    let events = h.audited(&h.app).await;
    assert_eq!(events.iter().filter(|event| *event == "app.settings_changed").count(), 1);
}

/// Each person's approval of a deployment counts once, and the last one starts it once.
async fn approvals_of_a_deployment_are_given_once(h: &Harness) {
    let release = h.released(&[("pages/a.yml", "name: a\n")]).await;
    let asked = h.manager().asks_to_deploy(&release, "prod").await.ok();
    let path = h.manager().at(&format!("/deployments/{}", asked["id"].as_str().unwrap()));
    let approve = async |name: &str| h.person(name).post(&format!("{path}/approvals"), &json!({})).await;
    let answers = join_all((0..10).map(|_| approve("rita"))).await;
    assert_eq!(successes(&answers), 1, "{:?}", counted(&answers));
    assert_eq!(h.manager().get(&path).await.ok()["approvals"].as_array().map(Vec::len), Some(1));
    let answers = join_all((0..12).map(|n| approve(["ravi", "mona", "ada"][n % 3]))).await;
    assert_eq!(successes(&answers), 1, "{:?}", counted(&answers));
    h.is_quiet().await;
    let ended = h.manager().get(&path).await.ok();
    assert_eq!(
        (&ended["state"], ended["approvals"].as_array().map(Vec::len)),
        (&json!("succeeded"), Some(2))
    );
    assert_eq!(h.all("/jobs?type=deploy_release").await.len(), 1);
}
