//! The short way through plain files.
//!
//! Nearly all configuration is block mappings and lists of one-line scalars. Such a file is read here line by line, several
//! times faster than a parser of all of YAML does it. What is read is exactly what the parser would tell, node by node; at
//! the first byte that is not surely so (anchors, tags, tabs, empty values, texts over several lines, a second document,
//! and everything that is broken), the whole file is left to the parser. So nothing is told differently, and errors are
//! the parser's alone.

use super::build::{Builder, Place};
use super::node::{Kind, Lines};
use super::scalar::ScalarStyle;
use std::borrow::Cow;

/// How deep collections on one line nest.
const MAX_FLOW_DEPTH: usize = 8;
/// Keys beyond it are the parser's: it refuses those of more than 1,024 characters.
const LONGEST_KEY: usize = 500;

/// Left to the parser.
struct Doubt;

type Sure<T> = Result<T, Doubt>;

/// Reads a text, if it is plain; false where it is left to the parser, with a builder that is of no more use.
pub(super) fn read<'t>(text: &'t str, builder: &mut Builder<'t>) -> bool {
    // Lines that only some break at, and marks that nobody sees.
    let is_odd = |text: &str| text.contains(['\u{85}', '\u{2028}', '\u{2029}', '\u{feff}']);
    if !text.bytes().all(is_plain_byte) || !text.is_ascii() && is_odd(text) {
        return false;
    }
    let mut reader = Reader { text, at: 0, line: 1, levels: Vec::new(), builder, begun: false };
    reader.whole().is_ok()
}

/// No tabs, no carriage returns, no other controls.
fn is_plain_byte(byte: u8) -> bool {
    byte == b'\n' || byte >= b' ' && byte != 0x7f
}

/// An open block collection.
struct Level {
    indent: usize,
    kind: Kind,
    /// Whether its newest entry has no value yet.
    waits: bool,
}

struct Reader<'b, 't> {
    text: &'t str,
    /// Where the present line begins.
    at: usize,
    /// The present line, from 1.
    line: u32,
    levels: Vec<Level>,
    builder: &'b mut Builder<'t>,
    /// Whether the document has begun.
    begun: bool,
}

impl<'t> Reader<'_, 't> {
    fn whole(&mut self) -> Sure<()> {
        while self.at < self.text.len() {
            let line = self.present();
            let indent = indent_of(line);
            match line.as_bytes().get(indent) {
                // Nothing, or a comment.
                None | Some(b'#') => {}
                Some(b'-') if indent == 0 && line.trim_end() == "---" && !self.begun => self.begun = true,
                Some(_) if is_marker(line) => return Err(Doubt),
                Some(_) => {
                    self.begun = true;
                    self.close_to(indent, is_dash(&line[indent..]))?;
                    self.entry(line, indent)?;
                }
            }
            // A block scalar has gone on to its last line already.
            self.at += self.present().len() + 1;
            self.line += 1;
        }
        self.close_to(0, false)?;
        while let Some(level) = self.levels.pop() {
            self.close(&level)?;
        }
        // An empty file is the parser's.
        if self.builder.is_empty() { Err(Doubt) } else { Ok(()) }
    }

    /// The present line, without its end.
    fn present(&self) -> &'t str {
        let rest = &self.text[self.at..];
        rest.split_once('\n').map_or(rest, |(line, _)| line)
    }

    /// Closes what ends before an entry at this indent.
    fn close_to(&mut self, indent: usize, dash: bool) -> Sure<()> {
        while let Some(level) = self.levels.last() {
            // A list may stand at the indent of its key, and ends where another key does.
            let ends =
                level.indent > indent || level.indent == indent && level.kind == Kind::Sequence && !dash;
            if !ends {
                break;
            }
            let level = self.levels.pop().ok_or(Doubt)?;
            self.close(&level)?;
        }
        Ok(())
    }

    fn close(&mut self, level: &Level) -> Sure<()> {
        // Nothing is a value too, and where it stands only the parser knows.
        if level.waits {
            return Err(Doubt);
        }
        self.builder.end(None);
        if let Some(around) = self.levels.last_mut() {
            around.waits = false;
        }
        Ok(())
    }

    /// What stands at an indent of a line: a list's entry, a key, or an only scalar behind a dash.
    fn entry(&mut self, line: &'t str, mut indent: usize) -> Sure<()> {
        loop {
            let rest = &line[indent..];
            if is_dash(rest) {
                let inner = indent + 1 + indent_of(&rest[1..]);
                if matches!(line.as_bytes().get(inner), None | Some(b'#')) {
                    return Err(Doubt);
                }
                // The parser sees a list at the indent of its key only once it is behind the dash.
                let is_indentless = self.levels.last().is_some_and(|level| level.indent == indent);
                let place = self.place(line, if is_indentless { inner } else { indent });
                self.enter(Kind::Sequence, indent, place)?;
                indent = inner;
                continue;
            }
            if let Some((key, style, after)) = key_of(rest)? {
                let place = self.place(line, indent);
                self.enter(Kind::Mapping, indent, place)?;
                self.scalar(Cow::Borrowed(key), style, place)?;
                return self.value(line, indent + after);
            }
            // Behind a dash a scalar may stand alone.
            let behind_dash =
                self.levels.last().is_some_and(|level| level.kind == Kind::Sequence && level.waits);
            let first = indent_of(line) < indent;
            return if behind_dash && first { self.value(line, indent) } else { Err(Doubt) };
        }
    }

    /// Makes sure that the innermost collection is one of this kind and indent, and that its newest entry waits.
    fn enter(&mut self, kind: Kind, indent: usize, place: Place) -> Sure<()> {
        let opens = match self.levels.last() {
            None => !self.begun_nodes(),
            Some(level) if level.waits => {
                level.indent < indent
                    || level.indent == indent && level.kind == Kind::Mapping && kind == Kind::Sequence
            }
            Some(level) => {
                if level.indent != indent || level.kind != kind {
                    return Err(Doubt);
                }
                false
            }
        };
        if opens {
            self.builder.begin(kind, place, 0, None).map_err(|_| Doubt)?;
            self.levels.push(Level { indent, kind, waits: false });
        } else if self.levels.last().is_none_or(|level| level.waits) {
            return Err(Doubt);
        }
        if let Some(level) = self.levels.last_mut() {
            level.waits = true;
        }
        Ok(())
    }

    fn begun_nodes(&self) -> bool {
        !self.builder.is_empty()
    }

    /// The value that begins at or behind a byte of the line, if it is there; else it stands on the lines below.
    fn value(&mut self, line: &'t str, from: usize) -> Sure<()> {
        let at = from + indent_of(&line[from..]);
        let rest = &line[at..];
        let Some(first) = rest.bytes().next() else { return Ok(()) };
        match first {
            // A comment: behind a key the value stands below.
            b'#' if at > from => return Ok(()),
            b'|' | b'>' => self.block(line, at)?,
            b'[' | b'{' => {
                let mut flow = Flow { line, at, number: self.line };
                flow.collection(self.builder, 0)?;
                if !is_over(&line[flow.at..]) {
                    return Err(Doubt);
                }
            }
            b'"' | b'\'' => {
                let (inner, length) = quoted(rest)?;
                if !is_over(&rest[length..]) {
                    return Err(Doubt);
                }
                let place = self.place(line, at);
                self.scalar(Cow::Borrowed(inner), ScalarStyle::Quoted, place)?;
            }
            _ => {
                let text = plain(rest)?;
                let place = self.place(line, at);
                self.scalar(Cow::Borrowed(text), ScalarStyle::Plain, place)?;
            }
        }
        if let Some(level) = self.levels.last_mut() {
            level.waits = false;
        }
        Ok(())
    }

    fn scalar(&mut self, text: Cow<'t, str>, style: ScalarStyle, place: Place) -> Sure<()> {
        self.builder.scalar(text, style, place, 0, None).map_err(|_| Doubt)
    }

    /// A literal or folded text: its head ends the line, its lines follow.
    fn block(&mut self, line: &'t str, at: usize) -> Sure<()> {
        let (folded, strip) = match line[at..].trim_end_matches(' ') {
            "|" => (false, false),
            "|-" => (false, true),
            ">" => (true, false),
            ">-" => (true, true),
            _ => return Err(Doubt),
        };
        let outer = self.levels.last().ok_or(Doubt)?.indent;
        let (mut text, mut inner, head) = (String::new(), None, self.line);
        loop {
            // The line behind the last one is looked at and left.
            let here = self.present();
            let next = self.at + here.len() + 1;
            let Some(below) = self.text.get(next..).filter(|rest| !rest.is_empty()) else { break };
            let Some((below, _)) = below.split_once('\n') else { return Err(Doubt) };
            let indent = indent_of(below);
            if below.len() == indent {
                // An empty line in a text, or behind one, has rules of its own.
                return Err(Doubt);
            }
            if indent <= outer {
                break;
            }
            let inner = *inner.get_or_insert(indent);
            if indent < inner || folded && (indent > inner || below.ends_with(' ')) {
                return Err(Doubt);
            }
            if !text.is_empty() {
                text.push(if folded { ' ' } else { '\n' });
            }
            text.push_str(&below[inner..]);
            self.at = next;
            self.line += 1;
        }
        let inner = inner.ok_or(Doubt)?;
        if !strip {
            text.push('\n');
        }
        // As the parser has it, it begins with its text, and reaches into the indent of what follows.
        let follows = self.text[self.at..].split_once('\n').is_some_and(|(_, rest)| rest.starts_with(' '));
        let lines = Lines { start: head + 1, end: self.line + u32::from(follows) };
        self.scalar(Cow::Owned(text), ScalarStyle::Block, Place { lines, column: inner as u32 + 1 })
    }

    fn place(&self, line: &str, at: usize) -> Place {
        place(self.line, line, at)
    }
}

/// A collection on one line.
struct Flow<'t> {
    line: &'t str,
    at: usize,
    number: u32,
}

impl<'t> Flow<'t> {
    fn next(&mut self) -> Option<u8> {
        self.at += indent_of(&self.line[self.at..]);
        self.line.as_bytes().get(self.at).copied()
    }

    fn collection(&mut self, builder: &mut Builder<'t>, depth: usize) -> Sure<()> {
        let (kind, close) = match self.next() {
            Some(b'[') => (Kind::Sequence, b']'),
            Some(b'{') => (Kind::Mapping, b'}'),
            _ => return Err(Doubt),
        };
        if depth >= MAX_FLOW_DEPTH {
            return Err(Doubt);
        }
        let here = place(self.number, self.line, self.at);
        builder.begin(kind, here, 0, None).map_err(|_| Doubt)?;
        self.at += 1;
        if self.next() != Some(close) {
            loop {
                if kind == Kind::Mapping {
                    self.scalar(builder)?;
                    if self.next() != Some(b':') || self.line.as_bytes().get(self.at + 1) != Some(&b' ') {
                        return Err(Doubt);
                    }
                    self.at += 1;
                }
                match self.next() {
                    Some(b'[' | b'{') => self.collection(builder, depth + 1)?,
                    _ => self.scalar(builder)?,
                }
                match self.next() {
                    Some(b',') => self.at += 1,
                    Some(end) if end == close => break,
                    _ => return Err(Doubt),
                }
                // Nothing behind a comma is the parser's.
                if self.next() == Some(close) {
                    return Err(Doubt);
                }
            }
        }
        self.at += 1;
        builder.end(Some(self.number));
        Ok(())
    }

    fn scalar(&mut self, builder: &mut Builder<'t>) -> Sure<()> {
        let first = self.next().ok_or(Doubt)?;
        let here = place(self.number, self.line, self.at);
        let rest = &self.line[self.at..];
        let (text, style, length) = if matches!(first, b'"' | b'\'') {
            let (inner, length) = quoted(rest)?;
            (inner, ScalarStyle::Quoted, length)
        } else {
            let is_word =
                |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'-');
            let length = rest.bytes().position(|byte| !is_word(byte) && byte != b' ').unwrap_or(rest.len());
            let text = rest[..length].trim_end_matches(' ');
            // `- ` and `-` alone mean something else, and so may what else begins with a dash.
            if !first.is_ascii_alphanumeric() && !matches!(first, b'_' | b'/') || text.contains(" -") {
                return Err(Doubt);
            }
            (text, ScalarStyle::Plain, text.len())
        };
        self.at += length;
        builder.scalar(Cow::Borrowed(text), style, here, 0, None).map_err(|_| Doubt)
    }
}

fn place(line_number: u32, line: &str, at: usize) -> Place {
    let column = match line.as_bytes()[..at].is_ascii() {
        true => at,
        false => line[..at].chars().count(),
    };
    Place { lines: Lines { start: line_number, end: line_number }, column: column as u32 + 1 }
}

fn indent_of(text: &str) -> usize {
    text.bytes().position(|byte| byte != b' ').unwrap_or(text.len())
}

/// True for the dash of a list's entry.
fn is_dash(text: &str) -> bool {
    text == "-" || text.starts_with("- ")
}

/// True for what begins or ends a document, or is a directive.
fn is_marker(line: &str) -> bool {
    line.starts_with("---") || line.starts_with("...") || line.starts_with('%')
}

/// True where nothing but a comment comes.
fn is_over(rest: &str) -> bool {
    let blank = indent_of(rest);
    blank == rest.len() || blank > 0 && rest.as_bytes()[blank] == b'#'
}

/// A key at the start of a text, how it is written, and how many bytes it takes with its colon; none where no key begins.
fn key_of(text: &str) -> Sure<Option<(&str, ScalarStyle, usize)>> {
    let first = text.bytes().next().ok_or(Doubt)?;
    let (key, style, length) = match first {
        b'"' | b'\'' => {
            let (inner, length) = quoted(text)?;
            (inner, ScalarStyle::Quoted, length)
        }
        // These can only begin a value.
        b'[' | b'{' | b'|' | b'>' => return Ok(None),
        _ => {
            let Some(colon) = colon_of(text) else { return Ok(None) };
            let key = &text[..colon];
            if !begins_plainly(text) || key.ends_with(' ') || key.contains(" #") {
                return Err(Doubt);
            }
            (key, ScalarStyle::Plain, colon)
        }
    };
    match text.as_bytes().get(length) {
        Some(b':') if matches!(text.as_bytes().get(length + 1), None | Some(b' ')) => {}
        _ if style == ScalarStyle::Quoted && is_over(&text[length..]) => return Ok(None),
        _ => return Err(Doubt),
    }
    if key.len() > LONGEST_KEY { Err(Doubt) } else { Ok(Some((key, style, length + 1))) }
}

/// The first colon that ends a key.
fn colon_of(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut from = 0;
    loop {
        let at = from + bytes[from..].iter().position(|byte| *byte == b':')?;
        if matches!(bytes.get(at + 1), None | Some(b' ')) {
            return Some(at);
        }
        from = at + 1;
    }
}

/// True for what can begin a scalar without quotes, and nothing else.
fn begins_plainly(text: &str) -> bool {
    match text.as_bytes() {
        [first, ..] if first.is_ascii_alphanumeric() => true,
        [b'_' | b'/' | b'.' | b'(' | b'+' | b'$' | b'^' | b'~', ..] => true,
        [b'-', second, ..] => second.is_ascii_alphanumeric() || *second == b'.',
        _ => false,
    }
}

/// The scalar without quotes that a line ends with, perhaps before a comment.
fn plain(text: &str) -> Sure<&str> {
    if !begins_plainly(text) {
        return Err(Doubt);
    }
    let end = text.find(" #").unwrap_or(text.len());
    let text = text[..end].trim_end_matches(' ');
    if colon_of(text).is_some() { Err(Doubt) } else { Ok(text) }
}

/// What stands in quotes, and how many bytes that takes with them; nothing in it may need a second look.
fn quoted(text: &str) -> Sure<(&str, usize)> {
    let quote = text.as_bytes()[0];
    let inner = text.as_bytes()[1..].iter().position(|byte| *byte == quote || *byte == b'\\').ok_or(Doubt)?;
    if text.as_bytes()[1 + inner] != quote || text.as_bytes().get(inner + 2) == Some(&quote) {
        return Err(Doubt);
    }
    Ok((&text[1..=inner], inner + 2))
}

#[cfg(test)]
mod tests;
