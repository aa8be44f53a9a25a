//! What workers say of themselves.

use super::read::{instant, provenance};
use crate::decode::SessionColumns;
use crate::error::DistributionError;
use crate::model::{WorkerReport, WorkerSession};
use chrono::{DateTime, Utc};
use conman_domain::Timestamp;
use conman_domain::id::{AppId, EnvironmentId};
use deadpool_postgres::Object;

pub(super) async fn report(
    client: &Object,
    app: AppId,
    environment: EnvironmentId,
    report: &WorkerReport,
) -> Result<(), DistributionError> {
    // An environment's session is its own: the same id from elsewhere changes nothing.
    let statement = client
        .prepare_cached(
            "INSERT INTO conman.worker_sessions AS w (session_id, app_id, environment_id, name, library,
                started_at, version, release_tag, release_commit, tree_id, profile_revision, applied_at,
                last_notify_at, heartbeat_at, problem, stopped, heard_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, clock_timestamp())
             ON CONFLICT (session_id) DO UPDATE SET name = excluded.name, library = excluded.library,
                version = excluded.version, release_tag = excluded.release_tag,
                release_commit = excluded.release_commit, tree_id = excluded.tree_id,
                profile_revision = excluded.profile_revision, applied_at = excluded.applied_at,
                last_notify_at = excluded.last_notify_at, heartbeat_at = excluded.heartbeat_at,
                problem = excluded.problem, stopped = excluded.stopped, heard_at = excluded.heard_at
             WHERE w.app_id = excluded.app_id AND w.environment_id = excluded.environment_id",
        )
        .await?;
    let provenance = report.applied.as_ref().map(|applied| &applied.provenance);
    client
        .execute(
            &statement,
            &[
                &report.session_id.uuid(),
                &app.uuid(),
                &environment.uuid(),
                &report.name,
                &report.library,
                &report.started_at.instant(),
                &provenance.map(|p| i64::from(p.config_version.0)),
                &provenance.map(|p| p.release_tag.as_str()),
                &provenance.map(|p| p.release_commit.to_string()),
                &provenance.map(|p| p.tree_id.to_string()),
                &provenance.map(|p| i64::from(p.profile_revision)),
                &report.applied.as_ref().map(|applied| applied.applied_at.instant()),
                &report.last_notify_at.map(Timestamp::instant),
                &report.heartbeat_at.instant(),
                &report.problem,
                &report.stopped,
            ],
        )
        .await?;
    Ok(())
}

pub(super) async fn workers(
    client: &Object,
    app: AppId,
    environment: EnvironmentId,
) -> Result<Vec<WorkerSession>, DistributionError> {
    let statement = client
        .prepare_cached(
            "SELECT version, release_tag, release_commit, tree_id, profile_revision, session_id, name, library,
                started_at, applied_at, last_notify_at, heartbeat_at, problem, stopped, heard_at
             FROM conman.worker_sessions WHERE app_id = $1 AND environment_id = $2
             ORDER BY name COLLATE \"C\", started_at, session_id",
        )
        .await?;
    let rows = client.query(&statement, &[&app.uuid(), &environment.uuid()]).await?;
    rows.iter()
        .map(|row| {
            let applied_at: Option<DateTime<Utc>> = row.get("applied_at");
            let last_notify_at: Option<DateTime<Utc>> = row.get("last_notify_at");
            SessionColumns {
                session_id: row.get("session_id"),
                name: row.get("name"),
                library: row.get("library"),
                started_at: instant(row, "started_at"),
                applied: applied_at.map(|at| (provenance(row), Timestamp::new(at))),
                last_notify_at: last_notify_at.map(Timestamp::new),
                heartbeat_at: instant(row, "heartbeat_at"),
                problem: row.get("problem"),
                stopped: row.get("stopped"),
                heard_at: instant(row, "heard_at"),
            }
            .session()
        })
        .collect()
}
