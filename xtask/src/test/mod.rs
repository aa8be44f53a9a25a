//! `cargo xtask test`, in parts: what is selected, the steps, what they found.

mod python;
mod report;
mod selection;
mod setup;
mod steps;

pub(crate) use selection::Selection;
pub(crate) use setup::install;
pub(crate) use steps::Run;
