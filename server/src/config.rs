//! What the operator sets for the HTTP side.

use ipnet::IpNet;
use std::path::PathBuf;
use std::time::Duration;

/// What the operator sets for the HTTP side; the public address is one of the workflow's settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder of the repositories: without it the server is not ready.
    pub repositories: PathBuf,
    /// The networks whose `X-Forwarded-For` is believed; nobody's, if empty.
    pub trusted_proxies: Vec<IpNet>,
    /// What a request may take.
    pub limits: Limits,
}

impl Config {
    /// The usual limits, and no trusted proxy.
    pub fn new(repositories: impl Into<PathBuf>) -> Self {
        Self { repositories: repositories.into(), trusted_proxies: Vec::new(), limits: Limits::default() }
    }
}

/// What a request may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The largest body in bytes, where a route allows no more.
    pub body_bytes: usize,
    /// The largest body of a write of files, in bytes.
    pub file_body_bytes: usize,
    /// How long a client may take to send its headers, and how long a connection may idle.
    pub header_timeout: Duration,
    /// How long a client may take to send its body.
    pub body_timeout: Duration,
    /// How long a client may take no byte of an answer that waits for it.
    pub write_timeout: Duration,
    /// How many requests are served at once; those beyond get 503.
    pub in_flight: usize,
    /// How many streams of apps one account follows at once through this server; those beyond get 429.
    pub streams_per_person: usize,
    /// How many connections are open at once; further ones wait to be accepted.
    pub connections: usize,
    /// How long requests under way may go on once the server stops.
    pub drain: Duration,
    /// How long a session lasts.
    pub session: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1024 * 1024,
            file_body_bytes: 16 * 1024 * 1024,
            header_timeout: Duration::from_secs(15),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            in_flight: 1024,
            streams_per_person: 20,
            connections: 16_384,
            drain: Duration::from_secs(20),
            session: Duration::from_hours(14 * 24),
        }
    }
}
