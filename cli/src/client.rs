//! A client of the HTTP API, as the commands and the demo use it.

use anyhow::{Context, Result, bail};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Talks to a server as one account.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    server: String,
    token: Option<String>,
}

impl Client {
    /// A client of a server; without a token it acts as nobody.
    pub(crate) fn new(server: &str, token: Option<String>) -> Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(60))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("conman/", env!("CARGO_PKG_VERSION")))
            .cookie_store(true)
            .build()?;
        Ok(Self { http, server: server.trim_end_matches('/').to_owned(), token })
    }

    /// The same server, as nobody yet: who signs in by it has a session of their own.
    pub(crate) fn as_nobody(&self) -> Result<Self> {
        Self::new(&self.server, None)
    }

    /// The same server, as somebody else.
    pub(crate) fn with_token(&self, token: &str) -> Result<Self> {
        Self::new(&self.server, Some(token.to_owned()))
    }

    /// The server's address.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// Reads something.
    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        Ok(self.send(self.request(Method::GET, path), path).await?.0)
    }

    /// Reads something with its ETag.
    pub(crate) async fn get_tagged(&self, path: &str) -> Result<(Value, Option<String>)> {
        self.send(self.request(Method::GET, path), path).await
    }

    /// Posts JSON.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Result<Value> {
        Ok(self.send(self.request(Method::POST, path).json(&body), path).await?.0)
    }

    /// Sends JSON with a method, and with the version that it replaces where one is given.
    pub(crate) async fn write(
        &self,
        method: Method,
        path: &str,
        etag: Option<&str>,
        body: Value,
    ) -> Result<Value> {
        let mut request = self.request(method, path).json(&body);
        if let Some(etag) = etag {
            request = request.header(reqwest::header::IF_MATCH, etag);
        }
        Ok(self.send(request, path).await?.0)
    }

    /// Posts bytes of a media type.
    pub(crate) async fn upload(&self, path: &str, media_type: &str, bytes: Vec<u8>) -> Result<Value> {
        let request =
            self.request(Method::POST, path).header(reqwest::header::CONTENT_TYPE, media_type).body(bytes);
        Ok(self.send(request, path).await?.0)
    }

    /// Waits for a job to end, and answers it; one that did not succeed is an error.
    pub(crate) async fn finished_job(&self, app: &str, job: &str) -> Result<Value> {
        let path = format!("/api/apps/{app}/jobs/{job}");
        until(&format!("the job {job}"), async || {
            let found = self.get(&path).await?;
            match found["state"].as_str() {
                Some("succeeded") => Ok(Some(found)),
                Some("failed" | "canceled") => bail!("it did not succeed: {found}"),
                _ => Ok(None),
            }
        })
        .await
    }

    /// Sends a request with or without a body, and with the version that it replaces where one is given.
    pub(crate) async fn send_json(
        &self,
        method: Method,
        path: &str,
        etag: Option<&str>,
        body: Option<Value>,
    ) -> Result<Value> {
        match body {
            Some(body) => self.write(method, path, etag, body).await,
            None => Ok(self.send(self.request(method, path), path).await?.0),
        }
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.server));
        let request = request.header(reqwest::header::ORIGIN, &self.server);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn send(&self, request: reqwest::RequestBuilder, path: &str) -> Result<(Value, Option<String>)> {
        let answer = request.send().await.with_context(|| format!("{} does not answer", self.server))?;
        let status = answer.status();
        let etag =
            answer.headers().get(reqwest::header::ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let body = answer.bytes().await?;
        let value =
            if body.is_empty() { json!(null) } else { serde_json::from_slice(&body).unwrap_or(json!(null)) };
        if status.is_success() {
            return Ok((value, etag));
        }
        bail!(refusal(status, path, &value))
    }
}

/// A refusal in one sentence, with its code and fields.
fn refusal(status: StatusCode, path: &str, problem: &Value) -> String {
    let text = |key: &str| problem[key].as_str().unwrap_or_default().to_owned();
    let mut told = format!("{} ({status}, {}, {path})", text("detail"), text("code"));
    for error in problem["errors"].as_array().into_iter().flatten() {
        told.push_str(&format!(
            "\n  {}: {}",
            error["pointer"].as_str().unwrap_or(""),
            error["message"].as_str().unwrap_or("")
        ));
    }
    told
}

/// Asks again and again until there is an answer; gives up after a minute.
pub(crate) async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    const PATIENCE: Duration = Duration::from_secs(60);
    const PAUSE: Duration = Duration::from_millis(15);
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask().await.with_context(|| format!("waiting for {what}"))? {
            Some(answer) => return Ok(answer),
            None if Instant::now() < deadline => tokio::time::sleep(PAUSE).await,
            None => bail!("waited a minute for {what}"),
        }
    }
}

/// A text of an answer.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value[key].as_str().with_context(|| format!("the server's answer has no text `{key}`: {value}"))
}

/// A number of an answer.
pub(crate) fn number(value: &Value, key: &str) -> Result<u64> {
    value[key].as_u64().with_context(|| format!("the server's answer has no number `{key}`: {value}"))
}

/// A list of an answer.
pub(crate) fn list<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>> {
    value[key].as_array().with_context(|| format!("the server's answer has no list `{key}`: {value}"))
}
