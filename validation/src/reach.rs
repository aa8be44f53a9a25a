//! From an error of a schema back to the place in the file, and into a sentence.

use crate::facts::Place;
use crate::nearest::did_you_mean;
use crate::thing::shown;
use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use semantic_diff::document::{Document, Kind, NodeId};
use semantic_diff::{KeyPath, Step};
use serde_json::Value;

/// The most letters of a value that a sentence repeats.
const SHOWN: usize = 60;

/// Where an error stands.
pub(crate) struct Reach {
    pub(crate) place: Place,
    /// The way there as people write it; empty for the whole file.
    pub(crate) key: String,
}

impl Reach {
    /// Follows a JSON pointer; goes as far as it leads.
    pub(crate) fn of(document: &Document<'_>, root: NodeId, pointer: &str) -> Self {
        let (mut node, mut path) = (document.resolve(root), KeyPath::root());
        let mut place = Place::of(document, node);
        for step in pointer.split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            let below = match document.kind(node) {
                Kind::Mapping => {
                    path.push_key(&step);
                    document.get(node, &step)
                }
                Kind::Sequence => {
                    let Ok(at) = step.parse::<usize>() else { break };
                    let item = document.items(node).nth(at).map(|item| document.resolve(item));
                    let name = item.and_then(|item| document.get_text(item, "name"));
                    path.push(match name {
                        Some(value) => Step::Item { key: "name".to_owned(), value: value.to_owned() },
                        None => Step::Index(at),
                    });
                    item
                }
                Kind::Scalar | Kind::Alias => None,
            };
            let Some(below) = below else { break };
            node = below;
            place = Place::of(document, node);
        }
        Self { place, key: path.to_string() }
    }
}

/// A sentence, and what to do.
pub(crate) struct Told {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// Says what is wrong, in words for people who do not know JSON Schema.
pub(crate) fn tell(error: &ValidationError<'_>, reach: &Reach, schema: &Value) -> Told {
    let what = if reach.key.is_empty() { "the file".to_owned() } else { format!("`{}`", shown(&reach.key)) };
    let value = value(error.instance());
    let mut hint = described(schema, &error.schema_path().to_string());
    let message = match error.kind() {
        ValidationErrorKind::Required { property } => {
            format!("{what} has no {}", key_of(property))
        }
        ValidationErrorKind::Type { kind } => {
            format!("{what} must be {}, and is {}", types(kind), kind_of(error.instance()))
        }
        ValidationErrorKind::Enum { options } => {
            let options: Vec<&str> =
                options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            if let Some(text) = error.instance().as_str() {
                hint = did_you_mean(text, options.iter().copied()).or(hint);
            }
            let list: Vec<String> =
                options.iter().take(12).map(|option| format!("`{}`", shown(option))).collect();
            format!("{what} must be one of {}, and is {value}", list.join(", "))
        }
        ValidationErrorKind::Constant { expected_value } => {
            format!("{what} must be {}, and is {value}", self::value(expected_value))
        }
        ValidationErrorKind::Pattern { pattern } => {
            format!("{what} is {value}, which does not match `{}`", shown(pattern))
        }
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            let names: Vec<String> =
                unexpected.iter().take(8).map(|name| format!("`{}`", shown(name))).collect();
            format!("{what} has keys that are not allowed there: {}", names.join(", "))
        }
        ValidationErrorKind::Minimum { limit } => format!("{what} must be at least {limit}, and is {value}"),
        ValidationErrorKind::Maximum { limit } => format!("{what} must be at most {limit}, and is {value}"),
        ValidationErrorKind::MinLength { .. } => format!("{what} must not be empty or shorter than allowed"),
        ValidationErrorKind::MaxLength { limit } => format!("{what} has more than {limit} characters"),
        ValidationErrorKind::MinItems { limit } => format!("{what} must have at least {limit} items"),
        ValidationErrorKind::MaxItems { limit } => format!("{what} must have at most {limit} items"),
        ValidationErrorKind::UniqueItems => format!("{what} has an item twice"),
        ValidationErrorKind::Format { format } => format!("{what} is {value}, which is no {}", shown(format)),
        ValidationErrorKind::FalseSchema => format!("{what} is not allowed"),
        _ => {
            let text: String = error.to_string().chars().take(300).collect();
            format!("{what}: {}", shown(&text))
        }
    };
    Told { message, hint }
}

fn key_of(property: &Value) -> String {
    property.as_str().map_or_else(|| "key that is required".to_owned(), |name| format!("`{}`", shown(name)))
}

fn types(kind: &TypeKind) -> String {
    let named = |name: &str| match name {
        "object" => "a mapping".to_owned(),
        "array" => "a list".to_owned(),
        "string" => "a text".to_owned(),
        "integer" => "a whole number".to_owned(),
        "boolean" => "`true` or `false`".to_owned(),
        "null" => "empty".to_owned(),
        other => format!("a {other}"),
    };
    match kind {
        TypeKind::Single(kind) => named(&kind.to_string()),
        TypeKind::Multiple(kinds) => {
            let names: Vec<String> = kinds.iter().map(|kind| named(&kind.to_string())).collect();
            names.join(" or ")
        }
    }
}

fn kind_of(value: &Value) -> String {
    match value {
        Value::Null => "empty".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
        Value::Bool(_) | Value::Number(_) => self::value(value),
        Value::String(_) => format!("the text {}", self::value(value)),
    }
}

fn value(value: &Value) -> String {
    match value {
        Value::Null => "empty".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
        Value::Bool(_) | Value::Number(_) => format!("`{value}`"),
        Value::String(text) => {
            let mut short: String = text.chars().take(SHOWN).collect();
            if text.chars().nth(SHOWN).is_some() {
                short.push('…');
            }
            format!("`{}`", shown(&short))
        }
    }
}

/// What the schema says of the place where the error is: its `description`.
fn described(schema: &Value, schema_path: &str) -> Option<String> {
    let (holder, _) = schema_path.rsplit_once('/')?;
    let mut part = schema;
    for step in holder.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        part = referred(schema, part);
        part = match part {
            Value::Array(items) => items.get(step.parse::<usize>().ok()?)?,
            // A step by `$ref` was taken already.
            _ if step == "$ref" => part,
            _ => part.get(&step)?,
        };
    }
    let text = referred(schema, part).get("description")?.as_str()?;
    Some(text.chars().take(300).collect())
}

/// What a part of a schema stands for: itself, or what its `$ref` names, one step far.
pub(crate) fn referred<'a>(schema: &'a Value, part: &'a Value) -> &'a Value {
    let pointer = part.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix('#'));
    pointer.and_then(|pointer| schema.pointer(pointer)).unwrap_or(part)
}
