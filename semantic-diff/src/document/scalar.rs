//! What a scalar means.

use std::borrow::Cow;

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalarStyle {
    /// Without quotes: its text decides what it means.
    Plain,
    /// In quotes: a string.
    Quoted,
    /// As a literal or folded block: a string.
    Block,
}

/// What a scalar means by YAML's core schema.
#[derive(Debug, Clone, PartialEq)]
pub enum Meaning<'a> {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number that fits.
    Int(i128),
    /// A number.
    Float(f64),
    /// A text.
    Text(&'a str),
}

impl<'a> Meaning<'a> {
    /// What a scalar of this text and style means.
    pub fn of(text: &'a str, style: ScalarStyle) -> Self {
        if style != ScalarStyle::Plain {
            return Self::Text(text);
        }
        match text.as_bytes() {
            [] | b"~" | b"null" | b"Null" | b"NULL" => Self::Null,
            b"true" | b"True" | b"TRUE" => Self::Bool(true),
            b"false" | b"False" | b"FALSE" => Self::Bool(false),
            [b'-' | b'+' | b'.' | b'0'..=b'9', ..] => number(text).unwrap_or(Self::Text(text)),
            _ => Self::Text(text),
        }
    }

    /// The kind's name, as messages say it.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Int(_) => "integer",
            Self::Float(_) => "number",
            Self::Text(_) => "string",
        }
    }

    /// The hash of the meaning.
    pub(super) fn hash(&self) -> u64 {
        match self {
            Self::Null => super::hash::bytes(0, b""),
            Self::Bool(yes) => super::hash::bytes(1, &[u8::from(*yes)]),
            Self::Int(number) => super::hash::bytes(2, &number.to_le_bytes()),
            Self::Float(number) => super::hash::bytes(3, &number.to_bits().to_le_bytes()),
            Self::Text(text) => super::hash::bytes(4, text.as_bytes()),
        }
    }
}

fn number(text: &str) -> Option<Meaning<'_>> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let radix = match digits.as_bytes() {
        [b'0', b'x', ..] => 16,
        [b'0', b'o', ..] => 8,
        _ => 10,
    };
    if radix != 10 {
        return i128::from_str_radix(&digits[2..], radix).ok().filter(|_| digits == text).map(Meaning::Int);
    }
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok().map(Meaning::Int);
    }
    match digits {
        ".inf" | ".Inf" | ".INF" if text.starts_with('-') => return Some(Meaning::Float(f64::NEG_INFINITY)),
        ".inf" | ".Inf" | ".INF" => return Some(Meaning::Float(f64::INFINITY)),
        ".nan" | ".NaN" | ".NAN" if digits == text => return Some(Meaning::Float(f64::NAN)),
        _ => {}
    }
    let shaped = digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'))
        && digits.bytes().any(|b| b.is_ascii_digit())
        && !digits.starts_with(['e', 'E', '+', '-']);
    // A number too large to be told from infinity keeps its text.
    if shaped { text.parse().ok().filter(|n: &f64| n.is_finite()).map(Meaning::Float) } else { None }
}

/// A scalar as it stands in the file.
#[derive(Debug, Clone)]
pub(super) struct Scalar<'t> {
    pub(super) text: Cow<'t, str>,
    pub(super) style: ScalarStyle,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_texts_mean_what_the_core_schema_says() {
        let of = |text| Meaning::of(text, ScalarStyle::Plain);
        assert_eq!(of("~"), Meaning::Null);
        assert_eq!(of("True"), Meaning::Bool(true));
        assert_eq!(of("yes"), Meaning::Text("yes"));
        assert_eq!(of("-12"), Meaning::Int(-12));
        assert_eq!(of("0x1F"), Meaning::Int(31));
        assert_eq!(of("1e3"), Meaning::Float(1000.0));
        assert_eq!(of("1.50"), Meaning::Float(1.5));
        for text in
            ["1.2.3", "1-2", "-", "12:30", "1e400", "0x", "+0x1", "-.", "2024-01-01", "1_000", "..", "e5"]
        {
            assert_eq!(of(text), Meaning::Text(text), "{text}");
        }
        assert_eq!(Meaning::of("1", ScalarStyle::Quoted), Meaning::Text("1"));
    }
}
