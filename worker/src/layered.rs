//! A map that changes by little: a shared base, and a few changes over it.

use std::collections::BTreeMap;
use std::collections::btree_map;
use std::iter::Peekable;
use std::sync::Arc;

/// With this many changes over the base, a new base is made.
const MOST_CHANGES: usize = 64;

/// A map whose copies share what they have in common: a change costs what it touches, not what there is.
#[derive(Debug, Clone)]
pub(crate) struct Layered<K, V> {
    base: Arc<BTreeMap<K, V>>,
    /// What differs from the base; `None` where a key is gone.
    over: BTreeMap<K, Option<V>>,
}

impl<K: Ord + Clone, V: Clone> Layered<K, V> {
    pub(crate) fn new(base: BTreeMap<K, V>) -> Self {
        Self { base: Arc::new(base), over: BTreeMap::new() }
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        match self.over.get(key) {
            Some(changed) => changed.as_ref(),
            None => self.base.get(key),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        Merged { base: self.base.iter().peekable(), over: self.over.iter().peekable() }
    }

    /// The map with these changes; `None` takes a key away.
    pub(crate) fn changed(&self, changes: BTreeMap<K, Option<V>>) -> Self {
        let mut over = self.over.clone();
        over.extend(changes);
        let layered = Self { base: Arc::clone(&self.base), over };
        if layered.over.len() <= MOST_CHANGES {
            return layered;
        }
        Self::new(layered.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}

struct Merged<'a, K, V> {
    base: Peekable<btree_map::Iter<'a, K, V>>,
    over: Peekable<btree_map::Iter<'a, K, Option<V>>>,
}

impl<'a, K: Ord, V> Iterator for Merged<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let order = match (self.base.peek(), self.over.peek()) {
                (Some((base, _)), Some((over, _))) => base.cmp(over),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (None, None) => return None,
            };
            if order.is_lt() {
                return self.base.next();
            }
            if order.is_eq() {
                self.base.next();
            }
            if let Some((key, Some(value))) = self.over.next() {
                return Some((key, value));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_a_map(
            base in prop::collection::btree_map(0_u8..40, any::<u8>(), 0..30),
            changes in prop::collection::vec(
                prop::collection::btree_map(0_u8..120, any::<Option<u8>>(), 0..30), 0..8),
        ) {
            let (mut plain, mut layered) = (base.clone(), Layered::new(base));
            for change in changes {
                for (key, value) in &change {
                    match value {
                        Some(value) => plain.insert(*key, *value),
                        None => plain.remove(key),
                    };
                }
                layered = layered.changed(change);
                prop_assert!(layered.iter().eq(plain.iter()));
                for key in 0..120 {
                    prop_assert_eq!(layered.get(&key), plain.get(&key));
                }
            }
        }
    }
}
