//! Databases for a while, beside a given one on the same server.

use super::setup;
use crate::error::DistributionError;
use futures::StreamExt;
use tokio_postgres::Client;

/// The longest name that PostgreSQL keeps whole, in bytes.
const LONGEST_NAME: usize = 63;

/// Makes an empty database on a URL's server, named after its own with a suffix; answers the new one's URL.
pub(crate) async fn create(url: &str, suffix: &str) -> Result<String, DistributionError> {
    let own = setup::server(url)?.config.get_dbname().unwrap_or_default().to_owned();
    let name = name(&own, suffix);
    // From template0: template1 cannot be copied while anyone is connected to it.
    execute(url, &format!("CREATE DATABASE {} TEMPLATE template0", quoted(&name))).await?;
    Ok(with_name(url, &name))
}

/// Drops a database on a URL's server, and whoever is connected to it; never the URL's own.
pub(crate) async fn drop(url: &str, made: &str) -> Result<(), DistributionError> {
    let named = |url| Ok::<_, DistributionError>(setup::server(url)?.config.get_dbname().map(str::to_owned));
    let refused = |reason: &str| DistributionError::Url { reason: reason.to_owned() };
    let name = named(made)?.ok_or_else(|| refused("the database to be dropped has no name"))?;
    if named(url)?.as_deref() == Some(&name) {
        return Err(refused("the database to be dropped is the given one"));
    }
    execute(url, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(&name))).await
}

async fn execute(url: &str, statement: &str) -> Result<(), DistributionError> {
    let (client, mut messages): (Client, _) = setup::server(url)?.connect().await?;
    // The statement is answered only while somebody reads the connection.
    tokio::select! {
        answered = client.batch_execute(statement) => Ok(answered?),
        () = async { while let Some(Ok(_)) = messages.next().await {} } => {
            Err(DistributionError::Unavailable("the connection was closed".into()))
        }
    }
}

fn name(own: &str, suffix: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut name: String = own.chars().filter(|c| plain(*c)).collect();
    name.truncate(LONGEST_NAME.saturating_sub(suffix.len() + 1));
    format!("{name}_{suffix}")
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The URL with another database's name; the name needs no escaping.
fn with_name(url: &str, name: &str) -> String {
    let (address, query) = url.split_once('?').map_or((url, None), |(address, query)| (address, Some(query)));
    let (scheme, rest) = address.split_once("://").unwrap_or(("postgres", address));
    let hosts = rest.split('/').next().unwrap_or(rest);
    match query {
        Some(query) => format!("{scheme}://{hosts}/{name}?{query}"),
        None => format!("{scheme}://{hosts}/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_urls_of_neighbours() {
        assert_eq!(name("conman", "demo_1"), "conman_demo_1");
        assert_eq!(name("we\"ird; DROP", "x"), "weirdDROP_x");
        assert_eq!(name(&"x".repeat(80), "demo_1").len(), LONGEST_NAME);
        for (url, expected) in [
            ("postgres://u:p@h:1/conman?sslmode=require", "postgres://u:p@h:1/x?sslmode=require"),
            ("postgresql://h", "postgresql://h/x"),
            ("postgres:///conman?host=/run", "postgres:///x?host=/run"),
        ] {
            assert_eq!(with_name(url, "x"), expected);
        }
    }

    #[tokio::test]
    async fn the_given_database_is_never_dropped() {
        let url = "postgres://u@127.0.0.1:1/conman";
        assert!(matches!(drop(url, url).await, Err(DistributionError::Url { .. })));
    }
}
