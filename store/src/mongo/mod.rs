//! The team backend: a MongoDB replica set.

mod backend;
mod removal;
mod schema;
mod transaction;
mod turns;
mod wire;

pub(crate) use backend::MongoBackend;
pub(crate) use removal::remove;
