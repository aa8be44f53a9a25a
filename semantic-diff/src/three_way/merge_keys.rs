//! What merge keys (`<<`) bring into a mapping.

use super::answer::Clash;
use super::walk::{BASE, OURS, Spots, THEIRS, Walk};
use crate::compare::Spot;
use crate::document::NodeId;
use std::collections::HashMap;

/// The most nodes that are looked through in one file.
pub(super) const MAX_LOOKED_UP: usize = 2_000_000;

impl Walk<'_, '_> {
    /// Where one side changed what is merged into a mapping, this sets keys as if they were written there: it does not fit
    /// to another value that the other side has written.
    pub(super) fn merge_keys(&mut self, around: &Spots, entries: &HashMap<&str, Spots>) {
        let Some(merge) = entries.get("<<") else { return };
        for (side, other) in [(OURS, THEIRS), (THEIRS, OURS)] {
            if self.same(merge, BASE, side) {
                continue;
            }
            let (Some(brought), Some(before)) = (self.brought(side, around), self.brought(BASE, around))
            else {
                return;
            };
            let mut set: Vec<(&str, Spots)> = Vec::new();
            for (name, spots) in entries {
                let written = spots[side].is_none() && spots[other].is_some();
                let Some(value) = brought.get(*name).filter(|_| written && *name != "<<") else { continue };
                let base = spots[BASE].or(before.get(*name).copied());
                let mut told: Spots = [base, None, None, None];
                (told[side], told[other]) = (Some(*value), spots[other]);
                let changed = !self.same(spots, BASE, other) && !self.same(&told, BASE, side);
                if changed && !self.same(&told, OURS, THEIRS) {
                    set.push((name, told));
                }
            }
            set.sort_by_key(|(name, _)| *name);
            for (name, told) in set {
                // So far it looked as if only the other side had changed it.
                let alone = if other == OURS { &mut self.only_ours } else { &mut self.only_theirs };
                *alone = alone.saturating_sub(1);
                self.path.push_key(name);
                let clash = if told[BASE].is_some() { Clash::BothChanged } else { Clash::BothAdded };
                self.clash(clash, told);
                self.path.pop();
            }
        }
    }

    /// What merge keys bring into a mapping, the first source winning; `None` when that takes too long.
    fn brought(&mut self, side: usize, around: &Spots) -> Option<HashMap<String, Spot>> {
        let document = self.documents[side];
        let mut brought = HashMap::new();
        let Some(mapping) = around[side] else { return Some(brought) };
        let sources: Vec<NodeId> = document.merged(mapping.value).collect();
        for source in sources {
            self.looked_up_left = self.looked_up_left.checked_sub(document.size(source) as usize)?;
            for (key, value) in document.entries(source) {
                let Some(key) = document.text(key) else { continue };
                let value = document.resolve(value);
                brought.entry(key.to_owned()).or_insert(Spot { key: None, value });
            }
        }
        Some(brought)
    }
}
