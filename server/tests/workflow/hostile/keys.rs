//! Row 13: texts and keys that a database might take for something of its own.

use crate::harness::Harness;
use serde_json::{Value, json};

on_both! {
    row_13_values_come_back_as_they_were,
}

embedded! {
    row_13_operators_are_no_texts,
}

/// Values come back exactly as they were, whatever their keys and texts look like, or are refused.
async fn row_13_values_come_back_as_they_were(h: &Harness) {
    let kept = json!({
        "PLAIN": {"$set": {"a": 1}, "a.b": [1, {"$ne": null}], "__proto__": {"x": true}, "$where": "1"},
        "ODD": {"_id": "x", "": "empty", "%24set": 1, "a%2Eb": 2, "$": 3, ".": 4},
        "NUL": {"a\u{0}b": 1},
        "LIST": [[], {}, null, [null], "", "\u{202e}\u{0}x", "é e\u{301}", "\u{1f600}"],
        "NUMBERS": [0, -1, 9_007_199_254_740_993_i64, i64::MAX, i64::MIN, 1.5, 1e300, -0.5, 5e-324],
        "DATE": {"$date": "2020-01-01T00:00:00Z"},
        "OID": {"$oid": "507f1f77bcf86cd799439011"},
        "DECIMAL": {"$numberDecimal": "1.0"},
        "beds": 12,
    });
    let admin = h.admin();
    let profile = h.environment("dev").await["profile_id"].as_str().unwrap().to_owned();
    let path = admin.at(&format!("/runtime-profiles/{profile}"));
    for (name, value) in kept.as_object().unwrap() {
        let answer = h.sets_variables("dev", json!({name: value})).await;
        if answer.is_ok() {
            assert_eq!(answer.body["env_vars"][name], *value, "{name}");
            assert_eq!(admin.get(&path).await.ok()["env_vars"][name], *value, "{name}");
            let revisions = admin.get(&format!("{path}/revisions")).await.ok();
            assert_eq!(revisions["data"][0]["env_vars"][name], *value, "{name}");
        } else {
            answer.refused(400, "invalid");
        }
    }
    for name in ["$set", "a.b", "", "__proto__.x", "a\u{0}b", "a b", "../x", "$where"] {
        let before = admin.get(&path).await.ok();
        let answer = h.sets_variables("dev", json!({name: 1})).await;
        if !answer.is_ok() {
            answer.refused(400, "invalid");
            assert_eq!(admin.get(&path).await.ok(), before, "{name:?}");
        } else {
            assert_eq!(answer.body["env_vars"], json!({name: 1}), "{name:?}");
        }
    }
    for wrong in [json!(18_446_744_073_709_551_615_u64), json!({"x": 18_446_744_073_709_551_615_u64})] {
        let answer = h.sets_variables("dev", json!({"BIG": wrong})).await;
        assert!(answer.status == 400 || answer.body["env_vars"]["BIG"] == wrong, "{}", answer.text);
    }
    // Texts of people, with all that they may look like.
    let texts = [
        "{\"$ne\":null}",
        "$where: 1",
        "a.b",
        "<script>alert(1)</script>",
        "x'; DROP TABLE jobs; --",
        "${jndi:x}",
    ];
    for text in texts {
        let workspace = h.author().edits("pages/a.yml", &format!("# {text}\n")).saves().await;
        let wish =
            json!({"workspace_id": workspace, "title": text, "description": format!("{text}\n\u{1b}[31m")});
        let made = h.author().post(&h.author().at("/changesets"), &wish).await;
        if !made.is_ok() {
            made.refused(400, "invalid");
            continue;
        }
        let made = made.ok();
        assert_eq!((&made["title"], &made["description"]), (&wish["title"], &wish["description"]));
        let comments = h.author().at(&format!("/changesets/{}/comments", made["id"].as_str().unwrap()));
        h.author().post(&comments, &json!({"body": text})).await.ok();
        let all = h.author().get(&comments).await.ok();
        assert_eq!(all["data"][0]["body"], text);
    }
    // A deployment carries them to where workers read.
    let release = h
        .released(&[("catalog/json.yml", "parameters:\n  - name: shape\n    type: json\n    default: {}\n")])
        .await;
    let shape =
        json!({"$set": 1, "a.b": {"": [null, 1.5]}, "__proto__": "x", "n": 9_007_199_254_740_993_i64});
    h.sets_variables("dev", json!({"shape": shape})).await.ok();
    h.deploys(&release, "dev").await;
    let config = admin.get(&admin.at(&format!("/environments/{}/config", h.environments["dev"]))).await.ok();
    assert_eq!(config["parameters"]["shape"]["value"], shape);
}

/// Operators in the places of texts are no texts.
async fn row_13_operators_are_no_texts(h: &Harness) {
    let change = h.author().edits("pages/a.yml", "name: a\n").submits().await;
    let operators: [Value; 5] =
        [json!({"$ne": null}), json!({"$gt": ""}), json!(["a"]), json!(true), json!(null)];
    for operator in operators {
        let at = |below: &str| h.admin().at(below);
        for (path, body) in [
            ("/api/auth/login".to_owned(), json!({"email": operator, "password": "x"})),
            ("/api/auth/login".to_owned(), json!({"email": "ada@lab.example", "password": operator})),
            (
                "/api/auth/reset-password".to_owned(),
                json!({"token": operator, "password": "violet-kettle-tundra"}),
            ),
            (at("/changesets"), json!({"workspace_id": operator, "title": "x"})),
            (at("/changesets"), json!({"workspace_id": change.workspace, "title": operator})),
            (at("/releases"), json!({"changeset_ids": [operator]})),
            (at("/queue/reorder"), json!({"changeset_ids": operator})),
            (at(&format!("/changesets/{}/comments", change.id)), json!({"body": operator})),
            (
                at(&format!("/changesets/{}/review", change.id)),
                json!({"revision": operator, "verdict": "approve"}),
            ),
            (at(&format!("/environments/{}/deploy", h.environments["dev"])), json!({"release_id": operator})),
        ] {
            let answer = h.admin().post(&path, &body).await;
            let null_is_nothing = operator == json!(["a"]) && path.ends_with("reorder");
            assert!(
                answer.status == 400 || null_is_nothing,
                "{path} {body} answers {} {}",
                answer.status,
                answer.text
            );
        }
    }
}
