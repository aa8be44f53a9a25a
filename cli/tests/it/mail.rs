//! Mails leave the outbox over SMTP.

use crate::common::{PATIENCE, Person, serve, text};
use crate::smtp::SmtpServer;
use conman_testkit::ConmanProcess;
use serde_json::{Value, json};
use std::time::Duration;

/// The text of a quoted-printable or plain body, good enough for ASCII.
fn body(data: &str) -> String {
    let (_, body) = data.split_once("\n\n").unwrap();
    body.replace("=\n", "").replace("=3D", "=")
}

#[tokio::test]
async fn an_invite_is_mailed_with_its_link_and_the_secret_is_nowhere_else() {
    let mail_server = SmtpServer::start().await;
    let folder = conman_testkit::folder().unwrap();
    let command = serve(folder.path()).args(["--public-url", "https://conman.lab.example"]).args([
        "--log",
        "debug",
        "--smtp-url",
        &mail_server.url,
    ]);
    let mut server = command.start().await.unwrap();
    assert_eq!(text(server.ready(), "/url"), "https://conman.lab.example");
    let url = where_it_listens(&server).await;

    let secret = text(server.ready(), "/setup_url").rsplit('/').next().unwrap().to_owned();
    let ada = Person::nobody(&url);
    let first = json!({
        "token": secret, "email": "ada@lab.example", "handle": "ada", "name": "Ada Lind",
        "password": "violet-kettle-tundra",
    });
    ada.post("/api/auth/setup", first).await.unwrap();
    let token = token(&url).await;
    let ada = Person::with_token(&url, &token);
    let app = json!({"name": "Lab", "slug": "lab", "source": {"kind": "empty"}});
    let app = text(&ada.post("/api/apps", app).await.unwrap(), "/id");
    let invite = json!({"email": "ben@lab.example", "role": "user"});
    ada.post(&format!("/api/apps/{app}/invites"), invite).await.unwrap();

    let mail = mail_server.mail_to("ben@lab.example").await;
    assert_eq!(mail.from, "conman@conman.lab.example");
    let body = body(&mail.data);
    let link = body.lines().find(|line| line.starts_with("https://conman.lab.example/invite/"));
    let secret = link.unwrap_or_else(|| panic!("no link in {body}")).rsplit('/').next().unwrap();
    let shown = Person::nobody(&url).get(&format!("/api/auth/invites/{secret}")).await.unwrap();
    assert_eq!(text(&shown, "/email"), "ben@lab.example");

    let is_sent = |outbox: &Value| outbox["data"][0]["state"] == "sent";
    let outbox = ada.until("/api/outbox", is_sent).await.unwrap();
    assert!(!outbox.to_string().contains(secret), "{outbox}");
    assert!(mail.data.contains(&format!("Message-ID: <{}@", text(&outbox, "/data/0/id"))), "{}", mail.data);
    assert!(server.stop().await.unwrap().success());
    let log = server.log();
    for secret in [secret, &token, "violet-kettle-tundra", "cset_"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

/// The address in the log: people reach the server by another.
async fn where_it_listens(server: &ConmanProcess) -> String {
    const BEFORE: &str = "listening=\"";
    let reading = async {
        loop {
            // What was logged before the ready line may still be on its way here.
            if let Some((_, after)) = server.log().split_once(BEFORE)
                && let Some((url, _)) = after.split_once('"')
            {
                return url.to_owned();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("the log tells where it listens")
}

/// Signs in and makes a token; cookies for https would not come back over plain HTTP.
async fn token(url: &str) -> String {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::new();
    let login = json!({"email": "ada@lab.example", "password": "violet-kettle-tundra"});
    let signed_in = http.post(format!("{url}/api/auth/login")).json(&login).send().await.unwrap();
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let expires_at = (chrono::Utc::now() + chrono::TimeDelta::days(1)).to_rfc3339();
    let wish = json!({"name": "test", "scope": "write", "expires_at": expires_at});
    let made = http.post(format!("{url}/api/me/tokens")).json(&wish).header("cookie", cookie);
    let made: Value = made.header("origin", url).send().await.unwrap().json().await.unwrap();
    text(&made, "/secret")
}
