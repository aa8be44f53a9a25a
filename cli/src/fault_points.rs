//! Fault points: `CONMAN_KILL_AT=NAME` kills the process when it passes one, `CONMAN_KILL_AT=NAME:N` at the N-th pass.
//!
//! `FAILPOINTS` arms them in every other way that the `fail` crate knows. Only in builds for crash tests.

use anyhow::{Context as _, Result, ensure};
use std::sync::atomic::{AtomicU32, Ordering};

/// Arms what the environment names; disarmed with the value.
pub(crate) fn arm() -> Result<fail::FailScenario<'static>> {
    let scenario = fail::FailScenario::setup();
    let Some(wanted) = std::env::var_os("CONMAN_KILL_AT") else {
        return Ok(scenario);
    };
    let wanted = wanted.to_str().context("CONMAN_KILL_AT is not text")?;
    let (name, pass) = wanted.split_once(':').unwrap_or((wanted, "1"));
    let pass: u32 = pass.parse().context("CONMAN_KILL_AT ends with the number of a pass")?;
    let known = conman_workflow::faults::FAULT_POINTS.iter().chain(&conman_distribution::FAULT_POINTS);
    ensure!(
        known.into_iter().any(|point| *point == name),
        "CONMAN_KILL_AT: there is no fault point `{name}`"
    );
    let passed = AtomicU32::new(0);
    fail::cfg_callback(name, move || {
        if passed.fetch_add(1, Ordering::Relaxed) + 1 == pass {
            kill();
        }
    })
    .map_err(|error| anyhow::anyhow!("the fault point `{name}` cannot be armed: {error}"))?;
    Ok(scenario)
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
