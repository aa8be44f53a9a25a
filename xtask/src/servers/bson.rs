//! The little of BSON that starting a replica set takes: five kinds of value out, and numbers and booleans in.

/// A value that can be written, or that was understood when reading.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Int(i32),
    Double(f64),
    Bool(bool),
    Text(String),
    Document(Document),
    Array(Vec<Value>),
}

/// An ordered document.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Document {
    fields: Vec<(String, Value)>,
}

impl Document {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn with(mut self, name: &str, value: Value) -> Self {
        self.fields.push((name.to_owned(), value));
        self
    }

    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        match self.get(name)? {
            Value::Int(number) => Some(f64::from(*number)),
            Value::Double(number) => Some(*number),
            Value::Bool(_) | Value::Text(_) | Value::Document(_) | Value::Array(_) => None,
        }
    }

    pub(crate) fn bool(&self, name: &str) -> Option<bool> {
        match self.get(name)? {
            Value::Bool(value) => Some(*value),
            Value::Int(_) | Value::Double(_) | Value::Text(_) | Value::Document(_) | Value::Array(_) => None,
        }
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for (name, value) in &self.fields {
            write_field(&mut body, name, value);
        }
        framed(body)
    }

    /// Reads a document. Fields of other kinds than `Value` knows are passed over.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader { rest: bytes };
        reader.document(0)
    }
}

fn framed(mut body: Vec<u8>) -> Vec<u8> {
    body.push(0);
    let length = i32::try_from(body.len() + 4).expect("documents written here are a few hundred bytes");
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.append(&mut body);
    bytes
}

fn write_field(out: &mut Vec<u8>, name: &str, value: &Value) {
    let (kind, bytes) = match value {
        Value::Double(number) => (0x01, number.to_le_bytes().to_vec()),
        Value::Text(text) => {
            let length = i32::try_from(text.len() + 1).expect("texts written here are short");
            let mut bytes = length.to_le_bytes().to_vec();
            bytes.extend(text.as_bytes());
            bytes.push(0);
            (0x02, bytes)
        }
        Value::Document(document) => (0x03, document.to_bytes()),
        Value::Array(values) => {
            let mut body = Vec::new();
            for (index, value) in values.iter().enumerate() {
                write_field(&mut body, &index.to_string(), value);
            }
            (0x04, framed(body))
        }
        Value::Bool(value) => (0x08, vec![u8::from(*value)]),
        Value::Int(number) => (0x10, number.to_le_bytes().to_vec()),
    };
    out.push(kind);
    out.extend(name.as_bytes());
    out.push(0);
    out.extend(bytes);
}

const DEEPEST: usize = 16;

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(i32::from_le_bytes(self.take(4)?.try_into().ok()?)).ok()
    }

    fn name(&mut self) -> Option<String> {
        let end = self.rest.iter().position(|byte| *byte == 0)?;
        let name = String::from_utf8_lossy(self.take(end)?).into_owned();
        self.take(1)?;
        Some(name)
    }

    fn document(&mut self, depth: usize) -> Option<Document> {
        let length = self.length()?.checked_sub(4)?;
        let mut inner = Reader { rest: self.take(length)? };
        let mut document = Document::new();
        if depth > DEEPEST {
            return None;
        }
        loop {
            let kind = inner.take(1)?[0];
            if kind == 0 {
                return Some(document);
            }
            let name = inner.name()?;
            if let Some(value) = inner.value(kind, depth)? {
                document.fields.push((name, value));
            }
        }
    }

    /// `None` for bytes that are not BSON, `Some(None)` for a kind that nobody here asks about.
    fn value(&mut self, kind: u8, depth: usize) -> Option<Option<Value>> {
        Some(match kind {
            0x01 => Some(Value::Double(f64::from_le_bytes(self.take(8)?.try_into().ok()?))),
            0x02 => {
                let length = self.length()?.checked_sub(1)?;
                let text = String::from_utf8_lossy(self.take(length)?).into_owned();
                self.take(1)?;
                Some(Value::Text(text))
            }
            0x03 => Some(Value::Document(self.document(depth + 1)?)),
            0x04 => {
                let document = self.document(depth + 1)?;
                Some(Value::Array(document.fields.into_iter().map(|(_, value)| value).collect()))
            }
            0x05 => {
                let length = self.length()?;
                self.take(length + 1)?;
                None
            }
            0x06 | 0x0a | 0x7f | 0xff => None,
            0x07 => {
                self.take(12)?;
                None
            }
            0x08 => Some(Value::Bool(self.take(1)?[0] != 0)),
            0x10 => Some(Value::Int(i32::from_le_bytes(self.take(4)?.try_into().ok()?))),
            0x09 | 0x11 | 0x12 => {
                self.take(8)?;
                None
            }
            0x13 => {
                self.take(16)?;
                None
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Document, Value};

    fn sample() -> Document {
        Document::new()
            .with("hello", Value::Int(1))
            .with("ok", Value::Double(1.0))
            .with("yes", Value::Bool(true))
            .with("$db", Value::Text("admin".to_owned()))
            .with("list", Value::Array(vec![Value::Document(Document::new().with("_id", Value::Int(-7)))]))
    }

    #[test]
    fn what_is_written_reads_back() {
        let read = Document::from_bytes(&sample().to_bytes());
        assert_eq!(read, Some(sample()));
    }

    #[test]
    fn the_bytes_are_those_of_the_bson_specification() {
        let bytes = Document::new().with("hello", Value::Text("world".to_owned())).to_bytes();
        assert_eq!(bytes, b"\x16\x00\x00\x00\x02hello\x00\x06\x00\x00\x00world\x00\x00");
    }

    #[test]
    fn fields_of_unknown_interest_are_passed_over() {
        // A date, a timestamp and an object id around the field that is wanted.
        let mut body = b"\x09d\x00\x01\x02\x03\x04\x05\x06\x07\x08".to_vec();
        body.extend(b"\x11t\x00\x01\x02\x03\x04\x05\x06\x07\x08");
        body.extend(b"\x08isWritablePrimary\x00\x01");
        body.extend(b"\x07i\x00abcdefghijkl");
        let read = Document::from_bytes(&super::framed(body)).expect("reads");
        assert_eq!(read.bool("isWritablePrimary"), Some(true));
    }

    #[test]
    fn any_cut_of_a_document_is_refused() {
        let bytes = sample().to_bytes();
        for end in 0..bytes.len() {
            assert_eq!(Document::from_bytes(&bytes[..end]), None, "cut at {end}");
        }
    }
}
