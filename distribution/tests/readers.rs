//! Versions that servers tell out of memory are never older than what any server has answered.

#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

#[expect(dead_code, reason = "the contract suite uses all of it")]
mod support;

use conman_distribution::{Activated, Distribution};
use conman_domain::snapshot::ConfigVersion;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};
use support::{Database, Place, connect, on_postgres};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What a writer waits for a server that says nothing.
const LONGEST_LEASE: Duration = Duration::from_millis(1_000);

fn told(server: &Arc<dyn Distribution>, place: Place) -> Option<u32> {
    server.version_at_hand(place.app, place.environment).map(|version| version.0)
}

const PATIENCE: Duration = Duration::from_secs(20);

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until there are so many readers that nobody dismissed.
async fn there_are_readers(db: &Database, count: &str) {
    let began = Instant::now();
    while db
        .scalar("SELECT count(*) || '/' || count(*) FILTER (WHERE NOT dismissed) FROM conman.readers")
        .await
        != format!("{count}/{count}")
    {
        assert!(began.elapsed() < PATIENCE, "waited in vain for {count} readers");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Activates at whichever server, again and again until it is answered.
async fn activate(server: &Arc<dyn Distribution>, place: Place, number: u32) -> Activated {
    loop {
        match server.activate(place.version(number)).await {
            Ok(outcome) => return outcome,
            Err(error) => assert!(error.is_transient(), "{error:?}"),
        }
    }
}

/// Servers that write in turn, and whose listening connections are cut if wished; each is asked all the time.
async fn tell_only_what_is_new_enough(db: Database, cuts: bool) {
    let servers = [db.open().await, db.open().await, db.open().await];
    let (place, answered) = (Place::new(), Arc::new(AtomicU32::new(0)));
    let (is_over, at_hand) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let asking = servers.clone().map(|server| {
        let (answered, is_over, at_hand) = (answered.clone(), is_over.clone(), at_hand.clone());
        // A thread each, so that nobody waits for anybody.
        std::thread::spawn(move || {
            while !is_over.load(Ordering::SeqCst) {
                let least = answered.load(Ordering::SeqCst);
                if let Some(version) = told(&server, place) {
                    assert!(version >= least, "{version} was told after {least} was answered");
                    at_hand.fetch_max(version, Ordering::SeqCst);
                }
                std::thread::yield_now();
            }
        })
    });
    let client = connect(&db.url).await;
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'conman listener'";
    let began = Instant::now();
    for number in 1..=60 {
        if cuts && number % 7 == 0 {
            client.query_one(cut, &[]).await.unwrap();
        }
        activate(&servers[number as usize % 3], place, number).await;
        answered.store(number, Ordering::SeqCst);
    }
    let took = began.elapsed();
    is_over.store(true, Ordering::SeqCst);
    asking.into_iter().for_each(|asked| asked.join().unwrap());
    if !cuts {
        assert!(at_hand.load(Ordering::SeqCst) > 50, "versions were at hand");
        assert!(took < LONGEST_LEASE * 10, "servers said that they heard: {took:?}");
    }
    for server in &servers {
        until("the newest is at hand everywhere", || told(server, place) == Some(60)).await;
    }
    for server in &servers {
        server.close().await;
        assert_eq!(told(server, place), None, "who hears no more tells no more");
    }
    there_are_readers(&db, "0").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_server_tells_what_was_answered_by_any() {
    on_postgres(|db| tell_only_what_is_new_enough(db, false)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_cut_off_tells_nothing_old() {
    on_postgres(|db| tell_only_what_is_new_enough(db, true)).await;
}

/// Passes bytes on, unless told to swallow all of them; nothing is closed then.
async fn proxy(target: String, swallow: watch::Receiver<bool>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&target).await.unwrap();
            let (client, server) = (client.into_split(), server.into_split());
            for (mut from, mut to) in [(client.0, server.1), (server.0, client.1)] {
                let mut swallow = swallow.clone();
                tokio::spawn(async move {
                    let mut bytes = [0; 4_096];
                    loop {
                        let count = from.read(&mut bytes).await.unwrap_or(0);
                        swallow.wait_for(|swallow| !swallow).await.unwrap();
                        if count == 0 || to.write_all(&bytes[..count]).await.is_err() {
                            return;
                        }
                    }
                });
            }
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deaf_server_holds_writers_up_for_one_lease_and_tells_nothing_old() {
    on_postgres(async |db: Database| {
        let (swallow, state) = watch::channel(false);
        let target = db.url.rsplit_once('@').unwrap().1.split_once('/').unwrap().0.to_owned();
        let port = proxy(target.clone(), state).await;
        let behind = Database { url: db.url.replace(&target, &format!("127.0.0.1:{port}")) };
        let (here, deaf, place) = (db.open().await, behind.open().await, Place::new());
        activate(&here, place, 1).await;
        until("the first is at hand", || told(&deaf, place) == Some(1)).await;

        swallow.send_replace(true);
        let began = Instant::now();
        let patient = here.clone();
        let answer = tokio::spawn(async move { activate(&patient, place, 2).await });
        while !answer.is_finished() {
            assert!(told(&deaf, place).is_none_or(|version| version == 1));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        answer.await.unwrap();
        assert_eq!(told(&deaf, place), None, "it cannot know what is active");
        assert!(began.elapsed() >= LONGEST_LEASE, "{:?}", began.elapsed());
        // Asked again, as by whoever does not know what became of it: the deaf one still counts.
        let again = here.activate(place.version(2)).await.unwrap();
        assert!(matches!(again, Activated::AlreadyApplied { .. }), "{again:?}");

        there_are_readers(&db, "1").await;
        let began = Instant::now();
        for number in 3..=10 {
            activate(&here, place, number).await;
            assert_eq!((told(&here, place), told(&deaf, place)), (Some(number), None));
        }
        assert!(began.elapsed() < LONGEST_LEASE * 4, "nobody waits for it: {:?}", began.elapsed());

        swallow.send_replace(false);
        until("it is back", || told(&deaf, place) == Some(10)).await;
        there_are_readers(&db, "2").await;
        activate(&here, place, 11).await;
        assert!(told(&deaf, place).is_none_or(|version| version == 11));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_killed_is_waited_for_once() {
    on_postgres(async |db: Database| {
        let (here, place) = (db.open().await, Place::new());
        db.sql("INSERT INTO {s}readers (id, server) VALUES (gen_random_uuid(), gen_random_uuid())")
            .await
            .unwrap();
        let began = Instant::now();
        activate(&here, place, 1).await;
        assert!(began.elapsed() >= LONGEST_LEASE);
        there_are_readers(&db, "1").await;
        let began = Instant::now();
        activate(&here, place, 2).await;
        assert!(began.elapsed() < LONGEST_LEASE);
        // Where the wrong one was thought dead, it comes back by itself, and tells nothing meanwhile.
        db.sql("UPDATE {s}readers SET dismissed = true").await.unwrap();
        there_are_readers(&db, "1").await;
        until("its versions are at hand", || told(&here, place) == Some(2)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_words_on_the_channels_change_nothing_that_is_told() {
    on_postgres(async |db: Database| {
        let (here, there, place) = (db.open().await, db.open().await, Place::new());
        activate(&here, place, 1).await;
        let client = connect(&db.url).await;
        let words = [
            ("config_heard", "x".to_owned()),
            ("config_heard", "{}".to_owned()),
            (
                "config_heard",
                format!(
                    r#"{{"reader":"{0}","app_id":"{0}","environment_id":"{0}","version":1}}"#,
                    uuid::Uuid::nil()
                ),
            ),
            (
                "config_changed",
                format!(
                    r#"{{"app_id":"{}","environment_id":"{}","version":9,"changed":[],"truncated":false}}"#,
                    place.app, place.environment
                ),
            ),
        ];
        for (channel, payload) in &words {
            client.execute("SELECT pg_notify($1, $2)", &[channel, payload]).await.unwrap();
        }
        for number in 2..=5 {
            activate(&there, place, number).await;
            assert!(told(&here, place).is_none_or(|version| version == number));
        }
        until("it is at hand", || told(&here, place) == Some(5)).await;
        let active = here.active(place.app, place.environment).await.unwrap().unwrap();
        assert_eq!(active.provenance.config_version, ConfigVersion(5));
    })
    .await;
}
