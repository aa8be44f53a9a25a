//! `conman worker run`: follows an environment and shows what it runs.

use crate::arguments::{Output, WorkerArguments};
use crate::ending::{Ending, Outcome};
use crate::{print, signals};
use anyhow::{Context as _, anyhow};
use conman_worker::{Applied, ConnectError, Follower, Options, Source};
use serde_json::json;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long to wait before a source that was not reached is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Follows an environment until told to stop, and prints each version as it applies.
pub(crate) async fn run(arguments: WorkerArguments) -> Outcome {
    let shutdown = signals::shutdown().map_err(Ending::CannotStart)?;
    let output = arguments.output;
    let name = arguments.name.clone().unwrap_or_else(|| format!("worker-{}", std::process::id()));
    let source = source(arguments)?;
    let Some(follower) = connected(&source, &name, &shutdown).await? else {
        return Ok(());
    };
    let outcome = follow(&follower, output, &shutdown).await;
    follower.shutdown().await;
    outcome
}

/// A database that was named is followed directly; the server may be named by the environment all the same.
fn source(arguments: WorkerArguments) -> Outcome<Source> {
    match arguments {
        WorkerArguments {
            distribution: Some(url), app: Some(app), environment: Some(environment), ..
        } => Ok(Source::Postgres { url, app_id: app.into(), environment_id: environment.into() }),
        WorkerArguments { distribution: None, server: Some(server_url), token: Some(token), .. }
            if !token.is_empty() =>
        {
            Ok(Source::Http { server_url, token })
        }
        _ => Err(Ending::cannot_start(anyhow!(
            "say --server and --token (or CONMAN_TOKEN), or --distribution, --app and --environment"
        ))),
    }
}

/// Connects, however long it takes; `None` if told to stop before.
async fn connected(source: &Source, name: &str, shutdown: &CancellationToken) -> Outcome<Option<Follower>> {
    loop {
        let connecting = Follower::connect(source.clone(), Options::new(name));
        let connected = tokio::select! {
            () = shutdown.cancelled() => return Ok(None),
            connected = connecting => connected,
        };
        match connected {
            Ok(follower) => return Ok(Some(follower)),
            Err(error @ ConnectError::Setup { .. }) => return Err(Ending::cannot_start(error)),
            Err(error @ (ConnectError::Refused { .. } | ConnectError::Stopped)) => {
                return Err(Ending::Failed(error.into()));
            }
            Err(error @ (ConnectError::Unreachable { .. } | ConnectError::Unusable { .. })) => {
                print::complaint(format!("{error}; trying again"));
                tokio::select! {
                    () = shutdown.cancelled() => return Ok(None),
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
    }
}

async fn follow(follower: &Follower, output: Output, shutdown: &CancellationToken) -> Outcome {
    // The first may have been active for long when the worker came.
    let mut found = true;
    loop {
        let applied = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            applied = follower.changed() => applied,
        };
        let Some(applied) = applied else {
            return Err(Ending::Failed(anyhow!("the worker stopped by itself")));
        };
        print::line(&shown(&applied, output, found)).context("nobody reads what is printed")?;
        found = false;
    }
}

/// One version on one line.
fn shown(applied: &Applied, output: Output, found: bool) -> String {
    let runs = &applied.provenance;
    let after = applied.at.since(applied.activated_at).num_milliseconds();
    match output {
        Output::Table => {
            let since = if found {
                format!("active since {}", applied.activated_at)
            } else {
                format!("applied {after} ms after its commit")
            };
            format!(
                "{}  version {}  {}  commit {}  profile revision {}  {since}",
                applied.at,
                runs.config_version,
                runs.release_tag,
                runs.release_commit.short(),
                runs.profile_revision,
            )
        }
        Output::Json => json!({
            "config_version": runs.config_version,
            "release_tag": runs.release_tag,
            "release_commit": runs.release_commit,
            "tree_id": runs.tree_id,
            "profile_revision": runs.profile_revision,
            "activated_at": applied.activated_at,
            "applied_at": applied.at,
            "applied_after_ms": after,
        })
        .to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::Arguments;
    use clap::Parser as _;

    fn parsed(words: &[&str]) -> Option<Source> {
        let words = [&["conman", "worker", "run"], words].concat();
        match Arguments::try_parse_from(words).ok()?.command {
            crate::arguments::Command::Worker(crate::arguments::WorkerCommand::Run(arguments)) => {
                source(arguments).ok()
            }
            _ => None,
        }
    }

    #[test]
    fn a_worker_follows_a_server_or_a_database() {
        let id = "018f0000-0000-7000-8000-000000000000";
        let database = ["--distribution", "postgres://h/d", "--app", id, "--environment", id];
        let server = ["--server", "http://h", "--token", "t"];
        assert!(matches!(parsed(&server), Some(Source::Http { .. })));
        assert!(matches!(parsed(&database), Some(Source::Postgres { .. })));
        assert!(matches!(parsed(&[&server[..], &database[..]].concat()), Some(Source::Postgres { .. })));
        assert!(parsed(&database[..4]).is_none());
        assert!(parsed(&["--distribution", "postgres://h/d", "--app", id, "--environment", "dev"]).is_none());
    }
}
