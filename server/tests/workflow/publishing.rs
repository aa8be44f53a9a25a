//! Publishing: the tag, the integration branch, and what becomes of those still queued.

use crate::harness::{Harness, LIST_PAGE};
use conman_domain::job::{Job, JobStatus, Work};
use conman_domain::name::ReleaseTag;
use conman_store::Batch;
use conman_workflow::fresh_id;
use serde_json::{Value, json};

on_both! {
    a_release_on_an_old_head_is_composed_again,
    the_queue_is_revalidated,
    a_member_that_left_the_queue_is_left_out,
    a_member_of_a_decided_release_stays_in_it,
    row_26_a_published_release_never_changes,
    notes_are_in_the_tag,
}

/// Where the integration branch moved since composing, publishing is refused and the release composed again.
async fn a_release_on_an_old_head_is_composed_again(h: &Harness) {
    let one = h.queued(h.author(), "pages/a.yml", "name: a\n").await;
    let two = h.queued(h.author(), "pages/b.yml", "name: b\n").await;
    let (first, _) = h.composed(&[&one]).await;
    let (second, before) = h.composed(&[&two]).await;
    h.publishes(&first).await;
    h.expects_failed_jobs("release_publish", 1);
    let started = h.manager().does_to(&second, "publish", json!({})).await.ok();
    let job = h.job_ends(started["job_id"].as_str().unwrap()).await;
    assert_eq!((&job["state"], &job["failure"]["cause"]), (&json!("failed"), &json!("rejected")), "{job}");
    let again = |release: &Value| release["state"] == "validated";
    let now =
        h.until("it is composed again", || async { Some(h.release(&second).await).filter(again) }).await;
    assert_eq!(now["base"], json!(h.git(&["rev-parse", "main"])));
    assert_ne!(now["commit"], before["commit"]);
    assert_eq!(h.publishes(&second).await["state"], "published");
    let files = h.git(&["ls-tree", "-r", "--name-only", "main"]);
    assert!(files.contains("pages/a.yml") && files.contains("pages/b.yml"), "{files}");
}

/// What a release that is decided carries goes with it, whatever a check of the queue finds in the meantime.
async fn a_member_of_a_decided_release_stays_in_it(h: &Harness) {
    let icu = "parameters:\n  - name: icu_beds\n    type: int\n    max: 4\n    default: 1\n";
    let change = h.queued(h.author(), "catalog/icu.yml", icu).await;
    let (release, composed) = h.composed(&[&change]).await;
    // From now on a check of the changeset would find something, and the tag cannot be placed.
    h.sets_variables("dev", json!({"icu_beds": 5})).await.ok();
    let now = h.workflow.now().await.unwrap();
    let taken = [now, now.plus(chrono::TimeDelta::days(1))].map(|at| ReleaseTag::of_day(at, 1).to_string());
    for tag in &taken {
        h.git(&["tag", tag, "main"]);
    }
    let started = h.manager().does_to(&release, "publish", json!({})).await.ok();
    let decided = |release: &Value| release["state"] == "publishing";
    h.until("it is decided", || async { Some(h.release(&release).await).filter(decided) }).await;
    let check = Job {
        id: fresh_id(),
        app_id: Some(h.app.parse().unwrap()),
        work: Work::RevalidateQueuedChangeset { changeset_id: change.id.parse().unwrap() },
        status: JobStatus::Queued { run_at: now },
        attempt: 0,
        max_attempts: 8,
        cancel_requested: false,
        created_by: None,
        created_at: now,
    };
    h.workflow.store().commit(Batch::new().insert(&check)).await.unwrap();
    h.workflow.jobs_added().notify_one();
    let checked = h.job_ends(&check.id.to_string()).await;
    assert_eq!(
        (&checked["state"], &checked["result"]["outcome"]),
        (&json!("succeeded"), &json!("being_published")),
        "{checked}"
    );
    for tag in &taken {
        h.git(&["tag", "--delete", tag]);
    }
    let published = h.job_ends(started["job_id"].as_str().unwrap()).await;
    assert_eq!(published["state"], "succeeded", "{published}");
    assert_eq!(h.author().sees(&change).await["state"], "released");
    let now = h.release(&release).await;
    assert_eq!((&now["state"], &now["commit"]), (&json!("published"), &composed["commit"]));
    assert_eq!(json!(h.git(&["rev-parse", "main"])), composed["commit"]);
}

/// After a publication every changeset still queued is tried again: what no longer fits leaves the queue.
async fn the_queue_is_revalidated(h: &Harness) {
    let first = h.queued(h.author(), "pages/list.yml", &LIST_PAGE.replace("All patients", "Everybody")).await;
    let text =
        h.queued(h.second_author(), "pages/list.yml", &LIST_PAGE.replace("All patients", "Nobody")).await;
    let key = h
        .queued(
            h.second_author(),
            "pages/list.yml",
            &LIST_PAGE.replace("footer: none\n", "footer: none\nowner: b\n"),
        )
        .await;
    let nurses = "parameters:\n  - name: nurses\n    type: int\n    default: 3\n";
    let catalog = h.queued(h.author(), "catalog/two.yml", nurses).await;
    let fine = h.queued(h.author(), "pages/c.yml", "name: c\n").await;
    let key_too = h
        .queued(
            h.author(),
            "pages/list.yml",
            &LIST_PAGE.replace("# The filters.\n", "# The filters.\nowner: a\n"),
        )
        .await;
    let catalog_too = h.queued(h.author(), "catalog/one.yml", nurses).await;
    let (release, now) = h.composed(&[&first, &key_too, &catalog_too]).await;
    let results: Vec<_> = now["members"].as_array().unwrap().iter().map(|m| &m["result"]).collect();
    assert_eq!(results, ["merged", "merged", "merged"], "{now}");
    h.publishes(&release).await;
    h.is_quiet().await;
    let head = json!(h.git(&["rev-parse", "main"]));
    let seen = h.second_author().sees(&text).await;
    assert_eq!(
        (&seen["state"], &seen["collisions"][0]["path"]),
        (&json!("conflicted"), &json!("pages/list.yml")),
        "{seen}"
    );
    assert_eq!(seen["collisions"][0]["with"], head, "{seen}");
    let seen = h.second_author().sees(&key).await;
    assert_eq!(
        (&seen["state"], &seen["collisions"][0]["key"]),
        (&json!("conflicted"), &json!("owner")),
        "{seen}"
    );
    let seen = h.author().sees(&catalog).await;
    assert_eq!(
        (&seen["state"], &seen["findings"][0]["rule"]),
        (&json!("needs_revalidation"), &json!("catalog")),
        "{seen}"
    );
    assert_eq!(h.author().sees(&fine).await["state"], "queued");
    let queue = h.author().get(&h.author().at("/queue")).await.ok();
    assert_eq!(queue["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(h.all("/jobs?type=revalidate_queued_changeset").await.len(), 4);
    let mails = h.all("/api/outbox").await;
    let told = mails.iter().filter(|mail| mail["event"] == "changeset.out_of_queue").count();
    assert_eq!(told, 3);
}

/// A draft whose member left the queue meanwhile goes on without it.
async fn a_member_that_left_the_queue_is_left_out(h: &Harness) {
    let winner =
        h.queued(h.author(), "pages/list.yml", &LIST_PAGE.replace("All patients", "Everybody")).await;
    let loser =
        h.queued(h.second_author(), "pages/list.yml", &LIST_PAGE.replace("All patients", "Nobody")).await;
    let fine = h.queued(h.author(), "pages/c.yml", "name: c\n").await;
    let (first, _) = h.composed(&[&winner]).await;
    let second = h.manager().drafts_release(&[&loser, &fine]).await;
    h.publishes(&first).await;
    h.is_quiet().await;
    assert_eq!(h.author().sees(&loser).await["state"], "conflicted");
    let now = h.composes(&second, "continue").await;
    assert_eq!(now["state"], "validated", "{now}");
    let results: Vec<_> = now["members"].as_array().unwrap().iter().map(|m| &m["result"]).collect();
    assert_eq!(results, ["conflicted", "merged"], "{now}");
    h.publishes(&second).await;
    assert_eq!(h.author().sees(&loser).await["state"], "conflicted");
    // It is free for another release once it is queued again.
    h.second_author().does(&loser, "move-to-draft").await.ok();
    h.second_author()
        .opens()
        .of(&loser)
        .puts("pages/list.yml", &LIST_PAGE.replace("footer: none", "footer: new"))
        .saves()
        .await;
    let sync = h.second_author().at(&format!("/workspaces/{}/sync-integration", loser.workspace));
    assert_eq!(h.second_author().post(&sync, &json!({"mode": "merge"})).await.ok()["pending"], json!(null));
    h.second_author().opens().of(&loser).submits().await;
    h.approved_and_queued(&loser).await;
    let (third, now) = h.composed(&[&loser]).await;
    assert_eq!(now["state"], "validated", "{now}");
    h.publishes(&third).await;
}

/// Tags count up within the day, and a published release never changes.
async fn row_26_a_published_release_never_changes(h: &Harness) {
    let first = h.released(&[("pages/a.yml", "name: a\n")]).await;
    let second = h.released(&[("pages/b.yml", "name: b\n")]).await;
    let (one, two) = (h.release(&first).await, h.release(&second).await);
    let (one, two) = (one["tag"].as_str().unwrap(), two["tag"].as_str().unwrap());
    let ((day, number), (next_day, next)) = (one.rsplit_once('.').unwrap(), two.rsplit_once('.').unwrap());
    // Midnight may pass between the two: then the count begins anew.
    assert_eq!((number, next), ("1", if day == next_day { "2" } else { "1" }));
    let queued = h.queued(h.author(), "pages/c.yml", "name: c\n").await;
    let path = h.manager().at(&format!("/releases/{}", first.id));
    let before = h.manager().get(&path).await;
    let (etag, before) = (before.etag(), before.ok());
    h.manager().patch_if(&path, &etag, &json!({"notes": "Other notes"})).await.refused(409, "wrong_state");
    for (verb, body) in [
        ("changesets", json!({"changeset_ids": [queued.id]})),
        ("changesets", json!({"changeset_ids": []})),
        ("assemble", json!({})),
        ("publish", json!({})),
    ] {
        h.manager().does_to(&first, verb, body).await.refused(409, "wrong_state");
    }
    h.manager().does_to(&first, "reorder", json!({"changeset_ids": []})).await.refused(409, "wrong_state");
    let ids = json!({"changeset_ids": [before["members"][0]["changeset_id"]]});
    h.manager().does_to(&first, "reorder", ids).await.refused(409, "members_changed");
    assert_eq!(h.manager().get(&path).await.ok(), before);
    assert_eq!(before["allowed_actions"], json!(["deploy"]));
}

/// Notes that a manager writes go into the tag; without them each member gets a line.
async fn notes_are_in_the_tag(h: &Harness) {
    let change = h.author().edits("pages/a.yml", "name: a\n").titled("Add a page").submits().await;
    h.approved_and_queued(&change).await;
    let release = h.manager().drafts_release(&[&change]).await;
    let path = h.manager().at(&format!("/releases/{}", release.id));
    let etag = h.manager().get(&path).await.etag();
    h.manager().patch_if(&path, &etag, &json!({"notes": "Read this."})).await.ok();
    h.manager().patch_if(&path, &etag, &json!({"notes": "Stale."})).await.refused(412, "stale_version");
    h.manager().patch(&path, &json!({"notes": "Unconditional."})).await.refused(428, "if_match_required");
    h.composes(&release, "continue").await;
    let tag = h.publishes(&release).await["tag"].as_str().unwrap().to_owned();
    let object = h.git(&["cat-file", "tag", &format!("refs/tags/{tag}")]);
    assert!(object.contains(&format!("Release {tag}")) && object.contains("Read this."), "{object}");
    assert!(object.contains("tagger Mona <mona@lab.example>"), "{object}");
    let commit = h.git(&["cat-file", "commit", "main"]);
    assert!(
        commit.contains("author Ana <ana@lab.example>") && commit.contains("Merge #1: Add a page"),
        "{commit}"
    );
}
