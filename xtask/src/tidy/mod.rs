//! The rules of the house that no compiler knows: which crate may lean on which, who may name a driver, what a pure
//! crate stays away from, and a few habits that are not to come back.

mod check;
mod finding;
mod manifest_rules;
mod masked;
mod source_rules;
mod text_rules;
mod walk;

pub(crate) use check::check;
