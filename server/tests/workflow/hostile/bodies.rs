//! Rows 11 and 14: bodies that say more than they may, or say it in another way.

use super::api::{Api, Session};
use crate::harness::{Answer, Harness};
use serde_json::{Value, json};
use std::collections::BTreeMap;

embedded! {
    row_14_unknown_fields_are_refused,
    row_11_ambiguous_bodies_are_refused,
}

/// Fields that somebody may hope to slip in.
const UNKNOWN: [&str; 6] = ["_id", "role", "state", "version", "author_id", "__proto__"];

/// The body with an unknown field in each of its objects in turn, with the pointer to that field.
fn with_unknown(body: &Value, field: &str) -> Vec<(Value, String)> {
    let mut places = Vec::new();
    objects(body, String::new(), &mut places);
    let put = |pointer: String| {
        let mut changed = body.clone();
        let object =
            changed.pointer_mut(&pointer).and_then(Value::as_object_mut).expect("there is an object");
        if object.contains_key(field) {
            return None;
        }
        object.insert(field.to_owned(), json!("x"));
        Some((changed, format!("{pointer}/{field}")))
    };
    places.into_iter().filter_map(put).collect()
}

fn objects(value: &Value, pointer: String, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            // What is keyed by names of people's own choice takes any, and so does a value.
            if !["/env_vars", "/secrets", "/values", "/value", "/factors", "/results"]
                .iter()
                .any(|open| pointer.ends_with(open))
            {
                found.push(pointer.clone());
            }
            fields.iter().for_each(|(name, value)| objects(value, format!("{pointer}/{name}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| objects(value, format!("{pointer}/{at}"), found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// No body of JSON takes a field that it does not know, wherever in it.
async fn row_14_unknown_fields_are_refused(h: &Harness) {
    let (api, session) = (Api::load(), Session::of_admin(h).await);
    let ids = BTreeMap::from([("appId".to_owned(), h.app.clone())]);
    let mut tried = 0;
    for operation in api.operations.iter().filter(|o| o.path.starts_with("/api/")) {
        let Some(schema) = &operation.body else { continue };
        let path = operation.filled(&ids);
        for body in api.bodies(schema) {
            for field in UNKNOWN {
                for (changed, pointer) in with_unknown(&body, field) {
                    let answer = session.send(&operation.method, &path, Some(&changed)).await;
                    let refused = answer.refused(400, "invalid");
                    let pointers: Vec<_> = refused["errors"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|e| e["pointer"].as_str().unwrap().to_owned())
                        .collect();
                    // Where variants differ, the whole variant is what does not fit.
                    let near = pointers.iter().any(|told| pointer.starts_with(told.as_str()));
                    assert!(near, "{} with {pointer}: {refused}", operation.name());
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 300, "only {tried} bodies were tried");
}

/// No body of JSON is read that is nested without end, says a thing twice, is no JSON, or is not said to be.
async fn row_11_ambiguous_bodies_are_refused(h: &Harness) {
    let (api, session) = (Api::load(), Session::of_admin(h).await);
    let ids = BTreeMap::from([("appId".to_owned(), h.app.clone())]);
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let bodies = [
        deep.as_bytes(),
        br#"{"name":"a","name":"b"}"#,
        br#"{"name":"a","n\u0061me":"b"}"#,
        br#"{"name":1e400}"#,
        b"",
        b"null",
        b"[]",
        b"\xff\xfe{\x00}\x00",
        b"{\"name\":\"\xff\"}",
        b"{} {}",
        br#"{"$ne":null}"#,
        br#"{"name":{"$ne":null}}"#,
    ];
    for operation in api.operations.iter().filter(|o| o.path.starts_with("/api/") && o.body.is_some()) {
        let path = operation.filled(&ids);
        let send = async |kind: &str, bytes: &[u8]| {
            let request =
                session.request(&operation.method, &path).header("content-type", kind).body(bytes.to_vec());
            Answer::to(
                request,
                format!("{} {}", operation.name(), String::from_utf8_lossy(&bytes[..bytes.len().min(40)])),
            )
            .await
        };
        for body in bodies {
            let answer = send("application/json", body).await;
            assert_eq!(answer.status, 400, "{} answers {}", answer.asked, answer.text);
        }
        for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
            assert_eq!(send(kind, b"{}").await.status, 415, "{} as {kind}", operation.name());
        }
    }
}
