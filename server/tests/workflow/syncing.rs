//! Bringing the integration branch into a workspace.

use crate::harness::{Harness, LIST_PAGE};
use serde_json::{Value, json};

on_both! {
    approvals_outlive_a_sync_that_changes_nothing_of_its_own,
    approvals_do_not_outlive_a_resolved_conflict,
    keys_that_collide_wait_to_be_resolved,
    an_approved_changeset_whose_branch_went_on_is_not_stuck,
}

embedded! {
    aborting_loses_nothing,
}

const TOP: &str = "title: Everybody";
const BOTTOM: &str = "footer: long";

fn top() -> String {
    LIST_PAGE.replace("title: All patients", TOP)
}

fn bottom() -> String {
    LIST_PAGE.replace("footer: none", BOTTOM)
}

async fn sync(h: &Harness, workspace: &str, mode: &str) -> Value {
    let path = h.author().at(&format!("/workspaces/{workspace}/sync-integration"));
    h.author().post(&path, &json!({"mode": mode})).await.ok()
}

/// A sync that leaves the changeset's own diff as it was keeps its approvals, by merge and by rebase.
async fn approvals_outlive_a_sync_that_changes_nothing_of_its_own(h: &Harness) {
    let mut changes = Vec::new();
    for name in ["a", "b"] {
        // The same file as the release's, but elsewhere in it.
        let change = h
            .author()
            .edits("pages/list.yml", &bottom())
            .puts(&format!("pages/{name}.yml"), "name: x\n")
            .submits()
            .await;
        h.reviewer().approves(&change).await;
        changes.push(change);
    }
    let waiting = h.author().edits("pages/c.yml", "name: c\n").submits().await;
    let edited = h.author().edits("pages/d.yml", "name: d\n").submits().await;
    h.author().opens().of(&edited).puts("pages/d.yml", "name: d\ntitle: unsaved\n").saves().await;
    h.released(&[("pages/list.yml", &top())]).await;
    for (change, mode) in changes.iter().zip(["merge", "rebase"]) {
        let synced = sync(h, &change.workspace, mode).await;
        assert_eq!((&synced["pending"], &synced["conflicts"]), (&json!(null), &json!([])), "{mode}");
        let now = h.author().sees(change).await;
        assert_eq!(
            (&now["state"], now["approvals"].as_array().map(Vec::len)),
            (&json!("approved"), Some(1)),
            "{mode}: {now}"
        );
        assert_eq!(now["revision"]["number"], 2, "{mode}");
        assert_eq!(now["revision"]["base"], json!(h.git(&["rev-parse", "main"])), "{mode}");
        let page = h.author().reads(&change.workspace, "pages/list.yml").await;
        assert!(
            page.as_str().unwrap().contains(TOP) && page.as_str().unwrap().contains(BOTTOM),
            "{mode}: {page}"
        );
        let parents = h
            .git(&["rev-list", "--parents", "-1", now["revision"]["head"].as_str().unwrap()])
            .split(' ')
            .count();
        assert_eq!(parents, if mode == "merge" { 3 } else { 2 }, "{mode}");
        assert_eq!(h.author().queues(change).await["state"], "queued", "{mode}");
    }
    sync(h, &waiting.workspace, "merge").await;
    assert_eq!(h.author().sees(&waiting).await["state"], "in_review");
    // What was edited since the revision has been seen by nobody: it waits for its author.
    sync(h, &edited.workspace, "merge").await;
    assert_eq!(h.author().reads(&edited.workspace, "pages/d.yml").await, "name: d\ntitle: unsaved\n");
    let (release, now) = h.composed(&changes.iter().collect::<Vec<_>>()[..1]).await;
    assert_eq!(now["state"], "validated", "{now}");
    h.publishes(&release).await;
}

/// A sync that changes what the changeset itself says takes its approvals away.
async fn approvals_do_not_outlive_a_resolved_conflict(h: &Harness) {
    for mode in ["merge", "rebase"] {
        let mine = LIST_PAGE.replace("title: All patients", &format!("title: Mine by {mode}"));
        let theirs = LIST_PAGE.replace("title: All patients", &format!("title: Theirs by {mode}"));
        let change = h.author().edits("pages/list.yml", &mine).submits().await;
        h.reviewer().approves(&change).await;
        h.released(&[("pages/list.yml", &theirs)]).await;
        let base = h.git(&["rev-parse", "main"]);
        let at = |verb: &str| h.author().at(&format!("/workspaces/{}/sync{verb}", change.workspace));

        let conflicted = sync(h, &change.workspace, mode).await;
        assert_eq!(
            (&conflicted["pending"]["mode"], &conflicted["pending"]["onto"]),
            (&json!(mode), &json!(base))
        );
        let conflict = &conflicted["conflicts"][0];
        assert_eq!((&conflict["path"], &conflict["resolved"]), (&json!("pages/list.yml"), &json!(false)));
        assert_eq!((&conflict["ours"], &conflict["theirs"]), (&json!(mine), &json!(theirs)), "{mode}");
        assert!(conflict["base"].as_str().is_some_and(|base| base.contains("title: ")), "{mode}: {conflict}");
        let key = &conflict["keys"]["conflicts"][0];
        assert_eq!((&key["key"], &key["clash"]), (&json!("title"), &json!("both_changed")), "{conflict}");
        assert_eq!(key["ours"]["text"], json!(format!("\"Mine by {mode}\"")), "{mode}");
        assert_eq!(key["theirs"]["text"], json!(format!("\"Theirs by {mode}\"")), "{mode}");
        assert_eq!((&conflict["keys"]["total"], &conflict["reason"]), (&json!(1), &json!(null)));
        assert_eq!(h.author().get(&at("")).await.ok()["conflicts"], conflicted["conflicts"]);
        // Nothing moved yet, and nothing else may happen to the workspace.
        assert_eq!(h.author().sees(&change).await["state"], "approved");
        assert_eq!(h.author().reads(&change.workspace, "pages/list.yml").await, json!(mine));
        let (_, refused) = h.author().opens().of(&change).puts("pages/x.yml", "x: 1\n").tries_to_save().await;
        refused.refused(409, "sync_pending");
        let refused = h.author().post(&at("/continue"), &json!({})).await.refused(409, "unresolved");
        assert_eq!(refused["details"]["paths"], json!(["pages/list.yml"]));
        let nowhere = json!({"path": "README.md", "resolution": {"kind": "ours"}});
        h.author().post(&at("/resolve"), &nowhere).await.refused(409, "not_in_conflict");

        // Given up: all is as it was.
        h.author().post(&at("/abort"), &json!({})).await.ok();
        assert_eq!(h.author().reads(&change.workspace, "pages/list.yml").await, json!(mine));
        assert_eq!(h.author().sees(&change).await["state"], "approved");
        h.author().post(&at("/abort"), &json!({})).await.refused(409, "no_sync");
        h.author().post(&at("/continue"), &json!({})).await.refused(409, "no_sync");

        sync(h, &change.workspace, mode).await;
        let settled = LIST_PAGE.replace("title: All patients", &format!("title: Ours by {mode}"));
        for resolution in [json!({"kind": "theirs"}), json!({"kind": "content", "text": settled})] {
            let body = json!({"path": "pages/list.yml", "resolution": resolution});
            let now = h.author().post(&at("/resolve"), &body).await.ok();
            assert_eq!(now["conflicts"][0]["resolved"], true);
        }
        let done = h.author().post(&at("/continue"), &json!({})).await.ok();
        assert_eq!((&done["pending"], &done["conflicts"]), (&json!(null), &json!([])));
        assert_eq!(h.author().reads(&change.workspace, "pages/list.yml").await, json!(settled));
        let now = h.validated(&change).await;
        assert_eq!(
            (&now["state"], &now["approvals"], &now["revision"]["number"]),
            (&json!("in_review"), &json!([]), &json!(2)),
            "{mode}"
        );
        h.author().does(&change, "queue").await.refused(409, "wrong_state");
        h.approved_and_queued(&change).await;
        let (release, _) = h.composed(&[&change]).await;
        h.publishes(&release).await;
        assert_eq!(h.git(&["show", "main:pages/list.yml"]), settled.trim());
        // For the next round.
        h.released(&[("pages/list.yml", LIST_PAGE)]).await;
    }
}

/// Lines that merge cleanly while their keys collide are a conflict like any other: nothing moves before it is resolved.
async fn keys_that_collide_wait_to_be_resolved(h: &Harness) {
    for mode in ["merge", "rebase"] {
        let mine = LIST_PAGE.replace("footer: none\n", "footer: none\nowner: desk\n");
        let theirs = LIST_PAGE.replace("title: All patients\n", "title: All patients\nowner: ward\n");
        let files = [("pages/list.yml", mine.as_str()), ("pages/own.yml", "name: own\n")];
        let workspace =
            h.author().opens().puts(files[0].0, files[0].1).puts(files[1].0, files[1].1).saves().await;
        h.released(&[("pages/list.yml", &theirs)]).await;
        let conflicted = sync(h, &workspace, mode).await;
        assert_eq!(conflicted["pending"]["mode"], json!(mode), "{conflicted}");
        assert_eq!(conflicted["conflicts"].as_array().map(Vec::len), Some(1), "{mode}: {conflicted}");
        let conflict = &conflicted["conflicts"][0];
        assert_eq!((&conflict["ours"], &conflict["theirs"]), (&json!(mine), &json!(theirs)), "{mode}");
        assert!(conflict["reason"].as_str().unwrap().contains("`owner`"), "{conflict}");
        let held = |text: &str, line: u32| json!({"text": text, "line_start": line, "line_end": line});
        assert_eq!(
            conflict["keys"],
            json!({"conflicts": [{"key": "owner", "clash": "both_added", "with": null, "base": null,
                "ours": held("\"desk\"", 18), "theirs": held("\"ward\"", 4)}],
                "total": 1, "only_ours": 0, "only_theirs": 0, "unreadable": []}),
            "{mode}"
        );
        let at = |verb: &str| h.author().at(&format!("/workspaces/{workspace}/sync{verb}"));
        assert_eq!(h.author().get(&at("")).await.ok()["conflicts"], conflicted["conflicts"]);
        assert_eq!(h.author().reads(&workspace, "pages/list.yml").await, json!(mine), "nothing moved");
        h.author().post(&at("/continue"), &json!({})).await.refused(409, "unresolved");
        let settled = theirs.replace("owner: ward", "owner: both");
        let resolution =
            json!({"path": "pages/list.yml", "resolution": {"kind": "content", "text": settled}});
        h.author().post(&at("/resolve"), &resolution).await.ok();
        let done = h.author().post(&at("/continue"), &json!({})).await.ok();
        assert_eq!((&done["pending"], &done["conflicts"]), (&json!(null), &json!([])));
        assert_eq!(h.author().reads(&workspace, "pages/list.yml").await, json!(settled));
        assert_eq!(h.author().reads(&workspace, "pages/own.yml").await, "name: own\n");
        // For the next round.
        h.released(&[("pages/list.yml", LIST_PAGE)]).await;
    }
}

/// A sync that is aborted after resolutions loses nothing: neither commits nor what was not committed yet.
async fn aborting_loses_nothing(h: &Harness) {
    let mine = LIST_PAGE.replace("title: All patients", "title: Mine");
    let workspace = h.author().edits("pages/list.yml", &mine).puts("pages/a.yml", "name: a\n").saves().await;
    let path = h.author().at(&format!("/workspaces/{workspace}/checkpoints"));
    h.author().post(&path, &json!({"message": "First"})).await.ok();
    h.author()
        .opens()
        .at(&workspace)
        .puts("pages/a.yml", "name: a\ntitle: loose\n")
        .deletes("README.md")
        .saves()
        .await;
    let before = h.author().get(&h.author().at(&format!("/workspaces/{workspace}"))).await.ok();
    h.released(&[("pages/list.yml", &top())]).await;
    for mode in ["merge", "rebase"] {
        let conflicted = sync(h, &workspace, mode).await;
        assert_eq!(conflicted["conflicts"].as_array().map(Vec::len), Some(1), "{mode}");
        let at = |verb: &str| h.author().at(&format!("/workspaces/{workspace}/sync/{verb}"));
        let resolution = json!({"path": "pages/list.yml", "resolution": {"kind": "delete"}});
        h.author().post(&at("resolve"), &resolution).await.ok();
        h.author().post(&at("abort"), &json!({})).await.ok();
        let after = h.author().get(&h.author().at(&format!("/workspaces/{workspace}"))).await.ok();
        for same in ["head", "tree", "baseline", "dirty"] {
            assert_eq!(after[same], before[same], "{mode}: {same}");
        }
        assert_eq!(h.author().reads(&workspace, "pages/list.yml").await, json!(mine));
        assert_eq!(h.author().reads(&workspace, "pages/a.yml").await, "name: a\ntitle: loose\n");
        assert_eq!(h.author().reads(&workspace, "README.md").await, json!(null));
    }
}

/// An approved changeset whose branch went on finds its way into the queue, with new approvals.
async fn an_approved_changeset_whose_branch_went_on_is_not_stuck(h: &Harness) {
    let change = h.author().edits("pages/a.yml", "name: a\n").submits().await;
    h.reviewer().approves(&change).await;
    h.author().opens().of(&change).puts("pages/b.yml", "name: b\n").saves().await;
    let path = h.author().at(&format!("/workspaces/{}/checkpoints", change.workspace));
    h.author().post(&path, &json!({"message": "For later"})).await.ok();
    // As long as the queue takes what was approved, a sync leaves it alone.
    sync(h, &change.workspace, "merge").await;
    let now = h.author().sees(&change).await;
    assert_eq!((&now["state"], &now["revision"]["number"]), (&json!("approved"), &json!(1)), "{now}");
    let may = |seen: &Value| seen["allowed_actions"].as_array().unwrap().contains(&json!("queue"));
    assert!(may(&now) && now["sync_required"] == false, "{now}");
    h.released(&[("pages/z.yml", "name: z\n")]).await;
    // What it needs first is told, and what would be refused is not offered: to its author, and to who runs the queue.
    for person in [h.author(), h.manager()] {
        let now = person.sees(&change).await;
        assert!(!may(&now) && now["sync_required"] == true, "{now}");
        let list = person.get(&person.at("/changesets?state=approved")).await.ok();
        assert!(!may(&list["data"][0]), "{list}");
    }
    h.author().does(&change, "queue").await.refused(409, "sync_required");
    sync(h, &change.workspace, "merge").await;
    let now = h.validated(&change).await;
    assert_eq!(
        (&now["state"], &now["revision"]["number"], &now["approvals"]),
        (&json!("in_review"), &json!(2), &json!([])),
        "{now}"
    );
    h.approved_and_queued(&change).await;
    // Syncing what is up to date is no error, whatever state it is in.
    let waiting = h.author().edits("pages/c.yml", "name: c\n").submits().await;
    sync(h, &waiting.workspace, "rebase").await;
    assert_eq!(h.author().sees(&waiting).await["revision"]["number"], 1);
    // Nor is syncing with a release that brought the same.
    h.released(&[("pages/c.yml", "name: c\n")]).await;
    let synced = sync(h, &waiting.workspace, "merge").await;
    assert_eq!((&synced["pending"], &synced["conflicts"]), (&json!(null), &json!([])));
}
