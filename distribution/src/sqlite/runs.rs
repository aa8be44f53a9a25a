//! Parameter sets and runs.

use super::backend::Sqlite;
use super::read::{self, uuid};
use crate::decode::{json_of, small};
use crate::error::DistributionError;
use crate::runs::{
    FrozenSet, NAMED_SETS, NewRun, RowsPage, RunColumns, RunEnding, RunFilter, RunRegistry, SetColumns,
    SetReferences, SetRow, SetSummary, SummaryColumns, references, window,
};
use async_trait::async_trait;
use conman_domain::Timestamp;
use conman_domain::id::{AppId, EnvironmentId, RunId};
use conman_domain::name::ParameterName;
use conman_domain::parameter_set::ParameterSet;
use conman_domain::run::{Run, RunStatus};
use conman_domain::snapshot::{ConfigVersion, ContentHash};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, TransactionBehavior, params};
use std::collections::BTreeMap;

const SET: &str = "SELECT hash, base_environment, variables_catalog, factors, code_version, catalog_version,
    created_by, created_at FROM parameter_sets";

const RUN: &str = "id, app_id, environment_id, parameter_set_hash, kind, description, status, rerun_of,
    results, note, started_by, started_by_id, started_at, finished_at";

const FILTERED: &str = "FROM runs WHERE app_id = ?1 AND (?2 IS NULL OR environment_id = ?2)
    AND (?3 IS NULL OR parameter_set_hash = ?3) AND (?4 IS NULL OR status = ?4) AND (?5 IS NULL OR kind = ?5)";

fn find_set(
    connection: &Connection,
    app: AppId,
    hash: &ContentHash,
) -> Result<Option<FrozenSet>, DistributionError> {
    let sql = format!("{SET} WHERE hash = ?1 AND app_id = ?2");
    let columns = connection
        .prepare_cached(&sql)?
        .query_row(params![hash.as_str(), app.to_string()], |row| {
            Ok(SetColumns {
                hash: row.get(0)?,
                base_environment: row.get(1)?,
                variables_catalog: row.get(2)?,
                factors: row.get(3)?,
                code_version: row.get(4)?,
                catalog_version: row.get(5)?,
                created_by: row.get(6)?,
                created_at: Timestamp::from_millis(row.get(7)?),
            })
        })
        .optional()?;
    columns.map(SetColumns::set).transpose()
}

fn run_of(row: &Row<'_>) -> Result<Run, DistributionError> {
    let id = |column| -> Result<_, DistributionError> { uuid(&row.get::<_, String>(column)?) };
    let rerun_of: Option<String> = row.get(7)?;
    RunColumns {
        id: id(0)?,
        app_id: id(1)?,
        environment_id: id(2)?,
        parameter_set_hash: row.get(3)?,
        kind: row.get(4)?,
        description: row.get(5)?,
        status: row.get(6)?,
        rerun_of: rerun_of.as_deref().map(uuid).transpose()?,
        results: row.get(8)?,
        note: row.get(9)?,
        started_by: row.get(10)?,
        started_by_id: id(11)?,
        started_at: Timestamp::from_millis(row.get(12)?),
        finished_at: row.get::<_, Option<i64>>(13)?.map(Timestamp::from_millis),
    }
    .run()
}

fn select_runs(
    connection: &Connection,
    rest: &str,
    values: &[&dyn ToSql],
) -> Result<Vec<Run>, DistributionError> {
    let mut statement = connection.prepare_cached(&format!("SELECT {RUN} {rest}"))?;
    let mut rows = statement.query(values)?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        runs.push(run_of(row)?);
    }
    Ok(runs)
}

fn find_run(connection: &Connection, app: AppId, id: RunId) -> Result<Option<Run>, DistributionError> {
    let rest = "FROM runs WHERE id = ?1 AND app_id = ?2";
    Ok(select_runs(connection, rest, &[&id.to_string(), &app.to_string()])?.pop())
}

fn count(connection: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<u32, DistributionError> {
    small(connection.prepare_cached(sql)?.query_row(values, |row| row.get(0))?)
}

fn freeze(
    connection: &mut Connection,
    set: &ParameterSet,
    frozen_by: &str,
) -> Result<(FrozenSet, bool), DistributionError> {
    let (base, row) = (&set.base_environment, SetRow::of(set));
    // IMMEDIATE: nothing else becomes active until the set is kept.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if let Some(kept) = find_set(&transaction, base.app_id, &row.hash)? {
        return Ok((kept, false));
    }
    let active = read::active(&transaction, base.app_id, base.environment_id)?;
    let active = active.map_or(ConfigVersion::default(), |active| active.provenance.config_version);
    if active != base.provenance.config_version {
        return Err(DistributionError::WrongBase { active });
    }
    transaction.execute(
        "INSERT INTO parameter_sets (hash, app_id, environment_id, base_environment, variables_catalog, factors,
            code_version, config_version, catalog_version, created_by)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            row.hash.as_str(),
            base.app_id.to_string(),
            base.environment_id.to_string(),
            row.base_environment,
            row.variables_catalog,
            row.factors,
            set.code_version,
            active.0,
            set.catalog_version.as_str(),
            frozen_by,
        ],
    )?;
    let kept = find_set(&transaction, base.app_id, &row.hash)?;
    transaction.commit()?;
    let kept = kept.ok_or(DistributionError::Corrupt { what: "a parameter set", name: None })?;
    Ok((kept, true))
}

fn parameter_sets(
    connection: &mut Connection,
    app: AppId,
    environment: Option<EnvironmentId>,
    page: u32,
    limit: u32,
) -> Result<RowsPage<SetSummary>, DistributionError> {
    const WHERE: &str = "FROM parameter_sets s WHERE app_id = ?1 AND (?2 IS NULL OR environment_id = ?2)";
    let transaction = connection.transaction()?;
    let (app, environment) = (app.to_string(), environment.map(|id| id.to_string()));
    let (limit, offset) = window(page, limit);
    let total = count(&transaction, &format!("SELECT count(*) {WHERE}"), &[&app, &environment])?;
    let mut statement = transaction.prepare_cached(&format!(
        "SELECT hash, environment_id, base_environment, factors, code_version, created_by, created_at,
            (SELECT count(*) FROM runs r WHERE r.parameter_set_hash = s.hash)
         {WHERE} ORDER BY created_at DESC, hash LIMIT ?3 OFFSET ?4"
    ))?;
    let mut rows = statement.query(params![app, environment, limit, offset])?;
    let mut summaries = Vec::new();
    while let Some(row) = rows.next()? {
        let columns = SummaryColumns {
            hash: row.get(0)?,
            environment_id: uuid(&row.get::<_, String>(1)?)?,
            base_environment: row.get(2)?,
            factors: row.get(3)?,
            code_version: row.get(4)?,
            created_by: row.get(5)?,
            created_at: Timestamp::from_millis(row.get(6)?),
            runs: row.get(7)?,
        };
        summaries.push(columns.summary()?);
    }
    Ok(RowsPage { rows: summaries, total })
}

fn sets_referring_to(
    connection: &Connection,
    app: AppId,
    names: &[ParameterName],
) -> Result<BTreeMap<ParameterName, SetReferences>, DistributionError> {
    let mut statement = connection.prepare_cached(
        "SELECT name, hash, total FROM (
            SELECT v.name, s.hash, count(*) OVER (PARTITION BY v.name) AS total,
                row_number() OVER (PARTITION BY v.name ORDER BY s.created_at DESC, s.hash) AS place
            FROM parameter_set_variables v JOIN parameter_sets s ON s.hash = v.parameter_set_hash
            WHERE v.app_id = ?1 AND v.name IN (SELECT value FROM json_each(?2)))
         WHERE place <= ?3 ORDER BY name, place",
    )?;
    let rows = statement.query_map(params![app.to_string(), json_of(&names), NAMED_SETS], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    references(rows.collect::<Result<Vec<_>, _>>()?)
}

fn register_run(connection: &mut Connection, run: &NewRun) -> Result<Option<Run>, DistributionError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if let Some(before) = find_run(&transaction, run.app_id, run.id)? {
        return Ok(Some(before));
    }
    // The environment is the set's own. Of another app, there is no such set.
    transaction.execute(
        "INSERT INTO runs (id, app_id, environment_id, parameter_set_hash, kind, description, status, rerun_of,
            started_by, started_by_id)
         SELECT ?1, app_id, environment_id, hash, ?4, ?5, 'running', ?6, ?7, ?8
         FROM parameter_sets WHERE hash = ?3 AND app_id = ?2",
        params![
            run.id.to_string(),
            run.app_id.to_string(),
            run.parameter_set.as_str(),
            run.kind,
            run.description,
            run.rerun_of.map(|id| id.to_string()),
            run.started_by,
            run.started_by_id.to_string(),
        ],
    )?;
    let found = find_run(&transaction, run.app_id, run.id)?;
    transaction.commit()?;
    Ok(found)
}

fn end_run(
    connection: &mut Connection,
    app: AppId,
    id: RunId,
    ending: &RunEnding,
) -> Result<Option<Run>, DistributionError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute(
        "UPDATE runs SET status = ?3, results = ?4, note = ?5,
            finished_at = CAST(round(unixepoch('subsec') * 1000) AS INTEGER)
         WHERE id = ?1 AND app_id = ?2 AND status = 'running'",
        params![
            id.to_string(),
            app.to_string(),
            ending.status.name(),
            ending.results.as_ref().map(json_of),
            ending.note,
        ],
    )?;
    let found = find_run(&transaction, app, id)?;
    transaction.commit()?;
    Ok(found)
}

fn runs(
    connection: &mut Connection,
    app: AppId,
    filter: &RunFilter,
    page: u32,
    limit: u32,
) -> Result<RowsPage<Run>, DistributionError> {
    let transaction = connection.transaction()?;
    let (app, environment) = (app.to_string(), filter.environment.map(|id| id.to_string()));
    let set = filter.parameter_set.as_ref().map(ContentHash::as_str);
    let status = filter.status.map(RunStatus::name);
    let (limit, offset) = window(page, limit);
    let values: [&dyn ToSql; 7] = [&app, &environment, &set, &status, &filter.kind, &limit, &offset];
    let total = count(&transaction, &format!("SELECT count(*) {FILTERED}"), &values[..5])?;
    let rest = format!("{FILTERED} ORDER BY id DESC LIMIT ?6 OFFSET ?7");
    Ok(RowsPage { rows: select_runs(&transaction, &rest, &values)?, total })
}

#[async_trait]
impl RunRegistry for Sqlite {
    async fn freeze(
        &self,
        set: &ParameterSet,
        frozen_by: &str,
    ) -> Result<(FrozenSet, bool), DistributionError> {
        let (set, frozen_by) = (set.clone(), frozen_by.to_owned());
        self.write(move |connection, _| freeze(connection, &set, &frozen_by)).await
    }

    async fn parameter_set(
        &self,
        app: AppId,
        hash: &ContentHash,
    ) -> Result<Option<FrozenSet>, DistributionError> {
        let hash = hash.clone();
        self.read(move |connection| find_set(connection, app, &hash)).await
    }

    async fn parameter_sets(
        &self,
        app: AppId,
        environment: Option<EnvironmentId>,
        page: u32,
        limit: u32,
    ) -> Result<RowsPage<SetSummary>, DistributionError> {
        self.read(move |connection| parameter_sets(connection, app, environment, page, limit)).await
    }

    async fn sets_referring_to(
        &self,
        app: AppId,
        names: &[ParameterName],
    ) -> Result<BTreeMap<ParameterName, SetReferences>, DistributionError> {
        let names = names.to_vec();
        self.read(move |connection| sets_referring_to(connection, app, &names)).await
    }

    async fn register_run(&self, run: NewRun) -> Result<Option<Run>, DistributionError> {
        self.write(move |connection, _| register_run(connection, &run)).await
    }

    async fn end_run(
        &self,
        app: AppId,
        id: RunId,
        ending: RunEnding,
    ) -> Result<Option<Run>, DistributionError> {
        self.write(move |connection, _| end_run(connection, app, id, &ending)).await
    }

    async fn run(&self, app: AppId, id: RunId) -> Result<Option<Run>, DistributionError> {
        self.read(move |connection| find_run(connection, app, id)).await
    }

    async fn runs(
        &self,
        app: AppId,
        filter: &RunFilter,
        page: u32,
        limit: u32,
    ) -> Result<RowsPage<Run>, DistributionError> {
        let filter = filter.clone();
        self.read(move |connection| runs(connection, app, &filter, page, limit)).await
    }
}
