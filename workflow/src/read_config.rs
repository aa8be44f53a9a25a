//! Values out of memory, as new as every write that was answered.

use crate::error::Result;
use crate::services::Workflow;
use conman_domain::catalog::Values;
use conman_domain::id::{AppId, EnvironmentId};
use conman_domain::snapshot::ConfigVersion;
use std::collections::HashMap;
use std::sync::Arc;

/// All values that an environment runs at one version.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConfigValues {
    /// The version; 0 before anything runs.
    pub version: ConfigVersion,
    /// The values by name.
    pub values: Values,
}

/// The newest values that were read, by app and environment.
pub(crate) type ValuesInMemory = HashMap<(AppId, EnvironmentId), Arc<ConfigValues>>;

impl Workflow {
    /// The values that an environment runs, out of memory.
    ///
    /// Each read asks the distribution database for the active version alone, a row by its key, and reads the values
    /// again only where that is not the version in memory. A write is answered once it is active there, so that a read that
    /// begins after the answer sees it, whichever server is asked.
    pub async fn config_values(
        &self,
        app_id: AppId,
        environment: EnvironmentId,
    ) -> Result<Arc<ConfigValues>> {
        let distribution = self.distribution();
        loop {
            let Some(active) = distribution.active(app_id, environment).await? else {
                return Ok(Arc::default());
            };
            let version = active.provenance.config_version;
            let key = (app_id, environment);
            let known = self.values_in_memory().lock().get(&key).cloned();
            if let Some(known) = known
                && known.version >= version
            {
                return Ok(known);
            }
            let Some(parameters) = distribution.parameters_at(app_id, environment, version).await? else {
                continue;
            };
            let values = parameters.into_iter().map(|(name, parameter)| (name, parameter.value)).collect();
            let read = Arc::new(ConfigValues { version, values });
            let mut memory = self.values_in_memory().lock();
            let kept = memory.entry(key).or_default();
            if kept.version < version {
                *kept = read.clone();
            }
            return Ok(read);
        }
    }
}
