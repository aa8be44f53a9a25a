//! The files to check: a folder's, or a revision's.

use anyhow::{Context as _, Result, anyhow};
use conman_domain::RepoPath;
use conman_domain::changeset::{Finding, Severity};
use conman_git::GitError;
use ignore::WalkBuilder;
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
                let content = fs::read(entry.path());
                read.add(
                    &path,
                    content.with_context(|| format!("cannot read `{}`", entry.path().display()))?,
                );
            }
            Some(_) | None => {}
        }
    }
    Ok(read)
}

/// Reads a revision of a repository.
pub(crate) fn revision(repository: &Path, revision: &str) -> Result<Files> {
    let mut read = Files::default();
    let files = conman_git::files_of_revision(repository, revision).map_err(|error| match error {
        GitError::NotFound(missing) => {
            anyhow!("`{revision}` cannot be read in `{}`: {missing}", repository.display())
        }
        error => anyhow::Error::from(error),
    })?;
    for file in files {
        match file.content {
            Some(content) => read.add(&file.path, content),
            None => read.add_link(&file.path),
        }
    }
    Ok(read)
}

fn name(root: &Path, path: &Path) -> String {
    let below: PathBuf = path.strip_prefix(root).unwrap_or(path).to_owned();
    below.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
