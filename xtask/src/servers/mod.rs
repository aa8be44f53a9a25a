//! The real servers that tests and benches run against: found or installed, started, and stopped again.

mod bson;
mod mongodb;
mod postgres;
mod process;
mod running;
mod setup;

pub(crate) use running::{Servers, prepare};
pub(crate) use setup::{apt_install, make_venv};
