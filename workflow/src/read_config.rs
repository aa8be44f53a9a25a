//! Values out of memory, as new as every write that was answered.

use crate::error::Result;
use crate::services::Workflow;
use bytes::Bytes;
use conman_domain::catalog::Values;
use conman_domain::id::{AppId, EnvironmentId};
use conman_domain::name::ParameterName;
use conman_domain::snapshot::ConfigVersion;
use conman_domain::value::Value;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// All values that an environment runs at one version.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConfigValues {
    /// The version; 0 before anything runs.
    pub version: ConfigVersion,
    /// The values by name.
    pub values: Values,
    /// Written when it is wanted first.
    list: OnceLock<Bytes>,
}

impl ConfigValues {
    /// All values as a JSON list of `{"name", "value"}`, by name; written once per version.
    pub fn list(&self) -> Bytes {
        let write = || {
            let named = self.values.iter().map(|(name, value)| NamedValue { name, value });
            let list: Vec<NamedValue<'_>> = named.collect();
            Bytes::from(serde_json::to_vec(&list).expect("names and values are always JSON"))
        };
        self.list.get_or_init(write).clone()
    }
}

#[derive(Serialize)]
struct NamedValue<'a> {
    name: &'a ParameterName,
    value: &'a Value,
}

/// The newest values that were read, by app and environment.
pub(crate) type ValuesInMemory = HashMap<(AppId, EnvironmentId), Arc<ConfigValues>>;

impl Workflow {
    /// The values that an environment runs, out of memory.
    ///
    /// A read compares the version in memory with the active one, which the distribution database has
    /// [at hand](conman_distribution::Distribution::version_at_hand) as a rule; where it has not, a row is read by its key,
    /// and reads that come at once share that. Only where another version is active are the values read again. A write is
    /// answered once every server knows of its version, so that a read that begins after the answer sees it, whichever
    /// server is asked.
    pub async fn config_values(
        &self,
        app_id: AppId,
        environment: EnvironmentId,
    ) -> Result<Arc<ConfigValues>> {
        match self.values_in_place(app_id, environment) {
            Some(known) => Ok(known),
            None => self.newest_values(app_id, environment).await,
        }
    }

    /// The same for a program that shows a service token, where the token and the values are at hand: what needs no
    /// waiting is answered on the thread that asks. `None` where anything must be looked for, or refused.
    pub fn values_at_hand(&self, secret: &str) -> Option<Arc<ConfigValues>> {
        let (app_id, environment) = self.place_at_hand(secret)?;
        self.values_in_place(app_id, environment)
    }

    fn values_in_place(&self, app_id: AppId, environment: EnvironmentId) -> Option<Arc<ConfigValues>> {
        let version = self.distribution().version_at_hand(app_id, environment)?;
        let memory = self.values_in_memory().lock();
        memory.get(&(app_id, environment)).filter(|known| known.version >= version).map(Arc::clone)
    }

    /// The same, as new as the distribution database itself, by a look that those who ask at once share.
    pub(crate) async fn newest_values(
        &self,
        app_id: AppId,
        environment: EnvironmentId,
    ) -> Result<Arc<ConfigValues>> {
        let workflow = self.clone();
        let look = move || {
            let workflow = workflow.clone();
            async move { workflow.look_at_values(app_id, environment).await.ok() }
        };
        match self.value_looks().ask((app_id, environment), look).await {
            Some(values) => Ok(values),
            None => self.look_at_values(app_id, environment).await,
        }
    }

    async fn look_at_values(&self, app_id: AppId, environment: EnvironmentId) -> Result<Arc<ConfigValues>> {
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
            let read = Arc::new(ConfigValues { version, values, list: OnceLock::new() });
            let mut memory = self.values_in_memory().lock();
            let kept = memory.entry(key).or_default();
            if kept.version < version {
                *kept = read.clone();
            }
            return Ok(read);
        }
    }
}
