//! The use cases of Conman, one file per verb: load, decide in the domain, commit once.
//!
//! Nothing here knows HTTP, SQL or BSON. The store decides, Git stores, the distribution database activates: nothing
//! outside the store changes without an intent committed there, and every effect can be repeated.

mod actor;
mod change;
mod error;
mod fresh;
mod services;

pub mod accounts;

pub use actor::{Actor, Member, Page};
pub use change::{Change, Letter};
pub use error::{Conflict, Error, Errored, FieldProblem, Rejection, Result};
pub use fresh::{fresh_id, random_token};
pub use services::{Settings, Workflow};
