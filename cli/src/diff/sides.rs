//! What is compared: pairs of files, read.

use anyhow::{Context as _, Result};
use semantic_diff::{FilePair, SemanticDiffResponse};
use std::fs;
use std::path::Path;

/// Stands for a file that there is not, as Git has it.
pub(crate) const ABSENT: &str = "/dev/null";

/// Two sides and the files that may differ between them.
#[derive(Debug)]
pub(crate) struct Sides {
    base: String,
    head: String,
    pairs: Vec<Pair>,
}

#[derive(Debug)]
struct Pair {
    path: String,
    old_path: Option<String>,
    old: Option<Vec<u8>>,
    new: Option<Vec<u8>>,
}

impl Sides {
    /// Two sides without files.
    pub(crate) fn between(base: &str, head: &str) -> Self {
        Self { base: base.to_owned(), head: head.to_owned(), pairs: Vec::new() }
    }

    /// Adds a file, with its content on both sides.
    pub(crate) fn add(
        &mut self,
        path: String,
        old_path: Option<String>,
        old: Option<Vec<u8>>,
        new: Option<Vec<u8>>,
    ) {
        self.pairs.push(Pair { path, old_path, old, new });
    }

    /// Compares them.
    pub(crate) fn diff(&self) -> SemanticDiffResponse {
        let files: Vec<FilePair<'_>> = self
            .pairs
            .iter()
            .map(|pair| FilePair {
                path: &pair.path,
                old_path: pair.old_path.as_deref(),
                old: pair.old.as_deref(),
                new: pair.new.as_deref(),
            })
            .collect();
        semantic_diff::diff(&self.base, &self.head, &files)
    }
}

/// Reads a file; `None` where the name stands for no file.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    if path == Path::new(ABSENT) {
        return Ok(None);
    }
    fs::read(path).map(Some).with_context(|| cannot_read(path))
}

/// Says what could not be read.
pub(crate) fn cannot_read(path: &Path) -> String {
    format!("cannot read `{}`", path.display())
}
