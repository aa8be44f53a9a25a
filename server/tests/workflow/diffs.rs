//! The same changes line by line and in the domain's words, wherever something can be compared.

use crate::harness::Harness;
use serde_json::{Value, json};

on_both! {
    changes_are_told_in_the_domains_words,
}

embedded! {
    large_diffs_come_in_parts,
}

const ENTITY: &str = "type: entity\nname: visit\nfields:\n  - name: id\n    type: string\n";

fn told(diff: &Value) -> Vec<(&str, &str)> {
    let changes = diff["changes"].as_array().unwrap().iter();
    changes.map(|c| (c["operation"].as_str().unwrap(), c["description"].as_str().unwrap())).collect()
}

/// A workspace, a changeset, two revisions and a release tell what they change.
async fn changes_are_told_in_the_domains_words(h: &Harness) {
    let path = "entities/visit.yml";
    let workspace = h.author().edits(path, ENTITY).saves().await;
    let diff = async |of: String| {
        let answer = h.author().get(&h.author().at(&of)).await.ok();
        assert_eq!(answer["summary"]["byConfigType"].as_object().map(serde_json::Map::len), Some(9));
        assert_eq!(answer["summary"]["totalChanges"], answer["changes"].as_array().unwrap().len());
        answer
    };
    let working = diff(format!("/workspaces/{workspace}/diff?mode=semantic")).await;
    assert_eq!(told(&working), [("added", "Entity `visit`: added (1 field)")]);
    assert_eq!(
        (&working["changes"][0]["configType"], &working["changes"][0]["filePath"]),
        (&json!("entity"), &json!(path))
    );

    let change = h.author().opens().at(&workspace).puts(path, ENTITY).submits().await;
    let with_email = format!("{ENTITY}  - name: email\n    type: string\n    required: true\n");
    h.author().opens().of(&change).puts(path, &with_email).submits().await;
    let seen = h.author().sees(&change).await;
    let whole = diff(format!("/changesets/{}/diff?mode=semantic", change.id)).await;
    assert_eq!(told(&whole), [("added", "Entity `visit`: added (2 fields)")]);
    assert_eq!(
        (&whole["baseSha"], &whole["headSha"]),
        (&seen["revision"]["base"], &seen["revision"]["head"])
    );
    let between = diff(format!("/changesets/{}/diff?mode=semantic&from=1&to=2", change.id)).await;
    assert_eq!(told(&between), [("added", "Entity `visit`: added field `email` (string, required)")]);
    let one = &between["changes"][0];
    assert_eq!(
        (&one["target"], &one["lineStart"], &one["lineEnd"]),
        (&json!("fields[name=email]"), &json!(6), &json!(8))
    );
    assert_eq!(one["details"]["after"], json!({"name": "email", "type": "string", "required": true}));
    let again = diff(format!("/changesets/{}/diff?mode=semantic&from=1&to=2", change.id)).await;
    assert_eq!(again, between);

    h.reviewer().approves(&change).await;
    h.author().queues(&change).await;
    let (release, _) = h.composed(&[&change]).await;
    let dev = &h.environments["dev"];
    for of in ["", &format!("&environment={dev}")] {
        let path = h.manager().at(&format!("/releases/{}/preview?mode=semantic{of}", release.id));
        let preview = h.manager().get(&path).await.ok();
        assert_eq!(told(&preview), told(&whole));
    }
}

/// A part of a diff has its share, and tells how much there is in all.
async fn large_diffs_come_in_parts(h: &Harness) {
    let mut edits = h.author().opens();
    for n in 0..5 {
        edits = edits.puts(&format!("pages/p{n}.yml"), &format!("type: page\nname: p{n}\n"));
    }
    let workspace = edits.saves().await;
    let get = async |query: &str| {
        let path = h.author().at(&format!("/workspaces/{workspace}/diff?{query}"));
        h.author().get(&path).await
    };
    let raw = get("limit=2&page=2").await.ok();
    let paths: Vec<&str> =
        raw["files"].as_array().unwrap().iter().map(|f| f["path"].as_str().unwrap()).collect();
    assert_eq!((paths, &raw["total"]), (vec!["pages/p2.yml", "pages/p3.yml"], &json!(5)));
    for beyond in ["limit=2&page=4", "limit=200&page=4294967295"] {
        assert_eq!(get(beyond).await.ok()["files"], json!([]));
        let semantic = get(&format!("mode=semantic&{beyond}")).await.ok();
        assert_eq!((&semantic["changes"], &semantic["summary"]["totalChanges"]), (&json!([]), &json!(5)));
    }
    let semantic = get("mode=semantic&limit=2&page=3").await.ok();
    assert_eq!(told(&semantic), [("added", "Page `p4`: added")]);
    assert_eq!(semantic["summary"]["totalChanges"], 5);
    assert_eq!(get("mode=semantic").await.ok()["changes"].as_array().map(Vec::len), Some(5));
    for wrong in ["limit=0", "limit=201", "page=0", "limit=-1", "mode=words"] {
        get(wrong).await.refused(400, "invalid");
    }
}
