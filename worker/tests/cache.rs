//! Starting from the disk cache when the database is away.

#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

#[expect(dead_code, reason = "the other tests use the rest of it")]
mod support;

use conman_domain::snapshot::ConfigVersion;
use conman_worker::{Check, ConnectError, FileSelection, Follower, Options};
use std::path::Path;
use std::time::Duration;
use support::{Proxy, Wire, With, World, on_postgres, options, reaches, within};

fn cached(path: &Path) -> Options {
    Options {
        cache: Some(path.to_owned()),
        files: FileSelection::All,
        connect_within: Duration::from_millis(300),
        answer_within: Duration::from_secs(5),
        heartbeat: Duration::from_millis(300),
        ..options("w")
    }
}

async fn confirmed(follower: &Follower) {
    within(async {
        while follower.view().is_stale() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_starts_without_its_database_and_catches_up() {
    on_postgres(async |world: World| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.cache");
        let (proxy, through) = Proxy::before(&world.url).await;
        let connect = async |options: Options| Follower::connect(world.source_by(&through), options).await;
        world.put(&[b"one", b"two"]).await;
        world.activate(world.version(1).parameter("n", 1.into()).file("a", b"one")).await;

        proxy.set(Wire::Cut);
        let error = within(connect(cached(&path))).await.unwrap_err();
        assert!(matches!(error, ConnectError::Unreachable { .. }), "{error:?}");

        proxy.set(Wire::Open);
        let patient = Options { connect_within: support::PATIENCE, ..cached(&path) };
        let follower = within(connect(patient)).await.unwrap();
        assert!(!follower.view().is_stale());
        world.activate(world.version(2).parameter("n", 2.into()).file("a", b"two")).await;
        reaches(&follower, 2).await;
        follower.shutdown().await;
        assert_eq!(follower.status().cache_problem, None);

        proxy.set(Wire::Cut);
        let follower = within(connect(cached(&path))).await.unwrap();
        let view = follower.view();
        assert!(view.is_stale() && follower.status().stale && !follower.status().connected);
        assert_eq!((view.version(), view.parameter::<u32>("n").unwrap()), (ConfigVersion(2), 2));
        assert_eq!(view.file("a").unwrap(), "two");
        // The same version, confirmed, is not stale any more.
        proxy.set(Wire::Open);
        confirmed(&follower).await;
        assert_eq!(follower.view().version(), ConfigVersion(2));
        world.sessions_until(|sessions| sessions.iter().any(|session| !session.report.stale)).await;
        follower.shutdown().await;

        proxy.set(Wire::Cut);
        world.activate(world.version(3).parameter("n", 3.into())).await;
        let follower = within(connect(cached(&path))).await.unwrap();
        assert_eq!(follower.view().version(), ConfigVersion(2));
        proxy.set(Wire::Open);
        confirmed(&follower).await;
        assert_eq!(follower.view().version(), ConfigVersion(3));
        follower.shutdown().await;

        // A torn file is no start, and the error says so.
        proxy.set(Wire::Cut);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        let error = within(connect(cached(&path))).await.unwrap_err();
        assert!(error.to_string().contains("torn"), "{error}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_whose_program_refuses_what_is_active_starts_from_the_last_good_one() {
    on_postgres(async |world: World| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.cache");
        let careful = || Options {
            check: Some(Check::new(|view| match view.parameter::<u32>("n") {
                Ok(13) => Err("thirteen".to_owned()),
                _ => Ok(()),
            })),
            connect_within: support::PATIENCE,
            ..cached(&path)
        };
        world.tick(12).await;
        world.follow(careful()).await.shutdown().await;
        world.tick(13).await;
        let follower = world.follow(careful()).await;
        assert_eq!(follower.view().version(), ConfigVersion(12));
        assert!(follower.view().is_stale());
        assert_eq!(follower.status().refused.unwrap().version, ConfigVersion(13));
        world.tick(14).await;
        confirmed(&follower).await;
        assert_eq!(follower.view().version(), ConfigVersion(14));
        assert_eq!(follower.status().refused, None);
    })
    .await;
}
