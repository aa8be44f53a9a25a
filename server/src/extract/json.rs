//! JSON text into a value, with nothing ambiguous let through.

use crate::problem::{FieldError, Problem};
use axum::http::StatusCode;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// The deepest nesting of objects and lists.
const DEEPEST: usize = 64;

/// Parses a body; refuses repeated keys, deep nesting and numbers that no `f64` holds.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, Problem> {
    let mut found = None;
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let strict = Strict { depth: 0, path: String::new(), found: &mut found };
    let parsed = strict.deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
    parsed.map_err(|error| match found {
        Some(field) => Problem::invalid(vec![field]),
        None => Problem::new(StatusCode::BAD_REQUEST, "malformed", format!("the body is not JSON: {error}")),
    })
}

struct Strict<'f> {
    depth: usize,
    path: String,
    found: &'f mut Option<FieldError>,
}

impl Strict<'_> {
    fn refuse<E: serde::de::Error>(&mut self, pointer: String, message: String) -> E {
        let error = E::custom(&message);
        *self.found = Some(FieldError { pointer, message });
        error
    }

    fn deeper<E: serde::de::Error>(&mut self) -> Result<usize, E> {
        if self.depth == DEEPEST {
            // The pointer of something this deep helps nobody.
            return Err(self.refuse(String::new(), format!("nested more than {DEEPEST} levels deep")));
        }
        Ok(self.depth + 1)
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        let depth = self.deeper()?;
        let mut list = Vec::new();
        loop {
            let inside = Strict { depth, path: format!("{}/{}", self.path, list.len()), found: self.found };
            match items.next_element_seed(inside)? {
                Some(item) => list.push(item),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut fields: A) -> Result<Value, A::Error> {
        let depth = self.deeper()?;
        let mut object = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            let path = format!("{}/{}", self.path, escape(&key));
            if object.contains_key(&key) {
                return Err(self.refuse(path, "this field is there twice".to_owned()));
            }
            let value = fields.next_value_seed(Strict { depth, path, found: self.found })?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

/// One step of a JSON pointer.
pub(super) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn plain_json_passes_unchanged() {
        let text = r#"{"a":[1,-2,3.5,true,null,"x"],"__proto__":{"$set":1},"":"empty","a.b":2}"#;
        let expected =
            json!({"a": [1, -2, 3.5, true, null, "x"], "__proto__": {"$set": 1}, "": "empty", "a.b": 2});
        assert_eq!(parse(text.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn what_is_ambiguous_is_refused() {
        let deep = format!("{}1{}", "[".repeat(65), "]".repeat(65));
        let deeper = "[".repeat(10_000);
        for bad in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"\u0061":2}"#,
            "1e400",
            "-1e400",
            "NaN",
            "{} {}",
            "",
            "{\"a\":1,}",
            &deep,
            &deeper,
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{}", &bad[..bad.len().min(40)]);
        }
        assert!(parse(b"\"\xff\"").is_err());
        let fine = format!("{}1{}", "[".repeat(64), "]".repeat(64));
        assert!(parse(fine.as_bytes()).is_ok());
    }
}
