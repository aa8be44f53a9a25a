//! The job runner: claim, lease, heartbeat, retry, drain.
//!
//! A job is claimed by compare-and-swap and held by a lease that a heartbeat renews; a runner that dies lets the lease
//! end, and another takes the job over with the next attempt number. Decisions are fenced by that number (see
//! [`JobContext`](conman_workflow::JobContext)), so that an attempt that was slow, and not dead, decides nothing any more.
//! Any number of runners may work on one store.

mod handlers;
mod runner;

pub use runner::{Runner, RunnerConfig};
