//! Workers as people see them: how far each has come, who ran a version, and going back when they refuse one.

use crate::harness::Harness;
use conman_distribution::WorkerReport;
use conman_domain::id::{AppId, EnvironmentId};
use futures::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

on_both! {
    workers_are_seen_beside_what_is_active,
    a_deployment_that_workers_refuse_is_taken_back_once,
}

embedded! {
    a_freeze_holds_back_what_would_go_back_by_itself,
}

impl Harness {
    fn dev(&self) -> (AppId, EnvironmentId) {
        (self.app.parse().unwrap(), self.environments["dev"].parse().unwrap())
    }

    /// A report of a worker of `dev` which runs a version, with some fields of its own.
    pub(crate) async fn report_of(
        &self,
        session: Uuid,
        name: &str,
        version: u64,
        own: Value,
    ) -> WorkerReport {
        let config = self.admin().get(&self.config("")).await.ok();
        let now = self.workflow.now().await.unwrap().to_string();
        let mut applied = json!({"config_version": version, "applied_at": now});
        for field in ["release_tag", "release_commit", "tree_id", "profile_revision"] {
            applied[field] = config[field].clone();
        }
        let mut report = json!({
            "session_id": session, "name": name, "library": "tests/1", "started_at": "2020-01-01T00:00:00.000Z",
            "applied": if version == 0 { Value::Null } else { applied }, "last_notify_at": null,
            "heartbeat_at": now, "problem": null, "stopped": false,
        });
        report.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        serde_json::from_value(report).unwrap()
    }

    /// Has a worker of `dev` say that.
    pub(crate) async fn worker_says(&self, session: Uuid, name: &str, version: u64, own: Value) {
        let (app, environment) = self.dev();
        let report = self.report_of(session, name, version, own).await;
        self.workflow.report(app, environment, report).await.unwrap();
    }

    /// Has every environment go back where so many workers refuse what was deployed; answers the stages as they are set.
    async fn goes_back_by_itself(&self, refusals: u32) -> Vec<Value> {
        let admin = self.admin();
        let stages = admin.get(&admin.at("/environments")).await.ok();
        let stages: Vec<Value> = stages["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| {
                let (id, name, canonical) = (&e["id"], &e["name"], &e["canonical"]);
                json!({"id": id, "name": name, "canonical": canonical, "rollback_when_refused_by": refusals})
            })
            .collect();
        admin.patch(&admin.at("/environments"), &json!({"environments": stages})).await.ok();
        stages
    }

    async fn of_dev(&self, below: &str) -> Value {
        let reader = self.author();
        reader.get(&reader.at(&format!("/environments/{}{below}", self.environments["dev"]))).await.ok()
    }
}

fn refusal(version: u64) -> Value {
    json!({"refused": {"version": version, "reason": "low is too low", "at": "2026-01-01T00:00:02.000Z"}})
}

fn names(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|worker| worker["name"].as_str().unwrap()).collect()
}

async fn workers_are_seen_beside_what_is_active(h: &Harness) {
    h.has_parameters().await;
    let workers = h.of_dev("/workers").await;
    assert_eq!(workers, json!({"active_version": 1, "data": []}));
    let sessions: Vec<Uuid> = (0..6).map(|_| Uuid::now_v7()).collect();
    for (session, name) in sessions.iter().zip(["a", "b", "c", "d", "e"]) {
        h.worker_says(*session, name, 1, json!({})).await;
    }
    assert!(h.saves(&h.manager(), 1, json!({"beds": 4711})).await.is_ok());
    let pending = json!({"pending": [{"name": "beds", "boundary": "position_close"}]});
    h.worker_says(sessions[1], "b", 2, pending).await;
    h.worker_says(sessions[2], "c", 2, json!({"restart_required": ["beds"]})).await;
    h.worker_says(sessions[3], "d", 1, refusal(2)).await;
    h.worker_says(sessions[4], "e", 2, json!({"stopped": true})).await;
    h.worker_says(sessions[5], "f", 2, json!({"forbidden_applications": 1})).await;
    let workers = h.of_dev("/workers").await;
    let seen: Vec<_> = workers["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|w| {
            (w["name"].as_str().unwrap(), w["state"].as_str().unwrap(), w["lag_versions"].as_u64().unwrap())
        })
        .collect();
    let expected = [
        ("a", "lagging", 1),
        ("b", "waiting", 0),
        ("c", "restart_required", 0),
        ("d", "refused", 1),
        ("e", "stopped", 0),
        ("f", "current", 0),
    ];
    assert_eq!((seen, &workers["active_version"]), (expected.to_vec(), &json!(2)), "{workers}");
    let worker = |at: usize| &workers["data"][at];
    assert!(worker(0)["lag_seconds"].as_f64().unwrap() > 0.0 && worker(5)["lag_seconds"] == 0.0, "{workers}");
    assert_eq!(worker(1)["pending"], json!([{"name": "beds", "boundary": "position_close"}]));
    assert_eq!(
        (&worker(3)["refused"]["version"], &worker(3)["applied"]["config_version"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(worker(5)["forbidden_applications"], 1);

    // Who ran what; the same report again adds nothing, and nobody ran what never was.
    h.worker_says(sessions[5], "f", 2, json!({})).await;
    h.worker_says(Uuid::now_v7(), "liar", 99, json!({"stopped": true})).await;
    assert_eq!(names(&h.of_dev("/history/1/workers").await), ["a", "b", "c", "d", "e"]);
    assert_eq!(names(&h.of_dev("/history/2/workers").await), ["b", "c", "e", "f"]);
    let reader = h.author();
    for version in ["3", "99", "0", "-1", "x", "4294967296"] {
        let path = reader.at(&format!("/environments/{}/history/{version}/workers", h.environments["dev"]));
        reader.get(&path).await.refused(404, "not_found");
    }

    // A deployment tells how many have come how far with its version.
    let release = h.released(&[("pages/r.yml", "name: r\n")]).await;
    let deployment = h.deploys(&release, "dev").await;
    h.worker_says(sessions[0], "a", 3, json!({})).await;
    let path = reader.at(&format!("/deployments/{}", deployment["id"].as_str().unwrap()));
    let told = reader.get(&path).await.ok();
    let reach = json!({
        "workers": 5, "applied": 1, "waiting": 1, "waiting_for_cycle": 0, "waiting_for_close": 1,
        "restart_required": 0, "refused": 0, "lagging": 3,
    });
    assert_eq!((&told["workers"], &told["rolls_back"]), (&reach, &json!(null)), "{told}");
}

async fn a_deployment_that_workers_refuse_is_taken_back_once(h: &Harness) {
    h.has_parameters().await;
    let first = h.environment("dev").await["running"]["release_id"].clone();
    let admin = h.admin();
    let stages = h.goes_back_by_itself(2).await;
    // Who does not speak of it leaves it as it is.
    let silent: Vec<Value> = stages
        .iter()
        .map(|s| json!({"id": s["id"], "name": s["name"], "canonical": s["canonical"]}))
        .collect();
    admin.patch(&admin.at("/environments"), &json!({"environments": silent})).await.ok();
    assert_eq!(h.environment("dev").await["rollback_when_refused_by"], 2);

    // Values that were saved are people's to take back.
    let (one, two) = (Uuid::now_v7(), Uuid::now_v7());
    assert!(h.saves(&h.manager(), 1, json!({"beds": 4711})).await.is_ok());
    h.worker_says(one, "one", 1, refusal(2)).await;
    h.worker_says(two, "two", 1, refusal(2)).await;
    assert_eq!(h.workflow.roll_back_refused().await.unwrap(), 0);

    let release = h.released(&[("pages/r.yml", "name: r\n")]).await;
    let refused = h.deploys(&release, "dev").await;
    assert_eq!(refused["config_version"], 3);
    h.worker_says(one, "one", 2, refusal(3)).await;
    assert_eq!(h.workflow.roll_back_refused().await.unwrap(), 0, "one refusal is not enough");
    // The second one is written by the worker itself, and several servers see it at once.
    let (app, environment) = h.dev();
    let report = h.report_of(two, "two", 2, refusal(3)).await;
    h.workflow.distribution().report(app, environment, report).await.unwrap();
    let other = h.another_server(h.workflow.distribution().clone()).await;
    let looks = [&h.workflow, &other, &h.workflow, &other].map(|workflow| workflow.roll_back_refused());
    join_all(looks).await.into_iter().for_each(|look| assert!(look.unwrap() <= 1));
    h.until("it has gone back", || async {
        (h.environment("dev").await["running"]["release_id"] == first).then_some(())
    })
    .await;
    h.is_quiet().await;
    let deployments = h.all("/deployments").await;
    let back: Vec<&Value> = deployments.iter().filter(|d| d["rolls_back"] == refused["id"]).collect();
    assert_eq!(back.len(), 1, "{deployments:?}");
    assert_eq!((&back[0]["kind"], &back[0]["state"]), (&json!("redeploy"), &json!("succeeded")));
    assert_eq!(h.release(&release).await["state"], "rolled_back");
    let id = back[0]["id"].as_str().unwrap();
    let audit = admin.get(&format!("/api/audit?app={}&entity={id}", h.app)).await.ok();
    let events = audit["data"].as_array().unwrap();
    assert!(events.iter().any(|e| e["action"] == "deployment.rollback_started"), "{audit}");
    assert!(
        events.iter().all(|e| e["actor"] == "system") && !audit.to_string().contains("too low"),
        "{audit}"
    );
    let mails = h.all("/api/outbox").await;
    assert!(mails.iter().any(|mail| mail["event"] == "deployment.rollback_started"), "{mails:?}");
    let history = h.of_dev("/history").await;
    assert_eq!(
        (&history["data"][0]["kind"], &history["data"][0]["changed_by"]),
        (&json!("redeployment"), &json!("system"))
    );

    // What went back is left alone, whoever refuses it.
    h.worker_says(one, "one", 2, refusal(4)).await;
    h.worker_says(two, "two", 2, refusal(4)).await;
    assert_eq!(h.workflow.roll_back_refused().await.unwrap(), 0);
    assert_eq!(h.all("/deployments").await.len(), deployments.len());
}

/// Nothing changes in a frozen environment, also not for the better; it goes back once the freeze is over.
async fn a_freeze_holds_back_what_would_go_back_by_itself(h: &Harness) {
    h.has_parameters().await;
    let first = h.environment("dev").await["running"]["release_id"].clone();
    h.goes_back_by_itself(1).await;
    let release = h.released(&[("pages/r.yml", "name: r\n")]).await;
    let refused = h.deploys(&release, "dev").await;
    let window = h.freezes_now("dev").await.ok();
    h.worker_says(Uuid::now_v7(), "one", 1, refusal(2)).await;
    assert_eq!(h.workflow.roll_back_refused().await.unwrap(), 0);
    assert!(h.all("/deployments").await.iter().all(|d| d["rolls_back"] == Value::Null));
    h.thaws("dev", &window).await;
    assert_eq!(h.workflow.roll_back_refused().await.unwrap(), 1);
    h.until("it has gone back", || async {
        (h.environment("dev").await["running"]["release_id"] == first).then_some(())
    })
    .await;
    assert!(h.all("/deployments").await.iter().any(|d| d["rolls_back"] == refused["id"]));
}
