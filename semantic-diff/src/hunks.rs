//! The raw line diff of a file, and which of its hunks the structural differences account for.

use crate::document::Lines;
use imara_diff::{Algorithm, Diff, InternedInput};
use std::ops::Range;

/// A changed region: half-open ranges of lines from 0, as a line diff without context finds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hunk {
    pub(crate) before: Range<u32>,
    pub(crate) after: Range<u32>,
}

/// The changed regions between two texts, compared line by line as git does.
pub(crate) fn hunks(before: &[u8], after: &[u8]) -> Vec<Hunk> {
    let input = InternedInput::new(before, after);
    let mut diff = Diff::compute(Algorithm::Myers, &input);
    diff.postprocess_lines(&input);
    diff.hunks().map(|hunk| Hunk { before: hunk.before, after: hunk.after }).collect()
}

impl Hunk {
    /// The lines to show: of the head, or of the base where the head has none of them.
    pub(crate) fn shown(&self) -> Lines {
        let range = if self.after.is_empty() { &self.before } else { &self.after };
        Lines { start: range.start + 1, end: range.end.max(range.start + 1) }
    }
}

/// Lines on both sides that a difference is about.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reach {
    pub(crate) base: Option<Lines>,
    pub(crate) head: Option<Lines>,
}

/// Tells which hunks differences account for.
pub(crate) struct Coverage<'h> {
    hunks: &'h [Hunk],
    covered: Vec<bool>,
}

impl<'h> Coverage<'h> {
    pub(crate) fn of(hunks: &'h [Hunk]) -> Self {
        Self { covered: vec![false; hunks.len()], hunks }
    }

    /// Marks the hunks that a difference touches; gives the nearest one when it touches none.
    pub(crate) fn mark(&mut self, reach: Reach) -> Option<&'h Hunk> {
        let hunks = self.hunks;
        let mut any = false;
        let sides = [(reach.base, before as Side), (reach.head, after as Side)];
        for (lines, range) in sides {
            let Some(lines) = lines else { continue };
            let first = hunks.partition_point(|hunk| range(hunk).end < lines.start);
            for (at, hunk) in hunks.iter().enumerate().skip(first) {
                let range = range(hunk);
                if range.start >= lines.end {
                    break;
                }
                if !range.is_empty() {
                    self.covered[at] = true;
                    any = true;
                }
            }
        }
        if any {
            return None;
        }
        let (at, hunk) = hunks.iter().enumerate().min_by_key(|(_, hunk)| distance(hunk, reach))?;
        self.covered[at] = true;
        Some(hunk)
    }

    /// The hunks that nothing accounts for.
    pub(crate) fn left(&self) -> impl Iterator<Item = &'h Hunk> + '_ {
        self.hunks.iter().zip(&self.covered).filter(|(_, covered)| !**covered).map(|(hunk, _)| hunk)
    }
}

/// The lines of a hunk on one side.
type Side = fn(&Hunk) -> &Range<u32>;

fn before(hunk: &Hunk) -> &Range<u32> {
    &hunk.before
}

fn after(hunk: &Hunk) -> &Range<u32> {
    &hunk.after
}

fn distance(hunk: &Hunk, reach: Reach) -> u32 {
    let to = |range: &Range<u32>, lines: Option<Lines>| {
        lines.map(|lines| lines.start.abs_diff(range.start + 1).min(lines.end.abs_diff(range.end.max(1))))
    };
    let (base, head) = (to(&hunk.before, reach.base), to(&hunk.after, reach.head));
    head.into_iter().chain(base).min().unwrap_or(u32::MAX)
}
