//! Clean-up that takes more than freeing memory.

use std::future::Future;
use std::time::Duration;

use anyhow::Result;

const PATIENCE: Duration = Duration::from_secs(20);

/// Runs a clean-up to its end from a destructor: on a thread of its own, because the test's runtime may be busy,
/// single-threaded or already gone. A clean-up that fails is said, and fails no test.
#[expect(clippy::print_stderr, reason = "a destructor has no other way to say what went wrong")]
pub(crate) fn finish(what: &str, work: impl Future<Output = Result<()>> + Send + 'static) {
    let thread = std::thread::spawn(move || -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async { tokio::time::timeout(PATIENCE, work).await? })
    });
    match thread.join() {
        Ok(Ok(())) => {}
        Ok(Err(error)) => eprintln!("testkit: cannot {what}: {error:#}"),
        Err(_) => eprintln!("testkit: cannot {what}: the clean-up panicked"),
    }
}
