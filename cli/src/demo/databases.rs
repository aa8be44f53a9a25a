//! Fresh databases on a given server, so that a demo neither meets nor disturbs what is there.

use crate::services::{is_postgres, patiently, without_credentials};
use anyhow::{Context as _, Result};
use conman_distribution::DistributionError;
use conman_store::{Store, StoreUrl};

/// Where a headless demo keeps its data besides its folder.
pub(super) struct Databases {
    /// The store's address, if one was given.
    pub(super) store: Option<String>,
    /// The distribution database's address, if one was given.
    pub(super) distribution: Option<String>,
    /// The database that is made in the store with its first write.
    made_store: Option<StoreUrl>,
    /// The given address, where a database was made on its server.
    made_beside: Option<String>,
}

impl Databases {
    /// Names a new database beside each given one; PostgreSQL wants it made, MongoDB makes it with its first write.
    pub(super) async fn fresh(store: Option<&str>, distribution: Option<&str>) -> Result<Self> {
        let suffix = format!("demo_{}", uuid::Uuid::now_v7().simple());
        let mut databases = Self {
            store: None,
            distribution: distribution.map(str::to_owned),
            made_store: None,
            made_beside: None,
        };
        if let Some(url) = store {
            let is_mongodb = url.starts_with("mongodb");
            let own = if is_mongodb { beside(url, &suffix) } else { url.to_owned() };
            // Checked before anything is made.
            let parsed: StoreUrl = own.parse().context("--store cannot be used")?;
            databases.made_store = is_mongodb.then_some(parsed);
            databases.store = Some(own);
        }
        if let Some(url) = distribution.filter(|url| is_postgres(url)) {
            let make = || conman_distribution::create_database(url, &suffix);
            let made = patiently(make, DistributionError::is_transient).await;
            databases.distribution = Some(made.context("no database can be made beside the given one")?);
            databases.made_beside = Some(url.to_owned());
        }
        Ok(databases)
    }

    /// Removes what was made; nobody is connected any more.
    pub(super) async fn remove(self) -> Result<()> {
        if let Some(made) = &self.made_store {
            let removed = Store::remove(made).await;
            removed.with_context(|| format!("the demo's own database {made} cannot be removed"))?;
        }
        if let (Some(beside), Some(made)) = (&self.made_beside, &self.distribution) {
            let removed = conman_distribution::drop_database(beside, made).await;
            removed.with_context(|| {
                format!("the demo's own database {} cannot be removed", without_credentials(made))
            })?;
        }
        Ok(())
    }
}

/// The address of another database on the same MongoDB.
fn beside(url: &str, suffix: &str) -> String {
    let (address, options) =
        url.split_once('?').map_or((url, None), |(address, options)| (address, Some(options)));
    let (scheme, rest) = address.split_once("://").unwrap_or(("mongodb", address));
    let (hosts, database) = rest.split_once('/').unwrap_or((rest, ""));
    // MongoDB takes names of 63 bytes.
    let database = if database.is_empty() { "conman" } else { database };
    let kept = database.get(..database.len().min(63 - 1 - suffix.len())).unwrap_or("conman");
    let options = options.map(|options| format!("?{options}")).unwrap_or_default();
    format!("{scheme}://{hosts}/{kept}_{suffix}{options}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_database_of_the_same_server() {
        for (url, expected) in [
            ("mongodb://a:1,b:2/conman?replicaSet=rs0", "mongodb://a:1,b:2/conman_demo_1?replicaSet=rs0"),
            ("mongodb://a:1/?replicaSet=rs0", "mongodb://a:1/conman_demo_1?replicaSet=rs0"),
            ("mongodb://a:1", "mongodb://a:1/conman_demo_1"),
            ("mongodb+srv://u:p@h/x", "mongodb+srv://u:p@h/x_demo_1"),
        ] {
            assert_eq!(beside(url, "demo_1"), expected);
        }
        let long = beside(&format!("mongodb://h/{}", "x".repeat(63)), "demo_1");
        assert_eq!(long.rsplit('/').next().unwrap().len(), 63);
    }
}
