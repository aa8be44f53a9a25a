//! The timer of one connection, for the time that a request's head may take.

use hyper::rt::{Sleep, Timer};
use parking_lot::Mutex;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

/// Uses one sleep of the runtime again and again: a connection waits for one head at a time, and each wait is given up as
/// soon as the head is there. To move a sleep to a later instant costs next to nothing, to make one and take it back not.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConnectionTimer {
    resting: Resting,
}

type Resting = Arc<Mutex<Option<Pin<Box<tokio::time::Sleep>>>>>;

/// A sleep that is lent; dropped, it rests until the next one.
#[derive(Debug)]
struct Lent {
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
    resting: Resting,
}

impl Timer for ConnectionTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into()
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let sleep = match self.resting.lock().take() {
            Some(mut sleep) => {
                sleep.as_mut().reset(deadline.into());
                sleep
            }
            None => Box::pin(tokio::time::sleep_until(deadline.into())),
        };
        Box::pin(Lent { sleep: Some(sleep), resting: Arc::clone(&self.resting) })
    }
}

impl Future for Lent {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if let Some(sleep) = &mut self.sleep {
            ready!(sleep.as_mut().poll(context));
        }
        Poll::Ready(())
    }
}

impl Sleep for Lent {}

impl Drop for Lent {
    fn drop(&mut self) {
        *self.resting.lock() = self.sleep.take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_sleep_that_is_used_again_ends_when_it_should() {
        let (timer, began) = (ConnectionTimer::default(), tokio::time::Instant::now());
        let passed = || began.elapsed().as_secs();
        timer.sleep(Duration::from_secs(5)).await;
        assert_eq!(passed(), 5);
        for _ in 0..3 {
            // Given up, as when the head is there.
            let mut given_up = timer.sleep(Duration::from_secs(60));
            assert!(tokio::time::timeout(Duration::from_secs(1), &mut given_up).await.is_err());
        }
        assert_eq!(passed(), 8);
        // Earlier and later than the last one would have ended.
        timer.sleep(Duration::from_secs(2)).await;
        assert_eq!(passed(), 10);
        timer.sleep(Duration::from_secs(90)).await;
        assert_eq!(passed(), 100);
        // Two at once have a sleep each.
        let (one, other) = (timer.sleep(Duration::from_secs(3)), timer.sleep(Duration::from_secs(4)));
        tokio::join!(one, other);
        assert_eq!(passed(), 104);
    }
}
