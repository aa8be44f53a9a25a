//! Processes killed in the middle of their commits.
//!
//! A test starts itself again as the process to be killed: the child finds [`CHILD`] in its environment.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use conman_store::{Batch, Query, Store, StoreUrl, Version};
use rand::RngExt;
use tempfile::TempDir;

use crate::place::Place;
use crate::things::{ACCOUNTS, ALL, Account, BY_LABEL, Thing, account, thing};

/// Tells a child its store's address and the prefix of its documents.
const CHILD: &str = "CONTRACT_CHILD";
/// How many documents a batch inserts, beside what it replaces.
const PARTS: usize = 5;
/// How many tasks of a child commit.
const COMMITTERS: usize = 6;

/// Starts the current test again as a child, whose temporary files go into a folder of the parent's.
fn spawn_child(url: &str, prefix: &str, scratch: &TempDir) -> Child {
    let test = std::thread::current().name().map(str::to_owned).unwrap_or_default();
    // The multi-threaded runtime polls the test on the test's own thread, which has the test's name.
    assert!(test.contains("::"), "the test's name is not to be had from its thread, which is {test:?}");
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &test, "--nocapture", "--test-threads=1"])
        .env("TMPDIR", scratch.path())
        .env(CHILD, format!("{prefix}\n{url}"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Returns what a child was told, or `None` in the test itself.
fn told() -> Option<(String, String)> {
    let told = std::env::var(CHILD).ok()?;
    let (prefix, url) = told.split_once('\n').expect("a prefix and an address");
    Some((prefix.to_owned(), url.to_owned()))
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n{line}\n").as_bytes()).and_then(|()| out.flush()).expect("the parent listens");
}

/// Commits until it is killed, and says which batches were acknowledged.
async fn commit_for_ever(prefix: String, url: StoreUrl) -> ! {
    let store = Store::open(&url, ALL).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..COMMITTERS {
        let (store, prefix) = (store.clone(), prefix.clone());
        tasks.spawn(async move {
            for at in 0.. {
                let name = format!("{prefix}-{task}-{at}");
                loop {
                    let counter = store.get::<Account>("counter").await.unwrap().unwrap();
                    let mut batch =
                        Batch::new().replace(&account("counter", counter.balance + 1), counter.version);
                    for part in 0..PARTS {
                        let label = Some(name.clone());
                        batch = batch.insert(&Thing { label, ..numbered(&format!("{name}-{part}")) });
                    }
                    match store.commit(batch).await {
                        Ok(()) => break say(&format!("ack {name}")),
                        Err(error) if error.is_conflict() => {}
                        Err(error) => panic!("{error:?}"),
                    }
                }
            }
        });
    }
    tasks.join_all().await;
    unreachable!("the committers do not end")
}

/// Makes a thing whose number no other process's thing has.
fn numbered(id: &str) -> Thing {
    Thing { app_id: id.to_owned(), ..thing(id) }
}

pub(crate) async fn killed_committers_leave_whole_batches(place: &'static Place) {
    if let Some((prefix, url)) = told() {
        commit_for_ever(prefix, url.parse().unwrap()).await;
    }
    let rounds = if place.is_shared() { 5 } else { 12 };
    let store = place.open(ALL).await;
    store.commit(Batch::new().insert(&account("counter", 0))).await.unwrap();
    store.close().await;
    let scratch = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    let mut present = 0;
    for round in 0..rounds {
        let mut child = spawn_child(&place.full_url(), &format!("r{round}"), &scratch);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        // The first acknowledgement says that it is in full swing; then it may be anywhere.
        let first = lines.find(|line| line.starts_with("ack ")).expect("the child commits");
        let pause = Duration::from_micros(rand::rng().random_range(0..150_000));
        std::thread::sleep(pause);
        // SIGKILL: nothing is flushed, rolled back or unlocked.
        child.kill().unwrap();
        child.wait().unwrap();
        let rest = lines.filter(|line| line.starts_with("ack "));
        acknowledged.extend(std::iter::once(first).chain(rest).map(|line| line["ack ".len()..].to_owned()));

        let store = place.open(ALL).await;
        present = verify(&store, &acknowledged).await;
        // What the dead process held is free for the next one, at the latest when the server ends its transaction.
        let started = Instant::now();
        loop {
            let counter = store.get::<Account>("counter").await.unwrap().unwrap();
            let same = account("counter", counter.balance);
            match store.commit(Batch::new().replace(&same, counter.version)).await {
                Ok(()) => break,
                Err(error) => assert!(error.is_conflict(), "{error:?}"),
            }
        }
        assert!(started.elapsed() < Duration::from_secs(15));
        // A commit that was under way when its process died may have been settled since.
        present = verify(&store, &acknowledged).await.max(present);
        store.close().await;
    }
    assert!(acknowledged.len() >= rounds && present >= acknowledged.len());
}

/// Checks that every batch is whole and every acknowledged one there; returns how many there are.
async fn verify(store: &Store, acknowledged: &BTreeSet<String>) -> usize {
    // Looked at in one query, so that a batch settled in between is not seen by halves.
    let counted = loop {
        let before = store.get::<Account>("counter").await.unwrap().unwrap();
        let page = store.find(Query::<Thing>::on(&BY_LABEL)).await.unwrap();
        let after = store.get::<Account>("counter").await.unwrap().unwrap();
        if before.balance == after.balance {
            break (page, usize::try_from(after.balance).unwrap());
        }
    };
    let (page, counter) = counted;
    let mut batches = std::collections::BTreeMap::<&str, usize>::new();
    for thing in &page.items {
        *batches.entry(thing.label.as_deref().unwrap()).or_default() += 1;
    }
    for (name, parts) in &batches {
        assert_eq!(*parts, PARTS, "batch {name} is there by {parts} of {PARTS} parts");
    }
    for name in acknowledged {
        assert!(batches.contains_key(name.as_str()), "batch {name} was acknowledged and is not there");
    }
    assert_eq!(counter, batches.len(), "each batch counted itself, and nothing else did");
    batches.len()
}

/// Opens a transaction as the store does, writes, and waits to be killed in it.
async fn hold_for_ever(url: String) -> ! {
    let client = mongodb::Client::with_uri_str(&url).await.unwrap();
    let database = client.default_database().unwrap();
    let mut session = client.start_session().await.unwrap();
    session.start_transaction().await.unwrap();
    database
        .collection::<bson::Document>(ACCOUNTS.name)
        .update_one(bson::doc! { "_id": "held" }, bson::doc! { "$set": { "balance": 666 } })
        .session(&mut session)
        .await
        .unwrap();
    database
        .collection::<bson::Document>(ACCOUNTS.name)
        .insert_one(bson::doc! { "_id": "half", "_version": 1_i64, "bank": "b", "balance": 666 })
        .session(&mut session)
        .await
        .unwrap();
    say("open");
    std::future::pending().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_clients_open_transaction_is_outlasted() {
    if let Some((_, url)) = told() {
        hold_for_ever(url).await;
    }
    Place::on_mongodb()
        .run(async |place| {
            let store = place.open(ALL).await;
            store.commit(Batch::new().insert(&account("held", 1))).await.unwrap();
            let scratch = tempfile::tempdir().unwrap();
            let mut child = spawn_child(&place.full_url(), "hold", &scratch);
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
            lines.find(|line| line == "open").expect("the child opens its transaction");
            child.kill().unwrap();
            child.wait().unwrap();
            // Nothing of it is seen, and whoever wants the documents gets them.
            assert_eq!(store.get::<Account>("held").await.unwrap().unwrap().balance, 1);
            assert!(store.get::<Account>("half").await.unwrap().is_none());
            let batch = Batch::new().replace(&account("held", 2), Version::FIRST).insert(&account("half", 3));
            store.commit(batch).await.unwrap();
            assert_eq!(store.get::<Account>("held").await.unwrap().unwrap().balance, 2);
            assert_eq!(store.get::<Account>("half").await.unwrap().unwrap().balance, 3);
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_is_kept_out_of_a_folder() {
    if let Some((_, url)) = told() {
        let refused = Store::open(&url.parse().unwrap(), ALL).await;
        say(&refused.err().map_or_else(|| "opened".to_owned(), |error| error.to_string()));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let url = StoreUrl::sqlite(folder.path().join("store"));
    let look = || {
        let child = spawn_child(&url.to_string(), "look", &folder);
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    };
    let store = Store::open(&url, ALL).await.unwrap();
    let said = look();
    assert!(said.contains("is in use by another process"), "{said}");
    store.close().await;
    assert!(look().contains("\nopened\n"));
}
