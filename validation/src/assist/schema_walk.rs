//! What a schema says of a place.

use super::place::Way;
use crate::reach::referred;
use serde_json::Value;

/// The most parts of a schema that are looked at for one place: schemas of apps can refer in circles.
const MAX_PARTS: usize = 64;
/// The most of what is allowed that one line lists.
const MAX_LISTED: usize = 12;

/// All parts of a schema that apply to one place.
pub(super) struct Parts<'s> {
    schema: &'s Value,
    parts: Vec<&'s Value>,
}

impl<'s> Parts<'s> {
    /// What applies to a whole file.
    pub(super) fn of(schema: &'s Value) -> Self {
        Self::expanded(schema, vec![schema])
    }

    /// With what the parts refer to, and what they put together.
    fn expanded(schema: &'s Value, mut waiting: Vec<&'s Value>) -> Self {
        let mut parts: Vec<&'s Value> = Vec::new();
        while let Some(part) = waiting.pop() {
            if parts.len() >= MAX_PARTS || parts.iter().any(|known| std::ptr::eq(*known, part)) {
                continue;
            }
            parts.push(part);
            let referred = referred(schema, part);
            if !std::ptr::eq(referred, part) {
                waiting.push(referred);
            }
            for together in ["allOf", "anyOf", "oneOf"] {
                waiting.extend(part.get(together).and_then(Value::as_array).into_iter().flatten());
            }
        }
        Self { schema, parts }
    }

    /// What applies to what lies below.
    pub(super) fn follow(self, way: &[Way]) -> Self {
        way.iter().fold(self, |here, step| {
            let below = here.parts.iter().filter_map(|part| match step {
                Way::Key(name) => {
                    let own = part.get("properties").and_then(|known| known.get(name));
                    own.or_else(|| part.get("additionalProperties").filter(|other| other.is_object()))
                }
                Way::Item => part.get("items").filter(|items| items.is_object()),
            });
            Self::expanded(here.schema, below.collect())
        })
    }

    /// The keys that mean something, with what each is for.
    pub(super) fn keys(&self) -> Vec<(String, Option<String>)> {
        let known = self.parts.iter().filter_map(|part| part.get("properties")?.as_object());
        known
            .flatten()
            .map(|(name, part)| (name.clone(), Self::expanded(self.schema, vec![part]).description()))
            .collect()
    }

    /// The values that are listed.
    pub(super) fn values(&self) -> Vec<(String, Option<String>)> {
        let mut values: Vec<String> = Vec::new();
        for part in &self.parts {
            let listed = part.get("enum").and_then(Value::as_array).into_iter().flatten();
            values.extend(listed.chain(part.get("const")).filter_map(written));
            if types(part).any(|kind| kind == "boolean") {
                values.extend(["true".to_owned(), "false".to_owned()]);
            }
        }
        let about = self.description();
        values.into_iter().map(|value| (value, about.clone())).collect()
    }

    /// What the place is for.
    pub(super) fn description(&self) -> Option<String> {
        self.parts.iter().find_map(|part| {
            let text = part.get("description")?.as_str()?;
            Some(text.chars().take(300).collect())
        })
    }

    /// What may stand there, in one line.
    pub(super) fn allowed(&self) -> Option<String> {
        let values: Vec<String> = self.values().into_iter().map(|(value, _)| format!("`{value}`")).collect();
        if !values.is_empty() {
            let more = if values.len() > MAX_LISTED { ", …" } else { "" };
            return Some(format!("{}{more}", values[..values.len().min(MAX_LISTED)].join(", ")));
        }
        let mut kinds: Vec<&str> = self.parts.iter().flat_map(|part| types(part)).map(word).collect();
        kinds.dedup();
        (!kinds.is_empty()).then(|| kinds.join(" or "))
    }
}

fn types(part: &Value) -> impl Iterator<Item = &str> {
    let kind = part.get("type");
    let many = kind.and_then(Value::as_array).into_iter().flatten();
    many.chain(kind).filter_map(Value::as_str)
}

fn word(kind: &str) -> &str {
    match kind {
        "object" => "a mapping",
        "array" => "a list",
        "string" => "a text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "`true` or `false`",
        "null" => "empty",
        other => other,
    }
}

/// A plain value as a file has it.
fn written(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
