//! The routes, one file per noun. Each takes a request apart, makes one call of the workflow, and converts the answer.

mod accounts;
mod all;
mod analysis;
mod apps;
mod audit;
mod auth;
mod changeset_views;
mod changesets;
mod collision_views;
mod comments;
mod deployments;
mod diffs;
mod drafts;
mod environments;
mod freezes;
mod history;
mod invites;
mod jobs;
mod me;
mod members;
mod parameters;
mod password;
mod releases;
mod restores;
mod revisions;
mod service_tokens;
pub mod shared;
mod stream;
mod sync;
mod tokens;
mod values;
mod views;
mod worker;
mod workspaces;

pub(crate) use all::all;
