//! Documents on MongoDB's side: readable in its shell, and the same JSON when they come back.
//!
//! The document's `id` is MongoDB's `_id`; `_version` is the version and `_guard` counts checks. A canonical instant in a
//! field whose name ends in `_at` is a date. A name that MongoDB cannot hold or would read as an operator is escaped with
//! `%`: a leading `$` becomes `%24`, `.` becomes `%2E`, `%` becomes `%25`, and the empty name `%`.

use bson::raw::{CStr, RawArrayBuf, RawBsonRef, RawDocumentBuf};
use bson::{Bson, DateTime, RawDocument};
use serde_json::{Map, Number, Value as Json};
use thiserror::Error;

use crate::backend::{Body, Stored};
use crate::collection::Collection;
use crate::error::StoreError;
use crate::value::{FieldValue, canonical_instant, canonical_text, holds_instants};

/// Holds the document's version.
pub(super) const VERSION: &str = "_version";
/// Counts the checks of the document, so that they conflict with its writers.
pub(super) const GUARD: &str = "_guard";
/// Marks a document that has an id but no field `id`.
const NO_ID: &str = "_no_id";

/// Says why a document cannot be translated.
#[derive(Debug, Error)]
pub(super) enum WireError {
    #[error("a field name contains NUL")]
    NulInName(#[source] bson::error::Error),
    #[error("the stored document is malformed")]
    Malformed(#[source] bson::error::Error),
    #[error("the field {name} holds {kind}, which no document of this store has")]
    Foreign { name: String, kind: String },
    #[error("the document has no text as _id or no whole number as _version")]
    NoFrame,
}

/// Makes the MongoDB document of a JSON object.
pub(super) fn to_bson(id: &str, version: i64, document: &Json) -> Result<RawDocumentBuf, WireError> {
    let mut raw = RawDocumentBuf::new();
    append(&mut raw, "_id", RawBsonRef::String(id))?;
    append(&mut raw, VERSION, RawBsonRef::Int64(version))?;
    let Some(fields) = document.as_object() else {
        return Ok(raw);
    };
    match fields.get("id") {
        None => append(&mut raw, NO_ID, RawBsonRef::Boolean(true))?,
        Some(Json::String(own)) if own == id => {}
        Some(other) => append_json(&mut raw, "id", other)?,
    }
    for (name, value) in fields.iter().filter(|(name, _)| *name != "id") {
        if matches!(name.as_str(), "_id" | VERSION | GUARD | NO_ID) {
            append_json(&mut raw, &format!("%5F{}", &name[1..]), value)?;
        } else {
            append_field(&mut raw, name, value)?;
        }
    }
    Ok(raw)
}

/// Makes the JSON object of a MongoDB document again.
pub(super) fn from_bson(collection: &'static Collection, raw: &RawDocument) -> Result<Stored, StoreError> {
    let mut id = None;
    let mut version = None;
    let mut marked = false;
    let mut fields = Map::new();
    let mut read = || -> Result<(), WireError> {
        for element in raw {
            let (name, value) = element.map_err(WireError::Malformed)?;
            match (name.as_str(), value) {
                ("_id", RawBsonRef::String(text)) => id = Some(text.to_owned()),
                (VERSION, RawBsonRef::Int64(number)) => version = Some(number),
                (VERSION, RawBsonRef::Int32(number)) => version = Some(number.into()),
                (GUARD, _) => {}
                (NO_ID, _) => marked = true,
                (name, value) => {
                    fields.insert(unescape(name), to_json(name, value)?);
                }
            }
        }
        Ok(())
    };
    let outcome = read();
    let complete = outcome.and_then(|()| id.clone().zip(version).ok_or(WireError::NoFrame));
    let (id, version) = complete.map_err(|error| StoreError::Unreadable {
        collection: collection.name,
        id: id.unwrap_or_default(),
        source: error.into(),
    })?;
    if !marked && !fields.contains_key("id") {
        fields.insert("id".to_owned(), Json::String(id.clone()));
    }
    Ok(Stored { id, version, body: Body::Object(Json::Object(fields)) })
}

/// Returns a query's value as the field at a path stores it.
pub(super) fn bound(path: &str, value: &FieldValue) -> Bson {
    match value {
        FieldValue::Null => Bson::Null,
        FieldValue::Bool(value) => Bson::Boolean(*value),
        FieldValue::Integer(number) => Bson::Int64(*number),
        FieldValue::Real(number) => Bson::Double(*number),
        FieldValue::Text(text) => match canonical_instant(text) {
            Some(instant) if holds_instants(path) => {
                Bson::DateTime(DateTime::from_millis(instant.timestamp_millis()))
            }
            _ => Bson::String(text.clone()),
        },
    }
}

fn append<'a>(raw: &mut RawDocumentBuf, name: &str, value: RawBsonRef<'a>) -> Result<(), WireError> {
    let name: &CStr = name.try_into().map_err(WireError::NulInName)?;
    raw.append(name, value);
    Ok(())
}

fn append_field(raw: &mut RawDocumentBuf, name: &str, value: &Json) -> Result<(), WireError> {
    match escape(name) {
        Some(escaped) => append_json(raw, &escaped, value),
        None => append_json(raw, name, value),
    }
}

fn append_json(raw: &mut RawDocumentBuf, name: &str, value: &Json) -> Result<(), WireError> {
    match value {
        Json::Null => append(raw, name, RawBsonRef::Null),
        Json::Bool(value) => append(raw, name, RawBsonRef::Boolean(*value)),
        Json::Number(number) => append(raw, name, number_ref(number)),
        Json::String(text) => append(raw, name, text_ref(name, text)),
        Json::Array(items) => append(raw, name, RawBsonRef::Array(&list(items)?)),
        Json::Object(fields) => append(raw, name, RawBsonRef::Document(&object(fields)?)),
    }
}

fn object(fields: &Map<String, Json>) -> Result<RawDocumentBuf, WireError> {
    let mut raw = RawDocumentBuf::new();
    for (name, value) in fields {
        append_field(&mut raw, name, value)?;
    }
    Ok(raw)
}

fn list(items: &[Json]) -> Result<RawArrayBuf, WireError> {
    let mut raw = RawArrayBuf::new();
    for item in items {
        match item {
            Json::Null => raw.push(RawBsonRef::Null),
            Json::Bool(value) => raw.push(RawBsonRef::Boolean(*value)),
            Json::Number(number) => raw.push(number_ref(number)),
            Json::String(text) => raw.push(RawBsonRef::String(text)),
            Json::Array(items) => raw.push(RawBsonRef::Array(&list(items)?)),
            Json::Object(fields) => raw.push(RawBsonRef::Document(&object(fields)?)),
        }
    }
    Ok(raw)
}

fn number_ref(number: &Number) -> RawBsonRef<'static> {
    match number.as_i64() {
        // The shorter form reads as a plain number in a shell, and compares the same.
        Some(whole) => i32::try_from(whole).map_or(RawBsonRef::Int64(whole), RawBsonRef::Int32),
        None => RawBsonRef::Double(
            number.as_f64().expect("numbers beyond i64 were refused as the batch was made"),
        ),
    }
}

fn text_ref<'a>(name: &str, text: &'a str) -> RawBsonRef<'a> {
    match canonical_instant(text) {
        Some(instant) if holds_instants(name) => {
            RawBsonRef::DateTime(DateTime::from_millis(instant.timestamp_millis()))
        }
        _ => RawBsonRef::String(text),
    }
}

fn to_json(name: &str, value: RawBsonRef<'_>) -> Result<Json, WireError> {
    let foreign = |kind: String| WireError::Foreign { name: name.to_owned(), kind };
    Ok(match value {
        RawBsonRef::Null => Json::Null,
        RawBsonRef::Boolean(value) => Json::Bool(value),
        RawBsonRef::Int32(number) => number.into(),
        RawBsonRef::Int64(number) => number.into(),
        RawBsonRef::Double(number) => {
            Number::from_f64(number).map(Json::Number).ok_or_else(|| foreign(number.to_string()))?
        }
        RawBsonRef::String(text) => Json::String(text.to_owned()),
        RawBsonRef::DateTime(instant) => chrono::DateTime::from_timestamp_millis(instant.timestamp_millis())
            .map(|instant| Json::String(canonical_text(instant)))
            .ok_or_else(|| foreign("a date out of range".to_owned()))?,
        RawBsonRef::Array(items) => {
            let items = items.into_iter().map(|item| to_json(name, item.map_err(WireError::Malformed)?));
            Json::Array(items.collect::<Result<_, _>>()?)
        }
        RawBsonRef::Document(document) => {
            let fields = document.iter().map(|element| {
                let (name, value) = element.map_err(WireError::Malformed)?;
                Ok((unescape(name.as_str()), to_json(name.as_str(), value)?))
            });
            Json::Object(fields.collect::<Result<_, _>>()?)
        }
        other => return Err(foreign(format!("{:?}", other.element_type()))),
    })
}

/// Escapes a name that MongoDB cannot hold as it is; `None` for all others.
fn escape(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("%".to_owned());
    }
    if !name.starts_with('$') && !name.contains(['.', '%']) {
        return None;
    }
    let mut escaped = String::with_capacity(name.len() + 4);
    for (at, c) in name.char_indices() {
        match c {
            '$' if at == 0 => escaped.push_str("%24"),
            '.' => escaped.push_str("%2E"),
            '%' => escaped.push_str("%25"),
            c => escaped.push(c),
        }
    }
    Some(escaped)
}

fn unescape(name: &str) -> String {
    if !name.contains('%') {
        return name.to_owned();
    }
    if name == "%" {
        return String::new();
    }
    // Each escape stands for a character that occurs in no name as it is, so the order of the steps matters only for the
    // last: the escape character itself.
    name.replace("%24", "$").replace("%2E", ".").replace("%5F", "_").replace("%25", "%")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    static THINGS: Collection = Collection::new("things", &[]);

    fn round_trip(id: &str, document: &Json) -> Json {
        let raw = to_bson(id, 7, document).unwrap();
        let stored = from_bson(&THINGS, &raw).unwrap();
        assert_eq!((stored.id.as_str(), stored.version), (id, 7));
        match stored.body {
            Body::Object(json) => json,
            Body::Text(text) => panic!("MongoDB gave text: {text}"),
        }
    }

    #[test]
    fn documents_read_well_in_a_shell() {
        let document =
            json!({"id": "a1", "title": "Rise", "count": 3, "created_at": "2026-11-20T04:54:30.007Z"});
        let raw = to_bson("a1", 1, &document).unwrap();
        let shown = bson::Document::try_from(raw).unwrap();
        let instant = DateTime::from_millis(1_795_150_470_007);
        let expected = bson::doc! {
            "_id": "a1", "_version": 1_i64, "count": 3, "created_at": instant, "title": "Rise",
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn names_of_every_kind_come_back() {
        for name in [
            "$set",
            "a.b",
            "",
            "%",
            "%24",
            "%2E",
            "%25",
            "%2524",
            "%5Fid",
            "$",
            ".",
            "..",
            "_id",
            "_version",
            "_guard",
            "_no_id",
            "__proto__",
            "constructor",
            "id",
            "é.ü",
            "a$",
            "%%",
            "$%.",
            "0",
        ] {
            let document = json!({ name: 1, "nested": [{ name: { name: "x" } }] });
            assert_eq!(round_trip("k", &document), document, "{name}");
        }
    }

    #[test]
    fn an_id_field_comes_back_only_where_it_was() {
        for document in
            [json!({}), json!({"id": "k"}), json!({"id": "other"}), json!({"id": 5}), json!({"id": null})]
        {
            assert_eq!(round_trip("k", &document), document);
        }
    }

    fn any_json() -> impl Strategy<Value = Json> {
        let text = prop_oneof!["\\PC*", Just("2026-11-20T04:54:30.007Z".to_owned()), Just("a\0b".to_owned())];
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(Json::from),
            text.prop_map(Json::from),
        ];
        let name = prop_oneof!["[$.%_a-z0-9EF]{0,6}", "\\PC{0,4}", Just("created_at".to_owned())];
        leaf.prop_recursive(4, 64, 6, move |inside| {
            prop_oneof![
                prop::collection::vec(inside.clone(), 0..6).prop_map(Json::from),
                prop::collection::btree_map(name.clone(), inside, 0..6)
                    .prop_map(|fields| Json::Object(fields.into_iter().collect())),
            ]
        })
    }

    /// Writes floats by their bits, since 0.0 equals -0.0 and must not become it.
    fn exact(json: &Json) -> Json {
        match json {
            Json::Number(number) if number.is_f64() => {
                json!({ "bits": number.as_f64().map(|number| number.to_bits().to_string()) })
            }
            Json::Array(items) => items.iter().map(exact).collect(),
            Json::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), exact(value))).collect(),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => json.clone(),
        }
    }

    proptest! {
        #[test]
        fn any_document_comes_back(fields in prop::collection::btree_map("[$.%_a-z]{0,8}", any_json(), 0..6)) {
            let document = Json::Object(fields.into_iter().collect());
            let back = round_trip("k", &document);
            prop_assert_eq!(exact(&back), exact(&document));
        }

        #[test]
        fn escapes_come_back(name in "[$.%0-9A-F_]{0,10}") {
            let stored = escape(&name).unwrap_or_else(|| name.clone());
            prop_assert!(!stored.is_empty() && !stored.starts_with('$') && !stored.contains('.'));
            prop_assert_eq!(unescape(&stored), name);
        }
    }
}
