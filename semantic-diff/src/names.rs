//! What things are called: keys, the items of lists, the documents of a stream.

use crate::compare::Spot;
use crate::document::{Aliases, Budget, Document, NodeId};
use std::borrow::Cow;
use std::collections::HashMap;

/// The keys by which the items of a list are told apart, the first that fits.
pub(crate) const IDENTITIES: [&str; 10] =
    ["name", "id", "key", "path", "code", "slug", "field", "title", "label", "mountPath"];

/// A mapping's key, and how many equal ones stand before it.
#[derive(Debug)]
pub(crate) struct Key<'d> {
    pub(crate) name: Cow<'d, str>,
    pub(crate) nth: usize,
    pub(crate) spot: Spot,
}

impl Key<'_> {
    pub(crate) fn is(&self, other: &Key<'_>) -> bool {
        self.nth == other.nth && self.name == other.name
    }
}

/// Up to so many keys, looking through them is faster than a table.
const FEW: usize = 16;

/// A mapping's keys, one perhaps left out.
pub(crate) fn keys<'d>(document: &'d Document<'_>, id: NodeId, except: Option<&str>) -> Vec<Key<'d>> {
    let mut keys: Vec<Key<'d>> = Vec::new();
    for (key, value) in document.entries(id) {
        let name = match document.text(key) {
            Some(text) => Cow::Borrowed(text),
            None => Cow::Owned(document.value(key, Aliases::Shown, Budget::SHOWN).0.to_string()),
        };
        if Some(&*name) != except {
            keys.push(Key { name, nth: 0, spot: Spot { key: Some(key), value } });
        }
    }
    if keys.len() <= FEW {
        for at in 1..keys.len() {
            keys[at].nth = keys[..at].iter().filter(|key| key.name == keys[at].name).count();
        }
    } else {
        let mut seen: HashMap<Cow<'d, str>, usize> = HashMap::with_capacity(keys.len());
        for key in &mut keys {
            let count = seen.entry(key.name.clone()).or_default();
            key.nth = *count;
            *count += 1;
        }
    }
    keys
}

/// For each key of the first the place of the same one in the second.
pub(crate) fn same_keys(before: &[Key<'_>], after: &[Key<'_>]) -> Vec<Option<usize>> {
    let mut table: Option<HashMap<(&str, usize), usize>> = None;
    let same = before.iter().enumerate().map(|(at, key)| {
        if after.get(at).is_some_and(|there| there.is(key)) {
            return Some(at);
        }
        if after.len() <= FEW {
            return after.iter().position(|there| there.is(key));
        }
        let all = || after.iter().enumerate().map(|(at, key)| ((&*key.name, key.nth), at)).collect();
        table.get_or_insert_with(all).get(&(&*key.name, key.nth)).copied()
    });
    same.collect()
}

/// The items of a list by what they are called.
#[derive(Debug)]
pub(crate) struct Named<'d> {
    pub(crate) items: Vec<(&'d str, NodeId)>,
    pub(crate) places: HashMap<&'d str, usize>,
}

/// The items by the value of a key; `None` unless all have one and no two the same.
pub(crate) fn identities<'d>(document: &'d Document<'_>, items: &[NodeId], key: &str) -> Option<Named<'d>> {
    let named = |item: NodeId| document.entry(item, key).and_then(|(_, value)| document.text(value));
    // Most lists that lack the key lack it at once.
    if let Some(first) = items.first() {
        named(*first)?;
    }
    let mut found =
        Named { items: Vec::with_capacity(items.len()), places: HashMap::with_capacity(items.len()) };
    for (at, item) in items.iter().enumerate() {
        let text = named(*item)?;
        if found.places.insert(text, at).is_some() {
            return None;
        }
        found.items.push((text, *item));
    }
    Some(found)
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
