//! Histories from outside.
//!
//! Nothing of the source is trusted: its settings and hooks are never read, only its object store and the ref of one
//! branch. The objects reachable from that branch are copied into a repository of our own, and checked there by Git.

use crate::command::{GitCommand, Input};
use crate::repository::Handle;
use crate::{GitError, Result, repositories};
use conman_domain::name::BranchName;
use git2::Oid;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Says where a history to import lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportSource {
    /// A repository on this machine, bare or not.
    Local(PathBuf),
    /// A file made by `git bundle create`, without prerequisites.
    Bundle(PathBuf),
}

/// How long copying and checking a history may take.
const LIMIT: Duration = Duration::from_secs(600);
/// The largest pack that is taken in.
const MAX_PACK: &str = "--max-input-size=4294967296";
/// Lines of a bundle's header, or of packed refs, at most.
const MAX_REFS: usize = 1_000_000;

fn refuse<T>(rule: &'static str, reason: impl Into<String>) -> Result<T> {
    Err(GitError::ImportRefused { rule, reason: reason.into() })
}

/// Copies a branch's history into the repository of `handle`, checked, and answers its head.
pub(crate) fn copy(handle: &Handle, source: &ImportSource, branch: &BranchName) -> Result<Oid> {
    match source {
        ImportSource::Local(path) => {
            let git_dir = git_dir(path)?;
            let head = find_head(&git_dir, branch)?;
            copy_objects(handle.path(), &git_dir.join("objects"), head)?;
            Ok(head)
        }
        ImportSource::Bundle(file) => {
            // Unpacked beside first: a bundle may hold more than what its branch needs.
            let staging = tempfile::Builder::new()
                .prefix("staging-")
                .tempdir_in(handle.path())
                .map_err(GitError::io(handle.path()))?;
            repositories::initialise(staging.path(), branch)?;
            let head = unbundle(staging.path(), file, branch)?;
            copy_objects(handle.path(), &staging.path().join("objects"), head)?;
            staging.close().map_err(GitError::io(handle.path()))?;
            Ok(head)
        }
    }
}

/// The folder with the objects and refs of a repository, which must hold all of itself.
fn git_dir(path: &Path) -> Result<PathBuf> {
    let bare = path.join("objects").is_dir() && path.join("HEAD").is_file();
    let git_dir = if bare { path.to_owned() } else { path.join(".git") };
    let real = |path: &Path| fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir());
    if !real(&git_dir) || !real(&git_dir.join("objects")) {
        return refuse("not_a_repository", "there is no Git repository in this place");
    }
    for (file, what) in [
        ("objects/info/alternates", "borrows objects from another repository"),
        ("objects/info/http-alternates", "borrows objects from another repository"),
        ("commondir", "is a work tree of another repository"),
        ("shallow", "holds only a part of its history"),
    ] {
        if fs::symlink_metadata(git_dir.join(file)).is_ok() {
            return refuse("not_self_contained", format!("the repository {what}"));
        }
    }
    refuse_symlinks(&git_dir.join("objects"))?;
    refuse_symlinks(&git_dir.join("refs"))?;
    for file in ["packed-refs", "HEAD"] {
        if fs::symlink_metadata(git_dir.join(file)).is_ok_and(|meta| meta.is_symlink()) {
            return refuse("symlink", "the repository holds a symbolic link");
        }
    }
    Ok(git_dir)
}

fn refuse_symlinks(folder: &Path) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(source) => {
            return Err(GitError::Io { path: folder.to_owned(), source });
        }
    };
    for entry in entries {
        let entry = entry.map_err(GitError::io(folder))?;
        let kind = entry.file_type().map_err(GitError::io(folder))?;
        if kind.is_dir() {
            refuse_symlinks(&entry.path())?;
        } else if !kind.is_file() {
            return refuse("symlink", "the repository holds a symbolic link or a special file");
        }
    }
    Ok(())
}

/// Reads a branch's head from the files of a repository, without its settings.
fn find_head(git_dir: &Path, branch: &BranchName) -> Result<Oid> {
    let name = format!("refs/heads/{branch}");
    let loose = git_dir.join(&name);
    if fs::symlink_metadata(&loose).is_ok_and(|meta| meta.is_file()) {
        let mut text = String::new();
        File::open(&loose)
            .and_then(|file| file.take(100).read_to_string(&mut text))
            .map_err(GitError::io(&loose))?;
        return parse_id(text.trim());
    }
    let packed = git_dir.join("packed-refs");
    if let Ok(file) = File::open(&packed) {
        for line in BufReader::new(file).split(b'\n').take(MAX_REFS) {
            let line = line.map_err(GitError::io(&packed))?;
            if let Ok(line) = std::str::from_utf8(&line)
                && let Some((id, found)) = line.split_once(' ')
                && found == name
            {
                return parse_id(id);
            }
        }
    }
    refuse("branch_missing", format!("the repository has no branch `{branch}`"))
}

fn parse_id(text: &str) -> Result<Oid> {
    match text.parse::<conman_domain::CommitId>() {
        Ok(id) => Ok(crate::objects::ObjectName::oid(id)),
        Err(_) => refuse("bad_ref", "the branch does not name a commit by its SHA-1"),
    }
}

/// Unpacks a bundle and answers the head of its branch.
fn unbundle(into: &Path, bundle: &Path, branch: &BranchName) -> Result<Oid> {
    let mut reader = BufReader::new(File::open(bundle).map_err(GitError::io(bundle))?);
    let line = |reader: &mut BufReader<File>| -> Result<String> {
        let mut line = Vec::new();
        reader.by_ref().take(8192).read_until(b'\n', &mut line).map_err(GitError::io(bundle))?;
        match String::from_utf8(line) {
            Ok(text) if text.ends_with('\n') => Ok(text.trim_end_matches('\n').to_owned()),
            Ok(_) | Err(_) => refuse("bad_bundle", "the file is not a Git bundle"),
        }
    };
    let version = line(&mut reader)?;
    if !matches!(version.as_str(), "# v2 git bundle" | "# v3 git bundle") {
        return refuse("bad_bundle", "the file is not a Git bundle");
    }
    let wanted = format!("refs/heads/{branch}");
    let mut head = None;
    for count in 0.. {
        if count > MAX_REFS {
            return refuse("bad_bundle", "the bundle has too many refs");
        }
        let text = line(&mut reader)?;
        if text.is_empty() {
            break;
        }
        if text.starts_with('-') {
            return refuse("not_self_contained", "the bundle holds only a part of its history");
        }
        match text.strip_prefix('@') {
            Some("object-format=sha1") => {}
            Some(_) => return refuse("bad_bundle", "the bundle needs a feature that is not supported"),
            None => {
                if let Some((id, name)) = text.split_once(' ')
                    && name == wanted
                {
                    head = Some(parse_id(id)?);
                }
            }
        }
    }
    let Some(head) = head else {
        return refuse("branch_missing", format!("the bundle has no branch `{branch}`"));
    };
    let taken = GitCommand::new(into, "index-pack")
        .args(["--stdin", "--strict", "--fsck-objects", MAX_PACK])
        .limit(LIMIT)
        .run_with(Input::Reader(Box::new(reader)))?;
    match taken.code {
        Some(0) => Ok(head),
        _ => refuse("damaged", format!("Git refuses its objects: {}", taken.error())),
    }
}

/// Copies what is reachable from a commit out of another folder of objects, checking every object.
fn copy_objects(git_dir: &Path, from: &Path, head: Oid) -> Result<()> {
    // Git lists alternates separated by colons, with quoting for unusual names.
    let from = from.to_str().filter(|path| !path.contains(['"', '\n'])).map(|path| format!("\"{path}\""));
    let Some(from) = from.map(|path| path.replace('\\', "\\\\")) else {
        return refuse("bad_path", "the path of the source cannot be used");
    };
    let mut packer = GitCommand::new(git_dir, "pack-objects")
        .args(["--revs", "--stdout", "--quiet", "--threads=1", "--delta-base-offset"])
        .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", from)
        .limit(LIMIT)
        .start(&format!("{head}\n"))?;
    let taken = GitCommand::new(git_dir, "index-pack")
        .args(["--stdin", "--strict", "--fsck-objects", MAX_PACK])
        .limit(LIMIT)
        .run_with(packer.output())?;
    let packed = packer.finish()?;
    if packed.code != Some(0) {
        return refuse("damaged", format!("its history cannot be read: {}", packed.error()));
    }
    if taken.code != Some(0) {
        return refuse("damaged", format!("Git refuses its objects: {}", taken.error()));
    }
    // Nothing but our own copy is visible here: every link of the history must resolve in it.
    let checked = GitCommand::new(git_dir, "fsck")
        .args(["--strict", "--no-dangling", "--no-reflogs", "--no-progress"])
        .arg(head.to_string())
        .limit(LIMIT)
        .run()?;
    match checked.code {
        Some(0) => Ok(()),
        _ => refuse("damaged", format!("Git refuses its history: {}", checked.error())),
    }
}
