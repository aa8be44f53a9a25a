//! Starting and stopping a server.

use crate::common::{PATIENCE, Person, complaint, conman, serve, set_up, text};
use conman_testkit::{MongoDatabase, PostgresDatabase};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};

/// Host and port of a server's address.
fn address(url: &str) -> &str {
    url.strip_prefix("http://").unwrap()
}

#[tokio::test]
async fn a_server_starts_serves_and_stops() {
    let folder = conman_testkit::folder().unwrap();
    let mut server = serve(folder.path()).arg("--log-format").arg("json").start().await.unwrap();
    let (url, link) = (text(server.ready(), "/url"), text(server.ready(), "/setup_url"));
    assert!(link.starts_with(&format!("{url}/setup/")), "{link}");
    let ada = set_up(&server).await.unwrap();
    assert_eq!(text(&ada.get("/api/me").await.unwrap(), "/handle"), "ada");

    // A connection that says nothing does not keep the server from stopping.
    let idle = TcpStream::connect(address(&url)).await.unwrap();
    let status = server.stop().await.unwrap();
    assert_eq!(status.code(), Some(0), "{}", server.log());
    assert!(TcpStream::connect(address(&url)).await.is_err(), "somebody still listens");
    drop(idle);

    let log = server.log();
    assert!(!log.contains("cset_") && !log.contains("violet-kettle"), "{log}");
    for line in log.lines() {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        assert!(event["level"].is_string() && event["timestamp"].is_string(), "{line}");
    }

    // The same folder again: the account is there, and there is no link any more.
    server.restart().await.unwrap();
    assert_eq!(server.ready()["setup_url"], Value::Null);
    let nobody = Person::nobody(&text(server.ready(), "/url"));
    let login = serde_json::json!({"email": "ada@lab.example", "password": "violet-kettle-tundra"});
    nobody.post("/api/auth/login", login).await.unwrap();
    assert!(server.stop().await.unwrap().success());
}

#[tokio::test]
async fn a_killed_server_starts_again() {
    let folder = conman_testkit::folder().unwrap();
    let mut server = serve(folder.path()).start().await.unwrap();
    let first = text(server.ready(), "/setup_url");
    server.kill().await.unwrap();
    server.restart().await.unwrap();
    // The link is a new one: the first may have been seen.
    assert_ne!(text(server.ready(), "/setup_url"), first);
    set_up(&server).await.unwrap();
    assert!(server.stop().await.unwrap().success());
}

#[tokio::test]
async fn a_second_server_on_the_same_folder_is_refused() {
    let folder = conman_testkit::folder().unwrap();
    let mut first = serve(folder.path()).start().await.unwrap();
    let second = serve(folder.path()).run(PATIENCE).await.unwrap();
    assert_eq!(second.status.code(), Some(2));
    let told = complaint(&second);
    assert!(told.contains("in use by another process"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");

    let nobody = Person::nobody(&text(first.ready(), "/url"));
    nobody.get("/readyz").await.unwrap();
    assert!(first.stop().await.unwrap().success());
}

#[tokio::test]
async fn a_taken_port_stops_the_start() {
    let folder = conman_testkit::folder().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().to_string();
    let output =
        conman(&["serve", "--listen", &port, "--data"]).arg(folder.path()).run(PATIENCE).await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(complaint(&output).contains("cannot be listened on"), "{}", complaint(&output));
}

#[tokio::test]
async fn several_servers_share_what_they_are_told_to_share() {
    let (store, distribution) =
        (MongoDatabase::fresh().await.unwrap(), PostgresDatabase::fresh().await.unwrap());
    let folder = conman_testkit::folder().unwrap();
    let one_of = |shared: bool| {
        let command =
            serve(folder.path()).args(["--store", store.url(), "--distribution", distribution.url()]);
        if shared { command.arg("--shared-repositories") } else { command }
    };
    let mut first = one_of(true).start().await.unwrap();
    let mut second = one_of(true).start().await.unwrap();
    let alone = one_of(false).run(PATIENCE).await.unwrap();
    assert_eq!(alone.status.code(), Some(2), "{}", complaint(&alone));

    // Whoever starts last says the link that works.
    let ada = set_up(&second).await.unwrap();
    assert_eq!(text(&ada.get("/api/me").await.unwrap(), "/handle"), "ada");
    let elsewhere = Person::nobody(&text(first.ready(), "/url"));
    let login = serde_json::json!({"email": "ada@lab.example", "password": "violet-kettle-tundra"});
    assert_eq!(text(&elsewhere.post("/api/auth/login", login).await.unwrap(), "/handle"), "ada");
    assert!(first.stop().await.unwrap().success());
    assert!(second.stop().await.unwrap().success());

    let mut alone = one_of(false).start().await.unwrap();
    assert!(alone.stop().await.unwrap().success());
}
