//! Everything that only reads.

use crate::decode::{
    ActiveColumns, EntryColumns, ProvenanceColumns, SessionColumns, corrupt, repo_path, version as version_of,
};
use crate::error::DistributionError;
use crate::model::{ActiveConfig, WorkerSession};
use crate::port::RECENT_VERSIONS;
use bytes::Bytes;
use conman_domain::Timestamp;
use conman_domain::id::{AppId, EnvironmentId};
use conman_domain::name::ParameterName;
use conman_domain::path::RepoPath;
use conman_domain::snapshot::{ConfigVersion, ContentHash, Snapshot, SnapshotParameter};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

const PROVENANCE: &str = "version, release_tag, release_commit, tree_id, profile_revision";

/// Reads the five columns of [`PROVENANCE`], which come first.
pub(super) fn provenance(row: &Row<'_>) -> rusqlite::Result<ProvenanceColumns> {
    Ok(ProvenanceColumns {
        version: row.get(0)?,
        release_tag: row.get(1)?,
        release_commit: row.get(2)?,
        tree_id: row.get(3)?,
        profile_revision: row.get(4)?,
    })
}

pub(super) fn uuid(text: &str) -> Result<Uuid, DistributionError> {
    Uuid::try_parse(text).map_err(|_| corrupt("an id"))
}

pub(super) fn active_versions(
    connection: &Connection,
) -> Result<Vec<(AppId, EnvironmentId, ConfigVersion)>, DistributionError> {
    let mut statement = connection.prepare("SELECT app_id, environment_id, version FROM active_config")?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let (app, environment): (String, String) = (row.get(0)?, row.get(1)?);
        all.push((uuid(&app)?.into(), uuid(&environment)?.into(), version_of(row.get(2)?)?));
    }
    Ok(all)
}

/// The version alone; `None` before the first activation.
pub(super) fn version(
    connection: &Connection,
    app: AppId,
    environment: EnvironmentId,
) -> Result<Option<ConfigVersion>, DistributionError> {
    let found = connection
        .prepare_cached("SELECT version FROM active_config WHERE app_id = ?1 AND environment_id = ?2")?
        .query_row(params![app.to_string(), environment.to_string()], |row| row.get(0))
        .optional()?;
    found.map(version_of).transpose()
}

pub(super) fn active(
    connection: &Connection,
    app: AppId,
    environment: EnvironmentId,
) -> Result<Option<ActiveConfig>, DistributionError> {
    let sql = format!(
        "SELECT {PROVENANCE}, environment_name, updated_by, updated_at FROM active_config
         WHERE app_id = ?1 AND environment_id = ?2"
    );
    let columns = connection
        .prepare_cached(&sql)?
        .query_row(params![app.to_string(), environment.to_string()], |row| {
            Ok(ActiveColumns {
                provenance: provenance(row)?,
                environment_name: row.get(5)?,
                updated_by: row.get(6)?,
                updated_at: Timestamp::from_millis(row.get(7)?),
            })
        })
        .optional()?;
    columns.map(|columns| columns.active(app, environment)).transpose()
}

pub(super) fn entries(
    connection: &Connection,
    app: AppId,
    environment: EnvironmentId,
) -> Result<BTreeMap<ParameterName, SnapshotParameter>, DistributionError> {
    let mut statement = connection.prepare_cached(
        "SELECT name, type, value, category, hot_reloadable FROM active_config_entries
         WHERE app_id = ?1 AND environment_id = ?2",
    )?;
    let mut rows = statement.query(params![app.to_string(), environment.to_string()])?;
    let mut entries = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let columns = EntryColumns {
            name: row.get(0)?,
            kind: row.get(1)?,
            value: row.get(2)?,
            category: row.get(3)?,
            hot_reloadable: row.get(4)?,
        };
        let (name, parameter) = columns.entry()?;
        entries.insert(name, parameter);
    }
    Ok(entries)
}

pub(super) fn files(
    connection: &Connection,
    app: AppId,
    environment: EnvironmentId,
) -> Result<BTreeMap<RepoPath, ContentHash>, DistributionError> {
    let mut statement = connection.prepare_cached(
        "SELECT path, hash FROM active_config_files WHERE app_id = ?1 AND environment_id = ?2",
    )?;
    let mut rows = statement.query(params![app.to_string(), environment.to_string()])?;
    let mut files = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let (path, hash): (String, String) = (row.get(0)?, row.get(1)?);
        files.insert(repo_path(&path)?, ContentHash::from(hash));
    }
    Ok(files)
}

pub(super) fn snapshot(
    connection: &mut Connection,
    app: AppId,
    environment: EnvironmentId,
) -> Result<Option<Snapshot>, DistributionError> {
    // One read transaction: all three tables as of one commit.
    let transaction = connection.transaction()?;
    let Some(active) = active(&transaction, app, environment)? else {
        return Ok(None);
    };
    Ok(Some(Snapshot {
        app_id: app,
        environment_id: environment,
        provenance: active.provenance,
        activated_at: active.activated_at,
        parameters: entries(&transaction, app, environment)?,
        files: files(&transaction, app, environment)?,
    }))
}

pub(super) fn missing_blobs(
    connection: &mut Connection,
    hashes: &[ContentHash],
) -> Result<Vec<ContentHash>, DistributionError> {
    let transaction = connection.transaction()?;
    let mut statement = transaction.prepare_cached("SELECT 1 FROM config_blobs WHERE hash = ?1")?;
    let mut missing = Vec::new();
    for hash in hashes.iter().collect::<BTreeSet<_>>() {
        if !statement.exists([hash.as_str()])? {
            missing.push(hash.clone());
        }
    }
    Ok(missing)
}

pub(super) fn file(
    connection: &Connection,
    app: AppId,
    environment: EnvironmentId,
    hash: &ContentHash,
) -> Result<Option<Bytes>, DistributionError> {
    let content: Option<Vec<u8>> = connection
        .prepare_cached(
            "SELECT content FROM config_blobs WHERE hash = ?3 AND (
                EXISTS (SELECT 1 FROM active_config_files AS f
                        WHERE f.hash = ?3 AND f.app_id = ?1 AND f.environment_id = ?2)
                OR EXISTS (SELECT 1 FROM (
                        SELECT files FROM config_history WHERE app_id = ?1 AND environment_id = ?2
                        ORDER BY version DESC LIMIT ?4
                    ) AS h, json_each(h.files) AS f
                    WHERE f.value ->> 'before' = ?3 OR f.value ->> 'after' = ?3))",
        )?
        .query_row(params![app.to_string(), environment.to_string(), hash.as_str(), RECENT_VERSIONS], |row| {
            row.get(0)
        })
        .optional()?;
    Ok(content.map(Bytes::from))
}

pub(super) fn workers(
    connection: &Connection,
    app: AppId,
    environment: EnvironmentId,
) -> Result<Vec<WorkerSession>, DistributionError> {
    let mut statement = connection.prepare_cached(
        "SELECT version, release_tag, release_commit, tree_id, profile_revision, session_id, name, library,
                started_at, applied_at, last_notify_at, heartbeat_at, problem, stopped, heard_at, pending,
                restart_required, refused_version, refused_reason, refused_at, stale, forbidden_applications
         FROM worker_sessions WHERE app_id = ?1 AND environment_id = ?2
         ORDER BY name, started_at, session_id",
    )?;
    let mut rows = statement.query(params![app.to_string(), environment.to_string()])?;
    let mut sessions = Vec::new();
    while let Some(row) = rows.next()? {
        let session_id: String = row.get(5)?;
        let applied_at: Option<i64> = row.get(9)?;
        let applied = match applied_at {
            Some(at) => Some((provenance(row)?, Timestamp::from_millis(at))),
            None => None,
        };
        let last_notify_at: Option<i64> = row.get(10)?;
        let refused_at: Option<i64> = row.get(19)?;
        let refused = match refused_at {
            Some(at) => Some((row.get(17)?, row.get(18)?, Timestamp::from_millis(at))),
            None => None,
        };
        let columns = SessionColumns {
            session_id: uuid(&session_id)?,
            name: row.get(6)?,
            library: row.get(7)?,
            started_at: Timestamp::from_millis(row.get(8)?),
            applied,
            last_notify_at: last_notify_at.map(Timestamp::from_millis),
            heartbeat_at: Timestamp::from_millis(row.get(11)?),
            problem: row.get(12)?,
            pending: row.get(15)?,
            restart_required: row.get(16)?,
            refused,
            stale: row.get(20)?,
            forbidden_applications: row.get(21)?,
            stopped: row.get(13)?,
            heard_at: Timestamp::from_millis(row.get(14)?),
        };
        sessions.push(columns.session()?);
    }
    Ok(sessions)
}
