//! Walking the versions of a file side by side.

use super::answer::{Clash, Held, KeyConflict, MAX_CONFLICTS, Side, ThreeWay, Unreadable};
use super::references;
use crate::compare::Spot;
use crate::document::{Document, Kind, Lines, NodeId};
use crate::names::{document_names, keys};
use crate::{Format, KeyPath, Step};
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// A file before and after two sides changed it. What is not there was deleted, or not added yet.
#[derive(Debug, Clone, Copy)]
pub struct Versions<'a> {
    /// As both sides found it.
    pub base: Option<&'a [u8]>,
    /// As our side left it.
    pub ours: Option<&'a [u8]>,
    /// As their side left it.
    pub theirs: Option<&'a [u8]>,
}

/// Tells on which keys two sides do not fit: both set one to different values, or one took away what the other changed.
///
/// It never fails, whatever the files hold; what cannot be read is said so. Time and memory are proportional to the files.
pub fn compare(format: Format, versions: Versions<'_>) -> ThreeWay {
    answer(format, versions, None)
}

/// Tells on which keys two sides do not fit, and those of which the merged file does not hold what the sides set.
///
/// For files that both sides have changed and whose lines were combined. Lists whose items have no names are left to the
/// text merge, which keeps apart what both sides added to them.
pub fn judge(format: Format, versions: Versions<'_>, merged: &[u8]) -> ThreeWay {
    answer(format, versions, Some(merged))
}

fn answer(format: Format, versions: Versions<'_>, merged: Option<&[u8]>) -> ThreeWay {
    let sides = [
        (Side::Base, versions.base),
        (Side::Ours, versions.ours),
        (Side::Theirs, versions.theirs),
        (Side::Merged, merged),
    ];
    let mut unreadable = Vec::new();
    let [base, ours, theirs, result] = sides.map(|(side, bytes)| {
        // A version that is not there has no nodes, as an empty YAML file.
        let read = bytes.map_or_else(|| Document::read(Format::Yaml, b""), |b| Document::read(format, b));
        read.map_err(|broken| unreadable.push(Unreadable { side, problem: broken.problem })).ok()
    });
    let (Some(base), Some(ours), Some(theirs), Some(result)) = (base, ours, theirs, result) else {
        return ThreeWay { unreadable, ..ThreeWay::default() };
    };
    let mut walk = Walk {
        documents: [&base, &ours, &theirs, &result],
        judged: merged.is_some(),
        path: KeyPath::root(),
        weighed_left: super::lists::MAX_WEIGHED,
        looked_up_left: super::merge_keys::MAX_LOOKED_UP,
        found: Vec::new(),
        places: HashSet::new(),
        total: 0,
        lost: Vec::new(),
        lost_total: 0,
        only_ours: 0,
        only_theirs: 0,
    };
    walk.roots();
    if walk.judged {
        references::compare(&mut walk);
    }
    walk.tell()
}

pub(super) const BASE: usize = 0;
pub(super) const OURS: usize = 1;
pub(super) const THEIRS: usize = 2;
pub(super) const MERGED: usize = 3;

/// The same thing in base, ours, theirs and the merged file, where they have it.
pub(super) type Spots = [Option<Spot>; 4];

struct Found {
    path: KeyPath,
    clash: Clash,
    spots: Spots,
}

pub(super) struct Walk<'a, 't> {
    pub(super) documents: [&'a Document<'t>; 4],
    /// True where the merged file counts.
    pub(super) judged: bool,
    pub(super) path: KeyPath,
    /// How many pairs of items are still weighed against each other.
    pub(super) weighed_left: usize,
    /// How many entries are still looked through for what merge keys bring.
    pub(super) looked_up_left: usize,
    found: Vec<Found>,
    /// The paths of what was found.
    places: HashSet<KeyPath>,
    total: usize,
    /// What the merged file does not hold, and how much that is in all.
    lost: Vec<Found>,
    lost_total: usize,
    pub(super) only_ours: usize,
    pub(super) only_theirs: usize,
}

impl Walk<'_, '_> {
    fn roots(&mut self) {
        let roots = self.documents.map(Document::roots);
        let counted = if self.judged { &roots[..] } else { &roots[..MERGED] };
        if counted.iter().all(|roots| roots.len() < 2) {
            let spots = roots.map(|roots| roots.first().map(|root| Spot { key: None, value: *root }));
            return self.root(spots);
        }
        let named = self.documents.map(|document| {
            let names = document_names(document).into_iter();
            names.map(|(name, root)| (name, Spot { key: None, value: root })).collect()
        });
        for (name, spots) in joined(named) {
            self.path.push(Step::Document(name));
            self.node(spots);
            self.path.pop();
        }
    }

    /// A file that both sides added is compared as if it had been empty before.
    fn root(&mut self, spots: Spots) {
        let both_new = spots[BASE].is_none() && !self.same(&spots, OURS, THEIRS);
        if both_new && self.kinds(&spots, &[OURS, THEIRS]) == Some(Kind::Mapping) {
            self.mapping(spots);
        } else {
            self.node(spots);
        }
    }

    pub(super) fn hash(&self, spots: &Spots, side: usize) -> Option<u64> {
        spots[side].map(|spot| self.documents[side].hash(spot.value))
    }

    pub(super) fn same(&self, spots: &Spots, one: usize, other: usize) -> bool {
        self.hash(spots, one) == self.hash(spots, other)
    }

    /// What the node is on all these sides, if it is the same kind of thing with the same tag.
    fn kinds(&self, spots: &Spots, sides: &[usize]) -> Option<Kind> {
        let mut common = None;
        for side in sides {
            let (document, value) = (self.documents[*side], spots[*side]?.value);
            let this = (document.kind(value), document.tag(value));
            if *common.get_or_insert(this) != this {
                return None;
            }
        }
        common.map(|(kind, _)| kind)
    }

    /// Compares one thing of all versions.
    pub(super) fn node(&mut self, spots: Spots) {
        let (alike, ours_kept, theirs_kept) =
            (self.same(&spots, OURS, THEIRS), self.same(&spots, BASE, OURS), self.same(&spots, BASE, THEIRS));
        // The side whose value is to be held, where just one was set.
        let expected = match (alike, ours_kept, theirs_kept) {
            (true, _, _) | (false, false, true) => Some(OURS),
            (false, true, _) => Some(THEIRS),
            (false, false, false) => None,
        };
        let holds = !self.judged || expected.is_some_and(|side| self.same(&spots, side, MERGED));
        if holds && alike {
            return;
        }
        let within = self.kinds(&spots, &[BASE, OURS, THEIRS]);
        let all = if self.judged { self.kinds(&spots, &[BASE, OURS, THEIRS, MERGED]) } else { within };
        match all {
            Some(Kind::Mapping) => return self.mapping(spots),
            Some(Kind::Sequence) if self.sequence(&spots) => return,
            Some(_) | None => {}
        }
        match expected {
            Some(OURS) if holds => self.only_ours += 1,
            Some(_) if holds => self.only_theirs += 1,
            Some(_) => self.clash(Clash::Lost, spots),
            None if self.judged && within == Some(Kind::Mapping) => self.clash(Clash::Lost, spots),
            None => {
                let clash = match (spots[BASE], spots[OURS], spots[THEIRS]) {
                    (None, _, _) => Clash::BothAdded,
                    (Some(_), None, _) | (Some(_), _, None) => Clash::RemovedAndChanged,
                    (Some(_), Some(_), Some(_)) => Clash::BothChanged,
                };
                self.clash(clash, spots);
            }
        }
    }

    fn mapping(&mut self, spots: Spots) {
        let listed = [BASE, OURS, THEIRS, MERGED].map(|side| {
            let keys =
                spots[side].map(|spot| keys(self.documents[side], spot.value, None)).unwrap_or_default();
            keys.into_iter().map(|key| ((key.name.into_owned(), key.nth), key.spot)).collect()
        });
        let entries = joined(listed);
        let first: HashMap<&str, Spots> = entries
            .iter()
            .filter(|((_, count), _)| *count == 0)
            .map(|((name, _), spots)| (name.as_str(), *spots))
            .collect();
        for ((name, count), spots) in &entries {
            self.path.push_key(name);
            match spots {
                [None, None, None, Some(twice)] if *count > 0 => {
                    let [base, ours, theirs, _] = first.get(name.as_str()).copied().unwrap_or_default();
                    self.clash(Clash::Twice, [base, ours, theirs, Some(*twice)]);
                }
                _ => self.node(*spots),
            }
            self.path.pop();
        }
        self.merge_keys(&spots, &first);
    }

    /// Notes that the sides do not fit at the present path; each place is told once.
    pub(super) fn clash(&mut self, clash: Clash, spots: Spots) {
        let found = Found { path: self.path.clone(), clash, spots };
        if clash == Clash::Lost {
            self.lost_total += 1;
            if self.lost.len() < MAX_CONFLICTS {
                self.lost.push(found);
            }
        } else if self.places.contains(&self.path) {
            let known = self.found.iter_mut().find(|known| known.path == self.path);
            if let Some(known) = known.filter(|_| clash == Clash::Twice) {
                known.spots[MERGED] = spots[MERGED];
            }
        } else {
            self.total += 1;
            if self.found.len() < MAX_CONFLICTS {
                self.places.insert(self.path.clone());
                self.found.push(found);
            }
        }
    }

    fn tell(mut self) -> ThreeWay {
        // Where sides do not fit, that something is not held is a consequence.
        if self.total == 0 {
            (self.found, self.total) = (std::mem::take(&mut self.lost), self.lost_total);
        }
        let lines = |side: usize, spot: Option<Spot>| -> Option<Lines> {
            spot.map(|spot| spot.lines(self.documents[side]))
        };
        let mut found = self.found;
        found.sort_by_cached_key(|found| {
            let start = |side: usize| lines(side, found.spots[side]).map_or(u32::MAX, |lines| lines.start);
            (start(BASE), start(OURS).min(start(THEIRS)), found.path.clone())
        });
        let conflicts = found.into_iter().map(|found| {
            let held = |side: usize| {
                let spot: Spot = found.spots[side]?;
                Some(Held::of(self.documents[side], spot.value, spot.lines(self.documents[side])))
            };
            KeyConflict {
                base: held(BASE),
                ours: held(OURS),
                theirs: held(THEIRS),
                merged: if self.judged { lines(MERGED, found.spots[MERGED]) } else { None },
                path: found.path,
                clash: found.clash,
            }
        });
        ThreeWay {
            conflicts: conflicts.collect(),
            total: self.total,
            only_ours: self.only_ours,
            only_theirs: self.only_theirs,
            unreadable: Vec::new(),
        }
    }
}

/// What the versions have under the same name, in the order in which the names first come.
pub(super) fn joined<K: Clone + Eq + Hash>(listed: [Vec<(K, Spot)>; 4]) -> Vec<(K, Spots)> {
    let mut places: HashMap<K, usize> = HashMap::new();
    let mut joined: Vec<(K, Spots)> = Vec::new();
    for (side, list) in listed.into_iter().enumerate() {
        for (name, spot) in list {
            let place = *places.entry(name.clone()).or_insert(joined.len());
            match joined.get_mut(place) {
                Some((_, spots)) => spots[side] = Some(spot),
                None => {
                    let mut spots = Spots::default();
                    spots[side] = Some(spot);
                    joined.push((name, spots));
                }
            }
        }
    }
    joined
}

/// Finds what stands at a path; a place in a list says nothing about another version, so that it stands for the list.
pub(super) fn find(document: &Document<'_>, path: &KeyPath) -> Option<NodeId> {
    let (mut at, steps) = match path.steps() {
        [Step::Document(name), rest @ ..] => {
            let named = document_names(document).into_iter().find(|(known, _)| known == name);
            (named?.1, rest)
        }
        steps => (document.root()?, steps),
    };
    for step in steps {
        at = match step {
            Step::Key(key) => document.entry(at, key)?.1,
            Step::Item { key, value } => document.items(at).find(|item| {
                let name = document.entry(*item, key).and_then(|(_, name)| document.text(name));
                name == Some(value.as_str())
            })?,
            // The list as a whole.
            Step::Index(_) => return Some(at),
            Step::Document(_) => return None,
        };
    }
    Some(at)
}
