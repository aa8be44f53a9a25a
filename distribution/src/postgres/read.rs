//! Everything that only reads.

use crate::decode::{self, ActiveColumns, EntryColumns, ProvenanceColumns, parameter_name, repo_path};
use crate::error::DistributionError;
use crate::model::ActiveConfig;
use crate::port::RECENT_VERSIONS;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use conman_domain::Timestamp;
use conman_domain::id::{AppId, EnvironmentId};
use conman_domain::name::ParameterName;
use conman_domain::path::RepoPath;
use conman_domain::snapshot::{ConfigVersion, ContentHash, Snapshot, SnapshotParameter};
use deadpool_postgres::{GenericClient, Object};
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

/// Reads five columns that begin at `version`.
pub(super) fn provenance(row: &Row) -> ProvenanceColumns {
    ProvenanceColumns {
        version: row.get("version"),
        release_tag: row.get("release_tag"),
        release_commit: row.get("release_commit"),
        tree_id: row.get("tree_id"),
        profile_revision: row.get("profile_revision"),
    }
}

pub(super) fn instant(row: &Row, column: &str) -> Timestamp {
    Timestamp::new(row.get::<_, DateTime<Utc>>(column))
}

pub(super) async fn active_versions(
    client: &Object,
) -> Result<Vec<(AppId, EnvironmentId, ConfigVersion)>, DistributionError> {
    let sql = "SELECT app_id, environment_id, version FROM conman.active_config";
    let rows = client.query(&client.prepare_cached(sql).await?, &[]).await?;
    rows.iter()
        .map(|row| {
            let (app, environment): (Uuid, Uuid) = (row.get(0), row.get(1));
            Ok((app.into(), environment.into(), decode::version(row.get(2))?))
        })
        .collect()
}

pub(super) async fn active(
    client: &Object,
    app: AppId,
    environment: EnvironmentId,
) -> Result<Option<ActiveConfig>, DistributionError> {
    let statement = client
        .prepare_cached(
            "SELECT version, release_tag, release_commit, tree_id, profile_revision, environment_name,
                    updated_by, updated_at
             FROM conman.active_config WHERE app_id = $1 AND environment_id = $2",
        )
        .await?;
    let row = client.query_opt(&statement, &[&app.uuid(), &environment.uuid()]).await?;
    row.map(|row| active_of(&row, app, environment)).transpose()
}

/// Locks the environment's row until the transaction ends, and reads it with the catalog's rules; `None` without one.
pub(super) async fn lock_active(
    client: &impl GenericClient,
    app: AppId,
    environment: EnvironmentId,
) -> Result<Option<(ActiveConfig, String)>, DistributionError> {
    let rows = query(
        client,
        "SELECT version, release_tag, release_commit, tree_id, profile_revision, environment_name,
                updated_by, updated_at, catalog_rules::text AS catalog_rules
         FROM conman.active_config WHERE app_id = $1 AND environment_id = $2 FOR UPDATE",
        &[&app.uuid(), &environment.uuid()],
    )
    .await?;
    rows.first().map(|row| Ok((active_of(row, app, environment)?, row.get("catalog_rules")))).transpose()
}

fn active_of(row: &Row, app: AppId, environment: EnvironmentId) -> Result<ActiveConfig, DistributionError> {
    ActiveColumns {
        environment_name: row.get("environment_name"),
        provenance: provenance(row),
        updated_by: row.get("updated_by"),
        updated_at: instant(row, "updated_at"),
    }
    .active(app, environment)
}

pub(super) async fn entries(
    client: &impl GenericClient,
    app: AppId,
    environment: EnvironmentId,
) -> Result<BTreeMap<ParameterName, SnapshotParameter>, DistributionError> {
    let rows = query(
        client,
        "SELECT name, type, value::text AS value, category, hot_reloadable
             FROM conman.active_config_entries WHERE app_id = $1 AND environment_id = $2",
        &[&app.uuid(), &environment.uuid()],
    )
    .await?;
    rows.iter()
        .map(|row| {
            EntryColumns {
                name: row.get("name"),
                kind: row.get("type"),
                value: row.get("value"),
                category: row.get("category"),
                hot_reloadable: row.get("hot_reloadable"),
            }
            .entry()
        })
        .collect()
}

pub(super) async fn files(
    client: &impl GenericClient,
    app: AppId,
    environment: EnvironmentId,
) -> Result<BTreeMap<RepoPath, ContentHash>, DistributionError> {
    let rows = query(
        client,
        "SELECT path, hash FROM conman.active_config_files WHERE app_id = $1 AND environment_id = $2",
        &[&app.uuid(), &environment.uuid()],
    )
    .await?;
    rows.iter()
        .map(|row| Ok((repo_path(row.get("path"))?, ContentHash::from(row.get::<_, String>("hash")))))
        .collect()
}

pub(super) async fn snapshot(
    client: &Object,
    app: AppId,
    environment: EnvironmentId,
) -> Result<Option<Snapshot>, DistributionError> {
    // One statement reads as of one instant, in any isolation level.
    let statement = client
        .prepare_cached(
            "SELECT version, release_tag, release_commit, tree_id, profile_revision, updated_at,
                (SELECT coalesce(json_object_agg(e.name, json_build_object('value', e.value, 'type', e.type,
                        'category', e.category, 'hot_reloadable', e.hot_reloadable)), '{}')::text
                 FROM conman.active_config_entries e
                 WHERE e.app_id = c.app_id AND e.environment_id = c.environment_id) AS parameters,
                (SELECT coalesce(json_object_agg(f.path, f.hash), '{}')::text
                 FROM conman.active_config_files f
                 WHERE f.app_id = c.app_id AND f.environment_id = c.environment_id) AS files
             FROM conman.active_config c WHERE app_id = $1 AND environment_id = $2",
        )
        .await?;
    let row = client.query_opt(&statement, &[&app.uuid(), &environment.uuid()]).await?;
    row.map(|row| {
        Ok(Snapshot {
            app_id: app,
            environment_id: environment,
            provenance: provenance(&row).provenance()?,
            activated_at: instant(&row, "updated_at"),
            parameters: decode::json(row.get("parameters"), "parameters")?,
            files: decode::json(row.get("files"), "files")?,
        })
    })
    .transpose()
}

pub(super) async fn missing_blobs(
    client: &impl GenericClient,
    hashes: &[ContentHash],
) -> Result<Vec<ContentHash>, DistributionError> {
    let asked: Vec<&str> = hashes.iter().map(ContentHash::as_str).collect();
    let rows = query(
        client,
        "SELECT DISTINCT asked.hash FROM unnest($1::text[]) AS asked (hash)
             WHERE NOT EXISTS (SELECT FROM conman.config_blobs b WHERE b.hash = asked.hash)",
        &[&asked],
    )
    .await?;
    Ok(rows.iter().map(|row| ContentHash::from(row.get::<_, String>(0))).collect())
}

pub(super) async fn file(
    client: &Object,
    app: AppId,
    environment: EnvironmentId,
    hash: &ContentHash,
) -> Result<Option<Bytes>, DistributionError> {
    let statement = client
        .prepare_cached(
            "SELECT content FROM conman.config_blobs WHERE hash = $3 AND (
                EXISTS (SELECT FROM conman.active_config_files f
                        WHERE f.hash = $3 AND f.app_id = $1 AND f.environment_id = $2)
                OR EXISTS (SELECT FROM (
                        SELECT files FROM conman.config_history WHERE app_id = $1 AND environment_id = $2
                        ORDER BY version DESC LIMIT $4
                    ) AS h, json_each(h.files) AS f
                    WHERE f.value ->> 'before' = $3 OR f.value ->> 'after' = $3))",
        )
        .await?;
    let recent = i64::from(RECENT_VERSIONS);
    let row =
        client.query_opt(&statement, &[&app.uuid(), &environment.uuid(), &hash.as_str(), &recent]).await?;
    Ok(row.map(|row| Bytes::from(row.get::<_, Vec<u8>>(0))))
}

/// The catalog's rows as JSON.
pub(super) async fn catalog_rows(
    client: &impl GenericClient,
    app: AppId,
    environment: EnvironmentId,
) -> Result<BTreeMap<ParameterName, serde_json::Value>, DistributionError> {
    let rows = query(
        client,
        "SELECT name, declaration::text AS declaration FROM conman.variable_catalog
         WHERE app_id = $1 AND environment_id = $2",
        &[&app.uuid(), &environment.uuid()],
    )
    .await?;
    rows.iter()
        .map(|row| {
            let declaration = decode::json(row.get("declaration"), "a catalog row")?;
            Ok((parameter_name(row.get("name"))?, declaration))
        })
        .collect()
}

/// Which of these catalog rows parameter sets refer to. Until the transaction ends, no further set can.
pub(super) async fn lock_referred_to(
    client: &impl GenericClient,
    app: AppId,
    environment: EnvironmentId,
    names: &[ParameterName],
) -> Result<BTreeSet<ParameterName>, DistributionError> {
    if names.is_empty() {
        return Ok(BTreeSet::new());
    }
    let names: Vec<&str> = names.iter().map(ParameterName::as_str).collect();
    // Two statements: the second sees what committed while the first waited for its locks.
    query(
        client,
        "SELECT 1 FROM conman.variable_catalog
         WHERE app_id = $1 AND environment_id = $2 AND name = ANY ($3) ORDER BY name FOR UPDATE",
        &[&app.uuid(), &environment.uuid(), &names],
    )
    .await?;
    let rows = query(
        client,
        "SELECT DISTINCT name FROM conman.parameter_set_variables
         WHERE app_id = $1 AND environment_id = $2 AND name = ANY ($3)",
        &[&app.uuid(), &environment.uuid(), &names],
    )
    .await?;
    rows.iter().map(|row| parameter_name(row.get("name"))).collect()
}

/// Runs a statement that is prepared once per connection.
pub(super) async fn query(
    client: &impl GenericClient,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, DistributionError> {
    let statement = client.prepare_cached(sql).await?;
    Ok(client.query(&statement, values).await?)
}
