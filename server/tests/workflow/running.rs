//! Parameter sets and the runs that they pin.

use crate::harness::{Answer, Harness, Person, sample_bundle};
use crate::saving::CATALOG;
use serde_json::{Value, json};

on_both! {
    flow_config_006_run_again_with_the_identical_set,
    what_is_wrong_with_a_freeze_is_told_at_its_place,
}

embedded! {
    a_parameter_that_sets_refer_to_is_not_removed,
    sets_and_runs_of_another_app_do_not_exist,
}

impl Harness {
    fn sets(&self) -> String {
        self.admin().at("/parameter-sets")
    }

    fn run_list(&self) -> String {
        self.admin().at("/runs")
    }

    async fn freezes_parameters(&self, person: &Person, factors: Value) -> Answer {
        let environment = &self.environments["dev"];
        let body = json!({"environment_id": environment, "code_version": "c0de", "factors": factors});
        person.post(&self.sets(), &body).await
    }
}

/// An experiment is frozen, run, and run again with the identical set, while the environment goes on.
async fn flow_config_006_run_again_with_the_identical_set(h: &Harness) {
    let excluded =
        CATALOG.replace("{name: note, type: json}", "{name: note, type: json, excluded_from_runs: true}");
    let release = h.released(&[("catalog/ward.yml", &excluded)]).await;
    h.freezes_parameters(&h.author(), json!({})).await.refused(409, "wrong_state");
    h.deploys(&release, "dev").await;
    h.saves(&h.manager(), 1, json!({"beds": 20, "note": "full"})).await.ok();

    let answer = h.freezes_parameters(&h.author(), json!({"high": 50, "seed": 7})).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let set = answer.ok();
    assert_eq!(
        set["values"],
        json!({"beds": 20, "dose": 1, "high": 50, "low": 1, "mode": "day"}),
        "the factor is laid over, and what is excluded is left out"
    );
    assert_eq!((&set["config_version"], &set["environment"]), (&json!(2), &json!("dev")));
    // The hash is that of the content as RFC 8785 writes it; here, keys are sorted and all numbers are small.
    let canonical = serde_json::to_string(&set["content"]).unwrap();
    let hash = conman_domain::snapshot::ContentHash::of(canonical.as_bytes());
    assert_eq!(set["hash"], hash.as_str());
    let hash = hash.as_str().to_owned();

    // The same by somebody else is the same set.
    let again = h.freezes_parameters(&h.reviewer(), json!({"seed": 7.0, "high": 50})).await;
    assert_eq!(again.status, 200, "{}", again.text);
    assert_eq!(again.ok(), set);
    assert_eq!(h.audited(&hash).await, ["parameter_set.frozen", "parameter_set.frozen"]);

    let wish = json!({"parameter_set_hash": hash, "kind": "backtest", "description": "Of March."});
    let run = h.author().post(&h.run_list(), &wish).await.ok();
    assert_eq!((&run["status"], &run["started_by"]), (&json!("running"), &json!("Ana")), "{run}");
    assert_eq!(run["allowed_actions"], json!(["end", "rerun"]));
    let path = format!("{}/{}", h.run_list(), run["id"].as_str().unwrap());
    let ending = json!({"status": "succeeded", "results": {"score": 0.25}, "note": "As hoped."});
    h.second_author().post(&format!("{path}/end"), &ending).await.refused(403, "forbidden");
    let ended = h.author().post(&format!("{path}/end"), &ending).await.ok();
    assert_eq!((&ended["status"], &ended["results"]["score"]), (&json!("succeeded"), &json!(0.25)));
    assert_eq!(h.author().post(&format!("{path}/end"), &ending).await.ok(), ended, "again is the same");
    let otherwise = json!({"status": "failed"});
    h.author().post(&format!("{path}/end"), &otherwise).await.refused(409, "wrong_state");

    // The environment goes on; the run is repeated with what it had.
    h.saves(&h.manager(), 2, json!({"beds": 30})).await.ok();
    let second = h.second_author().post(&format!("{path}/rerun"), &json!({})).await.ok();
    assert_eq!((&second["rerun_of"], &second["parameter_set_hash"]), (&run["id"], &json!(hash)));
    assert_eq!((&second["kind"], &second["description"]), (&json!("backtest"), &json!("Of March.")));
    let pinned = h.author().get(&format!("{}/{hash}", h.sets())).await.ok();
    assert_eq!(pinned, set, "a set never changes");

    let newer = h.freezes_parameters(&h.author(), json!({"seed": 7})).await.ok();
    let newer_hash = newer["hash"].as_str().unwrap();
    let compared = h.author().get(&format!("{}/compare?left={hash}&right={newer_hash}", h.sets())).await.ok();
    assert_eq!(
        (&compared["values"], &compared["factors"]),
        (
            &json!({"beds": {"left": 20, "right": 30}, "high": {"left": 50, "right": 9}}),
            &json!({"high": {"left": 50, "right": null}})
        )
    );
    assert_eq!((&compared["parameters"], &compared["identical"]), (&json!({}), &json!(false)));

    let listed = h.author().get(&format!("{}?limit=1", h.sets())).await.ok();
    assert_eq!((&listed["total"], &listed["data"][0]["hash"]), (&json!(2), &newer["hash"]));
    let listed = h.author().get(&format!("{}?parameter_set={hash}&status=running", h.run_list())).await.ok();
    assert_eq!((&listed["total"], &listed["data"][0]["id"]), (&json!(1), &second["id"]));
    assert_eq!(h.audited(run["id"].as_str().unwrap()).await, ["run.registered", "run.ended"]);
}

async fn what_is_wrong_with_a_freeze_is_told_at_its_place(h: &Harness) {
    h.has_parameters().await;
    let before = h.everything().await;
    let pointers = |answer: Answer| -> Vec<String> {
        let problem = answer.refused(400, "invalid");
        problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["pointer"].as_str().unwrap().to_owned())
            .collect()
    };
    let refused = async |factors: Value| pointers(h.freezes_parameters(&h.author(), factors).await);
    assert_eq!(
        refused(json!({"beds": "many", "dose": 11, "odd": 9_007_199_254_740_993_i64})).await,
        ["/factors/beds", "/factors/dose", "/factors/odd"]
    );
    assert_eq!(refused(json!({"high": 0})).await, ["/factors/high"], "a rule between two");
    assert_eq!(refused(json!({"no name": 1})).await, ["/factors"]);
    let environment = &h.environments["dev"];
    let wish = |code: &str, base: u32| json!({"environment_id": environment, "code_version": code, "base_version": base});
    assert_eq!(pointers(h.author().post(&h.sets(), &wish(" ", 1)).await), ["/code_version"]);
    h.author().post(&h.sets(), &wish("v1", 2)).await.refused(409, "stale_base");
    let nowhere = json!({"environment_id": h.admin().app, "code_version": "v1"});
    h.author().post(&h.sets(), &nowhere).await.refused(404, "not_found");
    let wish = json!({"parameter_set_hash": "f".repeat(64), "kind": "backtest"});
    assert_eq!(pointers(h.author().post(&h.run_list(), &wish).await), ["/parameter_set_hash"]);
    let wish = json!({"parameter_set_hash": "f".repeat(64), "kind": "Back Test"});
    assert_eq!(pointers(h.author().post(&h.run_list(), &wish).await), ["/kind"]);
    h.author().get(&format!("{}/nothing", h.sets())).await.refused(404, "not_found");
    assert_eq!(h.everything().await, before, "nothing came of it");
}

async fn a_parameter_that_sets_refer_to_is_not_removed(h: &Harness) {
    h.has_parameters().await;
    let without = CATALOG.replace("  - {name: note, type: json}\n", "");
    let fine = h.author().edits("catalog/ward.yml", &without).submits().await;
    h.author().post(&h.author().at(&format!("/changesets/{}/review", fine.id)), &json!({})).await;
    let hash =
        h.freezes_parameters(&h.author(), json!({})).await.ok()["hash"].as_str().unwrap()[..12].to_owned();
    let change = h.second_author().edits("catalog/ward.yml", &without).submits_unchecked().await;
    let now = h.validated(&change).await;
    assert_eq!(now["state"], "submitted", "{now}");
    let finding = &now["findings"][0];
    assert_eq!((&finding["rule"], &finding["severity"]), (&json!("parameter_in_use"), &json!("error")));
    let message = finding["message"].as_str().unwrap();
    assert!(
        message.contains("`note`") && message.contains(&hash) && message.contains("deprecated"),
        "{message}"
    );
    // What was validated before the set came does not slip through either: the composed tree is validated again.
    h.approved_and_queued(&fine).await;
    let (_, composed) = h.composed(&[&fine]).await;
    assert_eq!(composed["members"][0]["result"], "invalid", "{composed}");
    // Deprecating it is the way out.
    let deprecated =
        CATALOG.replace("{name: note, type: json}", "{name: note, type: json, deprecated: true}");
    h.second_author().opens().of(&change).puts("catalog/ward.yml", &deprecated).submits().await;
}

async fn sets_and_runs_of_another_app_do_not_exist(h: &Harness) {
    h.has_parameters().await;
    let set = h.freezes_parameters(&h.author(), json!({})).await.ok();
    let hash = set["hash"].as_str().unwrap();
    let wish = json!({"parameter_set_hash": hash, "kind": "backtest"});
    let run = h.author().post(&h.run_list(), &wish).await.ok();
    let run = run["id"].as_str().unwrap();
    let app = h.uploads(&h.admin(), "other", sample_bundle(&h.scratch("other"))).await.ok();
    let there = h.admin().in_app(app["id"].as_str().unwrap());
    for path in [
        format!("/parameter-sets/{hash}"),
        format!("/parameter-sets/compare?left={hash}&right={hash}"),
        format!("/runs/{run}"),
    ] {
        there.get(&there.at(&path)).await.refused(404, "not_found");
    }
    for (path, body) in
        [(format!("/runs/{run}/end"), json!({"status": "failed"})), (format!("/runs/{run}/rerun"), json!({}))]
    {
        there.post(&there.at(&path), &body).await.refused(404, "not_found");
    }
    there.post(&there.at("/runs"), &wish).await.refused(400, "invalid");
    for list in ["/parameter-sets", "/runs"] {
        assert_eq!(there.get(&there.at(list)).await.ok()["total"], 0);
    }
}
