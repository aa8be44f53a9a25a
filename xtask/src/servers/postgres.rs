//! PostgreSQL: one throw-away cluster per run.

use std::ffi::OsStr;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::failure::{During, Failure, Outcome};
use crate::servers::process::{Launch, ServerProcess, as_user, free_port};
use crate::servers::setup;
use crate::{paths, shell, signals};

const USER: &str = "postgres";
const START: Duration = Duration::from_secs(60);

/// A running PostgreSQL with trust authentication on loopback. Its disk is synced as in production, because tests kill
/// processes and look at what is left.
#[derive(Debug)]
pub(crate) struct Postgres {
    process: ServerProcess,
    port: u16,
}

impl Postgres {
    /// Makes a cluster in the folder and starts it.
    pub(crate) fn start(folder: &Path) -> Outcome<Self> {
        let binaries = install()?;
        std::fs::create_dir(folder).during(|| format!("cannot make {}", folder.display()))?;
        // PostgreSQL refuses to run as root.
        let user = setup::is_root().then_some(USER);
        if let Some(user) = user {
            shell::read(Command::new("chown").arg(user).arg(folder))?;
        }
        let data = folder.join("data");
        let mut initdb = as_user(user, None, &binaries.join("initdb"));
        initdb.arg("--pgdata").arg(&data).args(["--username", USER, "--auth", "trust", "--encoding", "UTF8"]);
        initdb.args(["--locale", "C", "--no-instructions"]).current_dir("/");
        shell::read(&mut initdb)?;
        let port = free_port()?;
        let settings = [
            format!("port={port}"),
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={}", data.display()),
            // Hundreds of workers listen at once in tests and benches.
            "max_connections=1100".to_owned(),
            "shared_buffers=128MB".to_owned(),
            "fsync=on".to_owned(),
            "log_min_messages=warning".to_owned(),
        ];
        let mut arguments: Vec<&OsStr> = vec![OsStr::new("-D"), data.as_os_str()];
        for setting in &settings {
            arguments.extend([OsStr::new("-c"), OsStr::new(setting)]);
        }
        let mut process = ServerProcess::start(Launch {
            name: "PostgreSQL",
            program: &binaries.join("postgres"),
            arguments,
            user,
            log: folder.join("log"),
            // Its "fast" shutdown: sessions are ended, not waited for.
            stop_signal: signals::SIGINT,
        })?;
        let deadline = Instant::now() + START;
        let mut probe = Command::new(binaries.join("pg_isready"));
        let port_text = port.to_string();
        probe.args(["--quiet", "--host", "127.0.0.1", "--port", &port_text, "--username", USER]);
        // A cheap look first: pg_isready starts a process each time.
        while TcpStream::connect(("127.0.0.1", port)).is_err() || !shell::status(&mut probe)?.success() {
            process.check()?;
            if Instant::now() > deadline || signals::interrupted() {
                return Err(Failure::new(format!("PostgreSQL did not start:\n{}", process.log_end())));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(Self { process, port })
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/postgres", self.port)
    }

    pub(crate) fn check(&mut self) -> Outcome<()> {
        self.process.check()
    }
}

/// Finds the folder of PostgreSQL's server programs, installing them if need be.
pub(crate) fn install() -> Outcome<PathBuf> {
    if let Some(found) = binaries() {
        return Ok(found);
    }
    setup::apt_install(&["postgresql"])?;
    binaries().ok_or_else(|| Failure::new("PostgreSQL's initdb is not to be found: install postgresql"))
}

/// The folder of the newest PostgreSQL's server programs. Debian keeps them out of the PATH, one folder per version.
fn binaries() -> Option<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten() {
        let folder = entry.path().join("bin");
        let version = entry.file_name().to_str().and_then(|name| name.parse().ok());
        if let Some(version) = version
            && ["initdb", "postgres", "pg_isready"].iter().all(|name| folder.join(name).is_file())
        {
            found.push((version, folder));
        }
    }
    found.sort();
    if let Some((_, folder)) = found.pop() {
        return Some(folder);
    }
    let beside = paths::program("initdb")?.canonicalize().ok()?;
    beside.parent().filter(|folder| folder.join("postgres").is_file()).map(Path::to_path_buf)
}
