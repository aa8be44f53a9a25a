//! What the history tells, against a replay of everything that was applied, on every backend.

#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

#[expect(dead_code, reason = "the contract suite uses all of it")]
mod support;

use conman_distribution::{
    Activated, AppliedConfig, Distribution, HistoryRow, ParameterActivation, WorkerReport,
};
use conman_domain::Timestamp;
use conman_domain::name::ParameterName;
use conman_domain::snapshot::{ChangeKind, ConfigVersion, SnapshotParameter};
use conman_domain::value::{ParameterType, Value};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::json;
use std::collections::BTreeMap;
use support::{Database, Place, With, name, on_postgres, on_sqlite};
use uuid::Uuid;

type Parameters = BTreeMap<ParameterName, SnapshotParameter>;

/// One thing that happens to an environment.
#[derive(Debug, Clone)]
struct Step {
    /// Whether a release is deployed; else parameters are changed.
    deployed: bool,
    /// How many versions are left out before it.
    gap: u32,
    parameters: Parameters,
}

fn values() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(null)),
        any::<i64>().prop_map(|n| json!(n)),
        any::<f64>().prop_filter("JSON has no others", |n| n.is_finite()).prop_map(|n| json!(n)),
        "\\PC{0,6}".prop_map(|text| json!(text)),
        Just(json!({"a": [1, {"": null}]})),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let parameters = proptest::collection::btree_map("[a-d]", values(), 0..4).prop_map(|values| {
        let whole = |value| SnapshotParameter {
            value,
            kind: ParameterType::Json,
            category: None,
            hot_reloadable: true,
        };
        values.into_iter().map(|(name, value)| (name.parse().unwrap(), whole(value))).collect()
    });
    let step = (any::<bool>(), 0..3_u32, parameters);
    let step = step.prop_map(|(deployed, gap, parameters)| Step { deployed, gap, parameters });
    proptest::collection::vec(step, 1..14)
}

/// What was applied, as the test remembers it: version, instant, parameters then.
type Replay = Vec<(ConfigVersion, Timestamp, Parameters)>;

async fn apply(port: &dyn Distribution, place: Place, steps: Vec<Step>) -> Replay {
    let (mut replay, mut number) = (Replay::new(), 0);
    for step in steps {
        let base = replay.last().map_or(0, |(version, ..)| version.0);
        number += 1 + step.gap;
        let whole =
            conman_distribution::Activation { parameters: step.parameters.clone(), ..place.version(number) };
        let outcome = if step.deployed || base == 0 {
            port.activate(whole).await.unwrap()
        } else {
            let change = ParameterActivation {
                source_id: whole.source_id,
                app_id: place.app,
                environment_id: place.environment,
                base_version: ConfigVersion(base),
                config_version: ConfigVersion(number),
                profile_revision: number,
                kind: ChangeKind::Save,
                parameters: whole.parameters,
                changed_by: "ana".to_owned(),
                approved_by: None,
                reason: None,
            };
            port.activate_parameters(change).await.unwrap()
        };
        let Activated::Applied { at } = outcome else { panic!("{outcome:?}") };
        replay.push((ConfigVersion(number), at, step.parameters));
    }
    replay
}

async fn told_as_it_was(port: &dyn Distribution, place: Place, replay: &Replay) {
    let (app, environment) = (place.app, place.environment);
    let last = replay.last().unwrap().0.0;
    for number in 0..=last + 1 {
        let version = ConfigVersion(number);
        let expected = replay.iter().find(|(known, ..)| *known == version);
        let row = port.history_row(app, environment, version).await.unwrap();
        assert_eq!(row.map(|row| row.at), expected.map(|(_, at, _)| *at), "version {number}");
        let parameters = port.parameters_at(app, environment, version).await.unwrap();
        assert_eq!(parameters.as_ref(), expected.map(|(.., parameters)| parameters), "version {number}");
    }
    let asked: Vec<ConfigVersion> = (0..=last + 1).map(ConfigVersion).collect();
    let expected = replay.iter().map(|(version, at, _)| (*version, *at)).collect();
    assert_eq!(port.activated_at(app, environment, &asked).await.unwrap(), expected);
    let instants = replay.iter().flat_map(|(_, at, _)| [-1, 0, 1].map(|delta| at.millis() + delta));
    for millis in instants {
        let at = Timestamp::from_millis(millis);
        let expected = replay.iter().rev().find(|(_, began, _)| *began <= at).map(|(version, ..)| *version);
        let row = port.history_at(app, environment, at).await.unwrap();
        assert_eq!(row.map(|row| row.provenance.config_version), expected, "at {at}");
    }
    for name in ["a", "b", "c", "d"].map(|name| name.parse::<ParameterName>().unwrap()) {
        let (mut before, mut expected) = (None, Vec::new());
        for (version, _, parameters) in replay {
            let after = parameters.get(&name).cloned();
            if after != before {
                expected.push((*version, before, after.clone()));
            }
            before = after;
        }
        let rows = all_of(port, place, &name).await;
        let told: Vec<_> = rows
            .into_iter()
            .map(|mut row| {
                let change = row.parameters.remove(&name).unwrap();
                (row.provenance.config_version, change.before, change.after)
            })
            .collect();
        assert_eq!(told, expected, "{name}");
    }
}

/// All rows of a parameter, in pages of three.
async fn all_of(port: &dyn Distribution, place: Place, name: &ParameterName) -> Vec<HistoryRow> {
    let mut rows = Vec::new();
    for page in 1.. {
        let found = port.history_of_parameter(place.app, place.environment, name, page, 3).await.unwrap();
        if found.rows.is_empty() {
            assert_eq!(found.total as usize, rows.len());
            break;
        }
        rows.extend(found.rows);
    }
    rows
}

async fn the_history_equals_a_replay(db: Database) {
    let port = db.open().await;
    let mut runner = TestRunner::deterministic();
    for _ in 0..if db.is_postgres() { 12 } else { 40 } {
        let (place, other) = (Place::new(), Place::new());
        let [these, those] = [(); 2].map(|()| steps().new_tree(&mut runner).unwrap().current());
        // Another environment's history lies in between and never shows.
        let replay = apply(port.as_ref(), place, these).await;
        let others = apply(port.as_ref(), other, those).await;
        told_as_it_was(port.as_ref(), place, &replay).await;
        told_as_it_was(port.as_ref(), other, &others).await;
    }
    let nobody = Place::new();
    let none = port.parameters_at(nobody.app, nobody.environment, ConfigVersion(1)).await.unwrap();
    assert_eq!(none, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_history_equals_a_replay_on_postgres() {
    on_postgres(the_history_equals_a_replay).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_history_equals_a_replay_on_sqlite() {
    on_sqlite(the_history_equals_a_replay).await;
}

/// The version that is told without waiting is the one that is told when asked, also where another one wrote it.
async fn the_version_at_hand_is_never_older_than_asked(db: Database) {
    let (port, another, place) = (db.open().await, db.open().await, Place::new());
    let at_hand = || port.version_at_hand(place.app, place.environment);
    assert_eq!(at_hand(), None, "nothing runs yet");
    for number in 1..=20 {
        let writer = if number % 2 == 0 { &port } else { &another };
        writer.activate(place.version(number)).await.unwrap();
        // Who follows a server over the network may have to ask; `tests/readers.rs` tries it.
        let told = at_hand();
        assert!(told == Some(ConfigVersion(number)) || (told.is_none() && db.is_postgres()), "{told:?}");
    }
    assert_eq!(port.version_at_hand(Place::new().app, place.environment), None);
    if db.is_postgres() {
        return;
    }
    // Commits of others, and logs that begin anew or are carried over into the file, are seen as well.
    let beside = Place { app: place.app, ..Place::new() };
    port.activate(beside.version(1)).await.unwrap();
    for version in 21..=120 {
        let environment = place.environment;
        let set =
            format!("UPDATE active_config SET version = {version} WHERE environment_id = '{environment}'");
        db.sql(&set).await.unwrap();
        match version % 4 {
            0 => db.sql("PRAGMA wal_checkpoint(TRUNCATE)").await.unwrap(),
            1 => db.sql("PRAGMA wal_checkpoint(RESTART)").await.unwrap(),
            _ => {}
        }
        assert_eq!(at_hand(), Some(ConfigVersion(version)));
        assert_eq!(port.version_at_hand(beside.app, beside.environment), Some(ConfigVersion(1)));
        assert_eq!(at_hand(), Some(ConfigVersion(version)), "told again");
    }
}

/// A version that came later is a later one, whatever the database's clock says.
async fn a_clock_that_is_set_back_reorders_nothing(db: Database) {
    let (port, place) = (db.open().await, Place::new());
    port.activate(place.version(1)).await.unwrap();
    // The clock was an hour ahead then.
    let ahead = if db.is_postgres() { "updated_at + interval '1 hour'" } else { "updated_at + 3600000" };
    db.sql(&format!("UPDATE {{s}}active_config SET updated_at = {ahead}")).await.unwrap();
    let Activated::Applied { at: second } = port.activate(place.version(2)).await.unwrap() else { panic!() };
    let Activated::Applied { at: third } = port.activate(place.version(3)).await.unwrap() else { panic!() };
    assert_eq!(second, third, "no time went by on that clock");
    let then = async |at: Timestamp| {
        let row = port.history_at(place.app, place.environment, at).await.unwrap().unwrap();
        row.provenance.config_version.0
    };
    assert_eq!(then(third).await, 3, "of the same instant, the later version");
    assert_eq!(then(Timestamp::from_millis(second.millis() - 1)).await, 1);
}

async fn who_ran_a_version_is_known_for_ninety_days(db: Database) {
    let (port, place) = (db.open().await, Place::new());
    port.activate(place.version(1)).await.unwrap();
    let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
    let says = async |name: &str| {
        let applied = AppliedConfig { provenance: place.version(1).provenance, applied_at: at(5) };
        let report = WorkerReport {
            session_id: Uuid::now_v7().into(),
            name: name.to_owned(),
            library: "conman-worker/0.1.0".to_owned(),
            started_at: at(0),
            applied: Some(applied),
            last_notify_at: None,
            heartbeat_at: at(6),
            problem: None,
            pending: Vec::new(),
            restart_required: Vec::new(),
            refused: None,
            stale: false,
            forbidden_applications: 0,
            stopped: false,
        };
        port.report(place.app, place.environment, report).await.unwrap();
    };
    let ran = async || {
        let ran = port.applications(place.app, place.environment, ConfigVersion(1)).await.unwrap();
        ran.into_iter().map(|a| a.name).collect::<std::collections::BTreeSet<_>>()
    };
    for name in ["a", "b", "c"] {
        says(name).await;
    }
    for (name, days) in [("b", 89), ("c", 91)] {
        let then = if db.is_postgres() {
            format!("now() - interval '{days} days'")
        } else {
            format!("unixepoch() * 1000 - {days} * 86400000")
        };
        let age = format!("UPDATE {{s}}worker_applications SET recorded_at = {then} WHERE name = '{name}'");
        db.sql(&age).await.unwrap();
    }
    assert_eq!(
        ran().await,
        ["a", "b", "c"].map(str::to_owned).into(),
        "what is old goes when another begins"
    );
    says("d").await;
    assert_eq!(ran().await, ["a", "b", "d"].map(str::to_owned).into());
}

/// What was there before the history was kept by parameter is told as if it always had been.
async fn a_history_from_before_is_taken_over(db: Database) {
    let (port, place) = (db.open().await, Place::new());
    let values = [json!("nul \u{0} \\u0000 \\"), json!(0.1 + 0.2), json!(u64::MAX), json!({"a": [null]})];
    for (number, value) in values.iter().enumerate() {
        let number = u32::try_from(number).unwrap() + 1;
        let activation = place.version(number).parameter("n", value.clone());
        port.activate(activation).await.unwrap();
    }
    port.activate(place.version(5)).await.unwrap();
    port.close().await;
    let undo = if db.is_postgres() {
        "DROP TABLE conman.config_history_parameters;
         DROP TRIGGER config_history_by_parameter ON conman.config_history;
         DROP FUNCTION conman.config_history_by_parameter, conman.after_of;
         DELETE FROM conman.migrations WHERE number = 8"
    } else {
        "DROP TRIGGER config_history_by_parameter; DROP TABLE config_history_parameters;
         DELETE FROM migrations WHERE number = 7"
    };
    db.sql(undo).await.unwrap();
    let port = db.open().await;
    for (number, value) in values.iter().enumerate() {
        let version = ConfigVersion(u32::try_from(number).unwrap() + 1);
        let then = port.parameters_at(place.app, place.environment, version).await.unwrap().unwrap();
        assert_eq!(then[&name("n")].value.to_string(), value.to_string());
    }
    let n = name("n");
    let changes =
        port.changes_of_parameter(place.app, place.environment, &n, ConfigVersion(1)).await.unwrap();
    let versions: Vec<u32> = changes.iter().map(|row| row.provenance.config_version.0).collect();
    assert_eq!(versions, [2, 3, 4, 5]);
}

on_both! {
    a_history_from_before_is_taken_over
    who_ran_a_version_is_known_for_ninety_days
    the_version_at_hand_is_never_older_than_asked
    a_clock_that_is_set_back_reorders_nothing
}
