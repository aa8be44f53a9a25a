//! Which things are the same ones, changed.

use crate::Step;
use crate::align::Hunk;
use crate::compare::{Comparison, Spot};
use crate::document::{Document, Kind, NodeId};
use crate::names::IDENTITIES;
use std::collections::HashMap;

/// The share of its content that something renamed keeps.
const ALIKE: f64 = 0.5;
/// Pairs of items without names that are held against each other in one place of a list.
const MAX_PAIRS: usize = 2_500;

impl Comparison<'_, '_> {
    /// The new thing that is most like one that is gone, if it is like it at all.
    pub(crate) fn heir(
        &mut self,
        spot: Spot,
        fresh: &[(Step, Spot)],
        taken: &[bool],
        alone: bool,
        identity: Option<&str>,
    ) -> Option<usize> {
        let free = || fresh.iter().enumerate().filter(|(at, _)| !taken[*at]);
        if self.base.kind(spot.value) != Kind::Mapping {
            return None;
        }
        let ours = self.base.entries(spot.value).count();
        let cost = free()
            .take(self.likeness_left + 1)
            .map(|(_, (_, there))| ours + self.head.entries(there.value).count());
        let mut left = Some(self.likeness_left);
        for cost in cost {
            left = left.and_then(|left| left.checked_sub(cost + 1));
            if left.is_none() {
                break;
            }
        }
        self.likeness_left = left.unwrap_or_default();
        left?;
        let likeness = |there: &Spot| {
            self.likeness(spot.value, there.value, identity).unwrap_or(if alone { 1.0 } else { 0.0 })
        };
        let scored =
            free().map(|(at, (_, there))| (at, likeness(there))).filter(|(_, score)| *score >= ALIKE);
        scored.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))).map(|(at, _)| at)
    }

    /// The share of two mappings that is the same, weighed by size, from 0 to 1; none where there is nothing to compare.
    fn likeness(&self, old: NodeId, new: NodeId, except: Option<&str>) -> Option<f64> {
        if self.head.kind(new) != Kind::Mapping {
            return Some(0.0);
        }
        let theirs: HashMap<&str, NodeId> = self
            .head
            .entries(new)
            .filter_map(|(key, value)| Some((self.head.text(key)?, value)))
            .filter(|(key, _)| Some(*key) != except)
            .collect();
        let (mut same, mut all) = (0, theirs.values().map(|value| self.head.size(*value)).sum::<u32>());
        for (key, value) in self.base.entries(old) {
            let Some(key) = self.base.text(key).filter(|key| Some(*key) != except) else { continue };
            all += self.base.size(value);
            if let Some(there) =
                theirs.get(key).filter(|there| self.head.hash(**there) == self.base.hash(value))
            {
                same += self.base.size(value) + self.head.size(*there);
            }
        }
        (all > 0).then(|| f64::from(same) / f64::from(all))
    }

    /// Which items of a hunk are the same ones, changed: those that are alike, in the order of both lists.
    pub(crate) fn pairs(&mut self, hunk: &Hunk, before: &[NodeId], after: &[NodeId]) -> Vec<(u32, u32)> {
        let (rows, columns) = (hunk.before.len(), hunk.after.len());
        let old = &before[hunk.before.start as usize..hunk.before.end as usize];
        let new = &after[hunk.after.start as usize..hunk.after.end as usize];
        let entries = |document: &Document<'_>, items: &[NodeId]| -> usize {
            items.iter().map(|item| document.entries(*item).count() + 1).sum()
        };
        if rows == 0 || columns == 0 || rows.saturating_mul(columns) > MAX_PAIRS {
            return Vec::new();
        }
        let cost = entries(self.base, old) * columns + entries(self.head, new) * rows;
        let Some(left) = self.likeness_left.checked_sub(cost) else { return Vec::new() };
        self.likeness_left = left;
        // The best sum of likeness of what follows, for every place in both.
        let mut best = vec![vec![0.0_f64; columns + 1]; rows + 1];
        let mut alike = vec![vec![0.0_f64; columns]; rows];
        for row in (0..rows).rev() {
            for column in (0..columns).rev() {
                alike[row][column] = self.kinship(old[row], new[column]);
                let skipping = best[row + 1][column].max(best[row][column + 1]);
                best[row][column] = skipping.max(alike[row][column] + best[row + 1][column + 1]);
            }
        }
        let (mut row, mut column, mut pairs) = (0, 0, Vec::new());
        while row < rows && column < columns {
            let paired = alike[row][column] + best[row + 1][column + 1];
            if alike[row][column] > 0.0 && paired >= best[row][column] {
                pairs.push((hunk.before.start + row as u32, hunk.after.start + column as u32));
                (row, column) = (row + 1, column + 1);
            } else if best[row + 1][column] >= best[row][column + 1] {
                row += 1;
            } else {
                column += 1;
            }
        }
        pairs
    }

    /// How much an item without a name of its own is like another, 0 where it is not: by what it is called, by its content,
    /// or by how it begins.
    fn kinship(&self, old: NodeId, new: NodeId) -> f64 {
        if self.base.kind(old) != Kind::Mapping || self.head.kind(new) != Kind::Mapping {
            return 0.0;
        }
        let named = IDENTITIES.into_iter().find_map(|key| {
            let text = |document: &'_ Document<'_>, id| {
                document.entry(id, key).and_then(|(_, value)| document.text(value).map(str::to_owned))
            };
            Some(text(self.base, old)? == text(self.head, new)?)
        });
        if let Some(same) = named {
            return if same { 1.0 } else { 0.0 };
        }
        let likeness = self.likeness(old, new, None).unwrap_or_default();
        if likeness >= ALIKE {
            return likeness;
        }
        let first = |document: &'_ Document<'_>, id| {
            let (key, value) = document.entries(id).next()?;
            Some((document.text(key)?.to_owned(), document.text(value)?.to_owned()))
        };
        let (Some((old_key, old_text)), Some((new_key, new_text))) =
            (first(self.base, old), first(self.head, new))
        else {
            return 0.0;
        };
        let shared = old_text.bytes().zip(new_text.bytes()).take_while(|(old, new)| old == new).count();
        let begins_alike = old_key == new_key && 2 * shared > old_text.len().max(new_text.len());
        if begins_alike { ALIKE } else { 0.0 }
    }
}

/// True for a scalar that is recognised again: neither null nor a boolean.
pub(crate) fn telling(document: &Document<'_>, id: NodeId) -> bool {
    document.text(id).is_some_and(|text| text.len() > 1 && !matches!(text, "true" | "false" | "null"))
}
