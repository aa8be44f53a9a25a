//! Where a server keeps its three memories: on the embedded default, or on real database servers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use conman_distribution::Distribution;
use conman_store::{Store, collections};
use conman_testkit::{ConmanCommand, ConmanProcess, MongoDatabase, PostgresDatabase, binary};
use mongodb::bson::doc;
use tempfile::TempDir;
use tokio_postgres::{NoTls, SimpleQueryMessage};

/// What the store and the distribution database are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    /// SQLite and SQLite.
    Embedded,
    /// MongoDB and PostgreSQL.
    Servers,
}

/// A data folder with its databases, all gone with the value.
#[derive(Debug)]
pub(crate) struct Place {
    folder: TempDir,
    databases: Option<(MongoDatabase, PostgresDatabase)>,
}

impl Place {
    /// An empty place.
    pub(crate) async fn fresh(backend: Backend) -> Result<Self> {
        let databases = match backend {
            Backend::Embedded => None,
            Backend::Servers => Some((MongoDatabase::fresh().await?, PostgresDatabase::fresh().await?)),
        };
        let folder = conman_testkit::folder()?;
        Ok(Self { folder, databases })
    }

    /// The same again, while no server works there.
    pub(crate) async fn copy(&self) -> Result<Self> {
        let folder = conman_testkit::folder()?;
        copy_folder(self.folder.path(), folder.path())?;
        let databases = match &self.databases {
            None => None,
            Some((mongo, postgres)) => Some((copy_mongo(mongo).await?, copy_postgres(postgres).await?)),
        };
        Ok(Self { folder, databases })
    }

    /// The command that serves this place on any free port.
    pub(crate) fn command(&self) -> Result<ConmanCommand> {
        let databases = self.databases.as_ref();
        let (store, distribution) = databases.map(|(mongo, postgres)| (mongo.url(), postgres.url())).unzip();
        self.command_by(store, distribution)
    }

    /// The command that serves this place with its databases reached by other addresses.
    pub(crate) fn command_by(
        &self,
        store: Option<&str>,
        distribution: Option<&str>,
    ) -> Result<ConmanCommand> {
        let mut command = ConmanCommand::new(binary::conman_with_failpoints()?)
            .args(["serve", "--json", "--listen", "127.0.0.1:0", "--data"])
            .arg(self.folder.path());
        if let Some(url) = store {
            command = command.arg("--store").arg(url);
        }
        if let Some(url) = distribution {
            command = command.arg("--distribution").arg(url);
        }
        Ok(command)
    }

    /// The addresses of the MongoDB and the PostgreSQL database.
    pub(crate) fn urls(&self) -> Result<(&str, &str)> {
        let (mongo, postgres) = self.databases.as_ref().context("the place is embedded")?;
        Ok((mongo.url(), postgres.url()))
    }

    /// Ends all connections to the PostgreSQL database, and has it take no new ones; answers how many there were.
    pub(crate) async fn close_postgres(&self) -> Result<usize> {
        let (_, postgres) = self.databases.as_ref().context("the place is embedded")?;
        let name = postgres.name();
        let count = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'");
        let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
        let close = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false");
        let answers = administer(&[&close, &count, &end]).await?;
        answers.first().and_then(|count| count.parse().ok()).context("PostgreSQL does not count")
    }

    /// Has the PostgreSQL database take connections again.
    pub(crate) async fn open_postgres(&self) -> Result<()> {
        let (_, postgres) = self.databases.as_ref().context("the place is embedded")?;
        administer(&[&format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", postgres.name())]).await?;
        Ok(())
    }

    /// The folder of the repositories.
    pub(crate) fn repositories(&self) -> PathBuf {
        self.folder.path().join("repositories")
    }

    /// Opens the store and the distribution database, while no server works there.
    pub(crate) async fn open(&self) -> Result<(Store, Arc<dyn Distribution>)> {
        let data = self.folder.path();
        let (store, distribution) = match &self.databases {
            Some((mongo, postgres)) => (mongo.url().to_owned(), postgres.url().to_owned()),
            None => (
                format!("sqlite:{}", data.join("store").display()),
                format!("sqlite:{}", data.join("distribution.db").display()),
            ),
        };
        let store = Store::open(&store.parse()?, collections::ALL).await.context("cannot open the store")?;
        let distribution = conman_distribution::open(&distribution).await;
        Ok((store, distribution.context("cannot open the distribution database")?))
    }
}

/// Stops a server in order, which is how everything but a kill ends.
pub(crate) async fn stop(server: &mut ConmanProcess) -> Result<()> {
    let status = server.stop().await?;
    ensure!(status.success(), "the server ended with {status}:\n{}", server.log());
    Ok(())
}

/// The address at which a server listens.
pub(crate) fn address(server: &ConmanProcess) -> Result<String> {
    crate::client::text(server.ready(), "url")
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    for entry in std::fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            std::fs::create_dir(&target)?;
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// Copies the documents; their indexes are made anew when a server opens the copy.
async fn copy_mongo(from: &MongoDatabase) -> Result<MongoDatabase> {
    let to = MongoDatabase::fresh().await?;
    let client = mongodb::Client::with_uri_str(from.url()).await?;
    let database = client.database(from.name());
    for name in database.list_collection_names().await? {
        let collection = database.collection::<mongodb::bson::Document>(&name);
        collection.aggregate([doc! { "$out": { "db": to.name(), "coll": &name } }]).await?;
    }
    client.shutdown().await;
    Ok(to)
}

async fn copy_postgres(from: &PostgresDatabase) -> Result<PostgresDatabase> {
    let to = PostgresDatabase::fresh().await?;
    administer(&[
        &format!("DROP DATABASE {}", to.name()),
        &format!("CREATE DATABASE {} TEMPLATE {}", to.name(), from.name()),
    ])
    .await?;
    Ok(to)
}

/// Runs statements on the PostgreSQL server as its administrator; answers the first column of all rows.
async fn administer(statements: &[&str]) -> Result<Vec<String>> {
    let (client, connection) =
        tokio_postgres::connect(&conman_testkit::postgres_server()?, NoTls).await.context("no PostgreSQL")?;
    let connection = tokio::spawn(connection);
    let mut answers = Vec::new();
    for statement in statements {
        for message in
            client.simple_query(statement).await.with_context(|| format!("refused: {statement}"))?
        {
            if let SimpleQueryMessage::Row(row) = message {
                answers.extend(row.get(0).map(str::to_owned));
            }
        }
    }
    drop(client);
    connection.await??;
    Ok(answers)
}
