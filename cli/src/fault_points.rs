//! Fault points, only in builds for crash tests.
//!
//! `CONMAN_KILL_AT=NAME` kills the process when it passes the point, `CONMAN_KILL_AT=NAME:N` at the N-th pass.
//! `CONMAN_HOLD_AT=NAME:FILE` makes FILE at the first pass, and goes on when somebody has removed it.

use anyhow::{Context as _, Result, ensure};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

/// How long it is waited until it is asked again whether the file is gone.
const PAUSE: Duration = Duration::from_millis(5);

/// Arms what the environment names; disarmed with the value.
pub(crate) fn arm() -> Result<fail::FailScenario<'static>> {
    let scenario = fail::FailScenario::setup();
    if let Some(wanted) = variable("CONMAN_KILL_AT")? {
        let (name, pass) = wanted.split_once(':').unwrap_or((&wanted, "1"));
        let pass: u32 = pass.parse().context("CONMAN_KILL_AT ends with the number of a pass")?;
        let passed = AtomicU32::new(0);
        call_at(name, move || {
            if passed.fetch_add(1, Ordering::Relaxed) + 1 == pass {
                kill();
            }
        })?;
    }
    if let Some(wanted) = variable("CONMAN_HOLD_AT")? {
        let (name, file) = wanted.split_once(':').context("CONMAN_HOLD_AT is NAME:FILE")?;
        let (file, held) = (PathBuf::from(file), AtomicBool::new(false));
        call_at(name, move || {
            if !held.swap(true, Ordering::Relaxed) {
                // The tasks that this thread would run next must not wait with it.
                tokio::task::block_in_place(|| hold(&file));
            }
        })?;
    }
    Ok(scenario)
}

fn variable(name: &str) -> Result<Option<String>> {
    let Some(value) = std::env::var_os(name) else {
        return Ok(None);
    };
    Ok(Some(value.into_string().ok().with_context(|| format!("{name} is not text"))?))
}

fn call_at(name: &str, call: impl Fn() + Send + Sync + 'static) -> Result<()> {
    let known = conman_workflow::faults::FAULT_POINTS.iter().chain(&conman_distribution::FAULT_POINTS);
    ensure!(known.into_iter().any(|point| *point == name), "there is no fault point `{name}`");
    fail::cfg_callback(name, call)
        .map_err(|error| anyhow::anyhow!("the fault point `{name}` cannot be armed: {error}"))
}

fn hold(file: &Path) {
    if let Err(error) = std::fs::write(file, "") {
        tracing::error!("cannot hold at a fault point: {}: {error}", file.display());
        return;
    }
    while file.exists() {
        std::thread::sleep(PAUSE);
    }
}

/// Ends the process as a power cut would: nothing is flushed, closed or dropped.
#[expect(
    unsafe_code,
    reason = "a plain system call on this process; there is no safe SIGKILL in the standard library"
)]
fn kill() {
    unsafe { libc::raise(libc::SIGKILL) };
    // The signal may reach another thread first: this one goes no step further.
    loop {
        std::thread::park();
    }
}
