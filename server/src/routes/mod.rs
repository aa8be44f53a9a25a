//! The routes, one file per noun. Each takes a request apart, makes one call of the workflow, and converts the answer.

mod accounts;
mod auth;
mod invites;
mod me;
mod members;
mod password;
mod service_tokens;
pub mod shared;
mod tokens;

use crate::state::AppState;
use utoipa_axum::router::OpenApiRouter;

/// All routes under `/api`.
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
}
