//! Reviewing: decisions are for one revision, and for one tree.

use crate::harness::Harness;
use serde_json::json;

on_both! {
    a_decision_is_for_one_revision,
    row_23_nobody_approves_their_own,
    requested_changes_are_made_and_reviewed_again,
    each_person_counts_once,
    a_revision_that_does_not_hold_is_not_reviewed,
}

embedded! {
    a_rejected_changeset_is_cloned,
}

/// A decision on an older revision is refused, and a new revision takes the approvals away.
async fn a_decision_is_for_one_revision(h: &Harness) {
    let change = h.author().edits("pages/a.yml", "type: page\nname: a\n").submits().await;
    h.reviewer().approves(&change).await;
    // An approved changeset takes no further edits.
    h.author().does(&change, "resubmit").await.refused(409, "wrong_state");

    let change = h.author().edits("pages/b.yml", "type: page\nname: b\n").submits().await;
    let before = h.author().sees(&change).await;
    h.author().opens().of(&change).puts("pages/b.yml", "type: page\nname: b\ntitle: B\n").submits().await;
    let refused = h.reviewer().reviews(&change, 1, "approve").await.refused(409, "stale_revision");
    assert_eq!(refused["details"]["newest_revision"], 2);
    for verdict in ["request_changes", "reject"] {
        h.reviewer().reviews(&change, 1, verdict).await.refused(409, "stale_revision");
    }
    h.reviewer().reviews(&change, 3, "approve").await.refused(409, "stale_revision");
    let now = h.author().sees(&change).await;
    assert_eq!(
        (&now["state"], &now["approvals"], &now["revision"]["number"]),
        (&json!("in_review"), &json!([]), &json!(2))
    );
    assert_ne!(now["revision"]["tree"], before["revision"]["tree"]);
    assert_eq!(h.reviewer().reviews(&change, 2, "approve").await.ok()["state"], "approved");

    let reviews = h.author().get(&h.author().at(&format!("/changesets/{}/reviews", change.id))).await.ok();
    assert_eq!(reviews["data"].as_array().map(Vec::len), Some(1), "{reviews}");
    assert_eq!(reviews["data"][0]["tree"], now["revision"]["tree"]);
    let revisions =
        h.author().get(&h.author().at(&format!("/changesets/{}/revisions", change.id))).await.ok();
    assert_eq!(revisions["data"].as_array().map(Vec::len), Some(2));
    let between = h.author().at(&format!("/changesets/{}/diff?from=1&to=2", change.id));
    let between = h.author().get(&between).await.ok();
    assert_eq!(
        between["files"][0]["hunks"][0]["lines"].as_array().unwrap().last().unwrap()["text"],
        "title: B"
    );
}

/// Whoever had a hand in a changeset decides nothing about it; nor does who is no reviewer.
async fn row_23_nobody_approves_their_own(h: &Harness) {
    for author in [h.reviewer(), h.manager(), h.admin()] {
        let change = author.edits("pages/own.yml", "type: page\nname: own\n").submits().await;
        let seen = author.sees(&change).await;
        for verdict in ["approve", "request_changes", "reject"] {
            author.reviews(&change, 1, verdict).await.refused(403, "forbidden");
            assert!(!seen["allowed_actions"].as_array().unwrap().contains(&json!(verdict)), "{seen}");
        }
        h.author().reviews(&change, 1, "approve").await.refused(403, "forbidden");
        h.second_reviewer().approves(&change).await;
    }
}

/// Asking for changes sends it back to its author, who works on it and submits it again.
async fn requested_changes_are_made_and_reviewed_again(h: &Harness) {
    let change = h.author().edits("pages/a.yml", "type: page\nname: a\n").submits().await;
    h.reviewer().reviews(&change, 1, "request_changes").await.ok();
    h.author().does(&change, "queue").await.refused(409, "wrong_state");
    h.second_author().does(&change, "move-to-draft").await.refused(403, "forbidden");
    assert_eq!(h.author().does(&change, "move-to-draft").await.ok()["state"], "draft");
    h.reviewer().reviews(&change, 1, "approve").await.refused(409, "wrong_state");
    h.author()
        .opens()
        .of(&change)
        .puts("pages/a.yml", "type: page\nname: a\ntitle: Better\n")
        .submits()
        .await;
    let now = h.author().sees(&change).await;
    assert_eq!((&now["revision"]["number"], &now["state"]), (&json!(2), &json!("in_review")));
    // Straight from changes_requested, too.
    h.reviewer().reviews(&change, 2, "request_changes").await.ok();
    h.author().opens().of(&change).puts("pages/a.yml", "type: page\nname: a\ntitle: Best\n").submits().await;
    h.reviewer().approves(&change).await;
    let actions = h.audited(&change.id).await;
    assert_eq!(
        actions,
        [
            "changeset.created",
            "changeset.submitted",
            "changeset.in_review",
            "changeset.changes_requested",
            "changeset.moved_to_draft",
            "changeset.submitted",
            "changeset.in_review",
            "changeset.changes_requested",
            "changeset.submitted",
            "changeset.in_review",
            "changeset.approved",
        ]
    );
}

/// A rejected changeset is over; its content begins a new one.
async fn a_rejected_changeset_is_cloned(h: &Harness) {
    let change = h
        .author()
        .edits("pages/a.yml", "type: page\nname: a\n")
        .deletes("README.md")
        .moves("pages/detail.yml", "pages/one.yml")
        .submits()
        .await;
    h.author().does(&change, "clone").await.refused(409, "wrong_state");
    assert_eq!(h.reviewer().reviews(&change, 1, "reject").await.ok()["state"], "rejected");
    h.author().does(&change, "resubmit").await.refused(409, "wrong_state");
    h.author().does(&change, "move-to-draft").await.refused(409, "wrong_state");
    h.released(&[("menus/other.yml", "type: menu\nname: other\n")]).await;
    let clone = h.second_author().does(&change, "clone").await.ok();
    assert_eq!(
        (&clone["state"], &clone["cloned_from"], &clone["author"]["name"]),
        (&json!("draft"), &json!(change.id), &json!("Ben"))
    );
    let workspace = clone["workspace_id"].as_str().unwrap();
    assert_eq!(h.second_author().reads(workspace, "pages/a.yml").await, "type: page\nname: a\n");
    assert_eq!(h.second_author().reads(workspace, "README.md").await, json!(null));
    assert_eq!(h.second_author().reads(workspace, "pages/detail.yml").await, json!(null));
    assert_eq!(
        h.second_author().reads(workspace, "pages/one.yml").await,
        "type: page\nname: detail\ntitle: One patient\n"
    );
    let number = clone["number"].as_u64().unwrap();
    let handle = crate::harness::Changeset {
        id: clone["id"].as_str().unwrap().to_owned(),
        number,
        workspace: workspace.to_owned(),
    };
    h.second_author().opens().of(&handle).submits().await;
    h.approved_and_queued(&handle).await;
    // Who authored the original decides about the clone no more than about the original.
    let change = h.reviewer().edits("pages/b.yml", "type: page\nname: b\n").submits().await;
    h.second_reviewer().reviews(&change, 1, "reject").await.ok();
    let clone = h.author().does(&change, "clone").await.ok();
    let (id, workspace) =
        (clone["id"].as_str().unwrap().to_owned(), clone["workspace_id"].as_str().unwrap().to_owned());
    let clone = crate::harness::Changeset { id, number: clone["number"].as_u64().unwrap(), workspace };
    h.author().opens().of(&clone).submits().await;
    h.reviewer().reviews(&clone, 1, "approve").await.refused(403, "forbidden");
    h.second_reviewer().approves(&clone).await;
}

/// Two approvals are two people's.
async fn each_person_counts_once(h: &Harness) {
    h.changes_settings(json!({"required_approval_count": 2})).await.ok();
    let change = h.author().edits("pages/a.yml", "type: page\nname: a\n").submits().await;
    for _ in 0..3 {
        let now = h.reviewer().approves(&change).await;
        assert_eq!(
            (&now["state"], now["approvals"].as_array().map(Vec::len)),
            (&json!("in_review"), Some(1))
        );
    }
    h.author().does(&change, "queue").await.refused(409, "wrong_state");
    let now = h.second_reviewer().approves(&change).await;
    assert_eq!((&now["state"], now["approvals"].as_array().map(Vec::len)), (&json!("approved"), Some(2)));
    // A later decision replaces the earlier one.
    let change = h.author().edits("pages/b.yml", "type: page\nname: b\n").submits().await;
    h.reviewer().approves(&change).await;
    h.reviewer().reviews(&change, 1, "request_changes").await.ok();
    let path = h.author().at(&format!("/changesets/{}/reviews", change.id));
    let reviews = h.author().get(&path).await.ok();
    assert_eq!(reviews["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(reviews["data"][0]["verdict"], "request_changes");
}

/// What the validation finds is shown, keeps the changeset from review, and is told to its author.
async fn a_revision_that_does_not_hold_is_not_reviewed(h: &Harness) {
    let change = h.author().edits("pages/bad.yml", "name: a\nname: b\n").submits_unchecked().await;
    let now = h.validated(&change).await;
    assert_eq!(now["state"], "submitted");
    let finding = &now["findings"][0];
    assert_eq!(
        (&finding["rule"], &finding["path"], &finding["line"]),
        (&json!("yaml"), &json!("pages/bad.yml"), &json!(2))
    );
    h.reviewer().reviews(&change, 1, "approve").await.refused(409, "wrong_state");
    // The same again finds the same again; in review, there would be nothing new.
    h.author().does(&change, "resubmit").await.ok();
    let now = h.validated(&change).await;
    assert_eq!((&now["state"], &now["revision"]["number"]), (&json!("submitted"), &json!(2)));
    h.author().opens().of(&change).puts("pages/bad.yml", "name: a\n").submits().await;
    h.author().does(&change, "resubmit").await.refused(409, "nothing_new");
    h.is_quiet().await;
    let mails = h.all("/api/outbox").await;
    let to_author = mails.iter().find(|mail| mail["event"] == "changeset.validation_failed").unwrap();
    assert_eq!(to_author["to"], "ana@lab.example");
    // The catalog is checked with every environment's values.
    h.sets_variables("prod", json!({"beds": 30})).await.ok();
    let catalog =
        "parameters:\n  - name: beds\n    type: int\n    default: 10\n    max: 20\n    required: true\n";
    let change = h.author().edits("catalog/ward.yml", catalog).submits_unchecked().await;
    let now = h.validated(&change).await;
    assert_eq!(now["state"], "submitted", "{now}");
    assert!(now["findings"][0]["message"].as_str().unwrap().contains("prod"), "{now}");
    // Once the values fit, the same revision does.
    h.sets_variables("prod", json!({"beds": 20})).await.ok();
    h.author().does(&change, "resubmit").await.ok();
    assert_eq!(h.validated(&change).await["state"], "in_review");
}
