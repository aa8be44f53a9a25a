//! What became of one file: the commits that changed it, and the one that last set each of its lines.
//!
//! Both follow the first parents, so that a composed release tells of its members, and not of every commit that its
//! authors made on the way. Both are bounded in commits and in time, and say when they were cut short.

use crate::changes::ChangeKind;
use crate::diff::is_binary;
use crate::objects::ObjectName;
use crate::repository::{CommitInfo, Handle, LogPage};
use crate::tree::{self, Found};
use crate::{Repository, Result};
use conman_domain::name::ReleaseTag;
use conman_domain::{BlobId, CommitId, RepoPath};
use git2::{DiffOptions, Oid, Patch};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How far a file's past is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryLimits {
    /// Commits that are looked at.
    pub commits: usize,
    /// Versions of the file whose lines are compared.
    pub versions: usize,
    /// How long it may take.
    pub time: Duration,
    /// The largest content whose lines are compared, in bytes.
    pub bytes: usize,
}

impl Default for HistoryLimits {
    fn default() -> Self {
        Self { commits: 50_000, versions: 500, time: Duration::from_secs(5), bytes: 2 << 20 }
    }
}

/// A commit that changed a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// The commit.
    pub commit: CommitInfo,
    /// The newest release tag at or after the commit, as far as was looked.
    pub tag: Option<ReleaseTag>,
    /// What it did to the file.
    pub kind: ChangeKind,
    /// The path that the file has since.
    pub path: RepoPath,
    /// The path before, where it was renamed.
    pub old_path: Option<RepoPath>,
    /// The content since; none where it was deleted.
    pub blob: Option<BlobId>,
}

/// A part of a file's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileHistory {
    /// Newest first.
    pub changes: Vec<FileChange>,
    /// Whether there are more changes after these.
    pub has_more: bool,
    /// Whether the search was given up before the history's beginning.
    pub is_cut: bool,
}

/// Where a line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineSource {
    /// It is not in the history: whoever brings the text has set it.
    Own,
    /// It was last set by this change, by its place in [`Blame::changes`].
    Change(usize),
    /// It is older than what was looked at.
    Older,
}

/// Where each line of a text comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blame {
    /// The changes that lines come from, newest first.
    pub changes: Vec<FileChange>,
    /// One per line.
    pub lines: Vec<LineSource>,
}

impl Repository {
    /// The commits that changed a file, from a commit on along first parents; the file need not be there any more.
    pub async fn file_history(
        &self,
        from: CommitId,
        path: &RepoPath,
        page: LogPage,
        limits: HistoryLimits,
    ) -> Result<FileHistory> {
        let path = path.clone();
        self.run(move |handle| {
            let mut walk = Walk::new(handle, from.oid(), path, limits)?;
            let mut changes = Vec::new();
            let mut passed = 0;
            while let Some(step) = walk.next()? {
                if passed >= page.skip && changes.len() == page.limit {
                    return Ok(FileHistory { changes, has_more: true, is_cut: false });
                }
                if passed >= page.skip {
                    changes.push(step.change);
                }
                passed += 1;
            }
            Ok(FileHistory { changes, has_more: false, is_cut: walk.is_cut })
        })
        .await
    }

    /// Where each line of a text comes from, which stands in the place of a file of a commit; `None` where it is no text
    /// or too large.
    pub async fn blame(
        &self,
        from: CommitId,
        path: &RepoPath,
        text: Vec<u8>,
        limits: HistoryLimits,
    ) -> Result<Option<Blame>> {
        if is_binary(&text) || text.len() > limits.bytes {
            return Ok(None);
        }
        let path = path.clone();
        self.run(move |handle| blame(handle, from, path, text, limits).map(Some)).await
    }
}

fn blame(
    handle: &Handle,
    from: CommitId,
    path: RepoPath,
    text: Vec<u8>,
    limits: HistoryLimits,
) -> Result<Blame> {
    let mut walk = Walk::new(handle, from.oid(), path, limits)?;
    let count = text.split_inclusive(|byte| *byte == b'\n').count();
    let mut lines = vec![LineSource::Own; count];
    let mut changes = Vec::new();
    let Some(first) = walk.blob else { return Ok(Blame { changes, lines }) };
    let mut content = handle.objects()?.blob(first)?;
    // Lines whose source is not found yet: their place in the text, and in the version that is looked at.
    let mut open: Vec<(usize, usize)> = (0..count).map(|line| (line, line)).collect();
    open = split(open, &text, &content)?.0;
    let mut versions = 0;
    while !open.is_empty() {
        let Some(step) = (if versions < limits.versions { walk.next()? } else { None }) else {
            // A walk that reached the beginning has told of the change that added the file.
            open.drain(..).for_each(|(line, _)| lines[line] = LineSource::Older);
            break;
        };
        versions += 1;
        let before = step.before.map(|blob| handle.objects()?.blob(blob)).transpose()?;
        let (kept, set) = match &before {
            None => (Vec::new(), open),
            Some(before) if before.len() > limits.bytes => {
                open.drain(..).for_each(|(line, _)| lines[line] = LineSource::Older);
                break;
            }
            Some(before) => split(open, &content, before)?,
        };
        if !set.is_empty() {
            set.into_iter().for_each(|(line, _)| lines[line] = LineSource::Change(changes.len()));
            changes.push(step.change);
        }
        open = kept;
        content = before.unwrap_or_default();
    }
    Ok(Blame { changes, lines })
}

type Lines = Vec<(usize, usize)>;

/// Parts lines into those that an older content has as well, with their places there, and those that it has not.
fn split(lines: Lines, new: &[u8], old: &[u8]) -> Result<(Lines, Lines)> {
    if new == old {
        return Ok((lines, Vec::new()));
    }
    let mut options = DiffOptions::new();
    options.context_lines(0).indent_heuristic(true).force_text(true);
    let patch = Patch::from_buffers(old, None, new, None, Some(&mut options))?;
    let mut hunks = Vec::with_capacity(patch.num_hunks());
    for number in 0..patch.num_hunks() {
        let hunk = patch.hunk(number)?.0;
        let (start, count) = (hunk.new_start() as usize, hunk.new_lines() as usize);
        // Where nothing was added, a hunk is said to begin at the line before it.
        let start = if count == 0 { start } else { start - 1 };
        hunks.push((start, start + count, hunk.old_lines() as usize));
    }
    let (mut kept, mut set) = (Vec::new(), Vec::new());
    let mut passed = hunks.iter().peekable();
    let (mut added, mut removed) = (0, 0);
    for (line, at) in lines {
        while let Some((start, end, gone)) = passed.next_if(|(_, end, _)| *end <= at) {
            added += end - start;
            removed += gone;
        }
        match passed.peek() {
            Some((start, _, _)) if *start <= at => set.push((line, at)),
            Some(_) | None => kept.push((line, at + removed - added)),
        }
    }
    Ok((kept, set))
}

/// A change of the file, and what it held before.
struct Step {
    change: FileChange,
    before: Option<Oid>,
}

/// The way from a commit along first parents, from one change of a file to the next.
struct Walk<'h> {
    handle: &'h Handle,
    objects: crate::objects::Objects<'h>,
    limits: HistoryLimits,
    latest: Instant,
    looked: usize,
    at: Option<Oid>,
    path: RepoPath,
    /// What the file holds at the commit that is looked at next.
    blob: Option<Oid>,
    tags: HashMap<Oid, ReleaseTag>,
    tag: Option<ReleaseTag>,
    is_cut: bool,
}

/// After how many commits the trees in memory are let go.
const FORGET: usize = 512;

impl<'h> Walk<'h> {
    fn new(handle: &'h Handle, from: Oid, path: RepoPath, limits: HistoryLimits) -> Result<Self> {
        handle.require_commit(from)?;
        let tags = handle.tags()?.into_iter().map(|entry| (entry.target.oid(), entry.name)).collect();
        let mut walk = Self {
            handle,
            objects: handle.objects()?,
            limits,
            latest: Instant::now() + limits.time,
            looked: 0,
            at: Some(from),
            path,
            blob: None,
            tags,
            tag: None,
            is_cut: false,
        };
        walk.blob = walk.blob_of(from)?;
        Ok(walk)
    }

    fn blob_of(&mut self, commit: Oid) -> Result<Option<Oid>> {
        let tree = self.objects.commit(commit)?.tree;
        match tree::lookup(&mut self.objects, tree, self.path.as_str().as_bytes())? {
            Found::Leaf(leaf) if leaf.is_file() => Ok(Some(leaf.id)),
            Found::Leaf(_) | Found::Nothing | Found::Folder(_) | Found::Behind(_) => Ok(None),
        }
    }

    /// The next change, older than the one before.
    fn next(&mut self) -> Result<Option<Step>> {
        while let Some(at) = self.at {
            if self.looked == self.limits.commits || Instant::now() > self.latest {
                self.is_cut = true;
                return Ok(None);
            }
            self.looked += 1;
            if self.looked.is_multiple_of(FORGET) {
                self.objects = self.handle.objects()?;
            }
            if let Some(tag) = self.tags.get(&at) {
                self.tag = Some(tag.clone());
            }
            let parent = self.objects.commit(at)?.parents.first().copied();
            let after = self.blob;
            self.at = parent;
            self.blob = parent.map(|parent| self.blob_of(parent)).transpose()?.flatten();
            if after != self.blob {
                return self.step(at, parent, after).map(Some);
            }
        }
        Ok(None)
    }

    /// Tells of a change; a file that was not there before may have had another name.
    fn step(&mut self, at: Oid, parent: Option<Oid>, after: Option<Oid>) -> Result<Step> {
        let path = self.path.clone();
        let (mut kind, mut old_path) = match (self.blob, after) {
            (None, _) => (ChangeKind::Added, None),
            (Some(_), None) => (ChangeKind::Deleted, None),
            (Some(_), Some(_)) => (ChangeKind::Modified, None),
        };
        if let (ChangeKind::Added, Some(parent)) = (kind, parent) {
            let (from, to) = (self.objects.commit(parent)?.tree, self.objects.commit(at)?.tree);
            let changes = self.handle.changes(from, to)?;
            let renamed = changes.into_iter().find(|change| change.path == path);
            if let Some(former) = renamed.and_then(|change| change.old_path) {
                self.path = former.clone();
                self.blob = self.blob_of(parent)?;
                (kind, old_path) = (ChangeKind::Renamed, Some(former));
            }
        }
        let change = FileChange {
            commit: self.handle.commit_info(at)?,
            tag: self.tag.clone(),
            kind,
            path,
            old_path,
            blob: after.map(BlobId::of),
        };
        Ok(Step { change, before: self.blob })
    }
}
