//! Deploying: the order of stages, approvals, going back, and values that do not fit.

use crate::harness::Harness;
use serde_json::{Value, json};

on_both! {
    stages_are_kept,
    an_earlier_release_comes_back,
    row_26_foreign_and_unpublished_releases_are_refused,
    one_deployment_holds_an_environment,
    a_deployment_keeps_its_record,
    values_that_do_not_fit_are_refused,
    the_pipeline_is_edited,
}

fn running(environment: &Value) -> (&Value, &Value) {
    (&environment["running"]["release_id"], &environment["running"]["config_version"])
}

/// A release goes stage by stage; leaving one out needs two people's approvals.
async fn stages_are_kept(h: &Harness) {
    h.manager().asks_to_promote("staging").await.refused(409, "wrong_state");
    h.manager().asks_to_promote("dev").await.refused(409, "wrong_state");
    let release = h.released(&[("pages/a.yml", "name: a\n")]).await;
    for person in [h.author(), h.reviewer()] {
        person.asks_to_deploy(&release, "dev").await.refused(403, "forbidden");
        person.asks_to_promote("staging").await.refused(403, "forbidden");
        person.asks_to_go_back(&release, "dev").await.refused(403, "forbidden");
    }
    // Not live on dev or staging: this leaves stages out.
    let asked = h.manager().asks_to_deploy(&release, "prod").await.ok();
    assert_eq!(
        (&asked["kind"], &asked["state"], &asked["approvals_required"]),
        (&json!("skip_stage"), &json!("pending"), &json!(2))
    );
    let path = format!("/deployments/{}", asked["id"].as_str().unwrap());
    let approvals = h.manager().at(&format!("{path}/approvals"));
    h.author().post(&approvals, &json!({})).await.refused(403, "forbidden");
    let one = h.reviewer().post(&approvals, &json!({})).await.ok();
    assert_eq!((one["approvals"].as_array().map(Vec::len), &one["state"]), (Some(1), &json!("pending")));
    h.reviewer().post(&approvals, &json!({})).await.refused(409, "wrong_state");
    assert_eq!(h.environment("prod").await["running"], json!(null));
    assert_eq!(h.environment("prod").await["active_deployment"]["id"], asked["id"]);
    let asked = h.manager().post(&approvals, &json!({})).await;
    let ended = h.deployment_ends(asked).await;
    assert_eq!(ended["state"], "succeeded", "{ended}");
    h.second_reviewer().post(&approvals, &json!({})).await.refused(409, "wrong_state");
    let history = h.all(&format!("/environments/{}/history", h.environments["prod"])).await;
    assert_eq!(
        (&history[0]["approved_by"], &history[0]["changed_by"]),
        (&json!("Rita, Mona"), &json!("Mona"))
    );
    // One that nobody approves is canceled.
    let asked = h.manager().asks_to_deploy(&release, "staging").await.ok();
    let path = h.manager().at(&format!("/deployments/{}/cancel", asked["id"].as_str().unwrap()));
    h.reviewer().post(&path, &json!({})).await.refused(403, "forbidden");
    assert_eq!(h.manager().post(&path, &json!({})).await.ok()["state"], "canceled");
    h.manager().post(&path, &json!({})).await.refused(409, "wrong_state");
    assert_eq!(h.environment("staging").await["active_deployment"], json!(null));
    // In order it needs nobody.
    assert_eq!(h.deploys(&release, "dev").await["kind"], "deploy");
    assert_eq!(h.promotes("staging").await["kind"], "promote");
}

/// Going back puts an earlier release on the environment, marks the one that is left, and holds promotion.
async fn an_earlier_release_comes_back(h: &Harness) {
    h.sets_variables("dev", json!({"beds": 11})).await.ok();
    let first = h.released(&[("pages/a.yml", "name: a\n")]).await;
    let second = h.released(&[("pages/b.yml", "name: b\n")]).await;
    h.deploys(&first, "dev").await;
    h.manager().asks_to_go_back(&first, "dev").await.refused(409, "runs_already");
    h.manager().asks_to_go_back(&second, "dev").await.refused(409, "never_ran");
    h.deploys(&second, "dev").await;
    h.promotes("staging").await;
    h.sets_variables("dev", json!({"beds": 12})).await.ok();
    let asked = h.manager().asks_to_go_back(&first, "dev").await;
    let ended = h.deployment_ends(asked).await;
    assert_eq!(
        (&ended["kind"], &ended["state"], &ended["config_version"]),
        (&json!("redeploy"), &json!("succeeded"), &json!(3)),
        "{ended}"
    );
    let dev = h.environment("dev").await;
    assert_eq!(running(&dev), (&json!(first.id), &json!(3)));
    assert!(dev["promotion_hold"].as_str().is_some_and(|hold| !hold.is_empty()), "{dev}");
    assert_eq!(h.environment("staging").await["promotion_hold"], json!(null));
    assert_eq!(h.release(&second).await["state"], "rolled_back");
    let config =
        h.author().get(&h.author().at(&format!("/environments/{}/config", h.environments["dev"]))).await.ok();
    assert_eq!(config["parameters"]["beds"]["value"], 12, "today's profile");
    let history = h.all(&format!("/environments/{}/history", h.environments["dev"])).await;
    assert_eq!(history.len(), 3);
    assert_eq!((&history[0]["kind"], &history[2]["kind"]), (&json!("redeployment"), &json!("deployment")));
    // Forward again.
    h.deploys(&second, "dev").await;
    assert_eq!(running(&h.environment("dev").await), (&json!(second.id), &json!(4)));
}

/// Only published releases of this app are put on its environments.
async fn row_26_foreign_and_unpublished_releases_are_refused(h: &Harness) {
    let published = h.released(&[("pages/a.yml", "name: a\n")]).await;
    h.deploys(&published, "dev").await;
    let change = h.queued(h.author(), "pages/b.yml", "name: b\n").await;
    let (composed, _) = h.composed(&[&change]).await;
    for environment in ["dev", "prod"] {
        h.manager().asks_to_deploy(&composed, environment).await.refused(409, "wrong_state");
        h.manager().asks_to_go_back(&composed, environment).await.refused(409, "not_published");
    }
    let nothing = crate::harness::Release { id: change.id.clone() };
    h.manager().asks_to_deploy(&nothing, "dev").await.refused(404, "not_found");
    h.manager().asks_to_go_back(&nothing, "dev").await.refused(404, "not_found");
    assert_eq!(running(&h.environment("dev").await), (&json!(published.id), &json!(1)));
    h.manager().does_to(&composed, "publish", json!({})).await.ok();
    h.is_quiet().await;
}

/// One deployment at a time is active per environment; different environments deploy in parallel.
async fn one_deployment_holds_an_environment(h: &Harness) {
    let release = h.released(&[("pages/a.yml", "name: a\n")]).await;
    let asked = h.manager().asks_to_deploy(&release, "prod").await.ok();
    h.manager().asks_to_deploy(&release, "prod").await.refused(409, "deployment_active");
    let waiting = h.manager().asks_to_deploy(&release, "staging").await.ok();
    h.deploys(&release, "dev").await;
    for id in [&asked["id"], &waiting["id"]] {
        let path = h.manager().at(&format!("/deployments/{}/cancel", id.as_str().unwrap()));
        h.manager().post(&path, &json!({})).await.ok();
    }
    let all = h.all("/deployments").await;
    let states: Vec<_> = all.iter().map(|d| d["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["succeeded", "canceled", "canceled"]);
    assert_eq!(h.all(&format!("/environments/{}/deployments", h.environments["dev"])).await.len(), 1);
}

/// What happened is told step by step, and what changed with its values, critical ones marked, and its files.
async fn a_deployment_keeps_its_record(h: &Harness) {
    h.has_parameters().await;
    let release = h.released(&[("pages/a.yml", "name: a\n")]).await;
    h.sets_variables("dev", json!({"beds": 12, "dose": 3})).await.ok();
    let deployment = h.deploys(&release, "dev").await;
    let at = |deployment: &Value, below: &str| {
        h.author().at(&format!("/deployments/{}/{below}", deployment["id"].as_str().unwrap()))
    };
    let record = h.author().get(&at(&deployment, "record")).await.ok();
    let steps = record["steps"].as_array().unwrap();
    let told: Vec<&str> = steps
        .iter()
        .map(|step| step["action"].as_str().or(step["message"].as_str()).unwrap())
        .map(|told| told.split(" to dev as version").next().unwrap())
        .collect();
    let tag = deployment["tag"].as_str().unwrap();
    let (writes, runs) = (format!("Writing {tag}"), format!("dev runs {tag}"));
    let expected: [&str; 5] =
        ["deployment.requested", "deployment.started", &writes, "deployment.succeeded", &runs];
    assert_eq!(told, expected);
    assert_eq!((&steps[0]["kind"], &steps[0]["by"]), (&json!("event"), &json!("Mona")));
    assert_eq!((&steps[2]["kind"], &steps[2]["attempt"]), (&json!("line"), &json!(1)));
    let times: Vec<&str> = steps.iter().map(|step| step["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    let change = &record["change"];
    assert_eq!((&change["base"]["config_version"], &change["critical"]), (&json!(1), &json!(["dose"])));
    let values = &change["version"]["parameters"];
    assert_eq!(values.as_object().unwrap().keys().collect::<Vec<_>>(), ["beds", "dose"]);
    assert_eq!(
        (&values["beds"]["before"]["value"], &values["beds"]["after"]["value"]),
        (&json!(10), &json!(12))
    );
    let diff = h.author().get(&at(&deployment, "diff")).await.ok();
    let files: Vec<&Value> = diff["files"].as_array().unwrap().iter().map(|file| &file["path"]).collect();
    assert_eq!(files, [&json!("pages/a.yml")]);
    h.author().get(&at(&deployment, "diff?mode=semantic")).await.ok();

    // The first one is compared with what the app began with; one that waits has changed nothing, and holds what may be done.
    let first = h.all("/deployments").await.pop().unwrap();
    let record = h.author().get(&at(&first, "record")).await.ok();
    assert_eq!(record["change"]["base"], json!(null));
    h.author().get(&at(&first, "diff")).await.ok();
    let actions = |environment: &Value| environment["allowed_actions"].clone();
    assert_eq!(actions(&h.environment("staging").await), json!(["deploy", "promote"]));
    let pending = h.manager().asks_to_deploy(&release, "prod").await.ok();
    assert_eq!(h.author().get(&at(&pending, "record")).await.ok()["change"], json!(null));
    h.author().get(&at(&pending, "diff")).await.refused(409, "not_active");
    assert_eq!(actions(&h.environment("prod").await), json!([]));
    h.manager().post(&at(&pending, "cancel"), &json!({})).await.ok();
    assert_eq!(actions(&h.environment("prod").await), json!(["deploy"]));
}

/// Values that the release's catalog refuses fail the deployment with the reason, and change nothing.
async fn values_that_do_not_fit_are_refused(h: &Harness) {
    let release = h.released(&[("pages/a.yml", "name: a\n")]).await;
    h.deploys(&release, "dev").await;
    let before = h.environment("dev").await["running"].clone();
    for (value, says) in [(json!(41), "beds"), (json!("many"), "beds"), (json!(2.5), "beds")] {
        h.sets_variables("dev", json!({"beds": value, "PLAIN": "x"})).await.ok();
        let asked = h.manager().asks_to_deploy(&release, "dev").await;
        let ended = h.deployment_ends(asked).await;
        assert_eq!(
            (&ended["state"], &ended["failure"]["cause"]),
            (&json!("failed"), &json!("rejected")),
            "{ended}"
        );
        let reason = ended["failure"]["reason"].as_str().unwrap();
        assert!(reason.contains(says) && reason.contains("dev"), "{reason}");
        assert_eq!(h.environment("dev").await["running"], before);
    }
    assert_eq!(h.all(&format!("/environments/{}/history", h.environments["dev"])).await.len(), 1);
    assert_eq!(h.release(&release).await["state"], "deployed_partial");
    h.sets_variables("dev", json!({"beds": 40, "PLAIN": "x"})).await.ok();
    let ended = h.deploys(&release, "dev").await;
    assert_eq!(ended["config_version"], 2, "no version was spent on what was refused");
    let path = h.author().at(&format!("/environments/{}/config", h.environments["dev"]));
    let config = h.author().get(&path).await.ok();
    assert_eq!(config["parameters"]["beds"]["value"], 40);
    assert_eq!(config["parameters"]["PLAIN"], json!(null), "a variable that is no parameter");
}

/// The pipeline is edited as a whole; what stays keeps its id, what ran is not removed.
async fn the_pipeline_is_edited(h: &Harness) {
    let release = h.released(&[("pages/a.yml", "name: a\n")]).await;
    h.deploys(&release, "dev").await;
    let path = h.admin().at("/environments");
    let id = |name: &str| json!(h.environments[name]);
    let set = async |stages: Value| h.admin().patch(&path, &json!({"environments": stages})).await;
    // Names wander within one list, and the order changes with it.
    let swapped = set(json!([
        {"name": "dev", "canonical": false},
        {"id": id("dev"), "name": "staging", "canonical": false},
        {"id": id("prod"), "name": "live", "canonical": true},
        {"id": id("staging"), "name": "demo", "canonical": false},
    ]))
    .await
    .ok();
    let shown: Vec<_> = swapped["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (e["name"].as_str().unwrap(), e["id"].clone()))
        .collect();
    assert_eq!(shown[1..], [("staging", id("dev")), ("live", id("prod")), ("demo", id("staging"))]);
    assert_eq!(running(&swapped["data"][1]), (&json!(release.id), &json!(1)));
    let profiles = h.admin().get(&h.admin().at("/runtime-profiles")).await.ok();
    let names: Vec<_> =
        profiles["data"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["demo", "dev", "live", "staging"], "profiles go by the names of their environments");
    let circle = set(json!([
        {"id": id("dev"), "name": "live", "canonical": false},
        {"id": id("prod"), "name": "staging", "canonical": true},
    ]))
    .await;
    assert_eq!(circle.status, 409, "{}", circle.text);
    set(json!([{"id": id("prod"), "name": "live", "canonical": true}]))
        .await
        .refused(409, "environment_in_use");
    for wrong in [
        json!([]),
        json!([{"id": id("dev"), "name": "a", "canonical": false}]),
        json!([{"id": id("dev"), "name": "a", "canonical": true}, {"name": "b", "canonical": true}]),
        json!([{"id": id("dev"), "name": "a", "canonical": true}, {"name": "a", "canonical": false}]),
        json!([{"id": id("dev"), "name": "a", "canonical": true}, {"id": id("dev"), "name": "b", "canonical": false}]),
        json!([{"id": id("dev"), "name": "a", "canonical": true}, {"id": h.app, "name": "b", "canonical": false}]),
        json!([{"id": id("dev"), "name": "../a", "canonical": true}]),
    ] {
        set(wrong.clone()).await.refused(400, "invalid");
    }
    assert_eq!(h.admin().get(&path).await.ok(), swapped);
    h.manager().patch(&path, &json!({"environments": []})).await.refused(403, "forbidden");
}
