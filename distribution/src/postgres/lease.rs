//! Active versions out of memory, for as long as nobody can have made another one active unheard.

use conman_domain::id::{AppId, EnvironmentId};
use conman_domain::snapshot::ConfigVersion;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long versions are told after the moment at which reading them began.
pub(super) const LEASE: Duration = Duration::from_millis(900);

/// How long whoever makes a version active waits for a reader that says nothing: longer than a lease that began before
/// lasts, by clocks that differ by a tenth.
pub(super) const LONGEST_LEASE: Duration = Duration::from_millis(1_000);

/// How often a lease is renewed.
pub(super) const RENEWAL: Duration = Duration::from_millis(300);

/// What a server may tell of active versions without asking.
///
/// A version is told only before the lease ends. A version made active after the lease began is heard of, by
/// [`Lease::doubt`], before its maker answers, or the lease has ended by then.
#[derive(Debug)]
pub(super) struct Lease {
    origin: Instant,
    /// When it ends, in nanoseconds after the origin.
    ends: AtomicU64,
    versions: RwLock<HashMap<(AppId, EnvironmentId), ConfigVersion>>,
}

impl Lease {
    pub(super) fn new() -> Self {
        Self { origin: Instant::now(), ends: AtomicU64::new(0), versions: RwLock::default() }
    }

    /// The version, if it may be told.
    pub(super) fn version(&self, app: AppId, environment: EnvironmentId) -> Option<ConfigVersion> {
        if self.nanoseconds(Instant::now()) >= self.ends.load(Ordering::Acquire) {
            return None;
        }
        self.versions.read().get(&(app, environment)).copied()
    }

    /// Takes all versions as they were read, and tells them for a while from the moment at which that reading began.
    pub(super) fn renew(
        &self,
        began: Instant,
        active: impl IntoIterator<Item = (AppId, EnvironmentId, ConfigVersion)>,
    ) {
        let mut versions = self.versions.write();
        for (app, environment, version) in active {
            let known = versions.entry((app, environment)).or_default();
            *known = version.max(*known);
        }
        drop(versions);
        self.ends.store(self.nanoseconds(began + LEASE), Ordering::Release);
    }

    /// Takes a version as active: it was read, or this process made it so.
    pub(super) fn raise(&self, app: AppId, environment: EnvironmentId, version: ConfigVersion) {
        let mut versions = self.versions.write();
        let known = versions.entry((app, environment)).or_default();
        *known = version.max(*known);
    }

    /// Tells none below this version any more; nor this one before it was read, since anybody could have named it.
    pub(super) fn doubt(&self, app: AppId, environment: EnvironmentId, version: ConfigVersion) {
        let mut versions = self.versions.write();
        if versions.get(&(app, environment)).is_some_and(|known| *known < version) {
            versions.remove(&(app, environment));
        }
    }

    /// Tells nothing any more until it is renewed.
    pub(super) fn end(&self) {
        self.ends.store(0, Ordering::Release);
        self.versions.write().clear();
    }

    fn nanoseconds(&self, instant: Instant) -> u64 {
        // It lasts for five hundred years.
        u64::try_from(instant.saturating_duration_since(self.origin).as_nanos()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn versions_are_told_until_the_lease_ends_and_never_below_what_was_heard() {
        let (app, environment) = (AppId::from(Uuid::from_u128(1)), EnvironmentId::from(Uuid::from_u128(2)));
        let (lease, version) = (Lease::new(), ConfigVersion);
        let told = |lease: &Lease| lease.version(app, environment);
        lease.raise(app, environment, version(3));
        assert_eq!(told(&lease), None, "there is no lease yet");
        lease.renew(Instant::now(), [(app, environment, version(2))]);
        assert_eq!(
            told(&lease),
            Some(version(3)),
            "what was read may be older than what was made active since"
        );
        lease.doubt(app, environment, version(3));
        assert_eq!(told(&lease), Some(version(3)));
        lease.doubt(app, environment, version(4));
        assert_eq!(told(&lease), None, "it is not known that there is a fourth");
        lease.raise(app, environment, version(4));
        assert_eq!(told(&lease), Some(version(4)));
        // As if the reading had taken this long.
        let Some(long_ago) = Instant::now().checked_sub(LEASE) else { return };
        lease.renew(long_ago, [(app, environment, version(4))]);
        assert_eq!(told(&lease), None);
        lease.renew(Instant::now(), []);
        assert_eq!(told(&lease), Some(version(4)));
        lease.end();
        lease.renew(Instant::now(), []);
        assert_eq!(told(&lease), None, "what was known before is not known any more");
    }
}
