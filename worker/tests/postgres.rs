//! Following an environment straight from PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

mod support;

use conman_distribution::Activation;
use conman_domain::id::WorkerId;
use conman_domain::snapshot::ConfigVersion;
use conman_worker::{Boundary, ConnectError, FileSelection, Follower, Options, Pending, Source, wire};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use support::{Proxy, Wire, With, World, on_postgres, options, reaches, sql, within};
use tokio::sync::watch;

/// Checks a worker against what the database has.
async fn has_exactly(follower: &Follower, world: &World) {
    let view = follower.view();
    let snapshot = world.port.snapshot(world.app, world.environment).await.unwrap().unwrap();
    assert_eq!(*view.provenance(), snapshot.provenance);
    assert_eq!(view.activated_at(), snapshot.activated_at);
    let parameters: BTreeMap<_, _> = view.parameters().map(|(n, p)| (n.clone(), p.clone())).collect();
    assert_eq!(parameters, snapshot.parameters);
    let files: BTreeMap<_, _> = view.files().map(|(p, h)| (p.clone(), h.clone())).collect();
    assert_eq!(files, snapshot.files);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_arrives_whole() {
    on_postgres(async |world: World| {
        world.put(&[b"one", b"two", b"three"]).await;
        let steps = [
            world
                .version(1)
                .parameter("a", json!(0.1 + 0.2))
                .parameter("b", json!("x"))
                .file("q/1", b"one")
                .file("m", b"two"),
            world
                .version(2)
                .parameter("a", json!(0.1 + 0.2))
                .parameter("c", json!([1]))
                .file("q/1", b"two")
                .file("q/2", b"one"),
            world.version(7).parameter("c", json!([1])).file("q/2", b"one").file("m", b"three"),
            world.version(8),
            world.version(9).parameter("b", json!(1e16)).file("q/1", b"three"),
        ];
        world.activate(steps[0].clone()).await;
        let all = world.follow(Options { files: FileSelection::All, ..options("all") }).await;
        let some = world
            .follow(Options { files: FileSelection::Under(vec!["q".to_owned()]), ..options("some") })
            .await;
        let none = world.follow(options("none")).await;
        let first = all.view();
        for (at, step) in steps.into_iter().enumerate() {
            let version = step.provenance.config_version;
            if at > 0 {
                world.activate(step).await;
            }
            for follower in [&all, &some, &none] {
                let applied = within(follower.changed()).await.unwrap();
                assert_eq!(applied.provenance.config_version, version);
                has_exactly(follower, &world).await;
                for (path, hash) in follower.view().files() {
                    let content = follower.view().file(path.as_str());
                    let wanted = match follower.status().applied {
                        _ if std::ptr::eq(follower, &all) => true,
                        _ if std::ptr::eq(follower, &some) => path.as_str().starts_with("q/"),
                        _ => false,
                    };
                    let expected = world.port.file(world.app, world.environment, hash).await.unwrap();
                    assert_eq!(content, expected.filter(|_| wanted), "{path}");
                }
            }
        }
        assert_eq!(all.view().file("nowhere"), None);
        // A view that is held stays as it was.
        assert_eq!(first.version(), ConfigVersion(1));
        assert_eq!(first.file("q/1").unwrap(), "one");
        assert_eq!(first.parameter::<f64>("a"), Ok(0.1 + 0.2));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_waits_for_the_first_activation() {
    on_postgres(async |world: World| {
        let waiting = tokio::spawn({
            let world = world.clone();
            async move { world.follow(options("early")).await }
        });
        let sessions = world.sessions_until(|sessions| !sessions.is_empty()).await;
        assert_eq!(sessions[0].report.applied, None);
        assert!(sessions[0].report.problem.as_ref().unwrap().contains("nothing was activated"));
        assert!(!waiting.is_finished());
        world.tick(1).await;
        let follower = within(waiting).await.unwrap();
        assert_eq!(follower.view().parameter::<u32>("n"), Ok(1));
        world
            .sessions_until(|sessions| {
                sessions[0].report.applied.is_some() && sessions[0].report.problem.is_none()
            })
            .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_falls_between_listening_and_reading() {
    on_postgres(async |world: World| {
        world.tick(1).await;
        let done = Arc::new(AtomicBool::new(false));
        let (written, mut versions) = watch::channel(1);
        let writer = tokio::spawn({
            let (world, done) = (world.clone(), Arc::clone(&done));
            async move {
                let mut number = 1;
                while !done.load(Ordering::Relaxed) {
                    number += 1;
                    world.tick(number).await;
                    written.send_replace(number);
                }
                number
            }
        });
        // Workers that start while versions come in as fast as they can, none without a new one since the last.
        let mut followers = Vec::new();
        for at in 0..40 {
            versions.changed().await.unwrap();
            followers.push(world.follow(options(&format!("w{at}"))).await);
        }
        done.store(true, Ordering::Relaxed);
        let last = writer.await.unwrap();
        assert!(last > 40);
        for follower in &followers {
            reaches(follower, last).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminated_connection_is_replaced_and_caught_up() {
    on_postgres(async |world: World| {
        world.tick(1).await;
        let follower = world.follow(options("w")).await;
        let admin = sql(&world.url).await;
        for round in 0..5 {
            let cut: i64 = admin
                .query_one(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                     WHERE application_name = 'conman worker' AND datname = current_database()",
                    &[],
                )
                .await
                .unwrap()
                .get(0);
            // A few versions each time: some fall into the gap.
            for number in 2 + round * 3..5 + round * 3 {
                world.tick(number).await;
            }
            reaches(&follower, 4 + round * 3).await;
            assert!(cut <= 1);
        }
        has_exactly(&follower, &world).await;
        assert!(follower.status().reconnects > 0 && follower.status().connected);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_connection_is_noticed_by_the_heartbeat() {
    on_postgres(async |world: World| {
        world.tick(1).await;
        let (proxy, through) = Proxy::before(&world.url).await;
        let quick = Options {
            heartbeat: Duration::from_secs(1),
            answer_within: Duration::from_secs(1),
            ..options("w")
        };
        let follower = within(Follower::connect(world.source_by(&through), quick)).await.unwrap();
        assert_eq!(follower.view().version(), ConfigVersion(1));
        // The connection stays open and nothing ever comes: no reset, no end, no notification.
        proxy.set(Wire::Swallowing);
        world.tick(2).await;
        reaches(&follower, 2).await;
        assert!(follower.status().reconnects >= 1);
        world.tick(3).await;
        reaches(&follower, 3).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_absence_is_caught_up_at_once() {
    on_postgres(async |world: World| {
        world.put(&[b"one", b"two"]).await;
        let version = |number: u32| {
            world
                .version(number)
                .parameter("n", number.into())
                .parameter(&format!("only_in_{number}"), json!(1))
                .file("kept", b"one")
        };
        world.activate(version(1)).await;
        let (proxy, through) = Proxy::before(&world.url).await;
        assert!(proxy.port > 0);
        let options = Options { files: FileSelection::All, ..options("w") };
        let follower = within(Follower::connect(world.source_by(&through), options)).await.unwrap();
        assert_eq!(within(follower.changed()).await.unwrap().provenance.config_version, ConfigVersion(1));
        for (first, last) in [(2, 20), (21, 90)] {
            proxy.set(Wire::Cut);
            for number in first..=last {
                world.activate(version(number)).await;
            }
            proxy.set(Wire::Open);
            // One step, however many versions there were.
            let applied = within(follower.changed()).await.unwrap();
            assert_eq!(applied.provenance.config_version, ConfigVersion(last));
            has_exactly(&follower, &world).await;
            assert_eq!(follower.view().file("kept").unwrap(), "one");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_notifications_does_no_harm() {
    on_postgres(async |world: World| {
        let other = world.elsewhere();
        world.tick(1).await;
        other.tick(1).await;
        let (follower, neighbour) = (world.follow(options("w")).await, other.follow(options("n")).await);
        let mut sessions = Vec::new();
        for _ in 0..4 {
            let client = sql(&world.url).await;
            let (app, environment) = (world.app, world.environment);
            sessions.push(tokio::spawn(async move {
                for n in 0..500 {
                    let payload = match n % 5 {
                        0 => "not json".to_owned(),
                        1 => String::new(),
                        2 => format!(
                            r#"{{"app_id":"{app}","environment_id":"{environment}","version":4294967295}}"#
                        ),
                        3 => format!(r#"{{"app_id":"{app}","environment_id":"{environment}","version":-1}}"#),
                        _ => format!(r#"{{"app_id":"{environment}","environment_id":"{app}","version":9}}"#),
                    };
                    client.execute("SELECT pg_notify('config_changed', $1)", &[&payload]).await.unwrap();
                }
            }));
        }
        for number in 2..=100 {
            world.tick(number).await;
            if number % 10 == 0 {
                other.tick(number).await;
            }
        }
        for session in sessions {
            session.await.unwrap();
        }
        reaches(&follower, 100).await;
        reaches(&neighbour, 100).await;
        has_exactly(&follower, &world).await;
        has_exactly(&neighbour, &other).await;
        assert_eq!(follower.status().reconnects, 0);
        assert_eq!(follower.status().problem, None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_never_sees_two_versions_in_one_view() {
    on_postgres(async |world: World| {
        let version = |number: u32| {
            (0..50).fold(world.version(number), |activation: Activation, at| {
                activation.parameter(&format!("p{at}"), number.into())
            })
        };
        world.activate(version(1)).await;
        let follower = Arc::new(world.follow(options("w")).await);
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let follower = Arc::clone(&follower);
                tokio::task::spawn_blocking(move || {
                    let mut seen = BTreeSet::new();
                    while seen.last() != Some(&60) {
                        let view = follower.view();
                        let number = view.version().0;
                        assert_eq!(view.parameters().count(), 50);
                        assert!(view.parameters().all(|(_, parameter)| parameter.value == json!(number)));
                        assert!(seen.last().is_none_or(|last| *last <= number), "never backwards");
                        seen.insert(number);
                    }
                    seen.len()
                })
            })
            .collect();
        for number in 2..=60 {
            world.activate(version(number)).await;
        }
        for reader in readers {
            assert!(within(reader).await.unwrap() > 3);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_report_what_they_run() {
    on_postgres(async |world: World| {
        world.tick(1).await;
        let quick = |name: &str| Options { heartbeat: Duration::from_millis(200), ..options(name) };
        let (first, second) = (world.follow(quick("a")).await, world.follow(quick("b")).await);
        world.tick(5).await;
        reaches(&first, 5).await;
        reaches(&second, 5).await;
        let of = |sessions: &[conman_distribution::WorkerSession]| -> Vec<Option<u32>> {
            let version = |s: &conman_distribution::WorkerSession| {
                s.report.applied.as_ref().map(|applied| applied.provenance.config_version.0)
            };
            sessions.iter().map(version).collect()
        };
        let sessions = world.sessions_until(|sessions| of(sessions) == [Some(5), Some(5)]).await;
        for session in &sessions {
            let applied = session.report.applied.as_ref().unwrap();
            assert_eq!(applied.provenance, world.version(5).provenance);
            assert!(session.report.last_notify_at.is_some());
            assert!(session.report.started_at <= applied.applied_at);
            assert!(session.report.library.starts_with("conman-worker/"));
            assert!(!session.report.stopped);
        }
        // Heartbeats go on without a change.
        let before = sessions[0].report.heartbeat_at;
        world.sessions_until(|sessions| sessions[0].report.heartbeat_at > before).await;

        first.shutdown().await;
        assert_eq!(first.view().version(), ConfigVersion(5));
        let stopped =
            |at: usize| move |sessions: &[conman_distribution::WorkerSession]| sessions[at].report.stopped;
        world.sessions_until(stopped(0)).await;
        while within(first.changed()).await.is_some() {}
        // A restarted worker is a new session of the same name and has the same configuration.
        let again = world.follow(quick("a")).await;
        assert_eq!(again.view().version(), ConfigVersion(5));
        let sessions = world.sessions_until(|sessions| of(sessions) == [Some(5); 3]).await;
        let ids: BTreeSet<WorkerId> = sessions.iter().map(|s| s.report.session_id).collect();
        assert_eq!(ids.len(), 3);
        has_exactly(&again, &world).await;
        has_exactly(&second, &world).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_was_put_back_does_not_take_the_worker_along() {
    on_postgres(async |world: World| {
        world.tick(5).await;
        let quick = Options { heartbeat: Duration::from_millis(200), ..options("w") };
        let follower = world.follow(quick).await;
        // As a restored backup would leave it.
        let admin = sql(&world.url).await;
        admin
            .batch_execute(
                "ALTER TABLE conman.active_config DISABLE TRIGGER USER; ALTER TABLE conman.config_history DISABLE TRIGGER USER;
                 UPDATE conman.active_config SET version = 3; UPDATE conman.config_history SET version = 3;
                 NOTIFY config_changed",
            )
            .await
            .unwrap();
        let odd = |sessions: &[conman_distribution::WorkerSession]| {
            let problem = sessions.first().and_then(|session| session.report.problem.as_deref());
            problem.is_some_and(|problem| problem.contains("older"))
        };
        let sessions = world.sessions_until(odd).await;
        assert_eq!(sessions[0].report.applied.as_ref().unwrap().provenance.config_version, ConfigVersion(5));
        assert_eq!(follower.view().version(), ConfigVersion(5));
        // Forwards it goes on, over any gap.
        world.tick(9).await;
        reaches(&follower, 9).await;
        assert_eq!(follower.status().problem, None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_reached_is_said() {
    on_postgres(async |world: World| {
        let quick = Options { connect_within: Duration::from_millis(500), ..options("w") };
        let connect = async |url: &str, options: &Options| {
            within(Follower::connect(world.source_by(url), options.clone())).await.unwrap_err()
        };
        let closed = "postgres://user:pa55word@127.0.0.1:1/x";
        let error = connect(closed, &quick).await;
        assert!(matches!(error, ConnectError::Unreachable { .. }), "{error:?}");
        assert!(!format!("{error:?}").contains("pa55word"));
        let missing = format!("{}_missing", world.url);
        let error = connect(&missing, &quick).await;
        assert!(matches!(error, ConnectError::Refused { .. }), "{error:?}");
        for (url, name) in [("postgres://x:notaport/", "w"), (world.url.as_str(), " ")] {
            let error = connect(url, &Options::new(name)).await;
            assert!(matches!(error, ConnectError::Setup { .. }), "{error:?}");
        }
        let http = Source::Http { server_url: "ftp://x".to_owned(), token: "t".to_owned() };
        let error = Follower::connect(http, Options::new("w")).await.unwrap_err();
        assert!(matches!(error, ConnectError::Setup { .. }), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn both_crates_speak_the_same_report() {
    let report = wire::WorkerReport {
        session_id: uuid::Uuid::now_v7().into(),
        name: "w".to_owned(),
        library: "conman-worker/0.1.0".to_owned(),
        started_at: conman_domain::Timestamp::from_millis(1),
        applied: Some(wire::AppliedConfig {
            provenance: conman_domain::snapshot::Provenance {
                release_tag: "r2026.03.21.1".parse().unwrap(),
                release_commit: "a".repeat(40).parse().unwrap(),
                tree_id: "b".repeat(40).parse().unwrap(),
                profile_revision: 2,
                config_version: ConfigVersion(3),
            },
            applied_at: conman_domain::Timestamp::from_millis(2),
        }),
        last_notify_at: Some(conman_domain::Timestamp::from_millis(3)),
        heartbeat_at: conman_domain::Timestamp::from_millis(4),
        problem: Some("p".to_owned()),
        pending: [Boundary::DecisionCycleEnd, Boundary::PositionClose, Boundary::Restart]
            .map(|boundary| Pending { name: "a".parse().unwrap(), boundary })
            .to_vec(),
        restart_required: vec!["b".parse().unwrap()],
        refused: Some(wire::Refused {
            version: ConfigVersion(4),
            reason: "r".to_owned(),
            at: conman_domain::Timestamp::from_millis(5),
        }),
        stale: true,
        forbidden_applications: 6,
        stopped: true,
    };
    let sent = serde_json::to_value(&report).unwrap();
    let received: conman_distribution::WorkerReport = serde_json::from_value(sent.clone()).unwrap();
    assert_eq!(serde_json::to_value(received).unwrap(), sent);
}
