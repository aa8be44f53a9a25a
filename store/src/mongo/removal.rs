//! Removing a whole database.

use mongodb::Client;

use super::backend::options;
use crate::error::StoreError;

/// Drops the database with everything in it; fine where there is none.
pub(crate) async fn remove(url: &str, database: &str) -> Result<(), StoreError> {
    let client =
        Client::with_options(options(url).await?).map_err(StoreError::backend("connecting to MongoDB"))?;
    let dropped = client.database(database).drop().await;
    dropped.map_err(StoreError::backend("dropping the database"))?;
    client.shutdown().await;
    Ok(())
}
