//! Saving values of parameters: all or nothing, on a known version, by whoever may, and finished whatever happens.

use crate::harness::{Answer, Harness, Person, Release, Trouble, Troubled};
use conman_domain::access::{TokenScope, User};
use conman_domain::audit::RequestContext;
use conman_domain::value_change::ValueChange;
use conman_workflow::{Actor, Editor, ParameterSave, Workflow};
use futures::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeSet;

on_both! {
    flow_config_001_edit_and_save_a_non_critical_parameter,
    what_is_wrong_is_told_and_changes_nothing,
    a_stale_base_is_told_the_present_values,
    critical_parameters_are_not_saved_directly,
    only_who_may_saves,
    one_value_is_set_and_deleted,
    a_deployment_keeps_what_was_saved,
    values_that_do_not_run_yet_are_not_slipped_in,
    a_save_that_breaks_off_is_finished,
    a_save_that_breaks_off_is_finished_before_a_deployment,
    saves_and_deployments_meet,
    two_hundred_savers_lose_nothing,
    savers_who_look_first_overwrite_nothing_unseen,
}

/// Parameters of all kinds, one of them critical, and a rule.
pub(crate) const CATALOG: &str = "parameters:
  - {name: beds, type: int, default: 10, min: 1, max: 100000, required: true, category: threshold}
  - {name: low, type: int, default: 1}
  - {name: high, type: int, default: 9}
  - {name: mode, type: enum, allowed_values: [day, night], default: day}
  - {name: dose, type: number, default: 1, min: 0, max: 10, critical: true, category: risk_limit}
  - {name: note, type: json}
rules: [low < high]
";

impl Harness {
    /// Has the catalog of these tests deployed to `dev`, with the release that is answered.
    pub(crate) async fn has_parameters(&self) -> Release {
        let release = self.released(&[("catalog/ward.yml", CATALOG)]).await;
        self.deploys(&release, "dev").await;
        release
    }

    /// The path of an environment's configuration.
    pub(crate) fn config(&self, below: &str) -> String {
        self.admin().at(&format!("/environments/{}/config{below}", self.environments["dev"]))
    }

    /// Saves values on top of a version.
    pub(crate) async fn saves(&self, person: &Person, base: u64, values: Value) -> Answer {
        person.post(&self.config("/save"), &json!({"base_version": base, "values": values})).await
    }

    /// The version that `dev` runs, and its values by name.
    pub(crate) async fn runs_now(&self) -> (u64, Value) {
        let config = self.admin().get(&self.config("")).await.ok();
        let values: serde_json::Map<String, Value> = config["parameters"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, parameter)| (name.clone(), parameter["value"].clone()))
            .collect();
        (config["config_version"].as_u64().unwrap(), Value::Object(values))
    }

    /// The history of `dev`, oldest first.
    pub(crate) async fn history(&self) -> Vec<Value> {
        let mut rows = self.all(&format!("/environments/{}/history", self.environments["dev"])).await;
        rows.reverse();
        rows
    }

    /// Everything that a refused change must leave as it was.
    pub(crate) async fn everything(&self) -> Value {
        let dev = self.environment("dev").await;
        let profile = dev["profile_id"].as_str().unwrap();
        let revisions = self.admin().at(&format!("/runtime-profiles/{profile}/revisions"));
        json!([
            dev,
            self.history().await,
            self.admin().get(&revisions).await.ok(),
            self.all(&format!("/api/audit?app={}", self.app)).await,
            self.all("/api/outbox").await.len(),
        ])
    }
}

/// The operator's journey of the reference: values and metadata are read, edited, saved, and run at once.
async fn flow_config_001_edit_and_save_a_non_critical_parameter(h: &Harness) {
    h.has_parameters().await;
    let (base, values) = h.runs_now().await;
    assert_eq!(values, json!({"beds": 10, "dose": 1, "high": 9, "low": 1, "mode": "day"}));
    let wrong = h.saves(&h.reviewer(), base, json!({"beds": 0})).await.refused(400, "invalid");
    assert_eq!(wrong["errors"][0]["pointer"], "/values/beds");
    let body = json!({"base_version": base, "values": {"low": 20, "high": 30, "note": {"a": [null]}}, "reason": "A busy night."});
    let saved = h.reviewer().post(&h.config("/save"), &body).await.ok();
    assert_eq!((&saved["config_version"], &saved["profile_revision"]), (&json!(2), &json!(2)));
    let (version, values) = h.runs_now().await;
    assert_eq!(version, 2, "answered when it runs");
    assert_eq!(
        values,
        json!({"beds": 10, "dose": 1, "high": 30, "low": 20, "mode": "day", "note": {"a": [null]}})
    );
    let row = h.history().await.pop().unwrap();
    assert_eq!(
        (&row["kind"], &row["changed_by"], &row["approved_by"], &row["reason"], &row["base_version"]),
        (&json!("save"), &json!("Rita"), &json!(null), &json!("A busy night."), &json!(1))
    );
    let change = |name: &str, side: &str| row["parameters"][name][side]["value"].clone();
    assert_eq!((change("low", "before"), change("low", "after")), (json!(1), json!(20)));
    assert_eq!(
        (&row["parameters"]["note"]["before"], change("note", "after")),
        (&json!(null), json!({"a": [null]}))
    );
    assert_eq!(row["parameters"].as_object().unwrap().len(), 3, "{row}");
    assert_eq!(row["at"], saved["activated_at"]);
    let dev = h.environment("dev").await;
    assert_eq!(
        (
            &dev["running"]["config_version"],
            &dev["running"]["profile_revision"],
            &dev["running"]["activated_at"]
        ),
        (&json!(2), &json!(2), &row["at"])
    );
    assert_eq!(dev["running"]["release_tag"], row["release_tag"]);
    let revisions =
        h.admin().at(&format!("/runtime-profiles/{}/revisions", dev["profile_id"].as_str().unwrap()));
    let revision = h.admin().get(&revisions).await.ok()["data"][0].clone();
    assert_eq!(
        (&revision["changed_by"]["name"], &revision["env_vars"]["low"], &revision["reason"]),
        (&json!("Rita"), &json!(20), &json!("A busy night."))
    );
    let audited = h.audited(row["source_id"].as_str().unwrap()).await;
    assert_eq!(audited, ["parameters.saved", "parameters.activated"]);
    // Saving the same again is no change.
    let again = h.saves(&h.manager(), 2, json!({"low": 20})).await.ok();
    assert_eq!(again["config_version"], 2);
    assert_eq!(h.history().await.len(), 2);
}

/// Everything that is wrong comes back at once, each at its place, and nothing is kept.
async fn what_is_wrong_is_told_and_changes_nothing(h: &Harness) {
    let unborn = h.saves(&h.manager(), 0, json!({"beds": 1})).await;
    unborn.refused(409, "wrong_state");
    h.has_parameters().await;
    let before = h.everything().await;
    let pointers = |refused: &Value| -> BTreeSet<String> {
        let errors = refused["errors"].as_array().unwrap();
        errors.iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect()
    };
    let wrong = json!({"beds": 0, "mode": "dusk", "low": "1", "nothing": 1, "note": 1, "high": 2.5});
    let told = pointers(&h.saves(&h.manager(), 1, wrong).await.refused(400, "invalid"));
    let expected = ["/values/beds", "/values/high", "/values/low", "/values/mode", "/values/nothing"];
    assert_eq!(told, expected.map(str::to_owned).into());
    for (values, pointer) in [
        (json!({"low": 9}), "/values/low"),
        (json!({"high": 1}), "/values/high"),
        (json!({}), "/values"),
        (json!({"note": 18_446_744_073_709_551_615_u64}), "/values/note"),
        (json!({"note": {"a\u{0}": 1}}), "/values/note"),
        (json!({"beds": null}), "/values/beds"),
    ] {
        let told = pointers(&h.saves(&h.manager(), 1, values.clone()).await.refused(400, "invalid"));
        assert_eq!(told, BTreeSet::from([pointer.to_owned()]), "{values}");
    }
    for body in [
        json!({"values": {"beds": 11}}),
        json!({"base_version": 1}),
        json!({"base_version": -1, "values": {"beds": 11}}),
        json!({"base_version": 1, "values": {"beds": 11}, "state": "active"}),
        json!({"base_version": 1, "values": {"$set": 11}}),
        json!({"base_version": 1, "values": {"a.b": 11}}),
        json!({"base_version": 1, "values": {"beds": 11}, "reason": "a\u{0}b"}),
        json!({"base_version": 1, "values": {"beds": 11}, "reason": "a\u{1b}[2Jb"}),
        json!({"base_version": 1, "values": {"beds": 11}, "reason": "a".repeat(2_001)}),
    ] {
        h.manager().post(&h.config("/save"), &body).await.refused(400, "invalid");
    }
    let many: serde_json::Map<String, Value> = (0..1_001).map(|n| (format!("p{n}"), json!(n))).collect();
    h.saves(&h.manager(), 1, Value::Object(many)).await.refused(400, "invalid");
    assert_eq!(h.everything().await, before);
}

/// Who saves on a version that is gone is shown what runs, and can go on from it.
async fn a_stale_base_is_told_the_present_values(h: &Harness) {
    h.has_parameters().await;
    h.saves(&h.manager(), 1, json!({"beds": 11})).await.ok();
    for base in [0, 1, 3, u64::from(u32::MAX)] {
        let before = h.everything().await;
        let stale = h.saves(&h.reviewer(), base, json!({"mode": "night"})).await.refused(409, "stale_base");
        assert_eq!(stale["details"]["config_version"], 2);
        assert_eq!(stale["details"]["values"], h.runs_now().await.1, "the values that run");
        assert_eq!(h.everything().await, before);
    }
    h.saves(&h.reviewer(), 2, json!({"mode": "night"})).await.ok();
    let (version, values) = h.runs_now().await;
    assert_eq!((version, &values["beds"], &values["mode"]), (3, &json!(11), &json!("night")));
}

/// A critical parameter is refused with 403 whatever comes with it, and nothing happens.
async fn critical_parameters_are_not_saved_directly(h: &Harness) {
    h.has_parameters().await;
    let before = h.everything().await;
    for values in [json!({"dose": 2}), json!({"dose": 2, "beds": 11}), json!({"dose": "much", "beds": 0})] {
        for person in [h.reviewer(), h.manager(), h.admin()] {
            let refused = h.saves(&person, 1, values.clone()).await.refused(403, "approval_required");
            assert_eq!(refused["details"]["parameters"], json!(["dose"]));
        }
    }
    h.admin().put(&h.config("/dose"), &json!({"value": 2})).await.refused(403, "approval_required");
    assert_eq!(h.everything().await, before);
}

/// Reviewers and above save; authors do not; for strangers there is no app.
async fn only_who_may_saves(h: &Harness) {
    h.has_parameters().await;
    let before = h.everything().await;
    h.saves(&h.author(), 1, json!({"beds": 11})).await.refused(403, "forbidden");
    h.author().put(&h.config("/beds"), &json!({"value": 11})).await.refused(403, "forbidden");
    h.author().delete(&h.config("/beds")).await.refused(403, "forbidden");
    let made = h
        .admin()
        .post("/api/apps", &json!({"name": "Second", "slug": "second", "source": {"kind": "empty"}}))
        .await
        .ok();
    let other = made["id"].as_str().unwrap();
    for path in ["/config/save", "/config/beds"] {
        let foreign = format!("/api/apps/{other}/environments/{}{path}", h.environments["dev"]);
        let body = json!({"base_version": 1, "values": {"beds": 11}});
        let answer = if path.ends_with("save") {
            h.admin().post(&foreign, &body).await
        } else {
            h.admin().put(&foreign, &json!({"value": 11})).await
        };
        answer.refused(404, "not_found");
    }
    let stranger = format!("/api/apps/{other}/environments/{}/config/save", h.environments["dev"]);
    h.manager()
        .post(&stranger, &json!({"base_version": 1, "values": {"beds": 11}}))
        .await
        .refused(404, "not_found");
    for (person, may) in [(h.author(), false), (h.reviewer(), true), (h.manager(), true), (h.admin(), true)] {
        let seen = person.get(&person.at("/environments")).await.ok();
        let offers = |n: usize| {
            seen["data"][n]["allowed_actions"].as_array().unwrap().contains(&json!("save_parameters"))
        };
        assert_eq!((offers(0), offers(1)), (may, false), "what runs nothing has no parameters");
    }
    let after = h.everything().await;
    assert_eq!((&after[0], &after[1], &after[2]), (&before[0], &before[1], &before[2]));
}

/// One value by its name: set, read, deleted, and deleted again.
async fn one_value_is_set_and_deleted(h: &Harness) {
    h.has_parameters().await;
    let (beds, note) = (h.config("/beds"), h.config("/note"));
    let read = async |path: &str| {
        let answer = h.author().get(path).await;
        (answer.status, answer.text)
    };
    assert_eq!(read(&beds).await, (200, "10".to_owned()));
    assert_eq!(read(&note).await.0, 404);
    assert_eq!(read(&h.config("/..%2fx")).await.0, 404);
    h.manager().delete(&beds).await.refused(404, "not_found");
    h.manager().delete(&h.config("/nothing")).await.refused(404, "not_found");
    for (path, value) in [(h.config("/nothing"), 1), (beds.clone(), 0)] {
        let refused = h.manager().put(&path, &json!({"value": value})).await.refused(400, "invalid");
        assert_eq!(refused["errors"][0]["pointer"], "/value", "{refused}");
    }
    h.manager().put(&beds, &json!({})).await.refused(400, "invalid");
    assert_eq!(h.manager().put(&beds, &json!({"value": 12})).await.ok()["config_version"], 2);
    assert_eq!(h.manager().put(&note, &json!({"value": null})).await.ok()["config_version"], 3);
    assert_eq!(read(&beds).await, (200, "12".to_owned()));
    assert_eq!(read(&note).await, (200, "null".to_owned()));
    let stale = h
        .manager()
        .request(reqwest::Method::PUT, &beds)
        .header("if-match", "\"v2\"")
        .json(&json!({"value": 13}));
    Answer::to(stale, "a stale PUT".to_owned()).await.refused(409, "stale_base");
    let fresh = h
        .manager()
        .request(reqwest::Method::PUT, &beds)
        .header("if-match", "\"v3\"")
        .json(&json!({"value": 13}));
    assert_eq!(Answer::to(fresh, "a fresh PUT".to_owned()).await.ok()["config_version"], 4);
    for (path, then) in [(&beds, (200, "10")), (&note, (404, ""))] {
        h.manager().delete(path).await.ok();
        let now = read(path).await;
        assert_eq!(now.0, then.0, "{path}");
        assert!(now.0 == 404 || now.1 == then.1, "the default counts");
        h.manager().delete(path).await.refused(410, "gone");
    }
    assert_eq!(h.history().await.len(), 6, "the history stays");
}

/// Releases come and go over saved values; the catalog that comes with one has the last word.
async fn a_deployment_keeps_what_was_saved(h: &Harness) {
    h.has_parameters().await;
    h.saves(&h.manager(), 1, json!({"beds": 11, "mode": "night"})).await.ok();
    let next = h.released(&[("pages/a.yml", "name: a\n")]).await;
    h.deploys(&next, "dev").await;
    let (version, values) = h.runs_now().await;
    assert_eq!((version, &values["beds"], &values["mode"]), (3, &json!(11), &json!("night")));
    h.saves(&h.manager(), 3, json!({"beds": 12})).await.ok();
    let row = h.history().await.pop().unwrap();
    let dev = h.environment("dev").await;
    assert_eq!(row["release_commit"], dev["running"]["release_commit"]);
    assert_eq!(dev["running"]["release_id"], json!(next.id));
    // A catalog without a saved value's parameter lets it go, and refuses further saves of it.
    let without =
        CATALOG.replace("  - {name: mode, type: enum, allowed_values: [day, night], default: day}\n", "");
    let smaller = h.released(&[("catalog/ward.yml", &without)]).await;
    h.deploys(&smaller, "dev").await;
    let (version, values) = h.runs_now().await;
    assert_eq!((version, &values["beds"], &values["mode"]), (5, &json!(12), &json!(null)));
    h.saves(&h.manager(), 5, json!({"mode": "day"})).await.refused(400, "invalid");
    h.saves(&h.manager(), 5, json!({"beds": 13})).await.ok();
    assert_eq!(h.promotes("staging").await["state"], "succeeded");
    assert_eq!(
        h.environment("staging").await["running"]["profile_revision"],
        1,
        "values are an environment's own"
    );
}

/// What an app admin wrote into the profile waits for a deployment; a save of something else does not bring it along.
async fn values_that_do_not_run_yet_are_not_slipped_in(h: &Harness) {
    h.has_parameters().await;
    h.sets_variables("dev", json!({"dose": 9, "PLAIN": "x"})).await.ok();
    let refused = h.saves(&h.manager(), 1, json!({"beds": 11})).await.refused(409, "profile_edited");
    assert_eq!(refused["details"]["parameters"], json!(["dose"]));
    assert_eq!(h.runs_now().await.1["dose"], 1);
    // A variable that is no parameter changes nothing that runs.
    h.sets_variables("dev", json!({"PLAIN": "y"})).await.ok();
    h.saves(&h.manager(), 1, json!({"beds": 11})).await.ok();
    assert_eq!(h.runs_now().await, (2, json!({"beds": 11, "dose": 1, "high": 9, "low": 1, "mode": "day"})));
}

/// A save by another server that gets into trouble with the distribution database; it is left there.
async fn breaks_off(h: &Harness, values: Value, writes: bool) {
    let troubled = Troubled::new(h.workflow.distribution().clone(), Trouble::Stalls, writes);
    let server = h.another_server(troubled.clone()).await;
    let member = member(h, &server).await;
    let environment = h.environments["dev"].parse().unwrap();
    let changes = values
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), ValueChange::Set(value.clone())))
        .collect();
    let save = ParameterSave { base_version: None, changes, reason: None, override_freeze: None };
    let saving = tokio::spawn(async move {
        server.save_parameters(Editor::Member(&member), environment, &save).await.map(|_| ())
    });
    troubled.reached.notified().await;
    saving.abort();
    assert!(saving.await.unwrap_err().is_cancelled());
}

pub(crate) async fn member(h: &Harness, server: &Workflow) -> conman_workflow::Member {
    let user = server.store().get::<User>(&h.manager().id).await.unwrap().unwrap();
    let actor = Actor::new(&user.doc, TokenScope::Write, RequestContext::default());
    server.member(&actor, h.app.parse().unwrap()).await.unwrap()
}

/// Whoever saves next, or a runner, finishes what was decided, in its order and once.
async fn a_save_that_breaks_off_is_finished(h: &Harness) {
    h.has_parameters().await;
    for (round, writes) in [(0, false), (1, true)] {
        let base = 1 + round * 3;
        breaks_off(h, json!({"beds": 11 + round}), writes).await;
        let stale = h.saves(&h.reviewer(), base, json!({"mode": "night"})).await.refused(409, "stale_base");
        assert_eq!(stale["details"]["values"]["beds"], 11 + round, "it was finished first");
        h.saves(&h.reviewer(), base + 1, json!({"low": round + 2})).await.ok();
        breaks_off(h, json!({"beds": 21 + round}), writes).await;
        assert_eq!(h.workflow.finish_drafts().await.unwrap(), 1);
        assert_eq!(h.workflow.finish_drafts().await.unwrap(), 0);
        let (version, values) = h.runs_now().await;
        assert_eq!(
            (version, &values["beds"], &values["low"]),
            (base + 3, &json!(21 + round), &json!(round + 2))
        );
        assert_eq!(h.environment("dev").await["running"]["config_version"], base + 3);
    }
    check_history(h, 7).await;
}

/// Each version is in the history once, each on the one before it, and each was activated once.
pub(crate) async fn check_history(h: &Harness, length: usize) {
    let rows = h.history().await;
    let versions: Vec<u64> = rows.iter().map(|row| row["config_version"].as_u64().unwrap()).collect();
    assert_eq!(versions, (1..=length as u64).collect::<Vec<_>>());
    for pair in rows.windows(2) {
        assert_eq!(pair[1]["base_version"], pair[0]["config_version"]);
        for (name, change) in pair[1]["parameters"].as_object().unwrap() {
            assert_ne!(change["before"], change["after"], "{name}");
        }
    }
    for row in rows.iter().filter(|row| row["kind"] == "save") {
        let audited = h.audited(row["source_id"].as_str().unwrap()).await;
        assert_eq!(audited, ["parameters.saved", "parameters.activated"]);
    }
}

/// A deployment that is decided after a save comes after it, and has its values.
async fn a_save_that_breaks_off_is_finished_before_a_deployment(h: &Harness) {
    h.has_parameters().await;
    let next = h.released(&[("pages/a.yml", "name: a\n")]).await;
    for (n, writes) in [(1, false), (2, true)] {
        breaks_off(h, json!({"beds": 10 + n}), writes).await;
        let deployed = h.deploys(&next, "dev").await;
        assert_eq!(deployed["config_version"], 1 + 2 * n);
        assert_eq!(h.runs_now().await.1["beds"], 10 + n);
    }
    check_history(h, 5).await;
}

/// Saves that meet deployments of the same environment come before or after them, and each is there once.
async fn saves_and_deployments_meet(h: &Harness) {
    h.has_parameters().await;
    let next = h.released(&[("pages/a.yml", "name: a\n")]).await;
    let (mut saved, mut expected) = (0, 1);
    for round in 0..6 {
        let deploying = async {
            let asked = h.manager().asks_to_deploy(&next, "dev").await;
            h.deployment_ends(asked).await
        };
        let saving = join_all((0..4).map(|n| async move {
            h.reviewer().put(&h.config("/beds"), &json!({"value": 100 + round * 10 + n})).await
        }));
        let (deployed, answers) = tokio::join!(deploying, saving);
        assert_eq!(deployed["state"], "succeeded", "{deployed}");
        for answer in &answers {
            assert!(answer.is_ok() || answer.code() == "deployment_running", "{}", answer.text);
        }
        saved += answers.iter().filter(|answer| answer.is_ok()).count();
        expected += 1;
    }
    check_history(h, expected + saved).await;
    let row = h.history().await.pop().unwrap();
    let dev = h.environment("dev").await;
    assert_eq!(dev["running"]["config_version"], row["config_version"]);
    assert_eq!(dev["running"]["release_id"], json!(next.id));
    assert!(saved > 0, "some saves found a gap");
}

/// Two hundred who save a value at once, without having looked, are all there, one after the other.
async fn two_hundred_savers_lose_nothing(h: &Harness) {
    h.has_parameters().await;
    let people = [h.reviewer(), h.second_reviewer(), h.manager(), h.admin()];
    let answers = join_all((0..200_usize).map(|n| {
        let person = &people[n % 4];
        async move { person.put(&h.config("/beds"), &json!({"value": 1_000 + n})).await.ok() }
    }))
    .await;
    let versions: BTreeSet<u64> = answers.iter().map(|a| a["config_version"].as_u64().unwrap()).collect();
    assert_eq!(versions, (2..=201).collect(), "each has a version of its own");
    check_history(h, 201).await;
    let rows = h.history().await;
    let value = |row: &Value, side: &str| row["parameters"]["beds"][side]["value"].clone();
    for pair in rows.windows(2).skip(1) {
        assert_eq!(value(&pair[1], "before"), value(&pair[0], "after"), "each saw the one before");
    }
    for (n, answer) in answers.iter().enumerate() {
        let row = rows.iter().find(|row| row["config_version"] == answer["config_version"]).unwrap();
        assert_eq!(value(row, "after"), 1_000 + n);
    }
    assert_eq!(h.runs_now().await.1["beds"], value(&rows[200], "after"));
}

/// Forty who add one to what they saw, each on the version that they saw, add forty.
async fn savers_who_look_first_overwrite_nothing_unseen(h: &Harness) {
    h.has_parameters().await;
    let people = [h.reviewer(), h.second_reviewer(), h.manager(), h.admin()];
    let refused = join_all((0..40_usize).map(|n| {
        let person = &people[n % 4];
        async move {
            let (mut base, mut beds, mut refused) = (1, 10, 0);
            loop {
                let answer = h.saves(person, base, json!({"beds": beds + 1})).await;
                if answer.is_ok() {
                    return refused;
                }
                let told = answer.refused(409, "stale_base");
                base = told["details"]["config_version"].as_u64().unwrap();
                beds = told["details"]["values"]["beds"].as_u64().unwrap();
                refused += 1;
            }
        }
    }))
    .await;
    assert!(refused.iter().sum::<u32>() >= 39, "all began with the same version");
    let (version, values) = h.runs_now().await;
    assert_eq!((version, &values["beds"]), (41, &json!(50)));
    check_history(h, 41).await;
}
