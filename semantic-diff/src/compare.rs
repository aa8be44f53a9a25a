//! The structural comparison of two documents.

use crate::SemanticOperation;
use crate::align::{align, in_order};
use crate::document::{Aliases, Budget, Document, Kind, Lines, NodeId};
use crate::{KeyPath, Step};
use std::collections::{HashMap, HashSet};

/// The keys by which the items of a list are told apart, the first that fits.
pub(crate) const IDENTITIES: [&str; 10] =
    ["name", "id", "key", "path", "code", "slug", "field", "title", "label", "mountPath"];
/// Entries of gone and new mappings that are held against each other in one file; beyond that only equal ones are found.
const MAX_LIKENESS: usize = 2_000_000;
/// The most differences that are told of one file, one by one.
pub(crate) const MAX_EDITS: usize = 10_000;
/// The share of its content that something renamed keeps.
const ALIKE: f64 = 0.5;
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
    pub(crate) around: Option<(NodeId, NodeId)>,
}

impl Edit {
    /// True for another name of what the whole file is about.
    pub(crate) fn is_own_name(&self) -> bool {
        matches!(self.path.steps(), [Step::Key(key)] if key == "name")
            && self.base.is_some()
            && self.head.is_some()
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

struct Comparison<'a, 't> {
    base: &'a Document<'t>,
    head: &'a Document<'t>,
    path: KeyPath,
    edits: Vec<Edit>,
    /// What of [`MAX_LIKENESS`] is left.
    likeness_left: usize,
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
        let theirs: HashMap<&String, NodeId> = new.iter().map(|(name, root)| (name, *root)).collect();
        let ours: HashSet<&String> = old.iter().map(|(name, _)| name).collect();
        for (name, root) in &old {
            self.path.push(Step::Document(name.clone()));
            match theirs.get(name) {
                Some(there) => self.node(spot(*root), spot(*there)),
                None => self.gone(spot(*root)),
            }
            self.path.pop();
        }
        for (name, root) in new.iter().filter(|(name, _)| !ours.contains(name)) {
            self.path.push(Step::Document(name.clone()));
            self.fresh(spot(*root));
            self.path.pop();
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

    fn node(&mut self, old: Spot, new: Spot) {
        if self.is_full() || self.base.hash(old.value) == self.head.hash(new.value) {
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
        let places: HashMap<&(String, usize), Spot> = after.iter().map(|(key, spot)| (key, *spot)).collect();
        let known: HashMap<&(String, usize), Spot> = before.iter().map(|(key, spot)| (key, *spot)).collect();
        let mut gone = Vec::new();
        for (key, spot) in &before {
            match places.get(key) {
                Some(there) => {
                    self.path.push_key(&key.0);
                    self.node(*spot, *there);
                    self.path.pop();
                }
                None => gone.push((Step::Key(key.0.clone()), *spot)),
            }
        }
        let fresh = after
            .iter()
            .filter(|(key, _)| !known.contains_key(key))
            .map(|(key, spot)| (Step::Key(key.0.clone()), *spot));
        let fresh = fresh.collect();
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

    /// The new thing that is most like one that is gone, if it is like it at all.
    fn heir(
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

    fn sequence(&mut self, old: NodeId, new: NodeId) {
        let before: Vec<NodeId> = self.base.items(old).collect();
        let after: Vec<NodeId> = self.head.items(new).collect();
        let named = IDENTITIES.into_iter().find_map(|key| {
            Some((key, identities(self.base, &before, key)?, identities(self.head, &after, key)?))
        });
        match named {
            Some((key, ours, theirs)) => self.keyed((old, new), key, &ours, &theirs),
            None => self.aligned((old, new), &before, &after),
        }
    }

    fn keyed(
        &mut self,
        around: (NodeId, NodeId),
        key: &str,
        before: &[(String, NodeId)],
        after: &[(String, NodeId)],
    ) {
        let places: HashMap<&str, usize> =
            after.iter().enumerate().map(|(at, (name, _))| (name.as_str(), at)).collect();
        let step = |name: &str| Step::Item { key: key.to_owned(), value: name.to_owned() };
        let spot = |value: NodeId| Spot { key: None, value };
        let (mut gone, mut matched) = (Vec::new(), Vec::new());
        for (at, (name, item)) in before.iter().enumerate() {
            match places.get(name.as_str()) {
                Some(there) => matched.push((at, *there)),
                None => gone.push((step(name), spot(*item))),
            }
        }
        let stays = in_order(&matched);
        for ((at, there), stays) in matched.iter().zip(stays) {
            let (old, new) = (before[*at].1, after[*there].1);
            self.path.push(step(&before[*at].0));
            if !stays {
                self.push(SemanticOperation::Moved, Some(spot(old)), Some(spot(new)));
                if let Some(edit) = self.edits.last_mut() {
                    (edit.order, edit.around) = (Some((at + 1, there + 1)), Some(around));
                }
            }
            self.node(spot(old), spot(new));
            self.path.pop();
        }
        let known: HashMap<&str, ()> = before.iter().map(|(name, _)| (name.as_str(), ())).collect();
        let fresh = after.iter().filter(|(name, _)| !known.contains_key(name.as_str()));
        let fresh = fresh.map(|(name, item)| (step(name), spot(*item))).collect();
        self.renamed(gone, fresh, Some(key));
    }

    /// Compares lists whose items have no names: what is equal is found first, and what stands between is paired.
    fn aligned(&mut self, around: (NodeId, NodeId), before: &[NodeId], after: &[NodeId]) {
        let ours: Vec<u64> = before.iter().map(|item| self.base.hash(*item)).collect();
        let theirs: Vec<u64> = after.iter().map(|item| self.head.hash(*item)).collect();
        let (mut gone, mut fresh) = (Vec::new(), Vec::new());
        for hunk in align(&ours, &theirs) {
            let (old, new): (Vec<u32>, Vec<u32>) = (hunk.before.collect(), hunk.after.collect());
            let pairs = if old.len() == new.len() { old.len() } else { 0 };
            for (old, new) in old.iter().zip(&new).take(pairs) {
                let (old, new) = (*old as usize, *new as usize);
                self.path.push_index(new);
                self.node(Spot { key: None, value: before[old] }, Spot { key: None, value: after[new] });
                self.path.pop();
            }
            gone.extend(old.into_iter().skip(pairs));
            fresh.extend(new.into_iter().skip(pairs));
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
                self.push(SemanticOperation::Moved, Some(spot), Some(Spot { key: None, value: after[new] }));
                if let Some(edit) = self.edits.last_mut() {
                    (edit.order, edit.around) = (Some((index + 1, new + 1)), Some(around));
                }
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

/// True for a scalar that is recognised again: neither null nor a boolean.
fn telling(document: &Document<'_>, id: NodeId) -> bool {
    document.text(id).is_some_and(|text| text.len() > 1 && !matches!(text, "true" | "false" | "null"))
}

/// A mapping's keys, each with how many equal ones stand before it.
pub(crate) fn keys(
    document: &Document<'_>,
    id: NodeId,
    except: Option<&str>,
) -> Vec<((String, usize), Spot)> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut keys = Vec::new();
    for (key, value) in document.entries(id) {
        let name = match document.text(key) {
            Some(text) => text.to_owned(),
            None => document.value(key, Aliases::Shown, Budget::SHOWN).0.to_string(),
        };
        if Some(name.as_str()) == except {
            continue;
        }
        let count = seen.entry(name.clone()).or_default();
        keys.push(((name, *count), Spot { key: Some(key), value }));
        *count += 1;
    }
    keys
}

/// The items by the value of a key; `None` unless all have one and no two the same.
pub(crate) fn identities(
    document: &Document<'_>,
    items: &[NodeId],
    key: &str,
) -> Option<Vec<(String, NodeId)>> {
    let mut named = Vec::with_capacity(items.len());
    let mut seen = HashSet::new();
    for item in items {
        let text = document.entry(*item, key).and_then(|(_, value)| document.text(value))?;
        if !seen.insert(text) {
            return None;
        }
        named.push((text.to_owned(), *item));
    }
    Some(named)
}

/// What the documents of a stream are called: by kind and name as in Kubernetes, by name, or by place; never twice.
pub(crate) fn document_names(document: &Document<'_>) -> Vec<(String, NodeId)> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let several = document.roots().len() > 1;
    let name = |at: usize, root: NodeId| {
        let kind = document.get_text(root, "kind").or(document.get_text(root, "type"));
        let metadata = document.get(root, "metadata");
        let named = metadata
            .and_then(|metadata| document.get_text(metadata, "name"))
            .or_else(|| document.get_text(root, "name"));
        let space = metadata.and_then(|metadata| document.get_text(metadata, "namespace"));
        match (kind, space, named) {
            (Some(kind), Some(space), Some(name)) => format!("{kind}/{space}/{name}"),
            (Some(kind), None, Some(name)) => format!("{kind}/{name}"),
            (None, _, Some(name)) => name.to_owned(),
            (_, _, None) if several => format!("document {}", at + 1),
            (_, _, None) => "document 1".to_owned(),
        }
    };
    let names = document.roots().iter().enumerate().map(|(at, root)| {
        let name = name(at, *root);
        let count = seen.entry(name.clone()).or_default();
        *count += 1;
        let name = if *count == 1 { name } else { format!("{name} ({count})") };
        (name, *root)
    });
    names.collect()
}
