//! Texts of people: bounded, refused by the field, and never lost by a refusal.

use crate::harness::Harness;
use reqwest::Method;
use serde_json::{Value, json};

embedded! {
    texts_are_bounded_and_what_was_there_stays,
    files_are_bounded,
}

/// Every text has a bound; beyond it the field is named, and what was there before is there still.
async fn texts_are_bounded_and_what_was_there_stays(h: &Harness) {
    let change = h.author().edits("pages/a.yml", "name: a\n").titled("Before").submits().await;
    let path = h.author().at(&format!("/changesets/{}", change.id));
    let read = h.author().get(&path).await;
    let (etag, before) = (read.etag(), read.ok());
    let long = |length: usize| "x".repeat(length);
    for (field, wrong) in [
        ("title", String::new()),
        ("title", "   ".to_owned()),
        ("title", long(10_000)),
        ("title", "two\nlines".to_owned()),
        ("title", "a\r\nBcc: eve@lab.example".to_owned()),
        ("title", "a\u{0}b".to_owned()),
        ("title", "a\u{1b}[31mb".to_owned()),
        ("description", long(20_001)),
        ("description", "a\u{0}b".to_owned()),
    ] {
        let mut body = json!({"title": "After", "description": "After"});
        body[field] = json!(wrong);
        let refused = h.author().patch_if(&path, &etag, &body).await.refused(400, "invalid");
        assert_eq!(refused["errors"][0]["pointer"], format!("/{field}"), "{refused}");
        assert_eq!(h.author().get(&path).await.ok(), before);
    }
    let stale = h.author().patch_if(&path, "\"v1\"", &json!({"title": "Stale", "description": ""})).await;
    assert_eq!((stale.status, stale.code(), stale.etag()), (412, "stale_version", etag.clone()));
    for etag in ["v1", "*", "W/\"v1\"", "\"v1\", \"v2\"", "\"\"", "\"v99999999999999999999\""] {
        let answer = h.author().patch_if(&path, etag, &json!({"title": "x", "description": ""})).await;
        assert!(matches!(answer.status, 400 | 412 | 428), "{etag}: {}", answer.text);
    }
    assert_eq!(h.author().get(&path).await.ok(), before);
    h.author()
        .patch_if(&path, &etag, &json!({"title": "x".repeat(100), "description": long(20_000)}))
        .await
        .ok();

    let review = h.reviewer().at(&format!("/changesets/{}/review", change.id));
    let verdict = |revision: Value, comment: String| json!({"revision": revision, "verdict": "approve", "comment": comment});
    h.reviewer().post(&review, &verdict(json!(1), long(20_001))).await.refused(400, "invalid");
    for revision in [json!(-1), json!(4_294_967_296_u64), json!(1.5), json!("1"), json!(null)] {
        h.reviewer().post(&review, &verdict(revision, String::new())).await.refused(400, "invalid");
    }
    assert_eq!(h.author().sees(&change).await["state"], "in_review");
    for name in [String::new(), long(10_000), "a\nb".to_owned()] {
        h.author().post(&h.author().at("/workspaces"), &json!({"name": name})).await.refused(400, "invalid");
    }
    for reason in ["", "  "] {
        let profile = h.environment("dev").await["profile_id"].as_str().unwrap().to_owned();
        let path = h.admin().at(&format!("/runtime-profiles/{profile}"));
        let etag = h.admin().get(&path).await.etag();
        let body = json!({"env_vars": {"beds": 1}, "reason": reason});
        h.admin().patch_if(&path, &etag, &body).await.refused(400, "invalid");
        assert_eq!(h.admin().get(&path).await.ok()["env_vars"], json!({}));
    }
    let release = h.manager().drafts_release(&[]).await;
    let path = h.manager().at(&format!("/releases/{}", release.id));
    let etag = h.manager().get(&path).await.etag();
    let notes = json!({"notes": long(100_001)});
    h.manager().patch_if(&path, &etag, &notes).await.refused(400, "invalid");
    assert_eq!(h.manager().get(&path).await.ok()["notes"], "");
}

/// A file beyond the app's limit is refused at every entrance, and the old content stays.
async fn files_are_bounded(h: &Harness) {
    h.changes_settings(json!({"file_size_limit_bytes": 1_000})).await.ok();
    let big = "x".repeat(1_001);
    let workspace = h.author().edits("pages/list.yml", "kept: 1\n").saves().await;
    let (_, answer) = h.author().opens().at(&workspace).puts("pages/list.yml", &big).tries_to_save().await;
    answer.refused(413, "too_large");
    assert_eq!(h.author().reads(&workspace, "pages/list.yml").await, "kept: 1\n");
    h.author().opens().at(&workspace).puts("pages/full.yml", &"x".repeat(1_000)).saves().await;
    // As the resolution of a conflict, too.
    h.released(&[("pages/list.yml", "theirs: 1\n")]).await;
    let sync = h.author().at(&format!("/workspaces/{workspace}/sync-integration"));
    let conflicted = h.author().post(&sync, &json!({"mode": "merge"})).await.ok();
    assert_eq!(conflicted["conflicts"][0]["path"], "pages/list.yml");
    let resolve = h.author().at(&format!("/workspaces/{workspace}/sync/resolve"));
    let resolution = json!({"path": "pages/list.yml", "resolution": {"kind": "content", "text": big}});
    h.author().post(&resolve, &resolution).await.refused(413, "too_large");
    assert_eq!(h.author().reads(&workspace, "pages/list.yml").await, "kept: 1\n");
    // A body beyond all limits is cut off before it is read.
    let request = h.author().request(Method::POST, &h.author().at("/changesets"));
    let request = request.header("content-type", "application/json").body("x".repeat(2 << 20));
    let answer = crate::harness::Answer::to(request, "two megabytes".to_owned()).await;
    answer.refused(413, "too_large");
}
