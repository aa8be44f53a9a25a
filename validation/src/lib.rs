//! What a tree of configuration must satisfy, and what a change of it may break.
//!
//! Two steps. [`FileFacts::read`] looks at one file: is it read strictly, does it fit its config type's schema, what does
//! it declare and what does it refer to. The answer depends on that file (and the [`Schemas`]) alone, so it can be kept.
//! [`Model::link`] takes the facts of a whole tree and looks from file to file: names declared twice, references that
//! lead nowhere. Two models and the semantic changes between them say what a change breaks: [`impacts`].
//!
//! Bytes in, values out: nothing here fails on input, waits or touches a disk.
//!
//! ```
//! use conman_domain::RepoPath;
//! use conman_validation::{FileFacts, Model, Schemas};
//!
//! let schemas = Schemas::shipped();
//! let path = RepoPath::parse("pages/patient.yml").unwrap();
//! let facts = FileFacts::read(&path, b"type: page\nname: patient\nentity: patent\n", &schemas);
//! let found = Model::link([facts.into()]).findings();
//! assert_eq!(found[0].message, "`entity` refers to entity `patent`, which is not there");
//! assert_eq!((found[0].line, found[0].column), (Some(3), Some(9)));
//! ```

mod assist;
mod declared;
mod extract;
mod facts;
mod impact;
mod model;
mod nearest;
mod reach;
mod schema_cost;
mod schemas;
mod thing;
mod tree;

pub use assist::{Meaning, Suggestion, SuggestionKind};
pub use facts::FileFacts;
pub use impact::{Impact, ImpactSeverity, ImpactedPlace, impacts};
pub use model::Model;
pub use schemas::Schemas;
pub use thing::{MemberKind, Thing};
pub use tree::{blocked_findings, catalog_of, clash_finding, sort_findings, tree_findings};
