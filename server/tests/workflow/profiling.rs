//! Runtime profiles: variables, settings and secrets, revision by revision.

use crate::harness::{Answer, Harness, Person};
use conman_domain::id::ProfileId;
use conman_domain::secret::{ProfileKey, SealedSecret};
use conman_store::Query;
use conman_store::collections::SECRET_BY_PROFILE;
use serde_json::{Value, json};

on_both! {
    settings_are_kept_by_revision,
    what_is_wrong_is_told_at_its_field,
    a_stale_edit_changes_nothing,
    secrets_are_masked_and_revealed_to_admins,
    secrets_say_nothing_anywhere_else,
    a_removed_environment_takes_its_secrets_along,
}

async fn profile(h: &Harness, environment: &str) -> String {
    let id = h.environment(environment).await["profile_id"].as_str().unwrap().to_owned();
    h.admin().at(&format!("/runtime-profiles/{id}"))
}

/// Edits a profile as it is now: the fields are replaced, variables stay.
async fn edits(person: &Person, path: &str, fields: Value) -> Answer {
    let now = person.get(path).await;
    let mut body = json!({"env_vars": now.body["env_vars"], "reason": "A test."});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    person.patch_if(path, &now.etag(), &body).await
}

async fn settings_are_kept_by_revision(h: &Harness) {
    h.has_parameters().await;
    let (dev, base) = (profile(h, "dev").await, profile(h, "staging").await);
    let nothing = json!({"base_url": null, "database": null, "migrations": null});
    assert_eq!(h.author().get(&dev).await.ok()["settings"], nothing);
    let settings = json!({
        "base_url": "https://dev.lab.example/app",
        "database": {
            "engine": "mongodb",
            "connection_ref": "lab-dev",
            "provisioning_mode": "clone_from_base",
            "base_profile_id": base.rsplit('/').next().unwrap(),
        },
        "migrations": {"repo_paths": ["migrations", "more/migrations"], "command": "migrate --all"},
    });
    let edited = edits(&h.admin(), &dev, json!({"settings": settings})).await.ok();
    assert_eq!((&edited["settings"], &edited["revision"]), (&settings, &json!(2)));
    assert_eq!(h.author().get(&dev).await.ok()["settings"], settings);
    // Who edits variables only, or saves a parameter, leaves the rest as it is.
    edits(&h.admin(), &dev, json!({"env_vars": {"PLAIN": "x"}})).await.ok();
    h.saves(&h.reviewer(), 1, json!({"beds": 12})).await;
    let now = h.author().get(&dev).await.ok();
    assert_eq!(now["settings"], settings, "{now}");
    let empty = json!({"engine": "mongodb", "connection_ref": "lab", "provisioning_mode": "empty"});
    let less = json!({"base_url": null, "database": empty, "migrations": null});
    let edited = edits(&h.admin(), &dev, json!({"settings": less})).await.ok();
    assert_eq!(edited["settings"]["database"]["base_profile_id"], json!(null));
    assert_eq!(edited["settings"]["migrations"], json!(null));
    let revisions = h.author().get(&format!("{dev}/revisions")).await.ok();
    let told: Vec<&Value> =
        revisions["data"].as_array().unwrap().iter().map(|one| &one["settings"]["base_url"]).collect();
    let url = json!("https://dev.lab.example/app");
    assert_eq!(told.first(), Some(&&json!(null)));
    assert_eq!(told[told.len() - 2..], [&url, &json!(null)]);
    let event = &h.all(&format!("/api/audit?app={}&action=runtime_profile.edited_directly", h.app)).await[0];
    assert_eq!(event["before"]["settings"]["base_url"], url);
    assert_eq!(event["after"]["settings"]["base_url"], json!(null));
}

async fn what_is_wrong_is_told_at_its_field(h: &Harness) {
    let path = profile(h, "dev").await;
    let before = h.admin().get(&path).await.ok();
    let own = path.rsplit('/').next().unwrap();
    let database = |mode: &str, base: Value| json!({"engine": "mongodb", "connection_ref": "lab", "provisioning_mode": mode, "base_profile_id": base});
    let with = |field: &str, value: Value| {
        let mut settings = json!({"base_url": null, "database": null, "migrations": null});
        settings[field] = value;
        json!({"settings": settings})
    };
    let migrations = |paths: Value, command: &str| json!({"repo_paths": paths, "command": command});
    let stranger = "01890000-0000-7000-8000-000000000000";
    for (fields, pointer) in [
        (with("base_url", json!("lab.example")), "/settings/base_url"),
        (with("base_url", json!("https://ada:hunter2@lab.example")), "/settings/base_url"),
        (with("database", database("clone_from_base", json!(null))), "/settings/database/base_profile_id"),
        (with("database", database("empty", json!(own))), "/settings/database/base_profile_id"),
        (with("database", database("clone_from_base", json!(own))), "/settings/database/base_profile_id"),
        (
            with("database", database("clone_from_base", json!(stranger))),
            "/settings/database/base_profile_id",
        ),
        (with("database", database("burn", json!(null))), "/settings/database/provisioning_mode"),
        (
            with(
                "database",
                json!({"engine": "mongodb", "connection_ref": "mongodb://u:p@h", "provisioning_mode": "empty"}),
            ),
            "/settings/database/connection_ref",
        ),
        (with("migrations", migrations(json!(["../etc"]), "migrate")), "/settings/migrations/repo_paths/0"),
        (with("migrations", migrations(json!([]), "migrate")), "/settings/migrations/repo_paths"),
        (with("migrations", migrations(json!(["migrations"]), " ")), "/settings/migrations/command"),
        (with("migrations", migrations(json!(["migrations"]), "a\nb")), "/settings/migrations/command"),
        (json!({"secrets": {"a b": "x"}}), "/secrets"),
        (json!({"secrets": {"API_KEY": ""}}), "/secrets/API_KEY"),
        (json!({"secrets": {"API_KEY": 12}}), "/secrets/API_KEY"),
        (json!({"secrets": {"API_KEY": "a\u{0}b"}}), "/secrets/API_KEY"),
        (json!({"secrets": {"API_KEY": "x".repeat(33_000)}}), "/secrets/API_KEY"),
        (json!({"env_vars": {"API_KEY": 1}, "secrets": {"API_KEY": "hunter22"}}), "/secrets/API_KEY"),
        (
            json!({"settings": {"base_url": null, "database": null, "migrations": null, "more": 1}}),
            "/settings/more",
        ),
    ] {
        let answer = edits(&h.admin(), &path, fields.clone()).await;
        assert_eq!(answer.status, 400, "{fields}: {}", answer.text);
        assert_eq!(answer.body["errors"][0]["pointer"], pointer, "{fields}: {}", answer.text);
        assert!(!answer.text.contains("hunter2"), "{}", answer.text);
    }
    assert_eq!(h.admin().get(&path).await.ok(), before);
    for person in [h.author(), h.reviewer(), h.manager()] {
        edits(&person, &path, json!({"env_vars": {"PLAIN": "x"}})).await.refused(403, "forbidden");
    }
}

async fn a_stale_edit_changes_nothing(h: &Harness) {
    let path = profile(h, "dev").await;
    let seen = h.admin().get(&path).await.etag();
    edits(&h.admin(), &path, json!({"secrets": {"API_KEY": "the first of all"}})).await.ok();
    let late = json!({"env_vars": {"PLAIN": "x"}, "secrets": {"API_KEY": "late"}, "reason": "Late."});
    let answer = h.admin().patch_if(&path, &seen, &late).await;
    assert!(matches!(answer.status, 409 | 412), "{}", answer.text);
    let now = h.admin().get(&path).await.ok();
    assert_eq!((&now["env_vars"], &now["revision"]), (&json!({}), &json!(2)));
    assert_eq!(now["secrets"]["API_KEY"]["masked"], "the •••• all");
}

async fn secrets_are_masked_and_revealed_to_admins(h: &Harness) {
    let path = profile(h, "dev").await;
    let secrets = json!({"API_KEY": "sk-1234567890-abcd", "PIN": "4711", "WORD": "letmein"});
    let edited = edits(&h.admin(), &path, json!({"secrets": secrets})).await.ok();
    let masks = |profile: &Value| {
        let shown = |name: &str| profile["secrets"][name]["masked"].as_str().unwrap_or_default().to_owned();
        [shown("API_KEY"), shown("PIN"), shown("WORD")]
    };
    assert_eq!(masks(&edited), ["sk-1••••abcd", "••••", "••••mein"]);
    assert_eq!(edited["allowed_actions"], json!(["edit", "reveal_secrets"]));
    let seen = h.author().get(&path).await.ok();
    assert_eq!((masks(&seen), &seen["allowed_actions"]), (masks(&edited), &json!([])));
    assert_eq!(seen["secrets"]["PIN"]["set_by"]["name"], "Ada");

    let reveal = |name: &str| format!("{path}/secrets/{name}/reveal");
    let told = h.admin().post(&reveal("API_KEY"), &json!({})).await.ok();
    assert_eq!(told, json!({"value": "sk-1234567890-abcd", "version": 2}));
    for person in [h.author(), h.reviewer(), h.manager()] {
        person.post(&reveal("API_KEY"), &json!({})).await.refused(403, "forbidden");
    }
    h.admin().post(&reveal("NOTHING"), &json!({})).await.refused(404, "not_found");
    let events = h.all(&format!("/api/audit?app={}&action=runtime_profile.secret_revealed", h.app)).await;
    assert_eq!(events.len(), 1);
    assert_eq!(
        (&events[0]["actor"], &events[0]["after"]),
        (&json!("Ada"), &json!({"secret": "API_KEY", "version": 2}))
    );

    // One is replaced, one removed, the third stays; the name of a secret is no variable's.
    let edited =
        edits(&h.admin(), &path, json!({"secrets": {"PIN": "another pin", "WORD": null}})).await.ok();
    assert_eq!(masks(&edited), ["sk-1••••abcd", "anot•••• pin", ""]);
    assert_eq!(
        (&edited["secrets"]["API_KEY"]["version"], &edited["secrets"]["PIN"]["version"]),
        (&json!(2), &json!(3))
    );
    let told = h.admin().post(&reveal("PIN"), &json!({})).await.ok();
    assert_eq!(told, json!({"value": "another pin", "version": 3}));
    h.admin().post(&reveal("WORD"), &json!({})).await.refused(404, "not_found");
    let answer = edits(&h.admin(), &path, json!({"env_vars": {"PIN": 1}})).await;
    answer.refused(400, "invalid");
    let becomes_plain = json!({"env_vars": {"PIN": "x"}, "secrets": {"PIN": null}});
    edits(&h.admin(), &path, becomes_plain).await.ok();
    let revisions = h.author().get(&format!("{path}/revisions")).await.ok();
    let versions: Vec<&Value> =
        revisions["data"].as_array().unwrap().iter().map(|one| &one["secrets"]["PIN"]["version"]).collect();
    assert_eq!(versions, [&json!(null), &json!(3), &json!(2), &json!(null)]);
}

/// No answer but the revelation, no event, no mail, no job, no snapshot and no document holds what a secret says.
async fn secrets_say_nothing_anywhere_else(h: &Harness) {
    const CANARY: &str = "canary-5f1d0c7e-in-a-coal-mine";
    let path = profile(h, "dev").await;
    edits(&h.admin(), &path, json!({"secrets": {"API_KEY": CANARY}})).await.ok();
    edits(&h.admin(), &path, json!({"env_vars": {"PLAIN": "x"}})).await.ok();
    edits(&h.admin(), &path, json!({"env_vars": {"API_KEY": 1}, "secrets": {"API_KEY": CANARY}}))
        .await
        .refused(400, "invalid");
    edits(&h.admin(), &path, json!({"secrets": {"API_KEY": CANARY}, "more": CANARY}))
        .await
        .refused(400, "invalid");
    h.has_parameters().await;
    h.is_quiet().await;
    h.admin().post(&format!("{path}/secrets/API_KEY/reveal"), &json!({})).await.ok();
    let dev = &h.environments["dev"];
    for read in [
        path.clone(),
        format!("{path}/revisions"),
        h.admin().at("/runtime-profiles"),
        h.admin().at(&format!("/environments/{dev}/config")),
        h.admin().at(&format!("/environments/{dev}/history")),
        h.admin().at("/jobs?limit=200"),
        format!("/api/audit?app={}&limit=200", h.app),
        "/api/outbox?limit=200".to_owned(),
    ] {
        let answer = h.admin().get(&read).await;
        assert!(answer.is_ok() && !answer.text.contains(CANARY), "{read}: {}", answer.text);
        assert!(!answer.text.contains("in-a-coal"), "{read}");
    }
    let id = ProfileId::new(path.rsplit('/').next().unwrap().parse().unwrap());
    let kept = Query::<SealedSecret>::on(&SECRET_BY_PROFILE).eq(id.to_string());
    let kept = h.workflow.store().find(kept).await.unwrap().items;
    assert_eq!(kept.len(), 1);
    let document = serde_json::to_string(&kept[0].doc).unwrap();
    assert!(!document.contains("canary") && !document.contains("coal"), "{document}");
}

async fn a_removed_environment_takes_its_secrets_along(h: &Harness) {
    let path = profile(h, "prod").await;
    edits(&h.admin(), &path, json!({"secrets": {"API_KEY": "the last of all"}})).await.ok();
    let id = path.rsplit('/').next().unwrap();
    assert!(h.workflow.store().get::<ProfileKey>(id).await.unwrap().is_some());
    let (dev, staging) = (&h.environments["dev"], &h.environments["staging"]);
    let wish = json!({"environments": [
        {"id": dev, "name": "dev", "canonical": false},
        {"id": staging, "name": "staging", "canonical": true},
    ]});
    h.admin().patch(&h.admin().at("/environments"), &wish).await.ok();
    assert!(h.workflow.store().get::<ProfileKey>(id).await.unwrap().is_none());
    let kept = Query::<SealedSecret>::on(&SECRET_BY_PROFILE).eq(id);
    assert!(h.workflow.store().find(kept).await.unwrap().items.is_empty());
    h.admin().get(&path).await.refused(404, "not_found");
}
