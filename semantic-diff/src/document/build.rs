//! Building a document from a parser's events.

use super::node::{Content, Document, Kind, Lines, Node, NodeId};
use super::scalar::{Meaning, Scalar, ScalarStyle};
use super::{hash, json, plain, yaml};
use crate::{Format, KeyPath, Problem};
use std::borrow::Cow;
use std::collections::HashMap;

/// The deepest nesting.
pub const MAX_DEPTH: usize = 128;
/// The most nodes that a file may have once its aliases are expanded.
pub const MAX_NODES: u64 = 2_000_000;
/// The largest file whose structure is read; larger ones are compared line by line.
pub const MAX_BYTES: usize = 16 << 20;
/// How many problems are told of one file.
pub(super) const MAX_PROBLEMS: usize = 100;

/// A file whose structure could not be read to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct Broken {
    /// Why the reading ended.
    pub problem: Problem,
    /// What was wrong before that.
    pub before: Vec<Problem>,
}

impl<'t> Document<'t> {
    /// Reads a file's structure; time and memory are proportional to its size.
    ///
    /// # Errors
    ///
    /// Broken syntax, bytes that are not UTF-8, nesting beyond [`MAX_DEPTH`], more than [`MAX_NODES`] nodes once aliases
    /// are expanded, and more than [`MAX_BYTES`].
    pub fn read(format: Format, bytes: &'t [u8]) -> Result<Self, Broken> {
        Self::read_by(Way::Short, format, bytes)
    }

    /// The same, without the short way of plain files: for those who compare both.
    #[doc(hidden)]
    pub fn read_by_parser(format: Format, bytes: &'t [u8]) -> Result<Self, Broken> {
        Self::read_by(Way::Parser, format, bytes)
    }

    fn read_by(way: Way, format: Format, bytes: &'t [u8]) -> Result<Self, Broken> {
        let refuse = |line: usize, message: String| Broken {
            problem: Problem { line: line as u32, column: 1, key: None, message },
            before: Vec::new(),
        };
        if bytes.len() > MAX_BYTES {
            return Err(refuse(
                1,
                format!("larger than the {} MiB whose structure is read", MAX_BYTES >> 20),
            ));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let line = 1 + bytes[..error.valid_up_to()].iter().filter(|b| **b == b'\n').count();
            refuse(line, "not valid UTF-8".to_owned())
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut builder = Builder::new(bytes.len());
        if format == Format::Yaml && way == Way::Short {
            if plain::read(text, &mut builder) {
                return Ok(builder.document());
            }
            builder = Builder::new(bytes.len());
        }
        let read = match format {
            Format::Yaml => yaml::read(text, &mut builder),
            Format::Json => json::read(text, &mut builder),
        };
        let document = builder.document();
        match read {
            Ok(()) => Ok(document),
            Err(problem) => Err(Broken { problem: *problem, before: document.problems }),
        }
    }
}

/// How YAML is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Plain files by [`plain`], others by the parser.
    Short,
    /// All by the parser.
    Parser,
}

/// Where a node stands in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) lines: Lines,
    pub(super) column: u32,
}

/// A problem that ends the reading.
pub(super) type Fatal = Box<Problem>;

struct Open {
    node: NodeId,
    /// Nodes below, with what aliases stand for.
    expanded: u64,
    /// The anchor that names it; 0 for none.
    anchor: usize,
    /// The last line of what is below.
    last_line: u32,
}

/// A document that grows with every event.
pub(super) struct Builder<'t> {
    document: Document<'t>,
    open: Vec<Open>,
    /// What anchors of the present YAML document stand for, and how many nodes that is.
    anchors: HashMap<usize, (NodeId, u64)>,
    expanded: u64,
    /// Key hashes of the mapping that is being closed; kept for its memory.
    keys: Vec<(u64, NodeId)>,
}

impl<'t> Builder<'t> {
    pub(super) fn new(bytes: usize) -> Self {
        let document = Document {
            // As many as there can well be: growing would move them all, and memory that is not used costs nothing.
            nodes: Vec::with_capacity((bytes / 8).min(MAX_NODES as usize) + 4),
            roots: Vec::new(),
            tags: HashMap::new(),
            problems: Vec::new(),
            duplicates: Vec::new(),
        };
        Self { document, open: Vec::new(), anchors: HashMap::new(), expanded: 0, keys: Vec::new() }
    }

    /// True before the first node.
    pub(super) fn is_empty(&self) -> bool {
        self.document.nodes.is_empty()
    }

    /// What was built.
    fn document(self) -> Document<'t> {
        let mut document = self.document;
        document.problems.sort_by_key(|problem| (problem.line, problem.column));
        document.problems.truncate(MAX_PROBLEMS);
        document.duplicates.sort_unstable();
        document
    }

    /// Begins the next document of a stream: anchors do not reach into it.
    pub(super) fn next_document(&mut self) {
        self.anchors.clear();
    }

    /// The last line of the newest node; 1 before there is any.
    pub(super) fn last_line(&self) -> u32 {
        self.document.nodes.last().map_or(1, |node| node.lines.end)
    }

    pub(super) fn scalar(
        &mut self,
        text: Cow<'t, str>,
        style: ScalarStyle,
        place: Place,
        anchor: usize,
        tag: Option<String>,
    ) -> Result<(), Fatal> {
        let hash = Meaning::of(&text, style).hash();
        let hash = tagged(hash, tag.as_deref());
        let id = self.push(Content::Scalar(Scalar { text, style }), hash, place, tag)?;
        self.anchored(anchor, id, 1);
        self.placed(place.lines.end);
        self.count(1, place)
    }

    pub(super) fn alias(&mut self, name: Cow<'t, str>, anchor: usize, place: Place) -> Result<(), Fatal> {
        let target = self.anchors.get(&anchor).copied();
        if target.is_none() {
            self.problem(place, format!("the alias `*{name}` stands inside of what it refers to"));
        }
        let hash = hash::bytes(9, name.as_bytes());
        self.push(Content::Alias { name, target: target.map(|(id, _)| id) }, hash, place, None)?;
        self.placed(place.lines.end);
        self.count(target.map_or(1, |(_, nodes)| nodes), place)
    }

    pub(super) fn begin(
        &mut self,
        kind: Kind,
        place: Place,
        anchor: usize,
        tag: Option<String>,
    ) -> Result<(), Fatal> {
        if self.open.len() >= MAX_DEPTH {
            return Err(self.fatal(place, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        let content = match kind {
            Kind::Mapping => Content::Mapping,
            Kind::Sequence | Kind::Scalar | Kind::Alias => Content::Sequence,
        };
        let node = self.push(content, 0, place, tag)?;
        self.open.push(Open { node, expanded: 0, anchor, last_line: place.lines.start });
        self.count(1, place)
    }

    /// Closes the innermost collection; a flow collection ends where its bracket does.
    pub(super) fn end(&mut self, bracket: Option<u32>) {
        let Some(open) = self.open.pop() else { return };
        let last_line = bracket.unwrap_or(open.last_line);
        self.document.nodes[open.node.0 as usize].end = self.document.nodes.len() as u32;
        let hash = match self.document.kind(open.node) {
            Kind::Mapping => self.close_mapping(open.node),
            Kind::Sequence | Kind::Scalar | Kind::Alias => {
                let mut hash = hash::bytes(6, b"");
                for item in self.document.children(open.node) {
                    hash = hash::pair(hash, self.document.hash(item));
                }
                hash
            }
        };
        let hash = tagged(hash, self.document.tag(open.node));
        let node = &mut self.document.nodes[open.node.0 as usize];
        node.hash = hash;
        node.lines.end = last_line.max(node.lines.start);
        self.anchored(open.anchor, open.node, open.expanded);
        if let Some(parent) = self.open.last_mut() {
            parent.expanded = parent.expanded.saturating_add(open.expanded);
        }
        self.placed(last_line);
    }

    /// The hash of a mapping, whatever the order of its keys; tells keys that stand there twice.
    fn close_mapping(&mut self, id: NodeId) -> u64 {
        let mut keys = std::mem::take(&mut self.keys);
        keys.clear();
        let (mut sum, mut count) = (0_u64, 0);
        for (key, value) in self.document.entries(id) {
            let (key_hash, merge) = match self.document.text(key) {
                Some(text) => (hash::bytes(7, text.as_bytes()), self.document.is_merge(key)),
                None => (self.document.hash(key), false),
            };
            sum = sum.wrapping_add(hash::pair(key_hash, self.document.hash(value)));
            count += 1;
            // Merge keys may stand more than once.
            if !merge {
                keys.push((key_hash, key));
            }
        }
        keys.sort_unstable();
        for twice in keys.windows(2).filter(|two| two[0].0 == two[1].0) {
            if !self.tells_more() {
                break;
            }
            let key = twice[1].1;
            let Some(name) = self.document.text(key).map(shorten) else { continue };
            let node = &self.document.nodes[key.0 as usize];
            let place = Place { lines: node.lines, column: node.column };
            let mut path = self.path(id);
            path.push_key(&name);
            self.document.duplicates.push(key);
            self.problem_at(place, Some(path), format!("duplicate key `{name}`"));
        }
        self.keys = keys;
        hash::pair(hash::bytes(5, b""), hash::pair(sum, count))
    }

    fn push(
        &mut self,
        content: Content<'t>,
        hash: u64,
        place: Place,
        tag: Option<String>,
    ) -> Result<NodeId, Fatal> {
        let id = NodeId(self.document.nodes.len() as u32);
        self.document.nodes.push(Node {
            content,
            lines: place.lines,
            column: place.column,
            hash,
            end: id.0 + 1,
        });
        if let Some(tag) = tag {
            self.document.tags.insert(id, tag);
        }
        if self.open.is_empty() {
            self.document.roots.push(id);
        }
        Ok(id)
    }

    fn anchored(&mut self, anchor: usize, id: NodeId, nodes: u64) {
        if anchor != 0 {
            self.anchors.insert(anchor, (id, nodes));
        }
    }

    /// Tells the collection around how far it reaches.
    fn placed(&mut self, last_line: u32) {
        if let Some(parent) = self.open.last_mut() {
            parent.last_line = parent.last_line.max(last_line);
        }
    }

    fn count(&mut self, nodes: u64, place: Place) -> Result<(), Fatal> {
        self.expanded = self.expanded.saturating_add(nodes);
        if let Some(open) = self.open.last_mut() {
            open.expanded = open.expanded.saturating_add(nodes);
        }
        if self.expanded > MAX_NODES {
            return Err(self.fatal(place, format!("more than {MAX_NODES} nodes once aliases are expanded")));
        }
        Ok(())
    }

    /// Tells something wrong that the reading goes on after.
    pub(super) fn problem(&mut self, place: Place, message: impl Into<String>) {
        if self.tells_more() {
            let path = self.open.last().map(|open| self.path(open.node)).filter(|path| !path.is_root());
            self.problem_at(place, path, message.into());
        }
    }

    /// True while problems are still told; asked before a path is looked up, which takes time.
    fn tells_more(&self) -> bool {
        self.document.problems.len() < 4 * MAX_PROBLEMS
    }

    fn problem_at(&mut self, place: Place, key: Option<KeyPath>, message: String) {
        let (line, column) = (place.lines.start, place.column);
        let key = key.map(|key| key.to_string());
        self.document.problems.push(Problem { line, column, key, message });
    }

    pub(super) fn fatal(&self, place: Place, message: String) -> Fatal {
        let key = self.open.last().map(|open| self.path(open.node)).filter(|path| !path.is_root());
        let key = key.map(|key| key.to_string());
        Box::new(Problem { line: place.lines.start, column: place.column, key, message })
    }

    /// Where an open node, or one whose ancestors are open, stands.
    fn path(&self, id: NodeId) -> KeyPath {
        let mut path = KeyPath::root();
        let mut around: Vec<NodeId> =
            self.open.iter().map(|open| open.node).filter(|node| *node < id).collect();
        around.push(id);
        for pair in around.windows(2) {
            let (parent, child) = (pair[0], pair[1]);
            match self.document.kind(parent) {
                Kind::Sequence => {
                    // Descendants of the child may be missing, what stands before it does not.
                    path.push_index(
                        self.closed_children(parent).take_while(|sibling| *sibling < child).count(),
                    );
                }
                Kind::Mapping => {
                    let key = self.closed_children(parent).take_while(|sibling| *sibling < child).last();
                    path.push_key(
                        &key.and_then(|key| self.document.text(key)).map_or("?".to_owned(), shorten),
                    );
                }
                Kind::Scalar | Kind::Alias => {}
            }
        }
        path
    }

    /// The children of an open node, whose own end is not known yet.
    fn closed_children(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let mut next = id.0 + 1;
        std::iter::from_fn(move || {
            let node = self.document.nodes.get(next as usize)?;
            let here = NodeId(next);
            next = node.end.max(next + 1);
            Some(here)
        })
    }
}

fn tagged(hash: u64, tag: Option<&str>) -> u64 {
    tag.map_or(hash, |tag| hash::pair(hash, hash::bytes(8, tag.as_bytes())))
}

/// A name that fits into a message.
pub(super) fn shorten(text: &str) -> String {
    if text.chars().count() <= 80 {
        return text.to_owned();
    }
    let kept: String = text.chars().take(79).collect();
    format!("{kept}…")
}
