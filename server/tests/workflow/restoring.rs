//! Restoring the values of an earlier version.

use crate::harness::{Answer, Harness, Person};
use crate::saving::{CATALOG, check_history};
use futures::future::join_all;
use serde_json::{Value, json};

on_both! {
    flow_config_003_roll_back_from_the_audit_trail,
    a_restore_of_critical_parameters_waits_for_approval,
    what_the_catalog_no_longer_allows_is_not_restored,
    a_rollback_that_races_saves_takes_its_turn,
}

async fn plan(h: &Harness, person: &Person, version: u64) -> Value {
    let path = h.admin().at(&format!("/environments/{}/restore?version={version}", h.environments["dev"]));
    person.get(&path).await.ok()
}

async fn restores(h: &Harness, person: &Person, version: u64, base: u64, reason: &str) -> Answer {
    let path = h.admin().at(&format!("/environments/{}/restore", h.environments["dev"]));
    person.post(&path, &json!({"version": version, "base_version": base, "reason": reason})).await
}

/// The reference's journey: a past version is picked, looked at beside what runs, and applied as a forward change.
async fn flow_config_003_roll_back_from_the_audit_trail(h: &Harness) {
    h.has_parameters().await;
    for (base, values) in [
        (1, json!({"beds": 20, "mode": "night"})),
        (2, json!({"beds": 30, "note": "full", "low": 2})),
        (3, json!({"mode": "day"})),
    ] {
        h.saves(&h.manager(), base, values).await.ok();
    }
    let (_, then) = h.runs_now().await;
    assert_eq!((&then["beds"], &then["note"]), (&json!(30), &json!("full")));
    let preview = plan(h, &h.author(), 2).await;
    assert_eq!(
        preview["items"],
        json!([
            {"name": "beds", "current": 30, "restored": 20, "critical": false},
            {"name": "low", "current": 2, "restored": 1, "critical": false},
            {"name": "mode", "current": "day", "restored": "night", "critical": false},
            {"name": "note", "current": "full", "restored": null, "critical": false},
        ]),
        "{preview}"
    );
    assert_eq!((&preview["base_version"], &preview["source"]["config_version"]), (&json!(4), &json!(2)));
    assert_eq!((&preview["needs_approval"], &preview["problems"]), (&json!(false), &json!([])));
    let before = h.everything().await;
    restores(h, &h.author(), 2, 4, "Too full.").await.refused(403, "forbidden");
    restores(h, &h.reviewer(), 2, 4, " ").await.refused(400, "invalid");
    restores(h, &h.reviewer(), 2, 3, "Too full.").await.refused(409, "stale_base");
    restores(h, &h.reviewer(), 9, 4, "Too full.").await.refused(404, "not_found");
    assert_eq!(h.everything().await, before);
    let saved = restores(h, &h.reviewer(), 2, 4, "Too full.").await.ok();
    assert_eq!(saved["config_version"], 5);
    let (version, values) = h.runs_now().await;
    assert_eq!(
        (version, &values),
        (5, &json!({"beds": 20, "dose": 1, "high": 9, "low": 1, "mode": "night"})),
        "as it was at version 2"
    );
    let row = h.history().await.pop().unwrap();
    assert_eq!(
        (&row["kind"], &row["changed_by"], &row["reason"], &row["base_version"]),
        (&json!("restore"), &json!("Rita"), &json!("Too full."), &json!(4))
    );
    restores(h, &h.reviewer(), 2, 5, "Again.").await.refused(400, "invalid");
    restores(h, &h.reviewer(), 4, 5, "Back again.").await.ok();
    assert_eq!(h.runs_now().await, (6, then));
}

async fn a_restore_of_critical_parameters_waits_for_approval(h: &Harness) {
    h.has_parameters().await;
    let drafts = h.manager().at(&format!("/environments/{}/drafts", h.environments["dev"]));
    let body = json!({"base_version": 1, "values": {"dose": 5, "beds": 50}, "reason": "The pump is new."});
    let draft = h.reviewer().post(&drafts, &body).await.ok()["id"].as_str().unwrap().to_owned();
    h.manager().post(&format!("{drafts}/{draft}/approve"), &json!({"base_version": 1})).await.ok();
    assert_eq!(plan(h, &h.author(), 1).await["needs_approval"], true);
    let answer = restores(h, &h.reviewer(), 1, 2, "The pump is broken.").await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let waiting = answer.ok();
    assert_eq!((&waiting["kind"], &waiting["state"]), (&json!("restore"), &json!("pending_approval")));
    assert_eq!(h.runs_now().await.0, 2, "nothing runs yet");
    let approve = format!("{drafts}/{}/approve", waiting["id"].as_str().unwrap());
    h.reviewer().post(&approve, &json!({"base_version": 2})).await.refused(403, "forbidden");
    h.manager().post(&approve, &json!({"base_version": 2})).await.ok();
    let (version, values) = h.runs_now().await;
    assert_eq!((version, &values["dose"], &values["beds"]), (3, &json!(1), &json!(10)));
    let row = h.history().await.pop().unwrap();
    assert_eq!((&row["kind"], &row["approved_by"]), (&json!("restore"), &json!("Mona")));
}

async fn what_the_catalog_no_longer_allows_is_not_restored(h: &Harness) {
    h.has_parameters().await;
    h.saves(&h.manager(), 1, json!({"beds": 500, "mode": "night"})).await.ok();
    h.saves(&h.manager(), 2, json!({"beds": 50, "mode": "day"})).await.ok();
    let narrower = CATALOG
        .replace("max: 100000", "max: 100")
        .replace("  - {name: low,", "  - {name: rooms, type: int, default: 4}\n  - {name: low,")
        .replace("  - {name: note, type: json}\n", "");
    let release = h.released(&[("catalog/ward.yml", &narrower)]).await;
    h.deploys(&release, "dev").await;
    let preview = plan(h, &h.author(), 2).await;
    assert_eq!(preview["problems"][0]["name"], "beds", "{preview}");
    assert_eq!((&preview["gone"], &preview["newer"]), (&json!([]), &json!(["rooms"])));
    let before = h.everything().await;
    let refused = restores(h, &h.manager(), 2, 4, "As before.").await.refused(400, "invalid");
    assert!(refused["detail"].as_str().unwrap().contains("beds"), "{refused}");
    assert_eq!(h.everything().await, before);
}

/// Values are brought back while others save: each has its turn, and the rollback brings back all of what was, at its turn.
async fn a_rollback_that_races_saves_takes_its_turn(h: &Harness) {
    h.has_parameters().await;
    h.saves(&h.manager(), 1, json!({"beds": 20, "low": 3, "mode": "night"})).await.ok();
    let (_, then) = h.runs_now().await;
    h.saves(&h.manager(), 2, json!({"beds": 30, "low": 4, "mode": "day"})).await.ok();
    let people = [h.second_reviewer(), h.manager(), h.admin()];
    let saving = join_all((0..24_usize).map(|n| {
        let person = &people[n % 3];
        async move { person.put(&h.config("/beds"), &json!({"value": 1_000 + n})).await.ok() }
    }));
    let (h_reviewer, mut base) = (h.reviewer(), 3);
    let restoring = async {
        loop {
            let answer = restores(h, &h_reviewer, 2, base, "As before.").await;
            if answer.is_ok() {
                return answer.ok();
            }
            // The way out that a refusal tells: look at what runs now, and ask again.
            let problem = answer.refused(409, "stale_base");
            base = problem["details"]["config_version"].as_u64().unwrap();
        }
    };
    let (saved, restored) = tokio::join!(saving, restoring);
    check_history(h, 3 + saved.len() + 1).await;
    let rows = h.history().await;
    let turn = restored["config_version"].as_u64().unwrap();
    let row = &rows[turn as usize - 1];
    assert_eq!((&row["kind"], &row["changed_by"]), (&json!("restore"), &json!("Rita")));
    let path = h.admin().at(&format!("/environments/{}/then?version={turn}", h.environments["dev"]));
    let at_its_turn = h.admin().get(&path).await.ok();
    for (name, value) in then.as_object().unwrap() {
        assert_eq!(&at_its_turn["parameters"][name]["value"], value, "{name}");
    }
    // What came after it went on from there; what came before it is not lost from the record.
    let (_, now) = h.runs_now().await;
    assert_eq!((&now["low"], &now["mode"]), (&then["low"], &then["mode"]));
}
