//! The flat list of nodes, and how to walk it.

use super::scalar::{Meaning, Scalar, ScalarStyle};
use crate::Problem;
use std::borrow::Cow;
use std::collections::HashMap;

/// A node of one [`Document`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(super) u32);

impl NodeId {
    fn at(self) -> usize {
        self.0 as usize
    }
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text, a number, a boolean or null.
    Scalar,
    /// Items in order.
    Sequence,
    /// Keys with values.
    Mapping,
    /// A reference to an anchored node.
    Alias,
}

/// The first and the last line of something, both from 1, as a line diff counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lines {
    /// The first line.
    pub start: u32,
    /// The last line; never before the first.
    pub end: u32,
}

impl Lines {
    /// The lines from the start of one to the end of the other.
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start, end: other.end.max(self.start) }
    }
}

pub(super) enum Content<'t> {
    Scalar(Scalar<'t>),
    Sequence,
    Mapping,
    Alias {
        /// The anchor's name.
        name: Cow<'t, str>,
        /// What it stands for; `None` when the alias is inside of it.
        target: Option<NodeId>,
    },
}

/// A node; its descendants follow it directly, a mapping's keys and values by turns.
pub(super) struct Node<'t> {
    pub(super) content: Content<'t>,
    pub(super) lines: Lines,
    /// From 1, in characters.
    pub(super) column: u32,
    pub(super) hash: u64,
    /// The node after the last descendant.
    pub(super) end: u32,
}

/// The structure of one file.
pub struct Document<'t> {
    pub(super) nodes: Vec<Node<'t>>,
    /// The root of each document of a YAML stream.
    pub(super) roots: Vec<NodeId>,
    /// The tags of the few nodes that have one.
    pub(super) tags: HashMap<NodeId, String>,
    pub(super) problems: Vec<Problem>,
    /// Keys that stand in their mapping already, of as many as problems are told.
    pub(super) duplicates: Vec<NodeId>,
}

impl std::fmt::Debug for Document<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Document")
            .field("nodes", &self.nodes.len())
            .field("roots", &self.roots.len())
            .finish()
    }
}

impl Document<'_> {
    /// The roots: one for JSON, one per document for YAML, none for an empty file.
    pub fn roots(&self) -> &[NodeId] {
        &self.roots
    }

    /// The only root's node; `None` where there are none or several.
    pub fn root(&self) -> Option<NodeId> {
        match self.roots.as_slice() {
            [root] => Some(*root),
            _ => None,
        }
    }

    /// True for the same nodes at the same places, with the same problems; for those who compare two ways of reading.
    #[doc(hidden)]
    pub fn is_same_as(&self, other: &Self) -> bool {
        let is_same = |(a, b): (&Node<'_>, &Node<'_>)| {
            let content = match (&a.content, &b.content) {
                (Content::Scalar(a), Content::Scalar(b)) => a.text == b.text && a.style == b.style,
                (Content::Sequence, Content::Sequence) | (Content::Mapping, Content::Mapping) => true,
                (Content::Alias { name: a, target: x }, Content::Alias { name: b, target: y }) => {
                    (a, x) == (b, y)
                }
                _ => false,
            };
            content && (a.lines, a.column, a.hash, a.end) == (b.lines, b.column, b.hash, b.end)
        };
        self.nodes.len() == other.nodes.len()
            && self.nodes.iter().zip(&other.nodes).all(is_same)
            && (&self.roots, &self.tags, &self.problems, &self.duplicates)
                == (&other.roots, &other.tags, &other.problems, &other.duplicates)
    }

    /// What is wrong although it can be read: duplicate keys, custom tags, aliases inside of what they stand for.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// What is wrong although it can be read.
    pub fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// The first key, of those of a node and below it, that its mapping has already; the node's own key counts too.
    pub fn duplicate_key(&self, key: Option<NodeId>, value: NodeId) -> Option<NodeId> {
        let (start, end) = (key.unwrap_or(value), self.nodes[value.at()].end);
        let first = self.duplicates.partition_point(|duplicate| *duplicate < start);
        self.duplicates.get(first).copied().filter(|duplicate| duplicate.0 < end)
    }

    /// What the node is.
    pub fn kind(&self, id: NodeId) -> Kind {
        match self.nodes[id.at()].content {
            Content::Scalar(_) => Kind::Scalar,
            Content::Sequence => Kind::Sequence,
            Content::Mapping => Kind::Mapping,
            Content::Alias { .. } => Kind::Alias,
        }
    }

    /// The hash of what the node means; equal within one process only.
    pub fn hash(&self, id: NodeId) -> u64 {
        self.nodes[id.at()].hash
    }

    /// How many nodes it has, itself included.
    pub fn size(&self, id: NodeId) -> u32 {
        self.nodes[id.at()].end - id.0
    }

    /// The lines that it stands on.
    pub fn lines(&self, id: NodeId) -> Lines {
        self.nodes[id.at()].lines
    }

    /// Its line and column, both from 1.
    pub fn position(&self, id: NodeId) -> (u32, u32) {
        let node = &self.nodes[id.at()];
        (node.lines.start, node.column)
    }

    /// Its tag, such as `!Ref`.
    pub fn tag(&self, id: NodeId) -> Option<&str> {
        if self.tags.is_empty() { None } else { self.tags.get(&id).map(String::as_str) }
    }

    /// A scalar's text; `None` for other nodes.
    pub fn text(&self, id: NodeId) -> Option<&str> {
        match &self.nodes[id.at()].content {
            Content::Scalar(scalar) => Some(&scalar.text),
            Content::Sequence | Content::Mapping | Content::Alias { .. } => None,
        }
    }

    /// How a scalar is written; `None` for other nodes.
    pub fn style(&self, id: NodeId) -> Option<ScalarStyle> {
        match &self.nodes[id.at()].content {
            Content::Scalar(scalar) => Some(scalar.style),
            Content::Sequence | Content::Mapping | Content::Alias { .. } => None,
        }
    }

    /// What a scalar means; `None` for other nodes.
    pub fn meaning(&self, id: NodeId) -> Option<Meaning<'_>> {
        match &self.nodes[id.at()].content {
            Content::Scalar(scalar) => Some(Meaning::of(&scalar.text, scalar.style)),
            Content::Sequence | Content::Mapping | Content::Alias { .. } => None,
        }
    }

    /// An alias's name, without the star.
    pub fn alias(&self, id: NodeId) -> Option<&str> {
        match &self.nodes[id.at()].content {
            Content::Alias { name, .. } => Some(name),
            Content::Scalar(_) | Content::Sequence | Content::Mapping => None,
        }
    }

    /// What the node stands for: itself, or what an alias refers to. An alias inside of its target stays itself.
    pub fn resolve(&self, id: NodeId) -> NodeId {
        match &self.nodes[id.at()].content {
            Content::Alias { target: Some(target), .. } => *target,
            Content::Alias { target: None, .. }
            | Content::Scalar(_)
            | Content::Sequence
            | Content::Mapping => id,
        }
    }

    /// The nodes directly below: a sequence's items, a mapping's keys and values by turns.
    pub fn children(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let end = self.nodes[id.at()].end;
        let mut next = id.0 + 1;
        std::iter::from_fn(move || {
            if next >= end {
                return None;
            }
            let here = NodeId(next);
            next = self.nodes[here.at()].end;
            Some(here)
        })
    }

    /// A sequence's items; none for other nodes.
    pub fn items(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let any = self.kind(id) == Kind::Sequence;
        self.children(id).filter(move |_| any)
    }

    /// A mapping's keys with their values, as they are written; none for other nodes.
    pub fn entries(&self, id: NodeId) -> impl Iterator<Item = (NodeId, NodeId)> + '_ {
        let mut rest = self.children(id);
        let any = self.kind(id) == Kind::Mapping;
        std::iter::from_fn(move || if any { Some((rest.next()?, rest.next()?)) } else { None })
    }

    /// The entry of a mapping with this key: the key's node, and the value as it is written.
    pub fn entry(&self, id: NodeId, key: &str) -> Option<(NodeId, NodeId)> {
        self.entries(id).find(|(name, _)| self.text(*name) == Some(key))
    }

    /// The value of a mapping's key, aliases resolved; keys that are merged in by `<<` are found too.
    pub fn get(&self, id: NodeId, key: &str) -> Option<NodeId> {
        let id = self.resolve(id);
        if let Some((_, value)) = self.entry(id, key) {
            return Some(self.resolve(value));
        }
        // One level: merges of merges are rare, and a chain of them could be endless.
        self.merged(id).find_map(|source| self.entry(source, key).map(|(_, value)| self.resolve(value)))
    }

    /// The mappings that are merged into one by `<<`, the first winning.
    pub fn merged(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.entries(id)
            .filter(|(key, _)| self.is_merge(*key))
            .flat_map(move |(_, value)| {
                let value = self.resolve(value);
                match self.kind(value) {
                    Kind::Sequence => self.items(value).map(|item| self.resolve(item)).collect(),
                    Kind::Scalar | Kind::Mapping | Kind::Alias => vec![value],
                }
            })
            .filter(|source| self.kind(*source) == Kind::Mapping)
    }

    /// The text of a mapping's key, where that is a scalar.
    pub fn get_text(&self, id: NodeId, key: &str) -> Option<&str> {
        self.get(id, key).and_then(|value| self.text(value))
    }

    /// True for the merge key `<<`.
    pub fn is_merge(&self, key: NodeId) -> bool {
        self.text(key) == Some("<<") && self.style(key) == Some(ScalarStyle::Plain)
    }
}
