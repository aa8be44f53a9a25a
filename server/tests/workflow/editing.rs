//! Working files: autosaved, never overwritten unseen, all or nothing.

use crate::harness::{Harness, LIST_PAGE, enc};
use futures::future::join_all;
use serde_json::{Value, json};

on_both! {
    a_stale_write_is_refused_with_the_present_content,
    a_write_is_all_or_nothing,
    several_windows_lose_nothing,
}

embedded! {
    markers_checkpoints_and_reset,
    a_workspace_is_renamed_by_its_owner,
    workspaces_begin_at_the_canonical_release,
}

/// A write names what it replaces; a stale one is refused with what the file holds now.
async fn a_stale_write_is_refused_with_the_present_content(h: &Harness) {
    let workspace = h.author().edits("pages/a.yml", "name: first\n").saves().await;
    let files = h.author().at(&format!("/workspaces/{workspace}/files"));
    let read = async |path: &str| h.author().get(&format!("{files}?path={}", enc(path))).await.ok();
    let first = read("pages/a.yml").await["blob"].clone();
    let put = |blob: &serde_json::Value, text: &str| {
        let edit = json!({"op": "put", "path": "pages/a.yml", "expected_blob": blob, "text": text});
        json!({"edits": [edit]})
    };
    h.author().put(&files, &put(&first, "name: second\n")).await.ok();
    let second = read("pages/a.yml").await["blob"].clone();
    for stale in [&first, &json!(null)] {
        let refused = h.author().put(&files, &put(stale, "name: mine\n")).await.refused(409, "stale_content");
        assert_eq!(refused["details"]["current_content"], "name: second\n");
        assert_eq!(refused["details"]["current_blob"], second);
        assert_eq!(refused["details"]["path"], "pages/a.yml");
    }
    let gone = format!("{files}?path=pages/a.yml&expected_blob={}", first.as_str().unwrap());
    h.author().delete(&gone).await.refused(409, "stale_content");
    let moved = json!({"from": "pages/a.yml", "to": "pages/z.yml", "expected_blob": first});
    h.author().post(&format!("{files}/move"), &moved).await.refused(409, "stale_content");
    // Onto a file that is there.
    let onto = json!({"from": "pages/a.yml", "to": "pages/list.yml", "expected_blob": second});
    let refused = h.author().post(&format!("{files}/move"), &onto).await.refused(409, "stale_content");
    assert_eq!(refused["details"]["current_content"], LIST_PAGE);
    assert_eq!(h.author().reads(&workspace, "pages/a.yml").await, "name: second\n");
    // With what is there they all work.
    let moved = json!({"from": "pages/a.yml", "to": "pages/z.yml", "expected_blob": second});
    h.author().post(&format!("{files}/move"), &moved).await.ok();
    let gone = format!("{files}?path=pages/z.yml&expected_blob={}", second.as_str().unwrap());
    h.author().delete(&gone).await.ok();
    assert_eq!(h.author().reads(&workspace, "pages/z.yml").await, json!(null));
    // A file that went away while somebody edited it.
    let refused = h.author().put(&files, &put(&second, "name: mine\n")).await.refused(409, "stale_content");
    assert_eq!(
        (&refused["details"]["current_blob"], &refused["details"]["current_content"]),
        (&json!(null), &json!(null))
    );
}

/// Several files are written together or not at all.
async fn a_write_is_all_or_nothing(h: &Harness) {
    let workspace =
        h.author().edits("pages/a.yml", "name: a\n").puts("pages/b.yml", "name: b\n").saves().await;
    let files = h.author().at(&format!("/workspaces/{workspace}/files"));
    let blob = async |path: &str| h.author().get(&format!("{files}?path={path}")).await.ok()["blob"].clone();
    let (a, b) = (blob("pages/a.yml").await, blob("pages/b.yml").await);
    let tree = async || {
        h.author().get(&h.author().at(&format!("/workspaces/{workspace}"))).await.ok()["tree"].clone()
    };
    let before = tree().await;
    let good = json!({"op": "put", "path": "pages/a.yml", "expected_blob": a, "text": "name: new\n"});
    for (bad, status) in [
        (json!({"op": "put", "path": "pages/b.yml", "expected_blob": a, "text": "x: 1\n"}), 409),
        (json!({"op": "put", "path": "pages/a.yml", "expected_blob": a, "text": "twice: 1\n"}), 400),
        (json!({"op": "put", "path": "pages/A.yml", "expected_blob": null, "text": "case: 1\n"}), 400),
        (json!({"op": "put", "path": "pages/b.yml/x", "expected_blob": null, "text": "below: 1\n"}), 400),
        (json!({"op": "put", "path": ".github/x", "expected_blob": null, "text": "blocked: 1\n"}), 400),
        (
            json!({"op": "put", "path": "big", "expected_blob": null, "text": "x".repeat(6 * 1024 * 1024)}),
            413,
        ),
        (json!({"op": "delete", "path": "pages/none.yml", "expected_blob": b}), 409),
        (json!({"op": "put", "path": "pages/c.yml", "expected_blob": null}), 400),
        (
            json!({"op": "put", "path": "pages/c.yml", "expected_blob": null, "text": "a", "base64": "YQ=="}),
            400,
        ),
        (json!({"op": "put", "path": "pages/c.yml", "expected_blob": null, "base64": "%%%"}), 400),
        (json!({"op": "burn", "path": "pages/c.yml"}), 400),
    ] {
        let answer = h.author().put(&files, &json!({"edits": [good, bad]})).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        assert_eq!(tree().await, before, "{}", answer.text);
    }
    for edits in [json!([]), json!(vec![good.clone(); 1001])] {
        h.author().put(&files, &json!({"edits": edits})).await.refused(400, "invalid");
    }
    // Swapping two files, and a file for a folder, in one write.
    let swap = json!({"edits": [
        {"op": "move", "from": "pages/a.yml", "to": "pages/b.yml", "expected_blob": a},
        {"op": "move", "from": "pages/b.yml", "to": "pages/a.yml", "expected_blob": b},
    ]});
    h.author().put(&files, &swap).await.ok();
    assert_eq!(h.author().reads(&workspace, "pages/a.yml").await, "name: b\n");
    let folder = json!({"edits": [
        {"op": "delete", "path": "pages/a.yml", "expected_blob": b},
        {"op": "put", "path": "pages/a.yml/inside.yml", "expected_blob": null, "text": "x: 1\n"},
    ]});
    h.author().put(&files, &folder).await.ok();
    assert_eq!(h.author().reads(&workspace, "pages/a.yml/inside.yml").await, "x: 1\n");
    // Bytes that are no text come back as they are.
    let logo = "iVBORw0KGgoA/w==";
    let edit = json!({"op": "put", "path": "assets/logo.png", "expected_blob": null, "base64": logo});
    let bytes = json!({"edits": [edit]});
    h.author().put(&files, &bytes).await.ok();
    let read = h.author().get(&format!("{files}?path=assets/logo.png")).await.ok();
    assert_eq!(
        (&read["base64"], &read["text"], &read["size"]),
        (&json!("iVBORw0KGgoA/w=="), &json!(null), &json!(10))
    );
}

/// Two windows that save at once lose nothing: each save is in, or was refused with what is there.
async fn several_windows_lose_nothing(h: &Harness) {
    let workspace = h.author().edits("pages/shared.yml", "lines:\n").saves().await;
    let files = h.author().at(&format!("/workspaces/{workspace}/files"));
    let window = async |name: usize| {
        for round in 0..6 {
            let path = format!("pages/w{name}-{round}.yml");
            let own = json!({"op": "put", "path": path, "expected_blob": null, "text": "x: 1\n"});
            // Adds a line to the shared file, on what the last refusal says that it holds.
            let read = h.author().get(&format!("{files}?path=pages/shared.yml")).await.ok();
            let (mut blob, mut text) = (read["blob"].clone(), read["text"].as_str().unwrap().to_owned());
            loop {
                let line = format!("{text}  - w{name}-{round}\n");
                let shared =
                    json!({"op": "put", "path": "pages/shared.yml", "expected_blob": blob, "text": line});
                let answer = h.author().put(&files, &json!({"edits": [own, shared]})).await;
                if answer.is_ok() {
                    break;
                }
                let refused = answer.refused(409, "stale_content");
                blob = refused["details"]["current_blob"].clone();
                text = refused["details"]["current_content"].as_str().unwrap().to_owned();
            }
        }
    };
    join_all((0..4).map(window)).await;
    let shared = h.author().reads(&workspace, "pages/shared.yml").await;
    let mut lines: Vec<_> = shared
        .as_str()
        .unwrap()
        .lines()
        .skip(1)
        .map(|line| line.trim_start_matches("  - ").to_owned())
        .collect();
    lines.sort();
    let mut expected: Vec<String> = (0..4).flat_map(|w| (0..6).map(move |r| format!("w{w}-{r}"))).collect();
    expected.sort();
    assert_eq!(lines, expected);
    let tree = h.author().get(&h.author().at(&format!("/workspaces/{workspace}/tree"))).await.ok();
    let own = tree["files"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|f| f["path"].as_str().unwrap().starts_with("pages/w"))
        .count();
    assert_eq!(own, 24);
    let edited =
        h.audited(&workspace).await.into_iter().filter(|action| action == "workspace.files_edited").count();
    assert_eq!(edited, 25, "each save is on record");
}

/// The tree shows what differs from the baseline; checkpoints and resets move between the two.
async fn markers_checkpoints_and_reset(h: &Harness) {
    let workspace = h
        .author()
        .edits("pages/new.yml", "name: new\n")
        .puts("README.md", "# Another\n")
        .deletes("menus/main.yml")
        .moves("pages/detail.yml", "pages/one.yml")
        .saves()
        .await;
    let at = |verb: &str| h.author().at(&format!("/workspaces/{workspace}{verb}"));
    let tree = h.author().get(&at("/tree")).await.ok();
    let marker = |path: &str| {
        let file = tree["files"].as_array().unwrap().iter().find(|f| f["path"] == path).unwrap();
        (file["marker"].clone(), file["old_path"].clone())
    };
    assert_eq!(marker("pages/new.yml"), (json!("added"), json!(null)));
    assert_eq!(marker("README.md"), (json!("modified"), json!(null)));
    assert_eq!(marker("pages/one.yml"), (json!("renamed"), json!("pages/detail.yml")));
    assert_eq!(marker("pages/list.yml"), (json!(null), json!(null)));
    assert_eq!(tree["deleted"], json!(["menus/main.yml"]));
    assert_eq!(tree["workspace"]["dirty"], true);
    let diff = h.author().get(&at("/diff")).await.ok();
    let kinds: Vec<_> = diff["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (f["path"].as_str().unwrap(), f["kind"].as_str().unwrap()))
        .collect();
    assert_eq!(
        kinds,
        [
            ("README.md", "modified"),
            ("menus/main.yml", "deleted"),
            ("pages/new.yml", "added"),
            ("pages/one.yml", "renamed")
        ]
    );
    let kept = h.author().post(&at("/checkpoints"), &json!({"message": "Half way"})).await.ok();
    assert_eq!(kept["dirty"], false);
    h.author().post(&at("/checkpoints"), &json!({})).await.refused(409, "nothing_to_commit");
    let head = kept["head"].as_str().unwrap();
    assert_eq!(h.git(&["log", "-1", "--format=%s|%an|%ae", head]), "Half way|Ana|ana@lab.example");
    assert_eq!(h.author().get(&at("/diff")).await.ok(), diff);
    for path in ["", "/tree", "/diff", "/files?path=README.md", "/sync"] {
        h.second_author().get(&at(path)).await.refused(403, "forbidden");
    }
    h.second_author().post(&at("/reset"), &json!({})).await.refused(403, "forbidden");
    let reset = h.author().post(&at("/reset"), &json!({})).await.ok();
    assert_eq!((&reset["dirty"], &reset["head"]), (&json!(false), &reset["baseline"]));
    assert_eq!(h.author().reads(&workspace, "README.md").await, "# The ward\n");
    // An empty change is no changeset's.
    let wish = json!({"workspace_id": workspace, "title": "Nothing"});
    let made = h.author().post(&h.author().at("/changesets"), &wish).await.ok();
    let submit = h.author().at(&format!("/changesets/{}/submit", made["id"].as_str().unwrap()));
    h.author().post(&submit, &json!({})).await.refused(409, "nothing_to_submit");
    h.author().post(&h.author().at("/changesets"), &wish).await.refused(409, "workspace_has_open_changeset");
}

/// A workspace's name and commit mode are its owner's choice; the mode is the app's where they choose none.
async fn a_workspace_is_renamed_by_its_owner(h: &Harness) {
    let workspace = h.author().edits("pages/a.yml", "name: a\n").saves().await;
    let path = h.author().at(&format!("/workspaces/{workspace}"));
    let read = h.author().get(&path).await;
    let (etag, before) = (read.etag(), read.ok());
    let modes = |body: &Value| (body["commit_mode"].clone(), body["own_commit_mode"].clone());
    assert_eq!(modes(&before), (json!("submit_commit"), json!(null)));
    let wish = json!({"name": "Night shift", "commit_mode": "manual_checkpoint"});
    h.second_author().patch_if(&path, &etag, &wish).await.refused(403, "forbidden");
    h.author().patch(&path, &wish).await.refused(428, "if_match_required");
    let changed = h.author().patch_if(&path, &etag, &wish).await;
    let newer = changed.etag();
    let changed = changed.ok();
    assert_eq!(changed["name"], "Night shift");
    assert_eq!(modes(&changed), (json!("manual_checkpoint"), json!("manual_checkpoint")));
    assert_eq!((&changed["branch"], &changed["tree"]), (&before["branch"], &before["tree"]));
    h.author().patch_if(&path, &etag, &wish).await.refused(412, "stale_version");
    for (field, wrong) in [("name", json!("")), ("name", json!("a\nb")), ("commit_mode", json!("never"))] {
        let mut body = wish.clone();
        body[field] = wrong;
        let refused = h.author().patch_if(&path, &newer, &body).await.refused(400, "invalid");
        assert_eq!(refused["errors"][0]["pointer"], format!("/{field}"), "{refused}");
    }
    h.changes_settings(json!({"commit_mode_default": "manual_checkpoint"})).await.ok();
    let left = json!({"name": "Night shift", "commit_mode": null});
    let left = h.author().patch_if(&path, &newer, &left).await.ok();
    assert_eq!(modes(&left), (json!("manual_checkpoint"), json!(null)));
    assert_eq!(h.author().reads(&workspace, "pages/a.yml").await, "name: a\n");
    let changes = h.audited(&workspace).await.into_iter().filter(|action| action == "workspace.changed");
    assert_eq!(changes.count(), 2);
}

/// A workspace begins at the release that the canonical environment runs, once it runs one.
async fn workspaces_begin_at_the_canonical_release(h: &Harness) {
    let begin = h.git(&["rev-parse", "main"]);
    let first = h.released(&[("pages/a.yml", "name: a\n")]).await;
    h.released(&[("pages/b.yml", "name: b\n")]).await;
    let fresh = async || {
        let made = h.author().post(&h.author().at("/workspaces"), &json!({"name": "Another"})).await.ok();
        made["baseline"].as_str().unwrap().to_owned()
    };
    assert_eq!(fresh().await, h.git(&["rev-parse", "main"]));
    for stage in ["dev", "staging", "prod"] {
        if stage == "dev" {
            h.deploys(&first, stage).await
        } else {
            h.promotes(stage).await
        };
    }
    let release = h.release(&first).await["commit"].clone();
    assert_eq!(json!(fresh().await), release);
    assert_ne!(release, json!(begin));
    h.changes_settings(json!({"baseline_mode": "integration_head"})).await.ok();
    assert_eq!(fresh().await, h.git(&["rev-parse", "main"]));
    // One default workspace, however often and by how many windows it is asked for.
    let path = h.author().at("/workspaces");
    let default = async || h.author().get(&path).await.ok()["data"][0]["id"].clone();
    let all = join_all((0..8).map(|_| default())).await;
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{all:?}");
}
