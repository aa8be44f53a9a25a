//! What is configured and missing, or wrong, stops the start with one sentence.

use crate::common::{PATIENCE, complaint, conman, serve, signal};
use conman_testkit::ConmanCommand;
use std::time::{Duration, Instant};

async fn refused(command: ConmanCommand, words: &[&str]) {
    let begun = Instant::now();
    let output = command.run(PATIENCE).await.unwrap();
    let told = complaint(&output);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let sentences: Vec<&str> = told.lines().filter(|line| line.starts_with("conman: ")).collect();
    assert_eq!(sentences.len(), 1, "{told}");
    for word in words {
        assert!(told.contains(word), "`{word}` is not in: {told}");
    }
    assert!(!told.contains("s3cret"), "{told}");
    assert!(begun.elapsed() < Duration::from_secs(60), "it took {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_missing_store() {
    let folder = conman_testkit::folder().unwrap();
    let url = "mongodb://ada:s3cret@127.0.0.1:1/conman?replicaSet=rs0&serverSelectionTimeoutMS=1000";
    refused(serve(folder.path()).args(["--store", url]), &["the store mongodb://127.0.0.1:1/conman"]).await;
}

#[tokio::test]
async fn a_missing_distribution_database() {
    let folder = conman_testkit::folder().unwrap();
    let url = "postgres://ada:s3cret@127.0.0.1:1/conman";
    let words = ["the distribution database postgres://127.0.0.1:1/conman", "not reachable"];
    refused(serve(folder.path()).args(["--distribution", url]), &words).await;
}

#[tokio::test]
async fn a_missing_mail_server() {
    let folder = conman_testkit::folder().unwrap();
    let url = "smtp://ada:s3cret@127.0.0.1:1";
    refused(serve(folder.path()).env("CONMAN_SMTP_URL", url), &["the mail server smtp://127.0.0.1:1"]).await;
    refused(serve(folder.path()).env("CONMAN_SMTP_URL", "ada:s3cret@nowhere"), &["smtp://HOST:PORT"]).await;
}

#[tokio::test]
async fn a_folder_that_is_none() {
    let folder = conman_testkit::folder().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "precious").unwrap();
    refused(serve(&file), &["the data folder"]).await;
    refused(serve(&file.join("below")), &["the data folder"]).await;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
}

#[tokio::test]
async fn a_master_key_that_is_none() {
    let folder = conman_testkit::folder().unwrap();
    for (key, words) in [
        ("", "is empty"),
        ("s3cret", "is not base64"),
        ("c2hvcnQ=", "has 5 bytes"),
        ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "is an example"),
        ("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "is an example"),
    ] {
        refused(serve(folder.path()).env("CONMAN_MASTER_KEY", key), &["CONMAN_MASTER_KEY", words]).await;
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "something was begun");
    let demo = conman(&["demo", "--headless", "--json"]).env("CONMAN_MASTER_KEY", "c2hvcnQ=");
    refused(demo, &["CONMAN_MASTER_KEY", "has 5 bytes"]).await;

    let key = "q1Jm7xw0Zb4kN8sYt2uVfGhC5dE9aLpRoTiX3yQzWnM=";
    let mut server = serve(folder.path()).env("CONMAN_MASTER_KEY", key).start().await.unwrap();
    assert!(server.stop().await.unwrap().success());
    assert!(!server.log().contains(key) && !server.output().contains(key));
}

#[tokio::test]
async fn who_is_stopped_before_it_is_ready_stops_at_once() {
    let folder = conman_testkit::folder().unwrap();
    // Never answers, so the start waits for it.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://ada@{}/conman", silent.local_addr().unwrap());
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_conman"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--distribution", &url, "--data"]).arg(folder.path());
    let mut child = command.kill_on_drop(true).stderr(std::process::Stdio::null()).spawn().unwrap();
    let (_connection, _) = silent.accept().await.unwrap();
    signal(&child, libc::SIGTERM);
    let status = tokio::time::timeout(Duration::from_secs(20), child.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn the_demo_says_it_as_well() {
    let demo =
        conman(&["demo", "--headless", "--json", "--distribution", "postgres://ada:s3cret@127.0.0.1:1/x"]);
    refused(demo, &["no database can be made beside the given one"]).await;
}
