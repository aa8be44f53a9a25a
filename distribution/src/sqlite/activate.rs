//! Everything that writes.

use super::{history, read};
use crate::changes::{ConfigChanged, Hub};
use crate::decode::{json_of, parameter_name, word_of};
use crate::diff::{self, DeclarationChanges, FileChanges, ParameterChanges};
use crate::error::DistributionError;
use crate::model::{Activated, Activation, NewVersion, ParameterActivation, WorkerReport};
use bytes::Bytes;
use conman_domain::Timestamp;
use conman_domain::id::{AppId, EnvironmentId};
use conman_domain::name::ParameterName;
use conman_domain::snapshot::{ConfigVersion, ContentHash};
use conman_domain::value::Value;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn put_blobs(connection: &mut Connection, contents: &[Bytes]) -> Result<(), DistributionError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut statement = transaction
            .prepare_cached("INSERT OR IGNORE INTO config_blobs (hash, content) VALUES (?1, ?2)")?;
        for content in contents {
            statement.execute(params![ContentHash::of(content).as_str(), &content[..]])?;
        }
    }
    Ok(transaction.commit()?)
}

pub(super) fn activate(
    connection: &mut Connection,
    hub: &Hub,
    activation: &Activation,
) -> Result<Activated, DistributionError> {
    let (app, environment) = (activation.app_id, activation.environment_id);
    // IMMEDIATE: the file's write lock stands in for the lock on the environment's row.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if let Some(row) = history::history_of(&transaction, &activation.source_id)? {
        return row.applied_before(app, environment, activation.provenance.config_version);
    }
    let base = read::active(&transaction, app, environment)?
        .map_or(ConfigVersion::default(), |active| active.provenance.config_version);
    if base >= activation.provenance.config_version {
        return Ok(Activated::Superseded { active: base });
    }

    let parameters =
        diff::parameters(&read::entries(&transaction, app, environment)?, &activation.parameters);
    let files = diff::files(&read::files(&transaction, app, environment)?, &activation.files);
    refuse_missing_blobs(&transaction, &files)?;
    let rows = catalog_rows(&transaction, app, environment)?;
    let leaving = diff::leaving(&rows, &activation.catalog);
    let referred_to = referred_to(&transaction, app, environment, leaving)?;
    let declarations = diff::declarations(&rows, &referred_to, &activation.catalog)
        .map_err(|_| DistributionError::Invalid { reason: "its catalog is not JSON" })?;

    let version = activation.version();
    let at = write_active(&transaction, &version)?;
    write_entries(&transaction, &version, &parameters)?;
    write_files(&transaction, &version, &files)?;
    write_catalog(&transaction, &version, &declarations, at)?;
    write_history(&transaction, &version, base, &parameters, &files, at)?;
    commit(transaction, hub, &version, parameters)?;
    Ok(Activated::Applied { at })
}

pub(super) fn activate_parameters(
    connection: &mut Connection,
    hub: &Hub,
    activation: &ParameterActivation,
) -> Result<Activated, DistributionError> {
    let (app, environment) = (activation.app_id, activation.environment_id);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if let Some(row) = history::history_of(&transaction, &activation.source_id)? {
        return row.applied_before(app, environment, activation.config_version);
    }
    let Some(active) = read::active(&transaction, app, environment)? else {
        return Err(DistributionError::WrongBase { active: ConfigVersion::default() });
    };
    let base = active.provenance.config_version;
    if let Some(superseded) = activation.follows(base)? {
        return Ok(superseded);
    }
    let rules = transaction.query_row(
        "SELECT catalog_rules FROM active_config WHERE app_id = ?1 AND environment_id = ?2",
        params![app.to_string(), environment.to_string()],
        |row| row.get(0),
    )?;
    let version = activation.version(&active, rules);
    version.check()?;
    let parameters =
        diff::parameters(&read::entries(&transaction, app, environment)?, &activation.parameters);
    let at = write_active(&transaction, &version)?;
    write_entries(&transaction, &version, &parameters)?;
    write_history(&transaction, &version, base, &parameters, &FileChanges::new(), at)?;
    commit(transaction, hub, &version, parameters)?;
    Ok(Activated::Applied { at })
}

/// Commits, and then tells of it.
fn commit(
    transaction: Transaction<'_>,
    hub: &Hub,
    version: &NewVersion<'_>,
    parameters: ParameterChanges,
) -> Result<(), DistributionError> {
    fail::fail_point!("distribution.activate.before_commit");
    transaction.commit()?;
    hub.tell(ConfigChanged {
        app_id: version.app_id,
        environment_id: version.environment_id,
        version: version.provenance.config_version,
        changed: parameters.into_keys().collect(),
        truncated: false,
    });
    fail::fail_point!("distribution.activate.after_commit");
    Ok(())
}

fn refuse_missing_blobs(transaction: &Transaction<'_>, files: &FileChanges) -> Result<(), DistributionError> {
    let mut statement = transaction.prepare_cached("SELECT 1 FROM config_blobs WHERE hash = ?1")?;
    let mut missing = Vec::new();
    for hash in files.values().filter_map(|change| change.after.as_ref()).collect::<BTreeSet<_>>() {
        if !statement.exists([hash.as_str()])? {
            missing.push(hash.clone());
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(DistributionError::MissingBlobs(missing)) }
}

/// The catalog's rows as JSON.
fn catalog_rows(
    transaction: &Transaction<'_>,
    app: AppId,
    environment: EnvironmentId,
) -> Result<BTreeMap<ParameterName, Value>, DistributionError> {
    let mut statement = transaction.prepare_cached(
        "SELECT name, declaration FROM variable_catalog WHERE app_id = ?1 AND environment_id = ?2",
    )?;
    let mut rows = statement.query(params![app.to_string(), environment.to_string()])?;
    let mut all = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let (name, declaration): (String, String) = (row.get(0)?, row.get(1)?);
        let declaration = crate::decode::json(&declaration, "a catalog row")?;
        all.insert(parameter_name(&name)?, declaration);
    }
    Ok(all)
}

/// Which of these catalog rows parameter sets refer to.
fn referred_to(
    transaction: &Transaction<'_>,
    app: AppId,
    environment: EnvironmentId,
    names: Vec<ParameterName>,
) -> Result<BTreeSet<ParameterName>, DistributionError> {
    let (app, environment) = (app.to_string(), environment.to_string());
    let mut statement = transaction.prepare_cached(
        "SELECT 1 FROM parameter_set_variables WHERE app_id = ?1 AND environment_id = ?2 AND name = ?3",
    )?;
    let mut referred_to = BTreeSet::new();
    for name in names {
        if statement.exists(params![app, environment, name.as_str()])? {
            referred_to.insert(name);
        }
    }
    Ok(referred_to)
}

fn write_active(
    transaction: &Transaction<'_>,
    version: &NewVersion<'_>,
) -> Result<Timestamp, DistributionError> {
    let provenance = &version.provenance;
    // A clock that was set back does not make a later version an earlier one.
    let millis: i64 = transaction.query_row(
        "INSERT INTO active_config (app_id, environment_id, environment_name, version, release_tag, release_commit,
            tree_id, profile_revision, catalog_rules, updated_by, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, CAST(round(unixepoch('subsec') * 1000) AS INTEGER))
         ON CONFLICT (app_id, environment_id) DO UPDATE SET environment_name = excluded.environment_name,
            version = excluded.version, release_tag = excluded.release_tag,
            release_commit = excluded.release_commit, tree_id = excluded.tree_id,
            profile_revision = excluded.profile_revision, catalog_rules = excluded.catalog_rules,
            updated_by = excluded.updated_by,
            updated_at = max(excluded.updated_at, active_config.updated_at)
         RETURNING updated_at",
        params![
            version.app_id.to_string(),
            version.environment_id.to_string(),
            version.environment_name.as_str(),
            provenance.config_version.0,
            provenance.release_tag.as_str(),
            provenance.release_commit.to_string(),
            provenance.tree_id.to_string(),
            provenance.profile_revision,
            version.rules,
            version.changed_by,
        ],
        |row| row.get(0),
    )?;
    Ok(Timestamp::from_millis(millis))
}

fn write_entries(
    transaction: &Transaction<'_>,
    version: &NewVersion<'_>,
    changes: &ParameterChanges,
) -> Result<(), DistributionError> {
    let (app, environment) = (version.app_id.to_string(), version.environment_id.to_string());
    let mut upsert = transaction.prepare_cached(
        "INSERT INTO active_config_entries
            (app_id, environment_id, name, type, value, category, hot_reloadable, changed_in)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (app_id, environment_id, name) DO UPDATE SET type = excluded.type, value = excluded.value,
            category = excluded.category, hot_reloadable = excluded.hot_reloadable,
            changed_in = excluded.changed_in",
    )?;
    let mut delete = transaction.prepare_cached(
        "DELETE FROM active_config_entries WHERE app_id = ?1 AND environment_id = ?2 AND name = ?3",
    )?;
    for (name, change) in changes {
        match &change.after {
            Some(parameter) => upsert.execute(params![
                app,
                environment,
                name.as_str(),
                parameter.kind.name(),
                parameter.value.to_string(),
                parameter.category.as_ref().map(word_of),
                parameter.hot_reloadable,
                version.provenance.config_version.0,
            ])?,
            None => delete.execute(params![app, environment, name.as_str()])?,
        };
    }
    Ok(())
}

fn write_files(
    transaction: &Transaction<'_>,
    version: &NewVersion<'_>,
    changes: &FileChanges,
) -> Result<(), DistributionError> {
    let (app, environment) = (version.app_id.to_string(), version.environment_id.to_string());
    let mut upsert = transaction.prepare_cached(
        "INSERT INTO active_config_files (app_id, environment_id, path, hash, changed_in)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (app_id, environment_id, path)
         DO UPDATE SET hash = excluded.hash, changed_in = excluded.changed_in",
    )?;
    let mut delete = transaction.prepare_cached(
        "DELETE FROM active_config_files WHERE app_id = ?1 AND environment_id = ?2 AND path = ?3",
    )?;
    for (path, change) in changes {
        match &change.after {
            Some(hash) => upsert.execute(params![
                app,
                environment,
                path.as_str(),
                hash.as_str(),
                version.provenance.config_version.0,
            ])?,
            None => delete.execute(params![app, environment, path.as_str()])?,
        };
    }
    Ok(())
}

fn write_catalog(
    transaction: &Transaction<'_>,
    version: &NewVersion<'_>,
    changes: &DeclarationChanges,
    at: Timestamp,
) -> Result<(), DistributionError> {
    let (app, environment) = (version.app_id.to_string(), version.environment_id.to_string());
    let number = version.provenance.config_version.0;
    let mut upsert = transaction.prepare_cached(
        "INSERT INTO variable_catalog (app_id, environment_id, name, declaration, deprecated, changed_in)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (app_id, environment_id, name) DO UPDATE SET declaration = excluded.declaration,
            deprecated = excluded.deprecated, changed_in = excluded.changed_in",
    )?;
    let mut delete = transaction.prepare_cached(
        "DELETE FROM variable_catalog WHERE app_id = ?1 AND environment_id = ?2 AND name = ?3",
    )?;
    let mut record = transaction.prepare_cached(
        "INSERT INTO variable_catalog_history
            (app_id, environment_id, version, name, before, after, changed_by, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for (name, change) in changes {
        match &change.after {
            Some(declaration) => upsert.execute(params![
                app,
                environment,
                name.as_str(),
                declaration,
                change.deprecated,
                number
            ])?,
            None => delete.execute(params![app, environment, name.as_str()])?,
        };
        record.execute(params![
            app,
            environment,
            number,
            name.as_str(),
            change.before,
            change.after,
            version.changed_by,
            at.millis(),
        ])?;
    }
    Ok(())
}

fn write_history(
    transaction: &Transaction<'_>,
    version: &NewVersion<'_>,
    base: ConfigVersion,
    parameters: &ParameterChanges,
    files: &FileChanges,
    at: Timestamp,
) -> Result<(), DistributionError> {
    let (provenance, counts) = (&version.provenance, diff::count(files));
    transaction.execute(
        "INSERT INTO config_history (app_id, environment_id, environment_name, version, base_version, source_id,
            kind, release_tag, release_commit, tree_id, profile_revision, parameters, files, files_added,
            files_changed, files_removed, changed_by, approved_by, reason, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)",
        params![
            version.app_id.to_string(),
            version.environment_id.to_string(),
            version.environment_name.as_str(),
            provenance.config_version.0,
            base.0,
            version.source_id,
            word_of(&version.kind),
            provenance.release_tag.as_str(),
            provenance.release_commit.to_string(),
            provenance.tree_id.to_string(),
            provenance.profile_revision,
            json_of(parameters),
            json_of(files),
            counts.added,
            counts.changed,
            counts.removed,
            version.changed_by,
            version.approved_by,
            version.reason,
            at.millis(),
        ],
    )?;
    Ok(())
}

pub(super) fn report(
    connection: &mut Connection,
    app: AppId,
    environment: EnvironmentId,
    report: &WorkerReport,
) -> Result<(), DistributionError> {
    let provenance = report.applied.as_ref().map(|applied| &applied.provenance);
    let refused = report.refused.as_ref();
    // An environment's session is its own: the same id from elsewhere changes nothing.
    connection
        .prepare_cached(
            "INSERT INTO worker_sessions (session_id, app_id, environment_id, name, library, started_at, version,
                release_tag, release_commit, tree_id, profile_revision, applied_at, last_notify_at, heartbeat_at,
                problem, stopped, pending, restart_required, refused_version, refused_reason, refused_at, stale,
                forbidden_applications, heard_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
                ?21, ?22, ?23,
                CAST(round(unixepoch('subsec') * 1000) AS INTEGER))
             ON CONFLICT (session_id) DO UPDATE SET name = excluded.name, library = excluded.library,
                version = excluded.version, release_tag = excluded.release_tag,
                release_commit = excluded.release_commit, tree_id = excluded.tree_id,
                profile_revision = excluded.profile_revision, applied_at = excluded.applied_at,
                last_notify_at = excluded.last_notify_at, heartbeat_at = excluded.heartbeat_at,
                problem = excluded.problem, stopped = excluded.stopped, pending = excluded.pending,
                restart_required = excluded.restart_required, refused_version = excluded.refused_version,
                refused_reason = excluded.refused_reason, refused_at = excluded.refused_at, stale = excluded.stale,
                forbidden_applications = excluded.forbidden_applications, heard_at = excluded.heard_at
             WHERE app_id = excluded.app_id AND environment_id = excluded.environment_id",
        )?
        .execute(params![
            report.session_id.to_string(),
            app.to_string(),
            environment.to_string(),
            report.name,
            report.library,
            report.started_at.millis(),
            provenance.map(|p| p.config_version.0),
            provenance.map(|p| p.release_tag.as_str().to_owned()),
            provenance.map(|p| p.release_commit.to_string()),
            provenance.map(|p| p.tree_id.to_string()),
            provenance.map(|p| p.profile_revision),
            report.applied.as_ref().map(|applied| applied.applied_at.millis()),
            report.last_notify_at.map(Timestamp::millis),
            report.heartbeat_at.millis(),
            report.problem,
            report.stopped,
            json_of(&report.pending),
            json_of(&report.restart_required),
            refused.map(|refused| refused.version.0),
            refused.map(|refused| refused.reason.as_str()),
            refused.map(|refused| refused.at.millis()),
            report.stale,
            report.forbidden_applications,
        ])?;
    Ok(())
}
