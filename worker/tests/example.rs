//! The example program, run against a real database.

#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

#[path = "../examples/follow.rs"]
mod follow;
#[expect(dead_code, reason = "the other tests use the rest of it")]
mod support;

use conman_domain::snapshot::{ConfigVersion, SnapshotParameter};
use conman_domain::value::ParameterType;
use conman_worker::Options;
use serde_json::json;
use support::{World, on_postgres, options, within};
use tokio::sync::oneshot;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_works_until_it_is_stopped() {
    on_postgres(async |world: World| {
        let version = |number: u32, samples: u32| {
            let mut activation = world.version(number);
            for (name, kind, value) in [
                ("max_samples", ParameterType::Int, json!(samples)),
                ("retry_after", ParameterType::Duration, json!("5ms")),
            ] {
                let parameter = SnapshotParameter { value, kind, category: None, hot_reloadable: true };
                activation.parameters.insert(name.parse().unwrap(), parameter);
            }
            activation
        };
        world.activate(version(1, 20)).await;
        let (stop, stopped) = oneshot::channel::<()>();
        let program = follow::run(
            world.source(),
            Options { report_delay: options("w").report_delay, ..follow::options("w") },
            async {
                let _ = stopped.await;
            },
        );
        let program = tokio::spawn(program);
        let runs = |number: u32| {
            move |sessions: &[conman_distribution::WorkerSession]| {
                let applied = sessions.first().and_then(|session| session.report.applied.as_ref());
                applied.is_some_and(|a| a.provenance.config_version == ConfigVersion(number))
            }
        };
        world.sessions_until(runs(1)).await;
        world.activate(version(2, 5)).await;
        world.sessions_until(runs(2)).await;
        // The program cannot work with this one, and says so.
        world.activate(version(3, 0)).await;
        let refused = |sessions: &[conman_distribution::WorkerSession]| {
            let refused = sessions[0].report.refused.as_ref();
            refused.is_some_and(|r| r.version == ConfigVersion(3) && r.reason.contains("max_samples"))
        };
        let sessions = world.sessions_until(refused).await;
        assert!(runs(2)(&sessions));
        world.activate(version(4, 30)).await;
        world.sessions_until(runs(4)).await;
        stop.send(()).unwrap();
        within(program).await.unwrap().unwrap();
        world.sessions_until(|sessions| sessions[0].report.stopped).await;
    })
    .await;
}
