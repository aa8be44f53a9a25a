//! Removing a store that was made for a while.

#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use conman_store::{Batch, Collection, Document, Store, StoreUrl};
use serde::{Deserialize, Serialize};

static NOTES: Collection = Collection::new("notes", &[]);
static ALL: &[&Collection] = &[&NOTES];

#[derive(Clone, Serialize, Deserialize)]
struct Note {
    id: String,
}

impl Document for Note {
    const COLLECTION: &'static Collection = &NOTES;

    fn id(&self) -> String {
        self.id.clone()
    }
}

fn beside(server: &str, name: &str) -> StoreUrl {
    let (hosts, options) = server.split_once("/?").unwrap_or((server.trim_end_matches('/'), ""));
    format!("{hosts}/{name}?{options}").parse().unwrap()
}

async fn has_note(url: &StoreUrl) -> bool {
    let store = Store::open(url, ALL).await.unwrap();
    let found = store.get::<Note>("one").await.unwrap().is_some();
    store.close().await;
    found
}

#[tokio::test]
async fn a_database_is_removed_and_its_neighbour_stays() {
    let server =
        std::env::var("CONMAN_TEST_MONGODB").expect("CONMAN_TEST_MONGODB must name a MongoDB replica set");
    let name = format!("removal_{}", uuid::Uuid::now_v7().simple());
    let (going, staying) = (beside(&server, &name), beside(&server, &format!("{name}_2")));
    for url in [&going, &staying] {
        let store = Store::open(url, ALL).await.unwrap();
        store.commit(Batch::new().insert(&Note { id: "one".to_owned() })).await.unwrap();
        store.close().await;
    }
    Store::remove(&going).await.unwrap();
    assert!(!has_note(&going).await);
    assert!(has_note(&staying).await);
    for url in [&going, &staying] {
        Store::remove(url).await.unwrap();
    }
    Store::remove(&going).await.unwrap();
}
