//! The workflow through the public API: every request over HTTP, real repositories, real databases, real job runners.
//!
//! Tests where state or concurrency matter run on both set-ups: the embedded default (SQLite twice) and the team's
//! (MongoDB and PostgreSQL). Each ends by checking that no job and no task is left over.

#![expect(clippy::unwrap_used, reason = "a test that does not get what it needs has failed")]

#[macro_use]
mod harness;

mod assisting;
mod cataloguing;
mod comments;
mod composing;
mod deploying;
mod diffs;
mod drafting;
mod editing;
mod following;
mod freezing;
mod hostile;
mod jobs;
mod main_job;
mod observing;
mod out_of_step;
mod past;
mod pipeline;
mod profiling;
mod publishing;
mod queued_saves;
mod queueing;
mod races;
mod record;
mod restoring;
mod reviewing;
mod runners;
mod running;
mod saving;
mod syncing;
mod time_travel;
mod validating;
mod values;
mod waiting;
mod workers;
