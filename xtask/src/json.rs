//! A small reader of JSON, for what our own programs and cargo print.

use std::collections::BTreeMap;

/// A JSON value. Objects are in order of their keys; of equal keys the last counts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    Array(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

impl Json {
    /// Reads one value; `None` for anything that is not JSON, or is nested deeper than 64 levels.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut reader = Reader { bytes: text.as_bytes(), at: 0 };
        let value = reader.value(0)?;
        reader.blanks();
        (reader.at == reader.bytes.len()).then_some(value)
    }

    /// A member of an object.
    pub(crate) fn get(&self, key: &str) -> Option<&Json> {
        self.members().and_then(|members| members.get(key))
    }

    /// The text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Json::Text(text) => Some(text),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => None,
        }
    }

    /// The object's members, if it is one.
    pub(crate) fn members(&self) -> Option<&BTreeMap<String, Json>> {
        match self {
            Json::Object(members) => Some(members),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Array(_) => None,
        }
    }

    /// The array's items, or none.
    pub(crate) fn items(&self) -> &[Json] {
        match self {
            Json::Array(items) => items,
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Object(_) => &[],
        }
    }
}

const DEEPEST: usize = 64;

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, literal: &str) -> Option<()> {
        let rest = self.bytes.get(self.at..)?;
        rest.starts_with(literal.as_bytes()).then(|| self.at += literal.len())
    }

    fn value(&mut self, depth: usize) -> Option<Json> {
        if depth > DEEPEST {
            return None;
        }
        self.blanks();
        match self.peek()? {
            b'n' => self.take("null").map(|()| Json::Null),
            b't' => self.take("true").map(|()| Json::Bool(true)),
            b'f' => self.take("false").map(|()| Json::Bool(false)),
            b'"' => self.string().map(Json::Text),
            b'[' => self.array(depth),
            b'{' => self.object(depth),
            _ => self.number(),
        }
    }

    fn array(&mut self, depth: usize) -> Option<Json> {
        self.take("[")?;
        let mut items = Vec::new();
        self.blanks();
        if self.take("]").is_some() {
            return Some(Json::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.blanks();
            if self.take(",").is_none() {
                self.take("]")?;
                return Some(Json::Array(items));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<Json> {
        self.take("{")?;
        let mut members = BTreeMap::new();
        self.blanks();
        if self.take("}").is_some() {
            return Some(Json::Object(members));
        }
        loop {
            self.blanks();
            let key = self.string()?;
            self.blanks();
            self.take(":")?;
            members.insert(key, self.value(depth + 1)?);
            self.blanks();
            if self.take(",").is_none() {
                self.take("}")?;
                return Some(Json::Object(members));
            }
        }
    }

    fn number(&mut self) -> Option<Json> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) {
            self.at += 1;
        }
        let text = std::str::from_utf8(self.bytes.get(start..self.at)?).ok()?;
        // Rust reads more than JSON allows: a leading `+` or `.`, and a trailing `.`.
        let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        let well_formed = digit(text.trim_start_matches('-').chars().next()) && digit(text.chars().last());
        well_formed.then(|| text.parse().ok()).flatten().map(Json::Number)
    }

    fn string(&mut self) -> Option<String> {
        self.take("\"")?;
        let mut out = Vec::new();
        loop {
            let byte = self.peek()?;
            self.at += 1;
            match byte {
                b'"' => return String::from_utf8(out).ok(),
                b'\\' => {
                    let escaped = self.peek()?;
                    self.at += 1;
                    let c = match escaped {
                        b'"' | b'\\' | b'/' => char::from(escaped),
                        b'b' => '\u{8}',
                        b'f' => '\u{c}',
                        b'n' => '\n',
                        b'r' => '\r',
                        b't' => '\t',
                        b'u' => self.unicode()?,
                        _ => return None,
                    };
                    out.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                0..0x20 => return None,
                other => out.push(other),
            }
        }
    }

    fn unicode(&mut self) -> Option<char> {
        let first = self.hex()?;
        let code = match first {
            0xd800..0xdc00 => {
                self.take("\\u")?;
                let second = self.hex()?.checked_sub(0xdc00).filter(|second| *second < 0x400)?;
                0x10000 + ((first - 0xd800) << 10) + second
            }
            other => other,
        };
        char::from_u32(code)
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.bytes.get(self.at..self.at + 4)?;
        self.at += 4;
        digits.iter().try_fold(0, |sum, digit| Some(sum * 16 + char::from(*digit).to_digit(16)?))
    }
}

#[cfg(test)]
mod tests {
    use super::Json;

    #[test]
    fn values_of_every_kind_are_read() {
        let json =
            Json::parse(r#" {"a": [1, -2.5e1, true, false, null], "b": {"c": "d"}, "e": [], "f": {}} "#)
                .unwrap();
        assert_eq!(
            json.get("a").unwrap().items(),
            [Json::Number(1.0), Json::Number(-25.0), Json::Bool(true), Json::Bool(false), Json::Null]
        );
        assert_eq!(json.get("b").and_then(|b| b.get("c")).and_then(Json::text), Some("d"));
        assert_eq!(json.members().unwrap().keys().collect::<Vec<_>>(), ["a", "b", "e", "f"]);
        assert_eq!(json.get("x"), None);
    }

    #[test]
    fn escapes_are_undone() {
        let json = Json::parse(r#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00ü""#).unwrap();
        assert_eq!(json.text(), Some("\"\\/\u{8}\u{c}\n\r\té😀ü"));
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "'a'",
            "\"a",
            "\"\\x\"",
            "\"\\ud800\"",
            "\"\n\"",
            "1 2",
            "+1",
            ".5",
            "1.",
            "nul",
            "[1 2]",
            "-",
            "--1",
        ] {
            assert_eq!(Json::parse(text), None, "{text}");
        }
        assert_eq!(Json::parse(&"[".repeat(100_000)), None);
    }
}
