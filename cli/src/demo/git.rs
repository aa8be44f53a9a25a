//! The `git` command, as the demo makes its repository and checks what came of it.

use anyhow::{Context as _, Result, ensure};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs a git command without anybody's settings, feeds it, and gives what it printed.
pub(super) fn git(command: &mut Command, input: Option<&[u8]>) -> Result<String> {
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").env("HOME", "/nonexistent");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("`git` cannot be started; install it")?;
    // git reads everything before it prints anything in the commands used here.
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        stdin.write_all(input).context("git did not read to the end")?;
    }
    let output = child.wait_with_output().context("git did not end")?;
    ensure!(output.status.success(), "git failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Asks a repository for the id behind a revision.
pub(super) fn rev_parse(repository: &Path, revision: &str) -> Result<String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(repository).args(["rev-parse", "--verify", "--end-of-options", revision]);
    git(&mut command, None)
}

/// Lists the paths of a commit's files, each ended by a NUL.
pub(super) fn list_tree(repository: &Path, commit: &str) -> Result<String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(repository).args([
        "ls-tree",
        "-r",
        "-z",
        "--name-only",
        "--full-tree",
        "--end-of-options",
        commit,
    ]);
    git(&mut command, None)
}
