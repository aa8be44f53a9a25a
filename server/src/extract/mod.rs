//! Requests taken apart: who asks, about what, with which body. What does not fit is refused here.

mod actor;
mod body;
mod context;
mod fields;
mod if_match;
mod json;
mod member;
mod path;
mod query;

pub(crate) use actor::bearer;
pub use actor::{Credentials, CurrentActor, CurrentProgram, MaybeActor, SessionActor, Via};
pub use body::{BodyLimit, JsonBody, RawBody};
pub use context::ClientContext;
pub(crate) use context::Origin;
pub use if_match::{IfMatch, RequiredIfMatch};
pub use member::AppMember;
pub use path::{PathId, PathInstant, PathParameter, PathVersion, instant};
pub use query::{PageLimit, PageNumber, QueryOf};
