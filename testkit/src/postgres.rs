//! One PostgreSQL database per test.

use anyhow::{Context as _, Result};
use tokio_postgres::NoTls;

use crate::clean_up::finish;
use crate::server_url::{postgres_server, unique_name, with_database};

/// An empty PostgreSQL database of its own, dropped with the value (whoever is still connected is disconnected).
#[derive(Debug)]
pub struct PostgresDatabase {
    server: String,
    name: String,
    url: String,
}

impl PostgresDatabase {
    /// Makes an empty database on the test run's cluster.
    ///
    /// # Errors
    ///
    /// Fails when there is no cluster (the sentence says how to start one) or when it refuses.
    pub async fn fresh() -> Result<Self> {
        let server = postgres_server()?;
        let name = unique_name();
        // From template0: template1 cannot be copied while anyone is connected to it.
        execute(&server, &format!("CREATE DATABASE {name} TEMPLATE template0")).await?;
        let url = with_database(&server, &name)?;
        Ok(Self { server, name, url })
    }

    /// The database's address: `postgres://USER@HOST:PORT/NAME`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Cuts every connection to the database, as a server that restarts does.
    ///
    /// # Errors
    ///
    /// Fails when the cluster refuses.
    pub async fn cut_connections(&self) -> Result<()> {
        let name = &self.name;
        let cut = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
        execute(&self.server, &cut).await
    }

    /// Lets nobody in until told otherwise, and cuts every connection: as if the server were down.
    ///
    /// # Errors
    ///
    /// Fails when the cluster refuses.
    pub async fn is_away(&self, away: bool) -> Result<()> {
        let name = &self.name;
        execute(&self.server, &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {}", !away)).await?;
        if away { self.cut_connections().await } else { Ok(()) }
    }

    /// The database's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        finish("drop a PostgreSQL database", async move {
            execute(&server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await
        });
    }
}

async fn execute(server: &str, statement: &str) -> Result<()> {
    let (client, connection) =
        tokio_postgres::connect(server, NoTls).await.with_context(|| format!("cannot reach {server}"))?;
    let connection = tokio::spawn(connection);
    let outcome = client.batch_execute(statement).await.with_context(|| format!("refused: {statement}"));
    drop(client);
    connection.await.context("the connection's task died")?.context("the connection broke")?;
    outcome
}
