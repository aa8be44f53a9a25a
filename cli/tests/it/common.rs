//! What these tests share.

use anyhow::{Context as _, Result, ensure};
use conman_testkit::{ConmanCommand, ConmanProcess};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// Long enough for a debug build on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The binary, deaf to what the developer's own environment says.
pub(crate) fn conman(words: &[&str]) -> ConmanCommand {
    let mut command = ConmanCommand::new(env!("CARGO_BIN_EXE_conman")).args(words);
    // The empty text is as good as unset.
    for variable in ["STORE", "DISTRIBUTION", "PUBLIC_URL", "SMTP_URL", "MAIL_FROM"] {
        command = command.env(format!("CONMAN_{variable}"), "");
    }
    command
}

/// A server on a free port, with one JSON line when it is ready.
pub(crate) fn serve(data: &Path) -> ConmanCommand {
    conman(&["serve", "--json", "--listen", "127.0.0.1:0", "--data"]).arg(data)
}

/// The sample app on a free port.
pub(crate) fn demo(data: &Path) -> ConmanCommand {
    conman(&["demo", "--serve", "--json", "--listen", "127.0.0.1:0", "--data"]).arg(data)
}

/// Sends a signal to a child that has not been waited for yet.
#[expect(unsafe_code, reason = "a plain system call")]
pub(crate) fn signal(child: &Child, signal: libc::c_int) {
    let pid = libc::pid_t::try_from(child.id().unwrap()).unwrap();
    let sent = unsafe { libc::kill(pid, signal) };
    assert_eq!(sent, 0);
}

/// Starts the binary and waits until it tells of something on its standard error.
pub(crate) async fn started_until(mut command: Command, told: &str) -> Child {
    let mut child = command.kill_on_drop(true).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if line.contains(told) {
            // Read on, or the process would stop at a full or closed pipe.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return child;
        }
    }
    panic!("it ended before it told of `{told}`");
}

/// What a process said on its standard error.
pub(crate) fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The last line that a process printed, as JSON.
pub(crate) fn last_line(output: &Output) -> Result<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().last().context("it printed nothing")?;
    serde_json::from_str(line).with_context(|| format!("its last line is not JSON: {line}"))
}

/// A text of a JSON value.
pub(crate) fn text(value: &Value, pointer: &str) -> String {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("no text at {pointer}: {value}"))
        .to_owned()
}

/// A running server as one person sees it.
pub(crate) struct Person {
    http: reqwest::Client,
    url: String,
    token: Option<String>,
}

impl Person {
    pub(crate) fn nobody(url: &str) -> Self {
        // Fails where another test of this process was first; either way there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().cookie_store(true).timeout(PATIENCE).build().unwrap();
        Self { http, url: url.to_owned(), token: None }
    }

    pub(crate) fn with_token(url: &str, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..Self::nobody(url) }
    }

    /// The person with a role in a served demo.
    pub(crate) fn of_demo(ready: &Value, role: &str) -> Self {
        Self::with_token(&text(ready, "/url"), &text(ready, &format!("/accounts/{role}/token")))
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        self.send(self.http.get(format!("{}{path}", self.url))).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Result<Value> {
        self.send(self.http.post(format!("{}{path}", self.url)).json(&body)).await
    }

    /// Asks until the answer is wanted.
    pub(crate) async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let asking = async {
            loop {
                let answer = self.get(path).await?;
                if wanted(&answer) {
                    return Ok(answer);
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, asking).await.with_context(|| format!("{path} does not come to it"))?
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Value> {
        let request = request.header("origin", &self.url);
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let answer = request.send().await?;
        let (status, body) = (answer.status(), answer.bytes().await?);
        ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
        Ok(if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap_or(Value::Null) })
    }
}

/// Makes the first account by the link that a server printed; answers it, signed in.
pub(crate) async fn set_up(server: &ConmanProcess) -> Result<Person> {
    let person = Person::nobody(&text(server.ready(), "/url"));
    let link = text(server.ready(), "/setup_url");
    let secret = link.rsplit('/').next().context("a link without a secret")?;
    let first = json!({
        "token": secret, "email": "ada@lab.example", "handle": "ada", "name": "Ada Lind",
        "password": "violet-kettle-tundra",
    });
    person.post("/api/auth/setup", first).await?;
    Ok(person)
}
