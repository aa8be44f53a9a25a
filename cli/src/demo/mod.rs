//! The demo: a clinical laboratory's configuration, played through the HTTP API by the people of its scenario.
//!
//! Headless, it plays the main job once in a throw-away folder, checks everything that came of it, and ends. Served, it
//! leaves the sample app in the middle of a week's work and serves it until told to stop.

mod accounts;
mod databases;
mod git;
mod headless;
mod kept;
mod lab;
mod proof;
mod proposals;
mod releases;
mod scenario;
mod serve;
mod unfinished;
mod watchers;
mod week;

pub(crate) use headless::headless;
pub(crate) use serve::serve;
