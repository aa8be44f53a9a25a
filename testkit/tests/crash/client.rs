//! A client of the HTTP API that tells a server that died from a server that said no.

use std::fmt;
use std::sync::Once;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use reqwest::{Method, StatusCode};
use serde_json::Value;

/// How long one request may take: a store that was cut off answers when it is back.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a state may take to come. Longer than a job's lease, because the job of a killed server waits for its end.
const ARRIVAL: Duration = Duration::from_secs(75);
const PAUSE: Duration = Duration::from_millis(25);

/// Talks to one life of the server as one account.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    server: String,
    token: Option<String>,
}

/// Why a request did not succeed.
#[derive(Debug)]
pub(crate) enum Failed {
    /// Nobody answered, or not to the end: whether it was done is unknown.
    Gone(String),
    /// The server refused.
    Refused {
        /// The answer's status.
        status: StatusCode,
        /// The problem's code.
        code: String,
        /// What was asked, and the whole answer.
        told: String,
    },
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone(told) => write!(f, "no answer: {told}"),
            Self::Refused { told, .. } => f.write_str(told),
        }
    }
}

impl std::error::Error for Failed {}

impl Failed {
    /// True when the server died before it answered.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self, Self::Gone(_))
    }
}

/// True when what failed is that the server died before it answered.
pub(crate) fn is_gone(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Failed>().is_some_and(Failed::is_gone)
}

impl Client {
    /// A client of a server; without a token it has the session that it begins.
    pub(crate) fn new(server: &str, token: Option<&str>) -> Result<Self> {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            // Another test of this process may have been first.
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .cookie_store(true)
            .build()
            .context("no HTTP client")?;
        let (server, token) = (server.to_owned(), token.map(str::to_owned));
        Ok(Self { http, server, token })
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value, Failed> {
        self.answer(path, self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Result<Value, Failed> {
        self.send(Method::POST, path, body).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Value) -> Result<Value, Failed> {
        self.answer(path, self.request(method, path).json(&body)).await
    }

    /// Posts bytes of a media type.
    pub(crate) async fn upload(&self, path: &str, media_type: &str, bytes: Vec<u8>) -> Result<Value, Failed> {
        let request = self.request(Method::POST, path);
        let request = request.header(reqwest::header::CONTENT_TYPE, media_type);
        self.answer(path, request.body(bytes)).await
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.server));
        let request = request.header(reqwest::header::ORIGIN, &self.server);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn answer(&self, path: &str, request: reqwest::RequestBuilder) -> Result<Value, Failed> {
        let gone = |error: reqwest::Error| Failed::Gone(format!("{path}: {error:?}"));
        let answer = request.send().await.map_err(gone)?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(gone)?;
        let value: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(value);
        }
        let code = value["code"].as_str().unwrap_or_default().to_owned();
        let told = format!("{path}: {status} {}", String::from_utf8_lossy(&body));
        Err(Failed::Refused { status, code, told })
    }
}

/// Asks again and again until there is something; fails at the first error.
pub(crate) async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + ARRIVAL;
    loop {
        if let Some(answer) = ask().await? {
            return Ok(answer);
        }
        anyhow::ensure!(Instant::now() < deadline, "waited {ARRIVAL:?} for {what}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// A text of an answer.
pub(crate) fn text(value: &Value, key: &str) -> Result<String> {
    let text = value[key].as_str().with_context(|| format!("no text `{key}` in {value}"))?;
    Ok(text.to_owned())
}

/// A list of an answer.
pub(crate) fn list(value: &Value, key: &str) -> Result<Vec<Value>> {
    let list = value[key].as_array().with_context(|| format!("no list `{key}` in {value}"))?;
    Ok(list.clone())
}
