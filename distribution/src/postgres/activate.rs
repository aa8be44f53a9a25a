//! One activation, one transaction.

use super::{history, read};
use crate::changes::{ConfigChanged, Notice};
use crate::decode::{self, json_of, word_of};
use crate::diff::{self, DeclarationChanges, FileChanges, ParameterChanges};
use crate::error::DistributionError;
use crate::model::{Activated, Activation, NewVersion, ParameterActivation};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use conman_domain::Timestamp;
use conman_domain::snapshot::{ConfigVersion, ContentHash};
use deadpool_postgres::{Object, Transaction};
use std::collections::BTreeMap;
use tokio_postgres::types::ToSql;
use tokio_postgres::{IsolationLevel, Row};
use uuid::Uuid;

/// The constraint that lets a source id apply once.
const SOURCE_ID_KEY: &str = "config_history_source_id_key";

/// How many bytes of contents one statement carries.
const BATCH_BYTES: usize = 8 << 20;

pub(super) async fn put_blobs(client: &Object, contents: Vec<Bytes>) -> Result<(), DistributionError> {
    // In the order of their hashes: two writers of the same contents wait for each other instead of dying.
    let contents: BTreeMap<ContentHash, Bytes> =
        contents.into_iter().map(|content| (ContentHash::of(&content), content)).collect();
    let statement = client
        .prepare_cached(
            "INSERT INTO conman.config_blobs (hash, content)
             SELECT * FROM unnest($1::text[], $2::bytea[]) ON CONFLICT DO NOTHING",
        )
        .await?;
    let (mut hashes, mut bodies, mut size) = (Vec::new(), Vec::new(), 0);
    let mut left = contents.len();
    for (hash, content) in &contents {
        hashes.push(hash.as_str());
        bodies.push(&content[..]);
        size += content.len();
        left -= 1;
        if size >= BATCH_BYTES || left == 0 {
            client.execute(&statement, &[&hashes, &bodies]).await?;
            (hashes, bodies, size) = (Vec::new(), Vec::new(), 0);
        }
    }
    Ok(())
}

pub(super) async fn activate(
    client: &mut Object,
    activation: &Activation,
    by: Uuid,
) -> Result<Activated, DistributionError> {
    let transaction =
        client.build_transaction().isolation_level(IsolationLevel::ReadCommitted).start().await?;
    // From here on this environment is ours. READ COMMITTED: what the previous owner wrote is seen below.
    let base = lock_environment(&transaction, activation).await?;
    if let Some(row) = history::history_of(&transaction, &activation.source_id).await? {
        return row.applied_before(
            activation.app_id,
            activation.environment_id,
            activation.provenance.config_version,
        );
    }
    if base >= activation.provenance.config_version {
        return Ok(Activated::Superseded { active: base });
    }

    let (app, environment) = (activation.app_id, activation.environment_id);
    let entries = read::entries(&transaction, app, environment).await?;
    let parameters = diff::parameters(&entries, &activation.parameters);
    let files = diff::files(&read::files(&transaction, app, environment).await?, &activation.files);
    refuse_missing_blobs(&transaction, &files).await?;
    let rows = read::catalog_rows(&transaction, app, environment).await?;
    let leaving = diff::leaving(&rows, &activation.catalog);
    let referred_to = read::lock_referred_to(&transaction, app, environment, &leaving).await?;
    let declarations = diff::declarations(&rows, &referred_to, &activation.catalog)
        .map_err(|_| DistributionError::Invalid { reason: "its catalog is not JSON" })?;

    let version = activation.version();
    let at = write_active(&transaction, &version).await?;
    write_entries(&transaction, &version, &parameters).await?;
    write_files(&transaction, &version, &files).await?;
    write_catalog(&transaction, &version, &declarations, at).await?;
    write_history(&transaction, &version, base, &parameters, &files, at).await?;
    commit(transaction, &version, parameters, by).await?;
    Ok(Activated::Applied { at: Timestamp::new(at) })
}

pub(super) async fn activate_parameters(
    client: &mut Object,
    activation: &ParameterActivation,
    by: Uuid,
) -> Result<Activated, DistributionError> {
    let transaction =
        client.build_transaction().isolation_level(IsolationLevel::ReadCommitted).start().await?;
    let (app, environment) = (activation.app_id, activation.environment_id);
    // As above: from here on this environment is ours.
    let locked = read::lock_active(&transaction, app, environment).await?;
    if let Some(row) = history::history_of(&transaction, &activation.source_id).await? {
        return row.applied_before(app, environment, activation.config_version);
    }
    let Some((active, rules)) = locked else {
        return Err(DistributionError::WrongBase { active: ConfigVersion::default() });
    };
    let base = active.provenance.config_version;
    if let Some(superseded) = activation.follows(base)? {
        return Ok(superseded);
    }
    let version = activation.version(&active, rules);
    version.check()?;
    let entries = read::entries(&transaction, app, environment).await?;
    let parameters = diff::parameters(&entries, &activation.parameters);
    let at = write_active(&transaction, &version).await?;
    write_entries(&transaction, &version, &parameters).await?;
    write_history(&transaction, &version, base, &parameters, &FileChanges::new(), at).await?;
    commit(transaction, &version, parameters, by).await?;
    Ok(Activated::Applied { at: Timestamp::new(at) })
}

/// Commits together with the notification.
async fn commit(
    transaction: Transaction<'_>,
    version: &NewVersion<'_>,
    parameters: ParameterChanges,
    by: Uuid,
) -> Result<(), DistributionError> {
    notify(&transaction, version, parameters, by).await?;
    fail::fail_point!("distribution.activate.before_commit");
    tracing::debug!(event = "config_change_commit", version = version.provenance.config_version.0);
    transaction.commit().await?;
    fail::fail_point!("distribution.activate.after_commit");
    Ok(())
}

/// Locks the environment's row, which is made at first, and tells the active version: 0 if there is none yet.
async fn lock_environment(
    transaction: &Transaction<'_>,
    activation: &Activation,
) -> Result<ConfigVersion, DistributionError> {
    let provenance = &activation.provenance;
    let key: [&(dyn ToSql + Sync); 2] = [&activation.app_id.uuid(), &activation.environment_id.uuid()];
    let lock =
        "SELECT version FROM conman.active_config WHERE app_id = $1 AND environment_id = $2 FOR UPDATE";
    if let Some(row) = read::query(transaction, lock, &key).await?.first() {
        return decode::version(row.get(0));
    }
    // Version 0 is seen by nobody: this transaction raises it or rolls back. Whoever is late waits for the first.
    execute(
        transaction,
        "INSERT INTO conman.active_config (app_id, environment_id, environment_name, version, release_tag,
                release_commit, tree_id, profile_revision, catalog_rules, updated_by, updated_at)
             VALUES ($1, $2, $3, 0, $4, $5, $6, $7, '[]', $8, date_trunc('milliseconds', clock_timestamp()))
             ON CONFLICT (app_id, environment_id) DO NOTHING",
        &[
            &activation.app_id.uuid(),
            &activation.environment_id.uuid(),
            &activation.environment_name.as_str(),
            &provenance.release_tag.as_str(),
            &provenance.release_commit.to_string(),
            &provenance.tree_id.to_string(),
            &i64::from(provenance.profile_revision),
            &activation.changed_by,
        ],
    )
    .await?;
    decode::version(query_one(transaction, lock, &key).await?.get(0))
}

async fn refuse_missing_blobs(
    transaction: &Transaction<'_>,
    files: &FileChanges,
) -> Result<(), DistributionError> {
    let needed: Vec<ContentHash> = files.values().filter_map(|change| change.after.clone()).collect();
    if needed.is_empty() {
        return Ok(());
    }
    match read::missing_blobs(transaction, &needed).await? {
        missing if missing.is_empty() => Ok(()),
        missing => Err(DistributionError::MissingBlobs(missing)),
    }
}

async fn write_active(
    transaction: &Transaction<'_>,
    version: &NewVersion<'_>,
) -> Result<DateTime<Utc>, DistributionError> {
    let provenance = &version.provenance;
    // A clock that was set back does not make a later version an earlier one.
    let row = query_one(
        transaction,
        "UPDATE conman.active_config SET environment_name = $3, version = $4, release_tag = $5,
                release_commit = $6, tree_id = $7, profile_revision = $8, catalog_rules = $9::text::json,
                updated_by = $10,
                updated_at = greatest(date_trunc('milliseconds', clock_timestamp()), updated_at)
             WHERE app_id = $1 AND environment_id = $2 RETURNING updated_at",
        &[
            &version.app_id.uuid(),
            &version.environment_id.uuid(),
            &version.environment_name.as_str(),
            &i64::from(provenance.config_version.0),
            &provenance.release_tag.as_str(),
            &provenance.release_commit.to_string(),
            &provenance.tree_id.to_string(),
            &i64::from(provenance.profile_revision),
            &version.rules,
            &version.changed_by,
        ],
    )
    .await?;
    Ok(row.get(0))
}

async fn write_entries(
    transaction: &Transaction<'_>,
    version: &NewVersion<'_>,
    changes: &ParameterChanges,
) -> Result<(), DistributionError> {
    let (app, environment) = (version.app_id.uuid(), version.environment_id.uuid());
    let (mut names, mut kinds, mut values, mut categories, mut hot, mut gone) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (name, change) in changes {
        match &change.after {
            Some(parameter) => {
                names.push(name.as_str());
                kinds.push(parameter.kind.name());
                values.push(parameter.value.to_string());
                categories.push(parameter.category.as_ref().map(word_of));
                hot.push(parameter.hot_reloadable);
            }
            None => gone.push(name.as_str()),
        }
    }
    if !gone.is_empty() {
        execute(
            transaction,
            "DELETE FROM conman.active_config_entries
                 WHERE app_id = $1 AND environment_id = $2 AND name = ANY ($3)",
            &[&app, &environment, &gone],
        )
        .await?;
    }
    if !names.is_empty() {
        execute(
            transaction,
            "INSERT INTO conman.active_config_entries
                    (app_id, environment_id, changed_in, name, type, value, category, hot_reloadable)
                 SELECT $1, $2, $3, name, type, value::json, category, hot_reloadable
                 FROM unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::bool[])
                    AS new (name, type, value, category, hot_reloadable)
                 ON CONFLICT (app_id, environment_id, name) DO UPDATE SET changed_in = excluded.changed_in,
                    type = excluded.type, value = excluded.value, category = excluded.category,
                    hot_reloadable = excluded.hot_reloadable",
            &[
                &app,
                &environment,
                &i64::from(version.provenance.config_version.0),
                &names,
                &kinds,
                &values,
                &categories,
                &hot,
            ],
        )
        .await?;
    }
    Ok(())
}

async fn write_files(
    transaction: &Transaction<'_>,
    version: &NewVersion<'_>,
    changes: &FileChanges,
) -> Result<(), DistributionError> {
    let (app, environment) = (version.app_id.uuid(), version.environment_id.uuid());
    let (mut paths, mut hashes, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    for (path, change) in changes {
        match &change.after {
            Some(hash) => {
                paths.push(path.as_str());
                hashes.push(hash.as_str());
            }
            None => gone.push(path.as_str()),
        }
    }
    if !gone.is_empty() {
        execute(
            transaction,
            "DELETE FROM conman.active_config_files
                 WHERE app_id = $1 AND environment_id = $2 AND path = ANY ($3)",
            &[&app, &environment, &gone],
        )
        .await?;
    }
    if !paths.is_empty() {
        execute(
            transaction,
            "INSERT INTO conman.active_config_files (app_id, environment_id, changed_in, path, hash)
                 SELECT $1, $2, $3, path, hash FROM unnest($4::text[], $5::text[]) AS new (path, hash)
                 ON CONFLICT (app_id, environment_id, path)
                 DO UPDATE SET changed_in = excluded.changed_in, hash = excluded.hash",
            &[&app, &environment, &i64::from(version.provenance.config_version.0), &paths, &hashes],
        )
        .await?;
    }
    Ok(())
}

async fn write_catalog(
    transaction: &Transaction<'_>,
    version: &NewVersion<'_>,
    changes: &DeclarationChanges,
    at: DateTime<Utc>,
) -> Result<(), DistributionError> {
    if changes.is_empty() {
        return Ok(());
    }
    let (app, environment) = (version.app_id.uuid(), version.environment_id.uuid());
    let number = i64::from(version.provenance.config_version.0);
    let (mut names, mut before, mut after, mut deprecated) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (name, change) in changes {
        names.push(name.as_str());
        before.push(change.before.as_deref());
        after.push(change.after.as_deref());
        deprecated.push(change.deprecated);
    }
    execute(
        transaction,
        "INSERT INTO conman.variable_catalog
                (app_id, environment_id, changed_in, name, declaration, deprecated)
             SELECT $1, $2, $3, name, after::json, deprecated
             FROM unnest($4::text[], $5::text[], $6::bool[]) AS new (name, after, deprecated)
             WHERE after IS NOT NULL
             ON CONFLICT (app_id, environment_id, name) DO UPDATE SET changed_in = excluded.changed_in,
                declaration = excluded.declaration, deprecated = excluded.deprecated",
        &[&app, &environment, &number, &names, &after, &deprecated],
    )
    .await?;
    execute(
        transaction,
        "DELETE FROM conman.variable_catalog c USING unnest($3::text[], $4::text[]) AS gone (name, after)
             WHERE c.app_id = $1 AND c.environment_id = $2 AND c.name = gone.name AND gone.after IS NULL",
        &[&app, &environment, &names, &after],
    )
    .await?;
    execute(
        transaction,
        "INSERT INTO conman.variable_catalog_history
                (app_id, environment_id, version, changed_by, at, name, before, after)
             SELECT $1, $2, $3, $4, $5, name, before::json, after::json
             FROM unnest($6::text[], $7::text[], $8::text[]) AS change (name, before, after)",
        &[&app, &environment, &number, &version.changed_by, &at, &names, &before, &after],
    )
    .await?;
    Ok(())
}

async fn write_history(
    transaction: &Transaction<'_>,
    version: &NewVersion<'_>,
    base: ConfigVersion,
    parameters: &ParameterChanges,
    files: &FileChanges,
    at: DateTime<Utc>,
) -> Result<(), DistributionError> {
    let (provenance, counts) = (&version.provenance, diff::count(files));
    let written = execute(
        transaction,
        "INSERT INTO conman.config_history (app_id, environment_id, environment_name, version, base_version,
                source_id, kind, release_tag, release_commit, tree_id, profile_revision, parameters, files,
                files_added, files_changed, files_removed, changed_by, approved_by, reason, at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::text::json, $13::text::json,
                $14, $15, $16, $17, $18, $19, $20)",
        &[
            &version.app_id.uuid(),
            &version.environment_id.uuid(),
            &version.environment_name.as_str(),
            &i64::from(provenance.config_version.0),
            &i64::from(base.0),
            &version.source_id,
            &word_of(&version.kind),
            &provenance.release_tag.as_str(),
            &provenance.release_commit.to_string(),
            &provenance.tree_id.to_string(),
            &i64::from(provenance.profile_revision),
            &json_of(parameters),
            &json_of(files),
            &i64::from(counts.added),
            &i64::from(counts.changed),
            &i64::from(counts.removed),
            &version.changed_by,
            &version.approved_by,
            &version.reason,
            &at,
        ],
    )
    .await;
    written.map_err(|error| match error {
        // Two places used it at once; within one, the lock on the row keeps them apart.
        DistributionError::Database(fault) if fault.constraint.as_deref() == Some(SOURCE_ID_KEY) => {
            DistributionError::SourceIdReused
        }
        error => error,
    })
}

/// Joins the notification to the transaction: it goes out with the commit or not at all.
async fn notify(
    transaction: &Transaction<'_>,
    version: &NewVersion<'_>,
    parameters: ParameterChanges,
    by: Uuid,
) -> Result<(), DistributionError> {
    let change = ConfigChanged {
        app_id: version.app_id,
        environment_id: version.environment_id,
        version: version.provenance.config_version,
        changed: parameters.into_keys().collect(),
        truncated: false,
    };
    let payload = Notice { change, by: Some(by) }.payload();
    execute(transaction, "SELECT pg_notify('config_changed', $1)", &[&payload]).await?;
    Ok(())
}

/// Runs a statement that is prepared once per connection.
async fn execute(
    transaction: &Transaction<'_>,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<(), DistributionError> {
    let statement = transaction.prepare_cached(sql).await?;
    transaction.execute(&statement, values).await?;
    Ok(())
}

async fn query_one(
    transaction: &Transaction<'_>,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Row, DistributionError> {
    let statement = transaction.prepare_cached(sql).await?;
    Ok(transaction.query_one(&statement, values).await?)
}
