//! From a line and a column to a node, and the way to it.

use semantic_diff::document::{Document, Kind, NodeId};

/// One step from a node to one below it, as a schema sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    /// To the value of a key.
    Key(String),
    /// To an item of a list.
    Item,
}

/// A scalar, and where it stands.
#[derive(Debug)]
pub(super) struct Spot {
    pub(super) node: NodeId,
    /// Whether it is a mapping's key.
    pub(super) is_key: bool,
    /// Whether it is a value at which a mapping could begin: an item, or on a line below its key.
    pub(super) may_open: bool,
    /// The mapping or list that it stands in.
    pub(super) parent: Option<NodeId>,
    /// The way to the value; for a key, to its mapping.
    pub(super) way: Vec<Way>,
}

impl Spot {
    /// The first scalar that fits.
    pub(super) fn find(document: &Document<'_>, fits: impl Fn(NodeId, &str) -> bool) -> Option<Self> {
        // What leads to each node that has nodes below it; the way is spelled out for the one that fits alone.
        let mut trail: Vec<(Option<usize>, Way)> = Vec::new();
        // A node, what leads to it, what holds it, and the line of its key.
        let mut waiting: Vec<(NodeId, Option<usize>, Option<NodeId>, u32)> =
            document.roots().iter().rev().map(|root| (*root, None, None, 0)).collect();
        let way = |trail: &[(Option<usize>, Way)], mut at: Option<usize>| {
            let mut way = Vec::new();
            while let Some((above, step)) = at.and_then(|at| trail.get(at)) {
                way.push(step.clone());
                at = *above;
            }
            way.reverse();
            way
        };
        let is_it = |node| document.text(node).is_some_and(|text| fits(node, text));
        while let Some((node, at, parent, key_line)) = waiting.pop() {
            match document.kind(node) {
                Kind::Mapping => {
                    for (key, value) in document.entries(node) {
                        if is_it(key) {
                            return Some(Self {
                                node: key,
                                is_key: true,
                                may_open: false,
                                parent: Some(node),
                                way: way(&trail, at),
                            });
                        }
                        let name = document.text(key).unwrap_or_default().to_owned();
                        trail.push((at, Way::Key(name)));
                        waiting.push((value, Some(trail.len() - 1), Some(node), document.position(key).0));
                    }
                }
                Kind::Sequence => {
                    trail.push((at, Way::Item));
                    let here = trail.len() - 1;
                    waiting.extend(document.items(node).map(|item| (item, Some(here), Some(node), 0)));
                }
                Kind::Scalar if is_it(node) => {
                    let may_open = document.position(node).0 > key_line;
                    return Some(Self { node, is_key: false, may_open, parent, way: way(&trail, at) });
                }
                // What an alias stands for is walked where it is written.
                Kind::Scalar | Kind::Alias => {}
            }
        }
        None
    }

    /// Whether it is the value of a key of the whole file.
    pub(super) fn is_at_root_key(&self, key: &str) -> bool {
        matches!(self.way.as_slice(), [Way::Key(name)] if name == key)
    }

    /// The way to it as people write it.
    pub(super) fn title(&self, document: &Document<'_>) -> String {
        let mut title = String::new();
        let last = self.is_key.then(|| Way::Key(document.text(self.node).unwrap_or_default().to_owned()));
        for step in self.way.iter().chain(&last) {
            match step {
                Way::Key(name) if title.is_empty() => title.push_str(&crate::thing::shown(name)),
                Way::Key(name) => {
                    title.push('.');
                    title.push_str(&crate::thing::shown(name));
                }
                Way::Item => title.push_str("[]"),
            }
        }
        title
    }
}

/// The byte at which a line and a column (both from 1, in characters) begin; `None` past the end of the line.
pub(super) fn offset(text: &str, line: u32, column: u32) -> Option<usize> {
    let (line, column) = (line.checked_sub(1)? as usize, column.checked_sub(1)? as usize);
    let begin = if line == 0 { 0 } else { text.match_indices('\n').nth(line - 1)?.0 + 1 };
    let rest = text[begin..].split('\n').next().unwrap_or_default();
    let rest = rest.strip_suffix('\r').unwrap_or(rest);
    let ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
    ends.clone().nth(column).map(|at| begin + at)
}
