//! Hints from a connection's own task to the task that follows.

use conman_domain::snapshot::ConfigVersion;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Holds at most one hint: a storm of notifications becomes one look.
#[derive(Debug)]
pub(crate) struct Inbox {
    wake: Notify,
    closed: AtomicBool,
    /// The greatest version hinted at since the last look.
    hinted: AtomicU32,
    /// The greatest version ever hinted at.
    newest: AtomicU32,
    /// Whether there was a hint without a version since the last look.
    unclear: AtomicBool,
    /// The greatest version that was applied: hints of it and of older ones are no news.
    applied: AtomicU32,
    heard_at: Mutex<Instant>,
}

impl Inbox {
    pub(crate) fn new(applied: Option<ConfigVersion>) -> Self {
        Self {
            wake: Notify::new(),
            closed: AtomicBool::new(false),
            hinted: AtomicU32::new(0),
            newest: AtomicU32::new(0),
            unclear: AtomicBool::new(false),
            applied: AtomicU32::new(applied.unwrap_or_default().0),
            heard_at: Mutex::new(Instant::now()),
        }
    }

    /// Says that the environment has this version, or `None` that it may have any.
    pub(crate) fn hint(&self, version: Option<ConfigVersion>) {
        match version {
            Some(version) => {
                self.newest.fetch_max(version.0, Ordering::AcqRel);
                self.hinted.fetch_max(version.0, Ordering::AcqRel);
            }
            None => self.unclear.store(true, Ordering::Release),
        }
        self.wake.notify_one();
    }

    /// The greatest version hinted at over this connection.
    pub(crate) fn newest(&self) -> ConfigVersion {
        ConfigVersion(self.newest.load(Ordering::Acquire))
    }

    pub(crate) fn applied(&self, version: ConfigVersion) {
        self.applied.fetch_max(version.0, Ordering::AcqRel);
    }

    /// Says that the connection gave a sign of life.
    pub(crate) fn heard(&self) {
        *self.heard_at.lock() = Instant::now();
    }

    pub(crate) fn heard_at(&self) -> Instant {
        *self.heard_at.lock()
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// Waits for a hint that is news; false once the connection is closed. May be dropped while waiting.
    pub(crate) async fn next(&self) -> bool {
        loop {
            if self.closed.load(Ordering::Acquire) {
                return false;
            }
            let unclear = self.unclear.swap(false, Ordering::AcqRel);
            // Looked at only now: the version may have been applied since the hint came.
            let hinted = self.hinted.swap(0, Ordering::AcqRel);
            if unclear || hinted > self.applied.load(Ordering::Acquire) {
                return true;
            }
            self.wake.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_news_wakes() {
        let inbox = Inbox::new(Some(ConfigVersion(3)));
        let waits = async |inbox: &Inbox| {
            tokio::time::timeout(std::time::Duration::from_millis(20), inbox.next()).await
        };
        for version in [1, 3, 2] {
            inbox.hint(Some(ConfigVersion(version)));
        }
        assert!(waits(&inbox).await.is_err());
        inbox.hint(Some(ConfigVersion(4)));
        inbox.hint(Some(ConfigVersion(5)));
        assert_eq!(waits(&inbox).await, Ok(true));
        assert!(waits(&inbox).await.is_err(), "a storm is one look");
        assert_eq!(inbox.newest(), ConfigVersion(5), "which is remembered behind the look");
        inbox.hint(Some(ConfigVersion(6)));
        inbox.applied(ConfigVersion(6));
        assert!(waits(&inbox).await.is_err(), "applied in the meantime");
        inbox.hint(None);
        assert_eq!(waits(&inbox).await, Ok(true));
        inbox.close();
        assert_eq!(waits(&inbox).await, Ok(false));
        assert_eq!(waits(&inbox).await, Ok(false));
    }
}
