//! Two revisions of any repository of this machine, compared without touching it.

use crate::changes::find_renames;
use crate::objects::Objects;
use crate::repository::Handle;
use crate::tree::{self, Leaf};
use crate::{GitError, Missing, Result};
use git2::{ErrorCode, ObjectType, Oid};
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// How two revisions differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The older commit's id, or a tree's where the revision names a tree.
    pub base: String,
    /// The newer one's id.
    pub head: String,
    /// The files that differ, sorted by path.
    pub files: Vec<ChangedFile>,
}

/// One file that differs. Of submodules nothing is told; the content of a symlink is the path that it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedFile {
    /// The path, the newer one where it exists there; bytes that are not UTF-8 are replaced.
    pub path: String,
    /// The former path of a renamed file.
    pub old_path: Option<String>,
    /// The content before; `None` for added files.
    pub old: Option<Vec<u8>>,
    /// The content after; `None` for deleted files.
    pub new: Option<Vec<u8>>,
}

/// Compares two revisions of the repository that `dir` is or lies in, be it Conman's or not.
///
/// A revision is whatever `git rev-parse` takes for one that names a commit or a tree. Reads only, and only what
/// differs; renames are found as `git diff -M50%` finds them. It blocks until it is done: within a runtime, it belongs on
/// a thread for that.
///
/// # Errors
///
/// [`GitError::NotFound`] names what there is not: the repository ([`Missing::Repository`]) or one of the revisions
/// ([`Missing::Revision`]).
pub fn compare_revisions(dir: &Path, base: &str, head: &str) -> Result<Comparison> {
    let git = discover(dir)?;
    let (base, head) = (resolve(&git, base)?, resolve(&git, head)?);
    let files = changed_files(&Handle::of(git), base.tree, head.tree)?;
    Ok(Comparison { base: base.id.to_string(), head: head.id.to_string(), files })
}

/// One file of a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionFile {
    /// The path; bytes that are not UTF-8 are replaced.
    pub path: String,
    /// What it holds.
    pub content: RevisionContent,
}

/// What a file of a revision holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RevisionContent {
    /// Its bytes.
    Read(Vec<u8>),
    /// Bytes that were not wanted, as many as this.
    Unread(u64),
    /// Something elsewhere: it is a symlink or a submodule.
    Link,
}

/// All files of a revision of the repository that `dir` is or lies in, in Git's order, with the content of those that
/// `wanted` picks by path and size in bytes.
///
/// Reads only. It blocks until it is done: within a runtime, it belongs on a thread for that.
///
/// # Errors
///
/// As [`compare_revisions`].
pub fn files_of_revision(
    dir: &Path,
    revision: &str,
    wanted: impl Fn(&str, u64) -> bool,
) -> Result<Vec<RevisionFile>> {
    let git = discover(dir)?;
    let tree = resolve(&git, revision)?.tree;
    let handle = Handle::of(git);
    let sizes = handle.git().odb()?;
    let mut files = Vec::new();
    tree::walk(&mut handle.objects()?, tree, &mut Vec::new(), &mut |objects, path, leaf| {
        let path = lossy(path);
        let content = if leaf.is_file() {
            let size = sizes.read_header(leaf.id)?.0 as u64;
            let is_wanted = wanted(&path, size);
            if is_wanted {
                RevisionContent::Read(objects.blob(leaf.id)?)
            } else {
                RevisionContent::Unread(size)
            }
        } else {
            RevisionContent::Link
        };
        files.push(RevisionFile { path, content });
        Ok(())
    })?;
    Ok(files)
}

fn discover(dir: &Path) -> Result<git2::Repository> {
    match git2::Repository::discover(dir) {
        Ok(git) => Ok(git),
        Err(error) if error.code() == ErrorCode::NotFound => Err(GitError::NotFound(Missing::Repository)),
        Err(error) => Err(error.into()),
    }
}

/// What a revision names.
struct Revision {
    /// The commit, or the tree itself.
    id: Oid,
    tree: Oid,
}

fn resolve(git: &git2::Repository, name: &str) -> Result<Revision> {
    let missing = || GitError::NotFound(Missing::Revision(name.to_owned()));
    let object = match git.revparse_single(name) {
        Ok(object) => object,
        Err(error) if matches!(error.code(), ErrorCode::NotFound | ErrorCode::InvalidSpec) => {
            return Err(missing());
        }
        // Too short for the start of an id, and no other name either.
        Err(error) if error.code() == ErrorCode::Ambiguous && name.len() < 4 => return Err(missing()),
        Err(error) => return Err(error.into()),
    };
    if let Ok(commit) = object.peel_to_commit() {
        return Ok(Revision { id: commit.id(), tree: commit.tree_id() });
    }
    // A file has no tree, and is no revision.
    let tree = object.peel(ObjectType::Tree).map_err(|_| missing())?.id();
    Ok(Revision { id: tree, tree })
}

fn changed_files(handle: &Handle, base: Oid, head: Oid) -> Result<Vec<ChangedFile>> {
    let mut objects = handle.objects()?;
    let mut deltas = tree::diff(&mut objects, Some(base), Some(head))?.files;
    deltas.sort_by(|a, b| a.path.cmp(&b.path));
    let renames = find_renames(&objects, &deltas)?;
    let sources: HashSet<usize> = renames.iter().map(|(source, _)| *source).collect();
    let targets: HashMap<usize, usize> =
        renames.into_iter().map(|(source, target)| (target, source)).collect();
    let mut files = Vec::with_capacity(deltas.len());
    for (index, delta) in deltas.iter().enumerate() {
        if sources.contains(&index) {
            continue;
        }
        let origin = targets.get(&index).map(|source| &deltas[*source]);
        let old = content(&objects, origin.map_or(delta.old, |origin| origin.old))?;
        let new = content(&objects, delta.new)?;
        if old.is_some() || new.is_some() {
            let old_path = origin.map(|origin| lossy(&origin.path));
            files.push(ChangedFile { path: lossy(&delta.path), old_path, old, new });
        }
    }
    Ok(files)
}

fn content(objects: &Objects<'_>, leaf: Option<Leaf>) -> Result<Option<Vec<u8>>> {
    leaf.filter(|leaf| !leaf.is_link()).map(|leaf| objects.blob(leaf.id)).transpose()
}

fn lossy(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}
