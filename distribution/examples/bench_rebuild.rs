//! From nothing in memory to the first answer, by the length of the history: `bench_rebuild [--rows 1000,1000000]`.
//!
//! On SQLite, and on PostgreSQL where `CONMAN_TEST_POSTGRES` names a server whose user may create databases. An
//! environment of 1,000 parameters is activated; history rows that change one of them follow in bulk, and an activation. What is timed is what
//! a server that starts does before it answers: opening the database, and reading the values that run. What the history
//! costs those who read it is told beside that: its newest page, the version of an instant in its middle, every value at that
//! version, and the first 200 changes of a parameter that each version changed.

#![expect(clippy::print_stdout, reason = "the lines on standard output are what a bench is for")]

use conman_distribution::{Activation, Distribution};
use conman_domain::id::{AppId, EnvironmentId};
use conman_domain::snapshot::{ChangeKind, ConfigVersion, Provenance, SnapshotParameter};
use conman_domain::value::ParameterType;
use std::error::Error;
use std::sync::Arc;
use std::time::Instant;
use tokio_postgres::NoTls;
use uuid::Uuid;

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

const PARAMETERS: u32 = 1_000;
/// What each version in bulk makes of a parameter.
const CHANGED: &str = r#"{"value": {"limit": 1}, "type": "json", "category": null, "hot_reloadable": true}"#;
/// How often each start is timed; the median is told.
const STARTS: usize = 9;

fn main() -> Fallible<()> {
    let mut rows = vec![1_000_u32, 1_000_000];
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{argument} needs a value"))?;
        match argument.as_str() {
            "--rows" => rows = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
            _ => return Err(format!("unknown argument {argument}").into()),
        }
    }
    tokio::runtime::Runtime::new()?.block_on(async {
        for rows in rows {
            sqlite(rows).await?;
            if let Ok(server) = std::env::var("CONMAN_TEST_POSTGRES") {
                postgres(&server, rows).await?;
            }
        }
        Ok(())
    })
}

async fn sqlite(rows: u32) -> Fallible<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("distribution.db");
    let url = format!("sqlite:{}", path.display());
    let (app, environment) = (Uuid::now_v7().into(), Uuid::now_v7().into());
    activate(&url, app, environment, 1).await?;
    let connection = rusqlite::Connection::open(&path)?;
    connection.execute(
        "WITH RECURSIVE n (v) AS (SELECT 2 UNION ALL SELECT v + 1 FROM n WHERE v < ?1 - 1)
         INSERT INTO config_history (app_id, environment_id, environment_name, version, base_version, source_id, kind,
            release_tag, release_commit, tree_id, profile_revision, parameters, files, files_added, files_changed,
            files_removed, changed_by, at)
         SELECT app_id, environment_id, environment_name, v, v - 1, 'bulk/' || v, 'save', release_tag, release_commit,
            tree_id, profile_revision, json_object('parameter_1', json_object('before', null, 'after', json(?2))), '{}',
            0, 0, 0, 'bench', at - (?1 - v) * 1000 FROM config_history, n WHERE version = 1",
        rusqlite::params![rows, CHANGED],
    )?;
    drop(connection);
    activate(&url, app, environment, rows).await?;
    measure("sqlite", &url, app, environment, rows).await
}

async fn postgres(server: &str, rows: u32) -> Fallible<()> {
    let (admin, connection) = tokio_postgres::connect(server, NoTls).await?;
    tokio::spawn(connection);
    let name = format!("bench_{}", Uuid::now_v7().simple());
    admin.batch_execute(&format!("CREATE DATABASE {name}")).await?;
    let (front, _) = server.rsplit_once('/').ok_or("the URL names no database")?;
    let url = format!("{front}/{name}");
    let outcome = on_postgres(&url, rows).await;
    admin.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await?;
    outcome
}

async fn on_postgres(url: &str, rows: u32) -> Fallible<()> {
    let (app, environment) = (Uuid::now_v7().into(), Uuid::now_v7().into());
    activate(url, app, environment, 1).await?;
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    client
        .execute(
            "INSERT INTO conman.config_history (app_id, environment_id, environment_name, version, base_version,
                source_id, kind, release_tag, release_commit, tree_id, profile_revision, parameters, files,
                files_added, files_changed, files_removed, changed_by, at)
             SELECT app_id, environment_id, environment_name, v, v - 1, 'bulk/' || v, 'save', release_tag,
                release_commit, tree_id, profile_revision,
                json_build_object('parameter_1', json_build_object('before', null, 'after', $2::text::json)), '{}',
                0, 0, 0, 'bench', at - ($1 - v) * interval '1 second'
             FROM conman.config_history, generate_series(2, $1::bigint - 1) AS v WHERE version = 1",
            &[&i64::from(rows), &CHANGED],
        )
        .await?;
    activate(url, app, environment, rows).await?;
    client.batch_execute("ANALYZE").await?;
    measure("postgres", url, app, environment, rows).await
}

async fn measure(
    backend: &str,
    url: &str,
    app: AppId,
    environment: EnvironmentId,
    rows: u32,
) -> Fallible<()> {
    let (mut starts, mut pages, mut instants) = (Vec::new(), Vec::new(), Vec::new());
    let (mut then, mut changes) = (Vec::new(), Vec::new());
    let middle = open(url).await?.history_row(app, environment, ConfigVersion(rows / 2)).await?;
    let middle = middle.ok_or("the history has a middle")?.at;
    for _ in 0..STARTS {
        let begun = Instant::now();
        let port = open(url).await?;
        let active = port.active(app, environment).await?.ok_or("something runs")?;
        let version = active.provenance.config_version;
        let values = port.parameters_at(app, environment, version).await?.ok_or("it has values")?;
        starts.push(begun.elapsed().as_secs_f64() * 1_000.0);
        if values.len() != PARAMETERS as usize || version != ConfigVersion(rows) {
            return Err("what was read is not what runs".into());
        }
        let begun = Instant::now();
        let page = port.history(app, environment, 1, 50).await?;
        pages.push(begun.elapsed().as_secs_f64() * 1_000.0);
        if page.total != rows {
            return Err(format!("the history has {} rows", page.total).into());
        }
        let begun = Instant::now();
        let row = port.history_at(app, environment, middle).await?.ok_or("something ran then")?;
        instants.push(begun.elapsed().as_secs_f64() * 1_000.0);
        let version = row.provenance.config_version;
        if version.0.abs_diff(rows / 2) > 1 {
            return Err("another version ran then".into());
        }
        let begun = Instant::now();
        let values = port.parameters_at(app, environment, version).await?.ok_or("it had values")?;
        then.push(begun.elapsed().as_secs_f64() * 1_000.0);
        if values.len() != PARAMETERS as usize {
            return Err("what was read is not what ran then".into());
        }
        let name = "parameter_1".parse()?;
        let begun = Instant::now();
        let changed = port.changes_of_parameter(app, environment, &name, ConfigVersion(0)).await?;
        changes.push(begun.elapsed().as_secs_f64() * 1_000.0);
        if changed.len() != 200 {
            return Err("every version changed it".into());
        }
    }
    let line = serde_json::json!({
        "bench": "rebuild", "backend": backend, "history_rows": rows, "parameters": PARAMETERS,
        "ours_ms": median(&mut starts), "history_page_ms": median(&mut pages), "at_instant_ms": median(&mut instants), "values_then_ms": median(&mut then),
        "parameter_changes_ms": median(&mut changes),
    });
    println!("{line}");
    Ok(())
}

async fn open(url: &str) -> Fallible<Arc<dyn Distribution>> {
    Ok(conman_distribution::open(url).await?)
}

/// Makes a version with all parameters active.
async fn activate(url: &str, app: AppId, environment: EnvironmentId, version: u32) -> Fallible<()> {
    let mut activation = Activation {
        source_id: format!("bench/{version}"),
        app_id: app,
        environment_id: environment,
        environment_name: "bench".parse()?,
        provenance: Provenance {
            release_tag: "r2026.03.21.1".parse()?,
            release_commit: "a".repeat(40).parse()?,
            tree_id: "b".repeat(40).parse()?,
            profile_revision: 1,
            config_version: ConfigVersion(version),
        },
        kind: ChangeKind::Save,
        parameters: Default::default(),
        files: Default::default(),
        catalog: Default::default(),
        changed_by: "bench".to_owned(),
        approved_by: None,
        reason: None,
    };
    for at in 0..PARAMETERS {
        let parameter = SnapshotParameter {
            value: serde_json::json!({"limit": at * version, "text": "a parameter of usual length"}),
            kind: ParameterType::Json,
            category: None,
            hot_reloadable: true,
        };
        activation.parameters.insert(format!("parameter_{at}").parse()?, parameter);
    }
    open(url).await?.activate(activation).await?;
    Ok(())
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2] * 100.0).round() / 100.0
}
