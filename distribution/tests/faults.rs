//! An activation interrupted at each of its fault points: nothing or everything is there, and asking again settles it.

#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

#[expect(dead_code, reason = "the contract suite uses all of it")]
mod support;

use conman_distribution::{Activated, FAULT_POINTS};
use conman_domain::snapshot::ConfigVersion;
use serde_json::json;
use support::{Database, Place, With, name, on_postgres, on_sqlite};

async fn interrupted(db: Database) {
    let place = Place::new();
    let port = db.open().await;
    let activation = |number: u32| place.version(number).parameter("n", json!(number));
    port.activate(activation(1)).await.unwrap();
    for (number, point) in (2..).zip(FAULT_POINTS) {
        fail::cfg(point, "panic").unwrap();
        let attempt = tokio::spawn({
            let (port, activation) = (port.clone(), activation(number));
            async move { port.activate(activation).await.map(|_| ()) }
        });
        match attempt.await {
            Err(panicked) => assert!(panicked.is_panic()),
            Ok(Err(error)) => assert!(error.is_transient(), "{error:?}"),
            Ok(Ok(())) => panic!("{point} was not reached"),
        }
        fail::remove(point);
        let committed = point.ends_with("after_commit");
        let row = port.history_of(&activation(number).source_id).await.unwrap();
        assert_eq!(row.is_some(), committed, "{point}");
        let active = port.snapshot(place.app, place.environment).await.unwrap().unwrap();
        let expected = if committed { number } else { number - 1 };
        assert_eq!(active.provenance.config_version, ConfigVersion(expected));
        assert_eq!(active.values()[&name("n")], json!(expected));

        let outcome = port.activate(activation(number)).await.unwrap();
        assert_eq!(matches!(outcome, Activated::AlreadyApplied { .. }), committed, "{point}: {outcome:?}");
        let active = port.active(place.app, place.environment).await.unwrap().unwrap();
        assert_eq!(active.provenance.config_version, ConfigVersion(number));
    }
    let history = port.history(place.app, place.environment, 1, 50).await.unwrap();
    assert_eq!(history.total, 3);
}

// One test for both: fault points belong to the process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_activation_is_settled_by_asking_again() {
    on_sqlite(interrupted).await;
    on_postgres(interrupted).await;
}
