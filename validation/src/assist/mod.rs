//! What an editor shows while somebody types.

mod place;
mod schema_walk;
mod typing;

pub use typing::{Meaning, Suggestion, SuggestionKind};
