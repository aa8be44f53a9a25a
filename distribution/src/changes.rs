//! Telling who listens.

use conman_domain::id::{AppId, EnvironmentId};
use conman_domain::name::ParameterName;
use conman_domain::snapshot::ConfigVersion;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tokio::sync::broadcast;
use uuid::Uuid;

/// PostgreSQL refuses payloads of 8,000 bytes and more.
const MAX_PAYLOAD: usize = 7_999;

/// How many changes a slow subscriber may be behind before it is told the current versions instead.
const BACKLOG: usize = 1_024;

/// Says that an environment runs another version: a hint to look, never the data itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigChanged {
    /// The app.
    pub app_id: AppId,
    /// The environment.
    pub environment_id: EnvironmentId,
    /// The version that became active.
    pub version: ConfigVersion,
    /// The names of parameters that changed; all of them unless `truncated`.
    pub changed: Vec<ParameterName>,
    /// True if `changed` is not complete.
    pub truncated: bool,
}

/// The payload of `NOTIFY config_changed`, as JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Notice {
    #[serde(flatten)]
    pub(crate) change: ConfigChanged,
    /// The server that made the version active; those of older releases do not say.
    #[serde(default)]
    pub(crate) by: Option<Uuid>,
}

impl Notice {
    /// The JSON, with as many names as fit into a notification.
    pub(crate) fn payload(mut self) -> String {
        let write =
            |notice: &Self| serde_json::to_string(notice).expect("ids, numbers and names are always JSON");
        let text = write(&self);
        if text.len() <= MAX_PAYLOAD {
            return text;
        }
        // Names are ASCII without escapes: each takes its length, two quotes and a comma; 300 bytes hold the rest.
        let mut room = MAX_PAYLOAD - 300;
        let count = self
            .change
            .changed
            .iter()
            .take_while(|name| {
                let takes = name.as_str().len() + 3;
                let fits = takes <= room;
                room = room.saturating_sub(takes);
                fits
            })
            .count();
        self.change.changed.truncate(count);
        self.change.truncated = true;
        write(&self)
    }
}

type Versions = BTreeMap<(AppId, EnvironmentId), ConfigVersion>;

/// The one place of a process through which all its subscribers hear of changes.
#[derive(Debug, Clone)]
pub(crate) struct Hub {
    told: Arc<Mutex<Versions>>,
    sender: broadcast::Sender<ConfigChanged>,
}

impl Hub {
    pub(crate) fn new() -> Self {
        Self { told: Arc::default(), sender: broadcast::channel(BACKLOG).0 }
    }

    /// Tells of a change unless this or a later version of that environment was told of before.
    pub(crate) fn tell(&self, change: ConfigChanged) {
        let mut told = self.told.lock();
        let known = told.entry((change.app_id, change.environment_id)).or_default();
        if change.version > *known {
            *known = change.version;
            // Without subscribers there is nobody to tell.
            let _ = self.sender.send(change);
        }
    }

    /// Takes versions as known without telling anyone: those that were active before anyone could subscribe.
    pub(crate) fn prime(&self, active: impl IntoIterator<Item = (AppId, EnvironmentId, ConfigVersion)>) {
        let mut told = self.told.lock();
        for (app, environment, version) in active {
            let known = told.entry((app, environment)).or_default();
            *known = version.max(*known);
        }
    }

    pub(crate) fn subscribe(&self) -> Changes {
        // Under the lock, so that what is subscribed to and what counts as told before fit together.
        let _told = self.told.lock();
        Changes { hub: Arc::clone(&self.told), receiver: self.sender.subscribe(), owed: VecDeque::new() }
    }
}

/// Receives every change from the moment of [`Distribution::subscribe`](crate::Distribution::subscribe).
#[derive(Debug)]
pub struct Changes {
    hub: Arc<Mutex<Versions>>,
    receiver: broadcast::Receiver<ConfigChanged>,
    owed: VecDeque<ConfigChanged>,
}

impl Changes {
    /// Waits for the next change; `None` once the distribution database was closed. May be dropped while waiting.
    ///
    /// Versions of one environment only grow. Who falls far behind is told the current version of every environment,
    /// `truncated` and without names, in place of what was missed.
    pub async fn next(&mut self) -> Option<ConfigChanged> {
        if let Some(change) = self.owed.pop_front() {
            return Some(change);
        }
        loop {
            match self.receiver.recv().await {
                Ok(change) => return Some(change),
                Err(broadcast::error::RecvError::Closed) => return None,
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    let told = self.hub.lock();
                    self.receiver = self.receiver.resubscribe();
                    self.owed = told
                        .iter()
                        .map(|(&(app_id, environment_id), &version)| ConfigChanged {
                            app_id,
                            environment_id,
                            version,
                            changed: Vec::new(),
                            truncated: true,
                        })
                        .collect();
                    drop(told);
                    if let Some(change) = self.owed.pop_front() {
                        return Some(change);
                    }
                }
            }
        }
    }

    /// The same as a stream.
    pub fn into_stream(self) -> impl futures::Stream<Item = ConfigChanged> + Send {
        futures::stream::unfold(self, |mut changes| async move {
            changes.next().await.map(|change| (change, changes))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(environment: u128, version: u32, names: usize) -> ConfigChanged {
        ConfigChanged {
            app_id: Uuid::from_u128(1).into(),
            environment_id: Uuid::from_u128(environment).into(),
            version: ConfigVersion(version),
            changed: (0..names)
                .map(|n| format!("parameter_with_a_rather_long_name_{n}").parse().unwrap())
                .collect(),
            truncated: false,
        }
    }

    #[test]
    fn payloads_stay_under_the_limit() {
        for names in [0, 1, 100, 180, 200, 5_000] {
            let whole = change(1, u32::MAX, names);
            let text = Notice { change: whole.clone(), by: Some(Uuid::nil()) }.payload();
            assert!(text.len() < 8_000, "{names}: {}", text.len());
            let Notice { change: back, by } = serde_json::from_str(&text).unwrap();
            assert_eq!(by, Some(Uuid::nil()));
            assert_eq!(back.truncated, back.changed.len() < names);
            assert_eq!(back.changed[..], whole.changed[..back.changed.len()]);
            assert!(names < 150 || back.changed.len() > 100, "{}", back.changed.len());
        }
    }

    #[tokio::test]
    async fn a_slow_subscriber_hears_the_current_versions() {
        let hub = Hub::new();
        let mut changes = hub.subscribe();
        for version in 1..=5_000 {
            hub.tell(change(1, version, 0));
        }
        hub.tell(change(2, 7, 0));
        let mut latest = BTreeMap::new();
        while latest.len() < 2 {
            let change = changes.next().await.unwrap();
            latest.insert(change.environment_id, change.version);
        }
        let latest: Vec<_> = latest.into_values().collect();
        assert_eq!(latest, [ConfigVersion(5_000), ConfigVersion(7)]);
    }

    #[tokio::test]
    async fn versions_only_grow_and_none_is_told_twice() {
        let hub = Hub::new();
        hub.prime([(Uuid::from_u128(1).into(), Uuid::from_u128(1).into(), ConfigVersion(3))]);
        let mut changes = hub.subscribe();
        for version in [3, 2, 4, 4, 1, 6] {
            hub.tell(change(1, version, 0));
        }
        drop(hub);
        let mut versions = Vec::new();
        while let Some(change) = changes.next().await {
            versions.push(change.version.0);
        }
        assert_eq!(versions, [4, 6]);
    }
}
