//! The `git` command, for what the library cannot do.
//!
//! Arguments are fixed words, object ids and paths that this crate made; text of users is never among them. The
//! environment is cleared, no settings but the repository's own and these are read, no hook or prompt runs, no
//! transport is open, and every command has a time limit.

use crate::{GitError, Result};
use std::ffi::{OsStr, OsString};
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// How much of a command's messages is kept.
const MESSAGES: usize = 8 << 10;

/// The oldest version that has `git merge-tree --write-tree`.
pub(crate) const OLDEST: &str = "2.38";

/// Checks that the command is there and not too old.
pub(crate) fn require_git(folder: &Path) -> Result<()> {
    let found = match GitCommand::new(folder, "version").run() {
        Ok(done) => String::from_utf8_lossy(&done.stdout).trim().to_owned(),
        Err(GitError::Io { source, .. }) => source.to_string(),
        Err(error) => return Err(error),
    };
    if is_recent(&found) { Ok(()) } else { Err(GitError::Unusable { found }) }
}

/// Reads `git version 2.47.3` and the like.
fn is_recent(found: &str) -> bool {
    let parse = |text: &str| -> Option<(u32, u32)> {
        let mut parts = text.split('.');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    };
    let version = found.strip_prefix("git version ").and_then(|text| text.split(' ').next()).and_then(parse);
    version.is_some_and(|version| Some(version) >= parse(OLDEST))
}

/// A command on one repository.
pub(crate) struct GitCommand {
    verb: &'static str,
    command: Command,
    limit: Duration,
}

/// What a command that ran to its end left.
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    status: String,
    stderr: String,
    verb: &'static str,
}

impl Finished {
    /// The failure as an error.
    pub(crate) fn error(&self) -> GitError {
        GitError::Command { verb: self.verb, status: self.status.clone(), stderr: self.stderr.clone() }
    }
}

impl GitCommand {
    /// A command whose writes are synced to disk.
    pub(crate) fn new(git_dir: &Path, verb: &'static str) -> Self {
        Self::with_sync(git_dir, verb, "core.fsync=committed")
    }

    /// A command whose writes need not survive.
    pub(crate) fn unsynced(git_dir: &Path, verb: &'static str) -> Self {
        Self::with_sync(git_dir, verb, "core.fsync=none")
    }

    fn with_sync(git_dir: &Path, verb: &'static str, sync: &str) -> Self {
        let mut command = Command::new("git");
        command.env_clear();
        // Only to find the program and what it runs itself.
        command.env("PATH", std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin")));
        command
            .env("HOME", git_dir)
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .env("GIT_DIR", git_dir)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_ALLOW_PROTOCOL", "")
            .env("GIT_ASKPASS", "/bin/false")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_GRAFT_FILE", "/dev/null")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_TERMINAL_PROMPT", "0")
            .current_dir(git_dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for setting in [
            "core.hooksPath=/dev/null",
            sync,
            "core.fsyncMethod=fsync",
            "core.attributesFile=/dev/null",
            "gc.auto=0",
            "maintenance.auto=false",
            "protocol.allow=never",
            "safe.directory=*",
        ] {
            command.args(["-c", setting]);
        }
        command.arg(verb);
        Self { verb, command, limit: Duration::from_secs(60) }
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs to the end with nothing on its input.
    pub(crate) fn run(self) -> Result<Finished> {
        self.run_with(Input::Nothing)
    }

    /// Runs to the end with the given input.
    pub(crate) fn run_with(mut self, input: Input) -> Result<Finished> {
        let failed = GitError::io(PathBuf::from("git"));
        let pumped = match input {
            Input::Nothing => None,
            Input::Reader(reader) => {
                self.command.stdin(Stdio::piped());
                Some(reader)
            }
            Input::Process(process) => {
                self.command.stdin(Stdio::from(process));
                None
            }
        };
        let mut child = self.command.spawn().map_err(failed)?;
        if let (Some(mut reader), Some(mut stdin)) = (pumped, child.stdin.take()) {
            // A command that ends early closes its input: its exit status tells why, not this copy.
            thread::spawn(move || drop(std::io::copy(&mut reader, &mut stdin).and_then(|_| stdin.flush())));
        }
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let stdout = collect(out, usize::MAX);
        let stderr = collect(err, MESSAGES);
        let deadline = Instant::now() + self.limit;
        let output = stdout.recv_timeout(self.limit);
        let messages = stderr.recv_timeout(deadline.saturating_duration_since(Instant::now()));
        let (Ok(output), Ok(messages)) = (output, messages) else {
            stop(&mut child);
            return Err(GitError::TimedOut { verb: self.verb, limit: self.limit });
        };
        let status = child.wait().map_err(GitError::io(PathBuf::from("git")))?;
        Ok(Finished {
            code: status.code(),
            stdout: output.map_err(GitError::io(PathBuf::from("git")))?,
            status: status.to_string(),
            stderr: String::from_utf8_lossy(&messages.unwrap_or_default()).trim().to_owned(),
            verb: self.verb,
        })
    }

    /// Starts a command whose output another one reads.
    pub(crate) fn start(mut self, input: &str) -> Result<Running> {
        self.command.stdin(Stdio::piped());
        let mut child = self.command.spawn().map_err(GitError::io(PathBuf::from("git")))?;
        let stdout = child.stdout.take().ok_or_else(|| GitError::corrupt("the command has no output"))?;
        let stderr = collect(child.stderr.take(), MESSAGES);
        if let Some(mut stdin) = child.stdin.take() {
            // A few ids: they fit the pipe, so that this cannot wait.
            stdin.write_all(input.as_bytes()).map_err(GitError::io(PathBuf::from("git")))?;
        }
        Ok(Running { verb: self.verb, child, stdout: Some(stdout), stderr })
    }
}

/// What a command reads.
pub(crate) enum Input {
    Nothing,
    Reader(Box<dyn Read + Send>),
    Process(ChildStdout),
}

/// A command that runs beside another.
pub(crate) struct Running {
    verb: &'static str,
    child: Child,
    stdout: Option<ChildStdout>,
    stderr: mpsc::Receiver<std::io::Result<Vec<u8>>>,
}

impl Running {
    /// Its output, for the other command; once.
    pub(crate) fn output(&mut self) -> Input {
        self.stdout.take().map_or(Input::Nothing, Input::Process)
    }

    /// Waits for its end, which follows that of the command that reads its output.
    pub(crate) fn finish(mut self) -> Result<Finished> {
        self.stdout = None;
        let status = self.child.wait().map_err(GitError::io(PathBuf::from("git")))?;
        let messages = self.stderr.recv().ok().and_then(|read| read.ok()).unwrap_or_default();
        Ok(Finished {
            code: status.code(),
            stdout: Vec::new(),
            status: status.to_string(),
            stderr: readable(&messages),
            verb: self.verb,
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

/// A command's messages, without the one that the repositories' own settings cause every time.
fn readable(messages: &[u8]) -> String {
    let text = String::from_utf8_lossy(messages);
    let lines = text.lines().filter(|line| !line.starts_with("warning: core.fsyncObjectFiles is deprecated"));
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

fn stop(child: &mut Child) {
    // Both fail only when it has ended and been waited for already.
    drop(child.kill());
    drop(child.wait());
}

/// Reads a stream to its end on a thread of its own; what exceeds `most` is read and dropped.
fn collect<R: Read + Send + 'static>(
    stream: Option<R>,
    most: usize,
) -> mpsc::Receiver<std::io::Result<Vec<u8>>> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut kept = Vec::new();
        let result = stream.map_or(Ok(()), |mut stream| {
            let mut part = [0u8; 16 << 10];
            loop {
                match stream.read(&mut part) {
                    Ok(0) => return Ok(()),
                    Ok(n) => kept.extend_from_slice(&part[..n.min(most.saturating_sub(kept.len()))]),
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        });
        // The receiver is gone only when the time limit struck.
        drop(send.send(result.map(|()| kept)));
    });
    receive
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        git2::Repository::init_bare(folder.path()).unwrap();
        folder
    }

    /// Input that never ends.
    struct Silence(mpsc::Receiver<()>);

    impl Read for Silence {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Ok(self.0.recv().map_or(0, |()| 0))
        }
    }

    #[test]
    fn a_command_that_overruns_is_killed() {
        let folder = repository();
        let (hold, silence) = mpsc::channel();
        let started = Instant::now();
        let command =
            GitCommand::new(folder.path(), "cat-file").args(["--batch"]).limit(Duration::from_millis(300));
        let outcome = command.run_with(Input::Reader(Box::new(Silence(silence))));
        assert!(matches!(outcome, Err(GitError::TimedOut { verb: "cat-file", .. })));
        assert!(started.elapsed() < Duration::from_secs(20));
        drop(hold);
    }

    #[test]
    fn an_old_command_is_told_from_a_recent_one() {
        let folder = repository();
        assert!(require_git(folder.path()).is_ok());
        for (found, recent) in [
            ("git version 2.47.3", true),
            ("git version 2.38.0 (Apple Git-143)", true),
            ("git version 3.0", true),
            ("git version 2.37.9", false),
            ("git version 1.99", false),
            ("No such file or directory", false),
        ] {
            assert_eq!(is_recent(found), recent, "{found}");
        }
    }

    #[test]
    fn no_settings_of_the_machine_are_read() {
        let folder = repository();
        let done = GitCommand::new(folder.path(), "config").args(["--list", "--show-scope"]).run().unwrap();
        let text = String::from_utf8(done.stdout).unwrap();
        assert!(
            text.lines().all(|line| line.starts_with("local\t") || line.starts_with("command\t")),
            "{text}"
        );
        assert!(text.contains("command\tcore.hookspath=/dev/null"), "{text}");
        let failed = GitCommand::new(folder.path(), "cat-file").args(["-t", &"a".repeat(40)]).run().unwrap();
        assert_eq!(failed.code, Some(128));
        assert!(matches!(failed.error(), GitError::Command { verb: "cat-file", .. }));
    }
}
