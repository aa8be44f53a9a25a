//! HTTP: routes, sessions, streams, OpenAPI, metrics.
//!
//! A request passes the [layers](router), is taken apart by the [extractors](extract), and becomes one call of the
//! workflow. What that answers is converted here, and what it refuses becomes `application/problem+json` in
//! [`problem`], the one place that knows which refusal has which status. No rule of the product lives in this crate.

pub mod config;
pub mod extract;
pub mod problem;
pub mod routes;
pub mod sessions;

mod connection_timer;
mod console;
mod etag;
mod feeds;
mod layers;
mod metrics;
mod observed;
mod observing;
mod openapi;
mod operations;
mod router;
mod serve;
mod state;
mod tidy_up;
mod write_deadline;

pub use config::{Config, Limits};
pub use etag::Tagged;
pub use metrics::Metrics;
pub use openapi::openapi;
pub use problem::{Answer, Problem};
pub use router::router;
pub use serve::run;
pub use state::AppState;
