//! `conman check`: what a validation would find.

mod read;
mod run;
mod table;

pub(crate) use run::run;
