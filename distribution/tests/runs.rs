//! What every backend of the distribution port promises of parameter sets and runs.

#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

#[expect(dead_code, reason = "the contract suite uses all of it")]
mod support;

use conman_distribution::{Distribution, DistributionError, NewRun, RunEnding, RunFilter};
use conman_domain::RepoPath;
use conman_domain::catalog::Catalog;
use conman_domain::id::{AppId, RunId, UserId};
use conman_domain::parameter_set::{BaseEnvironment, ParameterSet};
use conman_domain::run::RunStatus;
use conman_domain::snapshot::{ConfigVersion, ContentHash};
use futures::future::join_all;
use serde_json::{Value, json};
use std::sync::Arc;
use support::{Database, Place, With, applied, name};
use uuid::Uuid;

on_both! {
    the_same_content_is_the_same_set
    a_set_says_what_runs
    sets_keep_their_parameters_in_the_catalog
    runs_are_pinned_and_end_once
    runs_are_listed_as_they_are_wanted
}

const CATALOG: &str = "parameters:\n  - {name: a, type: number, default: 1}\n  - {name: b, type: int, default: 1}\n  - {name: secretive, type: string, default: x, excluded_from_runs: true}\nrules: [a <= b]\n";

fn catalog(text: &str) -> Catalog {
    let path = RepoPath::parse("catalog/a.yml").unwrap();
    Catalog::parse([(&path, text.as_bytes())]).unwrap()
}

async fn runs(port: &Arc<dyn Distribution>, place: Place, version: u32) {
    let whole = place.version(version).parameter("a", json!(0.1)).parameter("b", json!(2));
    applied(port.activate(whole.parameter("secretive", json!("x")).catalog(CATALOG)).await.unwrap());
}

async fn set(port: &Arc<dyn Distribution>, place: Place, factors: Value) -> ParameterSet {
    let active = port.active(place.app, place.environment).await.unwrap().unwrap();
    let version = active.provenance.config_version;
    let parameters = port.parameters_at(place.app, place.environment, version).await.unwrap().unwrap();
    let base = BaseEnvironment {
        app_id: place.app,
        environment_id: place.environment,
        environment: active.environment_name,
        provenance: active.provenance,
        rules: Vec::new(),
        values: parameters.into_iter().map(|(name, parameter)| (name, parameter.value)).collect(),
    };
    let factors = serde_json::from_value(factors).unwrap();
    ParameterSet::freeze(base, &catalog(CATALOG), factors, "v1".to_owned()).unwrap()
}

async fn the_same_content_is_the_same_set(db: Database) {
    let (port, place) = (db.open().await, Place::new());
    runs(&port, place, 3).await;
    let wanted = set(&port, place, json!({"b": 7, "seed": 1e300, "text": "\u{1f600}"})).await;
    // Thirty programs freeze it at once; all get the same row, and one of them made it.
    let people: Vec<String> = (0..30).map(|n| format!("person {n}")).collect();
    let frozen = join_all(people.iter().map(|person| port.freeze(&wanted, person))).await;
    let frozen: Vec<_> = frozen.into_iter().map(Result::unwrap).collect();
    assert_eq!(frozen.iter().filter(|(_, is_new)| *is_new).count(), 1);
    assert!(frozen.iter().all(|(kept, _)| *kept == frozen[0].0));
    let kept = port.parameter_set(place.app, &wanted.hash()).await.unwrap().unwrap();
    assert_eq!((&kept.set, &kept.hash, kept.set.hash()), (&wanted, &wanted.hash(), wanted.hash()));
    assert_eq!(db.scalar("SELECT count(*) FROM {s}parameter_sets").await, "1");
    assert_eq!(db.scalar("SELECT count(*) FROM {s}parameter_set_variables").await, "2", "one is excluded");
    let other = AppId::new(Uuid::now_v7());
    assert_eq!(port.parameter_set(other, &wanted.hash()).await.unwrap(), None);

    let second = set(&port, place, json!({})).await;
    assert!(port.freeze(&second, "ana").await.unwrap().1);
    let page = port.parameter_sets(place.app, Some(place.environment), 1, 1).await.unwrap();
    assert_eq!((page.total, page.rows.len()), (2, 1));
    let all = port.parameter_sets(place.app, None, 1, 200).await.unwrap();
    assert_eq!((all.rows[0].hash.clone(), all.rows[1].hash.clone()), (second.hash(), wanted.hash()));
    assert_eq!((all.rows[1].factors.clone(), all.rows[0].runs), (wanted.factors, 0));
    assert_eq!((all.rows[0].config_version, all.rows[0].frozen_by.as_str()), (ConfigVersion(3), "ana"));
    assert_eq!(port.parameter_sets(other, None, 1, 200).await.unwrap().total, 0);
}

async fn a_set_says_what_runs(db: Database) {
    let (port, place) = (db.open().await, Place::new());
    runs(&port, place, 3).await;
    let old = set(&port, place, json!({"seed": 1})).await;
    runs(&port, place, 4).await;
    match port.freeze(&old, "ana").await {
        Err(DistributionError::WrongBase { active }) => assert_eq!(active, ConfigVersion(4)),
        other => panic!("{other:?}"),
    }
    let now = set(&port, place, json!({"seed": 1})).await;
    assert!(port.freeze(&now, "ana").await.unwrap().1);
    runs(&port, place, 5).await;
    // What is kept already is found, whatever runs by now.
    assert!(!port.freeze(&now, "bo").await.unwrap().1);
}

async fn sets_keep_their_parameters_in_the_catalog(db: Database) {
    let (port, place) = (db.open().await, Place::new());
    runs(&port, place, 3).await;
    for seed in 0..7 {
        let set = set(&port, place, json!({"seed": seed})).await;
        port.freeze(&set, "ana").await.unwrap();
    }
    let names = [name("a"), name("secretive"), name("never")];
    let found = port.sets_referring_to(place.app, &names).await.unwrap();
    assert_eq!(found.keys().collect::<Vec<_>>(), [&name("a")]);
    assert_eq!((found[&name("a")].newest.len(), found[&name("a")].total), (5, 7));
    let newest = port.parameter_sets(place.app, None, 1, 1).await.unwrap().rows[0].hash.clone();
    assert_eq!(found[&name("a")].newest[0], newest);
    let other = AppId::new(Uuid::now_v7());
    assert!(port.sets_referring_to(other, &names).await.unwrap().is_empty());
    // The catalog goes on without `a`: its row stays, marked, because the sets refer to it.
    let smaller = place.version(4).parameter("b", json!(2)).catalog("parameters: [{name: b, type: int}]\n");
    applied(port.activate(smaller).await.unwrap());
    let deprecated = if db.is_postgres() { "t" } else { "1" };
    assert_eq!(db.scalar("SELECT deprecated FROM {s}variable_catalog WHERE name = 'a'").await, deprecated);
}

fn new_run(place: Place, set: &ParameterSet, kind: &str) -> NewRun {
    NewRun {
        id: RunId::new(Uuid::now_v7()),
        app_id: place.app,
        parameter_set: set.hash(),
        kind: kind.to_owned(),
        description: "of \u{1f600} and %".to_owned(),
        rerun_of: None,
        started_by: "ana".to_owned(),
        started_by_id: UserId::new(Uuid::now_v7()),
    }
}

fn ending(status: RunStatus, results: Value) -> RunEnding {
    let results = serde_json::from_value(results).unwrap();
    RunEnding { status, results, note: "so".to_owned() }
}

async fn runs_are_pinned_and_end_once(db: Database) {
    let (port, place) = (db.open().await, Place::new());
    runs(&port, place, 3).await;
    let pin = set(&port, place, json!({})).await;
    let wish = new_run(place, &pin, "backtest");
    assert_eq!(port.register_run(wish.clone()).await.unwrap(), None, "there is no such set yet");
    port.freeze(&pin, "ana").await.unwrap();
    let elsewhere = NewRun { app_id: AppId::new(Uuid::now_v7()), ..wish.clone() };
    assert_eq!(port.register_run(elsewhere.clone()).await.unwrap(), None, "another app's set is none");
    let run = port.register_run(wish.clone()).await.unwrap().unwrap();
    assert_eq!(
        (run.status, run.environment_id, &run.results),
        (RunStatus::Running, place.environment, &None)
    );
    assert_eq!(port.register_run(wish.clone()).await.unwrap(), Some(run.clone()), "again is the same");
    let again = NewRun { id: RunId::new(Uuid::now_v7()), rerun_of: Some(run.id), ..wish };
    let again = port.register_run(again).await.unwrap().unwrap();
    assert_eq!((again.rerun_of, &again.parameter_set), (Some(run.id), &run.parameter_set));

    // Twenty say how it ended; one is heard.
    let endings = (0..20).map(|n| ending(RunStatus::Succeeded, json!({"n": n, "score": 0.1 + 0.2})));
    let told = join_all(endings.map(|ending| port.end_run(place.app, run.id, ending))).await;
    let told: Vec<_> = told.into_iter().map(|told| told.unwrap().unwrap()).collect();
    assert!(told.iter().all(|ended| *ended == told[0]) && told[0].status == RunStatus::Succeeded);
    assert_eq!(told[0].results.as_ref().unwrap()["score"], json!(0.1 + 0.2));
    assert_eq!(port.run(place.app, run.id).await.unwrap().unwrap(), told[0]);
    let none = ending(RunStatus::Failed, Value::Null);
    assert_eq!(port.end_run(elsewhere.app_id, run.id, none).await.unwrap(), None);
    assert_eq!(port.run(elsewhere.app_id, run.id).await.unwrap(), None);

    for attack in [
        "UPDATE {s}runs SET status = 'running', finished_at = NULL",
        "UPDATE {s}runs SET note = 'forged'",
        "UPDATE {s}runs SET started_by = 'forged' WHERE status = 'running'",
        "UPDATE {s}runs SET kind = 'forged' WHERE status = 'running'",
        "UPDATE {s}runs SET status = 'failed' WHERE status = 'running'",
        "UPDATE {s}runs SET status = 'unheard' WHERE status = 'running'",
        "UPDATE {s}runs SET results = '[]' WHERE status = 'running'",
        "DELETE FROM {s}runs",
    ] {
        assert!(db.sql(attack).await.is_err(), "{attack}");
    }
    assert_eq!(port.run(place.app, again.id).await.unwrap(), Some(again));
}

async fn runs_are_listed_as_they_are_wanted(db: Database) {
    let (port, place) = (db.open().await, Place::new());
    runs(&port, place, 3).await;
    let (one, two) =
        (set(&port, place, json!({"seed": 1})).await, set(&port, place, json!({"seed": 2})).await);
    port.freeze(&one, "ana").await.unwrap();
    port.freeze(&two, "ana").await.unwrap();
    let mut ids = Vec::new();
    for (pin, kind) in [(&one, "backtest"), (&one, "paper"), (&two, "backtest")] {
        ids.push(port.register_run(new_run(place, pin, kind)).await.unwrap().unwrap().id);
    }
    port.end_run(place.app, ids[0], ending(RunStatus::Failed, json!({}))).await.unwrap();
    let list = async |filter: RunFilter| -> Vec<RunId> {
        let page = port.runs(place.app, &filter, 1, 200).await.unwrap();
        assert_eq!(page.total as usize, page.rows.len());
        page.rows.into_iter().map(|run| run.id).collect()
    };
    let any = RunFilter::default();
    assert_eq!(list(any.clone()).await, [ids[2], ids[1], ids[0]]);
    let of_one = RunFilter { parameter_set: Some(one.hash()), ..any.clone() };
    assert_eq!(list(of_one).await, [ids[1], ids[0]]);
    let kind = RunFilter { kind: Some("backtest".to_owned()), ..any.clone() };
    assert_eq!(list(kind.clone()).await, [ids[2], ids[0]]);
    assert_eq!(list(RunFilter { status: Some(RunStatus::Running), ..kind }).await, [ids[2]]);
    let nowhere = RunFilter { environment: Some(Place::new().environment), ..any.clone() };
    assert!(list(nowhere).await.is_empty());
    let odd = RunFilter { parameter_set: Some(ContentHash::from("' OR 1=1".to_owned())), ..any.clone() };
    assert!(list(odd).await.is_empty());
    let second = port.runs(place.app, &any, 2, 2).await.unwrap();
    assert_eq!((second.total, second.rows[0].id), (3, ids[0]));
    let counted = port.parameter_sets(place.app, None, 1, 200).await.unwrap();
    assert_eq!(counted.rows.iter().map(|row| row.runs).collect::<Vec<_>>(), [1, 2]);
}
