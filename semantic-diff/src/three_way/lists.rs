//! Lists of all versions side by side.

use super::answer::Clash;
use super::walk::{BASE, MERGED, OURS, Spots, THEIRS, Walk, joined};
use crate::Step;
use crate::align::align;
use crate::compare::Spot;
use crate::document::{Document, Kind, NodeId};
use crate::names::{IDENTITIES, identities};
use std::collections::HashMap;

/// The most pairs of items that are weighed against each other in one file; beyond, a list is compared as a whole.
pub(super) const MAX_WEIGHED: usize = 100_000_000;

impl Walk<'_, '_> {
    /// Compares lists item by item; false where they have to be compared as a whole.
    pub(super) fn sequence(&mut self, spots: &Spots) -> bool {
        let items: &[Vec<NodeId>; 4] = &[BASE, OURS, THEIRS, MERGED].map(|side| {
            spots[side].map(|spot| self.documents[side].items(spot.value).collect()).unwrap_or_default()
        });
        let named = IDENTITIES.into_iter().find_map(|key| {
            let named = |side: usize| {
                let found = identities(self.documents[side], &items[side], key)?;
                Some(found.items.into_iter().map(|(name, item)| (name.to_owned(), item)).collect::<Vec<_>>())
            };
            Some((key, [named(BASE)?, named(OURS)?, named(THEIRS)?]))
        });
        match named {
            Some((key, named)) => {
                self.named(spots, key, named, &items[MERGED]);
                true
            }
            None => self.unnamed(spots, items),
        }
    }

    /// Compares lists whose items have names.
    fn named(
        &mut self,
        around: &Spots,
        key: &str,
        [base, ours, theirs]: [Vec<(String, NodeId)>; 3],
        merged: &[NodeId],
    ) {
        if !self.judged {
            self.order(around, [&base, &ours, &theirs]);
        }
        let spot = |(name, value)| (name, Spot { key: None, value });
        let [base, ours, theirs] = [base, ours, theirs].map(|list| list.into_iter().map(spot).collect());
        let (mut once, mut twice) = (Vec::new(), Vec::new());
        if self.judged {
            let document = self.documents[MERGED];
            let mut seen = std::collections::HashSet::new();
            for item in merged {
                let name = document.entry(*item, key).and_then(|(_, name)| document.text(name));
                let Some(name) = name else { continue };
                let list = if seen.insert(name) { &mut once } else { &mut twice };
                list.push(spot((name.to_owned(), *item)));
            }
        }
        let items = joined([base, ours, theirs, once]);
        let places: HashMap<&str, Spots> =
            items.iter().map(|(name, spots)| (name.as_str(), *spots)).collect();
        let step = |name: &str| Step::Item { key: key.to_owned(), value: name.to_owned() };
        for (name, spot) in &twice {
            let mut spots = places.get(name.as_str()).copied().unwrap_or_default();
            spots[MERGED] = Some(*spot);
            self.path.push(step(name));
            self.clash(Clash::Twice, spots);
            self.path.pop();
        }
        for (name, spots) in &items {
            self.path.push(step(name));
            self.node(*spots);
            self.path.pop();
        }
    }

    /// Both sides may put the items that all have into another order, but only into the same one.
    fn order(&mut self, around: &Spots, lists: [&[(String, NodeId)]; 3]) {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for (name, _) in lists.iter().copied().flatten() {
            *counts.entry(name).or_default() += 1;
        }
        let common = |list: &[(String, NodeId)]| -> Vec<String> {
            list.iter().map(|(name, _)| name.clone()).filter(|name| counts[name.as_str()] == 3).collect()
        };
        let [base, ours, theirs] = lists.map(common);
        match (base == ours, base == theirs, ours == theirs) {
            (true, true, _) | (false, false, true) => {}
            (true, false, _) => self.only_theirs += 1,
            (false, true, _) => self.only_ours += 1,
            (false, false, false) => self.clash(Clash::Order, *around),
        }
    }

    /// Compares lists whose items have no names: what became of each of the base's items, and what came between them.
    fn unnamed(&mut self, around: &Spots, items: &[Vec<NodeId>; 4]) -> bool {
        let cost = |side: usize| items[BASE].len().saturating_mul(items[side].len());
        let Some(left) = self.weighed_left.checked_sub(cost(OURS).saturating_add(cost(THEIRS))) else {
            return self.judged;
        };
        self.weighed_left = left;
        let ours = Heirs::of((self.documents[BASE], &items[BASE]), (self.documents[OURS], &items[OURS]));
        let theirs =
            Heirs::of((self.documents[BASE], &items[BASE]), (self.documents[THEIRS], &items[THEIRS]));
        let spot = |side: usize, place: usize| Spot { key: None, value: items[side][place] };
        if self.judged {
            // The text merge has kept apart what came, what went and what stayed: what both sides changed is left to see.
            self.judged = false;
            for (place, item) in items[BASE].iter().enumerate() {
                if let (Some(left), Some(right)) = (ours.items[place], theirs.items[place]) {
                    let base = Spot { key: None, value: *item };
                    self.path.push_index(place);
                    self.node([Some(base), Some(spot(OURS, left)), Some(spot(THEIRS, right)), None]);
                    self.path.pop();
                }
            }
            self.judged = true;
            return true;
        }
        for place in 0..items[BASE].len() {
            let heir = |heirs: &Heirs, side: usize| heirs.items[place].map(|at| spot(side, at));
            let base = Some(spot(BASE, place));
            self.path.push_index(place);
            self.node([base, heir(&ours, OURS), heir(&theirs, THEIRS), None]);
            self.path.pop();
        }
        let hashes = |side: usize, places: &[usize]| -> Vec<u64> {
            places.iter().map(|place| self.documents[side].hash(items[side][*place])).collect()
        };
        let (mut left, mut right, mut clash) = (0, 0, false);
        for gap in 0..=items[BASE].len() {
            match (ours.came.get(&gap), theirs.came.get(&gap)) {
                (None, None) => {}
                (Some(_), None) => (left, clash) = (left + 1, clash || theirs.covers(gap)),
                (None, Some(_)) => (right, clash) = (right + 1, clash || ours.covers(gap)),
                (Some(mine), Some(other)) => clash |= hashes(OURS, mine) != hashes(THEIRS, other),
            }
        }
        if clash {
            self.clash(Clash::BothChanged, *around);
        } else {
            (self.only_ours, self.only_theirs) = (self.only_ours + left, self.only_theirs + right);
        }
        true
    }
}

/// What a side made of the items of a list.
struct Heirs {
    /// For each of the base's items, the place of what it became; none if it is gone.
    items: Vec<Option<usize>>,
    /// What is new, by the place in the base that it came before.
    came: HashMap<usize, Vec<usize>>,
    /// The parts of the base that were replaced by another number of items.
    replaced: Vec<(usize, usize)>,
}

impl Heirs {
    fn of((base, before): (&Document<'_>, &[NodeId]), (side, after): (&Document<'_>, &[NodeId])) -> Self {
        let old: Vec<u64> = before.iter().map(|item| base.hash(*item)).collect();
        let new: Vec<u64> = after.iter().map(|item| side.hash(*item)).collect();
        let mut heirs = Self { items: vec![None; before.len()], came: HashMap::new(), replaced: Vec::new() };
        let mut at = (0, 0);
        let end = (before.len()..before.len(), after.len()..after.len());
        let hunks = align(&old, &new).into_iter();
        let hunks = hunks.map(|hunk| {
            let places = |range: std::ops::Range<u32>| range.start as usize..range.end as usize;
            (places(hunk.before), places(hunk.after))
        });
        for (old, new) in hunks.chain([end]) {
            // What lies between two regions is the same.
            for (place, there) in (at.0..old.start).zip(at.1..new.start) {
                heirs.items[place] = Some(there);
            }
            at = (old.end, new.end);
            if old.len() == new.len() {
                for (place, there) in old.zip(new) {
                    heirs.items[place] = Some(there);
                }
                continue;
            }
            if !old.is_empty() {
                heirs.replaced.push((old.start, old.end));
            }
            let mut next = new.start;
            for place in old.clone() {
                let alike = (next..new.end)
                    .take(LOOKED_AT)
                    .find(|there| alike((base, before[place]), (side, after[*there])));
                if let Some(there) = alike {
                    heirs.items[place] = Some(there);
                    if next < there {
                        heirs.came.entry(place).or_default().extend(next..there);
                    }
                    next = there + 1;
                }
            }
            if next < new.end {
                heirs.came.entry(old.end).or_default().extend(next..new.end);
            }
        }
        heirs
    }

    /// True when a gap lies within what was replaced.
    fn covers(&self, gap: usize) -> bool {
        self.replaced.iter().any(|(start, end)| *start < gap && gap < *end)
    }
}

/// How many items are looked at for one that an item may have become.
const LOOKED_AT: usize = 16;

/// True for mappings of which half the entries are the same.
fn alike((base, old): (&Document<'_>, NodeId), (side, new): (&Document<'_>, NodeId)) -> bool {
    if base.kind(old) != Kind::Mapping || side.kind(new) != Kind::Mapping {
        return false;
    }
    let entries: Vec<(&str, u64)> = side
        .entries(new)
        .take(MAX_ENTRIES)
        .filter_map(|(key, value)| Some((side.text(key)?, side.hash(value))))
        .collect();
    let before = base.entries(old).take(MAX_ENTRIES);
    let before = before.filter_map(|(key, value)| Some((base.text(key)?, base.hash(value))));
    let (mut all, mut same) = (entries.len(), 0);
    for entry in before {
        all += 1;
        same += usize::from(entries.contains(&entry));
    }
    all > 0 && 4 * same >= all
}

/// How many entries of an item count.
const MAX_ENTRIES: usize = 32;
