//! What an environment ran: at a version, at an instant, and how versions and environments differ.

use crate::actor::Page;
use crate::error::{Rejection, Result};
use crate::services::Workflow;
use conman_distribution::{HistoryPage, HistoryRow, ParameterChange};
use conman_domain::Timestamp;
use conman_domain::id::{AppId, EnvironmentId};
use conman_domain::name::ParameterName;
use conman_domain::snapshot::{ConfigVersion, SnapshotParameter};
use std::collections::{BTreeMap, BTreeSet};

/// Which version of an environment is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// The one that runs.
    Now,
    /// One by its number.
    Version(ConfigVersion),
    /// The one that ran at an instant.
    At(Timestamp),
}

/// Every parameter of an environment at one version, and how that version came to be.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigThen {
    /// The version: who, when, why, approved by whom.
    pub row: HistoryRow,
    /// Its parameters.
    pub parameters: BTreeMap<ParameterName, SnapshotParameter>,
}

/// How the parameters of two versions differ.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigDifference {
    /// The one that is compared.
    pub from: HistoryRow,
    /// The one that it is compared with.
    pub to: HistoryRow,
    /// Parameters that are not the same in both, by name.
    pub parameters: BTreeMap<ParameterName, ParameterChange>,
}

impl Workflow {
    /// An environment's config versions, newest first.
    pub async fn history(
        &self,
        app_id: AppId,
        environment: EnvironmentId,
        page: Page,
    ) -> Result<HistoryPage> {
        Ok(self.distribution().history(app_id, environment, page.page, page.limit).await?)
    }

    /// The versions that changed one parameter of an environment, oldest first.
    pub async fn parameter_history(
        &self,
        app_id: AppId,
        environment: EnvironmentId,
        name: &ParameterName,
        page: Page,
    ) -> Result<HistoryPage> {
        let (page, limit) = (page.page, page.limit);
        Ok(self.distribution().history_of_parameter(app_id, environment, name, page, limit).await?)
    }

    /// The next versions after one that changed a parameter of an environment, oldest first; none where there are no more.
    pub async fn parameter_changes(
        &self,
        app_id: AppId,
        environment: EnvironmentId,
        name: &ParameterName,
        after: ConfigVersion,
    ) -> Result<Vec<HistoryRow>> {
        Ok(self.distribution().changes_of_parameter(app_id, environment, name, after).await?)
    }

    /// The whole of an environment's parameters at a version or an instant; refused where it ran nothing then.
    pub async fn config_then(
        &self,
        app_id: AppId,
        environment: EnvironmentId,
        when: When,
    ) -> Result<ConfigThen> {
        let distribution = self.distribution();
        let row = match when {
            When::Now => match distribution.active(app_id, environment).await? {
                Some(active) => {
                    let version = active.provenance.config_version;
                    distribution.history_row(app_id, environment, version).await?
                }
                None => None,
            },
            When::Version(version) => distribution.history_row(app_id, environment, version).await?,
            When::At(instant) => distribution.history_at(app_id, environment, instant).await?,
        };
        let nothing = || Rejection::NotFound("version of the environment");
        let row = row.ok_or_else(nothing)?;
        let version = row.provenance.config_version;
        let parameters = distribution.parameters_at(app_id, environment, version).await?;
        Ok(ConfigThen { row, parameters: parameters.ok_or_else(nothing)? })
    }

    /// How an environment's parameters at one time differ from those of the same or another environment of the app.
    pub async fn config_difference(
        &self,
        app_id: AppId,
        from: (EnvironmentId, When),
        to: (EnvironmentId, When),
    ) -> Result<ConfigDifference> {
        let mut from = self.config_then(app_id, from.0, from.1).await?;
        let mut to = self.config_then(app_id, to.0, to.1).await?;
        let names: BTreeSet<ParameterName> =
            from.parameters.keys().chain(to.parameters.keys()).cloned().collect();
        let differing = names.into_iter().filter_map(|name| {
            let change =
                ParameterChange { before: from.parameters.remove(&name), after: to.parameters.remove(&name) };
            (change.before != change.after).then_some((name, change))
        });
        let parameters = differing.collect();
        Ok(ConfigDifference { from: from.row, to: to.row, parameters })
    }
}
