//! Unified diffs as values.

use crate::objects::{ObjectName, Objects};
use crate::{PathChange, Repository, Result};
use conman_domain::{BlobId, TreeId};
use git2::{DiffLineType, DiffOptions, Patch};
use serde::Serialize;
use std::ops::Range;

/// Bounds of a raw diff; what lies beyond is left out and said so by [`FileDiff::truncated`] or [`RawDiff::truncated`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffLimits {
    /// Which of the changed files are asked for, by their places in the order of paths.
    pub files: Range<usize>,
    /// Unchanged lines around a change.
    pub context_lines: u32,
    /// Files with hunks; further files are listed without.
    pub max_files: usize,
    /// Lines of one file's hunks.
    pub max_file_lines: usize,
    /// Bytes of one file, on either side, beyond which it is not diffed.
    pub max_file_bytes: usize,
    /// Lines of all hunks.
    pub max_lines: usize,
}

impl Default for DiffLimits {
    fn default() -> Self {
        Self {
            files: 0..usize::MAX,
            context_lines: 3,
            max_files: 1_000,
            max_file_lines: 20_000,
            max_file_bytes: 5 << 20,
            max_lines: 100_000,
        }
    }
}

/// The raw diff of two trees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RawDiff {
    /// The changed files that were asked for, sorted by path.
    pub files: Vec<FileDiff>,
    /// How many files differ in all.
    pub total_files: usize,
    /// True when a limit cut the diff short anywhere.
    pub truncated: bool,
}

/// The raw diff of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileDiff {
    /// Which file, and how it changed.
    pub change: PathChange,
    /// True when either side is not text; there are no hunks then.
    pub binary: bool,
    /// True when a limit cut this file's hunks short.
    pub truncated: bool,
    /// The changed regions in order.
    pub hunks: Vec<Hunk>,
}

/// One changed region with its context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hunk {
    /// First line in the old file, from 1; 0 when it has no lines there.
    pub old_start: u32,
    /// Lines in the old file.
    pub old_lines: u32,
    /// First line in the new file, from 1; 0 when it has no lines there.
    pub new_start: u32,
    /// Lines in the new file.
    pub new_lines: u32,
    /// The `@@` line, with the function context that Git prints behind it.
    pub header: String,
    /// The lines.
    pub lines: Vec<DiffLine>,
}

/// What a line of a hunk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// In both files.
    Context,
    /// Only in the new file.
    Added,
    /// Only in the old file.
    Deleted,
}

/// One line of a hunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiffLine {
    /// What it is.
    pub kind: LineKind,
    /// Its number in the old file, from 1.
    pub old_no: Option<u32>,
    /// Its number in the new file, from 1.
    pub new_no: Option<u32>,
    /// Its text without the line feed; a carriage return before it is kept. Bytes that are not UTF-8 are replaced.
    pub text: String,
    /// True when bytes had to be replaced in `text`.
    pub lossy: bool,
    /// True when it is the file's last line and has no line feed.
    pub no_newline: bool,
}

impl Repository {
    /// The raw diff of two trees within limits.
    pub async fn raw_diff(&self, from: TreeId, to: TreeId, limits: DiffLimits) -> Result<RawDiff> {
        self.run(move |handle| {
            let objects = handle.objects()?;
            let changes = handle.changes(from.oid(), to.oid())?;
            let mut diff = RawDiff { files: Vec::new(), total_files: changes.len(), truncated: false };
            let mut lines = 0;
            let asked = changes.into_iter().skip(limits.files.start).take(limits.files.len());
            for (index, change) in asked.enumerate() {
                let left = limits.max_lines.saturating_sub(lines).min(limits.max_file_lines);
                let left = if index < limits.max_files { left } else { 0 };
                let file = diff_file(&objects, change, left, &limits)?;
                lines += file.hunks.iter().map(|hunk| hunk.lines.len()).sum::<usize>();
                diff.truncated |= file.truncated;
                diff.files.push(file);
            }
            Ok(diff)
        })
        .await
    }
}

/// True for content that Git does not show as text.
pub(crate) fn is_binary(bytes: &[u8]) -> bool {
    bytes[..bytes.len().min(8000)].contains(&0)
}

fn diff_file(
    objects: &Objects<'_>,
    change: PathChange,
    most: usize,
    limits: &DiffLimits,
) -> Result<FileDiff> {
    let mut file = FileDiff { change, binary: false, truncated: false, hunks: Vec::new() };
    if file.change.old_blob == file.change.new_blob {
        return Ok(file);
    }
    if most == 0 {
        file.truncated = true;
        return Ok(file);
    }
    let read = |blob: Option<BlobId>| blob.map_or(Ok(Vec::new()), |blob| objects.blob(blob.oid()));
    let (old, new) = (read(file.change.old_blob)?, read(file.change.new_blob)?);
    if is_binary(&old) || is_binary(&new) {
        file.binary = true;
        return Ok(file);
    }
    if old.len().max(new.len()) > limits.max_file_bytes {
        file.truncated = true;
        return Ok(file);
    }
    let mut options = DiffOptions::new();
    options.context_lines(limits.context_lines).indent_heuristic(true).force_text(true);
    let patch = Patch::from_buffers(&old, None, &new, None, Some(&mut options))?;
    let mut left = most;
    'hunks: for number in 0..patch.num_hunks() {
        let (shape, count) = patch.hunk(number)?;
        let mut hunk = Hunk {
            old_start: shape.old_start(),
            old_lines: shape.old_lines(),
            new_start: shape.new_start(),
            new_lines: shape.new_lines(),
            header: String::from_utf8_lossy(shape.header()).trim_end().to_owned(),
            lines: Vec::with_capacity(count),
        };
        for at in 0..count {
            let line = patch.line_in_hunk(number, at)?;
            let kind = match line.origin_value() {
                DiffLineType::Context => LineKind::Context,
                DiffLineType::Addition => LineKind::Added,
                DiffLineType::Deletion => LineKind::Deleted,
                // What says that the line before it ends without a line feed.
                DiffLineType::ContextEOFNL | DiffLineType::AddEOFNL | DiffLineType::DeleteEOFNL => {
                    if let Some(last) = hunk.lines.last_mut() {
                        last.no_newline = true;
                    }
                    continue;
                }
                DiffLineType::FileHeader | DiffLineType::HunkHeader | DiffLineType::Binary => continue,
            };
            if left == 0 {
                file.truncated = true;
                file.hunks.push(hunk);
                break 'hunks;
            }
            left -= 1;
            let content = line.content();
            let content = content.strip_suffix(b"\n").unwrap_or(content);
            let text = String::from_utf8_lossy(content);
            hunk.lines.push(DiffLine {
                kind,
                old_no: line.old_lineno(),
                new_no: line.new_lineno(),
                lossy: matches!(text, std::borrow::Cow::Owned(_)),
                text: text.into_owned(),
                no_newline: false,
            });
        }
        file.hunks.push(hunk);
    }
    Ok(file)
}
