//! The files to check: a folder's, or a revision's.

use anyhow::{Context as _, Result, anyhow};
use conman_domain::RepoPath;
use conman_domain::changeset::{Finding, Severity};
use conman_git::RevisionContent;
use conman_validation::FileFacts;
use ignore::WalkBuilder;
use semantic_diff::document::MAX_BYTES;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What is checked.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// By path.
    pub(crate) files: BTreeMap<RepoPath, Vec<u8>>,
    /// What no app could take.
    pub(crate) findings: Vec<Finding>,
}

impl Files {
    fn add(&mut self, path: &str, content: Vec<u8>) {
        match RepoPath::parse(path) {
            Ok(path) => {
                self.files.insert(path, content);
            }
            Err(error) => self.findings.push(Finding::of_no_file("path", format!("`{path}`: {error}"))),
        }
    }

    /// A file that is not read: it is enough that it is there, unless something is expected in it.
    fn add_unread(&mut self, path: &str, size: u64) {
        self.add(path, Vec::new());
        if let Ok(path) = RepoPath::parse(path)
            && FileFacts::needs_content(&path)
        {
            let message = format!("{size} bytes, and at most {} MiB are read of a file", MAX_BYTES >> 20);
            self.findings.push(Finding::error("file_size", &path, None, message));
        }
    }

    fn add_link(&mut self, path: &str) {
        let message = format!("`{path}` is a link, which no app takes");
        let hint = Some("put a file in its place".to_owned());
        let severity = Severity::Warning;
        self.findings.push(Finding { severity, hint, ..Finding::of_no_file("path", message) });
    }
}

/// Reads a folder, without what Git ignores there.
pub(crate) fn folder(root: &Path) -> Result<Files> {
    let mut read = Files::default();
    if !fs::metadata(root).with_context(|| format!("cannot read `{}`", root.display()))?.is_dir() {
        return Err(anyhow!("`{}` is no folder", root.display()));
    }
    // Hidden files are files of the app too; Git's own folder is not.
    let walk = WalkBuilder::new(root)
        .hidden(false)
        .ignore(false)
        .git_global(false)
        .parents(true)
        .follow_links(false)
        .filter_entry(|entry| entry.file_name() != ".git")
        .build();
    for entry in walk {
        let entry = entry.with_context(|| format!("cannot read `{}`", root.display()))?;
        let path = name(root, entry.path());
        match entry.file_type() {
            Some(kind) if kind.is_symlink() => read.add_link(&path),
            Some(kind) if kind.is_file() => {
                let cannot_read = || format!("cannot read `{}`", entry.path().display());
                let size = entry.metadata().with_context(cannot_read)?.len();
                if is_read(&path, size) {
                    read.add(&path, fs::read(entry.path()).with_context(cannot_read)?);
                } else {
                    read.add_unread(&path, size);
                }
            }
            Some(_) | None => {}
        }
    }
    Ok(read)
}

/// Reads a revision of a repository.
pub(crate) fn revision(repository: &Path, revision: &str) -> Result<Files> {
    let mut read = Files::default();
    let files = conman_git::files_of_revision(repository, revision, is_read)
        .with_context(|| format!("`{revision}` cannot be read in `{}`", repository.display()))?;
    for file in files {
        match file.content {
            RevisionContent::Read(content) => read.add(&file.path, content),
            RevisionContent::Unread(size) => read.add_unread(&file.path, size),
            RevisionContent::Link => read.add_link(&file.path),
        }
    }
    Ok(read)
}

/// Whether the bytes of a file can tell more than its path does, and are not too many.
fn is_read(path: &str, size: u64) -> bool {
    size <= MAX_BYTES as u64 && RepoPath::parse(path).is_ok_and(|path| FileFacts::needs_content(&path))
}

fn name(root: &Path, path: &Path) -> String {
    let below: PathBuf = path.strip_prefix(root).unwrap_or(path).to_owned();
    below.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
