//! The routes, one file per noun. Each takes a request apart, makes one call of the workflow, and converts the answer.

mod accounts;
mod apps;
mod audit;
mod auth;
mod changesets;
mod comments;
mod deployments;
mod environments;
mod invites;
mod jobs;
mod me;
mod members;
mod password;
mod releases;
mod service_tokens;
pub mod shared;
mod sync;
mod tokens;
mod views;
mod worker;
mod workspaces;

use crate::state::AppState;
use utoipa_axum::router::OpenApiRouter;

/// All routes under `/api`, and those of workers.
pub(crate) fn all() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(accounts::routes())
        .merge(auth::routes())
        .merge(password::routes())
        .merge(me::routes())
        .merge(tokens::routes())
        .merge(members::routes())
        .merge(invites::routes())
        .merge(service_tokens::routes())
        .merge(apps::routes())
        .merge(environments::routes())
        .merge(workspaces::routes())
        .merge(sync::routes())
        .merge(changesets::routes())
        .merge(comments::routes())
        .merge(releases::routes())
        .merge(deployments::routes())
        .merge(jobs::routes())
        .merge(audit::routes())
        .merge(worker::routes())
}
