//! From columns, as both databases give them, to the domain's types.

use crate::error::DistributionError;
use crate::model::{
    ActiveConfig, AppliedConfig, FileCounts, HistoryRow, Refused, WorkerReport, WorkerSession,
};
use conman_domain::Timestamp;
use conman_domain::catalog::Category;
use conman_domain::id::{AppId, EnvironmentId, WorkerId};
use conman_domain::name::{EnvironmentName, ParameterName, ReleaseTag};
use conman_domain::path::RepoPath;
use conman_domain::snapshot::{ChangeKind, ConfigVersion, Provenance, SnapshotParameter};
use conman_domain::value::ParameterType;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

pub(crate) fn corrupt(what: &'static str) -> DistributionError {
    DistributionError::Corrupt { what, name: None }
}

/// Version, release tag, commit, tree and profile revision.
#[derive(Debug)]
pub(crate) struct ProvenanceColumns {
    pub(crate) version: i64,
    pub(crate) release_tag: String,
    pub(crate) release_commit: String,
    pub(crate) tree_id: String,
    pub(crate) profile_revision: i64,
}

impl ProvenanceColumns {
    pub(crate) fn provenance(self) -> Result<Provenance, DistributionError> {
        Ok(Provenance {
            release_tag: ReleaseTag::parse(&self.release_tag).map_err(|_| corrupt("a release tag"))?,
            release_commit: self.release_commit.parse().map_err(|_| corrupt("a commit"))?,
            tree_id: self.tree_id.parse().map_err(|_| corrupt("a tree"))?,
            profile_revision: small(self.profile_revision)?,
            config_version: version(self.version)?,
        })
    }
}

#[derive(Debug)]
pub(crate) struct ActiveColumns {
    pub(crate) environment_name: String,
    pub(crate) provenance: ProvenanceColumns,
    pub(crate) updated_by: String,
    pub(crate) updated_at: Timestamp,
}

impl ActiveColumns {
    pub(crate) fn active(
        self,
        app_id: AppId,
        environment_id: EnvironmentId,
    ) -> Result<ActiveConfig, DistributionError> {
        Ok(ActiveConfig {
            app_id,
            environment_id,
            environment_name: environment_name(&self.environment_name)?,
            provenance: self.provenance.provenance()?,
            activated_at: self.updated_at,
            changed_by: self.updated_by,
        })
    }
}

#[derive(Debug)]
pub(crate) struct HistoryColumns {
    pub(crate) app_id: Uuid,
    pub(crate) environment_id: Uuid,
    pub(crate) environment_name: String,
    pub(crate) provenance: ProvenanceColumns,
    pub(crate) base_version: i64,
    pub(crate) source_id: String,
    pub(crate) kind: String,
    pub(crate) parameters: String,
    pub(crate) files: [i64; 3],
    pub(crate) changed_by: String,
    pub(crate) approved_by: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) at: Timestamp,
}

impl HistoryColumns {
    pub(crate) fn row(self) -> Result<HistoryRow, DistributionError> {
        let [added, changed, removed] = self.files;
        Ok(HistoryRow {
            app_id: self.app_id.into(),
            environment_id: self.environment_id.into(),
            environment_name: environment_name(&self.environment_name)?,
            provenance: self.provenance.provenance()?,
            base_version: version(self.base_version)?,
            source_id: self.source_id,
            kind: word::<ChangeKind>(self.kind, "a kind of change")?,
            parameters: json(&self.parameters, "changes of parameters")?,
            files: FileCounts { added: small(added)?, changed: small(changed)?, removed: small(removed)? },
            changed_by: self.changed_by,
            approved_by: self.approved_by,
            reason: self.reason,
            at: self.at,
        })
    }
}

/// A parameter as a row of its history tells it; `None` where there was none then.
pub(crate) fn value_then(
    name: &str,
    after: Option<String>,
) -> Result<Option<(ParameterName, SnapshotParameter)>, DistributionError> {
    let Some(after) = after else { return Ok(None) };
    Ok(Some((parameter_name(name)?, json(&after, "a parameter of the history")?)))
}

#[derive(Debug)]
pub(crate) struct EntryColumns {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) value: String,
    pub(crate) category: Option<String>,
    pub(crate) hot_reloadable: bool,
}

impl EntryColumns {
    pub(crate) fn entry(self) -> Result<(ParameterName, SnapshotParameter), DistributionError> {
        let name = parameter_name(&self.name)?;
        let value = serde_json::from_str(&self.value)
            .map_err(|_| DistributionError::Corrupt { what: "a value", name: Some(name.clone()) })?;
        let category = match self.category {
            Some(category) => Some(word::<Category>(category, "a category")?),
            None => None,
        };
        let parameter = SnapshotParameter {
            value,
            kind: word::<ParameterType>(self.kind, "a parameter type")?,
            category,
            hot_reloadable: self.hot_reloadable,
        };
        Ok((name, parameter))
    }
}

#[derive(Debug)]
pub(crate) struct SessionColumns {
    pub(crate) session_id: Uuid,
    pub(crate) name: String,
    pub(crate) library: String,
    pub(crate) started_at: Timestamp,
    /// All there or none, by a constraint of the table.
    pub(crate) applied: Option<(ProvenanceColumns, Timestamp)>,
    pub(crate) last_notify_at: Option<Timestamp>,
    pub(crate) heartbeat_at: Timestamp,
    pub(crate) problem: Option<String>,
    pub(crate) pending: String,
    pub(crate) restart_required: String,
    /// All there or none, by a constraint of the table.
    pub(crate) refused: Option<(i64, String, Timestamp)>,
    pub(crate) stale: bool,
    pub(crate) forbidden_applications: i64,
    pub(crate) stopped: bool,
    pub(crate) heard_at: Timestamp,
}

impl SessionColumns {
    pub(crate) fn session(self) -> Result<WorkerSession, DistributionError> {
        let applied = match self.applied {
            Some((provenance, applied_at)) => {
                Some(AppliedConfig { provenance: provenance.provenance()?, applied_at })
            }
            None => None,
        };
        let refused = match self.refused {
            Some((number, reason, at)) => Some(Refused { version: version(number)?, reason, at }),
            None => None,
        };
        Ok(WorkerSession {
            report: WorkerReport {
                session_id: WorkerId::new(self.session_id),
                name: self.name,
                library: self.library,
                started_at: self.started_at,
                applied,
                last_notify_at: self.last_notify_at,
                heartbeat_at: self.heartbeat_at,
                problem: self.problem,
                pending: json(&self.pending, "a worker's pending values")?,
                restart_required: json(&self.restart_required, "a worker's parameters that need a restart")?,
                refused,
                stale: self.stale,
                forbidden_applications: small(self.forbidden_applications)?,
                stopped: self.stopped,
            },
            heard_at: self.heard_at,
        })
    }
}

pub(crate) fn version(number: i64) -> Result<ConfigVersion, DistributionError> {
    small(number).map(ConfigVersion)
}

pub(crate) fn small(number: i64) -> Result<u32, DistributionError> {
    u32::try_from(number).map_err(|_| corrupt("a number"))
}

pub(crate) fn parameter_name(text: &str) -> Result<ParameterName, DistributionError> {
    ParameterName::parse(text).map_err(|_| corrupt("a parameter's name"))
}

pub(crate) fn repo_path(text: &str) -> Result<RepoPath, DistributionError> {
    RepoPath::parse(text).map_err(|_| corrupt("a path"))
}

fn environment_name(text: &str) -> Result<EnvironmentName, DistributionError> {
    EnvironmentName::parse(text).map_err(|_| corrupt("an environment's name"))
}

/// Reads an enum that is stored as the word that its JSON has.
fn word<T: DeserializeOwned>(text: String, what: &'static str) -> Result<T, DistributionError> {
    serde_json::from_value(Value::String(text)).map_err(|_| corrupt(what))
}

pub(crate) fn json<T: DeserializeOwned>(text: &str, what: &'static str) -> Result<T, DistributionError> {
    serde_json::from_str(text).map_err(|_| corrupt(what))
}

/// Writes an enum as the word that its JSON has.
pub(crate) fn word_of(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        Ok(_) | Err(_) => unreachable!("plain enums are JSON strings"),
    }
}

/// Writes a map of changes; these hold JSON values and names only.
pub(crate) fn json_of(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("values, names and hashes are always JSON")
}
