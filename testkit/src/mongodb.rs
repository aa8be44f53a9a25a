//! One MongoDB database per test.

use anyhow::{Context as _, Result};

use crate::clean_up::finish;
use crate::server_url::{mongodb_server, unique_name, with_database};

/// An empty MongoDB database of its own, dropped with the value.
#[derive(Debug)]
pub struct MongoDatabase {
    name: String,
    url: String,
}

impl MongoDatabase {
    /// Names a database that nobody used before on the test run's replica set. MongoDB makes it with its first write.
    ///
    /// # Errors
    ///
    /// Fails when there is no replica set (the sentence says how to start one) or when it does not answer.
    pub async fn fresh() -> Result<Self> {
        let name = unique_name();
        let url = with_database(&mongodb_server()?, &name)?;
        let client =
            mongodb::Client::with_uri_str(&url).await.with_context(|| format!("cannot reach {url}"))?;
        // A server that is gone is better said here than by the first query of the test.
        client
            .database(&name)
            .run_command(mongodb::bson::doc! { "ping": 1 })
            .await
            .with_context(|| format!("cannot reach {url}"))?;
        Ok(Self { name, url })
    }

    /// The database's address: `mongodb://HOST:PORT/NAME?replicaSet=rs0…`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The database's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for MongoDatabase {
    fn drop(&mut self) {
        let (url, name) = (self.url.clone(), self.name.clone());
        finish("drop a MongoDB database", async move {
            let client = mongodb::Client::with_uri_str(&url).await?;
            client.database(&name).drop().await?;
            Ok(())
        });
    }
}
