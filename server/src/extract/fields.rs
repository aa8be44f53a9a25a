//! A value into a type, with each refusal bound to the field that it is about.
//!
//! `serde_json::from_value` names no field; here the error carries a JSON pointer that grows on the way out.

use super::json::escape;
use crate::problem::FieldError;
use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde_json::{Value, map};
use std::fmt;

/// Says which field does not fit, and why.
#[derive(Debug)]
pub(super) struct Fault {
    pointer: String,
    message: String,
}

impl Fault {
    fn at(message: impl fmt::Display) -> Self {
        Self { pointer: String::new(), message: message.to_string() }
    }

    fn under(mut self, step: impl fmt::Display) -> Self {
        self.pointer = format!("/{step}{}", self.pointer);
        self
    }

    pub(super) fn into_field_error(self) -> FieldError {
        FieldError { pointer: self.pointer, message: self.message }
    }
}

/// What is expected, without this language's names of numbers.
fn in_words(expected: &str) -> String {
    match expected {
        "u8" => format!("a whole number from 0 to {}", u8::MAX),
        "u16" => format!("a whole number from 0 to {}", u16::MAX),
        "u32" => format!("a whole number from 0 to {}", u32::MAX),
        "u64" | "usize" => "a whole number from 0 on".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        other => other.to_owned(),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.pointer, self.message)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::at(message)
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        // What was sent is not repeated: it may be a secret.
        Self::at(format_args!("expected {}", in_words(&expected.to_string())))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::at(format_args!("expected {}", in_words(&expected.to_string())))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::at(format_args!("expected one of {}", expected.join(", ")))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let known = if expected.is_empty() { "none".to_owned() } else { expected.join(", ") };
        Self::at(format_args!("unknown field; known are: {known}")).under(escape(field))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::at("it is missing").under(escape(field))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::at("it is there twice").under(escape(field))
    }
}

/// A value with the way in which its texts are read.
#[derive(Clone, Copy)]
pub(super) struct Node<'v> {
    value: &'v Value,
    /// In a query all values are texts, and numbers and booleans are read out of them.
    texts_only: bool,
}

impl<'v> Node<'v> {
    /// A value that was JSON.
    pub(super) fn json(value: &'v Value) -> Self {
        Self { value, texts_only: false }
    }

    /// A value of a query: an object of texts.
    pub(super) fn query(value: &'v Value) -> Self {
        Self { value, texts_only: true }
    }

    fn inside(self, value: &'v Value) -> Self {
        Self { value, texts_only: self.texts_only }
    }

    fn text(self) -> Option<&'v str> {
        if self.texts_only { self.value.as_str() } else { None }
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            match self.text() {
                Some(text) => {
                    let plain = !text.starts_with('+');
                    match text.parse::<$type>() {
                        Ok(number) if plain => visitor.$visit(number),
                        _ => Err(de::Error::invalid_value(Unexpected::Str(text), &visitor)),
                    }
                }
                None => self.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), _, _) => visitor.visit_u64(number),
                (None, Some(number), _) => visitor.visit_i64(number),
                (None, None, number) => visitor.visit_f64(number.unwrap_or(f64::MAX)),
            },
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(items) => visitor.visit_seq(Items { node: self, items: items.iter().enumerate() }),
            Value::Object(fields) => {
                visitor.visit_map(Fields { node: self, fields: fields.iter(), current: None })
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.value.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.value {
            Value::String(name) => visitor.visit_enum(Variant { node: self, name, content: None }),
            Value::Object(fields) if fields.len() == 1 && !self.texts_only => {
                let (name, content) = fields.iter().next().expect("there is exactly one");
                visitor.visit_enum(Variant { node: self, name, content: Some(content) })
            }
            _ => Err(Fault::at("expected one of the known names")),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.text() {
            Some("true") => visitor.visit_bool(true),
            Some("false") => visitor.visit_bool(false),
            Some(text) => Err(de::Error::invalid_value(Unexpected::Str(text), &visitor)),
            None => self.deserialize_any(visitor),
        }
    }

    /// Only an object is one: a list of its values in order would hide which is which.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.value {
            Value::Object(_) => self.deserialize_any(visitor),
            _ => Err(Fault::at("expected an object")),
        }
    }

    numbers! {
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
    }

    serde::forward_to_deserialize_any! {
        i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map identifier
        ignored_any
    }
}

struct Items<'de> {
    node: Node<'de>,
    items: std::iter::Enumerate<std::slice::Iter<'de, Value>>,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some((at, item)) = self.items.next() else {
            return Ok(None);
        };
        seed.deserialize(self.node.inside(item)).map(Some).map_err(|fault| fault.under(at))
    }
}

struct Fields<'de> {
    node: Node<'de>,
    fields: map::Iter<'de>,
    current: Option<(&'de str, &'de Value)>,
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((key, value)) = self.fields.next() else {
            return Ok(None);
        };
        self.current = Some((key, value));
        let key: StrDeserializer<'de, Fault> = key.as_str().into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Fault> {
        let Some((key, value)) = self.current.take() else {
            return Err(Fault::at("a value without a field"));
        };
        seed.deserialize(self.node.inside(value)).map_err(|fault| fault.under(escape(key)))
    }
}

struct Variant<'de> {
    node: Node<'de>,
    name: &'de str,
    content: Option<&'de Value>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let name: StrDeserializer<'de, Fault> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> Variant<'de> {
    fn content(&self) -> Result<Node<'de>, Fault> {
        self.content.map(|value| self.node.inside(value)).ok_or_else(|| Fault::at("its content is missing"))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.content {
            None => Ok(()),
            Some(_) => Err(Fault::at("it takes no content").under(escape(self.name))),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        seed.deserialize(self.content()?).map_err(|fault| fault.under(escape(self.name)))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.content()?.deserialize_any(visitor).map_err(|fault| fault.under(escape(self.name)))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.content()?.deserialize_any(visitor).map_err(|fault| fault.under(escape(self.name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        name: String,
        #[serde(default)]
        count: Option<u32>,
        #[serde(default)]
        list: Vec<Inner>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        kind: Kind,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        OneThing,
        Other { value: u8 },
    }

    fn pointer(value: Value) -> String {
        Outer::deserialize(Node::json(&value)).unwrap_err().pointer
    }

    #[test]
    fn what_fits_is_read() {
        let value = json!({"name": "x", "count": 3, "list": [{"kind": "one_thing"}, {"kind": {"other": {"value": 1}}}]});
        let read = Outer::deserialize(Node::json(&value)).unwrap();
        let list = vec![Inner { kind: Kind::OneThing }, Inner { kind: Kind::Other { value: 1 } }];
        assert_eq!(read, Outer { name: "x".to_owned(), count: Some(3), list });
    }

    #[test]
    fn every_refusal_names_its_field() {
        assert_eq!(pointer(json!({})), "/name");
        assert_eq!(pointer(json!({"name": {"$ne": null}})), "/name");
        assert_eq!(pointer(json!({"name": "x", "a/b~c": 1})), "/a~1b~0c");
        assert_eq!(pointer(json!({"name": "x", "count": -1})), "/count");
        assert_eq!(pointer(json!({"name": "x", "count": 4_294_967_296_u64})), "/count");
        assert_eq!(
            pointer(json!({"name": "x", "list": [{"kind": "one_thing"}, {"kind": "x"}]})),
            "/list/1/kind"
        );
        assert_eq!(
            pointer(json!({"name": "x", "list": [{"kind": {"other": {"value": "1"}}}]})),
            "/list/0/kind/other/value"
        );
        assert_eq!(pointer(json!([])), "");
    }

    #[test]
    fn texts_of_a_query_are_read_as_numbers() {
        let value = json!({"name": "7", "count": "7"});
        let read = Outer::deserialize(Node::query(&value)).unwrap();
        assert_eq!((read.name.as_str(), read.count), ("7", Some(7)));
        for bad in ["-1", "1e3", "+7", "", " 7", "1000000000000"] {
            let refused = Outer::deserialize(Node::query(&json!({"name": "x", "count": bad}))).unwrap_err();
            let told = "/count: expected a whole number from 0 to 4294967295";
            assert_eq!(refused.to_string(), told, "{bad:?}");
        }
    }
}
