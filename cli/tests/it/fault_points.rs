//! Dying at a fault point, as the crash tests have it.

use crate::common::{PATIENCE, complaint, conman, demo};
use std::os::unix::process::ExitStatusExt as _;

const KILLED: i32 = 9;

#[tokio::test]
async fn the_process_dies_where_it_is_told_to() {
    let folder = conman_testkit::folder().unwrap();
    let command = conman(&["demo", "--headless", "--json"]).env("TMPDIR", folder.path());
    let output = command.env("CONMAN_KILL_AT", "publish.after_tag").run(PATIENCE).await.unwrap();
    assert_eq!(output.status.signal(), Some(KILLED), "{}", complaint(&output));
    let told = complaint(&output);
    assert!(told.contains("the release was composed") && !told.contains("was published"), "{told}");
}

#[tokio::test]
async fn the_process_dies_at_the_pass_that_it_is_told() {
    let folder = conman_testkit::folder().unwrap();
    let command = demo(folder.path()).env("CONMAN_KILL_AT", "deploy.after_activate:3");
    let output = command.run(PATIENCE).await.unwrap();
    assert_eq!(output.status.signal(), Some(KILLED), "{}", complaint(&output));
    // Two deployments were finished, and what was not is not taken for a demo: it begins anew.
    let mut again = demo(folder.path()).start().await.unwrap();
    assert!(again.ready()["accounts"].is_object());
    assert!(!folder.path().join("demo.unfinished").exists());
    assert!(again.stop().await.unwrap().success());
}

#[tokio::test]
async fn unknown_fault_points_stop_the_start() {
    for wrong in ["publish.nowhere", "publish.after_tag:x"] {
        let output = conman(&["openapi"]).env("CONMAN_KILL_AT", wrong).run(PATIENCE).await.unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", complaint(&output));
    }
}
