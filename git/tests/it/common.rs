//! What the tests of repositories share.

use conman_domain::git::Signature;
use conman_domain::id::{AppId, WorkspaceId};
use conman_domain::name::BranchName;
use conman_domain::{BlobId, CommitId, RepoPath, Timestamp, TreeId};
use conman_git::{Edit, NewCommit, Ownership, Repositories, Repository, WriteRules};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis((1_767_225_600 + seconds) * 1000)
}

pub(crate) fn ana() -> Signature {
    Signature::new("Ana Author", "ana@lab.example", at(0))
}

pub(crate) fn new_commit(message: &str) -> NewCommit {
    NewCommit { author: ana(), committer: ana(), message: message.to_owned() }
}

pub(crate) fn path(text: &str) -> RepoPath {
    RepoPath::parse(text).unwrap()
}

pub(crate) fn branch(text: &str) -> BranchName {
    BranchName::parse(text).unwrap()
}

pub(crate) fn app(number: u128) -> AppId {
    AppId::new(Uuid::from_u128(number))
}

pub(crate) fn workspace(number: u128) -> WorkspaceId {
    WorkspaceId::new(Uuid::from_u128(number))
}

pub(crate) fn rules() -> WriteRules {
    WriteRules {
        file_size_limit: 5 << 20,
        is_blocked: Arc::new(|path| path.as_str().starts_with(".github/")),
    }
}

pub(crate) fn put(name: &str, expected: Option<BlobId>, text: &str) -> Edit {
    Edit::Put { path: path(name), expected, bytes: text.as_bytes().to_vec() }
}

/// A folder of repositories with one app in it.
pub(crate) struct Lab {
    pub(crate) folder: TempDir,
    pub(crate) repositories: Repositories,
    pub(crate) repository: Repository,
    pub(crate) main: BranchName,
    pub(crate) first: CommitId,
}

impl Lab {
    pub(crate) async fn new(files: &[(&str, &str)]) -> Self {
        Self::within(tempfile::tempdir().unwrap(), files).await
    }

    /// In memory where the machine has such a folder: for tests of many cases that are not about the disk.
    pub(crate) async fn in_memory(files: &[(&str, &str)]) -> Self {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
        Self::within(folder.unwrap(), files).await
    }

    async fn within(folder: TempDir, files: &[(&str, &str)]) -> Self {
        let repositories =
            Repositories::open(&folder.path().join("repos"), Ownership::Exclusive).await.unwrap();
        let main = branch("main");
        let files = files.iter().map(|(name, text)| (path(name), text.as_bytes().to_vec())).collect();
        let first = repositories.create(app(1), &main, files, ana(), "Begin").await.unwrap();
        let repository = repositories.get(app(1));
        Self { folder, repositories, repository, main, first }
    }

    pub(crate) fn git_dir(&self) -> PathBuf {
        self.folder.path().join("repos").join(format!("{}.git", app(1)))
    }

    pub(crate) async fn tree(&self, commit: CommitId) -> TreeId {
        self.repository.commit(commit).await.unwrap().tree
    }

    pub(crate) async fn text(&self, tree: TreeId, name: &str) -> Option<String> {
        let file = self.repository.file(tree, &path(name)).await.unwrap();
        file.map(|file| String::from_utf8(file.bytes).unwrap())
    }

    pub(crate) async fn blob(&self, tree: TreeId, name: &str) -> Option<BlobId> {
        self.repository.file(tree, &path(name)).await.unwrap().map(|file| file.blob)
    }

    /// The paths of a tree.
    pub(crate) async fn names(&self, tree: TreeId) -> Vec<String> {
        self.repository.list(tree).await.unwrap().into_iter().map(|file| file.path.to_string()).collect()
    }

    pub(crate) fn fsck(&self) {
        fsck(&self.git_dir());
    }
}

pub(crate) fn fsck(git_dir: &Path) {
    let output = git(git_dir, &["fsck", "--strict", "--full"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Runs the git command without the machine's settings.
pub(crate) fn git(folder: &Path, args: &[&str]) -> Output {
    git_with(folder, args, &[])
}

pub(crate) fn git_with(folder: &Path, args: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = Command::new("git");
    command.args(["-c", "safe.directory=*", "-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0"]);
    command.args(["-c", "advice.detachedHead=false", "-c", "core.fsync=none"]);
    command.arg("-C").arg(folder).args(args);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", "/nonexistent");
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").env("LC_ALL", "C");
    for (key, value) in [
        ("GIT_AUTHOR_NAME", "Ana Author"),
        ("GIT_AUTHOR_EMAIL", "ana@lab.example"),
        ("GIT_AUTHOR_DATE", "1767225600 +0000"),
        ("GIT_COMMITTER_NAME", "Ana Author"),
        ("GIT_COMMITTER_EMAIL", "ana@lab.example"),
        ("GIT_COMMITTER_DATE", "1767225600 +0000"),
    ] {
        command.env(key, value);
    }
    for (key, value) in env {
        command.env(key, value);
    }
    command.output().unwrap()
}

pub(crate) fn git_ok(folder: &Path, args: &[&str]) -> String {
    let output = git(folder, args);
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
