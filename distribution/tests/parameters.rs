//! What every backend of the distribution port promises of changes of parameters alone.

#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

#[expect(dead_code, reason = "the contract suite uses all of it")]
mod support;

use bytes::Bytes;
use conman_distribution::{Activated, DistributionError, FileCounts, ParameterActivation};
use conman_domain::snapshot::{ChangeKind, ConfigVersion, Provenance};
use conman_domain::value::Value;
use futures::future::join_all;
use serde_json::json;
use std::time::Duration;
use support::{Database, Place, With, applied, name};

on_both! {
    values_change_and_all_else_stays
    the_same_source_id_changes_parameters_once
    a_change_follows_on_its_base_alone
    changes_of_parameters_are_told
    what_cannot_be_held_is_refused
}

/// A save of these values alone, on top of a version.
fn save(place: Place, base: u32, number: u32, values: &[(&str, Value)]) -> ParameterActivation {
    let whole = values
        .iter()
        .fold(place.version(number), |whole, (name, value)| whole.parameter(name, value.clone()));
    ParameterActivation {
        source_id: whole.source_id,
        app_id: place.app,
        environment_id: place.environment,
        base_version: ConfigVersion(base),
        config_version: ConfigVersion(number),
        profile_revision: 70 + number,
        kind: ChangeKind::Save,
        parameters: whole.parameters,
        changed_by: "rui".to_owned(),
        approved_by: Some("ana".to_owned()),
        reason: Some("a quiet night".to_owned()),
    }
}

const CATALOG: &str = "parameters:\n  - {name: a, type: int, default: 1}\n  - {name: b, type: int, default: 1}\nrules: [a <= b]\n";

async fn values_change_and_all_else_stays(db: Database) {
    let (port, place, other) = (db.open().await, Place::new(), Place::new());
    port.put_blobs(vec![Bytes::from_static(b"x")]).await.unwrap();
    for place in [place, other] {
        let first =
            place.version(3).parameter("a", json!(1)).parameter("b", json!(1)).parameter("c", json!("t"));
        applied(port.activate(first.file("x", b"x").catalog(CATALOG)).await.unwrap());
    }
    let before = port.snapshot(place.app, place.environment).await.unwrap().unwrap();
    let rules = db.scalar("SELECT catalog_rules FROM {s}active_config").await;
    let change = save(place, 3, 7, &[("a", json!(1)), ("b", json!(2)), ("d", json!(null))]);
    let Activated::Applied { at } = port.activate_parameters(change.clone()).await.unwrap() else {
        panic!("the first application applies")
    };
    let after = port.snapshot(place.app, place.environment).await.unwrap().unwrap();
    assert_eq!(after.parameters, change.parameters);
    assert_eq!((&after.files, after.activated_at), (&before.files, at));
    let expected =
        Provenance { profile_revision: 77, config_version: ConfigVersion(7), ..before.provenance.clone() };
    assert_eq!(after.provenance, expected);
    let row = port.history_of(&change.source_id).await.unwrap().unwrap();
    assert_eq!((row.provenance, row.base_version, row.at), (expected, ConfigVersion(3), at));
    assert_eq!(
        (row.kind, row.files, row.environment_name.as_str()),
        (ChangeKind::Save, FileCounts::default(), "dev")
    );
    assert_eq!(
        (row.changed_by, row.approved_by, row.reason),
        (change.changed_by, change.approved_by, change.reason)
    );
    let changed: Vec<String> = row.parameters.keys().map(ToString::to_string).collect();
    assert_eq!(changed, ["b", "c", "d"], "what did not change is not in it");
    assert_eq!(db.scalar("SELECT catalog_rules FROM {s}active_config WHERE version = 7").await, rules);
    assert_eq!(db.scalar("SELECT count(*) FROM {s}variable_catalog").await, "4");
    assert_eq!(db.scalar("SELECT count(*) FROM {s}variable_catalog_history").await, "4");
    let untouched = port.active(other.app, other.environment).await.unwrap().unwrap();
    assert_eq!(untouched.provenance.config_version, ConfigVersion(3));
    // A release after it is diffed against what was saved.
    applied(port.activate(place.version(8).parameter("b", json!(2))).await.unwrap());
    let row = port.history_of(&place.version(8).source_id).await.unwrap().unwrap();
    assert_eq!(row.base_version, ConfigVersion(7));
    assert_eq!(row.parameters.keys().map(ToString::to_string).collect::<Vec<_>>(), ["a", "d"]);
}

async fn the_same_source_id_changes_parameters_once(db: Database) {
    let (port, second, place) = (db.open().await, db.open().await, Place::new());
    applied(port.activate(place.version(1).parameter("a", json!(0))).await.unwrap());
    for number in 2..=4 {
        let change = save(place, number - 1, number, &[("a", json!(number))]);
        let outcomes = join_all((0..12).map(|n| {
            let (port, change) = (if n % 2 == 0 { port.clone() } else { second.clone() }, change.clone());
            tokio::spawn(async move { port.activate_parameters(change).await.unwrap() })
        }))
        .await;
        let outcomes: Vec<Activated> = outcomes.into_iter().map(Result::unwrap).collect();
        let done = outcomes.iter().filter(|outcome| matches!(outcome, Activated::Applied { .. })).count();
        let again =
            outcomes.iter().filter(|outcome| matches!(outcome, Activated::AlreadyApplied { .. })).count();
        assert_eq!((done, again), (1, 11), "{outcomes:?}");
    }
    let settled = port.activate_parameters(save(place, 1, 2, &[("a", json!(2))])).await.unwrap();
    assert!(matches!(settled, Activated::AlreadyApplied { .. }), "{settled:?}");
    let history = port.history(place.app, place.environment, 1, 50).await.unwrap();
    assert_eq!(history.total, 4);
    let mut stolen = save(place, 4, 5, &[]);
    stolen.source_id = place.version(3).source_id;
    let error = port.activate_parameters(stolen).await.unwrap_err();
    assert!(matches!(error, DistributionError::SourceIdReused), "{error:?}");
}

async fn a_change_follows_on_its_base_alone(db: Database) {
    let (port, place) = (db.open().await, Place::new());
    let error = port.activate_parameters(save(place, 0, 1, &[])).await.unwrap_err();
    assert!(matches!(error, DistributionError::WrongBase { active: ConfigVersion(0) }), "{error:?}");
    assert_eq!(port.active(place.app, place.environment).await.unwrap(), None);
    applied(port.activate(place.version(5).parameter("a", json!(5))).await.unwrap());
    for (base, number) in [(4, 6), (6, 7), (0, 9)] {
        let error = port.activate_parameters(save(place, base, number, &[])).await.unwrap_err();
        assert!(matches!(error, DistributionError::WrongBase { active: ConfigVersion(5) }), "{error:?}");
        assert!(!error.is_transient());
    }
    for number in [4, 5] {
        let mut older = save(place, 3, number, &[]);
        older.source_id = format!("older {number}");
        let outcome = port.activate_parameters(older).await.unwrap();
        assert_eq!(outcome, Activated::Superseded { active: ConfigVersion(5) });
    }
    assert_eq!(port.history(place.app, place.environment, 1, 50).await.unwrap().total, 1);
    // Versions may be left out: a decision that came to nothing took one.
    applied(port.activate_parameters(save(place, 5, 40, &[("a", json!(6))])).await.unwrap());
}

async fn changes_of_parameters_are_told(db: Database) {
    let (port, place) = (db.open().await, Place::new());
    applied(port.activate(place.version(1).parameter("a", json!(0)).parameter("b", json!(0))).await.unwrap());
    let mut changes = port.subscribe();
    applied(port.activate_parameters(save(place, 1, 2, &[("a", json!(0)), ("b", json!(1))])).await.unwrap());
    let told = loop {
        let next = tokio::time::timeout(Duration::from_secs(10), changes.next()).await.unwrap().unwrap();
        // The first may be told of late.
        if next.version == ConfigVersion(2) {
            break next;
        }
    };
    assert_eq!((told.changed, told.truncated), (vec![name("b")], false));
    let read = port.snapshot(place.app, place.environment).await.unwrap().unwrap();
    assert_eq!(read.values()[&name("b")], json!(1));
}

async fn what_cannot_be_held_is_refused(db: Database) {
    let (port, place) = (db.open().await, Place::new());
    applied(port.activate(place.version(1)).await.unwrap());
    let whole = save(place, 1, 2, &[("a", json!(0))]);
    for wrong in [
        ParameterActivation { changed_by: String::new(), ..whole.clone() },
        ParameterActivation { approved_by: Some(String::new()), ..whole.clone() },
        ParameterActivation { source_id: String::new(), ..whole.clone() },
        ParameterActivation { reason: Some("a\0b".to_owned()), ..whole.clone() },
    ] {
        let error = port.activate_parameters(wrong).await.unwrap_err();
        assert!(matches!(error, DistributionError::Invalid { .. }), "{error:?}");
    }
    assert_eq!(port.history(place.app, place.environment, 1, 50).await.unwrap().total, 1);
}
