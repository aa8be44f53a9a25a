//! Pauses between attempts.

use conman_domain::snapshot::ConfigVersion;
use rand::RngExt;
use std::time::Duration;
use tokio::time::Instant;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(20);

/// Doubles from 100 ms to 20 s, each time with jitter of a half either way: workers that lost the same database do not
/// come back all at once.
#[derive(Debug)]
pub(crate) struct Backoff {
    pause: Duration,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { pause: FIRST }
    }

    pub(crate) fn reset(&mut self) {
        self.pause = FIRST;
    }

    pub(crate) fn next(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST);
        pause.mul_f64(rand::rng().random_range(0.5..1.5))
    }
}

/// How often a source is asked again for a version that was hinted at: for some six seconds, then the heartbeat asks.
const ASKED_AGAIN: u32 = 6;

/// When to ask again for a version that was hinted at, and that the source did not have when asked.
///
/// A server may be a moment behind the one that the hint came from.
#[derive(Debug, Default)]
pub(crate) struct AskingAgain {
    at: Option<Instant>,
    wanted: Option<(ConfigVersion, Backoff, u32)>,
}

impl AskingAgain {
    /// Hears which version was hinted at and is still not there, after each answer of the source.
    pub(crate) fn note(&mut self, missing: Option<ConfigVersion>) {
        self.at = None;
        let Some(version) = missing else {
            self.wanted = None;
            return;
        };
        if self.wanted.as_ref().is_none_or(|(wanted, ..)| *wanted != version) {
            self.wanted = Some((version, Backoff::new(), ASKED_AGAIN));
        }
        if let Some((_, backoff, left)) = &mut self.wanted
            && *left > 0
        {
            *left -= 1;
            self.at = Some(Instant::now() + backoff.next());
        }
    }

    /// Waits until it is time, if ever.
    pub(crate) async fn due(&self) {
        match self.at {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_again_ends() {
        let mut asking = AskingAgain::default();
        for version in [4, 5] {
            for _ in 0..ASKED_AGAIN {
                asking.note(Some(ConfigVersion(version)));
                assert!(asking.at.is_some());
            }
            asking.note(Some(ConfigVersion(version)));
            assert!(asking.at.is_none());
        }
        asking.note(Some(ConfigVersion(6)));
        asking.note(None);
        assert!(asking.at.is_none());
    }
}
