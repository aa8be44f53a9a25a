//! `conman worker run` beside a served demo.

use crate::common::{PATIENCE, Person, complaint, conman, demo, text};
use conman_testkit::{ConmanProcess, PostgresDatabase};
use serde_json::{Value, json};

/// Waits for a line of JSON about a version.
async fn version(worker: &mut ConmanProcess, version: u64) -> Value {
    worker
        .line(PATIENCE, |line| {
            let line: Value = serde_json::from_str(line).ok()?;
            (line["config_version"] == version).then_some(line)
        })
        .await
        .unwrap()
}

/// Publishes the release that is in the making and deploys it to dev; answers its tag.
async fn deploys_the_next(ready: &Value) -> String {
    let manager = Person::of_demo(ready, "config_manager");
    let app = format!("/api/apps/{}", text(ready, "/app_id"));
    let releases = manager.get(&format!("{app}/releases?state=draft_release")).await.unwrap();
    let id = text(&releases, "/data/0/id");
    let release = format!("{app}/releases/{id}");
    for (verb, body, state) in
        [("assemble", json!({"on_isolation": "continue"}), "validated"), ("publish", json!({}), "published")]
    {
        manager.post(&format!("{release}/{verb}"), body).await.unwrap();
        manager.until(&release, |release| release["state"] == state).await.unwrap();
    }
    let dev = text(ready, "/environments/dev");
    manager.post(&format!("{app}/environments/{dev}/deploy"), json!({"release_id": id})).await.unwrap();
    text(&manager.get(&release).await.unwrap(), "/tag")
}

#[tokio::test]
async fn a_worker_prints_each_version_over_the_server_and_from_the_database() {
    let distribution = PostgresDatabase::fresh().await.unwrap();
    let folder = conman_testkit::folder().unwrap();
    let command = demo(folder.path()).args(["--distribution", distribution.url()]);
    let mut server = command.start().await.unwrap();
    let ready = server.ready().clone();
    let (url, token, app) =
        (text(&ready, "/url"), text(&ready, "/service_tokens/dev"), text(&ready, "/app_id"));
    let dev = text(&ready, "/environments/dev");

    let over_http = conman(&["worker", "run", "-o", "json", "--name", "over-http", "--server", &url]);
    let mut over_http = over_http.env("CONMAN_TOKEN", &token).start().await.unwrap();
    let direct = ["worker", "run", "-o", "json", "--distribution", distribution.url(), "--app", &app];
    let mut direct = conman(&direct).args(["--environment", &dev]).start().await.unwrap();
    let first = version(&mut over_http, 1).await;
    assert_eq!(first["tree_id"], version(&mut direct, 1).await["tree_id"]);

    let tag = deploys_the_next(&ready).await;
    for worker in [&mut over_http, &mut direct] {
        let second = version(worker, 2).await;
        assert_eq!(text(&second, "/release_tag"), tag);
        assert_ne!(second["tree_id"], first["tree_id"]);
        assert!(second["applied_after_ms"].as_i64().unwrap() < 10_000, "{second}");
    }
    let manager = Person::of_demo(&ready, "config_manager");
    let workers = format!("/api/apps/{app}/environments/{dev}/workers");
    let all_report = |workers: &Value| workers["data"].as_array().is_some_and(|all| all.len() == 2);
    manager.until(&workers, all_report).await.unwrap();

    for mut worker in [over_http, direct] {
        assert_eq!(worker.stop().await.unwrap().code(), Some(0), "{}", worker.log());
        let seen = worker.output() + &worker.log();
        assert!(!seen.contains(&token), "{seen}");
    }

    let table =
        conman(&["worker", "run", "--server", &url, "--token", "csvc_wrong"]).run(PATIENCE).await.unwrap();
    assert_eq!(table.status.code(), Some(1));
    assert!(complaint(&table).contains("refuses this worker"), "{}", complaint(&table));
    assert!(server.stop().await.unwrap().success());
}

#[tokio::test]
async fn a_worker_outlives_its_server() {
    let folder = conman_testkit::folder().unwrap();
    // A port of its own, so that the server comes back at the same address.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let command = conman(&["demo", "--serve", "--json", "--listen", &port, "--data"]).arg(folder.path());
    let mut server = command.start().await.unwrap();
    let ready = server.ready().clone();
    let (url, token) = (text(&ready, "/url"), text(&ready, "/service_tokens/dev"));
    let worker = conman(&["worker", "run", "-o", "json", "--server", &url, "--token", &token]);
    let mut worker = worker.start().await.unwrap();
    version(&mut worker, 1).await;

    server.kill().await.unwrap();
    server.restart().await.unwrap();
    let tag = deploys_the_next(&ready).await;
    assert_eq!(text(&version(&mut worker, 2).await, "/release_tag"), tag);
    assert_eq!(worker.stop().await.unwrap().code(), Some(0), "{}", worker.log());
    assert!(server.stop().await.unwrap().success());
}
