//! What an editor is told while an author types, through the API.

use crate::harness::{Answer, Harness, Someone};
use serde_json::{Value, json};

embedded! {
    a_text_is_checked_as_if_it_were_saved,
    what_could_stand_somewhere_is_told,
    only_the_owner_of_a_workspace_asks_there,
}

const ENTITY: &str =
    "type: entity\nname: visit\nfields:\n  - name: id\n    type: string\n  - name: email\n    type: string\n";
const CATALOG: &str = "parameters:\n  - name: visit_days\n    type: int\n    default: 3\n";

async fn asks(person: Someone<'_>, workspace: &str, what: &str, body: Value) -> Answer {
    person.post(&person.at(&format!("/workspaces/{workspace}/assist/{what}")), &body).await
}

fn told(findings: &Value) -> Vec<String> {
    let findings = findings["findings"].as_array().unwrap().iter();
    findings.map(|f| format!("{} {}:{}", f["rule"].as_str().unwrap(), f["line"], f["column"])).collect()
}

/// References count, the file's own saved content does not; nothing is saved by asking.
async fn a_text_is_checked_as_if_it_were_saved(h: &Harness) {
    let workspace =
        h.author().edits("entities/visit.yml", ENTITY).puts("catalog/visits.yml", CATALOG).saves().await;
    let check = async |path: &str, text: &str| {
        told(&asks(h.author(), &workspace, "check", json!({"path": path, "text": text})).await.ok())
    };
    let page = "type: page\nname: visit\nentity: visit\nfields:\n  - name: emial\n";
    assert_eq!(check("pages/visit.yml", page).await, ["reference 5:11"]);
    assert_eq!(check("pages/visit.yml", &page.replace("emial", "email")).await, [""; 0]);
    assert_eq!(check("pages/visit.yml", "type: page\nname: a: b\n").await, ["yaml 2:8"]);
    assert_eq!(check("entities/visit.yml", &ENTITY.replace("email", "id")).await, ["duplicate_name 6:11"]);
    // The same entity in another file is one too many; in its own it is not.
    assert_eq!(check("entities/visit.yml", ENTITY).await, [""; 0]);
    assert_eq!(check("entities/visit-2.yml", ENTITY).await.first().unwrap(), "duplicate_name 2:7");
    // The catalog is read with its other files.
    assert_eq!(check("catalog/visits.yml", CATALOG).await, [""; 0]);
    assert_eq!(check("catalog/more.yml", CATALOG).await.len(), 1);
    assert_eq!(check("catalog/visits.yml", &CATALOG.replace(": 3", ": three")).await, ["catalog 2:5"]);
    assert_eq!(check("schemas/page.json", r#"{"type": 7}"#).await.len(), 1);
    assert_eq!(check("notes.txt", "\t{[ anything").await, [""; 0]);
    let missing =
        h.author().get(&h.author().at(&format!("/workspaces/{workspace}/files?path=pages/visit.yml"))).await;
    missing.refused(404, "not_found");
}

/// Names come from the workspace's files, keys from the schema; a place that has a meaning tells it.
async fn what_could_stand_somewhere_is_told(h: &Harness) {
    let workspace = h.author().edits("entities/visit.yml", ENTITY).saves().await;
    let ask = async |what: &str, text: &str, line: u32, column: u32| {
        let body = json!({"path": "pages/v.yml", "text": text, "line": line, "column": column});
        asks(h.author(), &workspace, what, body).await.ok()
    };
    let page = "type: page\nname: v\nentity: visit\nfields:\n  - name: \n";
    let found = ask("suggestions", page, 5, 11).await;
    let names: Vec<&str> =
        found["suggestions"].as_array().unwrap().iter().map(|s| s["text"].as_str().unwrap()).collect();
    assert_eq!(names, ["email", "id"], "{found}");
    assert_eq!(found["suggestions"][0]["kind"], "name");
    assert_eq!(found["suggestions"][0]["about"], "entities/visit.yml, line 6");
    let meaning = &ask("meaning", page, 3, 10).await["meaning"];
    assert_eq!(meaning["declared"], json!({"path": "entities/visit.yml", "line": 2}), "{meaning}");
    assert_eq!(ask("meaning", page, 99, 1).await["meaning"], Value::Null);
    let far = json!({"path": "pages/v.yml", "text": page, "line": 0, "column": u32::MAX});
    assert_eq!(asks(h.author(), &workspace, "suggestions", far).await.ok()["suggestions"], json!([]));
}

async fn only_the_owner_of_a_workspace_asks_there(h: &Harness) {
    let workspace = h.author().opens().workspace().await;
    let body = json!({"path": "pages/v.yml", "text": "", "line": 1, "column": 1});
    for what in ["suggestions", "meaning"] {
        asks(h.author(), &workspace, what, body.clone()).await.ok();
        asks(h.second_author(), &workspace, what, body.clone()).await.refused(403, "forbidden");
    }
    let body = json!({"path": "pages/v.yml", "text": ""});
    asks(h.second_author(), &workspace, "check", body.clone()).await.refused(403, "forbidden");
    let mut wrong = body;
    wrong["path"] = json!("../v.yml");
    asks(h.author(), &workspace, "check", wrong).await.refused(400, "invalid");
}
