//! Opening, reopening, refusing and closing.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use chrono::{SubsecRound, Utc};
use conman_store::{Batch, Collection, CommitError, Document, Index, Query, Store, StoreError, StoreUrl};
use serde::{Deserialize, Serialize};

use crate::place::Place;
use crate::things::{ALL, Account, BY_BANK, Thing, account, thing};

pub(crate) async fn documents_outlive_the_store(place: &'static Place) {
    let store = place.open(ALL).await;
    let written = thing("t").note("kept");
    store.commit(Batch::new().insert(&written)).await.unwrap();
    store.close().await;
    let store = place.open(ALL).await;
    assert_eq!(store.get::<Thing>("t").await.unwrap().unwrap().doc, written);
    store.ping().await.unwrap();
}

pub(crate) async fn the_products_collections_are_sound(place: &'static Place) {
    place.open(conman_store::collections::ALL).await.close().await;
    // Again, to find them as they were left.
    place.open(conman_store::collections::ALL).await.ping().await.unwrap();
}

/// Is a document of the same collection under other declarations, as a newer program has it.
macro_rules! coin {
    ($name:ident, $collection:ident) => {
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        struct $name {
            id: String,
            mint: String,
            year: u32,
        }

        impl Document for $name {
            const COLLECTION: &'static Collection = &$collection;

            fn id(&self) -> String {
                self.id.clone()
            }
        }

        impl $name {
            fn of(id: &str, mint: &str, year: u32) -> Self {
                Self { id: id.to_owned(), mint: mint.to_owned(), year }
            }
        }
    };
}

const BY_MINT: Index = Index::on("by_mint", &["mint"]);
const BY_MINT_AND_YEAR: Index = Index::on("by_mint", &["mint", "year"]);
const ONE_A_YEAR: Index = Index::on("one_a_year", &["year"]).unique();
static OLD_COINS: Collection = Collection::new("coins", &[BY_MINT]);
static NEW_COINS: Collection = Collection::new("coins", &[BY_MINT_AND_YEAR, ONE_A_YEAR]);
static OLD: &[&Collection] = &[&OLD_COINS];
static NEW: &[&Collection] = &[&NEW_COINS];
coin!(OldCoin, OLD_COINS);
coin!(NewCoin, NEW_COINS);

pub(crate) async fn indexes_follow_their_declaration(place: &'static Place) {
    let store = place.open(OLD).await;
    let (first, second) = (OldCoin::of("a", "Rome", 2), OldCoin::of("b", "Rome", 1));
    store.commit(Batch::new().insert(&first).insert(&second)).await.unwrap();
    let page = store.find(Query::<OldCoin>::on(&BY_MINT).eq("Rome")).await.unwrap();
    assert_eq!(page.items[0].id, "a");
    // A collection that was not opened is not there, under either declaration.
    let error = store.get::<NewCoin>("a").await.unwrap_err();
    assert!(matches!(error, StoreError::BadBatch { collection: "coins", .. }), "{error:?}");
    let error = store.commit(Batch::new().insert(&account("a", 1))).await.unwrap_err();
    assert!(
        matches!(error, CommitError::Store(StoreError::BadBatch { collection: "accounts", .. })),
        "{error:?}"
    );
    store.close().await;

    let store = place.open(NEW).await;
    let page = store.find(Query::<NewCoin>::on(&BY_MINT_AND_YEAR).eq("Rome")).await.unwrap();
    assert_eq!(page.items[0].id, "b", "sorted by the year now");
    let error = store.commit(Batch::new().insert(&NewCoin::of("c", "Ostia", 2))).await.unwrap_err();
    assert!(matches!(error, CommitError::NotUnique { index: "one_a_year", .. }), "{error:?}");
    // Opening again changes nothing.
    store.close().await;
    let store = place.open(NEW).await;
    assert_eq!(store.find(Query::<NewCoin>::on(&ONE_A_YEAR)).await.unwrap().items.len(), 2);
}

pub(crate) async fn a_closed_store_says_so(place: &'static Place) {
    let store = place.open(ALL).await;
    let clone = store.clone();
    // What was begun before the close is carried out.
    let begun = tokio::spawn({
        let store = store.clone();
        async move { store.commit(Batch::new().insert(&account("a", 1))).await }
    });
    begun.await.unwrap().unwrap();
    store.close().await;
    let error = clone.commit(Batch::new().insert(&account("b", 1))).await.unwrap_err();
    assert!(matches!(error, CommitError::Store(StoreError::Closed)), "{error:?}");
    assert!(clone.get::<Account>("a").await.is_err());
    assert!(clone.find(Query::<Account>::on(&BY_BANK)).await.is_err());
    assert!(clone.ping().await.is_err());
    clone.close().await;
    let store = place.open(ALL).await;
    assert!(store.get::<Account>("a").await.unwrap().is_some());
    assert!(store.get::<Account>("b").await.unwrap().is_none());
}

pub(crate) async fn the_clock_is_the_databases(place: &'static Place) {
    let store = place.open(ALL).await;
    let before = Utc::now();
    let mut last = store.now().await.unwrap();
    for _ in 0..20 {
        let next = store.now().await.unwrap();
        assert!(next >= last && next == next.trunc_subsecs(3), "{next}");
        last = next;
    }
    // The servers of the tests run on this machine.
    assert!((last - before).abs() < chrono::Duration::seconds(30), "{last} is not {before}");
}

#[tokio::test]
async fn a_folder_belongs_to_one_store() {
    let folder = tempfile::tempdir().unwrap();
    let url = StoreUrl::sqlite(folder.path().join("deep/er"));
    let store = Store::open(&url, ALL).await.unwrap();
    let error = Store::open(&url, ALL).await.unwrap_err();
    assert!(matches!(&error, StoreError::InUse { folder } if folder.ends_with("deep/er")), "{error:?}");
    assert!(error.to_string().ends_with("is in use by another process; stop that one first"), "{error}");
    // A clone keeps it; the last one to go gives it up.
    let clone = store.clone();
    drop(store);
    assert!(matches!(Store::open(&url, ALL).await, Err(StoreError::InUse { .. })));
    clone.close().await;
    Store::open(&url, ALL).await.unwrap().close().await;
    // A store that is only dropped lets go by itself, within the time that opening waits.
    drop(Store::open(&url, ALL).await.unwrap());
    Store::open(&url, ALL).await.unwrap().close().await;
}

#[tokio::test]
async fn other_files_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let url = StoreUrl::sqlite(folder.path());
    let file = folder.path().join("store.sqlite");
    // Another program's database.
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute_batch("CREATE TABLE notes (text TEXT)").unwrap();
    drop(other);
    let error = Store::open(&url, ALL).await.unwrap_err();
    assert!(matches!(error, StoreError::WrongVersion { .. }), "{error:?}");
    let other = rusqlite::Connection::open(&file).unwrap();
    let tables: i64 = other.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
    assert_eq!(tables, 1, "nothing was added to it");
    drop(other);
    // A layout from the future.
    std::fs::remove_file(&file).unwrap();
    Store::open(&url, ALL).await.unwrap().close().await;
    let newer = rusqlite::Connection::open(&file).unwrap();
    newer.pragma_update(None, "user_version", 2).unwrap();
    drop(newer);
    let error = Store::open(&url, ALL).await.unwrap_err();
    assert!(matches!(error, StoreError::WrongVersion { .. }), "{error:?}");
    // No database at all, and no folder.
    std::fs::write(&file, "not a database, whatever it is called, but long enough to look at").unwrap();
    assert!(matches!(Store::open(&url, ALL).await, Err(StoreError::Backend { .. })));
    assert!(matches!(Store::open(&StoreUrl::sqlite(&file), ALL).await, Err(StoreError::Backend { .. })));
}

#[tokio::test]
async fn a_server_without_a_replica_set_is_refused() {
    let address = pretend_to_be_a_lonely_server();
    let url: StoreUrl = format!("mongodb://{address}/conman?directConnection=true").parse().unwrap();
    let error = Store::open(&url, ALL).await.unwrap_err();
    assert!(matches!(error, StoreError::StandAlone), "{error:?}");
    assert!(error.to_string().contains("--replSet"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error_soon() {
    // Bound and not accepting: whoever connects is refused once it is dropped.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url: StoreUrl = format!("mongodb://{address}/conman?serverSelectionTimeoutMS=300").parse().unwrap();
    let opening = tokio::time::timeout(Duration::from_secs(20), Store::open(&url, ALL));
    assert!(matches!(opening.await.unwrap(), Err(StoreError::Backend { .. })));
}

/// Answers any MongoDB command as a server that belongs to no replica set does.
fn pretend_to_be_a_lonely_server() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream));
        }
    });
    address
}

/// Speaks the two message forms that a driver greets with: OP_QUERY and OP_MSG.
fn answer(mut stream: TcpStream) {
    const OP_REPLY: i32 = 1;
    const OP_QUERY: i32 = 2004;
    const OP_MSG: i32 = 2013;
    let hello = bson::rawdoc! {
        "helloOk": true, "isWritablePrimary": true, "ismaster": true, "maxBsonObjectSize": 16_777_216,
        "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000, "minWireVersion": 0, "maxWireVersion": 17,
        "logicalSessionTimeoutMinutes": 30, "readOnly": false, "ok": 1.0,
    };
    let mut header = [0; 16];
    while stream.read_exact(&mut header).is_ok() {
        let word =
            |at: usize| i32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let mut body = vec![0; usize::try_from(word(0)).unwrap() - header.len()];
        stream.read_exact(&mut body).unwrap();
        let (form, frame) = match word(12) {
            // Flags, cursor, offset and count, then the document.
            OP_QUERY => (OP_REPLY, [&[0; 16][..], &1_i32.to_le_bytes()].concat()),
            // Flags, then one section of one document.
            OP_MSG => (OP_MSG, vec![0; 5]),
            other => panic!("the driver sent a message of form {other}"),
        };
        let reply = [frame, hello.as_bytes().to_vec()].concat();
        let length = i32::try_from(header.len() + reply.len()).unwrap();
        let words = [length, 1, word(4), form].map(i32::to_le_bytes).concat();
        if stream.write_all(&[words, reply].concat()).is_err() {
            return;
        }
    }
}
