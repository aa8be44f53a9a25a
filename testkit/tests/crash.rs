//! The real server, killed at every step of composing, publishing, deploying and saving, at any moment of a busy day, and cut
//! off from its databases: after a restart the three memories agree, and nothing that was acknowledged is lost.
//!
//! Each test runs on the embedded default and on MongoDB with PostgreSQL. `CONMAN_BIN_FAILPOINTS` names the binary with
//! fault points, `CONMAN_TEST_MONGODB` and `CONMAN_TEST_POSTGRES` the servers.

#[path = "crash/busy.rs"]
mod busy;
#[path = "crash/client.rs"]
mod client;
#[path = "crash/hold.rs"]
mod hold;
#[path = "crash/journey.rs"]
mod journey;
#[path = "crash/lab.rs"]
mod lab;
#[path = "crash/line.rs"]
mod line;
#[path = "crash/memories/mod.rs"]
mod memories;
#[path = "crash/outages.rs"]
mod outages;
#[path = "crash/place.rs"]
mod place;
#[path = "crash/points.rs"]
mod points;

/// Makes two tests of each call: one on the embedded default, one on database servers.
macro_rules! on_both {
    ($($name:ident => $module:ident::$function:ident($($argument:expr)?);)*) => {
        mod embedded {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() -> anyhow::Result<()> {
                    crate::$module::$function(crate::place::Backend::Embedded $(, $argument)?).await
                }
            )*
        }

        mod servers {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() -> anyhow::Result<()> {
                    crate::$module::$function(crate::place::Backend::Servers $(, $argument)?).await
                }
            )*
        }
    };
}

on_both! {
    composing_survives_a_kill_at_each_fault_point => points::kill_at_each(crate::points::Step::Compose);
    publishing_survives_a_kill_at_each_fault_point => points::kill_at_each(crate::points::Step::Publish);
    deploying_survives_a_kill_at_each_fault_point => points::kill_at_each(crate::points::Step::Deploy);
    saving_survives_a_kill_at_each_fault_point => points::kill_at_each(crate::points::Step::Save);
    a_busy_server_survives_kills_at_any_moment => busy::kill_at_random();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_busy_servers_survive_kills_of_either() -> anyhow::Result<()> {
    busy::kill_either_of_two().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_survives_a_closed_postgresql() -> anyhow::Result<()> {
    outages::postgres_is_closed().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_survives_the_loss_of_postgresql() -> anyhow::Result<()> {
    outages::postgres_goes_away().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_survives_the_loss_of_mongodb() -> anyhow::Result<()> {
    outages::mongo_goes_away().await
}
