//! What aliases refer to.
//!
//! An alias is known by its name, and a text merge may put another anchor of that name before it.

use super::answer::Clash;
use super::walk::{MERGED, OURS, THEIRS, Walk, find};
use crate::compare::Spot;
use crate::document::{Document, Kind, NodeId};
use crate::names::{IDENTITIES, document_names, identities};
use crate::{KeyPath, Step};
use std::collections::HashMap;

/// The most aliases of a file that are followed.
const MAX_ALIASES: usize = 1_000;

/// Every alias of the merged file refers to what it refers to on a side that has it.
pub(super) fn compare(walk: &mut Walk<'_, '_>) {
    let merged = Aliases::of(walk.documents[MERGED]);
    if merged.found.is_empty() {
        return;
    }
    let sides = [OURS, THEIRS].map(|side| Aliases::of(walk.documents[side]).paths());
    for (path, target, alias) in merged.places() {
        let known: Vec<&KeyPath> = sides.iter().filter_map(|side| side.get(&path)).collect();
        if known.is_empty() || known.contains(&&target) {
            continue;
        }
        let spot = |side: usize| find(walk.documents[side], &path).map(|value| Spot { key: None, value });
        let spots = [spot(0), spot(OURS), spot(THEIRS), Some(Spot { key: None, value: alias })];
        walk.path = path;
        walk.clash(Clash::Reference, spots);
    }
    walk.path = KeyPath::root();
}

/// The aliases of a document with their places, and the places of what they refer to.
struct Aliases {
    found: Vec<(KeyPath, NodeId, NodeId)>,
    targets: HashMap<NodeId, KeyPath>,
}

impl Aliases {
    fn of(document: &Document<'_>) -> Self {
        let mut aliases = Self { found: Vec::new(), targets: HashMap::new() };
        let (mut wanted, mut below) = (Vec::new(), document.roots().to_vec());
        // First the aliases, so that only what they refer to is given a path.
        while let Some(node) = below.pop() {
            if document.kind(node) == Kind::Alias && wanted.len() < MAX_ALIASES {
                wanted.push(document.resolve(node));
            }
            below.extend(document.children(node));
        }
        if !wanted.is_empty() {
            wanted.sort_unstable();
            wanted.dedup();
            let mut path = KeyPath::root();
            for (name, root) in document_names(document) {
                if document.root().is_none() {
                    path.push(Step::Document(name));
                }
                aliases.walk(document, root, &mut path, &wanted);
                path = KeyPath::root();
            }
        }
        aliases
    }

    /// Goes down into a node; documents are nested no deeper than can be followed.
    fn walk(&mut self, document: &Document<'_>, node: NodeId, path: &mut KeyPath, wanted: &[NodeId]) {
        if wanted.binary_search(&node).is_ok() {
            self.targets.insert(node, path.clone());
        }
        match document.kind(node) {
            Kind::Scalar => {}
            Kind::Alias => {
                if self.found.len() < MAX_ALIASES {
                    self.found.push((path.clone(), document.resolve(node), node));
                }
            }
            Kind::Mapping => {
                for (key, value) in document.entries(node) {
                    path.push_key(document.text(key).unwrap_or("?"));
                    self.walk(document, value, path, wanted);
                    path.pop();
                }
            }
            Kind::Sequence => {
                let items: Vec<NodeId> = document.items(node).collect();
                let named =
                    IDENTITIES.into_iter().find_map(|key| Some((key, identities(document, &items, key)?)));
                for (place, item) in items.iter().enumerate() {
                    match &named {
                        Some((key, names)) => {
                            let value = names.items[place].0.to_owned();
                            path.push(Step::Item { key: (*key).to_owned(), value });
                        }
                        None => path.push_index(place),
                    }
                    self.walk(document, *item, path, wanted);
                    path.pop();
                }
            }
        }
    }

    fn places(&self) -> impl Iterator<Item = (KeyPath, KeyPath, NodeId)> + '_ {
        self.found
            .iter()
            .filter_map(|(path, target, node)| Some((path.clone(), self.targets.get(target)?.clone(), *node)))
    }

    fn paths(&self) -> HashMap<KeyPath, KeyPath> {
        self.places().map(|(path, target, _)| (path, target)).collect()
    }
}
