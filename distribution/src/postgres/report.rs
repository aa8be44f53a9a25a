//! What workers say of themselves.

use super::read::{instant, provenance};
use crate::decode::{SessionColumns, json_of};
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
                last_notify_at, heartbeat_at, problem, stopped, pending, restart_required, refused_version,
                refused_reason, refused_at, stale, forbidden_applications, heard_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17::text::jsonb,
                $18::text::jsonb, $19, $20, $21, $22, $23, clock_timestamp())
             ON CONFLICT (session_id) DO UPDATE SET name = excluded.name, library = excluded.library,
                version = excluded.version, release_tag = excluded.release_tag,
                release_commit = excluded.release_commit, tree_id = excluded.tree_id,
                profile_revision = excluded.profile_revision, applied_at = excluded.applied_at,
                last_notify_at = excluded.last_notify_at, heartbeat_at = excluded.heartbeat_at,
                problem = excluded.problem, stopped = excluded.stopped, pending = excluded.pending,
                restart_required = excluded.restart_required, refused_version = excluded.refused_version,
                refused_reason = excluded.refused_reason, refused_at = excluded.refused_at, stale = excluded.stale,
                forbidden_applications = excluded.forbidden_applications, heard_at = excluded.heard_at
             WHERE w.app_id = excluded.app_id AND w.environment_id = excluded.environment_id",
        )
        .await?;
    let provenance = report.applied.as_ref().map(|applied| &applied.provenance);
    let refused = report.refused.as_ref();
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
                &json_of(&report.pending),
                &json_of(&report.restart_required),
                &refused.map(|refused| i64::from(refused.version.0)),
                &refused.map(|refused| refused.reason.as_str()),
                &refused.map(|refused| refused.at.instant()),
                &report.stale,
                &i64::from(report.forbidden_applications),
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
                started_at, applied_at, last_notify_at, heartbeat_at, problem, stopped, heard_at,
                pending::text, restart_required::text, refused_version, refused_reason, refused_at, stale,
                forbidden_applications
             FROM conman.worker_sessions WHERE app_id = $1 AND environment_id = $2
             ORDER BY name COLLATE \"C\", started_at, session_id",
        )
        .await?;
    let rows = client.query(&statement, &[&app.uuid(), &environment.uuid()]).await?;
    rows.iter()
        .map(|row| {
            let applied_at: Option<DateTime<Utc>> = row.get("applied_at");
            let last_notify_at: Option<DateTime<Utc>> = row.get("last_notify_at");
            let refused_at: Option<DateTime<Utc>> = row.get("refused_at");
            SessionColumns {
                session_id: row.get("session_id"),
                name: row.get("name"),
                library: row.get("library"),
                started_at: instant(row, "started_at"),
                applied: applied_at.map(|at| (provenance(row), Timestamp::new(at))),
                last_notify_at: last_notify_at.map(Timestamp::new),
                heartbeat_at: instant(row, "heartbeat_at"),
                problem: row.get("problem"),
                pending: row.get("pending"),
                restart_required: row.get("restart_required"),
                refused: refused_at
                    .map(|at| (row.get("refused_version"), row.get("refused_reason"), Timestamp::new(at))),
                stale: row.get("stale"),
                forbidden_applications: row.get("forbidden_applications"),
                stopped: row.get("stopped"),
                heard_at: instant(row, "heard_at"),
            }
            .session()
        })
        .collect()
}
