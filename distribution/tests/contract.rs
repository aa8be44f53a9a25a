//! What every backend of the distribution port promises.

#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

mod support;

use bytes::Bytes;
use conman_distribution::{
    Activated, AppliedConfig, Boundary, Changes, ConfigChanged, DistributionError, FileCounts,
    ParameterChange, Pending, Refused, WorkerReport,
};
use conman_domain::Timestamp;
use conman_domain::snapshot::{ConfigVersion, ContentHash, SnapshotParameter};
use conman_domain::value::Value;
use futures::future::join_all;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;
use support::{Database, Place, With, applied, name};
use uuid::Uuid;

on_both! {
    a_snapshot_comes_back_exactly
    the_same_source_id_applies_once
    twenty_at_once_apply_once
    a_source_id_belongs_to_one_place_and_version
    one_source_id_in_two_places_at_once
    an_older_version_is_superseded
    a_reader_never_sees_a_mix
    every_version_has_its_history_row
    listeners_hear_only_what_can_be_read
    big_snapshots_change_by_little
    contents_are_sent_once_and_read_by_whom_they_concern
    one_environment_never_shows_in_another
    many_environments_in_parallel
    history_only_grows
    parameter_sets_are_immutable_and_pin_runs
    catalog_rows_in_use_stay
    the_catalog_follows_the_activations
    workers_say_what_they_run
    many_servers_start_at_once
    errors_do_not_tell_values
    what_cannot_be_held_is_refused
}

async fn next(changes: &mut Changes) -> ConfigChanged {
    tokio::time::timeout(Duration::from_secs(10), changes.next())
        .await
        .expect("a change is told within ten seconds")
        .expect("the database is open")
}

fn awkward_values() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(0.1 + 0.2),
        json!(-0.0),
        json!(1e16),
        json!(1.7976931348623157e308),
        json!(5e-324),
        json!(9_007_199_254_740_992_i64),
        json!(u64::MAX),
        json!(100.0),
        json!(""),
        json!("nul \u{0} tab \t quote \" back \\ \u{1f600} \u{2028} $1 {s} %"),
        json!({"b": 1, "a": [{"": []}, null], "__proto__": {}, "$set": 1}),
        json!([[[[]]]]),
    ]
}

async fn a_snapshot_comes_back_exactly(db: Database) {
    let (port, place) = (db.open().await, Place::new());
    assert_eq!(port.snapshot(place.app, place.environment).await.unwrap(), None);
    assert_eq!(port.active(place.app, place.environment).await.unwrap(), None);
    port.put_blobs(vec![Bytes::from_static(b"a: 1\n"), Bytes::new()]).await.unwrap();
    let mut activation = place.version(3).file("menu/main.yml", b"a: 1\n").file("empty", b"");
    for (at, value) in awkward_values().into_iter().enumerate() {
        activation = activation.parameter(&format!("p{at}"), value);
    }
    activation.files.insert("été/日本.yml".parse().unwrap(), ContentHash::of(b""));
    let at = match port.activate(activation.clone()).await.unwrap() {
        Activated::Applied { at } => at,
        other => panic!("{other:?}"),
    };
    let snapshot = port.snapshot(place.app, place.environment).await.unwrap().unwrap();
    assert_eq!(snapshot.parameters, activation.parameters);
    assert_eq!(snapshot.files, activation.files);
    assert_eq!(snapshot.provenance, activation.provenance);
    assert_eq!(snapshot.activated_at, at);
    let active = port.active(place.app, place.environment).await.unwrap().unwrap();
    assert_eq!(active.provenance, activation.provenance);
    assert_eq!(
        (active.activated_at, active.changed_by.as_str(), active.environment_name.as_str()),
        (at, "ana", "dev")
    );
    // The same values again are no change.
    let again = conman_distribution::Activation {
        parameters: activation.parameters.clone(),
        files: activation.files.clone(),
        ..place.version(4)
    };
    applied(port.activate(again).await.unwrap());
    let row = port.history_of(&place.version(4).source_id).await.unwrap().unwrap();
    assert!(row.parameters.is_empty(), "{:?}", row.parameters);
    assert_eq!(row.files, FileCounts::default());
    // What is gone by now is told as it was.
    applied(port.activate(place.version(5)).await.unwrap());
    let then = port.parameters_at(place.app, place.environment, ConfigVersion(4)).await.unwrap().unwrap();
    assert_eq!(then, activation.parameters);
    let literally = |parameter: &SnapshotParameter| parameter.value.to_string();
    assert!(then.values().map(literally).eq(activation.parameters.values().map(literally)));
}

async fn the_same_source_id_applies_once(db: Database) {
    let (port, place) = (db.open().await, Place::new());
    let activation = place.version(1).parameter("limit", json!(5));
    let Activated::Applied { at } = port.activate(activation.clone()).await.unwrap() else {
        panic!("the first application applies")
    };
    applied(port.activate(place.version(2).parameter("limit", json!(6))).await.unwrap());
    let again = port.activate(activation).await.unwrap();
    assert_eq!(again, Activated::AlreadyApplied { at });
    let snapshot = port.snapshot(place.app, place.environment).await.unwrap().unwrap();
    assert_eq!(snapshot.provenance.config_version, ConfigVersion(2));
    assert_eq!(snapshot.values()[&name("limit")], json!(6));
    assert_eq!(port.history(place.app, place.environment, 1, 50).await.unwrap().total, 2);
}

async fn twenty_at_once_apply_once(db: Database) {
    let (first, second, place) = (db.open().await, db.open().await, Place::new());
    let mut changes = first.subscribe();
    for version in [1, 2] {
        let activation = place.version(version).parameter("limit", json!(version));
        let outcomes = join_all((0..20).map(|n| {
            let port = if n % 2 == 0 { first.clone() } else { second.clone() };
            let activation = activation.clone();
            tokio::spawn(async move { port.activate(activation).await })
        }))
        .await;
        let outcomes: Vec<Activated> = outcomes.into_iter().map(|o| o.unwrap().unwrap()).collect();
        let times: BTreeSet<Timestamp> = outcomes
            .iter()
            .map(|outcome| match outcome {
                Activated::Applied { at } | Activated::AlreadyApplied { at } => *at,
                Activated::Superseded { .. } => panic!("{outcome:?}"),
            })
            .collect();
        assert_eq!(times.len(), 1);
        let done = outcomes.iter().filter(|o| matches!(o, Activated::Applied { .. })).count();
        assert_eq!(done, 1, "{outcomes:?}");
        let history = first.history(place.app, place.environment, 1, 50).await.unwrap();
        assert_eq!(history.total, version);
        if db.is_postgres() {
            assert_eq!(next(&mut changes).await.version, ConfigVersion(version));
        }
    }
    assert!(
        tokio::time::timeout(Duration::from_millis(50), changes.next()).await.is_err() || !db.is_postgres(),
        "each version is told once"
    );
}

async fn a_source_id_belongs_to_one_place_and_version(db: Database) {
    let (port, place, other) = (db.open().await, Place::new(), Place::new());
    applied(port.activate(place.version(1)).await.unwrap());
    for mut stolen in [other.version(1), place.version(2)] {
        stolen.source_id = place.version(1).source_id;
        let error = port.activate(stolen).await.unwrap_err();
        assert!(matches!(error, DistributionError::SourceIdReused), "{error:?}");
        assert!(!error.is_transient());
    }
    assert_eq!(port.active(other.app, other.environment).await.unwrap(), None);
    assert_eq!(port.history(place.app, place.environment, 1, 50).await.unwrap().total, 1);
}

async fn one_source_id_in_two_places_at_once(db: Database) {
    let port = db.open().await;
    for _ in 0..10 {
        let source_id = Uuid::now_v7().to_string();
        let outcomes = join_all([Place::new(), Place::new()].map(|place| {
            let (port, mut activation) = (port.clone(), place.version(1));
            activation.source_id.clone_from(&source_id);
            tokio::spawn(async move { port.activate(activation).await })
        }))
        .await;
        let outcomes: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
        let applied = outcomes.iter().filter(|o| matches!(o, Ok(Activated::Applied { .. }))).count();
        let reused = outcomes.iter().filter(|o| matches!(o, Err(DistributionError::SourceIdReused))).count();
        assert_eq!((applied, reused), (1, 1), "{outcomes:?}");
    }
}

async fn an_older_version_is_superseded(db: Database) {
    let (port, place) = (db.open().await, Place::new());
    applied(port.activate(place.version(5).parameter("a", json!(5))).await.unwrap());
    let mut twin = place.version(5).parameter("a", json!(99));
    twin.source_id = "another decision".to_owned();
    for older in [place.version(4).parameter("b", json!(1)), twin] {
        let source_id = older.source_id.clone();
        let outcome = port.activate(older).await.unwrap();
        assert_eq!(outcome, Activated::Superseded { active: ConfigVersion(5) });
        assert_eq!(port.history_of(&source_id).await.unwrap(), None);
    }
    let snapshot = port.snapshot(place.app, place.environment).await.unwrap().unwrap();
    assert_eq!(snapshot.values().len(), 1);
    assert_eq!(snapshot.values()[&name("a")], json!(5));
    // Gaps are fine.
    applied(port.activate(place.version(900)).await.unwrap());
}

async fn a_reader_never_sees_a_mix(db: Database) {
    let (port, place) = (db.open().await, Place::new());
    let versions = 40;
    let contents: Vec<Bytes> = (1..=versions).map(|n| Bytes::from(format!("{n}"))).collect();
    port.put_blobs(contents).await.unwrap();
    let activation = |number: u32| {
        let mut activation = place.version(number);
        // The number of parameters and files changes too: rows come, change and go.
        for at in 0..50 + (number % 3) * 10 {
            activation = activation
                .parameter(&format!("p{at}"), json!(number))
                .file(&format!("f/{at}.yml"), number.to_string().as_bytes());
        }
        activation
    };
    applied(port.activate(activation(1)).await.unwrap());
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let port = port.clone();
            tokio::spawn(async move {
                let mut seen = BTreeSet::new();
                loop {
                    let snapshot = port.snapshot(place.app, place.environment).await.unwrap().unwrap();
                    let number = snapshot.provenance.config_version.0;
                    let rows = 50 + (number as usize % 3) * 10;
                    assert_eq!((snapshot.parameters.len(), snapshot.files.len()), (rows, rows));
                    assert!(snapshot.values().values().all(|value| *value == json!(number)));
                    let hash = ContentHash::of(number.to_string().as_bytes());
                    assert!(snapshot.files.values().all(|h| *h == hash));
                    assert_eq!(snapshot.provenance.profile_revision, number);
                    assert!(seen.last().is_none_or(|last| *last <= number), "never backwards");
                    seen.insert(number);
                    if number == versions {
                        return seen.len();
                    }
                }
            })
        })
        .collect();
    for number in 2..=versions {
        applied(port.activate(activation(number)).await.unwrap());
    }
    for reader in readers {
        assert!(reader.await.unwrap() > 1, "the readers looked while it changed");
    }
}

async fn every_version_has_its_history_row(db: Database) {
    let (port, place) = (db.open().await, Place::new());
    port.put_blobs(vec![Bytes::from_static(b"x"), Bytes::from_static(b"y")]).await.unwrap();
    let first =
        place.version(2).parameter("a", json!(1)).parameter("b", json!("t")).file("x", b"x").file("y", b"y");
    applied(port.activate(first.clone()).await.unwrap());
    let mut second =
        place.version(7).parameter("a", json!(2)).parameter("c", json!([])).file("x", b"y").file("z", b"x");
    second.kind = conman_domain::snapshot::ChangeKind::Restore;
    second.approved_by = Some("rui".to_owned());
    second.reason = Some("a reason with \"quotes\"\nand lines".to_owned());
    applied(port.activate(second.clone()).await.unwrap());
    for number in 8..=12 {
        applied(port.activate(place.version(number)).await.unwrap());
    }

    let row = port.history_of(&second.source_id).await.unwrap().unwrap();
    assert_eq!((row.app_id, row.environment_id), (place.app, place.environment));
    assert_eq!(row.provenance, second.provenance);
    assert_eq!(row.base_version, ConfigVersion(2));
    assert_eq!((row.kind, &row.approved_by, &row.reason), (second.kind, &second.approved_by, &second.reason));
    assert_eq!(row.files, FileCounts { added: 1, changed: 1, removed: 1 });
    let change = |before: Option<Value>, after: Option<Value>| ParameterChange {
        before: before.map(|v| place.version(1).parameter("p", v).parameters[&name("p")].clone()),
        after: after.map(|v| place.version(1).parameter("p", v).parameters[&name("p")].clone()),
    };
    assert_eq!(
        row.parameters.into_iter().collect::<Vec<_>>(),
        [
            (name("a"), change(Some(json!(1)), Some(json!(2)))),
            (name("b"), change(Some(json!("t")), None)),
            (name("c"), change(None, Some(json!([])))),
        ]
    );
    assert_eq!(port.history_of("nobody's").await.unwrap(), None);

    let page = |page, limit| {
        let port = port.clone();
        async move {
            let page = port.history(place.app, place.environment, page, limit).await.unwrap();
            let versions: Vec<u32> = page.rows.iter().map(|r| r.provenance.config_version.0).collect();
            (versions, page.total)
        }
    };
    assert_eq!(page(1, 3).await, (vec![12, 11, 10], 7));
    assert_eq!(page(3, 3).await, (vec![2], 7));
    assert_eq!(page(4, 3).await, (vec![], 7));
    assert_eq!(page(0, 0).await, (vec![12], 7));
    assert_eq!(page(u32::MAX, u32::MAX).await, (vec![], 7));
    let rows = port.history(place.app, place.environment, 1, 50).await.unwrap().rows;
    assert!(rows.windows(2).all(|pair| pair[0].at >= pair[1].at && pair[0].base_version == pair[1].provenance.config_version));
}

async fn listeners_hear_only_what_can_be_read(db: Database) {
    let (port, place, other) = (db.open().await, Place::new(), Place::new());
    applied(port.activate(place.version(1)).await.unwrap());
    let mut changes = port.subscribe();
    let listener = {
        let port = port.clone();
        tokio::spawn(async move {
            let mut heard = Vec::new();
            while heard.len() < 30 {
                let change = next(&mut changes).await;
                if change.version == ConfigVersion(1) {
                    // Applied before there was a subscriber; it may be told or not.
                    continue;
                }
                let snapshot = port.snapshot(change.app_id, change.environment_id).await.unwrap().unwrap();
                assert!(snapshot.provenance.config_version >= change.version, "told before it can be read");
                heard.push((change.environment_id, change.version.0, change.changed, change.truncated));
            }
            heard
        })
    };
    for number in 2..=16 {
        // What does not commit is told to nobody: one fails, one is superseded, one applies, one was applied before.
        let broken = place.version(number).file("x", b"never stored");
        assert!(matches!(port.activate(broken).await, Err(DistributionError::MissingBlobs(_))));
        let activation = place.version(number).parameter("tick", json!(number));
        applied(port.activate(activation.clone()).await.unwrap());
        port.activate(activation).await.unwrap();
        let late =
            conman_distribution::Activation { source_id: format!("late {number}"), ..place.version(1) };
        assert!(matches!(port.activate(late).await.unwrap(), Activated::Superseded { .. }));
        applied(port.activate(other.version(number)).await.unwrap());
    }
    let heard = listener.await.unwrap();
    let of = |place: Place| heard.iter().filter(move |h| h.0 == place.environment);
    assert_eq!(of(place).map(|h| h.1).collect::<Vec<_>>(), (2..=16).collect::<Vec<_>>());
    assert_eq!(of(other).map(|h| h.1).collect::<Vec<_>>(), (2..=16).collect::<Vec<_>>());
    assert!(of(place).all(|h| h.2 == [name("tick")] && !h.3));
    assert!(of(other).all(|h| h.2.is_empty() && !h.3));
}

async fn big_snapshots_change_by_little(db: Database) {
    let (port, place) = (db.open().await, Place::new());
    let mut activation = place.version(1);
    let mut contents = Vec::new();
    for at in 0..2_000 {
        let content = format!("file {at}: {}", "x".repeat(at));
        activation = activation.file(&format!("folder{}/file{at}.yml", at % 40), content.as_bytes());
        contents.push(Bytes::from(content));
    }
    for at in 0..1_000 {
        activation = activation
            .parameter(&format!("a_parameter_with_a_long_name_{at}"), json!({"n": at, "t": "x".repeat(50)}));
    }
    let mut changes = port.subscribe();
    port.put_blobs(contents).await.unwrap();
    applied(port.activate(activation.clone()).await.unwrap());
    let snapshot = port.snapshot(place.app, place.environment).await.unwrap().unwrap();
    assert_eq!(snapshot.parameters, activation.parameters);
    assert_eq!(snapshot.files, activation.files);
    let told = next(&mut changes).await;
    assert_eq!(told.truncated, told.changed.len() < 1_000);
    assert!(told.changed.len() > 100);

    let second = conman_distribution::Activation {
        parameters: activation.parameters,
        files: activation.files,
        ..place.version(2)
    }
    .parameter("a_parameter_with_a_long_name_7", json!(7));
    applied(port.activate(second).await.unwrap());
    assert_eq!(next(&mut changes).await.changed, [name("a_parameter_with_a_long_name_7")]);
    // Only the row that changed was written.
    let touched = db.scalar("SELECT count(*) FROM {s}active_config_entries WHERE changed_in = 2").await;
    assert_eq!(touched, "1");
    let touched = db.scalar("SELECT count(*) FROM {s}active_config_files WHERE changed_in = 2").await;
    assert_eq!(touched, "0");
}

async fn contents_are_sent_once_and_read_by_whom_they_concern(db: Database) {
    let (port, place, other) = (db.open().await, Place::new(), Place::new());
    let neighbour = Place { app: place.app, ..other };
    let (a, b) = (ContentHash::of(b"a"), ContentHash::of(b"b"));
    let asked = [a.clone(), b.clone(), a.clone()];
    let missing: BTreeSet<ContentHash> = port.missing_blobs(&asked).await.unwrap().into_iter().collect();
    assert_eq!(
        missing.into_iter().collect::<Vec<_>>(),
        BTreeSet::from([a.clone(), b.clone()]).into_iter().collect::<Vec<_>>()
    );
    assert_eq!(port.missing_blobs(&[]).await.unwrap(), []);
    for _ in 0..2 {
        port.put_blobs(vec![Bytes::from_static(b"a"), Bytes::from_static(b"a")]).await.unwrap();
    }
    assert_eq!(port.missing_blobs(&asked).await.unwrap(), std::slice::from_ref(&b));
    // Stored, but nobody's yet.
    assert_eq!(port.file(place.app, place.environment, &a).await.unwrap(), None);

    let error = port.activate(place.version(1).file("a", b"a").file("b", b"b")).await.unwrap_err();
    assert!(
        matches!(&error, DistributionError::MissingBlobs(missing) if *missing == [b.clone()]),
        "{error:?}"
    );
    assert_eq!(port.active(place.app, place.environment).await.unwrap(), None);
    port.put_blobs(vec![Bytes::from_static(b"b")]).await.unwrap();
    applied(port.activate(place.version(1).file("a", b"a").file("b", b"b")).await.unwrap());
    assert_eq!(port.file(place.app, place.environment, &a).await.unwrap().unwrap(), "a");
    for stranger in [other, neighbour, Place { environment: place.environment, ..other }] {
        assert_eq!(port.file(stranger.app, stranger.environment, &a).await.unwrap(), None);
    }
    // A worker that read the version before still gets its files; after ten more versions it is too late.
    applied(port.activate(place.version(2).file("b", b"b")).await.unwrap());
    assert_eq!(port.file(place.app, place.environment, &a).await.unwrap().unwrap(), "a");
    for number in 3..=12 {
        applied(port.activate(place.version(number).file("b", b"b")).await.unwrap());
    }
    assert_eq!(port.file(place.app, place.environment, &a).await.unwrap(), None);
    assert_eq!(port.file(place.app, place.environment, &b).await.unwrap().unwrap(), "b");
    assert_eq!(port.missing_blobs(&asked).await.unwrap(), []);
    for lie in ["", "x", "' OR 1=1 --", &"0".repeat(64)] {
        let lie = ContentHash::from(lie.to_owned());
        assert_eq!(port.file(place.app, place.environment, &lie).await.unwrap(), None);
    }
}

async fn one_environment_never_shows_in_another(db: Database) {
    let (port, place) = (db.open().await, Place::new());
    let neighbour = Place { app: place.app, ..Place::new() };
    // The same environment id under another app is another place.
    let foreign = Place { environment: place.environment, ..Place::new() };
    applied(port.activate(place.version(3).parameter("secret_ish", json!("ours"))).await.unwrap());
    for stranger in [neighbour, foreign] {
        assert_eq!(port.snapshot(stranger.app, stranger.environment).await.unwrap(), None);
        assert_eq!(port.active(stranger.app, stranger.environment).await.unwrap(), None);
        assert_eq!(port.history(stranger.app, stranger.environment, 1, 50).await.unwrap().total, 0);
        let mut activation = stranger.version(1).parameter("own", json!(1));
        activation.source_id = Uuid::now_v7().to_string();
        applied(port.activate(activation).await.unwrap());
    }
    for (place, expected) in [(place, "secret_ish"), (neighbour, "own"), (foreign, "own")] {
        let snapshot = port.snapshot(place.app, place.environment).await.unwrap().unwrap();
        assert_eq!(snapshot.parameters.keys().collect::<Vec<_>>(), [&name(expected)]);
        assert_eq!(port.history(place.app, place.environment, 1, 50).await.unwrap().total, 1);
    }
}

async fn many_environments_in_parallel(db: Database) {
    let port = db.open().await;
    let places: Vec<Place> = (0..4)
        .flat_map(|_| {
            let one = Place::new();
            [one, Place { app: one.app, ..Place::new() }]
        })
        .collect();
    let mut changes = port.subscribe();
    port.put_blobs((0..10).map(|n| Bytes::from(format!("content {n}"))).collect()).await.unwrap();
    let writers = places.iter().map(|&place| {
        let port = port.clone();
        tokio::spawn(async move {
            for number in 1..=10_u32 {
                // All of them share contents and use the same names.
                let content = format!("content {}", number - 1);
                let activation = place
                    .version(number)
                    .parameter("shared", json!(number))
                    .file("shared", content.as_bytes())
                    .catalog("parameters:\n  - {name: shared, type: int}\n");
                applied(port.activate(activation).await.unwrap());
            }
        })
    });
    for writer in join_all(writers).await {
        writer.unwrap();
    }
    let mut told = std::collections::BTreeMap::<_, Vec<u32>>::new();
    for _ in 0..places.len() * 10 {
        let change = next(&mut changes).await;
        told.entry(change.environment_id).or_default().push(change.version.0);
    }
    for place in places {
        assert_eq!(told[&place.environment], (1..=10).collect::<Vec<_>>());
        let snapshot = port.snapshot(place.app, place.environment).await.unwrap().unwrap();
        assert_eq!(snapshot.values()[&name("shared")], json!(10));
        assert_eq!(port.history(place.app, place.environment, 1, 50).await.unwrap().total, 10);
    }
}

/// Expects that a statement is refused, and that its sentence names the reason.
async fn refused(db: &Database, sql: &str, why: &str) {
    let message = db.sql(sql).await.expect_err(sql);
    assert!(message.to_lowercase().contains(&why.to_lowercase()), "{sql}\n{message}");
}

async fn history_only_grows(db: Database) {
    let (port, place) = (db.open().await, Place::new());
    let yaml = "parameters:\n  - {name: a, type: int}\n";
    applied(port.activate(place.version(1).parameter("a", json!(1)).catalog(yaml)).await.unwrap());
    for table in ["config_history", "variable_catalog_history"] {
        refused(&db, &format!("UPDATE {{s}}{table} SET changed_by = 'mallory'"), "only ever added").await;
        refused(&db, &format!("DELETE FROM {{s}}{table}"), "only ever added").await;
        if db.is_postgres() {
            refused(&db, &format!("TRUNCATE {{s}}{table}"), "only ever added").await;
            let replica = format!("SET session_replication_role = replica; DELETE FROM {{s}}{table}");
            refused(&db, &replica, "only ever added").await;
        } else {
            let replace = format!("INSERT OR REPLACE INTO {{s}}{table} SELECT * FROM {{s}}{table}");
            refused(&db, &replace, "only ever added").await;
        }
    }
    refused(&db, "UPDATE {s}active_config SET version = 0", if db.is_postgres() { "only grow" } else { "" })
        .await;
    let copy = "INSERT INTO {s}config_history SELECT app_id, environment_id, environment_name, version + 1, version + 5,
        'forged', kind, release_tag, release_commit, tree_id, profile_revision, parameters, files, files_added,
        files_changed, files_removed, changed_by, approved_by, reason, at FROM {s}config_history";
    refused(&db, copy, "moves_forward").await;
    refused(&db, &copy.replace("version + 5", "version").replace("changed_by, a", "'', a"), "changed_by")
        .await;
    let row = port.history_of(&place.version(1).source_id).await.unwrap().unwrap();
    assert_eq!(row.changed_by, "ana");
}

fn parameter_set(place: Place, hash: char, catalog: &str) -> String {
    format!(
        "INSERT INTO {{s}}parameter_sets (hash, app_id, environment_id, base_environment, variables_catalog, factors,
            code_version, config_version, catalog_version, created_by)
         VALUES ('{}', '{}', '{}', '{{}}', '{catalog}', '{{}}', 'c0de', 1, 'v1', 'ana')",
        hash.to_string().repeat(64),
        place.app,
        place.environment,
    )
}

fn run(place: Place, set: &str) -> String {
    format!(
        "INSERT INTO {{s}}runs (id, app_id, environment_id, parameter_set_hash, kind, description, status,
            started_by, started_by_id)
         VALUES ('{}', '{}', '{}', {set}, 'backtest', '', 'running', 'ana', '{}')",
        Uuid::now_v7(),
        place.app,
        place.environment,
        Uuid::now_v7(),
    )
}

async fn parameter_sets_are_immutable_and_pin_runs(db: Database) {
    let (port, place) = (db.open().await, Place::new());
    let yaml = "parameters:\n  - {name: a, type: int}\n";
    applied(port.activate(place.version(1).parameter("a", json!(1)).catalog(yaml)).await.unwrap());
    db.sql(&parameter_set(place, 'a', r#"{"a": {}}"#)).await.unwrap();
    db.sql(&parameter_set(place, 'b', "{}")).await.unwrap();
    let (a, b) = ("a".repeat(64), "b".repeat(64));

    refused(&db, &run(place, "NULL"), "").await;
    refused(&db, &run(place, &format!("'{}'", "f".repeat(64))), "parameter").await;
    db.sql(&run(place, &format!("'{a}'"))).await.unwrap();
    refused(&db, "UPDATE {s}runs SET parameter_set_hash = NULL", "").await;
    refused(&db, &format!("UPDATE {{s}}runs SET parameter_set_hash = '{}'", "f".repeat(64)), "parameter")
        .await;
    refused(&db, &format!("DELETE FROM {{s}}parameter_sets WHERE hash = '{a}'"), "").await;
    refused(&db, &parameter_set(place, 'c', r#"{"unknown": {}}"#), "").await;
    refused(&db, &parameter_set(place, 'd', "[]"), "").await;

    // Within ten seconds a mistake can be taken back; the creation time is the database's own.
    db.sql(&format!("UPDATE {{s}}parameter_sets SET code_version = 'fixed' WHERE hash = '{a}'"))
        .await
        .unwrap();
    db.sql(&format!("DELETE FROM {{s}}parameter_sets WHERE hash = '{b}'")).await.unwrap();
    let future = if db.is_postgres() { "now() + interval '1 year'" } else { "99999999999999" };
    let _ = db.sql(&format!("UPDATE {{s}}parameter_sets SET created_at = {future} WHERE hash = '{a}'")).await;
    tokio::time::sleep(Duration::from_millis(10_500)).await;
    for attack in [
        "UPDATE {s}parameter_sets SET code_version = 'forged'",
        "UPDATE {s}parameter_sets SET created_at = created_at + created_at - created_at",
        "DELETE FROM {s}parameter_sets",
        "DELETE FROM {s}parameter_set_variables",
        "UPDATE {s}parameter_set_variables SET name = 'b'",
    ] {
        let attack = if db.is_postgres() {
            attack.replace("created_at + created_at - created_at", "now()")
        } else {
            attack.to_owned()
        };
        refused(&db, &attack, "immutable").await;
    }
    if db.is_postgres() {
        refused(&db, "TRUNCATE {s}parameter_sets CASCADE", "only ever added").await;
        refused(&db, "SET session_replication_role = replica; DELETE FROM {s}parameter_sets", "immutable")
            .await;
    } else {
        let replace = parameter_set(place, 'a', "{}").replace("INSERT", "INSERT OR REPLACE");
        db.sql(&replace).await.unwrap();
        refused(&db, "PRAGMA foreign_keys = OFF; DELETE FROM {s}parameter_sets", "immutable").await;
    }
    // The same content again is the same row.
    let again = format!("{} ON CONFLICT DO NOTHING", parameter_set(place, 'a', r#"{"a": {}}"#));
    db.sql(&again).await.unwrap();
    assert_eq!(db.scalar("SELECT code_version FROM {s}parameter_sets").await, "fixed");
    assert_eq!(db.scalar("SELECT count(*) FROM {s}parameter_set_variables").await, "1");
}

async fn catalog_rows_in_use_stay(db: Database) {
    let (port, place, other) = (db.open().await, Place::new(), Place::new());
    let yaml = "parameters:\n  - {name: used, type: int}\n  - {name: free, type: int}\n";
    for place in [place, other] {
        applied(port.activate(place.version(1).catalog(yaml)).await.unwrap());
    }
    db.sql(&parameter_set(place, 'a', r#"{"used": {}}"#)).await.unwrap();
    let of = |place: Place| format!("app_id = '{}' AND environment_id = '{}'", place.app, place.environment);
    refused(
        &db,
        &format!("DELETE FROM {{s}}variable_catalog WHERE {} AND name = 'used'", of(place)),
        "parameter",
    )
    .await;
    refused(
        &db,
        &format!("UPDATE {{s}}variable_catalog SET name = 'x' WHERE {} AND name = 'used'", of(place)),
        "",
    )
    .await;
    if db.is_postgres() {
        refused(&db, "TRUNCATE {s}variable_catalog", "").await;
    } else {
        let off = format!("PRAGMA foreign_keys = OFF; DELETE FROM {{s}}variable_catalog WHERE {}", of(place));
        refused(&db, &off, "refers").await;
    }
    // The links cannot be taken away to free the row, not even within the first ten seconds.
    if db.is_postgres() {
        refused(&db, "DELETE FROM {s}parameter_set_variables", "immutable").await;
    }
    // A release without the parameter can be deployed: the row stays, deprecated; the others go.
    applied(port.activate(place.version(2)).await.unwrap());
    applied(port.activate(other.version(2)).await.unwrap());
    let left = |place: Place| format!("SELECT count(*) FROM {{s}}variable_catalog WHERE {}", of(place));
    assert_eq!(db.scalar(&left(place)).await, "1");
    assert_eq!(db.scalar(&left(other)).await, "0");
    let word = if db.is_postgres() { "t" } else { "1" };
    assert_eq!(db.scalar("SELECT deprecated FROM {s}variable_catalog WHERE name = 'used'").await, word);
    // And it comes back as it is declared.
    applied(port.activate(place.version(3).catalog(yaml)).await.unwrap());
    let word = if db.is_postgres() { "f" } else { "0" };
    assert_eq!(db.scalar("SELECT deprecated FROM {s}variable_catalog WHERE name = 'used'").await, word);
}

async fn the_catalog_follows_the_activations(db: Database) {
    let (port, place) = (db.open().await, Place::new());
    let first = "parameters:\n  - {name: low, type: int}\n  - {name: high, type: int}\nrules: [low < high]\n";
    let second = "parameters:\n  - {name: low, type: int, deprecated: true}\n  - {name: high, type: int}\n  - {name: new, type: bool}\n";
    applied(port.activate(place.version(1).catalog(first)).await.unwrap());
    assert_eq!(db.scalar("SELECT catalog_rules FROM {s}active_config").await, r#"["low < high"]"#);
    applied(port.activate(place.version(2).catalog(second)).await.unwrap());
    applied(port.activate(place.version(3).catalog(second)).await.unwrap());
    applied(port.activate(place.version(4)).await.unwrap());
    let counts = async |sql: &str| {
        let mut counts = Vec::new();
        for version in 1..=4 {
            counts.push(db.scalar(&format!("{sql} AND version = {version}")).await);
        }
        counts
    };
    assert_eq!(
        counts("SELECT count(*) FROM {s}variable_catalog_history WHERE 1 = 1").await,
        ["2", "2", "0", "3"]
    );
    assert_eq!(
        counts("SELECT count(*) FROM {s}variable_catalog_history WHERE after IS NULL").await,
        ["0", "0", "0", "3"]
    );
    assert_eq!(db.scalar("SELECT count(*) FROM {s}variable_catalog").await, "0");
}

async fn workers_say_what_they_run(db: Database) {
    let (port, place, other) = (db.open().await, Place::new(), Place::new());
    let at = |millis: i64| Timestamp::from_millis(1_800_000_000_000 + millis);
    let mut first = WorkerReport {
        session_id: Uuid::now_v7().into(),
        name: "pump-1".to_owned(),
        library: "conman-worker/0.1.0".to_owned(),
        started_at: at(0),
        applied: None,
        last_notify_at: None,
        heartbeat_at: at(1),
        problem: Some("nothing is active yet".to_owned()),
        pending: Vec::new(),
        restart_required: Vec::new(),
        refused: None,
        stale: true,
        forbidden_applications: 0,
        stopped: false,
    };
    port.report(place.app, place.environment, first.clone()).await.unwrap();
    let sessions = port.workers(place.app, place.environment).await.unwrap();
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0].report, first);
    first.applied = Some(AppliedConfig { provenance: place.version(4).provenance, applied_at: at(5) });
    first.last_notify_at = Some(at(4));
    first.heartbeat_at = at(6);
    first.problem = None;
    first.pending = vec![
        Pending { name: "a".parse().unwrap(), boundary: Boundary::DecisionCycleEnd },
        Pending { name: "b".parse().unwrap(), boundary: Boundary::PositionClose },
    ];
    first.restart_required = vec!["c".parse().unwrap()];
    first.refused = Some(Refused { version: ConfigVersion(5), reason: "a > b".to_owned(), at: at(6) });
    first.stale = false;
    first.forbidden_applications = 1;
    port.report(place.app, place.environment, first.clone()).await.unwrap();
    let second = WorkerReport {
        session_id: Uuid::now_v7().into(),
        name: "a".to_owned(),
        stopped: true,
        ..first.clone()
    };
    port.report(place.app, place.environment, second.clone()).await.unwrap();
    // A session's id used from another environment changes nothing and shows nowhere.
    let forged = WorkerReport { name: "mallory".to_owned(), ..first.clone() };
    port.report(other.app, other.environment, forged).await.unwrap();
    assert_eq!(port.workers(other.app, other.environment).await.unwrap(), []);
    let sessions = port.workers(place.app, place.environment).await.unwrap();
    assert_eq!(sessions.iter().map(|s| &s.report).collect::<Vec<_>>(), [&second, &first]);
    assert!(sessions[0].heard_at >= sessions[1].heard_at);
    // Long silent sessions go when another one begins.
    let long_ago = if db.is_postgres() { "now() - interval '8 days'" } else { "1" };
    db.sql(&format!("UPDATE {{s}}worker_sessions SET heard_at = {long_ago} WHERE name = 'a'")).await.unwrap();
    let third = WorkerReport { session_id: Uuid::now_v7().into(), name: "z".to_owned(), ..first.clone() };
    port.report(place.app, place.environment, third).await.unwrap();
    let names: Vec<String> = port
        .workers(place.app, place.environment)
        .await
        .unwrap()
        .into_iter()
        .map(|s| s.report.name)
        .collect();
    assert_eq!(names, ["pump-1", "z"]);
    // A text that the database could not hold is held as far as it can.
    let pending = vec![first.pending[0].clone(); 100_000];
    let odd = WorkerReport { name: "nul\0".to_owned() + &"x".repeat(100_000), pending, ..first };
    port.report(place.app, place.environment, odd).await.unwrap();
    let sessions = port.workers(place.app, place.environment).await.unwrap();
    assert!(sessions.iter().all(|session| session.report.pending.len() <= 2_000));
}

async fn many_servers_start_at_once(db: Database) {
    let ports = join_all((0..8).map(|_| {
        let db = db.clone();
        tokio::spawn(async move { db.open().await })
    }))
    .await;
    let place = Place::new();
    for (at, port) in ports.into_iter().enumerate() {
        let port = port.unwrap();
        port.ping().await.unwrap();
        applied(port.activate(place.version(at as u32 + 1)).await.unwrap());
    }
    let count = db.scalar("SELECT count(*) FROM {s}migrations").await;
    db.open().await;
    assert_eq!(db.scalar("SELECT count(*) FROM {s}migrations").await, count);
    // A database of a newer product is left alone.
    let now = if db.is_postgres() { "now()" } else { "0" };
    db.sql(&format!("INSERT INTO {{s}}migrations VALUES (99, 'later', 'x', {now})")).await.unwrap();
    let error = conman_distribution::open(&db.url).await.err().unwrap();
    assert!(matches!(error, DistributionError::Schema { .. }), "{error:?}");
}

async fn errors_do_not_tell_values(db: Database) {
    let (port, place) = (db.open().await, Place::new());
    let canary = "canary-3f1c";
    if db.is_postgres() {
        db.sql("ALTER TABLE {s}active_config_entries ADD CONSTRAINT trap CHECK (name <> 'trap')")
            .await
            .unwrap();
    } else {
        db.sql(
            "CREATE TRIGGER trap BEFORE INSERT ON active_config_entries WHEN NEW.name = 'trap' BEGIN
                SELECT RAISE(ABORT, 'trap'); END",
        )
        .await
        .unwrap();
    }
    let error =
        port.activate(place.version(1).parameter("trap", json!({"password": canary}))).await.unwrap_err();
    let mut text = format!("{error:?} {error}");
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        text += &format!(" {error} {error:?}");
        source = error.source();
    }
    assert!(text.contains("trap") && !text.contains(canary), "{text}");
    assert_eq!(port.active(place.app, place.environment).await.unwrap(), None);
}

async fn what_cannot_be_held_is_refused(db: Database) {
    let (port, place) = (db.open().await, Place::new());
    type Spoil = fn(&mut conman_distribution::Activation);
    let spoils: [Spoil; 6] = [
        |a| a.source_id.clear(),
        |a| a.changed_by.clear(),
        |a| a.approved_by = Some(String::new()),
        |a| a.provenance.config_version = ConfigVersion(0),
        |a| a.reason = Some("a\0b".to_owned()),
        |a| a.source_id = "\0".to_owned(),
    ];
    for spoil in spoils {
        let mut activation = place.version(1);
        spoil(&mut activation);
        let error = port.activate(activation).await.unwrap_err();
        assert!(matches!(error, DistributionError::Invalid { .. }), "{error:?}");
    }
    for url in ["", "mysql://x", "sqlite:", "postgres://user:pa55word@host:notaport/x"] {
        let error = conman_distribution::open(url).await.err().unwrap();
        assert!(matches!(error, DistributionError::Url { .. }), "{error:?}");
        assert!(!format!("{error:?}").contains("pa55word"), "{error:?}");
    }
}
