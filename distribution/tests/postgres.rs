//! What PostgreSQL alone can do to us: connections that are cut while we use them.

#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

#[expect(dead_code, reason = "the contract suite uses all of it")]
mod support;

use conman_distribution::{Activated, Distribution};
use conman_domain::snapshot::ConfigVersion;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use support::{Database, Place, With, connect, name, on_postgres};

/// Cuts connections by their application's name.
const CUT: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE $1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_listener_comes_back_and_misses_no_version() {
    on_postgres(async |db: Database| {
        let (port, places) = (db.open().await, [Place::new(), Place::new()]);
        let client = connect(&db.url).await;
        let mut changes = port.subscribe();
        let mut cut = 0;
        for number in 1..=40 {
            if number % 4 == 0 {
                cut += client.query_one(CUT, &[&"conman listener"]).await.unwrap().get::<_, i64>(0);
            }
            for place in places {
                port.activate(place.version(number)).await.unwrap();
            }
        }
        assert!(cut > 0, "the test cut something");
        let mut latest = BTreeMap::new();
        while latest.values().filter(|version| **version == ConfigVersion(40)).count() < 2 {
            let change =
                tokio::time::timeout(Duration::from_secs(20), changes.next()).await.unwrap().unwrap();
            let before = latest.insert(change.environment_id, change.version);
            assert!(before.is_none_or(|before| before < change.version));
        }
    })
    .await;
}

/// Activates as its callers do: what is transient is asked again.
async fn activate_until_answered(port: &Arc<dyn Distribution>, place: Place, number: u32) -> Activated {
    loop {
        match port.activate(place.version(number).parameter("n", json!(number))).await {
            Ok(outcome) => return outcome,
            Err(error) => assert!(error.is_transient(), "{error:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_activation_cut_off_anywhere_is_settled_by_asking_again() {
    on_postgres(async |db: Database| {
        let (port, place) = (db.open().await, Place::new());
        let client = connect(&db.url).await;
        let cutter = tokio::spawn(async move {
            let mut cut = 0;
            loop {
                cut += client.query_one(CUT, &[&"conman%"]).await.unwrap().get::<_, i64>(0);
                tokio::time::sleep(Duration::from_millis(7)).await;
                if cut > 60 {
                    return;
                }
            }
        });
        let (mut number, mut repeated) = (0, 0);
        while !cutter.is_finished() {
            number += 1;
            match activate_until_answered(&port, place, number).await {
                Activated::Applied { .. } => {}
                Activated::AlreadyApplied { .. } => repeated += 1,
                Activated::Superseded { .. } => panic!("nobody else activates"),
            }
        }
        cutter.await.unwrap();
        let outcome = activate_until_answered(&port, place, number + 1).await;
        assert!(!matches!(outcome, Activated::Superseded { .. }));
        let history = port.history(place.app, place.environment, 1, 200).await.unwrap();
        assert_eq!(history.total, number + 1, "{repeated} answers were lost");
        let snapshot = port.snapshot(place.app, place.environment).await.unwrap().unwrap();
        assert_eq!(snapshot.values()[&name("n")], json!(number + 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_transaction_does_not_hold_an_environment() {
    on_postgres(async |db: Database| {
        let (port, place) = (db.open().await, Place::new());
        port.activate(place.version(1)).await.unwrap();
        // As a server that stopped in the middle of an activation would leave it: its own limit frees the row.
        let stuck = connect(&db.url).await;
        stuck
            .batch_execute(
                "SET idle_in_transaction_session_timeout = '1s'; BEGIN;
                 SELECT * FROM conman.active_config FOR UPDATE",
            )
            .await
            .unwrap();
        let limit = port_setting(&db, "idle_in_transaction_session_timeout").await;
        assert_eq!(limit, "10s");
        let outcome = tokio::time::timeout(Duration::from_secs(10), port.activate(place.version(2))).await;
        assert!(matches!(outcome.unwrap().unwrap(), Activated::Applied { .. }));
    })
    .await;
}

/// Reads a limit as our own connections have it: out of a trap in a trigger, which runs inside our transaction.
async fn port_setting(db: &Database, setting: &str) -> String {
    db.sql(&format!(
        "CREATE TABLE public.seen (value text);
         CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO public.seen VALUES (current_setting('{setting}')); RETURN NULL; END $$;
         CREATE TRIGGER see AFTER INSERT ON conman.config_history
            FOR EACH ROW EXECUTE FUNCTION public.see();"
    ))
    .await
    .unwrap();
    let other = Place::new();
    db.open().await.activate(other.version(1)).await.unwrap();
    db.scalar("SELECT value FROM public.seen").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_notifications_hide_nothing() {
    on_postgres(async |db: Database| {
        let (port, place, unknown) = (db.open().await, Place::new(), Place::new());
        port.activate(place.version(1)).await.unwrap();
        let mut changes = port.subscribe();
        let client = connect(&db.url).await;
        let forged = |place: Place, version: u32| {
            format!(
                r#"{{"app_id":"{}","environment_id":"{}","version":{version},"changed":[],"truncated":false}}"#,
                place.app, place.environment
            )
        };
        for payload in [
            forged(place, u32::MAX),
            forged(place, 2),
            forged(unknown, 7),
            "x".to_owned(),
            String::new(),
        ] {
            let notify = "SELECT pg_notify('config_changed', $1)";
            client.execute(notify, &[&payload]).await.unwrap();
        }
        for number in 2..=4 {
            port.activate(place.version(number)).await.unwrap();
        }
        let mut told = Vec::new();
        while told.last() != Some(&4) {
            let change = tokio::time::timeout(Duration::from_secs(10), changes.next()).await.unwrap().unwrap();
            assert_eq!(change.environment_id, place.environment);
            told.push(change.version.0);
        }
        assert!(told.is_sorted() && told.iter().all(|version| *version <= 4), "{told:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parameter_set_made_meanwhile_keeps_its_catalog_rows() {
    on_postgres(async |db: Database| {
        let (port, place) = (db.open().await, Place::new());
        let yaml = "parameters:\n  - {name: used, type: int}\n  - {name: free, type: int}\n";
        port.activate(place.version(1).catalog(yaml)).await.unwrap();
        // A set that refers to the row, written and not yet committed as the activation would take the row away.
        let mut client = connect(&db.url).await;
        let freezing = client.transaction().await.unwrap();
        let insert = format!(
            "INSERT INTO conman.parameter_sets (hash, app_id, environment_id, base_environment, variables_catalog,
                factors, code_version, config_version, catalog_version, created_by)
             VALUES (repeat('a', 64), '{}', '{}', '{{}}', '{{\"used\": {{}}}}', '{{}}', 'c', 1, 'v', 'ana')",
            place.app, place.environment
        );
        freezing.batch_execute(&insert).await.unwrap();
        let activation = tokio::spawn({
            let port = port.clone();
            async move { port.activate(place.version(2)).await }
        });
        let admin = connect(&db.url).await;
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
            AND application_name = 'conman' AND wait_event_type = 'Lock'";
        while admin.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            assert!(!activation.is_finished(), "it waits for the set");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        freezing.commit().await.unwrap();
        let outcome = activation.await.unwrap().unwrap();
        assert!(matches!(outcome, Activated::Applied { .. }));
        let left = db.scalar("SELECT string_agg(name || deprecated, ',') FROM conman.variable_catalog").await;
        assert_eq!(left, "usedtrue");
    })
    .await;
}
