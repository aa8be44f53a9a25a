//! Connections, the pool, and bringing the tables up to date.

use super::server::Server;
use crate::error::DistributionError;
use crate::migrations;
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use std::time::Duration;
use tokio_postgres::NoTls;

/// Connections of one server process, besides the one that listens.
const POOL_SIZE: usize = 16;

/// How long a call waits for a free connection, or for a new one.
const WAIT: Duration = Duration::from_secs(10);

/// Limits that the server keeps for us: no statement, lock or forgotten transaction holds an environment for long.
const LIMITS: &str =
    "-c statement_timeout=30s -c lock_timeout=15s -c idle_in_transaction_session_timeout=10s";

/// The key of the advisory lock under which tables are set up.
const SETUP_LOCK: i64 = 0x636f_6e6d_616e_0001;

pub(super) fn server(url: &str) -> Result<Server, DistributionError> {
    let mut server = Server::parse(url)?;
    let config = &mut server.config;
    let options = match config.get_options() {
        // Later options win: what the URL asks for stays.
        Some(own) => format!("{LIMITS} {own}"),
        None => LIMITS.to_owned(),
    };
    config.options(options);
    if config.get_application_name().is_none() {
        config.application_name("conman");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(WAIT);
    }
    // A peer that vanished is noticed within half a minute, in the middle of a query too.
    config
        .keepalives(true)
        .keepalives_idle(Duration::from_secs(10))
        .keepalives_interval(Duration::from_secs(5))
        .keepalives_retries(3)
        .tcp_user_timeout(Duration::from_secs(30));
    Ok(server)
}

pub(super) fn pool(server: &Server) -> Result<Pool, DistributionError> {
    let (config, settings) =
        (server.config.clone(), ManagerConfig { recycling_method: RecyclingMethod::Fast });
    let manager = match &server.tls {
        Some(tls) => Manager::from_config(config, tls.clone(), settings),
        None => Manager::from_config(config, NoTls, settings),
    };
    Pool::builder(manager)
        .max_size(POOL_SIZE)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(WAIT))
        .create_timeout(Some(WAIT))
        .recycle_timeout(Some(WAIT))
        .build()
        .map_err(|error| DistributionError::Unavailable(Box::new(error)))
}

pub(super) async fn migrate(client: &mut Object) -> Result<(), DistributionError> {
    let transaction = client.transaction().await?;
    // Whoever comes second waits here, and then finds everything done.
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&SETUP_LOCK]).await?;
    transaction
        .batch_execute(
            "CREATE SCHEMA IF NOT EXISTS conman;
             CREATE TABLE IF NOT EXISTS conman.migrations (
                 number int PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
                 applied_at timestamptz NOT NULL DEFAULT clock_timestamp())",
        )
        .await?;
    let applied: Vec<(i32, String)> = transaction
        .query("SELECT number, checksum FROM conman.migrations ORDER BY number", &[])
        .await?
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    for migration in migrations::outstanding(migrations::POSTGRES, &applied)? {
        transaction.batch_execute(migration.sql).await?;
        transaction
            .execute(
                "INSERT INTO conman.migrations (number, name, checksum) VALUES ($1, $2, $3)",
                &[&migration.number, &migration.name, &migration.checksum()],
            )
            .await?;
    }
    Ok(transaction.commit().await?)
}
