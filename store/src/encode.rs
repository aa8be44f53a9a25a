//! Turns a document into the JSON that both databases hold exactly, and refuses what one of them would change.
//!
//! `serde_json::to_value` alone would store NaN as null and take numbers, names and depths that MongoDB cannot hold.

use std::fmt;

use serde::ser::{self, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple};
use serde_json::{Map, Number, Value as Json};
use thiserror::Error;

/// The largest document in bytes as MongoDB holds it: its own limit of 16 MiB, less room for what the store adds.
pub(crate) const LARGEST_DOCUMENT: usize = 16 * 1024 * 1024 - 16 * 1024;

/// The deepest nesting of objects and lists that MongoDB documents support.
const DEEPEST: usize = 100;

/// Says what a document holds that cannot be stored and read back exactly.
#[derive(Debug, Error)]
pub(crate) enum EncodeError {
    #[error("it is nested more than {DEEPEST} levels deep")]
    TooDeep,
    #[error("a field name contains NUL")]
    NulInName,
    #[error("an object's key is neither text nor a number nor a boolean")]
    NoName,
    #[error("it holds a number that is not finite")]
    NotFinite,
    #[error("it holds a whole number beyond 64 bits with sign")]
    OutOfRange,
    #[error("{0}")]
    Other(String),
}

impl ser::Error for EncodeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Other(message.to_string())
    }
}

/// Makes a value's JSON, as `serde_json` would, where both databases give exactly that back.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Json, EncodeError> {
    value.serialize(Encoder { depth: 0 })
}

/// Counts the bytes that a value takes as a MongoDB document; the sum that decides whether a document is too large.
pub(crate) fn stored_size(json: &Json) -> usize {
    const EMPTY: usize = 5;
    // One byte for the type and one for the end of the name.
    const FRAME: usize = 2;
    match json {
        Json::Null => 0,
        Json::Bool(_) => 1,
        Json::Number(_) => 8,
        Json::String(text) => EMPTY + text.len(),
        Json::Array(items) => {
            let digits = |position: usize| position.checked_ilog10().unwrap_or(0) as usize + 1;
            let sizes = items.iter().enumerate().map(|(at, item)| FRAME + digits(at) + stored_size(item));
            EMPTY + sizes.sum::<usize>()
        }
        Json::Object(fields) => {
            EMPTY + fields.iter().map(|(name, value)| FRAME + name.len() + stored_size(value)).sum::<usize>()
        }
    }
}

#[derive(Clone, Copy)]
struct Encoder {
    depth: usize,
}

impl Encoder {
    fn inside(self) -> Result<Self, EncodeError> {
        if self.depth == DEEPEST {
            return Err(EncodeError::TooDeep);
        }
        Ok(Self { depth: self.depth + 1 })
    }

    fn list(self, length: Option<usize>) -> Result<List, EncodeError> {
        // The length is a hint of the type's own code: not trusted with more than a little memory.
        let items = Vec::with_capacity(length.unwrap_or(0).min(64));
        Ok(List { items, variant: None, inside: self.inside()? })
    }

    fn object(self) -> Result<Object, EncodeError> {
        Ok(Object { fields: Map::new(), name: None, variant: None, inside: self.inside()? })
    }
}

/// Wraps a variant's content as `{variant: content}`.
fn tagged(variant: &'static str, content: Json) -> Json {
    Json::Object(Map::from_iter([(variant.to_owned(), content)]))
}

impl ser::Serializer for Encoder {
    type Ok = Json;
    type Error = EncodeError;
    type SerializeSeq = List;
    type SerializeTuple = List;
    type SerializeTupleStruct = List;
    type SerializeTupleVariant = List;
    type SerializeMap = Object;
    type SerializeStruct = Object;
    type SerializeStructVariant = Object;

    fn serialize_bool(self, value: bool) -> Result<Json, EncodeError> {
        Ok(Json::Bool(value))
    }

    fn serialize_i8(self, value: i8) -> Result<Json, EncodeError> {
        Ok(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<Json, EncodeError> {
        Ok(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<Json, EncodeError> {
        Ok(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<Json, EncodeError> {
        Ok(value.into())
    }

    fn serialize_i128(self, value: i128) -> Result<Json, EncodeError> {
        i64::try_from(value).map(Json::from).map_err(|_| EncodeError::OutOfRange)
    }

    fn serialize_u8(self, value: u8) -> Result<Json, EncodeError> {
        Ok(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<Json, EncodeError> {
        Ok(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<Json, EncodeError> {
        Ok(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<Json, EncodeError> {
        i64::try_from(value).map(Json::from).map_err(|_| EncodeError::OutOfRange)
    }

    fn serialize_u128(self, value: u128) -> Result<Json, EncodeError> {
        i64::try_from(value).map(Json::from).map_err(|_| EncodeError::OutOfRange)
    }

    fn serialize_f32(self, value: f32) -> Result<Json, EncodeError> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<Json, EncodeError> {
        Number::from_f64(value).map(Json::Number).ok_or(EncodeError::NotFinite)
    }

    fn serialize_char(self, value: char) -> Result<Json, EncodeError> {
        Ok(Json::String(value.to_string()))
    }

    fn serialize_str(self, value: &str) -> Result<Json, EncodeError> {
        Ok(Json::String(value.to_owned()))
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<Json, EncodeError> {
        value.serialize(self)
    }

    fn serialize_none(self) -> Result<Json, EncodeError> {
        Ok(Json::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Json, EncodeError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Json, EncodeError> {
        Ok(Json::Null)
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<Json, EncodeError> {
        Ok(Json::Null)
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<Json, EncodeError> {
        Ok(Json::String(variant.to_owned()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<Json, EncodeError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Json, EncodeError> {
        Ok(tagged(variant, value.serialize(self.inside()?)?))
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<List, EncodeError> {
        self.list(length)
    }

    fn serialize_tuple(self, length: usize) -> Result<List, EncodeError> {
        self.list(Some(length))
    }

    fn serialize_tuple_struct(self, _name: &'static str, length: usize) -> Result<List, EncodeError> {
        self.list(Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<List, EncodeError> {
        Ok(List { variant: Some(variant), ..self.inside()?.list(Some(length))? })
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Object, EncodeError> {
        self.object()
    }

    fn serialize_struct(self, _name: &'static str, _length: usize) -> Result<Object, EncodeError> {
        self.object()
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Object, EncodeError> {
        Ok(Object { variant: Some(variant), ..self.inside()?.object()? })
    }
}

/// Collects the items of a list.
struct List {
    items: Vec<Json>,
    variant: Option<&'static str>,
    inside: Encoder,
}

impl List {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.items.push(value.serialize(self.inside)?);
        Ok(())
    }

    fn finish(self) -> Json {
        let list = Json::Array(self.items);
        match self.variant {
            Some(variant) => tagged(variant, list),
            None => list,
        }
    }
}

impl SerializeSeq for List {
    type Ok = Json;
    type Error = EncodeError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.push(value)
    }

    fn end(self) -> Result<Json, EncodeError> {
        Ok(self.finish())
    }
}

impl SerializeTuple for List {
    type Ok = Json;
    type Error = EncodeError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.push(value)
    }

    fn end(self) -> Result<Json, EncodeError> {
        Ok(self.finish())
    }
}

impl ser::SerializeTupleStruct for List {
    type Ok = Json;
    type Error = EncodeError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.push(value)
    }

    fn end(self) -> Result<Json, EncodeError> {
        Ok(self.finish())
    }
}

impl ser::SerializeTupleVariant for List {
    type Ok = Json;
    type Error = EncodeError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.push(value)
    }

    fn end(self) -> Result<Json, EncodeError> {
        Ok(self.finish())
    }
}

/// Collects the fields of an object.
struct Object {
    fields: Map<String, Json>,
    name: Option<String>,
    variant: Option<&'static str>,
    inside: Encoder,
}

impl Object {
    fn put<T: Serialize + ?Sized>(&mut self, name: String, value: &T) -> Result<(), EncodeError> {
        if name.contains('\0') {
            return Err(EncodeError::NulInName);
        }
        self.fields.insert(name, value.serialize(self.inside)?);
        Ok(())
    }

    fn finish(self) -> Json {
        let object = Json::Object(self.fields);
        match self.variant {
            Some(variant) => tagged(variant, object),
            None => object,
        }
    }
}

impl SerializeMap for Object {
    type Ok = Json;
    type Error = EncodeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        self.name = Some(match key.serialize(self.inside)? {
            Json::String(name) => name,
            Json::Number(number) => number.to_string(),
            Json::Bool(value) => value.to_string(),
            Json::Null | Json::Array(_) | Json::Object(_) => return Err(EncodeError::NoName),
        });
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        let name = self.name.take().ok_or(EncodeError::NoName)?;
        self.put(name, value)
    }

    fn end(self) -> Result<Json, EncodeError> {
        Ok(self.finish())
    }
}

impl SerializeStruct for Object {
    type Ok = Json;
    type Error = EncodeError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.put(name.to_owned(), value)
    }

    fn end(self) -> Result<Json, EncodeError> {
        Ok(self.finish())
    }
}

impl ser::SerializeStructVariant for Object {
    type Ok = Json;
    type Error = EncodeError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.put(name.to_owned(), value)
    }

    fn end(self) -> Result<Json, EncodeError> {
        Ok(self.finish())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Serialize;
    use serde_json::json;

    use super::*;

    #[derive(Serialize)]
    enum Shape {
        Unit,
        Newtype(u8),
        Tuple(u8, &'static str),
        Struct { a: Option<i64>, b: f32 },
    }

    #[derive(Serialize)]
    struct Everything {
        shapes: Vec<Shape>,
        pair: (char, bool),
        unit: (),
        numbers: BTreeMap<i32, u64>,
        flags: BTreeMap<bool, Option<f64>>,
        wide: i128,
        bytes: &'static [u8],
    }

    #[test]
    fn gives_the_json_that_serde_json_gives() {
        let value = Everything {
            shapes: vec![
                Shape::Unit,
                Shape::Newtype(1),
                Shape::Tuple(2, "x"),
                Shape::Struct { a: None, b: 0.5 },
            ],
            pair: ('é', true),
            unit: (),
            numbers: BTreeMap::from([(-1, 2), (3, i64::MAX as u64)]),
            flags: BTreeMap::from([(true, Some(-0.0)), (false, None)]),
            wide: i128::from(i64::MIN),
            bytes: b"ab",
        };
        assert_eq!(encode(&value).unwrap(), serde_json::to_value(&value).unwrap());
    }

    #[test]
    fn refuses_what_a_database_would_change() {
        assert!(matches!(encode(&u64::MAX), Err(EncodeError::OutOfRange)));
        assert!(matches!(encode(&i128::MAX), Err(EncodeError::OutOfRange)));
        assert!(matches!(encode(&[f64::NAN]), Err(EncodeError::NotFinite)));
        assert!(matches!(encode(&f32::INFINITY), Err(EncodeError::NotFinite)));
        assert!(matches!(encode(&BTreeMap::from([("a\0b", 1)])), Err(EncodeError::NulInName)));
        assert!(matches!(encode(&BTreeMap::from([((), 1)])), Err(EncodeError::NoName)));
    }

    #[test]
    fn takes_a_hundred_levels_and_no_more() {
        let nested = |levels: usize| (0..levels).fold(json!(1), |inside, _| json!([inside]));
        assert!(encode(&nested(100)).is_ok());
        assert!(matches!(encode(&nested(101)), Err(EncodeError::TooDeep)));
    }
}
