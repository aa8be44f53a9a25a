//! The structural comparison of two documents.

use crate::SemanticOperation;
use crate::align::{align, in_order};
use crate::document::{Document, Kind, Lines, NodeId};
use crate::likeness::telling;
use crate::names::{IDENTITIES, Named, document_names, identities, keys, same_keys};
use crate::{KeyPath, Step};
use std::collections::{HashMap, HashSet};

/// Entries of gone and new mappings that are held against each other in one file; beyond that only equal ones are found.
const MAX_LIKENESS: usize = 2_000_000;
/// The most differences that are told of one file, one by one.
pub(crate) const MAX_EDITS: usize = 10_000;
/// From this size on, in nodes, something that is gone here and new there has moved.
const WORTH_MOVING: u32 = 4;

/// A node with the key that it is the value of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spot {
    pub(crate) key: Option<NodeId>,
    pub(crate) value: NodeId,
}

impl Spot {
    pub(crate) fn lines(self, document: &Document<'_>) -> Lines {
        let value = document.lines(self.value);
        self.key.map_or(value, |key| document.lines(key).to(value))
    }
}

/// One difference.
#[derive(Debug, Clone)]
pub(crate) struct Edit {
    pub(crate) operation: SemanticOperation,
    pub(crate) path: KeyPath,
    /// Where it was, if it moved.
    pub(crate) from: Option<KeyPath>,
    /// The places in its list, from 1, if it only moved within.
    pub(crate) order: Option<(usize, usize)>,
    pub(crate) base: Option<Spot>,
    pub(crate) head: Option<Spot>,
    /// The list that it moved in, on either side: the lines that a move touches are anywhere in there.
    pub(crate) around: Option<(Lines, Lines)>,
}

impl Edit {
    /// True for another name of what the whole file is about.
    pub(crate) fn is_own_name(&self) -> bool {
        matches!(self.path.steps(), [Step::Key(key)] if key == "name")
            && self.base.is_some()
            && self.head.is_some()
    }

    /// The key that stands twice in what is new, another or gone, and where.
    pub(crate) fn duplicate<'d, 't>(
        &self,
        base: &'d Document<'t>,
        head: &'d Document<'t>,
    ) -> Option<(&'d Document<'t>, Spot, NodeId)> {
        let (document, spot) = match self.operation {
            SemanticOperation::Added | SemanticOperation::Modified => (head, self.head?),
            SemanticOperation::Removed => (base, self.base?),
            SemanticOperation::Moved => return None,
        };
        Some((document, spot, document.duplicate_key(spot.key, spot.value)?))
    }
}

/// All differences between two documents; none if they are more than [`MAX_EDITS`].
pub(crate) fn compare(base: &Document<'_>, head: &Document<'_>) -> Option<Vec<Edit>> {
    let mut comparison =
        Comparison { base, head, path: KeyPath::root(), edits: Vec::new(), likeness_left: MAX_LIKENESS };
    comparison.roots();
    if comparison.is_full() {
        return None;
    }
    comparison.find_moves();
    Some(comparison.edits)
}

/// A comparison that goes on.
pub(crate) struct Comparison<'a, 't> {
    pub(crate) base: &'a Document<'t>,
    pub(crate) head: &'a Document<'t>,
    path: KeyPath,
    edits: Vec<Edit>,
    /// What of [`MAX_LIKENESS`] is left.
    pub(crate) likeness_left: usize,
}

impl Comparison<'_, '_> {
    fn roots(&mut self) {
        let (base, head) = (self.base, self.head);
        if let (Some(old), Some(new)) = (base.root(), head.root()) {
            self.node(Spot { key: None, value: old }, Spot { key: None, value: new });
            return;
        }
        let spot = |root: NodeId| Spot { key: None, value: root };
        match (base.roots(), head.roots()) {
            ([], [root]) => return self.fresh(spot(*root)),
            ([root], []) => return self.gone(spot(*root)),
            _ => {}
        }
        let (old, new) = (document_names(base), document_names(head));
        let theirs: HashMap<&str, usize> =
            new.iter().enumerate().map(|(at, (name, _))| (name.as_str(), at)).collect();
        let ours: HashSet<&str> = old.iter().map(|(name, _)| name.as_str()).collect();
        let step = |name: &str| Step::Document(name.to_owned());
        let (mut gone, mut matched) = (Vec::new(), Vec::new());
        for (at, (name, root)) in old.iter().enumerate() {
            match theirs.get(name.as_str()) {
                Some(there) => matched.push((at, *there)),
                None => gone.push((step(name), spot(*root))),
            }
        }
        let around = (stream(base), stream(head));
        let stays = in_order(&matched);
        for ((at, there), stays) in matched.iter().zip(stays) {
            self.path.push(step(&old[*at].0));
            let (old, new) = (spot(old[*at].1), spot(new[*there].1));
            if !stays {
                self.reordered((at + 1, there + 1), around, (old, new));
            }
            self.node(old, new);
            self.path.pop();
        }
        let fresh = new.iter().filter(|(name, _)| !ours.contains(name.as_str()));
        let fresh = fresh.map(|(name, root)| (step(name), spot(*root))).collect();
        self.renamed(gone, fresh, None);
    }

    /// Tells that something has another place in what is around it.
    fn reordered(&mut self, order: (usize, usize), around: (Lines, Lines), (old, new): (Spot, Spot)) {
        let before = self.edits.len();
        self.push(SemanticOperation::Moved, Some(old), Some(new));
        if let Some(edit) = self.edits.get_mut(before) {
            (edit.order, edit.around) = (Some(order), Some(around));
        }
    }

    /// True when there are too many differences, so that no more is looked for.
    fn is_full(&self) -> bool {
        self.edits.len() > MAX_EDITS
    }

    fn push(&mut self, operation: SemanticOperation, base: Option<Spot>, head: Option<Spot>) {
        if self.is_full() {
            return;
        }
        let path = self.path.clone();
        self.edits.push(Edit { operation, path, from: None, order: None, base, head, around: None });
    }

    fn gone(&mut self, spot: Spot) {
        self.push(SemanticOperation::Removed, Some(spot), None);
    }

    fn fresh(&mut self, spot: Spot) {
        self.push(SemanticOperation::Added, None, Some(spot));
    }

    fn differ(&self, old: Spot, new: Spot) -> bool {
        self.base.hash(old.value) != self.head.hash(new.value)
    }

    fn node(&mut self, old: Spot, new: Spot) {
        if self.is_full() || !self.differ(old, new) {
            return;
        }
        let same_tag = self.base.tag(old.value) == self.head.tag(new.value);
        match (self.base.kind(old.value), self.head.kind(new.value)) {
            (Kind::Mapping, Kind::Mapping) if same_tag => self.mapping(old.value, new.value, None),
            (Kind::Sequence, Kind::Sequence) if same_tag => self.sequence(old.value, new.value),
            _ => self.push(SemanticOperation::Modified, Some(old), Some(new)),
        }
    }

    /// Compares two mappings key by key; one key may be left out, because it is what both are called.
    fn mapping(&mut self, old: NodeId, new: NodeId, except: Option<&str>) {
        let before = keys(self.base, old, except);
        let after = keys(self.head, new, except);
        let (mut gone, mut known) = (Vec::new(), vec![false; after.len()]);
        for (key, there) in before.iter().zip(same_keys(&before, &after)) {
            let Some(there) = there else {
                gone.push((Step::Key(key.name.clone().into_owned()), key.spot));
                continue;
            };
            known[there] = true;
            if self.differ(key.spot, after[there].spot) {
                self.path.push_key(&key.name);
                self.node(key.spot, after[there].spot);
                self.path.pop();
            }
        }
        let fresh = after.into_iter().zip(known).filter(|(_, known)| !known);
        let fresh = fresh.map(|(key, _)| (Step::Key(key.name.into_owned()), key.spot)).collect();
        self.renamed(gone, fresh, None);
    }

    /// Tells what is gone and what is new, and finds what only has another name.
    fn renamed(&mut self, gone: Vec<(Step, Spot)>, fresh: Vec<(Step, Spot)>, identity: Option<&str>) {
        let mut taken = vec![false; fresh.len()];
        let alone = gone.len() == 1 && fresh.len() == 1;
        // Items are called something in their own content: no two of them are equal.
        let mut equal: HashMap<u64, Vec<usize>> = HashMap::new();
        for (at, (_, there)) in fresh.iter().enumerate().rev().filter(|_| identity.is_none()) {
            equal.entry(self.head.hash(there.value)).or_default().push(at);
        }
        for (step, spot) in gone.iter() {
            let worth = self.base.size(spot.value) >= WORTH_MOVING || alone && telling(self.base, spot.value);
            let same = equal.get_mut(&self.base.hash(spot.value)).filter(|_| worth);
            let same = same.and_then(|same| {
                while same.last().is_some_and(|at| taken[*at]) {
                    same.pop();
                }
                same.pop()
            });
            let heir = same.or_else(|| self.heir(*spot, &fresh, &taken, alone, identity));
            let Some(heir) = heir else {
                self.path.push(step.clone());
                self.gone(*spot);
                self.path.pop();
                continue;
            };
            taken[heir] = true;
            let (name, there) = &fresh[heir];
            let from = self.path.with(step.clone());
            self.path.push(name.clone());
            self.push(SemanticOperation::Moved, Some(*spot), Some(*there));
            if let Some(edit) = self.edits.last_mut() {
                edit.from = Some(from);
            }
            if let (Some(identity), Kind::Mapping, Kind::Mapping) =
                (identity, self.base.kind(spot.value), self.head.kind(there.value))
            {
                self.mapping(spot.value, there.value, Some(identity));
            } else {
                self.node(*spot, *there);
            }
            self.path.pop();
        }
        for ((step, spot), _) in fresh.into_iter().zip(taken).filter(|(_, taken)| !taken) {
            self.path.push(step);
            self.fresh(spot);
            self.path.pop();
        }
    }

    fn sequence(&mut self, old: NodeId, new: NodeId) {
        let (base, head) = (self.base, self.head);
        let before: Vec<NodeId> = base.items(old).collect();
        let after: Vec<NodeId> = head.items(new).collect();
        let around = (base.lines(old), head.lines(new));
        let named = IDENTITIES
            .into_iter()
            .find_map(|key| Some((key, identities(base, &before, key)?, identities(head, &after, key)?)));
        match named {
            Some((key, ours, theirs)) => self.keyed(around, key, &ours, &theirs),
            None => self.aligned(around, &before, &after),
        }
    }

    fn keyed(&mut self, around: (Lines, Lines), key: &str, before: &Named<'_>, after: &Named<'_>) {
        let step = |name: &str| Step::Item { key: key.to_owned(), value: name.to_owned() };
        let spot = |value: NodeId| Spot { key: None, value };
        let (mut gone, mut matched) = (Vec::new(), Vec::with_capacity(before.items.len()));
        for (at, (name, item)) in before.items.iter().enumerate() {
            match after.places.get(name) {
                Some(there) => matched.push((at, *there)),
                None => gone.push((step(name), spot(*item))),
            }
        }
        let stays = in_order(&matched);
        for ((at, there), stays) in matched.iter().zip(stays) {
            let ((name, old), (_, new)) = (before.items[*at], after.items[*there]);
            if stays && !self.differ(spot(old), spot(new)) {
                continue;
            }
            self.path.push(step(name));
            if !stays {
                self.reordered((at + 1, there + 1), around, (spot(old), spot(new)));
            }
            self.node(spot(old), spot(new));
            self.path.pop();
        }
        let fresh = after.items.iter().filter(|(name, _)| !before.places.contains_key(name));
        let fresh = fresh.map(|(name, item)| (step(name), spot(*item))).collect();
        self.renamed(gone, fresh, Some(key));
    }

    /// Compares lists whose items have no names: what is equal is found first, and what stands between is paired.
    fn aligned(&mut self, around: (Lines, Lines), before: &[NodeId], after: &[NodeId]) {
        let ours: Vec<u64> = before.iter().map(|item| self.base.hash(*item)).collect();
        let theirs: Vec<u64> = after.iter().map(|item| self.head.hash(*item)).collect();
        let (mut gone, mut fresh) = (Vec::new(), Vec::new());
        for hunk in align(&ours, &theirs) {
            let pairs = if hunk.before.len() == hunk.after.len() {
                hunk.before.clone().zip(hunk.after.clone()).collect()
            } else {
                self.pairs(&hunk, before, after)
            };
            let (mut old, mut new) = (hunk.before.start, hunk.after.start);
            for (paired_old, paired_new) in pairs.into_iter().chain([(hunk.before.end, hunk.after.end)]) {
                gone.extend(old..paired_old);
                fresh.extend(new..paired_new);
                (old, new) = (paired_old + 1, paired_new + 1);
                if paired_old < hunk.before.end {
                    let (old, new) = (before[paired_old as usize], after[paired_new as usize]);
                    self.path.push_index(paired_new as usize);
                    self.node(Spot { key: None, value: old }, Spot { key: None, value: new });
                    self.path.pop();
                }
            }
        }
        let mut taken = vec![false; fresh.len()];
        let mut by_hash: HashMap<u64, Vec<usize>> = HashMap::new();
        for (at, index) in fresh.iter().enumerate().rev() {
            by_hash.entry(theirs[*index as usize]).or_default().push(at);
        }
        for index in gone {
            let index = index as usize;
            let spot = Spot { key: None, value: before[index] };
            let there = by_hash.get_mut(&ours[index]).and_then(Vec::pop);
            if let Some(there) = there {
                taken[there] = true;
                let new = fresh[there] as usize;
                self.path.push_index(new);
                let there = Spot { key: None, value: after[new] };
                self.reordered((index + 1, new + 1), around, (spot, there));
            } else {
                self.path.push_index(index);
                self.gone(spot);
            }
            self.path.pop();
        }
        for (index, _) in fresh.into_iter().zip(taken).filter(|(_, taken)| !taken) {
            self.path.push_index(index as usize);
            self.fresh(Spot { key: None, value: after[index as usize] });
            self.path.pop();
        }
    }

    /// Joins what is gone in one place and new in another, if it is large enough to be recognised.
    fn find_moves(&mut self) {
        let mut arrivals: HashMap<u64, Vec<usize>> = HashMap::new();
        for (at, edit) in self.edits.iter().enumerate().rev() {
            if let (SemanticOperation::Added, Some(spot)) = (edit.operation, edit.head)
                && self.head.size(spot.value) >= WORTH_MOVING
            {
                arrivals.entry(self.head.hash(spot.value)).or_default().push(at);
            }
        }
        let mut left = HashSet::new();
        for at in 0..self.edits.len() {
            let (SemanticOperation::Removed, Some(spot)) = (self.edits[at].operation, self.edits[at].base)
            else {
                continue;
            };
            let Some(there) = arrivals.get_mut(&self.base.hash(spot.value)).and_then(Vec::pop) else {
                continue;
            };
            let from = self.edits[at].path.clone();
            let edit = &mut self.edits[there];
            (edit.operation, edit.base, edit.from) = (SemanticOperation::Moved, Some(spot), Some(from));
            left.insert(at);
        }
        let mut at = 0..;
        self.edits.retain(|_| at.next().is_none_or(|at| !left.contains(&at)));
    }
}

/// The lines from the first document to the last.
fn stream(document: &Document<'_>) -> Lines {
    match document.roots() {
        [] => Lines { start: 1, end: 1 },
        [first, .., last] => document.lines(*first).to(document.lines(*last)),
        [only] => document.lines(*only),
    }
}
