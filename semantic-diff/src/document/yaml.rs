//! The events of the YAML parser.

use super::build::{Builder, Fatal, Place};
use super::lines::LineNumbers;
use super::node::{Kind, Lines};
use super::scalar::ScalarStyle;
use super::told::{Told, told};
use crate::Problem;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle as Written, Span, Tag};
use std::borrow::Cow;

pub(super) fn read<'t>(text: &'t str, builder: &mut Builder<'t>) -> Result<(), Fatal> {
    let numbers = LineNumbers::of(text);
    let mut source = Source::new(text);
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| {
            let lines: Vec<&str> = text.lines().collect();
            let Told { line, column, message } = told(&error, &lines, numbers.line(error.marker().line()));
            Box::new(Problem { line, column, key: None, message: format!("broken YAML: {message}") })
        })?;
        let start = numbers.line(span.start.line());
        let mut place = Place { lines: Lines { start, end: start }, column: span.start.col() as u32 + 1 };
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            Event::DocumentStart(_) => builder.next_document(),
            Event::Alias(anchor) => builder.alias(source.alias(span), anchor, place)?,
            Event::Scalar(value, style, anchor, tag) => {
                let style = match style {
                    Written::Plain => ScalarStyle::Plain,
                    Written::SingleQuoted | Written::DoubleQuoted => ScalarStyle::Quoted,
                    Written::Literal | Written::Folded => ScalarStyle::Block,
                };
                let custom =
                    tag.as_deref().filter(|tag| !tag.is_yaml_core_schema() && !tag.handle.is_empty());
                if let Some(tag) = custom {
                    builder.problem(place, custom_tag(tag));
                }
                place.lines.end = numbers.line(last_line(span));
                if span.is_empty() && value.is_empty() {
                    // Nothing was written: it stands where its key does, wherever the parser had got to.
                    let line = builder.last_line();
                    place.lines = Lines { start: line, end: line };
                }
                let style = if tag.as_deref().is_some_and(is_string) { ScalarStyle::Quoted } else { style };
                builder.scalar(value, style, place, anchor, custom.map(ToString::to_string))?;
            }
            Event::SequenceStart(anchor, tag) => {
                begin(builder, Kind::Sequence, place, anchor, tag.as_deref())?;
            }
            Event::MappingStart(anchor, tag) => {
                begin(builder, Kind::Mapping, place, anchor, tag.as_deref())?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                // A block ends where its last entry does; only a bracket has a place of its own.
                builder.end((!span.is_empty()).then_some(start));
            }
        }
    }
    Ok(())
}

fn begin<'t>(
    builder: &mut Builder<'t>,
    kind: Kind,
    place: Place,
    anchor: usize,
    tag: Option<&Tag>,
) -> Result<(), Fatal> {
    let custom = tag.filter(|tag| !tag.is_yaml_core_schema());
    if let Some(tag) = custom {
        builder.problem(place, custom_tag(tag));
    }
    builder.begin(kind, place, anchor, custom.map(ToString::to_string))
}

fn custom_tag(tag: &Tag) -> String {
    format!("the custom tag `{}`; plain values only", super::build::shorten(&tag.to_string()))
}

fn is_string(tag: &Tag) -> bool {
    tag.is_yaml_core_schema() && tag.suffix == "str"
}

/// The last line with text of the scalar; a block scalar's span reaches to the start of what follows.
fn last_line(span: Span) -> usize {
    if span.end.col() == 0 && span.end.line() > span.start.line() {
        span.end.line() - 1
    } else {
        span.end.line()
    }
}

/// The text, to read names from that the events leave out.
struct Source<'t> {
    text: &'t str,
    ascii: bool,
    /// A character's index and where its bytes start: the parser counts characters and goes forward only.
    at: (usize, usize),
}

impl<'t> Source<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, ascii: text.is_ascii(), at: (0, 0) }
    }

    fn alias(&mut self, span: Span) -> Cow<'t, str> {
        let start = self.byte(span.start);
        let rest = self.text.get(start..).unwrap_or_default();
        let rest = rest.strip_prefix('*').unwrap_or(rest);
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '{' | '}'));
        Cow::Borrowed(&rest[..end.unwrap_or(rest.len())])
    }

    fn byte(&mut self, marker: Marker) -> usize {
        if self.ascii {
            return marker.index();
        }
        let (mut character, mut byte) = if marker.index() >= self.at.0 { self.at } else { (0, 0) };
        for c in self.text[byte..].chars() {
            if character >= marker.index() {
                break;
            }
            character += 1;
            byte += c.len_utf8();
        }
        self.at = (character, byte);
        byte
    }
}
