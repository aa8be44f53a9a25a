//! A PostgreSQL that is stopped and started again under its workers.

#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

#[expect(dead_code, reason = "the other tests use the rest of it")]
mod support;

use conman_domain::snapshot::ConfigVersion;
use conman_worker::{Follower, Options};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;
use support::{With, World, options, reaches, within};

/// A cluster of this test's own, because it is to be stopped.
struct Cluster {
    binaries: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
}

impl Cluster {
    fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let cluster = Self { binaries: binaries(), folder, port: listener.local_addr().unwrap().port() };
        if is_root() {
            // PostgreSQL refuses to run as root.
            run(Command::new("chown").arg("postgres").arg(cluster.folder.path()));
        }
        let mut initdb = cluster.program("initdb");
        run(initdb
            .args(["--username", "postgres", "--auth", "trust", "--no-sync", "--pgdata"])
            .arg(cluster.data()));
        cluster
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn program(&self, name: &str) -> Command {
        let path = self.binaries.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn start(&self) {
        let settings = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={}",
            self.port,
            self.data().display()
        );
        let mut start = self.program("pg_ctl");
        start.args(["start", "--wait", "--timeout", "60", "--options", &settings, "--log"]);
        run(start.arg(self.folder.path().join("data/log")).arg("--pgdata").arg(self.data()));
    }

    fn stop(&self, mode: &str) -> bool {
        let mut stop = self.program("pg_ctl");
        stop.args(["stop", "--wait", "--timeout", "60", "--mode", mode, "--pgdata"]).arg(self.data());
        stop.status().is_ok_and(|status| status.success())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // It may have been stopped already.
        self.stop("immediate");
    }
}

fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?} ended with {status}");
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}

/// Debian keeps the server's programs out of the PATH, a folder for each version.
fn binaries() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = versions.map(|version| version.path().join("bin")).max();
    let path = std::env::var_os("PATH").unwrap_or_default();
    debian
        .into_iter()
        .chain(std::env::split_paths(&path))
        .find(|folder| folder.join("initdb").is_file() && folder.join("pg_ctl").is_file())
        .expect("PostgreSQL's initdb and pg_ctl are installed; `cargo xtask test` does that")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_outlives_its_database() {
    let cluster = Cluster::make();
    cluster.start();
    let world = World::open(format!("postgres://postgres@127.0.0.1:{}/postgres", cluster.port)).await;
    world.tick(1).await;
    let patient = Options { heartbeat: Duration::from_secs(3_600), ..options("w") };
    let follower: Follower = world.follow(patient).await;
    let position = follower.open_position();
    for (mode, number) in [("fast", 2), ("immediate", 3)] {
        assert!(cluster.stop(mode));
        within(async {
            while follower.status().connected {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
        assert_eq!(follower.view().version(), ConfigVersion(number - 1));
        assert!(follower.status().problem.unwrap().contains("lost"));
        cluster.start();
        // The server's own connections come back too, after a refusal or two.
        within(async {
            while world.port.activate(world.version(number).parameter("n", number.into())).await.is_err() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
        .await;
        reaches(&follower, number).await;
        assert_eq!(follower.view().parameter::<u32>("n"), Ok(number));
    }
    assert_eq!(position.parameter::<u32>("n"), Ok(1));
    assert!(follower.status().reconnects >= 2);
    assert_eq!(follower.status().problem, None);
    world.sessions_until(|sessions| sessions.len() == 1 && sessions[0].report.problem.is_none()).await;
    drop(position);
    follower.shutdown().await;
}
