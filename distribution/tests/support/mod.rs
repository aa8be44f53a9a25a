//! Fresh databases of both kinds, and activations to put into them.

use conman_distribution::{Activated, Activation, Distribution};
use conman_domain::catalog::Catalog;
use conman_domain::id::{AppId, EnvironmentId};
use conman_domain::name::{EnvironmentName, ParameterName, ReleaseTag};
use conman_domain::path::RepoPath;
use conman_domain::snapshot::{ChangeKind, ConfigVersion, ContentHash, Provenance, SnapshotParameter};
use conman_domain::value::{ParameterType, Value};
use std::sync::Arc;
use uuid::Uuid;

/// Makes each function a test on both backends.
#[macro_export]
macro_rules! on_both {
    ($($test:ident)*) => {
        mod postgres { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() { $crate::support::on_postgres($crate::$test).await }
        )* }
        mod sqlite { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() { $crate::support::on_sqlite($crate::$test).await }
        )* }
    };
}

/// A database of its own for one test.
#[derive(Clone)]
pub(crate) struct Database {
    pub(crate) url: String,
}

impl Database {
    pub(crate) async fn open(&self) -> Arc<dyn Distribution> {
        conman_distribution::open(&self.url).await.unwrap()
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.url.starts_with("postgres")
    }

    /// Runs plain SQL, as an attacker with all rights on the tables would; `{s}` stands for the schema.
    pub(crate) async fn sql(&self, text: &str) -> Result<(), String> {
        if self.is_postgres() {
            let client = connect(&self.url).await;
            let text = text.replace("{s}", "conman.");
            client
                .batch_execute(&text)
                .await
                .map_err(|e| e.as_db_error().map_or(e.to_string(), |d| d.message().to_owned()))
        } else {
            let connection = rusqlite::Connection::open(self.url.strip_prefix("sqlite:").unwrap()).unwrap();
            connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
            connection.pragma_update(None, "foreign_keys", true).unwrap();
            connection.execute_batch(&text.replace("{s}", "")).map_err(|e| e.to_string())
        }
    }

    /// The first column of the first row, as text.
    pub(crate) async fn scalar(&self, text: &str) -> String {
        if self.is_postgres() {
            let rows = connect(&self.url).await.simple_query(&text.replace("{s}", "conman.")).await.unwrap();
            rows.iter()
                .find_map(|message| match message {
                    tokio_postgres::SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("").to_owned()),
                    _ => None,
                })
                .unwrap_or_default()
        } else {
            let connection = rusqlite::Connection::open(self.url.strip_prefix("sqlite:").unwrap()).unwrap();
            let value: rusqlite::types::Value =
                connection.query_row(&text.replace("{s}", ""), [], |row| row.get(0)).unwrap();
            match value {
                rusqlite::types::Value::Integer(n) => n.to_string(),
                rusqlite::types::Value::Text(text) => text,
                other => format!("{other:?}"),
            }
        }
    }
}

pub(crate) async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Gives the test a fresh PostgreSQL database and drops it again, also if the test fails.
pub(crate) async fn on_postgres<F: Future<Output = ()> + Send + 'static>(test: impl FnOnce(Database) -> F) {
    let server = std::env::var("CONMAN_TEST_POSTGRES").expect(
        "CONMAN_TEST_POSTGRES must be the URL of a PostgreSQL whose user may create databases; \
         `cargo xtask test` starts one and sets it",
    );
    let name = format!("distribution_{}", Uuid::now_v7().simple());
    let admin = connect(&server).await;
    admin.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    let (front, _) = server.rsplit_once('/').expect("the URL names a database");
    let outcome = tokio::spawn(test(Database { url: format!("{front}/{name}") })).await;
    admin.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
    if let Err(failed) = outcome {
        std::panic::resume_unwind(failed.into_panic());
    }
}

/// Gives the test a fresh SQLite file.
pub(crate) async fn on_sqlite<F: Future<Output = ()> + Send + 'static>(test: impl FnOnce(Database) -> F) {
    let folder = tempfile::tempdir().unwrap();
    test(Database { url: format!("sqlite:{}", folder.path().join("data/distribution.db").display()) }).await;
}

/// One environment of one app, and what to put there.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) app: AppId,
    pub(crate) environment: EnvironmentId,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { app: Uuid::now_v7().into(), environment: Uuid::now_v7().into() }
    }

    /// An activation without parameters and files.
    pub(crate) fn version(self, number: u32) -> Activation {
        Activation {
            source_id: format!("{}/{number}", self.environment),
            app_id: self.app,
            environment_id: self.environment,
            environment_name: EnvironmentName::parse("dev").unwrap(),
            provenance: Provenance {
                release_tag: ReleaseTag::parse(&format!("r2026.03.21.{number}")).unwrap(),
                release_commit: format!("{number:040x}").parse().unwrap(),
                tree_id: format!("{:040x}", number + 1).parse().unwrap(),
                profile_revision: number,
                config_version: ConfigVersion(number),
            },
            kind: ChangeKind::Deployment,
            parameters: Default::default(),
            files: Default::default(),
            catalog: Catalog::default(),
            changed_by: "ana".to_owned(),
            approved_by: None,
            reason: None,
        }
    }
}

pub(crate) trait With: Sized {
    fn parameter(self, name: &str, value: Value) -> Self;
    fn file(self, path: &str, content: &[u8]) -> Self;
    fn catalog(self, yaml: &str) -> Self;
}

impl With for Activation {
    fn parameter(mut self, name: &str, value: Value) -> Self {
        let parameter =
            SnapshotParameter { value, kind: ParameterType::Json, category: None, hot_reloadable: true };
        self.parameters.insert(name.parse().unwrap(), parameter);
        self
    }

    fn file(mut self, path: &str, content: &[u8]) -> Self {
        self.files.insert(RepoPath::parse(path).unwrap(), ContentHash::of(content));
        self
    }

    fn catalog(mut self, yaml: &str) -> Self {
        let path = RepoPath::parse("catalog/all.yml").unwrap();
        self.catalog = Catalog::parse([(&path, yaml.as_bytes())]).unwrap();
        self
    }
}

pub(crate) fn name(text: &str) -> ParameterName {
    text.parse().unwrap()
}

#[track_caller]
pub(crate) fn applied(outcome: Activated) {
    assert!(matches!(outcome, Activated::Applied { .. }), "{outcome:?}");
}
