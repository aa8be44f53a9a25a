//! The pipeline as a picture: what stages run and take next, what holds that, and where each release was deployed.

use crate::harness::Harness;
use serde_json::{Value, json};
use uuid::Uuid;

on_both! {
    the_pipeline_tells_what_runs_and_what_comes_next,
    the_pipeline_tells_what_holds_a_release,
    releases_stand_by_where_they_were_deployed,
}

impl Harness {
    async fn pipeline(&self, query: &str) -> Value {
        self.manager().get(&self.manager().at(&format!("/pipeline{query}"))).await.ok()
    }
}

fn next(pipeline: &Value, stage: usize) -> (&Value, &Value) {
    let next = &pipeline["stages"][stage]["next"];
    (&next["tag"], &next["held"]["by"])
}

/// Each stage takes what the one before runs, the first one the newest release; workers, drift and who deployed are told.
async fn the_pipeline_tells_what_runs_and_what_comes_next(h: &Harness) {
    let none = json!(null);
    let empty = h.pipeline("").await;
    assert_eq!(empty["stages"].as_array().unwrap().len(), 3);
    assert_eq!((&empty["data"], &empty["total"]), (&json!([]), &json!(0)));
    for stage in 0..3 {
        assert_eq!(next(&empty, stage), (&none, &none));
        assert_eq!(empty["stages"][stage]["deployment"], none);
    }
    let first = h.released(&[("pages/a.yml", "name: a\n")]).await;
    let tag = |release: &Value| release["tag"].clone();
    let (old, published) = (tag(&h.release(&first).await), h.pipeline("").await);
    assert_eq!(next(&published, 0), (&old, &none), "the first stage takes the newest release");
    assert_eq!(next(&published, 1), (&none, &none), "the stage before runs nothing");
    h.deploys(&first, "dev").await;
    let second = h.released(&[("pages/b.yml", "name: b\n")]).await;
    let new = tag(&h.release(&second).await);
    let seen = h.pipeline("").await;
    assert_eq!((next(&seen, 0).0, next(&seen, 1).0), (&new, &old));
    assert_eq!(seen["stages"][0]["deployment"]["requested_by"]["name"], "Mona");
    assert_eq!(seen["stages"][0]["workers"], json!({}));
    h.promotes("staging").await;
    assert_eq!(next(&h.pipeline("").await, 1), (&none, &none), "it runs what the stage before runs");

    h.worker_says(Uuid::now_v7(), "one", 1, json!({})).await;
    h.worker_says(Uuid::now_v7(), "two", 1, json!({"stopped": true})).await;
    let wait = json!({"pending": [{"name": "beds", "boundary": "decision_cycle_end"}]});
    h.worker_says(Uuid::now_v7(), "three", 1, wait).await;
    let running = h.environment("dev").await["running"]["profile_revision"].clone();
    h.sets_variables("dev", json!({"beds": 11})).await.ok();
    let seen = h.pipeline("").await;
    assert_eq!(
        seen["stages"][0]["workers"],
        json!({"current": 1, "waiting": 1}),
        "who stopped is not counted"
    );
    assert_ne!(seen["stages"][0]["profile_revision"], running, "what does not run yet is drift");
}

/// What this person may not do, a deployment under way and a freeze each hold what could be put on a stage.
async fn the_pipeline_tells_what_holds_a_release(h: &Harness) {
    let release = h.released(&[("pages/a.yml", "name: a\n")]).await;
    let as_author = h.author().get(&h.author().at("/pipeline")).await.ok();
    assert_eq!(next(&as_author, 0).1, "role");
    let reason = as_author["stages"][0]["next"]["held"]["reason"].as_str().unwrap();
    assert!(reason.contains("config manager"), "{reason}");
    h.deploys(&release, "dev").await;
    let window = h.freezes_now("staging").await.ok();
    assert_eq!(next(&h.pipeline("").await, 1).1, "freeze");
    h.thaws("staging", &window).await;
    assert_eq!(next(&h.pipeline("").await, 1).1, &json!(null));
    // Prod takes what staging runs; a deployment that leaves staging out waits for approvals meanwhile.
    h.promotes("staging").await;
    let newer = h.released(&[("pages/b.yml", "name: b\n")]).await;
    let asked = h.manager().asks_to_deploy(&newer, "prod").await.ok();
    assert_eq!(next(&h.pipeline("").await, 2).1, "deployment");
    let cancel = h.manager().at(&format!("/deployments/{}/cancel", asked["id"].as_str().unwrap()));
    h.manager().post(&cancel, &json!({})).await.ok();
    assert_eq!(next(&h.pipeline("").await, 2).1, &json!(null));
}

/// Releases stand newest first, each with its newest deployment on each stage, in the order of stages; drafts are left out.
async fn releases_stand_by_where_they_were_deployed(h: &Harness) {
    let first = h.released(&[("pages/a.yml", "name: a\n")]).await;
    h.deploys(&first, "dev").await;
    h.promotes("staging").await;
    let second = h.released(&[("pages/b.yml", "name: b\n")]).await;
    h.deploys(&second, "dev").await;
    let back = h.manager().asks_to_go_back(&first, "dev").await;
    let back = h.deployment_ends(back).await;
    let asked = h.manager().asks_to_deploy(&second, "prod").await.ok();
    h.manager().post(&h.manager().at("/releases"), &json!({"changeset_ids": []})).await.ok();
    let seen = h.pipeline("").await;
    let rows: Vec<_> = seen["data"].as_array().unwrap().iter().map(|row| &row["release_id"]).collect();
    assert_eq!((rows, &seen["total"]), (vec![&json!(second.id), &json!(first.id)], &json!(2)));
    let cells = |row: usize| -> Vec<(Value, Value)> {
        let cells = seen["data"][row]["deployments"].as_array().unwrap();
        cells.iter().map(|cell| (cell["environment_id"].clone(), cell["state"].clone())).collect()
    };
    let id = |name: &str| json!(h.environments[name]);
    assert_eq!(cells(0), [(id("dev"), json!("succeeded")), (id("prod"), json!("pending"))]);
    assert_eq!(cells(1), [(id("dev"), json!("succeeded")), (id("staging"), json!("succeeded"))]);
    assert_eq!(seen["data"][1]["deployments"][0]["id"], back["id"], "the newest one of the two");
    assert_eq!(seen["data"][0]["published_by"]["name"], "Mona");
    let page = h.pipeline("?page=2&limit=1").await;
    assert_eq!((&page["data"][0]["release_id"], &page["page"]), (&json!(first.id), &json!(2)));
    let cancel = h.manager().at(&format!("/deployments/{}/cancel", asked["id"].as_str().unwrap()));
    h.manager().post(&cancel, &json!({})).await.ok();
}
