//! Where a test's store is: a temporary folder, or a database of its own.

use std::panic::AssertUnwindSafe;

use conman_store::{Collection, Store, StoreUrl};
use futures::FutureExt;
use tempfile::TempDir;

/// Is the place of one test's store; what is in it goes when the test ends.
pub(crate) struct Place {
    pub(crate) url: StoreUrl,
    kind: Kind,
}

enum Kind {
    Embedded { _folder: TempDir },
    Mongo { url: String, database: String },
}

impl Place {
    /// Makes a temporary folder.
    pub(crate) fn embedded() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        Self { url: StoreUrl::sqlite(folder.path().join("store")), kind: Kind::Embedded { _folder: folder } }
    }

    /// Names a fresh database of the replica set that the environment names.
    pub(crate) fn on_mongodb() -> Self {
        let server = std::env::var("CONMAN_TEST_MONGODB").expect(
            "CONMAN_TEST_MONGODB must name a MongoDB replica set, such as mongodb://127.0.0.1:27017/?replicaSet=rs0",
        );
        let database = format!("contract_{}", uuid::Uuid::now_v7().simple());
        let (hosts, options) = server.split_once("/?").unwrap_or((server.trim_end_matches('/'), ""));
        let url = format!("{hosts}/{database}?{options}");
        Self { url: url.parse().expect("the server's address is sound"), kind: Kind::Mongo { url, database } }
    }

    /// Tells whether the place serves several stores at once.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.kind, Kind::Mongo { .. })
    }

    /// Returns the address with everything in it, for a child process.
    pub(crate) fn full_url(&self) -> String {
        match &self.kind {
            Kind::Embedded { .. } => self.url.to_string(),
            Kind::Mongo { url, .. } => url.clone(),
        }
    }

    /// Opens a store there.
    pub(crate) async fn open(&self, collections: &'static [&'static Collection]) -> Store {
        Store::open(&self.url, collections).await.expect("the store opens")
    }

    /// Opens the database of a MongoDB place, past the store.
    pub(crate) async fn database(&self) -> mongodb::Database {
        match &self.kind {
            Kind::Embedded { .. } => panic!("an embedded place has no MongoDB database"),
            Kind::Mongo { url, database } => {
                mongodb::Client::with_uri_str(url).await.expect("the server answers").database(database)
            }
        }
    }

    /// Runs a test here and cleans up, also after a failure.
    pub(crate) async fn run<F>(self, test: impl FnOnce(&'static Place) -> F)
    where
        F: Future<Output = ()>,
    {
        // The test may spawn tasks, which want a place that lives for ever; the process ends soon after.
        let place: &'static Place = Box::leak(Box::new(self));
        let outcome = AssertUnwindSafe(test(place)).catch_unwind().await;
        match &place.kind {
            Kind::Embedded { _folder: folder } => {
                std::fs::remove_dir_all(folder.path()).expect("the folder can be removed");
            }
            Kind::Mongo { .. } => place.database().await.drop().await.expect("the database can be dropped"),
        }
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    }
}
