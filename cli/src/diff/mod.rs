//! `conman diff`: what changed, in the domain's words.

mod folders;
mod git;
mod run;
mod sides;
mod table;

pub(crate) use git::is_caller as git_is_caller;
pub(crate) use run::run;
