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
    /// The greatest version that was applied: hints of it and of older ones are no news.
    applied: AtomicU32,
    heard_at: Mutex<Instant>,
}

impl Inbox {
    pub(crate) fn new(applied: Option<ConfigVersion>) -> Self {
        Self {
            wake: Notify::new(),
            closed: AtomicBool::new(false),
            applied: AtomicU32::new(applied.unwrap_or_default().0),
            heard_at: Mutex::new(Instant::now()),
        }
    }

    /// Says that the environment has this version, or `None` that it may have any.
    pub(crate) fn hint(&self, version: Option<ConfigVersion>) {
        if version.is_none_or(|version| version.0 > self.applied.load(Ordering::Relaxed)) {
            self.wake.notify_one();
        }
    }

    pub(crate) fn applied(&self, version: ConfigVersion) {
        self.applied.fetch_max(version.0, Ordering::Relaxed);
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

    /// Waits for a hint; false once the connection is closed. May be dropped while waiting.
    pub(crate) async fn next(&self) -> bool {
        if self.closed.load(Ordering::Acquire) {
            return false;
        }
        self.wake.notified().await;
        !self.closed.load(Ordering::Acquire)
    }
}
