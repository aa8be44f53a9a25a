//! Reading JSON.

use super::build::{Builder, Fatal, MAX_DEPTH, Place};
use super::node::{Kind, Lines};
use super::scalar::ScalarStyle;
use crate::Problem;
use std::borrow::Cow;

pub(super) fn read<'t>(text: &'t str, builder: &mut Builder<'t>) -> Result<(), Fatal> {
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        let (line, column) = (error.line().max(1) as u32, error.column().max(1) as u32);
        let told = error.to_string();
        // The place is told apart.
        let told = told.rsplit_once(" at line ").map_or(told.as_str(), |(told, _)| told);
        let message = if told == "recursion limit exceeded" {
            format!("nested deeper than {MAX_DEPTH} levels")
        } else {
            format!("broken JSON: {told}")
        };
        return Err(Box::new(Problem { line, column, key: None, message }));
    }
    // The text is well-formed from here on, so brackets, strings and words are all that there is.
    let bytes = text.as_bytes();
    let (mut at, mut line, mut line_start) = (0, 1_u32, 0);
    while at < bytes.len() {
        let column = (at - line_start) as u32 + 1;
        let place = Place { lines: Lines { start: line, end: line }, column };
        match bytes[at] {
            b'\n' => (line, line_start) = (line + 1, at + 1),
            b'{' => builder.begin(Kind::Mapping, place, 0, None)?,
            b'[' => builder.begin(Kind::Sequence, place, 0, None)?,
            b'}' | b']' => builder.end(Some(line)),
            b'"' => {
                let start = at;
                let mut escaped = false;
                at += 1;
                while bytes[at] != b'"' {
                    escaped |= bytes[at] == b'\\';
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                let value = if escaped {
                    Cow::Owned(serde_json::from_str(&text[start..=at]).unwrap_or_default())
                } else {
                    Cow::Borrowed(&text[start + 1..at])
                };
                builder.scalar(value, ScalarStyle::Quoted, place, 0, None)?;
            }
            b'-' | b'0'..=b'9' | b'a'..=b'z' => {
                let start = at;
                let word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+');
                at += bytes[at..].iter().take_while(|b| word(b)).count();
                builder.scalar(Cow::Borrowed(&text[start..at]), ScalarStyle::Plain, place, 0, None)?;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    Ok(())
}
