//! What goes in and what comes out.

use crate::decode::json_of;
use crate::error::DistributionError;
use conman_domain::Timestamp;
use conman_domain::catalog::Catalog;
use conman_domain::id::{AppId, EnvironmentId, WorkerId};
use conman_domain::name::{EnvironmentName, ParameterName};
use conman_domain::path::RepoPath;
use conman_domain::snapshot::{ChangeKind, ConfigVersion, ContentHash, Provenance, SnapshotParameter};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Asks for one environment to run one snapshot.
///
/// The config version inside `provenance` was decided by the store; it is applied if it is greater than the active
/// one. Every hash in `files` must be known to the database by then: see
/// [`Distribution::put_blobs`](crate::Distribution::put_blobs).
#[derive(Debug, Clone, PartialEq)]
pub struct Activation {
    /// Names the decision behind this: a deployment's, draft's or save's id. Applied at most once, ever.
    pub source_id: String,
    /// The app.
    pub app_id: AppId,
    /// The environment.
    pub environment_id: EnvironmentId,
    /// The environment's name, for people who read the tables.
    pub environment_name: EnvironmentName,
    /// Release, tree, profile revision and the config version to become active.
    pub provenance: Provenance,
    /// What kind of change this is.
    pub kind: ChangeKind,
    /// Every parameter with its resolved value.
    pub parameters: BTreeMap<ParameterName, SnapshotParameter>,
    /// Every file, as the hash of its content.
    pub files: BTreeMap<RepoPath, ContentHash>,
    /// The catalog that declares the parameters.
    pub catalog: Catalog,
    /// Who changed it, as people know them; never empty.
    pub changed_by: String,
    /// Who approved it, where that was asked for.
    pub approved_by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// Asks for other values of an environment's parameters; release, files and catalog stay as they are.
///
/// The config version was decided by the store, and so was the version that it is based on: nothing else may have
/// become active in between.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterActivation {
    /// Names the decision behind this: a save's or a draft's id. Applied at most once, ever.
    pub source_id: String,
    /// The app.
    pub app_id: AppId,
    /// The environment.
    pub environment_id: EnvironmentId,
    /// The version that must be active.
    pub base_version: ConfigVersion,
    /// The version to become active.
    pub config_version: ConfigVersion,
    /// The revision of the environment's profile that the values come from.
    pub profile_revision: u32,
    /// What kind of change this is.
    pub kind: ChangeKind,
    /// Every parameter with its resolved value.
    pub parameters: BTreeMap<ParameterName, SnapshotParameter>,
    /// Who changed it, as people know them; never empty.
    pub changed_by: String,
    /// Who approved it, where that was asked for.
    pub approved_by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// What every config version has, whatever it changes.
#[derive(Debug)]
pub(crate) struct NewVersion<'a> {
    pub(crate) source_id: &'a str,
    pub(crate) app_id: AppId,
    pub(crate) environment_id: EnvironmentId,
    pub(crate) environment_name: &'a EnvironmentName,
    pub(crate) provenance: Provenance,
    /// The catalog's rules as a JSON list of texts.
    pub(crate) rules: String,
    pub(crate) kind: ChangeKind,
    pub(crate) changed_by: &'a str,
    pub(crate) approved_by: Option<&'a str>,
    pub(crate) reason: Option<&'a str>,
}

impl Activation {
    /// Refuses what no database should be asked to hold.
    pub(crate) fn check(&self) -> Result<(), DistributionError> {
        self.version().check()
    }

    /// What it has as every version has it.
    pub(crate) fn version(&self) -> NewVersion<'_> {
        let rules: Vec<String> = self.catalog.rules.iter().map(ToString::to_string).collect();
        NewVersion {
            source_id: &self.source_id,
            app_id: self.app_id,
            environment_id: self.environment_id,
            environment_name: &self.environment_name,
            provenance: self.provenance.clone(),
            rules: json_of(&rules),
            kind: self.kind,
            changed_by: &self.changed_by,
            approved_by: self.approved_by.as_deref(),
            reason: self.reason.as_deref(),
        }
    }
}

impl ParameterActivation {
    /// The version that it makes of what is active, whose rules stay.
    pub(crate) fn version<'a>(&'a self, active: &'a ActiveConfig, rules: String) -> NewVersion<'a> {
        let provenance = Provenance {
            profile_revision: self.profile_revision,
            config_version: self.config_version,
            ..active.provenance.clone()
        };
        NewVersion {
            source_id: &self.source_id,
            app_id: self.app_id,
            environment_id: self.environment_id,
            environment_name: &active.environment_name,
            provenance,
            rules,
            kind: self.kind,
            changed_by: &self.changed_by,
            approved_by: self.approved_by.as_deref(),
            reason: self.reason.as_deref(),
        }
    }

    /// Says whether it may follow on what is active: `None` if it may.
    pub(crate) fn follows(&self, active: ConfigVersion) -> Result<Option<Activated>, DistributionError> {
        if active >= self.config_version {
            Ok(Some(Activated::Superseded { active }))
        } else if active == self.base_version {
            Ok(None)
        } else {
            Err(DistributionError::WrongBase { active })
        }
    }
}

impl NewVersion<'_> {
    /// Refuses what no database should be asked to hold.
    pub(crate) fn check(&self) -> Result<(), DistributionError> {
        let reason = if self.source_id.is_empty() {
            "its source id is empty"
        } else if self.changed_by.is_empty() {
            "it does not say who changed it"
        } else if self.approved_by == Some("") {
            "the approver's name is empty"
        } else if self.provenance.config_version == ConfigVersion::default() {
            "config versions count from 1"
        } else if [Some(self.source_id), Some(self.changed_by), self.approved_by, self.reason]
            .into_iter()
            .flatten()
            .any(|text| text.contains('\0'))
        {
            "a text has a NUL"
        } else {
            return Ok(());
        };
        Err(DistributionError::Invalid { reason })
    }
}

impl HistoryRow {
    /// The answer to an activation whose source id this row has.
    pub(crate) fn applied_before(
        &self,
        app: AppId,
        environment: EnvironmentId,
        version: ConfigVersion,
    ) -> Result<Activated, DistributionError> {
        let place = (self.app_id, self.environment_id, self.provenance.config_version);
        if place == (app, environment, version) {
            Ok(Activated::AlreadyApplied { at: self.at })
        } else {
            Err(DistributionError::SourceIdReused)
        }
    }
}

/// What became of an activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activated {
    /// It is active now.
    Applied {
        /// When, by the database's clock.
        at: Timestamp,
    },
    /// The same source id was applied before; nothing was changed.
    AlreadyApplied {
        /// When it was applied, by the database's clock.
        at: Timestamp,
    },
    /// The environment runs this or a greater version from another source; nothing was changed.
    Superseded {
        /// The version it runs.
        active: ConfigVersion,
    },
}

/// Says what an environment runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActiveConfig {
    /// The app.
    pub app_id: AppId,
    /// The environment.
    pub environment_id: EnvironmentId,
    /// The environment's name when this was activated.
    pub environment_name: EnvironmentName,
    /// Release, tree, profile revision and config version.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// When it became active, by the database's clock.
    pub activated_at: Timestamp,
    /// Who changed it.
    pub changed_by: String,
}

/// What one parameter was before and after a change; `None` where it did not exist.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ParameterChange {
    /// Before.
    pub before: Option<SnapshotParameter>,
    /// After.
    pub after: Option<SnapshotParameter>,
}

/// How many files a change touched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileCounts {
    /// Files that were not there before.
    pub added: u32,
    /// Files with another content than before.
    pub changed: u32,
    /// Files that are there no longer.
    pub removed: u32,
}

/// One config version of an environment, and how it came to be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HistoryRow {
    /// The app.
    pub app_id: AppId,
    /// The environment.
    pub environment_id: EnvironmentId,
    /// The environment's name at the time.
    pub environment_name: EnvironmentName,
    /// Release, tree, profile revision and config version.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// The version that it replaced; 0 for the first.
    pub base_version: ConfigVersion,
    /// The decision behind it.
    pub source_id: String,
    /// What kind of change it was.
    pub kind: ChangeKind,
    /// The parameters that differ from the base version, by name.
    pub parameters: BTreeMap<ParameterName, ParameterChange>,
    /// How many files differ from the base version.
    pub files: FileCounts,
    /// Who changed it.
    pub changed_by: String,
    /// Who approved it.
    pub approved_by: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// When, by the database's clock.
    pub at: Timestamp,
}

/// Some rows of an environment's history, newest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HistoryPage {
    /// The rows of this page.
    pub rows: Vec<HistoryRow>,
    /// How many rows there are on all pages.
    pub total: u32,
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

/// The moment at which a worker applies a parameter's new value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Boundary {
    /// The end of the decision cycle in flight.
    DecisionCycleEnd,
    /// The close of the open position, and a heartbeat.
    PositionClose,
    /// The program's next start.
    Restart,
}

/// A new value that a worker has and does not use yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pending {
    /// The parameter.
    pub name: ParameterName,
    /// What it waits for.
    pub boundary: Boundary,
}

/// A version that a worker's program does not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
#[serde(deny_unknown_fields)]
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
    /// Whether what is applied comes from the worker's disk, and was not compared with the database yet.
    #[serde(default)]
    pub stale: bool,
    /// How many values were applied inside a section that forbids it: 0, or the worker's library is at fault.
    #[serde(default)]
    pub forbidden_applications: u32,
    /// True in the last report of a session that ends in order.
    pub stopped: bool,
}

/// The longest name, library or problem of a worker that is kept, in characters.
const MAX_REPORT_TEXT: usize = 2_000;

/// The most parameters that one of a report's lists names; every reader of the sessions reads all of them.
const MAX_REPORT_NAMES: usize = 2_000;

impl WorkerReport {
    /// Cuts texts and lists to what a database can hold and a person would read: odd words must not silence a worker.
    pub(crate) fn tamed(mut self) -> Self {
        let tame = |text: &mut String| {
            if text.contains('\0') || text.len() > MAX_REPORT_TEXT {
                *text = text.chars().filter(|c| *c != '\0').take(MAX_REPORT_TEXT).collect();
            }
        };
        tame(&mut self.name);
        tame(&mut self.library);
        self.problem.iter_mut().for_each(tame);
        self.refused.iter_mut().for_each(|refused| tame(&mut refused.reason));
        self.pending.truncate(MAX_REPORT_NAMES);
        self.restart_required.truncate(MAX_REPORT_NAMES);
        self
    }
}

/// The latest report of one worker session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkerSession {
    /// What the worker said.
    #[serde(flatten)]
    pub report: WorkerReport,
    /// When the report was written, by the database's clock.
    pub heard_at: Timestamp,
}
