//! Reading how an environment's configuration came to be.

use super::read::{entries, instant, provenance, query};
use crate::decode::{self, HistoryColumns, small};
use crate::error::DistributionError;
use crate::model::{HistoryPage, HistoryRow};
use crate::port::MAX_PAGE;
use conman_domain::Timestamp;
use conman_domain::id::{AppId, EnvironmentId};
use conman_domain::name::ParameterName;
use conman_domain::snapshot::{ConfigVersion, SnapshotParameter};
use deadpool_postgres::{GenericClient, Object, Transaction};
use std::collections::BTreeMap;
use tokio_postgres::IsolationLevel;
use tokio_postgres::types::ToSql;

const HISTORY: &str = "SELECT version, release_tag, release_commit, tree_id, profile_revision, app_id,
    environment_id, environment_name, base_version, source_id, kind, parameters::text AS parameters, files_added,
    files_changed, files_removed, changed_by, approved_by, reason, at FROM conman.config_history";

async fn history_rows(
    client: &impl GenericClient,
    condition: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Vec<HistoryRow>, DistributionError> {
    let rows = query(client, &format!("{HISTORY} WHERE {condition}"), values).await?;
    rows.iter()
        .map(|row| {
            HistoryColumns {
                app_id: row.get("app_id"),
                environment_id: row.get("environment_id"),
                environment_name: row.get("environment_name"),
                provenance: provenance(row),
                base_version: row.get("base_version"),
                source_id: row.get("source_id"),
                kind: row.get("kind"),
                parameters: row.get("parameters"),
                files: [row.get("files_added"), row.get("files_changed"), row.get("files_removed")],
                changed_by: row.get("changed_by"),
                approved_by: row.get("approved_by"),
                reason: row.get("reason"),
                at: instant(row, "at"),
            }
            .row()
        })
        .collect()
}

pub(super) async fn history(
    client: &mut Object,
    app: AppId,
    environment: EnvironmentId,
    page: u32,
    limit: u32,
) -> Result<HistoryPage, DistributionError> {
    // Both queries as of one instant, so that the total fits the rows.
    let transaction = client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await?;
    let (app, environment) = (app.uuid(), environment.uuid());
    let total: i64 = transaction
        .query_one(
            "SELECT count(*) FROM conman.config_history WHERE app_id = $1 AND environment_id = $2",
            &[&app, &environment],
        )
        .await?
        .get(0);
    let limit = i64::from(limit.clamp(1, MAX_PAGE));
    let offset = i64::from(page.max(1) - 1) * limit;
    let rows = history_rows(
        &transaction,
        "app_id = $1 AND environment_id = $2 ORDER BY version DESC LIMIT $3 OFFSET $4",
        &[&app, &environment, &limit, &offset],
    )
    .await?;
    transaction.commit().await?;
    Ok(HistoryPage { rows, total: small(total)? })
}

pub(super) async fn history_of(
    client: &impl GenericClient,
    source_id: &str,
) -> Result<Option<HistoryRow>, DistributionError> {
    Ok(history_rows(client, "source_id = $1", &[&source_id]).await?.pop())
}

pub(super) async fn history_row(
    client: &impl GenericClient,
    app: AppId,
    environment: EnvironmentId,
    version: ConfigVersion,
) -> Result<Option<HistoryRow>, DistributionError> {
    let condition = "app_id = $1 AND environment_id = $2 AND version = $3";
    let values: [&(dyn ToSql + Sync); 3] = [&app.uuid(), &environment.uuid(), &i64::from(version.0)];
    Ok(history_rows(client, condition, &values).await?.pop())
}

pub(super) async fn activated_at(
    client: &impl GenericClient,
    app: AppId,
    environment: EnvironmentId,
    versions: &[ConfigVersion],
) -> Result<BTreeMap<ConfigVersion, Timestamp>, DistributionError> {
    let versions: Vec<i64> = versions.iter().map(|version| i64::from(version.0)).collect();
    let sql = "SELECT version, at FROM conman.config_history
         WHERE app_id = $1 AND environment_id = $2 AND version = ANY($3)";
    let rows = query(client, sql, &[&app.uuid(), &environment.uuid(), &versions]).await?;
    rows.iter().map(|row| Ok((ConfigVersion(small(row.get("version"))?), instant(row, "at")))).collect()
}

pub(super) async fn history_at(
    client: &impl GenericClient,
    app: AppId,
    environment: EnvironmentId,
    at: Timestamp,
) -> Result<Option<HistoryRow>, DistributionError> {
    let condition = "app_id = $1 AND environment_id = $2 AND at <= $3 ORDER BY at DESC, version DESC LIMIT 1";
    let values: [&(dyn ToSql + Sync); 3] = [&app.uuid(), &environment.uuid(), &at.instant()];
    Ok(history_rows(client, condition, &values).await?.pop())
}

pub(super) async fn history_of_parameter(
    client: &mut Object,
    app: AppId,
    environment: EnvironmentId,
    name: &ParameterName,
    page: u32,
    limit: u32,
) -> Result<HistoryPage, DistributionError> {
    let transaction = reading(client).await?;
    let (app, environment, name) = (app.uuid(), environment.uuid(), name.as_str());
    let rows = query(
        &transaction,
        "SELECT count(*) FROM conman.config_history_parameters
         WHERE app_id = $1 AND environment_id = $2 AND name = $3",
        &[&app, &environment, &name],
    )
    .await?;
    let total = rows.first().map_or(0, |row| row.get(0));
    let limit = i64::from(limit.clamp(1, MAX_PAGE));
    let offset = i64::from(page.max(1) - 1) * limit;
    let rows = history_rows(
        &transaction,
        "app_id = $1 AND environment_id = $2 AND version IN (
            SELECT version FROM conman.config_history_parameters
            WHERE app_id = $1 AND environment_id = $2 AND name = $3 ORDER BY version LIMIT $4 OFFSET $5)
         ORDER BY version",
        &[&app, &environment, &name, &limit, &offset],
    )
    .await?;
    transaction.commit().await?;
    Ok(HistoryPage { rows, total: small(total)? })
}

pub(super) async fn changes_of_parameter(
    client: &impl GenericClient,
    app: AppId,
    environment: EnvironmentId,
    name: &ParameterName,
    after: ConfigVersion,
) -> Result<Vec<HistoryRow>, DistributionError> {
    history_rows(
        client,
        "app_id = $1 AND environment_id = $2 AND version IN (
            SELECT version FROM conman.config_history_parameters
            WHERE app_id = $1 AND environment_id = $2 AND name = $3 AND version > $4 ORDER BY version LIMIT $5)
         ORDER BY version",
        &[
            &app.uuid(),
            &environment.uuid(),
            &name.as_str(),
            &i64::from(after.0),
            &i64::from(MAX_PAGE),
        ],
    )
    .await
}

/// What every parameter was at a version: one step of the index for each name, and one for its value.
const VALUES_AT: &str = "WITH RECURSIVE names (name) AS (
        (SELECT name FROM conman.config_history_parameters
         WHERE app_id = $1 AND environment_id = $2 ORDER BY name LIMIT 1)
        UNION ALL
        SELECT (SELECT p.name FROM conman.config_history_parameters p
                WHERE p.app_id = $1 AND p.environment_id = $2 AND p.name > names.name ORDER BY p.name LIMIT 1)
        FROM names WHERE names.name IS NOT NULL)
    SELECT name, (SELECT p.after::text FROM conman.config_history_parameters p
        WHERE p.app_id = $1 AND p.environment_id = $2 AND p.name = names.name AND p.version <= $3
        ORDER BY p.version DESC LIMIT 1) AS after
    FROM names WHERE name IS NOT NULL";

pub(super) async fn parameters_at(
    client: &mut Object,
    app: AppId,
    environment: EnvironmentId,
    version: ConfigVersion,
) -> Result<Option<BTreeMap<ParameterName, SnapshotParameter>>, DistributionError> {
    let transaction = reading(client).await?;
    let active = "SELECT version FROM conman.active_config WHERE app_id = $1 AND environment_id = $2";
    let active = query(&transaction, active, &[&app.uuid(), &environment.uuid()]).await?;
    if active.first().is_some_and(|row| row.get::<_, i64>(0) == i64::from(version.0)) {
        return Ok(Some(entries(&transaction, app, environment).await?));
    }
    if history_row(&transaction, app, environment, version).await?.is_none() {
        return Ok(None);
    }
    let rows =
        query(&transaction, VALUES_AT, &[&app.uuid(), &environment.uuid(), &i64::from(version.0)]).await?;
    transaction.commit().await?;
    let values = rows.iter().map(|row| decode::value_then(row.get("name"), row.get("after")));
    values.filter_map(Result::transpose).collect::<Result<_, _>>().map(Some)
}

/// Several queries as of one instant.
pub(super) async fn reading(client: &mut Object) -> Result<Transaction<'_>, DistributionError> {
    let transaction = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead);
    Ok(transaction.read_only(true).start().await?)
}
