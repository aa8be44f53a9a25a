//! Pauses between attempts.

use rand::RngExt;
use std::time::Duration;

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
