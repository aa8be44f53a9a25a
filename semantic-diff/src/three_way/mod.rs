//! What two sides made of one file, key by key.
//!
//! [`compare`] takes a file as both sides found it and as each left it, and tells the keys on which they do not fit;
//! [`judge`] also reads what a text merge made of them, and tells where that does not hold what the sides set.
//! [`last_changes`] finds who set a key. Keys, named items and documents are matched by what they are called, as in a
//! diff; comments, formatting and the order of keys mean nothing.

mod answer;
mod history;
mod lists;
mod merge_keys;
mod references;
mod walk;

pub use answer::{Clash, Held, KeyConflict, MAX_CONFLICTS, Side, ThreeWay, Unreadable};
pub use history::last_changes;
pub use walk::{Versions, compare, judge};
