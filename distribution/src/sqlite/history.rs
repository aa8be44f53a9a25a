//! Reading how an environment's configuration came to be.

use super::read::{entries, provenance, uuid};
use crate::decode::{HistoryColumns, small};
use crate::diff;
use crate::error::DistributionError;
use crate::model::{HistoryPage, HistoryRow};
use crate::port::MAX_PAGE;
use conman_domain::Timestamp;
use conman_domain::id::{AppId, EnvironmentId};
use conman_domain::name::ParameterName;
use conman_domain::snapshot::{ConfigVersion, SnapshotParameter};
use rusqlite::{Connection, ToSql, params};
use std::collections::BTreeMap;

const HISTORY: &str =
    "version, release_tag, release_commit, tree_id, profile_revision, app_id, environment_id,
    environment_name, base_version, source_id, kind, parameters, files_added, files_changed, files_removed,
    changed_by, approved_by, reason, at";

fn history_rows(
    connection: &Connection,
    condition: &str,
    values: &[&dyn ToSql],
) -> Result<Vec<HistoryRow>, DistributionError> {
    let sql = format!("SELECT {HISTORY} FROM config_history WHERE {condition}");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(values)?;
    let mut history = Vec::new();
    while let Some(row) = rows.next()? {
        let (app, environment): (String, String) = (row.get(5)?, row.get(6)?);
        let columns = HistoryColumns {
            app_id: uuid(&app)?,
            environment_id: uuid(&environment)?,
            environment_name: row.get(7)?,
            provenance: provenance(row)?,
            base_version: row.get(8)?,
            source_id: row.get(9)?,
            kind: row.get(10)?,
            parameters: row.get(11)?,
            files: [row.get(12)?, row.get(13)?, row.get(14)?],
            changed_by: row.get(15)?,
            approved_by: row.get(16)?,
            reason: row.get(17)?,
            at: Timestamp::from_millis(row.get(18)?),
        };
        history.push(columns.row()?);
    }
    Ok(history)
}

pub(super) fn history(
    connection: &mut Connection,
    app: AppId,
    environment: EnvironmentId,
    page: u32,
    limit: u32,
) -> Result<HistoryPage, DistributionError> {
    let transaction = connection.transaction()?;
    let (app, environment) = (app.to_string(), environment.to_string());
    let total: i64 = transaction.query_row(
        "SELECT count(*) FROM config_history WHERE app_id = ?1 AND environment_id = ?2",
        params![app, environment],
        |row| row.get(0),
    )?;
    let limit = i64::from(limit.clamp(1, MAX_PAGE));
    let offset = i64::from(page.max(1) - 1) * limit;
    let rows = history_rows(
        &transaction,
        "app_id = ?1 AND environment_id = ?2 ORDER BY version DESC LIMIT ?3 OFFSET ?4",
        &[&app, &environment, &limit, &offset],
    )?;
    Ok(HistoryPage { rows, total: small(total)? })
}

pub(super) fn history_of(
    connection: &Connection,
    source_id: &str,
) -> Result<Option<HistoryRow>, DistributionError> {
    Ok(history_rows(connection, "source_id = ?1", &[&source_id])?.pop())
}

pub(super) fn history_row(
    connection: &Connection,
    app: AppId,
    environment: EnvironmentId,
    version: ConfigVersion,
) -> Result<Option<HistoryRow>, DistributionError> {
    let condition = "app_id = ?1 AND environment_id = ?2 AND version = ?3";
    let (app, environment) = (app.to_string(), environment.to_string());
    Ok(history_rows(connection, condition, &[&app, &environment, &version.0])?.pop())
}

pub(super) fn history_at(
    connection: &Connection,
    app: AppId,
    environment: EnvironmentId,
    at: Timestamp,
) -> Result<Option<HistoryRow>, DistributionError> {
    let condition = "app_id = ?1 AND environment_id = ?2 AND at <= ?3 ORDER BY at DESC, version DESC LIMIT 1";
    let (app, environment) = (app.to_string(), environment.to_string());
    Ok(history_rows(connection, condition, &[&app, &environment, &at.millis()])?.pop())
}

pub(super) fn history_of_parameter(
    connection: &mut Connection,
    app: AppId,
    environment: EnvironmentId,
    name: &ParameterName,
    page: u32,
    limit: u32,
) -> Result<HistoryPage, DistributionError> {
    let transaction = connection.transaction()?;
    let (app, environment, name) = (app.to_string(), environment.to_string(), name.as_str());
    let total: i64 = transaction.query_row(
        "SELECT count(*) FROM config_history
         WHERE app_id = ?1 AND environment_id = ?2 AND parameters -> ?3 IS NOT NULL",
        params![app, environment, name],
        |row| row.get(0),
    )?;
    let limit = i64::from(limit.clamp(1, MAX_PAGE));
    let offset = i64::from(page.max(1) - 1) * limit;
    let rows = history_rows(
        &transaction,
        "app_id = ?1 AND environment_id = ?2 AND parameters -> ?3 IS NOT NULL
         ORDER BY version LIMIT ?4 OFFSET ?5",
        &[&app, &environment, &name, &limit, &offset],
    )?;
    Ok(HistoryPage { rows, total: small(total)? })
}

pub(super) fn parameters_at(
    connection: &mut Connection,
    app: AppId,
    environment: EnvironmentId,
    version: ConfigVersion,
) -> Result<Option<BTreeMap<ParameterName, SnapshotParameter>>, DistributionError> {
    let transaction = connection.transaction()?;
    if history_row(&transaction, app, environment, version)?.is_none() {
        return Ok(None);
    }
    let now = entries(&transaction, app, environment)?;
    let newer = history_rows(
        &transaction,
        "app_id = ?1 AND environment_id = ?2 AND version > ?3 ORDER BY version DESC",
        &[&app.to_string(), &environment.to_string(), &version.0],
    )?;
    Ok(Some(diff::undone(now, newer)))
}
