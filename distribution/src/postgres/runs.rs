//! Parameter sets and runs.

use super::backend::Postgres;
use super::read::{instant, query};
use crate::decode::small;
use crate::error::DistributionError;
use crate::runs::{
    FrozenSet, NAMED_SETS, NewRun, RowsPage, RunColumns, RunEnding, RunFilter, RunRegistry, SetColumns,
    SetReferences, SetRow, SetSummary, SummaryColumns, references, window,
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use conman_domain::Timestamp;
use conman_domain::id::{AppId, EnvironmentId, RunId};
use conman_domain::name::ParameterName;
use conman_domain::parameter_set::ParameterSet;
use conman_domain::run::Run;
use conman_domain::snapshot::{ConfigVersion, ContentHash};
use deadpool_postgres::GenericClient;
use std::collections::BTreeMap;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

const SET: &str = "SELECT hash, base_environment::text AS base_environment,
    variables_catalog::text AS variables_catalog, factors::text AS factors, code_version, catalog_version,
    created_by, created_at FROM conman.parameter_sets";

const RUN: &str = "id, app_id, environment_id, parameter_set_hash, kind, description, status, rerun_of,
    results::text AS results, note, started_by, started_by_id, started_at, finished_at";

const FILTERED: &str = "FROM conman.runs WHERE app_id = $1 AND ($2::uuid IS NULL OR environment_id = $2)
    AND ($3::text IS NULL OR parameter_set_hash = $3) AND ($4::text IS NULL OR status = $4)
    AND ($5::text IS NULL OR kind = $5)";

async fn find_set(
    client: &impl GenericClient,
    app: AppId,
    hash: &ContentHash,
) -> Result<Option<FrozenSet>, DistributionError> {
    let condition = format!("{SET} WHERE hash = $1 AND app_id = $2");
    let rows = query(client, &condition, &[&hash.as_str(), &app.uuid()]).await?;
    let columns = rows.first().map(|row| SetColumns {
        hash: row.get("hash"),
        base_environment: row.get("base_environment"),
        variables_catalog: row.get("variables_catalog"),
        factors: row.get("factors"),
        code_version: row.get("code_version"),
        catalog_version: row.get("catalog_version"),
        created_by: row.get("created_by"),
        created_at: instant(row, "created_at"),
    });
    columns.map(SetColumns::set).transpose()
}

fn run_of(row: &Row) -> Result<Run, DistributionError> {
    RunColumns {
        id: row.get("id"),
        app_id: row.get("app_id"),
        environment_id: row.get("environment_id"),
        parameter_set_hash: row.get("parameter_set_hash"),
        kind: row.get("kind"),
        description: row.get("description"),
        status: row.get("status"),
        rerun_of: row.get("rerun_of"),
        results: row.get("results"),
        note: row.get("note"),
        started_by: row.get("started_by"),
        started_by_id: row.get("started_by_id"),
        started_at: instant(row, "started_at"),
        finished_at: row.get::<_, Option<DateTime<Utc>>>("finished_at").map(Timestamp::new),
    }
    .run()
}

async fn find_run(
    client: &impl GenericClient,
    app: AppId,
    id: RunId,
) -> Result<Option<Run>, DistributionError> {
    let sql = format!("SELECT {RUN} FROM conman.runs WHERE id = $1 AND app_id = $2");
    query(client, &sql, &[&id.uuid(), &app.uuid()]).await?.first().map(run_of).transpose()
}

async fn count(
    client: &impl GenericClient,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<u32, DistributionError> {
    small(query(client, sql, values).await?.first().map_or(0, |row| row.get(0)))
}

#[async_trait]
impl RunRegistry for Postgres {
    async fn freeze(
        &self,
        set: &ParameterSet,
        frozen_by: &str,
    ) -> Result<(FrozenSet, bool), DistributionError> {
        let (base, row) = (&set.base_environment, SetRow::of(set));
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        if let Some(kept) = find_set(&transaction, base.app_id, &row.hash).await? {
            return Ok((kept, false));
        }
        let (app, environment) = (base.app_id.uuid(), base.environment_id.uuid());
        // Nothing else becomes active until the set is kept, so that the catalog's rows stay.
        let active = query(
            &transaction,
            "SELECT version FROM conman.active_config WHERE app_id = $1 AND environment_id = $2 FOR SHARE",
            &[&app, &environment],
        )
        .await?;
        let active = ConfigVersion(small(active.first().map_or(0, |row| row.get(0)))?);
        if active != base.provenance.config_version {
            return Err(DistributionError::WrongBase { active });
        }
        let written = query(
            &transaction,
            "INSERT INTO conman.parameter_sets (hash, app_id, environment_id, base_environment, variables_catalog,
                factors, code_version, config_version, catalog_version, created_by)
             VALUES ($1, $2, $3, $4::text::json, $5::text::json, $6::text::json, $7, $8, $9, $10)
             ON CONFLICT DO NOTHING RETURNING 1",
            &[
                &row.hash.as_str(),
                &app,
                &environment,
                &row.base_environment,
                &row.variables_catalog,
                &row.factors,
                &set.code_version,
                &i64::from(active.0),
                &set.catalog_version.as_str(),
                &frozen_by,
            ],
        )
        .await?;
        let kept = find_set(&transaction, base.app_id, &row.hash).await?;
        transaction.commit().await?;
        let kept = kept.ok_or(DistributionError::Corrupt { what: "a parameter set", name: None })?;
        Ok((kept, !written.is_empty()))
    }

    async fn parameter_set(
        &self,
        app: AppId,
        hash: &ContentHash,
    ) -> Result<Option<FrozenSet>, DistributionError> {
        find_set(&self.client().await?, app, hash).await
    }

    async fn parameter_sets(
        &self,
        app: AppId,
        environment: Option<EnvironmentId>,
        page: u32,
        limit: u32,
    ) -> Result<RowsPage<SetSummary>, DistributionError> {
        let mut client = self.client().await?;
        let transaction = super::history::reading(&mut client).await?;
        let (app, environment) = (app.uuid(), environment.map(EnvironmentId::uuid));
        let total = count(
            &transaction,
            "SELECT count(*) FROM conman.parameter_sets
             WHERE app_id = $1 AND ($2::uuid IS NULL OR environment_id = $2)",
            &[&app, &environment],
        )
        .await?;
        let (limit, offset) = window(page, limit);
        let rows = query(
            &transaction,
            "SELECT hash, environment_id, base_environment::text AS base_environment, factors::text AS factors,
                code_version, created_by, created_at,
                (SELECT count(*) FROM conman.runs r WHERE r.parameter_set_hash = s.hash) AS runs
             FROM conman.parameter_sets s WHERE app_id = $1 AND ($2::uuid IS NULL OR environment_id = $2)
             ORDER BY created_at DESC, hash LIMIT $3 OFFSET $4",
            &[&app, &environment, &limit, &offset],
        )
        .await?;
        transaction.commit().await?;
        let summary = |row: &Row| {
            SummaryColumns {
                hash: row.get("hash"),
                environment_id: row.get("environment_id"),
                base_environment: row.get("base_environment"),
                factors: row.get("factors"),
                code_version: row.get("code_version"),
                runs: row.get("runs"),
                created_by: row.get("created_by"),
                created_at: instant(row, "created_at"),
            }
            .summary()
        };
        Ok(RowsPage { rows: rows.iter().map(summary).collect::<Result<_, _>>()?, total })
    }

    async fn sets_referring_to(
        &self,
        app: AppId,
        names: &[ParameterName],
    ) -> Result<BTreeMap<ParameterName, SetReferences>, DistributionError> {
        let names: Vec<&str> = names.iter().map(ParameterName::as_str).collect();
        let rows = query(
            &self.client().await?,
            "SELECT name, hash, total FROM (
                SELECT v.name, s.hash, count(*) OVER (PARTITION BY v.name) AS total,
                    row_number() OVER (PARTITION BY v.name ORDER BY s.created_at DESC, s.hash) AS place
                FROM conman.parameter_set_variables v
                JOIN conman.parameter_sets s ON s.hash = v.parameter_set_hash
                WHERE v.app_id = $1 AND v.name = ANY ($2)) AS named
             WHERE place <= $3 ORDER BY name, place",
            &[&app.uuid(), &names, &NAMED_SETS],
        )
        .await?;
        references(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))))
    }

    async fn register_run(&self, run: NewRun) -> Result<Option<Run>, DistributionError> {
        let client = self.client().await?;
        // The environment is the set's own. Of another app, there is no such set.
        query(
            &client,
            "INSERT INTO conman.runs (id, app_id, environment_id, parameter_set_hash, kind, description, status,
                rerun_of, started_by, started_by_id)
             SELECT $1, app_id, environment_id, hash, $4, $5, 'running', $6, $7, $8
             FROM conman.parameter_sets WHERE hash = $3 AND app_id = $2
             ON CONFLICT DO NOTHING",
            &[
                &run.id.uuid(),
                &run.app_id.uuid(),
                &run.parameter_set.as_str(),
                &run.kind,
                &run.description,
                &run.rerun_of.map(RunId::uuid),
                &run.started_by,
                &run.started_by_id.uuid(),
            ],
        )
        .await?;
        find_run(&client, run.app_id, run.id).await
    }

    async fn end_run(
        &self,
        app: AppId,
        id: RunId,
        ending: RunEnding,
    ) -> Result<Option<Run>, DistributionError> {
        let client = self.client().await?;
        query(
            &client,
            "UPDATE conman.runs SET status = $3, results = $4::text::json, note = $5, finished_at = clock_timestamp()
             WHERE id = $1 AND app_id = $2 AND status = 'running'",
            &[
                &id.uuid(),
                &app.uuid(),
                &ending.status.name(),
                &ending.results.as_ref().map(crate::decode::json_of),
                &ending.note,
            ],
        )
        .await?;
        find_run(&client, app, id).await
    }

    async fn run(&self, app: AppId, id: RunId) -> Result<Option<Run>, DistributionError> {
        find_run(&self.client().await?, app, id).await
    }

    async fn runs(
        &self,
        app: AppId,
        filter: &RunFilter,
        page: u32,
        limit: u32,
    ) -> Result<RowsPage<Run>, DistributionError> {
        let mut client = self.client().await?;
        let transaction = super::history::reading(&mut client).await?;
        let (app, environment) = (app.uuid(), filter.environment.map(EnvironmentId::uuid));
        let set = filter.parameter_set.as_ref().map(ContentHash::as_str);
        let status = filter.status.map(conman_domain::run::RunStatus::name);
        let (limit, offset) = window(page, limit);
        let values: [&(dyn ToSql + Sync); 7] =
            [&app, &environment, &set, &status, &filter.kind, &limit, &offset];
        let total = count(&transaction, &format!("SELECT count(*) {FILTERED}"), &values[..5]).await?;
        let sql = format!("SELECT {RUN} {FILTERED} ORDER BY id DESC LIMIT $6 OFFSET $7");
        let rows = query(&transaction, &sql, &values).await?;
        transaction.commit().await?;
        Ok(RowsPage { rows: rows.iter().map(run_of).collect::<Result<_, _>>()?, total })
    }
}
