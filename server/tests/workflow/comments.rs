//! Comments: on a changeset, a file or a line of a revision.

use crate::harness::Harness;
use serde_json::json;

on_both! {
    people_talk_about_lines,
    a_comment_that_is_sent_twice_is_written_once,
}

/// Threads, places that exist, edits by their author alone, and earlier texts that stay on record.
async fn people_talk_about_lines(h: &Harness) {
    let change = h.author().edits("pages/a.yml", "name: a\ntitle: A\n").submits().await;
    let path = h.author().at(&format!("/changesets/{}/comments", change.id));
    let place =
        |revision: u64, path: &str, line: u64| json!({"revision": revision, "path": path, "line": line});
    let first = h
        .reviewer()
        .post(&path, &json!({"body": "Why <b>A</b>?", "place": place(1, "pages/a.yml", 2)}))
        .await
        .ok();
    assert_eq!((&first["body"], &first["author"]["name"]), (&json!("Why <b>A</b>?"), &json!("Rita")));
    let answer = h.author().post(&path, &json!({"body": "Because.", "thread_id": first["id"]})).await.ok();
    h.author()
        .post(&path, &json!({"body": "In general", "place": {"revision": 1, "path": "pages/a.yml"}}))
        .await
        .ok();
    for (wrong, pointer) in [
        (json!({"body": "x", "place": place(1, "pages/a.yml", 0)}), "/place/line"),
        (json!({"body": "x", "place": place(1, "pages/a.yml", 4)}), "/place/line"),
        (json!({"body": "x", "place": place(1, "pages/none.yml", 1)}), "/place/path"),
        (json!({"body": "x", "place": place(2, "pages/a.yml", 1)}), "/place/revision"),
        (json!({"body": "x", "place": place(1, "../a.yml", 1)}), "/place/path"),
        (json!({"body": "x", "place": place(1, ".git/config", 1)}), "/place/path"),
        (json!({"body": "x", "thread_id": answer["id"]}), "/thread_id"),
        (json!({"body": "x", "thread_id": change.id}), "/thread_id"),
        (json!({"body": " \n"}), "/body"),
        (json!({"body": "x".repeat(50_001)}), "/body"),
        (json!({"body": "a\u{0}b"}), "/body"),
    ] {
        let refused = h.reviewer().post(&path, &wrong).await.refused(400, "invalid");
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{wrong}");
    }
    let own = format!("{path}/{}", first["id"].as_str().unwrap());
    h.author().patch(&own, &json!({"body": "Never said"})).await.refused(403, "forbidden");
    let edited = h.reviewer().patch(&own, &json!({"body": "Why A?"})).await;
    let etag = edited.etag();
    assert_eq!(edited.ok()["revision"], 2);
    h.reviewer().patch_if(&own, &etag, &json!({"body": "Why is that A?"})).await.ok();
    h.reviewer().patch_if(&own, &etag, &json!({"body": "Stale"})).await.refused(412, "stale_version");
    for wrong in [json!({}), json!({"body": "x", "resolved": true})] {
        h.reviewer().patch(&own, &wrong).await.refused(400, "invalid");
    }
    assert_eq!(h.author().patch(&own, &json!({"resolved": true})).await.ok()["resolved"], true);
    let below = format!("{path}/{}", answer["id"].as_str().unwrap());
    h.author().patch(&below, &json!({"resolved": true})).await.refused(409, "wrong_state");
    // Comments stay with their revision when the next one comes.
    h.author().opens().of(&change).puts("pages/a.yml", "name: a\n").submits().await;
    h.reviewer()
        .post(&path, &json!({"body": "Gone", "place": place(2, "pages/a.yml", 3)}))
        .await
        .refused(400, "invalid");
    let all = h.second_author().get(&path).await.ok();
    let bodies: Vec<_> =
        all["data"].as_array().unwrap().iter().map(|c| c["body"].as_str().unwrap()).collect();
    assert_eq!(bodies, ["Why is that A?", "Because.", "In general"]);
    assert_eq!(all["data"][0]["place"], place(1, "pages/a.yml", 2));
    assert_eq!(
        h.audited(first["id"].as_str().unwrap()).await,
        ["comment.written", "comment.edited", "comment.edited", "comment.resolved"]
    );
}

/// The writer chooses an id; whoever sends the same again, even at once, gets what is there.
async fn a_comment_that_is_sent_twice_is_written_once(h: &Harness) {
    let change = h.author().edits("pages/a.yml", "name: a\n").submits().await;
    let path = h.author().at(&format!("/changesets/{}/comments", change.id));
    let id = "0190c0de-0000-7000-8000-000000000001";
    let comment = json!({"id": id, "body": "Why?"});
    let (rita, again) = (h.reviewer(), h.reviewer());
    let (one, other) = tokio::join!(rita.post(&path, &comment), again.post(&path, &comment));
    assert_eq!((&one.ok()["id"], &other.ok()["id"]), (&json!(id), &json!(id)));
    let written = async || h.reviewer().get(&path).await.ok()["data"].as_array().unwrap().len();
    assert_eq!(written().await, 1);
    // Edited meanwhile, it is still the same comment.
    h.reviewer().patch(&format!("{path}/{id}"), &json!({"body": "Why not?"})).await.ok();
    assert_eq!(h.reviewer().post(&path, &comment).await.ok()["body"], "Why not?");
    // An id stands for one comment only.
    h.author().post(&path, &comment).await.refused(409, "id_taken");
    let elsewhere = json!({"id": id, "body": "Why?", "place": {"revision": 1, "path": "pages/a.yml"}});
    h.reviewer().post(&path, &elsewhere).await.refused(409, "id_taken");
    let other = json!({"id": "0190c0de-0000-7000-8000-000000000002", "body": "And then?"});
    h.reviewer().post(&path, &other).await.ok();
    let changed = json!({"id": other["id"], "body": "And now?"});
    h.reviewer().post(&path, &changed).await.refused(409, "id_taken");
    assert_eq!(written().await, 2);
}
