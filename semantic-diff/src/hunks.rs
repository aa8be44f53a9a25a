//! The raw line diff of a file, and which of its hunks the structural differences account for.

use crate::align::{WEIGHED, align};
use crate::document::Lines;

pub(crate) use crate::align::Hunk;
use imara_diff::{Algorithm, Diff, InternedInput};
use std::ops::Range;

/// The changed regions between two texts: lines from 0, as git finds them unless the texts are very large and unlike.
pub(crate) fn hunks(before: &[u8], after: &[u8]) -> Vec<Hunk> {
    let input = InternedInput::new(before, after);
    if input.before.len().saturating_mul(input.after.len()) > WEIGHED {
        return align(&input.before, &input.after);
    }
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

/// Tells which hunks differences account for; each mark takes a search, however many hunks it is about.
pub(crate) struct Coverage<'h> {
    hunks: &'h [Hunk],
    sides: [Marks; 2],
    /// Those that were given as the nearest ones.
    nearest: Vec<bool>,
}

/// The hunks that have lines on one side, and where runs of marked ones begin (+) and end (-).
struct Marks {
    side: Side,
    hunks: Vec<usize>,
    steps: Vec<i64>,
}

impl<'h> Coverage<'h> {
    pub(crate) fn of(hunks: &'h [Hunk]) -> Self {
        let marks = |side: Side| {
            let with: Vec<usize> = (0..hunks.len()).filter(|at| !side(&hunks[*at]).is_empty()).collect();
            Marks { side, steps: vec![0; with.len() + 1], hunks: with }
        };
        Self { hunks, sides: [marks(before), marks(after)], nearest: vec![false; hunks.len()] }
    }

    /// Marks the hunks that a difference touches; gives the nearest one when it touches none.
    pub(crate) fn mark(&mut self, reach: Reach) -> Option<&'h Hunk> {
        let hunks = self.hunks;
        let mut any = false;
        for (lines, marks) in [reach.base, reach.head].into_iter().zip(&mut self.sides) {
            let Some(lines) = lines else { continue };
            let range = |at: &usize| (marks.side)(&hunks[*at]);
            let first = marks.hunks.partition_point(|at| range(at).end < lines.start);
            let end = marks.hunks.partition_point(|at| range(at).start < lines.end);
            if first < end {
                marks.steps[first] += 1;
                marks.steps[end] -= 1;
                any = true;
            }
        }
        if any {
            return None;
        }
        let near = [(reach.head, after as Side), (reach.base, before as Side)].into_iter().flat_map(
            |(lines, side)| {
                let at = lines.map(|lines| hunks.partition_point(|hunk| side(hunk).end < lines.start));
                at.into_iter().flat_map(|at| [at.checked_sub(1), Some(at)]).flatten()
            },
        );
        let nearest =
            near.filter(|at| *at < hunks.len()).min_by_key(|at| (distance(&hunks[*at], reach), *at))?;
        self.nearest[nearest] = true;
        hunks.get(nearest)
    }

    /// The hunks that nothing accounts for.
    pub(crate) fn left(self) -> Vec<&'h Hunk> {
        let mut covered = self.nearest;
        for marks in self.sides {
            let mut depth = 0;
            for (at, step) in marks.hunks.iter().zip(marks.steps) {
                depth += step;
                covered[*at] |= depth > 0;
            }
        }
        self.hunks.iter().zip(covered).filter(|(_, covered)| !covered).map(|(hunk, _)| hunk).collect()
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
