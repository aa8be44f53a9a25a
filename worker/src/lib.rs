//! Follows one environment from inside a running program.
//!
//! A [`Follower`] keeps the environment's configuration in memory, always as one frozen [`View`]: version, parameters
//! and files that belong together. A change is built completely beside the view in use, its files checked against
//! their hashes, and then swapped in at once; a program that holds a view keeps exactly that one. Where anything is
//! wrong with the newer configuration, the last good view stays, and the worker's report says why.
//!
//! # Safe boundaries
//!
//! A program says when it must not be disturbed by entering a [`Section`]: [`decision_cycle`](Follower::decision_cycle),
//! [`inference`](Follower::inference), [`critical_section`](Follower::critical_section),
//! [`open_position`](Follower::open_position). A section reads one frozen view until it is dropped. What arrives
//! meanwhile waits; the parameter's category decides for what:
//!
//! | category | [`Boundary`] |
//! |---|---|
//! | `threshold`, `filter_flag`, `cooldown`, none; files | the end of the decision cycle in flight, else at once |
//! | `risk_limit` | the close of the open position or the next heartbeat, whichever is later; at once if none is open |
//! | any, with `hot_reloadable: false` | never while running: flagged as needing a restart, applied at the next start |
//!
//! "At once" never means inside a decision cycle, an inference or a critical section: these hold everything back until
//! the last of them ends. An open position holds back risk limits alone. So the view in use can hold values of more than
//! one version ([`View::version_of`]), but only where this table says so, and no section ever sees two. At most one new
//! value per parameter waits: a newer one replaces it. Nothing is lost by waiting, and nothing is applied in between:
//! [`Status::forbidden_applications`] counts, and stays 0.
//!
//! # What can go wrong
//!
//! A program may refuse a version by a [`Check`]: the last good one stays, and the reason is reported. Lost and silent
//! connections are replaced. With [`Options::cache`] the last good configuration is kept on disk to start from when the
//! source is away; a view from there is [stale](View::is_stale) until a version of the source is accepted.
//!
//! Configuration arrives by PostgreSQL (`LISTEN` first, then read) or by the server's HTTP stream; both are described
//! in `docs/worker-protocol.md`. A notification is only ever a hint: what counts is the version that the database or
//! the server answers. Versions never go backwards, gaps are fine. Lost and silent connections are replaced, and
//! whatever became active meanwhile is caught up with. What the worker runs is reported on every application and
//! every heartbeat.
//!
//! ```no_run
//! use conman_worker::{FileSelection, Follower, Options, Source};
//!
//! # async fn program() -> Result<(), Box<dyn std::error::Error>> {
//! let source = Source::Http {
//!     server_url: "https://conman.example".to_owned(),
//!     token: std::env::var("CONMAN_TOKEN")?,
//! };
//! let options = Options {
//!     files: FileSelection::Under(vec!["queues".to_owned()]),
//!     ..Options::new("pump-1")
//! };
//! let follower = Follower::connect(source, options).await?;
//!
//! // A unit of work reads one view from its beginning to its end, and nothing changes meanwhile.
//! let cycle = follower.decision_cycle();
//! let limit: u32 = cycle.parameter("max_samples")?;
//! let pause = cycle.duration("retry_after")?;
//! let queues = cycle.file("queues/urgent.yml");
//! println!("version {}: at most {limit} samples, {pause:?} apart, {queues:?}", cycle.version());
//! drop(cycle);
//!
//! // Whoever wants to know of changes waits for them.
//! while let Some(applied) = follower.changed().await {
//!     println!("running {} since {}", applied.provenance.release_tag, applied.at);
//! #   break;
//! }
//! follower.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! `examples/follow.rs` is a complete program.

mod apply;
mod backoff;
mod boundary;
mod cache;
#[cfg(test)]
mod conformance;
mod engine;
mod error;
mod follower;
mod gate;
mod http;
mod inbox;
mod layered;
#[cfg(test)]
mod model_test;
mod options;
mod postgres;
mod section;
mod server;
mod shared;
mod sse;
mod transport;
mod view;
pub mod wire;

pub use boundary::{Boundary, Pending, SectionKind};
pub use error::{ConnectError, ParameterError};
pub use follower::{Applied, Follower, Status};
pub use options::{Check, FileSelection, Options, Source};
pub use section::Section;
pub use view::View;
