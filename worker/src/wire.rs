//! The JSON that travels between workers and the server, besides the domain's
//! [`Snapshot`](conman_domain::snapshot::Snapshot).

use crate::boundary::Pending;
use conman_domain::Timestamp;
use conman_domain::id::WorkerId;
use conman_domain::name::ParameterName;
use conman_domain::snapshot::{ConfigVersion, Provenance};
use serde::{Deserialize, Serialize};

/// Where the server streams notifications: `text/event-stream`.
pub const STREAM_PATH: &str = "/v1/worker/stream";
/// Where the server answers with the active snapshot, or 204 while nothing is active.
pub const SNAPSHOT_PATH: &str = "/v1/worker/snapshot";
/// Below this, by hash, lie the contents of the files.
pub const FILES_PATH: &str = "/v1/worker/files/";
/// Where a worker posts its [`WorkerReport`].
pub const REPORT_PATH: &str = "/v1/worker/report";

/// The name of the stream's only event.
pub const STREAM_EVENT: &str = "config_changed";

/// The data of a `config_changed` event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamEvent {
    /// The version that became active: a hint to fetch the snapshot.
    pub version: ConfigVersion,
}

/// What a worker runs, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedConfig {
    /// Release, tree, profile revision and config version.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// When the worker had it in memory, by the worker's clock.
    pub applied_at: Timestamp,
}

/// A version that the program does not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The version.
    pub version: ConfigVersion,
    /// Why, in the program's words; never a parameter's value.
    pub reason: String,
    /// When it was refused, by the worker's clock.
    pub at: Timestamp,
}

/// What a worker says of itself: on every application, on every heartbeat and when it stops.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerReport {
    /// The worker's session; a new one at every start of the program.
    pub session_id: WorkerId,
    /// The worker's name, as its program chose it.
    pub name: String,
    /// Library and version, e.g. `conman-worker/0.1.0`.
    pub library: String,
    /// When the session began, by the worker's clock.
    pub started_at: Timestamp,
    /// What it runs; `None` until it has applied its first snapshot.
    pub applied: Option<AppliedConfig>,
    /// When it last received a notification, by the worker's clock.
    pub last_notify_at: Option<Timestamp>,
    /// When it made this report, by the worker's clock.
    pub heartbeat_at: Timestamp,
    /// Why it does not run what is active, if it knows; never a parameter's value.
    pub problem: Option<String>,
    /// New values that wait for their boundary.
    #[serde(default)]
    pub pending: Vec<Pending>,
    /// Parameters whose new value is applied at the program's next start.
    #[serde(default)]
    pub restart_required: Vec<ParameterName>,
    /// The newest version, if the program refused it; what is applied is the last good one then.
    #[serde(default)]
    pub refused: Option<Refused>,
    /// Whether what is applied comes from the disk cache, and was not compared with the source yet.
    #[serde(default)]
    pub stale: bool,
    /// How many values were applied inside a section that forbids it: 0, or the library is at fault.
    #[serde(default)]
    pub forbidden_applications: u32,
    /// True in the last report of a session that ends in order.
    pub stopped: bool,
}
