//! What was: every version, every value at every instant, and how versions and environments differ.

use crate::harness::{Harness, enc};
use serde_json::{Value, json};

on_both! {
    everything_that_was_can_be_told,
    versions_and_environments_are_compared,
}

/// The path of something of an environment.
fn of(h: &Harness, environment: &str, below: &str) -> String {
    h.admin().at(&format!("/environments/{}{below}", h.environments[environment]))
}

/// Plays the history forward: the whole of the values after each version, oldest first.
fn replayed(rows: &[Value]) -> Vec<(Value, serde_json::Map<String, Value>)> {
    let mut values = serde_json::Map::new();
    let replay = rows.iter().map(|row| {
        for (name, change) in row["parameters"].as_object().unwrap() {
            assert_eq!(values.get(name), change["before"].get("value"), "each change is on the one before");
            match change["after"].get("value") {
                Some(value) => values.insert(name.clone(), value.clone()),
                None => values.remove(name),
            };
        }
        (row.clone(), values.clone())
    });
    replay.collect()
}

fn values_in(parameters: &Value) -> serde_json::Map<String, Value> {
    let parameters = parameters.as_object().unwrap().iter();
    parameters.map(|(name, found)| (name.clone(), found["value"].clone())).collect()
}

async fn everything_that_was_can_be_told(h: &Harness) {
    let author = h.author();
    author.get(&of(h, "dev", "/then")).await.refused(404, "not_found");
    h.has_parameters().await;
    for (base, values) in
        [(1, json!({"beds": 11, "note": "a"})), (2, json!({"low": 3})), (3, json!({"beds": 12}))]
    {
        h.saves(&h.reviewer(), base, values).await.ok();
    }
    h.manager().delete(&h.config("/note")).await.ok();
    let next = h.released(&[("pages/a.yml", "name: a\n")]).await;
    h.deploys(&next, "dev").await;
    let rows = h.history().await;
    let replay = replayed(&rows);
    assert_eq!(replay.len(), 6);
    for (row, values) in &replay {
        let (version, at) = (&row["config_version"], row["at"].as_str().unwrap());
        let then = author.get(&of(h, "dev", &format!("/then?version={version}"))).await.ok();
        assert_eq!((&then["version"], &values_in(&then["parameters"])), (row, values));
        let then = author.get(&of(h, "dev", &format!("/then?at={}", enc(at)))).await.ok();
        // Versions of one millisecond: the last of them.
        let last = replay.iter().rev().find(|(other, _)| other["at"].as_str() <= Some(at)).unwrap();
        assert_eq!((&then["version"], &values_in(&then["parameters"])), (&last.0, &last.1));
        for name in ["beds", "low", "note", "dose"] {
            let answer = author.get(&h.config(&format!("/{name}/at/{at}"))).await;
            match last.1.get(name) {
                Some(Value::String(text)) => assert_eq!((answer.status, &answer.text), (200, text)),
                Some(value) => assert_eq!((answer.status, answer.text), (200, value.to_string())),
                None => drop(answer.refused(404, "not_found")),
            }
        }
    }
    author.get(&h.config("/beds/at/1999-01-01T00:00:00Z")).await.refused(404, "not_found");
    author.get(&of(h, "dev", "/then?version=7")).await.refused(404, "not_found");
    author.get(&of(h, "dev", "/then?version=0")).await.refused(404, "not_found");
    for wrong in ["yesterday", "2026-13-01T00:00:00Z", "2026-03-21T25:00", "1700000000"] {
        author.get(&h.config(&format!("/beds/at/{wrong}"))).await.refused(400, "invalid");
        author.get(&of(h, "dev", &format!("/then?at={wrong}"))).await.refused(400, "invalid");
    }
    author.get(&of(h, "dev", "/then?version=1&at=2026-03-21T00:00:00Z")).await.refused(400, "invalid");
    // A value's own history.
    let events = h.all(&format!("/environments/{}/config/note/history", h.environments["dev"])).await;
    let told: Vec<_> = events
        .iter()
        .map(|e| (&e["event_type"], &e["data"]["old_value"], &e["data"]["value"], &e["stream_version"]))
        .collect();
    assert_eq!(
        told,
        [
            (&json!("ConfigValueSet"), &json!(null), &json!("a"), &json!(2)),
            (&json!("ConfigValueDeleted"), &json!("a"), &json!(null), &json!(5)),
        ]
    );
    assert_eq!(
        (&events[0]["metadata"]["changed_by"], &events[0]["data"]["config_name"]),
        (&json!("Rita"), &json!("note"))
    );
    let beds = h.all(&format!("/environments/{}/config/beds/history", h.environments["dev"])).await;
    assert_eq!(beds.iter().map(|e| e["data"]["value"].clone()).collect::<Vec<_>>(), [10, 11, 12]);
    assert!(
        h.all(&format!("/environments/{}/config/nothing/history", h.environments["dev"])).await.is_empty()
    );
    let first = author.get(&h.config("/beds/history?page=1&limit=1")).await.ok();
    assert_eq!((&first["total"], &first["data"][0]), (&json!(3), &beds[0]));
}

async fn versions_and_environments_are_compared(h: &Harness) {
    h.has_parameters().await;
    h.promotes("staging").await;
    h.saves(&h.reviewer(), 1, json!({"beds": 11, "note": "a"})).await.ok();
    h.saves(&h.reviewer(), 2, json!({"beds": 12})).await.ok();
    let replay = replayed(&h.history().await);
    let compare = async |query: String| h.author().get(&of(h, "dev", &format!("/diff{query}"))).await;
    for (from, old) in &replay {
        for (to, new) in &replay {
            let query = format!("?from={}&to={}", from["config_version"], to["config_version"]);
            let told = compare(query).await.ok();
            assert_eq!((&told["from"], &told["to"]), (from, to));
            let differing: serde_json::Map<String, Value> = old
                .keys()
                .chain(new.keys())
                .filter(|name| old.get(*name) != new.get(*name))
                .map(|name| (name.clone(), json!([old.get(name), new.get(name)])))
                .collect();
            let parameters = told["parameters"].as_object().unwrap().iter();
            let shown: serde_json::Map<String, Value> = parameters
                .map(|(name, change)| {
                    (name.clone(), json!([change["before"].get("value"), change["after"].get("value")]))
                })
                .collect();
            assert_eq!(shown, differing);
        }
    }
    let staging = &h.environments["staging"];
    let told = compare(format!("?with={staging}")).await.ok();
    assert_eq!(told["to"]["environment_name"], "staging");
    let beds = &told["parameters"]["beds"];
    assert_eq!((&beds["before"]["value"], &beds["after"]["value"]), (&json!(12), &json!(10)));
    assert_eq!(compare(format!("?from=1&with={staging}")).await.ok()["parameters"], json!({}));
    assert_eq!(compare(String::new()).await.ok()["parameters"], json!({}));
    compare(format!("?with={}", h.environments["prod"])).await.refused(404, "not_found");
    compare(format!("?with={}", h.app)).await.refused(404, "not_found");
    compare("?from=9".to_owned()).await.refused(404, "not_found");
    compare("?from=1&from_at=2026-03-21T00:00:00Z".to_owned()).await.refused(400, "invalid");
    compare("?with=x".to_owned()).await.refused(400, "invalid");
}
