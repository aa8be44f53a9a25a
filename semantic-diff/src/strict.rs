//! Strict reading of YAML and JSON: what a lenient parser lets pass is told, with its line.
//!
//! Duplicate keys, alias bombs, custom tags, depth beyond reason, broken syntax and broken UTF-8 are problems. The
//! parser's events are read in one pass without recursion and without expanding aliases, so that time and memory stay
//! proportional to the input.

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use std::collections::{HashMap, HashSet};

/// The deepest nesting.
pub const MAX_DEPTH: usize = 128;
/// The most nodes that a file may have once its aliases are expanded.
pub const MAX_NODES: u64 = 2_000_000;

/// The formats that are read strictly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// YAML, any number of documents.
    Yaml,
    /// One JSON value.
    Json,
}

impl Format {
    /// The format that a file's name promises; `None` for files that are not read.
    pub fn of(file_name: &str) -> Option<Self> {
        match file_name.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
            "yml" | "yaml" => Some(Self::Yaml),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// Something wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct Problem {
    /// One-based line.
    pub line: u32,
    /// One-based column.
    pub column: u32,
    /// The key concerned, as a dotted path, where there is one.
    pub key: Option<String>,
    /// What is wrong.
    pub message: String,
}

/// Reads a file strictly; an empty list means that nothing is wrong.
///
/// All duplicate keys are told; syntax errors, depth and bombs end the reading.
pub fn problems(format: Format, bytes: &[u8]) -> Vec<Problem> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let line = 1 + bytes[..error.valid_up_to()].iter().filter(|b| **b == b'\n').count();
            return vec![Problem {
                line: line as u32,
                column: 1,
                key: None,
                message: "not valid UTF-8".to_owned(),
            }];
        }
    };
    match format {
        Format::Yaml => yaml_problems(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Format::Json => json_problems(text),
    }
}

/// A mapping or sequence that is being read.
struct Frame {
    anchor: usize,
    nodes: u64,
    path: String,
    kind: Kind,
}

enum Kind {
    /// The keys so far; `value_of` is the key whose value comes next.
    Mapping { keys: HashSet<String>, value_of: Option<String> },
    /// The index of the next item.
    Sequence { next: usize },
}

struct YamlReader {
    stack: Vec<Frame>,
    /// How many nodes each anchor stands for, once expanded.
    anchors: HashMap<usize, u64>,
    /// Nodes of the documents read so far, expanded.
    nodes: u64,
    found: Vec<Problem>,
}

const MAX_PROBLEMS: usize = 100;

fn yaml_problems(text: &str) -> Vec<Problem> {
    let mut reader = YamlReader { stack: Vec::new(), anchors: HashMap::new(), nodes: 0, found: Vec::new() };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        match event {
            Ok((event, span)) => {
                if reader.take(event, span).is_err() || reader.found.len() >= MAX_PROBLEMS {
                    break;
                }
            }
            Err(error) => {
                let at = error.marker();
                reader.found.push(Problem {
                    line: at.line() as u32,
                    column: at.col() as u32 + 1,
                    key: None,
                    message: format!("broken YAML: {}", error.info()),
                });
                break;
            }
        }
    }
    reader.found
}

/// Ends the reading after a problem that leaves nothing more to say.
struct Stop;

impl YamlReader {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => {
                self.anchors.clear();
                Ok(())
            }
            Event::Alias(anchor) => {
                let nodes = self.anchors.get(&anchor).copied().unwrap_or(1);
                self.scalar(None, nodes, 0, span)
            }
            Event::Scalar(text, style, anchor, tag) => {
                if tag.is_some_and(|tag| !tag.is_yaml_core_schema() && !tag.handle.is_empty()) {
                    self.problem(span, "a custom tag; plain values only");
                }
                let plain = matches!(style, ScalarStyle::Plain);
                self.scalar(Some((&text, plain)), 1, anchor, span)
            }
            Event::SequenceStart(anchor, tag) => {
                if tag.is_some_and(|tag| !tag.is_yaml_core_schema()) {
                    self.problem(span, "a custom tag; plain values only");
                }
                self.open(anchor, Kind::Sequence { next: 0 }, span)
            }
            Event::MappingStart(anchor, tag) => {
                if tag.is_some_and(|tag| !tag.is_yaml_core_schema()) {
                    self.problem(span, "a custom tag; plain values only");
                }
                self.open(anchor, Kind::Mapping { keys: HashSet::new(), value_of: None }, span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
        }
    }

    fn problem(&mut self, span: Span, message: impl Into<String>) {
        let key = self.stack.last().map(|frame| frame.path.clone()).filter(|path| !path.is_empty());
        self.problem_at(span, key, message);
    }

    fn problem_at(&mut self, span: Span, key: Option<String>, message: impl Into<String>) {
        let (line, column) = (span.start.line() as u32, span.start.col() as u32 + 1);
        self.found.push(Problem { line, column, key, message: message.into() });
    }

    /// The path of the node that comes next.
    fn next_path(&self) -> String {
        match self.stack.last() {
            None => String::new(),
            Some(Frame { path, kind: Kind::Mapping { value_of: Some(key), .. }, .. }) => join(path, key),
            Some(Frame { path, kind: Kind::Mapping { value_of: None, .. }, .. }) => path.clone(),
            Some(Frame { path, kind: Kind::Sequence { next }, .. }) => format!("{path}[{next}]"),
        }
    }

    fn scalar(
        &mut self,
        text: Option<(&str, bool)>,
        nodes: u64,
        anchor: usize,
        span: Span,
    ) -> Result<(), Stop> {
        if anchor != 0 {
            self.anchors.insert(anchor, nodes);
        }
        self.count(nodes, span)?;
        self.placed(text, span);
        Ok(())
    }

    /// Notes that a node stands where a key or a value was expected.
    fn placed(&mut self, text: Option<(&str, bool)>, span: Span) {
        let Some(frame) = self.stack.last_mut() else {
            return;
        };
        match &mut frame.kind {
            Kind::Sequence { next } => *next += 1,
            Kind::Mapping { keys, value_of } => {
                if value_of.take().is_some() {
                    return;
                }
                let name = text.map_or_else(|| "?".to_owned(), |(text, _)| text.to_owned());
                // Merge keys may stand more than once; keys that are no scalars are compared by nobody.
                let merges = text.is_some_and(|(text, plain)| plain && text == "<<");
                let twice = text.is_some() && !merges && !keys.insert(name.clone());
                *value_of = Some(name.clone());
                if twice {
                    let key = join(&frame.path, &name);
                    self.problem_at(span, Some(key), format!("duplicate key `{}`", shorten(&name)));
                }
            }
        }
    }

    fn open(&mut self, anchor: usize, kind: Kind, span: Span) -> Result<(), Stop> {
        if self.stack.len() >= MAX_DEPTH {
            self.problem(span, format!("nested deeper than {MAX_DEPTH} levels"));
            return Err(Stop);
        }
        self.count(1, span)?;
        let mut path = self.next_path();
        if path.len() > 300 {
            path = shorten(&path);
        }
        self.stack.push(Frame { anchor, nodes: 1, path, kind });
        Ok(())
    }

    fn close(&mut self, span: Span) -> Result<(), Stop> {
        let Some(frame) = self.stack.pop() else {
            return Ok(());
        };
        if frame.anchor != 0 {
            self.anchors.insert(frame.anchor, frame.nodes);
        }
        if let Some(parent) = self.stack.last_mut() {
            parent.nodes = parent.nodes.saturating_add(frame.nodes);
        }
        self.placed(None, span);
        Ok(())
    }

    fn count(&mut self, nodes: u64, span: Span) -> Result<(), Stop> {
        self.nodes = self.nodes.saturating_add(nodes);
        if let Some(frame) = self.stack.last_mut() {
            frame.nodes = frame.nodes.saturating_add(nodes);
        }
        if self.nodes > MAX_NODES {
            self.problem(span, format!("more than {MAX_NODES} nodes once aliases are expanded"));
            return Err(Stop);
        }
        Ok(())
    }
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= 80 {
        return text.to_owned();
    }
    let kept: String = text.chars().take(79).collect();
    format!("{kept}…")
}

fn json_problems(text: &str) -> Vec<Problem> {
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        let (line, column) = (error.line().max(1) as u32, error.column().max(1) as u32);
        return vec![Problem { line, column, key: None, message: format!("broken JSON: {error}") }];
    }
    // The text is well-formed from here on, so a scan for brackets and strings finds every key.
    let mut found = Vec::new();
    let mut stack: Vec<(String, Kind)> = Vec::new();
    let bytes = text.as_bytes();
    let (mut at, mut line, mut line_start) = (0, 1_u32, 0);
    while at < bytes.len() && found.len() < MAX_PROBLEMS {
        let here = (line, (at - line_start) as u32 + 1);
        match bytes[at] {
            b'\n' => (line, line_start) = (line + 1, at + 1),
            b'{' | b'[' => {
                if stack.len() >= MAX_DEPTH {
                    let message = format!("nested deeper than {MAX_DEPTH} levels");
                    found.push(Problem { line: here.0, column: here.1, key: None, message });
                    break;
                }
                let path = match stack.last() {
                    None => String::new(),
                    Some((path, Kind::Sequence { next })) => format!("{path}[{next}]"),
                    Some((path, Kind::Mapping { value_of, .. })) => {
                        join(path, value_of.as_deref().unwrap_or(""))
                    }
                };
                let mapping = bytes[at] == b'{';
                let kind = if mapping {
                    Kind::Mapping { keys: HashSet::new(), value_of: None }
                } else {
                    Kind::Sequence { next: 0 }
                };
                stack.push((shorten(&path), kind));
            }
            b'}' | b']' => {
                stack.pop();
            }
            b',' => match stack.last_mut() {
                Some((_, Kind::Sequence { next })) => *next += 1,
                Some((_, Kind::Mapping { value_of, .. })) => *value_of = None,
                None => {}
            },
            b'"' => {
                let start = at;
                at += 1;
                while bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                if let Some((path, Kind::Mapping { keys, value_of: value_of @ None })) = stack.last_mut() {
                    let name: String = serde_json::from_str(&text[start..=at]).unwrap_or_default();
                    if !keys.insert(name.clone()) {
                        let message = format!("duplicate key `{}`", shorten(&name));
                        found.push(Problem {
                            line: here.0,
                            column: here.1,
                            key: Some(join(path, &name)),
                            message,
                        });
                    }
                    *value_of = Some(name);
                }
            }
            _ => {}
        }
        at += 1;
    }
    found
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yaml(text: &str) -> Vec<String> {
        problems(Format::Yaml, text.as_bytes()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn good_files_pass() {
        for good in [
            "",
            "a: 1\nb: {c: [1, 2, {d: e}]}\n",
            "---\na: 1\n---\na: 2\n",
            "base: &b {x: 1}\none:\n  <<: *b\n  y: 2\n",
            "\u{feff}a: 1\r\nb: 2\r\n",
            "? [1, 2]\n: x\n? {a: b}\n: y\n",
            "text: |\n  a: 1\n  a: 2\n",
            "a: !!str 1\n",
        ] {
            assert_eq!(yaml(good), Vec::<String>::new(), "{good}");
        }
    }

    #[test]
    fn duplicate_keys_are_told_with_line_and_path() {
        let found = problems(Format::Yaml, b"a: 1\nb:\n  - c: 1\n    d: 2\n    c: 3\na: 2\n");
        let told: Vec<_> = found.iter().map(|p| (p.line, p.key.clone().unwrap())).collect();
        assert_eq!(told, [(5, "b[0].c".to_owned()), (6, "a".to_owned())]);
    }

    #[test]
    fn hostile_files_are_told_quickly() {
        let started = std::time::Instant::now();
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..10 {
            let previous = format!("*a{}", n - 1);
            bomb.push_str(&format!("a{n}: &a{n} [{}]\n", [previous.as_str(); 9].join(", ")));
        }
        for bad in [
            bomb,
            "[".repeat(1 << 20),
            "- ".repeat(100_000),
            "{a: ".repeat(10_000),
            "a: [1, 2\n".to_owned(),
            "a:\n\t- b\n".to_owned(),
            "a: !evil x\n".to_owned(),
            "a: *nope\n".to_owned(),
            "a: 1\n b: 2\n".to_owned(),
        ] {
            assert_ne!(yaml(&bad), Vec::<String>::new(), "{}", &bad[..bad.len().min(60)]);
        }
        assert!(!problems(Format::Yaml, b"a: \xff\n").is_empty());
        assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    }

    #[test]
    fn json_is_read_strictly() {
        let json = |text: &str| problems(Format::Json, text.as_bytes());
        assert_eq!(json("{\"a\": {\"b\": [1, true, null, \"x\", 1.5]}}\n"), []);
        let found = json("{\n  \"a\": {\"b\": 1},\n  \"c\": {\"b\": 1,\n  \"b\": 2}\n}");
        assert_eq!((found[0].line, found[0].column, found[0].key.as_deref()), (4, 3, Some("c.b")));
        for bad in ["", "{", "{'a': 1}", "[1,]", "{} {}"] {
            assert_eq!(json(bad).len(), 1, "{bad}");
        }
        assert_eq!(json(&"[".repeat(100_000)).len(), 1);
    }
}
