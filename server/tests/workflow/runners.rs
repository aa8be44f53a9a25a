//! Several job runners on one store, and runners that die.

use crate::harness::{Harness, Trouble, Troubled};
use conman_domain::job::{Job, JobLog};
use conman_jobs::{Runner, RunnerConfig};
use conman_store::Query;
use conman_store::collections::{JOB_BY_APP, JOB_LOG_BY_JOB};
use futures::future::join_all;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

on_both! {
    runners: 0;
    runners_share_the_work,
    a_dead_runner_is_replaced,
    a_stopping_runner_gives_its_jobs_back,
    broken_work_is_tried_again,
    work_that_is_stopped_between_attempts_is_settled,
}

/// A lease that a runner which works keeps, however busy the machine is.
const LEASE: Duration = Duration::from_secs(15);
/// The lease of a runner that dies: the test waits for its end.
const SHORT_LEASE: Duration = Duration::from_secs(3);

async fn jobs(h: &Harness) -> Vec<Job> {
    let found = h.workflow.store().find(Query::<Job>::on(&JOB_BY_APP).eq(h.app.as_str())).await.unwrap();
    found.items.into_iter().map(|job| job.doc).collect()
}

/// A runner in a runtime of its own, which can be killed with all that it does.
struct Doomed {
    runtime: tokio::runtime::Runtime,
}

impl Doomed {
    fn starts(workflow: conman_workflow::Workflow) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let config = RunnerConfig {
            lease: SHORT_LEASE,
            poll: Duration::from_millis(50),
            ..RunnerConfig::named("doomed")
        };
        runtime.spawn(Runner::new(workflow, config).run(CancellationToken::new()));
        Self { runtime }
    }

    /// Drops every task where it stands, as a killed process does.
    fn dies(self) {
        self.runtime.shutdown_background();
    }
}

/// Several runners share the work, and each job is done once.
async fn runners_share_the_work(h: &Harness) {
    for name in ["one", "two", "three"] {
        let server = h.another_server(h.workflow.distribution().clone()).await;
        let runner = h.runs(&server, name, LEASE);
        h.keeps(runner);
    }
    let changes = join_all((0..12).map(|n| {
        let person = if n % 2 == 0 { h.author() } else { h.second_author() };
        let path = format!("pages/p{n}.yml");
        async move { person.edits(&path, "name: p\n").submits().await }
    }))
    .await;
    for change in &changes {
        h.approved_and_queued(change).await;
    }
    let (release, now) = h.composed(&changes.iter().collect::<Vec<_>>()).await;
    assert_eq!(now["state"], "validated");
    h.publishes(&release).await;
    h.deploys(&release, "dev").await;
    h.is_quiet().await;
    for change in &changes {
        let events = h.audited(&change.id).await;
        assert_eq!(events.iter().filter(|event| *event == "changeset.in_review").count(), 1);
    }
    for job in jobs(h).await {
        let again = ["send_notification"].contains(&job.work.name());
        assert!(job.attempt == 1 || again, "{:?} was tried {} times", job.work, job.attempt);
        let query = Query::<JobLog>::on(&JOB_LOG_BY_JOB).eq(job.id.to_string());
        let lines = h.workflow.store().find(query).await.unwrap().items;
        assert!(lines.iter().all(|line| line.doc.attempt == job.attempt));
    }
}

/// A runner that dies in the middle of a deployment, before or after the snapshot was written: another takes the job
/// over when the lease has ended, and the deployment happens once.
async fn a_dead_runner_is_replaced(h: &Harness) {
    let runner = h.runs(&h.workflow, "first", LEASE);
    let release = h.released(&[("pages/a.yml", "name: a\n")]).await;
    h.is_quiet().await;
    runner.stops().await;
    for (round, writes) in [false, true].into_iter().enumerate() {
        let stalled = Troubled::new(h.workflow.distribution().clone(), Trouble::Stalls, writes);
        let doomed = Doomed::starts(h.another_server(stalled.clone()).await);
        let asked = h.manager().asks_to_deploy(&release, "dev").await;
        tokio::time::timeout(Duration::from_secs(20), stalled.reached.notified())
            .await
            .expect("it comes to the snapshot");
        let held = jobs(h)
            .await
            .into_iter()
            .find(|job| !job.status.is_finished() && job.work.name() == "deploy_release")
            .unwrap();
        assert_eq!((held.status.name(), held.attempt), ("running", 1));
        doomed.dies();
        // Who asks again meanwhile is told that one is under way.
        h.manager().asks_to_deploy(&release, "dev").await.refused(409, "deployment_active");
        let second = h.runs(&h.workflow, "second", LEASE);
        let ended = h.deployment_ends(asked).await;
        assert_eq!(
            (&ended["state"], &ended["config_version"]),
            (&json!("succeeded"), &json!(round + 1)),
            "{ended}"
        );
        h.is_quiet().await;
        let id = held.id;
        let taken = jobs(h).await.into_iter().find(|job| job.id == id).unwrap();
        assert_eq!((taken.status.name(), taken.attempt), ("succeeded", 2));
        let logs = h.author().get(&h.author().at(&format!("/jobs/{id}/logs"))).await.ok();
        let attempts: Vec<_> =
            logs["data"].as_array().unwrap().iter().map(|line| line["attempt"].as_u64().unwrap()).collect();
        assert!(attempts.contains(&1) && attempts.contains(&2), "{attempts:?}");
        let events = h.audited(ended["id"].as_str().unwrap()).await;
        assert_eq!(events, ["deployment.requested", "deployment.started", "deployment.succeeded"]);
        let history = h.all(&format!("/environments/{}/history", h.environments["dev"])).await;
        assert_eq!(history.len(), round + 1, "the snapshot is there once");
        second.stops().await;
    }
    let last = h.runs(&h.workflow, "last", LEASE);
    h.keeps(last);
}

/// A runner that is told to stop lets its jobs end, and gives back those that do not end in time.
async fn a_stopping_runner_gives_its_jobs_back(h: &Harness) {
    let runner = h.runs(&h.workflow, "first", Duration::from_secs(60));
    let release = h.released(&[("pages/a.yml", "name: a\n")]).await;
    h.is_quiet().await;
    runner.stops().await;
    let stalled = Troubled::new(h.workflow.distribution().clone(), Trouble::Stalls, false);
    let server = h.another_server(stalled.clone()).await;
    let shutdown = CancellationToken::new();
    let grace = Duration::from_millis(300);
    let config = RunnerConfig { lease: Duration::from_secs(60), grace, ..RunnerConfig::named("slow") };
    let slow = tokio::spawn(Runner::new(server, config).run(shutdown.clone()));
    let asked = h.manager().asks_to_deploy(&release, "dev").await;
    tokio::time::timeout(Duration::from_secs(20), stalled.reached.notified())
        .await
        .expect("it comes to the snapshot");
    shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(10), slow).await.expect("it stops after its grace").unwrap();
    let given_back: BTreeMap<_, _> = jobs(h)
        .await
        .into_iter()
        .filter(|job| !job.status.is_finished())
        .map(|job| (job.work.name(), job.status.name()))
        .collect();
    assert_eq!(
        given_back.get("deploy_release"),
        Some(&"queued"),
        "at once, not when its lease of a minute ends"
    );
    let next = h.runs(&h.workflow, "next", LEASE);
    h.keeps(next);
    assert_eq!(h.deployment_ends(asked).await["state"], "succeeded");
}

/// Work that breaks is tried again, later each time; whether it had got through or not, it happens once.
async fn broken_work_is_tried_again(h: &Harness) {
    let runner = h.runs(&h.workflow, "first", LEASE);
    let release = h.released(&[("pages/a.yml", "name: a\n")]).await;
    h.is_quiet().await;
    runner.stops().await;
    for (round, (writes, times)) in [(false, 2), (true, 1)].into_iter().enumerate() {
        let troubled = Troubled::new(h.workflow.distribution().clone(), Trouble::Breaks(times), writes);
        let server = h.another_server(troubled).await;
        let runner = h.runs(&server, "patient", LEASE);
        let asked = h.manager().asks_to_deploy(&release, "dev").await;
        let ended = h.deployment_ends(asked).await;
        assert_eq!(
            (&ended["state"], &ended["config_version"]),
            (&json!("succeeded"), &json!(round + 1)),
            "{ended}"
        );
        h.is_quiet().await;
        let job = jobs(h)
            .await
            .into_iter()
            .filter(|job| job.work.name() == "deploy_release")
            .max_by_key(|job| job.created_at)
            .unwrap();
        assert_eq!((job.status.name(), job.attempt), ("succeeded", times + 1));
        let logs = h.author().get(&h.author().at(&format!("/jobs/{}/logs", job.id))).await.ok();
        let broke = logs["data"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|line| line["message"].as_str().unwrap().starts_with("Broke in attempt"))
            .count();
        assert_eq!(broke as u32, times);
        assert!(
            !logs.to_string().contains("the line is cut"),
            "what broke inside is for the server's own log: {logs}"
        );
        let history = h.all(&format!("/environments/{}/history", h.environments["dev"])).await;
        assert_eq!(history.len(), round + 1, "the snapshot is there once");
        runner.stops().await;
    }
}

/// A deployment that is stopped after it broke is what the distribution database says that it is.
async fn work_that_is_stopped_between_attempts_is_settled(h: &Harness) {
    let runner = h.runs(&h.workflow, "first", LEASE);
    let release = h.released(&[("pages/a.yml", "name: a\n")]).await;
    h.is_quiet().await;
    runner.stops().await;
    for writes in [false, true] {
        let troubled = Troubled::new(h.workflow.distribution().clone(), Trouble::Breaks(3), writes);
        let server = h.another_server(troubled).await;
        let runner = h.runs(&server, "patient", LEASE);
        let asked = h.manager().asks_to_deploy(&release, "dev").await.ok();
        let waits = async || {
            let queued = h.all("/jobs?type=deploy_release&state=queued").await;
            queued.first().filter(|job| job["attempt"] != 0).cloned()
        };
        let job = h.until("the job waits for its next attempt", waits).await;
        let cancel = h.manager().at(&format!("/jobs/{}/cancel", job["id"].as_str().unwrap()));
        // It may run again by now, and then it stops at its next decision, if it has one left.
        h.manager().post(&cancel, &json!({})).await;
        h.is_quiet().await;
        let path = h.manager().at(&format!("/deployments/{}", asked["id"].as_str().unwrap()));
        let ended = h.manager().get(&path).await.ok();
        let history = h.all(&format!("/environments/{}/history", h.environments["dev"])).await;
        let written = history.iter().any(|row| row["source_id"] == asked["id"]);
        assert_eq!(ended["state"], if written { "succeeded" } else { "failed" }, "{ended}");
        let dev = h.environment("dev").await;
        assert_eq!(dev["active_deployment"], json!(null));
        let newest = history.first().map_or(json!(null), |row| row["config_version"].clone());
        assert_eq!(dev["running"]["config_version"], newest);
        runner.stops().await;
    }
}
