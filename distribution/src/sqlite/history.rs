//! Reading how an environment's configuration came to be.

use super::read::{self, entries, provenance, uuid};
use crate::decode::{self, HistoryColumns, small};
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

pub(super) fn activated_at(
    connection: &Connection,
    app: AppId,
    environment: EnvironmentId,
    versions: &[ConfigVersion],
) -> Result<BTreeMap<ConfigVersion, Timestamp>, DistributionError> {
    let mut statement = connection.prepare_cached(
        "SELECT version, at FROM config_history
         WHERE app_id = ?1 AND environment_id = ?2 AND version IN (SELECT value FROM json_each(?3))",
    )?;
    let numbers: Vec<u32> = versions.iter().map(|version| version.0).collect();
    let numbers = serde_json::to_string(&numbers).expect("numbers are always JSON");
    let (app, environment) = (app.to_string(), environment.to_string());
    let rows = statement.query_map(params![app, environment, numbers], |row| {
        Ok((ConfigVersion(row.get(0)?), row.get::<_, i64>(1)?))
    })?;
    rows.map(|row| row.map(|(version, at)| (version, Timestamp::from_millis(at))).map_err(Into::into))
        .collect()
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
        "SELECT count(*) FROM config_history_parameters
         WHERE app_id = ?1 AND environment_id = ?2 AND name = ?3",
        params![app, environment, name],
        |row| row.get(0),
    )?;
    let limit = i64::from(limit.clamp(1, MAX_PAGE));
    let offset = i64::from(page.max(1) - 1) * limit;
    let rows = history_rows(
        &transaction,
        "app_id = ?1 AND environment_id = ?2 AND version IN (
            SELECT version FROM config_history_parameters
            WHERE app_id = ?1 AND environment_id = ?2 AND name = ?3 ORDER BY version LIMIT ?4 OFFSET ?5)
         ORDER BY version",
        &[&app, &environment, &name, &limit, &offset],
    )?;
    Ok(HistoryPage { rows, total: small(total)? })
}

pub(super) fn changes_of_parameter(
    connection: &Connection,
    app: AppId,
    environment: EnvironmentId,
    name: &ParameterName,
    after: ConfigVersion,
) -> Result<Vec<HistoryRow>, DistributionError> {
    history_rows(
        connection,
        "app_id = ?1 AND environment_id = ?2 AND version IN (
            SELECT version FROM config_history_parameters
            WHERE app_id = ?1 AND environment_id = ?2 AND name = ?3 AND version > ?4 ORDER BY version LIMIT ?5)
         ORDER BY version",
        &[&app.to_string(), &environment.to_string(), &name.as_str(), &after.0, &MAX_PAGE],
    )
}

/// What every parameter was at a version: one step of the index for each name, and one for its value.
const VALUES_AT: &str = "WITH RECURSIVE names (name) AS (
        SELECT * FROM (SELECT name FROM config_history_parameters
            WHERE app_id = ?1 AND environment_id = ?2 ORDER BY name LIMIT 1)
        UNION ALL
        SELECT (SELECT p.name FROM config_history_parameters p
                WHERE p.app_id = ?1 AND p.environment_id = ?2 AND p.name > names.name ORDER BY p.name LIMIT 1)
        FROM names WHERE names.name IS NOT NULL)
    SELECT name, (SELECT p.after FROM config_history_parameters p
        WHERE p.app_id = ?1 AND p.environment_id = ?2 AND p.name = names.name AND p.version <= ?3
        ORDER BY p.version DESC LIMIT 1) AS after
    FROM names WHERE name IS NOT NULL";

pub(super) fn parameters_at(
    connection: &mut Connection,
    app: AppId,
    environment: EnvironmentId,
    version: ConfigVersion,
) -> Result<Option<BTreeMap<ParameterName, SnapshotParameter>>, DistributionError> {
    let transaction = connection.transaction()?;
    if read::version(&transaction, app, environment)? == Some(version) {
        return Ok(Some(entries(&transaction, app, environment)?));
    }
    if history_row(&transaction, app, environment, version)?.is_none() {
        return Ok(None);
    }
    let mut statement = transaction.prepare_cached(VALUES_AT)?;
    let rows = statement.query_map(params![app.to_string(), environment.to_string(), version.0], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?))
    })?;
    let mut parameters = BTreeMap::new();
    for row in rows {
        let (name, after) = row?;
        parameters.extend(decode::value_then(&name, after)?);
    }
    Ok(Some(parameters))
}
