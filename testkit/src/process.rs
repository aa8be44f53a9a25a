//! The real binary as a process of its own, that can be killed.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long a start may take: a cold debug build of the binary under a full machine is slow to get going.
const START: Duration = Duration::from_secs(120);
/// How long an orderly stop may take before it counts as a hang.
const STOP: Duration = Duration::from_secs(60);

/// How to start the binary. The same command can be started again and again on the same data.
#[derive(Debug, Clone)]
pub struct ConmanCommand {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
}

impl ConmanCommand {
    /// A command without arguments.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), arguments: Vec::new(), environment: Vec::new() }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Starts the process and waits until it prints its ready line: the first line of its standard output that is a
    /// JSON object.
    ///
    /// # Errors
    ///
    /// Fails, with the end of the process's log, when it ends before or prints none within two minutes.
    pub async fn start(self) -> Result<ConmanProcess> {
        let running = Running::spawn(&self)?;
        let mut process =
            ConmanProcess { command: self, running, ready: Value::Null, earlier_logs: Vec::new() };
        process.await_ready().await?;
        Ok(process)
    }

    /// Runs the process to its end and gives all that it printed.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be started, or has not ended after `patience`.
    pub async fn run(&self, patience: Duration) -> Result<std::process::Output> {
        let output = self.to_command().output();
        tokio::time::timeout(patience, output)
            .await
            .with_context(|| format!("{} has not ended after {patience:?}", self.describe()))?
            .with_context(|| format!("cannot start {}", self.describe()))
    }

    fn to_command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).envs(self.environment.iter().map(|(name, value)| (name, value)));
        // It stays in the test's process group: a runner that gives up on the test takes it along.
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    fn describe(&self) -> String {
        let mut line = self.program.to_string_lossy().into_owned();
        for argument in &self.arguments {
            line.push(' ');
            line.push_str(&argument.to_string_lossy());
        }
        line
    }
}

/// A running binary. It is killed with the value; when that happens because a test fails, its log is shown.
#[derive(Debug)]
pub struct ConmanProcess {
    command: ConmanCommand,
    running: Running,
    ready: Value,
    earlier_logs: Vec<String>,
}

impl ConmanProcess {
    /// The ready line that the process printed last.
    #[must_use]
    pub fn ready(&self) -> &Value {
        &self.ready
    }

    /// The process's id.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.running.child.id()
    }

    /// All that the present process has written to its standard error so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.running.errors.text()
    }

    /// All that the present process has written to its standard output so far.
    #[must_use]
    pub fn output(&self) -> String {
        self.running.output.text()
    }

    /// Waits until the process has printed a line on its standard output that `wanted` takes, and gives what it made
    /// of it. Lines printed before count as well.
    ///
    /// # Errors
    ///
    /// Fails, with the end of the process's log, when it ends first or when `patience` runs out.
    pub async fn line<T>(&mut self, patience: Duration, wanted: impl Fn(&str) -> Option<T>) -> Result<T> {
        let mut seen = 0;
        let mut changed = self.running.output.changed.subscribe();
        let search = async {
            loop {
                let ended = *changed.borrow_and_update() == Progress::Ended;
                for line in self.running.output.after(&mut seen) {
                    if let Some(found) = wanted(&line) {
                        return Some(found);
                    }
                }
                if ended || changed.changed().await.is_err() {
                    return None;
                }
            }
        };
        match tokio::time::timeout(patience, search).await {
            Ok(Some(found)) => Ok(found),
            Ok(None) => {
                let status = self.running.child.wait().await.context("cannot wait for the process")?;
                self.running.errors.ended().await;
                bail!("{} ended with {status}\n{}", self.command.describe(), self.log())
            }
            Err(_) => {
                bail!(
                    "{} has not printed the line after {patience:?}\n{}",
                    self.command.describe(),
                    self.log()
                )
            }
        }
    }

    /// Kills the process with SIGKILL, as the machine's memory watcher or an impatient person would, and waits for
    /// its end.
    ///
    /// # Errors
    ///
    /// Fails when the process cannot be waited for.
    pub async fn kill(&mut self) -> Result<()> {
        self.running.child.kill().await.context("cannot kill the process")
    }

    /// Asks the process to stop (SIGTERM) and waits for its end.
    ///
    /// # Errors
    ///
    /// Fails, with the end of the process's log, when it takes longer than a minute.
    pub async fn stop(&mut self) -> Result<ExitStatus> {
        if let Some(pid) = self.pid() {
            terminate(pid)?;
        }
        self.ended(STOP).await
    }

    /// Waits for the process to end by itself, as it does at an armed fault point.
    ///
    /// # Errors
    ///
    /// Fails, with the end of the process's log, when it has not ended after `patience`.
    pub async fn ended(&mut self, patience: Duration) -> Result<ExitStatus> {
        let Ok(status) = tokio::time::timeout(patience, self.running.child.wait()).await else {
            bail!("{} has not ended after {patience:?}\n{}", self.command.describe(), self.log())
        };
        let status = status.context("cannot wait for the process")?;
        // What it said last may still be on its way.
        self.running.output.ended().await;
        self.running.errors.ended().await;
        Ok(status)
    }

    /// Starts the process again on the same data, after it ended or was killed, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// Fails when it still runs, or as a first start does.
    pub async fn restart(&mut self) -> Result<()> {
        self.restart_with(self.command.clone()).await
    }

    /// Starts another command in the place of this one, for instance without its fault points.
    ///
    /// # Errors
    ///
    /// Fails when the process still runs, or as a first start does.
    pub async fn restart_with(&mut self, command: ConmanCommand) -> Result<()> {
        let ended = self.running.child.try_wait().context("cannot look after the process")?;
        ensure!(ended.is_some(), "{} still runs", self.command.describe());
        self.earlier_logs.push(self.log());
        self.running = Running::spawn(&command)?;
        self.command = command;
        self.await_ready().await
    }

    async fn await_ready(&mut self) -> Result<()> {
        self.ready = self
            .line(START, |line| {
                let line = line.trim();
                // Numbers and quoted words are JSON as well, and are not meant.
                line.starts_with('{').then(|| serde_json::from_str(line).ok()).flatten()
            })
            .await?;
        Ok(())
    }
}

impl Drop for ConmanProcess {
    #[expect(clippy::print_stderr, reason = "the log belongs beside the failure that it may explain")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            for log in &self.earlier_logs {
                eprintln!("--- log of {}, before a restart:\n{log}", self.command.describe());
            }
            eprintln!("--- log of {}:\n{}", self.command.describe(), self.log());
        }
    }
}

fn terminate(pid: u32) -> Result<()> {
    let pid = libc::pid_t::try_from(pid).context("a process id that the system does not have")?;
    #[expect(unsafe_code, reason = "a plain system call on a child that has not been waited for yet")]
    let outcome = unsafe { libc::kill(pid, libc::SIGTERM) };
    ensure!(outcome == 0, "cannot signal process {pid}: {}", std::io::Error::last_os_error());
    Ok(())
}

/// One life of the process.
#[derive(Debug)]
struct Running {
    child: Child,
    output: Captured,
    errors: Captured,
}

impl Running {
    fn spawn(command: &ConmanCommand) -> Result<Self> {
        let mut child = command
            .to_command()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", command.describe()))?;
        let output = Captured::from(child.stdout.take().context("no standard output")?);
        let errors = Captured::from(child.stderr.take().context("no standard error")?);
        Ok(Self { child, output, errors })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Lines(usize),
    Ended,
}

/// A stream of the process, read to its end in the background so that the process never waits for us.
#[derive(Debug)]
struct Captured {
    lines: Arc<Mutex<Vec<String>>>,
    changed: Arc<watch::Sender<Progress>>,
    reader: JoinHandle<()>,
}

impl Captured {
    fn from(stream: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let changed = Arc::new(watch::Sender::new(Progress::Lines(0)));
        let reader = tokio::spawn({
            let (lines, changed) = (Arc::clone(&lines), Arc::clone(&changed));
            async move {
                let mut reader = BufReader::new(stream);
                let mut bytes = Vec::new();
                // A stream that breaks has ended, too.
                while matches!(reader.read_until(b'\n', &mut bytes).await, Ok(1..)) {
                    let line = String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']).to_owned();
                    bytes.clear();
                    let count = {
                        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
                        lines.push(line);
                        lines.len()
                    };
                    changed.send_replace(Progress::Lines(count));
                }
                changed.send_replace(Progress::Ended);
            }
        });
        Self { lines, changed, reader }
    }

    fn text(&self) -> String {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }

    /// The lines that came after the first `seen`, which is moved on.
    fn after(&self, seen: &mut usize) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let new = lines[*seen..].to_vec();
        *seen = lines.len();
        new
    }

    async fn ended(&self) {
        let mut changed = self.changed.subscribe();
        // An error would mean that the sender is gone; this value holds it. The stream stays open as long as a
        // grandchild holds it: that is not worth waiting for.
        let ended = changed.wait_for(|progress| *progress == Progress::Ended);
        let _ = tokio::time::timeout(Duration::from_secs(1), ended).await;
    }
}

impl Drop for Captured {
    fn drop(&mut self) {
        self.reader.abort();
    }
}
