//! The registry of parameter sets and of the runs that they pin: the second half of the port.

use crate::decode::{corrupt, json, json_of, small};
use crate::error::DistributionError;
use crate::port::MAX_PAGE;
use async_trait::async_trait;
use conman_domain::Timestamp;
use conman_domain::id::{AppId, EnvironmentId, RunId, UserId};
use conman_domain::name::{EnvironmentName, ParameterName, ReleaseTag};
use conman_domain::parameter_set::{Factors, ParameterSet};
use conman_domain::run::{Results, Run, RunStatus};
use conman_domain::snapshot::{ConfigVersion, ContentHash};
use serde::Deserialize;
use std::collections::BTreeMap;
use uuid::Uuid;

/// How many sets are named for a parameter that sets refer to.
pub(crate) const NAMED_SETS: i64 = 5;

/// A set as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct FrozenSet {
    /// The hash of what it says.
    pub hash: ContentHash,
    /// What it says.
    pub set: ParameterSet,
    /// Who froze it first, as people know them.
    pub frozen_by: String,
    /// When it was frozen first, by the database's clock.
    pub frozen_at: Timestamp,
}

/// What of a set stands in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct SetSummary {
    /// The hash of what it says.
    pub hash: ContentHash,
    /// The environment whose parameters were frozen.
    pub environment_id: EnvironmentId,
    /// Its name then.
    pub environment: EnvironmentName,
    /// The release that it ran.
    pub release_tag: ReleaseTag,
    /// The config version that it ran.
    pub config_version: ConfigVersion,
    /// What the runs vary.
    pub factors: Factors,
    /// The program's own version.
    pub code_version: String,
    /// How many runs it pins.
    pub runs: u32,
    /// Who froze it first, as people know them.
    pub frozen_by: String,
    /// When it was frozen first, by the database's clock.
    pub frozen_at: Timestamp,
}

/// Some rows, newest first, and how many there are on all pages.
#[derive(Debug, Clone, PartialEq)]
pub struct RowsPage<T> {
    /// The rows of this page.
    pub rows: Vec<T>,
    /// How many there are.
    pub total: u32,
}

/// The sets that refer to a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetReferences {
    /// The newest five.
    pub newest: Vec<ContentHash>,
    /// How many there are.
    pub total: u32,
}

/// A run to be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// Its id, chosen by the caller: registering the same run again changes nothing.
    pub id: RunId,
    /// The app.
    pub app_id: AppId,
    /// The set that pins it: one of the app.
    pub parameter_set: ContentHash,
    /// What kind of run it is.
    pub kind: String,
    /// What it is for.
    pub description: String,
    /// The run that it repeats.
    pub rerun_of: Option<RunId>,
    /// Who registers it, as people know them.
    pub started_by: String,
    /// Who registers it.
    pub started_by_id: UserId,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct RunEnding {
    /// In which of the three ways.
    pub status: RunStatus,
    /// What came out.
    pub results: Option<Results>,
    /// What is to be said of it.
    pub note: String,
}

/// Which runs are wanted; `None` is any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Of this environment.
    pub environment: Option<EnvironmentId>,
    /// Pinned by this set.
    pub parameter_set: Option<ContentHash>,
    /// In this state.
    pub status: Option<RunStatus>,
    /// Of this kind.
    pub kind: Option<String>,
}

/// Keeps parameter sets and the runs that they pin.
#[async_trait]
pub trait RunRegistry: Send + Sync {
    /// Keeps a set under its hash; one that is kept already stays as it is. True if it was not there before.
    ///
    /// Refused with [`DistributionError::WrongBase`] where the environment runs another version by now than the one that
    /// the set says, so that a set tells what could be read together, and its catalog's rows are there to be held.
    async fn freeze(
        &self,
        set: &ParameterSet,
        frozen_by: &str,
    ) -> Result<(FrozenSet, bool), DistributionError>;

    /// Reads a set of an app.
    async fn parameter_set(
        &self,
        app: AppId,
        hash: &ContentHash,
    ) -> Result<Option<FrozenSet>, DistributionError>;

    /// Lists an app's sets, newest first; pages count from 1, `limit` is at most 200.
    async fn parameter_sets(
        &self,
        app: AppId,
        environment: Option<EnvironmentId>,
        page: u32,
        limit: u32,
    ) -> Result<RowsPage<SetSummary>, DistributionError>;

    /// Says which sets of an app refer to these parameters, by name; those without any are left out.
    async fn sets_referring_to(
        &self,
        app: AppId,
        names: &[ParameterName],
    ) -> Result<BTreeMap<ParameterName, SetReferences>, DistributionError>;

    /// Registers a run; `None` where the app has no such set.
    async fn register_run(&self, run: NewRun) -> Result<Option<Run>, DistributionError>;

    /// Ends a run that is running, once; answers the run as it is then, with how it ended. `None` if the app has none.
    async fn end_run(
        &self,
        app: AppId,
        id: RunId,
        ending: RunEnding,
    ) -> Result<Option<Run>, DistributionError>;

    /// Reads a run of an app.
    async fn run(&self, app: AppId, id: RunId) -> Result<Option<Run>, DistributionError>;

    /// Lists an app's runs, newest first; pages count from 1, `limit` is at most 200.
    async fn runs(
        &self,
        app: AppId,
        filter: &RunFilter,
        page: u32,
        limit: u32,
    ) -> Result<RowsPage<Run>, DistributionError>;
}

#[derive(Debug)]
pub(crate) struct SetColumns {
    pub(crate) hash: String,
    pub(crate) base_environment: String,
    pub(crate) variables_catalog: String,
    pub(crate) factors: String,
    pub(crate) code_version: String,
    pub(crate) catalog_version: String,
    pub(crate) created_by: String,
    pub(crate) created_at: Timestamp,
}

impl SetColumns {
    pub(crate) fn set(self) -> Result<FrozenSet, DistributionError> {
        const WHAT: &str = "a parameter set";
        Ok(FrozenSet {
            hash: self.hash.into(),
            set: ParameterSet {
                base_environment: json(&self.base_environment, WHAT)?,
                catalog: json(&self.variables_catalog, WHAT)?,
                factors: json(&self.factors, WHAT)?,
                code_version: self.code_version,
                catalog_version: self.catalog_version.into(),
            },
            frozen_by: self.created_by,
            frozen_at: self.created_at,
        })
    }
}

/// The columns of a set's row, in the order of the table, without who and when.
pub(crate) struct SetRow {
    pub(crate) hash: ContentHash,
    pub(crate) base_environment: String,
    pub(crate) variables_catalog: String,
    pub(crate) factors: String,
}

impl SetRow {
    pub(crate) fn of(set: &ParameterSet) -> Self {
        Self {
            hash: set.hash(),
            base_environment: json_of(&set.base_environment),
            variables_catalog: json_of(&set.catalog),
            factors: json_of(&set.factors),
        }
    }
}

#[derive(Debug)]
pub(crate) struct SummaryColumns {
    pub(crate) hash: String,
    pub(crate) environment_id: Uuid,
    pub(crate) base_environment: String,
    pub(crate) factors: String,
    pub(crate) code_version: String,
    pub(crate) runs: i64,
    pub(crate) created_by: String,
    pub(crate) created_at: Timestamp,
}

/// What of a base environment a list shows: its values stay unread.
#[derive(Deserialize)]
struct BaseSummary {
    environment: EnvironmentName,
    release_tag: ReleaseTag,
    config_version: ConfigVersion,
}

impl SummaryColumns {
    pub(crate) fn summary(self) -> Result<SetSummary, DistributionError> {
        let base: BaseSummary = json(&self.base_environment, "a parameter set")?;
        Ok(SetSummary {
            hash: self.hash.into(),
            environment_id: self.environment_id.into(),
            environment: base.environment,
            release_tag: base.release_tag,
            config_version: base.config_version,
            factors: json(&self.factors, "a parameter set's factors")?,
            code_version: self.code_version,
            runs: small(self.runs)?,
            frozen_by: self.created_by,
            frozen_at: self.created_at,
        })
    }
}

#[derive(Debug)]
pub(crate) struct RunColumns {
    pub(crate) id: Uuid,
    pub(crate) app_id: Uuid,
    pub(crate) environment_id: Uuid,
    pub(crate) parameter_set_hash: String,
    pub(crate) kind: String,
    pub(crate) description: String,
    pub(crate) status: String,
    pub(crate) rerun_of: Option<Uuid>,
    pub(crate) results: Option<String>,
    pub(crate) note: String,
    pub(crate) started_by: String,
    pub(crate) started_by_id: Uuid,
    pub(crate) started_at: Timestamp,
    pub(crate) finished_at: Option<Timestamp>,
}

impl RunColumns {
    pub(crate) fn run(self) -> Result<Run, DistributionError> {
        let status = RunStatus::ALL.into_iter().find(|status| status.name() == self.status);
        Ok(Run {
            id: self.id.into(),
            app_id: self.app_id.into(),
            environment_id: self.environment_id.into(),
            parameter_set: self.parameter_set_hash.into(),
            kind: self.kind,
            description: self.description,
            status: status.ok_or_else(|| corrupt("a run's state"))?,
            rerun_of: self.rerun_of.map(RunId::from),
            results: self.results.map(|results| json(&results, "a run's results")).transpose()?,
            note: self.note,
            started_by: self.started_by,
            started_by_id: self.started_by_id.into(),
            started_at: self.started_at,
            finished_at: self.finished_at,
        })
    }
}

/// Collects the sets of each parameter, from rows of a name, a hash and the number of all, newest first.
pub(crate) fn references(
    rows: impl IntoIterator<Item = (String, String, i64)>,
) -> Result<BTreeMap<ParameterName, SetReferences>, DistributionError> {
    let mut references = BTreeMap::new();
    for (name, hash, total) in rows {
        let name = ParameterName::parse(&name).map_err(|_| corrupt("a parameter's name"))?;
        let total = small(total)?;
        let entry = references.entry(name).or_insert(SetReferences { newest: Vec::new(), total });
        entry.newest.push(hash.into());
    }
    Ok(references)
}

/// Limit and offset of a page.
pub(crate) fn window(page: u32, limit: u32) -> (i64, i64) {
    let limit = i64::from(limit.clamp(1, MAX_PAGE));
    (limit, i64::from(page.max(1) - 1) * limit)
}
