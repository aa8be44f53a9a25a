//! A file's structure: every node of a YAML or JSON file with its place, in one flat list.
//!
//! [`Document::read`] takes the parser's events in one pass, without recursion. Aliases stay references, so that a bomb
//! costs what it weighs on disk. Every node has a hash of what it means (the order of a mapping's keys, quotes, comments
//! and formatting do not count), by which equal parts of two files are found without looking into them.

mod build;
mod hash;
mod json;
mod lines;
mod node;
mod plain;
mod scalar;
mod told;
mod value;
mod yaml;

pub use build::{Broken, MAX_BYTES, MAX_DEPTH, MAX_NODES};
pub use node::{Document, Kind, Lines, NodeId};
pub use scalar::{Meaning, ScalarStyle};
pub use value::{Aliases, Budget};
