//! A server of its own for every test, with an app, its people, and job runners.

#[macro_use]
mod on_both;
mod answer;
mod editing;
mod handles;
mod person;
mod sample;
mod server;
mod troubled;
mod verbs;

pub(crate) use answer::Answer;
pub(crate) use handles::{Changeset, Release};
pub(crate) use person::{Person, Someone, enc};
pub(crate) use sample::{LIST_PAGE, git, sample_bundle};
pub(crate) use server::{Harness, On};
pub(crate) use troubled::{Trouble, Troubled};
