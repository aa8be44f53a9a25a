//! Two trees of configuration in, changes in the domain's words out.
//!
//! Bytes in, values out; nothing here fails on input, waits or touches a disk. [`diff`] compares files and answers with
//! a [`SemanticDiffResponse`]; [`three_way::compare`] tells on which keys two sides collide; [`strict::problems`] reads one
//! file strictly; [`document::Document`] is what all of them stand on.
#![doc = include_str!("../README.md")]

mod align;
mod compare;
mod diff;
pub mod document;
mod format;
mod hunks;
mod key_path;
mod likeness;
mod markdown;
mod names;
mod problem;
mod renames;
mod response;
pub mod strict;
mod subject;
pub mod three_way;
mod words;

pub use diff::{Differ, FilePair, diff};
pub use format::Format;
pub use key_path::{KeyPath, Step};
pub use markdown::to_markdown;
pub use problem::Problem;
pub use renames::pair_renames;
pub use response::{
    SemanticChange, SemanticConfigType, SemanticDiffResponse, SemanticOperation, SemanticSummary,
};
pub use subject::{named_config, stem};
pub use words::is_hidden;
