//! One server process.

use std::ffi::OsStr;
use std::fs::File;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::failure::{During, Failure, Outcome};
use crate::{paths, shell, signals};

/// A server that was started here. It is asked to stop, and waited for, when the value is dropped.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    name: &'static str,
    child: Child,
    log: PathBuf,
    stop_signal: i32,
}

/// What is needed to start a server.
pub(crate) struct Launch<'a> {
    pub(crate) name: &'static str,
    pub(crate) program: &'a Path,
    pub(crate) arguments: Vec<&'a OsStr>,
    /// The user to run as, when it is not the present one.
    pub(crate) user: Option<&'a str>,
    pub(crate) log: PathBuf,
    /// The signal that makes this server stop in order and soon.
    pub(crate) stop_signal: i32,
}

impl ServerProcess {
    /// Starts the server, in a process group of its own so that Ctrl-C reaches this program first, and (on Linux)
    /// such that it stops even when this program is killed outright.
    pub(crate) fn start(launch: Launch<'_>) -> Outcome<Self> {
        let log = File::create(&launch.log).during(|| format!("cannot write {}", launch.log.display()))?;
        let errors = log.try_clone().during(|| format!("cannot write {}", launch.log.display()))?;
        let mut command = as_user(launch.user, Some(launch.stop_signal), launch.program);
        command.args(launch.arguments).process_group(0);
        // Started in a folder that every user may read: a server that cannot is one that complains.
        command.current_dir("/").stdin(Stdio::null()).stdout(log).stderr(errors);
        let child = command.spawn().during(|| format!("cannot start `{}`", shell::describe(&command)))?;
        Ok(Self { name: launch.name, child, log: launch.log, stop_signal: launch.stop_signal })
    }

    /// Fails, with the end of the server's log, if the server has ended.
    pub(crate) fn check(&mut self) -> Outcome<()> {
        let ended = self.child.try_wait().during(|| format!("cannot look after {}", self.name))?;
        match ended {
            None => Ok(()),
            Some(status) => Err(Failure::new(format!(
                "{} ended with {status}; its log ends:\n{}",
                self.name,
                self.log_end()
            ))),
        }
    }

    pub(crate) fn log_end(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        shell::stop(&mut self.child, self.stop_signal, Duration::from_secs(10));
    }
}

/// A command that runs as another user, and that gets a signal when this program dies, where the system can do so.
pub(crate) fn as_user(user: Option<&str>, signal_at_death: Option<i32>, program: &Path) -> Command {
    let Some(setpriv) = paths::program("setpriv") else {
        let mut command;
        match user {
            Some(user) => {
                command = Command::new("runuser");
                command.arg("-u").arg(user).arg("--").arg(program);
            }
            None => command = Command::new(program),
        }
        return command;
    };
    let mut command = Command::new(setpriv);
    if let Some(user) = user {
        command.arg(format!("--reuid={user}")).arg(format!("--regid={user}")).arg("--init-groups");
    }
    if let Some(signum) = signal_at_death {
        command.arg("--pdeathsig").arg(if signum == signals::SIGINT { "INT" } else { "TERM" });
    }
    command.arg("--").arg(program);
    command
}

/// A loopback port that nobody listens on at this moment.
pub(crate) fn free_port() -> Outcome<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).during(|| "cannot find a free port".to_owned())?;
    Ok(listener.local_addr().during(|| "cannot find a free port".to_owned())?.port())
}
