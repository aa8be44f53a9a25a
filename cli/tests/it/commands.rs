//! The commands that need no server, and what calling wrongly gives.

use crate::common::{PATIENCE, complaint, conman, serve, text};
use serde_json::Value;

#[tokio::test]
async fn openapi_prints_the_committed_description() {
    let output = conman(&["openapi"]).run(PATIENCE).await.unwrap();
    assert_eq!(output.status.code(), Some(0));
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(text(&printed, "/openapi"), "3.1.0");
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
    let committed = std::fs::read_to_string(committed).unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(
        printed.trim_end() == committed.trim_end(),
        "docs/openapi.json is not what the code says: run `cargo xtask gen`"
    );
}

#[tokio::test]
async fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let output = conman(&["completion", shell]).run(PATIENCE).await.unwrap();
        let script = String::from_utf8(output.stdout).unwrap();
        for word in ["serve", "demo", "worker", "diff", "openapi"] {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
}

#[tokio::test]
async fn wrong_words_end_with_two() {
    for words in [
        &["serv"][..],
        &["serve", "--listen", "here"],
        &["demo"],
        &["demo", "--headless", "--serve"],
        &["worker", "run"],
        &["worker", "run", "--server", "http://127.0.0.1:1"],
        &["serve", "--store", "postgres://127.0.0.1/x"],
        &["serve", "--shared-repositories"],
        &["serve", "--trusted-proxy", "10.0.0.1/99"],
        &["serve", "--public-url", "nowhere"],
        &["--log", "=nonsense=", "openapi"],
    ] {
        let folder = conman_testkit::folder().unwrap();
        let command = conman(words).env("CONMAN_DATA", folder.path()).env("CONMAN_LISTEN", "127.0.0.1:0");
        let command = command.env("CONMAN_TOKEN", "");
        let output = command.run(PATIENCE).await.unwrap();
        assert_eq!(output.status.code(), Some(2), "{words:?}: {}", complaint(&output));
        assert!(!output.stderr.is_empty(), "{words:?}");
    }
}

#[tokio::test]
async fn api_prints_answers_and_ends_with_one_where_it_is_refused() {
    let folder = conman_testkit::folder().unwrap();
    let mut server = serve(folder.path()).start().await.unwrap();
    let url = text(server.ready(), "/url");
    let api = async |words: &[&str]| {
        conman(&[&["api"], words].concat()).env("CONMAN_SERVER", &url).run(PATIENCE).await.unwrap()
    };

    let output = api(&["GET", "/readyz"]).await;
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &answer["ready"]), (Some(0), &Value::Bool(true)));

    let output = api(&["GET", "/api/me"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint(&output).contains("unauthenticated"), "{}", complaint(&output));

    let output = api(&["POST", "/api/auth/login", "--data", "{not json"]).await;
    assert_eq!(output.status.code(), Some(2));

    assert!(server.stop().await.unwrap().success());
    let output = api(&["GET", "/readyz"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint(&output).contains("does not answer"), "{}", complaint(&output));
}
