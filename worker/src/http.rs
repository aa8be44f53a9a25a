//! From the server: a stream of hints, and plain requests for the rest.

use crate::error::ConnectError;
use crate::inbox::Inbox;
use crate::options::Options;
use crate::sse::Parser;
use crate::transport::{Fetched, Transport, TransportError};
use crate::wire::{
    FILES_PATH, REPORT_PATH, SNAPSHOT_PATH, STREAM_EVENT, STREAM_PATH, StreamEvent, WorkerReport,
};
use async_trait::async_trait;
use bytes::Bytes;
use conman_domain::snapshot::{ConfigVersion, ContentHash, Snapshot};
use futures::stream::{self, StreamExt, TryStreamExt};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, IF_NONE_MATCH};
use reqwest::{Client, Response, StatusCode, Url};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How many contents are fetched side by side.
const CONTENTS_AT_ONCE: usize = 8;

pub(crate) struct Http {
    client: Client,
    base: Url,
    silence: Duration,
    answer_within: Duration,
    stream: Option<Stream>,
}

struct Stream {
    inbox: Arc<Inbox>,
    reader: JoinHandle<()>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Http {
    pub(crate) fn new(server_url: &str, token: &str, options: &Options) -> Result<Self, ConnectError> {
        let setup = |reason: String| ConnectError::Setup { reason };
        let base = Url::parse(server_url).map_err(|error| setup(format!("the server's URL: {error}")))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(setup("the server's URL is not http or https".to_owned()));
        }
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Another thread may have been faster; either provider will do.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let mut bearer = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| setup("the token has characters that no token has".to_owned()))?;
        bearer.set_sensitive(true);
        let client = Client::builder()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, bearer)]))
            .connect_timeout(options.answer_within)
            // A token is for this server alone.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| setup(error.to_string()))?;
        Ok(Self {
            client,
            base,
            silence: options.silence,
            answer_within: options.answer_within,
            stream: None,
        })
    }

    fn url(&self, path: &str) -> Url {
        let prefix = self.base.path().trim_end_matches('/');
        let mut url = self.base.clone();
        url.set_path(&format!("{prefix}{path}"));
        url
    }

    fn stream(&self) -> Result<&Stream, TransportError> {
        self.stream.as_ref().ok_or_else(|| TransportError::lost("there is no stream"))
    }
}

#[async_trait]
impl Transport for Http {
    async fn connect(&mut self, applied: Option<ConfigVersion>) -> Result<(), TransportError> {
        self.stream = None;
        let request = self.client.get(self.url(STREAM_PATH)).header(ACCEPT, "text/event-stream");
        let response = welcome(request.send().await.map_err(broken)?)?;
        if response.status() != StatusCode::OK {
            return Err(TransportError::lost(format!(
                "the server answered {} instead of a stream",
                response.status()
            )));
        }
        let inbox = Arc::new(Inbox::new(applied));
        let reader = tokio::spawn(read(response, Arc::clone(&inbox)));
        self.stream = Some(Stream { inbox, reader });
        Ok(())
    }

    async fn hint(&mut self) -> Result<(), TransportError> {
        let inbox = &self.stream()?.inbox;
        loop {
            let silent_at = inbox.heard_at() + self.silence;
            tokio::select! {
                open = inbox.next() => {
                    return if open { Ok(()) } else { Err(TransportError::lost("the server closed the stream")) };
                }
                () = tokio::time::sleep_until(silent_at) => {
                    if inbox.heard_at() + self.silence <= tokio::time::Instant::now() {
                        return Err(TransportError::lost("the server's stream is silent"));
                    }
                }
            }
        }
    }

    async fn fetch(&mut self, applied: Option<ConfigVersion>) -> Result<Fetched, TransportError> {
        let mut request = self.client.get(self.url(SNAPSHOT_PATH)).timeout(self.answer_within);
        if let Some(version) = applied {
            request = request.header(IF_NONE_MATCH, format!("\"{version}\""));
        }
        let response = welcome(request.send().await.map_err(broken)?)?;
        match response.status() {
            StatusCode::OK => {
                let body = response.bytes().await.map_err(broken)?;
                let snapshot: Snapshot = serde_json::from_slice(&body).map_err(|_| {
                    TransportError::unusable(
                        "the server sent a snapshot that this worker does not understand",
                    )
                })?;
                Ok(Fetched::Whole(Box::new(snapshot)))
            }
            StatusCode::NOT_MODIFIED if applied.is_some() => Ok(Fetched::Unchanged),
            StatusCode::NO_CONTENT => Ok(match applied {
                Some(_) => Fetched::Behind(ConfigVersion::default()),
                None => Fetched::Nothing,
            }),
            status => Err(unexpected(status, "for the snapshot")),
        }
    }

    async fn contents(
        &mut self,
        hashes: &[ContentHash],
    ) -> Result<Vec<(ContentHash, Bytes)>, TransportError> {
        let this = &*self;
        let fetched: Vec<Option<(ContentHash, Bytes)>> = stream::iter(hashes.to_vec())
            .map(|hash| async move {
                let url = this.url(&format!("{FILES_PATH}{}", hash.as_str()));
                let response = welcome(this.client.get(url).send().await.map_err(broken)?)?;
                match response.status() {
                    StatusCode::OK => {
                        let content = response.bytes().await.map_err(broken)?;
                        Ok(Some((hash, content)))
                    }
                    StatusCode::NOT_FOUND => Ok(None),
                    status => Err(unexpected(status, "for a file")),
                }
            })
            .buffer_unordered(CONTENTS_AT_ONCE)
            .try_collect()
            .await?;
        Ok(fetched.into_iter().flatten().collect())
    }

    async fn report(&mut self, report: &WorkerReport) -> Result<(), TransportError> {
        let request = self.client.post(self.url(REPORT_PATH)).timeout(self.answer_within).json(report);
        let status = welcome(request.send().await.map_err(broken)?)?.status();
        if status.is_success() { Ok(()) } else { Err(unexpected(status, "to the report")) }
    }

    fn hinted(&self) -> ConfigVersion {
        self.stream.as_ref().map(|stream| stream.inbox.newest()).unwrap_or_default()
    }

    fn applied(&mut self, version: ConfigVersion) {
        if let Some(stream) = &self.stream {
            stream.inbox.applied(version);
        }
    }
}

/// Reads the stream to its end; every byte is a sign of life.
async fn read(mut response: Response, inbox: Arc<Inbox>) {
    let mut parser = Parser::default();
    while let Ok(Some(bytes)) = response.chunk().await {
        inbox.heard();
        for event in parser.push(&bytes) {
            if event.name == STREAM_EVENT {
                let hint = serde_json::from_str::<StreamEvent>(&event.data);
                inbox.hint(hint.ok().map(|hint| hint.version));
            }
        }
    }
    inbox.close();
}

/// Tells refusals from all other answers.
fn welcome(response: Response) -> Result<Response, TransportError> {
    match response.status() {
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => Err(TransportError::Refused {
            reason: format!("the server does not take this token ({})", status.as_u16()),
        }),
        _ => Ok(response),
    }
}

/// Server errors pass; what the server does not understand stays until someone changes something.
fn unexpected(status: StatusCode, to_what: &str) -> TransportError {
    let reason = format!("the server answered {} {to_what}", status.as_u16());
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        TransportError::lost(reason)
    } else {
        TransportError::unusable(reason)
    }
}

fn broken(error: reqwest::Error) -> TransportError {
    let what = if error.is_timeout() {
        "did not answer in time"
    } else if error.is_connect() {
        "is not reachable"
    } else {
        "broke off the answer"
    };
    TransportError::lost(format!("the server {what}"))
}
