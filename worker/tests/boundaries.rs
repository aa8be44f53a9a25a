//! Safe boundaries of a worker that follows a real database.

#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

#[expect(dead_code, reason = "the other tests use the rest of it")]
mod support;

use conman_distribution::{Activation, WorkerSession};
use conman_domain::catalog::Category;
use conman_domain::snapshot::{ConfigVersion, SnapshotParameter};
use conman_domain::value::ParameterType;
use conman_worker::{Boundary, Check, Options, Pending, Status};
use conman_worker::{Follower, SectionKind};
use std::time::Duration;
use support::{World, on_postgres, options, reaches, within};

/// A version with a threshold `fee`, a risk limit `exposure` and a model name that needs a restart.
fn version(world: &World, number: u32) -> Activation {
    let mut activation = world.version(number);
    let declared = [
        ("fee", Some(Category::Threshold), true),
        ("exposure", Some(Category::RiskLimit), true),
        ("model", None, false),
    ];
    for (name, category, hot_reloadable) in declared {
        let parameter =
            SnapshotParameter { value: number.into(), kind: ParameterType::Int, category, hot_reloadable };
        activation.parameters.insert(name.parse().unwrap(), parameter);
    }
    activation
}

fn quick(name: &str) -> Options {
    Options { heartbeat: Duration::from_millis(200), ..options(name) }
}

async fn status_until(follower: &Follower, expected: impl Fn(&Status) -> bool) -> Status {
    within(async {
        loop {
            let status = follower.status();
            if expected(&status) {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
}

fn read(view: &conman_worker::View) -> [u32; 3] {
    ["fee", "exposure", "model"].map(|name| view.parameter(name).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flow_config_007_notifications_in_a_forbidden_section_apply_nothing() {
    on_postgres(async |world: World| {
        world.activate(version(&world, 1)).await;
        let follower = world.follow(quick("w")).await;
        reaches(&follower, 1).await;
        let position = follower.open_position();
        let cycle = follower.decision_cycle();
        let mut received = None;
        for number in 2..=40 {
            world.activate(version(&world, number)).await;
            // Each of them is heard while the sections are open.
            received = follower.status().last_notify_at.or(received);
            assert_eq!(follower.view().version(), ConfigVersion(1));
        }
        let status = status_until(&follower, |status| !status.pending.is_empty()).await;
        assert_eq!((status.applied, status.forbidden_applications), (Some(ConfigVersion(1)), 0));
        let waits = |name: &str, boundary| Pending { name: name.parse().unwrap(), boundary };
        let all = [waits("exposure", Boundary::PositionClose), waits("fee", Boundary::DecisionCycleEnd)];
        let sessions = world
            .sessions_until(|sessions| sessions.first().is_some_and(|s| s.report.pending.len() == 2))
            .await;
        let told = serde_json::to_value(&sessions[0].report.pending).unwrap();
        assert_eq!(told, serde_json::to_value(&all).unwrap());
        assert_eq!(read(&cycle), [1; 3]);
        drop(cycle);
        // The newest of the forty may still be on its way.
        status_until(&follower, |status| status.applied == Some(ConfigVersion(40))).await;
        assert_eq!(read(&follower.view()), [40, 1, 1]);
        assert_eq!(follower.view().version_of("exposure"), ConfigVersion(1));
        assert!(!follower.view().is_whole());
        assert_eq!(read(&position), [1; 3]);
        let told = |sessions: &[WorkerSession]| {
            let report = &sessions[0].report;
            let names = |names: &[conman_domain::name::ParameterName]| {
                names.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>()
            };
            report.pending.len() == 1 && names(&report.restart_required) == ["model"]
        };
        world.sessions_until(told).await;
        drop(position);
        status_until(&follower, |status| status.pending.is_empty()).await;
        assert_eq!(read(&follower.view()), [40, 40, 1]);
        assert_eq!(follower.status().forbidden_applications, 0);
        let sessions = world.sessions_until(|sessions| sessions[0].report.pending.is_empty()).await;
        assert_eq!(sessions[0].report.forbidden_applications, 0);
        // The next start applies what needed one.
        follower.shutdown().await;
        let again = world.follow(quick("w")).await;
        assert_eq!(read(&again.view()), [40; 3]);
        assert_eq!(again.status().restart_required, []);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_may_refuse_and_keeps_the_last_good_configuration() {
    on_postgres(async |world: World| {
        world.activate(version(&world, 1)).await;
        let check = Check::new(|view| match view.parameter::<u32>("fee") {
            Ok(2 | 3) => Err("the fee is prime".to_owned()),
            Ok(5) => panic!("a check with a fault"),
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        });
        let follower = world.follow(Options { check: Some(check), ..quick("w") }).await;
        for number in [2, 3] {
            world.activate(version(&world, number)).await;
            let refusal = |session: &WorkerSession| {
                session.report.refused.as_ref().map(|refused| (refused.version.0, refused.reason.clone()))
            };
            let expected = Some((number, "the fee is prime".to_owned()));
            let sessions =
                world.sessions_until(|sessions| sessions.first().and_then(refusal) == expected).await;
            let applied = sessions[0].report.applied.as_ref().unwrap();
            assert_eq!(applied.provenance.config_version, ConfigVersion(1));
        }
        assert_eq!(read(&follower.view()), [1; 3]);
        world.activate(version(&world, 4)).await;
        reaches(&follower, 4).await;
        assert_eq!(read(&follower.view()), [4, 4, 1]);
        status_until(&follower, |status| status.refused.is_none()).await;
        world.activate(version(&world, 5)).await;
        let refused = status_until(&follower, |status| status.refused.is_some()).await.refused.unwrap();
        assert!(refused.reason.contains("panicked"), "{refused:?}");
        world.activate(version(&world, 6)).await;
        reaches(&follower, 6).await;
        world.sessions_until(|sessions| sessions[0].report.refused.is_none()).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heartbeat_passes_without_a_connection_too() {
    on_postgres(async |world: World| {
        world.activate(version(&world, 1)).await;
        let (proxy, through) = support::Proxy::before(&world.url).await;
        let follower = within(Follower::connect(world.source_by(&through), quick("w"))).await.unwrap();
        let position = follower.enter(SectionKind::Position);
        world.activate(version(&world, 2)).await;
        status_until(&follower, |status| status.applied == Some(ConfigVersion(2))).await;
        proxy.set(support::Wire::Cut);
        status_until(&follower, |status| !status.connected).await;
        drop(position);
        status_until(&follower, |status| status.pending.is_empty()).await;
        assert_eq!(read(&follower.view()), [2, 2, 1]);
        assert!(follower.view().parameters().all(|(_, parameter)| parameter.kind == ParameterType::Int));
    })
    .await;
}
