//! Which of two lists' elements belong together, in bounded time.

use imara_diff::{Algorithm, Diff, InternedInput, TokenSource};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::ops::Range;

/// A changed region: half-open ranges of places from 0. What lies between two regions is the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hunk {
    pub(crate) before: Range<u32>,
    pub(crate) after: Range<u32>,
}

/// Up to so many possible pairs of elements, all are weighed against each other: Myers' algorithm takes that much time where
/// little fits.
pub(crate) const WEIGHED: usize = 25_000_000;

/// The changed regions, as few elements in them as can be found.
///
/// Large lists are cut at elements that either has once; what is left between two cuts and is still too large to be weighed
/// becomes one region, so that time stays proportional to the lists' length.
pub(crate) fn align<T: Copy + Eq + Hash>(before: &[T], after: &[T]) -> Vec<Hunk> {
    let mut aligned = Aligned { before, after, weighed_left: 4 * WEIGHED, hunks: Vec::new() };
    let mut at = (0, 0);
    let cuts =
        if before.len().saturating_mul(after.len()) > WEIGHED { cuts(before, after) } else { Vec::new() };
    for (old, new) in cuts.into_iter().chain([(before.len(), after.len())]) {
        aligned.between(at.0..old, at.1..new);
        at = (old, new);
    }
    aligned.hunks
}

/// Pairs of equal elements that either list has once, in the order of both.
fn cuts<T: Copy + Eq + Hash>(before: &[T], after: &[T]) -> Vec<(usize, usize)> {
    let mut places: HashMap<T, [(usize, usize); 2], BuildHasherDefault<Spread>> =
        HashMap::with_capacity_and_hasher(before.len().max(after.len()), BuildHasherDefault::default());
    for (side, list) in [before, after].into_iter().enumerate() {
        for (at, element) in list.iter().enumerate() {
            let (count, place) = &mut places.entry(*element).or_default()[side];
            (*count, *place) = (*count + 1, at);
        }
    }
    let unique = before.iter().filter_map(|element| match places[element] {
        [(1, old), (1, new)] => Some((old, new)),
        _ => None,
    });
    let unique: Vec<(usize, usize)> = unique.collect();
    let stays = in_order(&unique);
    unique.into_iter().zip(stays).filter(|(_, stays)| *stays).map(|(pair, _)| pair).collect()
}

/// Spreads numbers over a table. Nobody can choose them: elements are numbered as they come, or are hashes with a secret
/// seed.
#[derive(Debug, Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(26);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Which pairs keep their order: the longest increasing run of the second places.
pub(crate) fn in_order(pairs: &[(usize, usize)]) -> Vec<bool> {
    let mut tails: Vec<usize> = Vec::new();
    let mut previous = vec![usize::MAX; pairs.len()];
    for (at, (_, place)) in pairs.iter().enumerate() {
        let length = tails.partition_point(|tail| pairs[*tail].1 < *place);
        if length > 0 {
            previous[at] = tails[length - 1];
        }
        if length == tails.len() {
            tails.push(at);
        } else {
            tails[length] = at;
        }
    }
    let mut stays = vec![false; pairs.len()];
    let mut at = tails.last().copied().unwrap_or(usize::MAX);
    while at != usize::MAX {
        stays[at] = true;
        at = previous[at];
    }
    stays
}

struct Aligned<'l, T> {
    before: &'l [T],
    after: &'l [T],
    weighed_left: usize,
    hunks: Vec<Hunk>,
}

impl<T: Copy + Eq + Hash> Aligned<'_, T> {
    /// Aligns a part of both lists.
    fn between(&mut self, mut old: Range<usize>, mut new: Range<usize>) {
        while !old.is_empty() && !new.is_empty() && self.before[old.start] == self.after[new.start] {
            (old.start, new.start) = (old.start + 1, new.start + 1);
        }
        while !old.is_empty() && !new.is_empty() && self.before[old.end - 1] == self.after[new.end - 1] {
            (old.end, new.end) = (old.end - 1, new.end - 1);
        }
        let cost = old.len().saturating_mul(new.len());
        // A pair of unequal elements needs no weighing.
        match self.weighed_left.checked_sub(cost).filter(|_| cost <= WEIGHED && cost > 1) {
            None => self.push(old, new),
            Some(left) => {
                self.weighed_left = left;
                let (before, after) = (self.before, self.after);
                let input = InternedInput::new(Elements(&before[old.clone()]), Elements(&after[new.clone()]));
                for hunk in Diff::compute(Algorithm::Myers, &input).hunks() {
                    let shift =
                        |range: Range<u32>, by: usize| range.start as usize + by..range.end as usize + by;
                    self.push(shift(hunk.before, old.start), shift(hunk.after, new.start));
                }
            }
        }
    }

    fn push(&mut self, old: Range<usize>, new: Range<usize>) {
        if old.is_empty() && new.is_empty() {
            return;
        }
        let (before, after) = (old.start as u32..old.end as u32, new.start as u32..new.end as u32);
        match self.hunks.last_mut() {
            // Nothing lies between them.
            Some(last) if last.before.end == before.start && last.after.end == after.start => {
                (last.before.end, last.after.end) = (before.end, after.end);
            }
            _ => self.hunks.push(Hunk { before, after }),
        }
    }
}

struct Elements<'l, T>(&'l [T]);

impl<'l, T: Copy + Eq + Hash> TokenSource for Elements<'l, T> {
    type Token = T;
    type Tokenizer = std::iter::Copied<std::slice::Iter<'l, T>>;

    fn tokenize(&self) -> Self::Tokenizer {
        self.0.iter().copied()
    }

    fn estimate_tokens(&self) -> u32 {
        self.0.len() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks that what lies between the regions is the same, and gives how many elements are in them.
    fn changed(before: &[u32], after: &[u32]) -> usize {
        let (mut old, mut new, mut changed) = (0, 0, 0);
        let end = (before.len() as u32, after.len() as u32);
        let hunks = align(before, after);
        let ranges = hunks.into_iter().map(|hunk| (hunk.before, hunk.after));
        for (before_range, after_range) in ranges.chain([(end.0..end.0, end.1..end.1)]) {
            let same = |list: &[u32], from: u32, to: u32| list[from as usize..to as usize].to_vec();
            assert_eq!(same(before, old, before_range.start), same(after, new, after_range.start));
            changed += before_range.len() + after_range.len();
            (old, new) = (before_range.end, after_range.end);
        }
        changed
    }

    #[test]
    fn what_lies_between_regions_is_the_same() {
        let numbers: Vec<u32> = (0..20_000).collect();
        let mut others = numbers.clone();
        others[7] = 1_000_000;
        others.remove(10_000);
        others.extend([5, 6]);
        assert_eq!(changed(&numbers, &numbers), 0);
        assert_eq!(changed(&numbers, &others), 2 + 1 + 2);
        assert_eq!(changed(&[], &numbers), numbers.len());
        // Nothing in it is there once.
        let mixed =
            |seed: u32| (0..30_000).map(|n: u32| (n.wrapping_mul(seed) >> 7) % 5).collect::<Vec<u32>>();
        changed(&mixed(2_654_435_761), &mixed(40_503));
    }
}
