//! The OpenAPI document: complete, well-formed, and the one that is committed.

use crate::harness::{On, Server};
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

const METHODS: [&str; 7] = ["get", "put", "post", "delete", "patch", "options", "head"];

fn document() -> Value {
    serde_json::to_value(conman_server::openapi()).unwrap()
}

fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let of_path = |(path, item): (&String, &Value)| {
        let path = path.clone();
        let item = item.as_object().unwrap().clone();
        item.into_iter()
            .filter(|(method, _)| METHODS.contains(&method.as_str()))
            .map(move |(method, operation)| (path.clone(), method, operation))
    };
    paths.iter().flat_map(of_path).collect()
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                found.insert(reference.clone());
            }
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn the_document_is_well_formed() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("references stay within the document");
        assert!(document.pointer(pointer).is_some(), "{reference} names nothing");
    }
    let schemes = document["components"]["securitySchemes"].as_object().unwrap();
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let place = format!("{method} {path}");
        let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{place} has no operationId"));
        assert!(ids.insert(id.to_owned()), "two operations are called {id}");
        assert!(
            operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()),
            "{place} has no summary"
        );
        assert!(operation["tags"].as_array().is_some_and(|tags| !tags.is_empty()), "{place} has no tag");
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2')), "{place} never succeeds");
        assert_eq!(
            responses["500"]["content"]["application/problem+json"]["schema"]["$ref"],
            "#/components/schemas/Problem"
        );
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let declared: BTreeSet<&str> =
            parameters.iter().filter(|p| p["in"] == "path").map(|p| p["name"].as_str().unwrap()).collect();
        let named: BTreeSet<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(declared, named, "{place}");
        for requirement in operation["security"].as_array().into_iter().flatten() {
            assert!(
                requirement.as_object().unwrap().keys().all(|name| schemes.contains_key(name)),
                "{place}"
            );
        }
    }
    // 64-bit numbers become bigint in clients.
    assert!(!document.to_string().contains("int64"), "a 64-bit number is in the API");
}

/// Every documented operation exists; that every route is documented holds because routes are added in one way only.
#[tokio::test]
async fn every_documented_operation_exists() {
    let server = Server::start(On::Sqlite).await;
    let browser = server.browser();
    for (path, method, operation) in operations(&document()) {
        let concrete: Vec<&str> = path
            .split('/')
            .map(|part| if part.starts_with('{') { "0190f3a0-7c1e-7abc-8def-0123456789ab" } else { part })
            .collect();
        let method: Method = method.to_uppercase().parse().unwrap();
        let answered = browser.send(method.clone(), &concrete.join("/"), None).await;
        assert_ne!(answered.status, 405, "{method} {path}");
        let public = operation["security"]
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one == &serde_json::json!({})));
        if !public {
            assert_eq!(answered.status, 401, "{method} {path} answers a stranger with {}", answered.status);
        }
    }
    server.stop().await;
}

#[test]
fn routes_are_added_in_one_way_only() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/routes");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for undocumented in [".route(", ".route_service(", ".nest_service(", ".fallback("] {
            assert!(
                !text.contains(undocumented),
                "{} adds a route past the document by {undocumented}",
                path.display()
            );
        }
    }
}

#[test]
fn the_committed_document_is_the_present_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let present = conman_server::openapi().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &present).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == present,
        "docs/openapi.json is not what the code says; write it anew with UPDATE=1 and this test"
    );
}
