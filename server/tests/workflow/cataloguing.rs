//! The catalog: read where it is in use, and edited by forms.

use crate::harness::{Answer, Changeset, Harness};
use crate::saving::CATALOG;
use serde_json::{Value, json};

on_both! {
    flow_config_004_add_a_parameter,
    flow_config_005_widen_allowed_values,
}

embedded! {
    a_form_that_cannot_be_granted_makes_nothing,
    forms_use_a_workspace_of_their_own,
}

/// The changeset that a form made.
fn made(answer: Answer) -> Changeset {
    let made = answer.ok();
    assert_eq!(made["state"], "submitted", "{made}");
    Changeset {
        id: made["id"].as_str().unwrap().to_owned(),
        workspace: made["workspace_id"].as_str().unwrap().to_owned(),
        number: made["number"].as_u64().unwrap(),
    }
}

fn named(catalog: &Value, name: &str) -> Value {
    let list = catalog["parameters"].as_array().unwrap();
    list.iter().find(|parameter| parameter["name"] == name).cloned().unwrap_or_default()
}

async fn reviewed_and_deployed(h: &Harness, change: &Changeset) {
    h.validated(change).await;
    h.approved_and_queued(change).await;
    let (release, _) = h.composed(&[change]).await;
    h.publishes(&release).await;
    h.deploys(&release, "dev").await;
}

/// A parameter is added by a form; it has its default where the release runs, and takes values there.
async fn flow_config_004_add_a_parameter(h: &Harness) {
    h.has_parameters().await;
    let forms = h.author().at("/catalog/parameters");
    let parameter = json!({"name": "wait", "type": "duration", "default": "15m", "max": "1h", "group": "ward",
        "description": "Time: until somebody is told", "owner": "nurses"});
    let change =
        made(h.author().post(&forms, &json!({"parameter": parameter, "description": "Asked for."})).await);
    let seen = h.validated(&change).await;
    assert_eq!((&seen["title"], &seen["description"]), (&json!("Add parameter wait"), &json!("Asked for.")));
    let catalog = format!("/environments/{}/catalog", h.environments["dev"]);
    let catalog = h.author().at(&catalog);
    assert_eq!(named(&h.author().get(&catalog).await.ok(), "wait"), Value::Null, "nothing runs yet");
    reviewed_and_deployed(h, &change).await;
    let now = h.author().get(&catalog).await.ok();
    let wait = named(&now, "wait");
    assert_eq!(
        (&wait["default"], &wait["max"], &wait["overridden"]),
        (&json!("15m"), &json!("1h"), &json!(false))
    );
    assert_eq!((&now["config_version"], &now["rules"]), (&json!(2), &json!(["low < high"])));
    assert_eq!(h.runs_now().await.1["wait"], "15m");
    h.saves(&h.manager(), 2, json!({"wait": "20m"})).await.ok();
    assert_eq!(named(&h.author().get(&catalog).await.ok(), "wait")["overridden"], true);
    let whole = h.author().get(&h.author().at("/catalog")).await.ok();
    assert_eq!(named(&whole, "wait")["file"], "catalog/wait.yml", "{whole}");
    assert_eq!(named(&whole, "beds")["file"], "catalog/ward.yml");
}

/// An enum takes one more value, and a bound moves, where the file has them.
async fn flow_config_005_widen_allowed_values(h: &Harness) {
    h.has_parameters().await;
    h.saves(&h.manager(), 1, json!({"mode": "dusk"})).await.refused(400, "invalid");
    let form = h.author().at("/catalog/parameters/mode/widen");
    let change = made(h.author().post(&form, &json!({"allow": ["dusk"], "title": "Allow dusk"})).await);
    let file = h.author().reads(&change.workspace, "catalog/ward.yml").await;
    assert_eq!(file, CATALOG.replace("[day, night]", "[day, night, dusk]"), "nothing else changes");
    reviewed_and_deployed(h, &change).await;
    h.saves(&h.manager(), 2, json!({"mode": "dusk"})).await.ok();
    let form = h.author().at("/catalog/parameters/dose/widen");
    let change = made(h.author().post(&form, &json!({"max": 20})).await);
    let file = h.author().reads(&change.workspace, "catalog/ward.yml").await;
    assert!(file.as_str().unwrap().contains("default: 1, min: 0, max: 20, critical: true"), "{file}");
    h.validated(&change).await;
}

async fn a_form_that_cannot_be_granted_makes_nothing(h: &Harness) {
    h.has_parameters().await;
    let before = h.everything().await;
    let forms = h.author().at("/catalog/parameters");
    let add = async |parameter: Value| h.author().post(&forms, &json!({"parameter": parameter})).await;
    add(json!({"name": "beds", "type": "int"})).await.refused(409, "parameter_exists");
    for (parameter, field) in [
        (json!({"name": "x", "type": "enum"}), "allowed_values"),
        (json!({"name": "x", "type": "int", "allowed_values": ["a"]}), "allowed_values"),
        (json!({"name": "x", "type": "int", "min": 3, "max": 2}), "min"),
        (json!({"name": "x", "type": "bool", "max": 2}), "max"),
        (json!({"name": "x", "type": "int", "max": 2, "default": 3}), "default"),
    ] {
        let problem = add(parameter).await.refused(400, "invalid");
        assert_eq!(problem["errors"][0]["pointer"], format!("/parameter/{field}"), "{problem}");
    }
    let problem = add(json!({"name": "x", "type": "colour"})).await.refused(400, "invalid");
    assert_eq!(problem["errors"][0]["pointer"], "/parameter/type", "{problem}");
    add(json!({"name": "x", "type": "int", "unheard": 1})).await.refused(400, "invalid");
    let elsewhere = json!({"parameter": {"name": "x", "type": "int"}, "file": "pages/list.yml"});
    let problem = h.author().post(&forms, &elsewhere).await.refused(400, "invalid");
    assert_eq!(problem["errors"][0]["pointer"], "/file");
    let widen =
        async |name: &str, body: Value| h.author().post(&format!("{forms}/{name}/widen"), &body).await;
    widen("nothing", json!({"max": 3})).await.refused(404, "not_found");
    for (name, body, pointer) in [
        ("mode", json!({"allow": ["day"]}), "/allow"),
        ("mode", json!({"allow": [true]}), "/allow"),
        ("beds", json!({"allow": [3]}), "/allow"),
        ("beds", json!({"max": 10}), "/max"),
        ("beds", json!({"min": 2}), "/min"),
        ("low", json!({"min": 0}), "/min"),
        ("beds", json!({}), ""),
    ] {
        let problem = widen(name, body.clone()).await.refused(400, "invalid");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{name} {body} {problem}");
    }
    assert_eq!(h.everything().await, before, "nothing came of it");
}

/// What its author edits elsewhere stays; a workspace whose changeset is settled is used again.
async fn forms_use_a_workspace_of_their_own(h: &Harness) {
    h.has_parameters().await;
    let home = h
        .author()
        .edits("pages/list.yml", "type: page\nname: list\nentity: patient\n")
        .at_home()
        .saves()
        .await;
    let forms = h.author().at("/catalog/parameters");
    let form = |name: &str| json!({"parameter": {"name": name, "type": "int", "default": 1}});
    let one = made(h.author().post(&forms, &form("one")).await);
    let two = made(h.author().post(&forms, &form("two")).await);
    assert!(one.workspace != home && two.workspace != home && one.workspace != two.workspace);
    reviewed_and_deployed(h, &one).await;
    let three = made(h.author().post(&forms, &form("three")).await);
    assert_eq!(three.workspace, one.workspace, "it is done with");
    h.validated(&two).await;
    h.validated(&three).await;
    // Somebody goes on editing in it by hand: it is not taken from them.
    reviewed_and_deployed(h, &three).await;
    h.author()
        .opens()
        .at(&three.workspace)
        .puts("pages/x.yml", "type: page\nname: x\nentity: patient\n")
        .saves()
        .await;
    let four = made(h.author().post(&forms, &form("four")).await);
    assert!(four.workspace != three.workspace && four.workspace != two.workspace);
    h.validated(&four).await;
}
