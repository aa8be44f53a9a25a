//! Which workers ran a version.

use super::read::instant;
use crate::application::{ApplicationColumns, MAX_APPLICATIONS, WorkerApplication};
use crate::error::DistributionError;
use conman_domain::Timestamp;
use conman_domain::id::{AppId, EnvironmentId};
use conman_domain::snapshot::ConfigVersion;
use deadpool_postgres::Object;
use tokio_postgres::types::ToSql;

const APPLICATIONS: &str =
    "SELECT a.app_id, a.environment_id, a.version, a.session_id, a.name, a.started_at, a.applied_at,
        a.recorded_at, h.at AS active_at
     FROM conman.worker_applications a JOIN conman.config_history h USING (app_id, environment_id, version)";

pub(super) async fn of_version(
    client: &Object,
    app: AppId,
    environment: EnvironmentId,
    version: ConfigVersion,
) -> Result<Vec<WorkerApplication>, DistributionError> {
    let condition = "WHERE a.app_id = $1 AND a.environment_id = $2 AND a.version = $3
        ORDER BY a.recorded_at, a.session_id LIMIT $4";
    find(client, condition, &[&app.uuid(), &environment.uuid(), &i64::from(version.0), &MAX_APPLICATIONS])
        .await
}

pub(super) async fn since(
    client: &Object,
    since: Timestamp,
) -> Result<Vec<WorkerApplication>, DistributionError> {
    let condition = "WHERE a.recorded_at >= $1 ORDER BY a.recorded_at, a.session_id LIMIT $2";
    find(client, condition, &[&since.instant(), &MAX_APPLICATIONS]).await
}

async fn find(
    client: &Object,
    condition: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Vec<WorkerApplication>, DistributionError> {
    let statement = client.prepare_cached(&format!("{APPLICATIONS} {condition}")).await?;
    let rows = client.query(&statement, values).await?;
    rows.iter()
        .map(|row| {
            ApplicationColumns {
                app_id: row.get("app_id"),
                environment_id: row.get("environment_id"),
                version: row.get("version"),
                session_id: row.get("session_id"),
                name: row.get("name"),
                started_at: instant(row, "started_at"),
                applied_at: instant(row, "applied_at"),
                recorded_at: instant(row, "recorded_at"),
                active_at: instant(row, "active_at"),
            }
            .application()
        })
        .collect()
}
