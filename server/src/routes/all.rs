//! All routes together.

use super::{
    accounts, analysis, apps, assist, audit, auth, catalog, changesets, comments, deployment_record,
    deployments, drafts, environments, file_history, freezes, history, invites, jobs, me, members,
    parameter_sets, parameters, password, pipeline, profiles, releases, restores, revisions, runs,
    service_tokens, stream, sync, tokens, values, waiting, worker, workers, workspaces,
};
use crate::state::AppState;
use utoipa_axum::router::OpenApiRouter;

/// All routes of programs, which show a service token.
pub(crate) fn for_programs() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().merge(values::routes()).merge(worker::routes())
}

/// All routes of people, under `/api`.
pub(crate) fn for_people() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(accounts::routes())
        .merge(auth::routes())
        .merge(password::routes())
        .merge(me::routes())
        .merge(waiting::routes())
        .merge(tokens::routes())
        .merge(members::routes())
        .merge(invites::routes())
        .merge(service_tokens::routes())
        .merge(apps::routes())
        .merge(environments::routes())
        .merge(profiles::routes())
        .merge(freezes::routes())
        .merge(parameters::routes())
        .merge(catalog::routes())
        .merge(drafts::routes())
        .merge(history::routes())
        .merge(restores::routes())
        .merge(parameter_sets::routes())
        .merge(runs::routes())
        .merge(workspaces::routes())
        .merge(sync::routes())
        .merge(changesets::routes())
        .merge(revisions::routes())
        .merge(file_history::routes())
        .merge(analysis::routes())
        .merge(assist::routes())
        .merge(comments::routes())
        .merge(releases::routes())
        .merge(deployments::routes())
        .merge(deployment_record::routes())
        .merge(pipeline::routes())
        .merge(jobs::routes())
        .merge(stream::routes())
        .merge(audit::routes())
        .merge(workers::routes())
}
