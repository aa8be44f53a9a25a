//! A complete program that works by its configuration: it takes one decision after another until it is told to stop.
//!
//! ```text
//! CONMAN_SERVER=https://conman.example CONMAN_TOKEN=cst_… cargo run -p conman-worker --example follow
//! ```
//!
//! With `CONMAN_DATABASE=postgres://…`, `CONMAN_APP` and `CONMAN_ENVIRONMENT` it follows the database itself.

#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use conman_worker::{Applied, Check, FileSelection, Follower, Options, Section, Source, View};
use std::error::Error;
use std::time::Duration;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
#[cfg_attr(test, expect(dead_code, reason = "tests call what it calls"))]
async fn main() -> Outcome<()> {
    let stop = async {
        // Where no signal can be heard, the program runs until it is killed.
        let _ = tokio::signal::ctrl_c().await;
    };
    run(source()?, options("follow"), stop).await
}

/// Where the configuration comes from, as the environment variables say.
fn source() -> Outcome<Source> {
    Ok(match std::env::var("CONMAN_DATABASE") {
        Ok(url) => Source::Postgres {
            url,
            app_id: std::env::var("CONMAN_APP")?.parse()?,
            environment_id: std::env::var("CONMAN_ENVIRONMENT")?.parse()?,
        },
        Err(_) => Source::Http {
            server_url: std::env::var("CONMAN_SERVER")?,
            token: std::env::var("CONMAN_TOKEN")?,
        },
    })
}

/// What this program needs, and what it does not take.
pub(crate) fn options(name: &str) -> Options {
    Options {
        files: FileSelection::Under(vec!["queues".to_owned()]),
        check: Some(Check::new(can_work)),
        cache: std::env::var_os("CONMAN_CACHE_FILE").map(Into::into),
        ..Options::new(name)
    }
}

/// Refuses a configuration that this program could not work with; the last good one stays then.
fn can_work(view: &View) -> Result<(), String> {
    let samples: u32 = view.parameter("max_samples").map_err(|error| error.to_string())?;
    view.duration("retry_after").map_err(|error| error.to_string())?;
    if samples == 0 { Err("`max_samples` must not be 0".to_owned()) } else { Ok(()) }
}

/// Works until `stop` is ready.
pub(crate) async fn run(source: Source, options: Options, stop: impl Future<Output = ()>) -> Outcome<()> {
    let follower = Follower::connect(source, options).await?;
    println!("version {} at the start", follower.view().version());
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            // Telling of changes is a convenience: each cycle reads the newest view anyway.
            Some(applied) = follower.changed() => tell(&applied),
            outcome = work(&follower) => outcome?,
        }
    }
    follower.shutdown().await;
    Ok(())
}

fn tell(applied: &Applied) {
    println!("version {}: {} parameters changed", applied.provenance.config_version, applied.changed.len());
}

/// One decision, and the pause after it.
async fn work(follower: &Follower) -> Outcome<()> {
    let pause = {
        // From here to the end of the block nothing changes, whatever is saved meanwhile.
        let cycle = follower.decision_cycle();
        if let Some(position) = decide(&cycle, follower)? {
            // While it is open, risk limits stay as they are.
            println!("opened under version {}", position.version());
        }
        cycle.duration("retry_after")?
    };
    tokio::time::sleep(pause.min(Duration::from_secs(60))).await;
    Ok(())
}

/// Opens a position if the limit allows it.
fn decide(view: &View, follower: &Follower) -> Outcome<Option<Section>> {
    let samples: u32 = view.parameter("max_samples")?;
    Ok((samples > 10).then(|| follower.open_position()))
}
