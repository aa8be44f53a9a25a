//! Which workers ran a version.

use super::read::uuid;
use crate::application::{ApplicationColumns, MAX_APPLICATIONS, WorkerApplication};
use crate::error::DistributionError;
use conman_domain::Timestamp;
use conman_domain::id::{AppId, EnvironmentId};
use conman_domain::snapshot::ConfigVersion;
use rusqlite::{Connection, Params, params};

const APPLICATIONS: &str =
    "SELECT a.app_id, a.environment_id, a.version, a.session_id, a.name, a.started_at, a.applied_at,
        a.recorded_at, h.at
     FROM worker_applications a JOIN config_history h USING (app_id, environment_id, version)";

pub(super) fn of_version(
    connection: &Connection,
    app: AppId,
    environment: EnvironmentId,
    version: ConfigVersion,
) -> Result<Vec<WorkerApplication>, DistributionError> {
    let condition = "WHERE a.app_id = ?1 AND a.environment_id = ?2 AND a.version = ?3
        ORDER BY a.recorded_at, a.session_id LIMIT ?4";
    find(
        connection,
        condition,
        params![app.to_string(), environment.to_string(), version.0, MAX_APPLICATIONS],
    )
}

pub(super) fn since(
    connection: &Connection,
    since: Timestamp,
) -> Result<Vec<WorkerApplication>, DistributionError> {
    let condition = "WHERE a.recorded_at >= ?1 ORDER BY a.recorded_at, a.session_id LIMIT ?2";
    find(connection, condition, params![since.millis(), MAX_APPLICATIONS])
}

fn find(
    connection: &Connection,
    condition: &str,
    values: impl Params,
) -> Result<Vec<WorkerApplication>, DistributionError> {
    let mut statement = connection.prepare_cached(&format!("{APPLICATIONS} {condition}"))?;
    let mut rows = statement.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let id = |column| row.get::<_, String>(column);
        let at = |column| row.get(column).map(Timestamp::from_millis);
        let columns = ApplicationColumns {
            app_id: uuid(&id(0)?)?,
            environment_id: uuid(&id(1)?)?,
            version: row.get(2)?,
            session_id: uuid(&id(3)?)?,
            name: row.get(4)?,
            started_at: at(5)?,
            applied_at: at(6)?,
            recorded_at: at(7)?,
            active_at: at(8)?,
        };
        found.push(columns.application()?);
    }
    Ok(found)
}
