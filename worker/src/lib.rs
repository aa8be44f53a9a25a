//! Follows one environment from inside a running program.
//!
//! A [`Follower`] keeps the environment's configuration in memory, always as one frozen [`View`]: version, parameters
//! and files that belong together. A change is built completely beside the view in use, its files checked against
//! their hashes, and then swapped in at once; a program that holds a view keeps exactly that one. Where anything is
//! wrong with the newer configuration, the last good view stays, and the worker's report says why.
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
//! // A unit of work reads one view from its beginning to its end.
//! let view = follower.view();
//! let limit: u32 = view.parameter("max_samples")?;
//! let pause = view.duration("retry_after")?;
//! let queues = view.file("queues/urgent.yml");
//! println!("version {}: at most {limit} samples, {pause:?} apart, {queues:?}", view.version());
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
