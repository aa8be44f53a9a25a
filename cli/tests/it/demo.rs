//! The demo, played and served.

use crate::common::{PATIENCE, Person, complaint, conman, demo, last_line, signal, started_until, text};
use conman_testkit::{ConmanCommand, MongoDatabase, PostgresDatabase};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use tokio::process::Command;

fn headless(temporary: &Path) -> ConmanCommand {
    conman(&["demo", "--headless", "--json"]).env("TMPDIR", temporary)
}

/// Plays the demo, and checks the object that it prints by itself, as far as it can be.
async fn plays(command: ConmanCommand) {
    let output = command.run(PATIENCE).await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", complaint(&output));
    let told = last_line(&output).unwrap();
    let keys: Vec<&str> = told.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["composed", "environments", "release_commit", "release_tag", "workers"]);
    let (tag, commit) = (text(&told, "/release_tag"), text(&told, "/release_commit"));
    assert!(tag.starts_with('r') && tag.ends_with(".1"), "{tag}");
    assert_eq!(commit.len(), 40);

    let composed: BTreeMap<String, Value> = serde_json::from_value(told["composed"].clone()).unwrap();
    assert_eq!(composed.len(), 14);
    let isolated: Vec<&Value> = composed.values().filter(|entry| entry["result"] != "merged").collect();
    assert_eq!(isolated.len(), 4, "{composed:?}");
    for entry in isolated {
        assert_eq!(entry["result"], "conflicted");
        let with = &composed[entry["with"].as_str().unwrap()];
        assert_eq!(with, &json!({"result": "merged"}), "it collides with one that is there");
        assert!(!entry["paths"].as_array().unwrap().is_empty(), "{entry}");
    }

    let environments = told["environments"].as_object().unwrap();
    assert_eq!(environments.keys().collect::<Vec<_>>(), ["dev", "prod", "staging"]);
    let trees: std::collections::BTreeSet<String> =
        environments.values().map(|running| text(running, "/tree_id")).collect();
    assert_eq!(trees.len(), 1, "the same tree everywhere: {environments:?}");

    let workers = told["workers"].as_object().unwrap();
    let followed: Vec<String> = workers.values().map(|worker| text(worker, "/environment")).collect();
    assert_eq!(followed, ["dev", "prod"]);
    for worker in workers.values() {
        assert_eq!(text(worker, "/release_tag"), tag);
        assert_eq!(worker["applied_version"], environments[&text(worker, "/environment")]["config_version"]);
        assert!(worker["applied_after_ms"].as_u64().unwrap() < 10_000, "{worker}");
    }
}

#[tokio::test]
async fn the_main_job_on_the_embedded_default() {
    let temporary = conman_testkit::folder().unwrap();
    plays(headless(temporary.path())).await;
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0, "the folder was to be thrown away");
}

#[tokio::test]
async fn the_main_job_on_mongodb_and_postgresql() {
    let (store, distribution) =
        (MongoDatabase::fresh().await.unwrap(), PostgresDatabase::fresh().await.unwrap());
    let temporary = conman_testkit::folder().unwrap();
    let command = headless(temporary.path());
    let command = command.args(["--store", store.url(), "--distribution", distribution.url()]);
    plays(command).await;
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0, "the folder was to be thrown away");
}

#[tokio::test]
async fn a_headless_demo_that_is_stopped_leaves_nothing() {
    let temporary = conman_testkit::folder().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_conman"));
    command.args(["demo", "--headless", "--json"]).env("TMPDIR", temporary.path());
    let mut child = started_until(command, "was imported").await;
    signal(&child, libc::SIGTERM);
    let status = tokio::time::timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(1), "it was not played");
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0, "the folder was to be thrown away");
}

#[tokio::test]
async fn a_served_demo_is_found_again() {
    let folder = conman_testkit::folder().unwrap();
    let mut server = demo(folder.path()).start().await.unwrap();
    let first = server.ready().clone();
    looks_like_a_week_of_work(&first).await;
    let mode = std::fs::metadata(folder.path().join("demo.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(server.stop().await.unwrap().code(), Some(0), "{}", server.log());

    server.restart().await.unwrap();
    let mut second = server.ready().clone();
    let url = text(&second, "/url");
    second["url"] = first["url"].clone();
    assert_eq!(first, second, "nothing was played again");
    for role in ["user", "reviewer", "config_manager", "app_admin"] {
        let account = &second["accounts"][role];
        let nobody = Person::nobody(&url);
        let login = json!({"email": account["email"], "password": account["password"]});
        let me = nobody.post("/api/auth/login", login).await.unwrap();
        assert_eq!(text(&me, "/memberships/0/role"), role);
        assert_eq!(me["memberships"][0]["app_id"], second["app_id"]);
    }
    assert!(server.stop().await.unwrap().success());

    // The accounts without the store that they are of, and the store without them, are no demo.
    std::fs::remove_dir_all(folder.path().join("store")).unwrap();
    let output = demo(folder.path()).run(PATIENCE).await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", complaint(&output));
    assert!(complaint(&output).contains("name that demo's store"), "{}", complaint(&output));
}

#[tokio::test]
async fn a_demo_that_is_stopped_half_way_ends_well_and_begins_anew() {
    let folder = conman_testkit::folder().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_conman"));
    command.args(["demo", "--serve", "--json", "--data"]).arg(folder.path());
    let mut child = started_until(command, "accepted their invites").await;
    signal(&child, libc::SIGINT);
    let status = tokio::time::timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0), "who is told to stop stops well");

    std::fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    let mut server = demo(folder.path()).start().await.unwrap();
    looks_like_a_week_of_work(server.ready()).await;
    assert_eq!(std::fs::read_to_string(folder.path().join("notes.txt")).unwrap(), "mine");
    assert!(server.stop().await.unwrap().success());
}

async fn looks_like_a_week_of_work(ready: &Value) {
    let manager = Person::of_demo(ready, "config_manager");
    let app = format!("/api/apps/{}", text(ready, "/app_id"));
    let changesets = manager.get(&format!("{app}/changesets?limit=100")).await.unwrap();
    let mut states = BTreeMap::new();
    for changeset in changesets["data"].as_array().unwrap() {
        *states.entry(text(changeset, "/state")).or_insert(0) += 1;
    }
    let expected =
        [("approved", 1), ("conflicted", 1), ("draft", 2), ("in_review", 3), ("queued", 2), ("released", 5)];
    assert_eq!(states, expected.map(|(state, count)| (state.to_owned(), count)).into());

    let releases = manager.get(&format!("{app}/releases")).await.unwrap();
    let states: Vec<String> =
        releases["data"].as_array().unwrap().iter().map(|r| text(r, "/state")).collect();
    assert_eq!(states, ["draft_release", "deployed_full"]);
    let environments = manager.get(&format!("{app}/environments")).await.unwrap();
    for environment in environments["data"].as_array().unwrap() {
        let name = text(environment, "/name");
        assert_eq!(ready["environments"][&name], environment["id"]);
        assert!(environment["running"]["release_tag"].is_string(), "{name} runs nothing");
        assert!(ready["service_tokens"][&name].is_string(), "{name} has no token");
    }
}

#[tokio::test]
async fn a_served_demo_on_mongodb_and_postgresql_is_found_again_after_a_kill() {
    let (store, distribution) =
        (MongoDatabase::fresh().await.unwrap(), PostgresDatabase::fresh().await.unwrap());
    let folder = conman_testkit::folder().unwrap();
    let command = demo(folder.path()).args(["--store", store.url(), "--distribution", distribution.url()]);
    let mut server = command.clone().start().await.unwrap();
    let first = server.ready().clone();
    server.kill().await.unwrap();
    server.restart().await.unwrap();
    assert_eq!(first["accounts"], server.ready()["accounts"]);
    looks_like_a_week_of_work(server.ready()).await;
    assert!(server.stop().await.unwrap().success());

    // Another folder knows nothing of the accounts in this store, and must not play into it.
    let elsewhere = conman_testkit::folder().unwrap();
    let other = demo(elsewhere.path()).args(["--store", store.url(), "--distribution", distribution.url()]);
    let output = other.run(PATIENCE).await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", complaint(&output));
    assert!(complaint(&output).contains("begin with an empty folder and store"), "{}", complaint(&output));
}
