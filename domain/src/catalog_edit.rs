//! Editing the files of a catalog the way a careful person would: what is not changed stays as it is written.
//!
//! Every edit is read back and compared with what was wanted; one that would do more or less is not made.

use crate::catalog::{Catalog, Parameter};
use crate::name::ParameterName;
use crate::value::Value;
use crate::yaml::{self, Placed};
use serde::Deserialize;
use std::ops::Range;

/// A wish to let a parameter have more values than now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Widening {
    /// Values to be allowed besides those that are.
    pub allow: Vec<Value>,
    /// A lesser least value.
    pub min: Option<Value>,
    /// A greater greatest value.
    pub max: Option<Value>,
}

/// Why a parameter cannot be widened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NotWidened {
    /// The field of the wish that is wrong: `allow`, `min` or `max`; none if it is the wish as a whole.
    pub field: Option<&'static str>,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// A file that this cannot be edited in without changing more than was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the file is written in a way that a form cannot edit; edit it in a workspace")]
pub struct NotEditable;

#[derive(Deserialize)]
struct PlacedFile {
    parameters: Placed<Vec<Placed<PlacedParameter>>>,
}

#[derive(Deserialize)]
struct PlacedParameter {
    name: ParameterName,
    #[serde(default)]
    allowed_values: Option<Vec<Placed<Value>>>,
    #[serde(default)]
    min: Option<Placed<Value>>,
    #[serde(default)]
    max: Option<Placed<Value>>,
}

impl Widening {
    /// The parameter with the wish granted, or everything of the wish that would not widen it.
    pub fn of(&self, parameter: &Parameter) -> Result<Parameter, Vec<NotWidened>> {
        let mut refused = Vec::new();
        let mut refuse = |field, message: String| refused.push(NotWidened { field, message });
        let mut wide = parameter.clone();
        match &mut wide.allowed_values {
            None if self.allow.is_empty() => {}
            None => refuse(Some("allow"), format!("`{}` has no list of allowed values", parameter.name)),
            Some(allowed) => {
                for value in &self.allow {
                    if allowed.contains(value) {
                        refuse(Some("allow"), format!("{value} is allowed already"));
                    } else if let Err(message) = parameter.kind.check(value) {
                        refuse(Some("allow"), format!("{value}: {message}"));
                    }
                    allowed.push(value.clone());
                }
            }
        }
        for (field, bound, wish, grows) in
            [("min", &mut wide.min, &self.min, -1.0), ("max", &mut wide.max, &self.max, 1.0)]
        {
            let Some(wish) = wish else { continue };
            let Some(present) = bound else {
                refuse(Some(field), format!("`{}` has no `{field}`", parameter.name));
                continue;
            };
            match (parameter.kind.magnitude(present), parameter.kind.magnitude(wish)) {
                (Some(from), Some(to)) if (to - from) * grows > 0.0 => {}
                (Some(_), Some(_)) => {
                    let word = if grows > 0.0 { "greater" } else { "less" };
                    let present = crate::value::plain_text(present);
                    refuse(Some(field), format!("must be {word} than {present}, or nothing is widened"));
                }
                (_, _) => refuse(Some(field), format!("does not fit the type {}", parameter.kind.name())),
            }
            *bound = Some(wish.clone());
        }
        if wide == *parameter {
            refuse(None, "say which values to allow, or another `min` or `max`".to_owned());
        }
        if refused.is_empty() {
            let problems = wide.problems().into_iter();
            refused.extend(problems.map(|wrong| NotWidened { field: None, message: wrong.message }));
        }
        if refused.is_empty() { Ok(wide) } else { Err(refused) }
    }
}

/// The text of a catalog file that declares one parameter.
pub fn new_file(parameter: &Parameter) -> String {
    format!("parameters:\n{}", block(parameter, "  "))
}

/// A catalog file's text with a further parameter at the end of its list.
pub fn add(text: &str, parameter: &Parameter) -> Result<String, NotEditable> {
    let file: PlacedFile = yaml::from_slice(text.as_bytes()).map_err(|_| NotEditable)?;
    let last = file.parameters.value().last().ok_or(NotEditable)?.span(text).ok_or(NotEditable)?;
    let line = line_start(text, last.start);
    // The last item's dash: what stands before it is how items are indented.
    let head = text.get(line..).ok_or(NotEditable)?;
    let indent = &head[..head.len() - head.trim_start_matches(' ').len()];
    if !head[indent.len()..].starts_with("- ") {
        return Err(NotEditable);
    }
    // The item goes on while lines are empty, or stand further in than its dash.
    let mut end = line;
    let mut at = line;
    for (number, row) in head.split_inclusive('\n').enumerate() {
        let inner = row.trim_start_matches(' ');
        let depth = row.len() - inner.len();
        let is_blank = inner.trim().is_empty();
        if number > 0 && !is_blank && depth <= indent.len() {
            break;
        }
        at += row.len();
        if !is_blank {
            end = at;
        }
    }
    let (before, after) = text.split_at(end);
    let newline = if before.ends_with('\n') { "" } else { "\n" };
    let edited = format!("{before}{newline}{}{after}", block(parameter, indent));
    holds(text, &edited, |catalog| {
        catalog.parameters.insert(parameter.name.clone(), parameter.clone());
    })?;
    Ok(edited)
}

/// A catalog file's text with a parameter widened; `wide` is the parameter as [`Widening::of`] gives it.
pub fn widen(text: &str, widening: &Widening, wide: &Parameter) -> Result<String, NotEditable> {
    let file: PlacedFile = yaml::from_slice(text.as_bytes()).map_err(|_| NotEditable)?;
    let placed = file.parameters.value().iter().find(|placed| placed.value().name == wide.name);
    let placed = placed.ok_or(NotEditable)?.value();
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    for (present, wish) in [(&placed.min, &widening.min), (&placed.max, &widening.max)] {
        if let Some(wish) = wish {
            let span = present.as_ref().and_then(|bound| bound.span(text)).ok_or(NotEditable)?;
            edits.push((span, scalar(wish)));
        }
    }
    if !widening.allow.is_empty() {
        let last = placed.allowed_values.as_ref().and_then(|values| values.last());
        let span = last.and_then(|value| value.span(text)).ok_or(NotEditable)?;
        let line = line_start(text, span.start);
        let before = text[line..span.start].trim_start_matches(' ');
        if before == "- " {
            // A value per line: further lines after the last one, with whatever comment it has.
            let indent = " ".repeat(span.start - line - before.len());
            let end = text[span.end..].find('\n').map_or(text.len(), |at| span.end + at);
            let rows = widening.allow.iter().map(|value| format!("\n{indent}- {}", scalar(value)));
            edits.push((end..end, rows.collect()));
        } else {
            let items = widening.allow.iter().map(|value| format!(", {}", scalar(value)));
            edits.push((span.end..span.end, items.collect()));
        }
    }
    edits.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
    let mut edited = text.to_owned();
    for (span, replacement) in edits {
        edited.replace_range(span, &replacement);
    }
    holds(text, &edited, |catalog| {
        catalog.parameters.insert(wide.name.clone(), wide.clone());
    })?;
    Ok(edited)
}

/// Makes sure that an edited file says what the file said, changed as it was wanted, and nothing else.
fn holds(text: &str, edited: &str, change: impl FnOnce(&mut Catalog)) -> Result<(), NotEditable> {
    let mut wanted = Catalog::of_file(text).ok_or(NotEditable)?;
    change(&mut wanted);
    let read = Catalog::of_file(edited).ok_or(NotEditable)?;
    if read == wanted { Ok(()) } else { Err(NotEditable) }
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

/// A value as it stands in YAML. JSON is YAML, and names without anything special need no quotes.
fn scalar(value: &Value) -> String {
    match value.as_str() {
        Some(text) if is_plain(text) => text.to_owned(),
        _ => value.to_string(),
    }
}

/// Whether a text is read as that text when it stands without quotes.
fn is_plain(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | '/'));
    let word = text.to_ascii_lowercase();
    let is_word = matches!(
        word.as_str(),
        "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n" | "null" | "nan" | "inf"
    );
    starts && plain && !is_word && !text.ends_with(' ')
}

/// One item of the list of parameters, in the order in which the catalog's fields are documented.
fn block(parameter: &Parameter, indent: &str) -> String {
    let fields = match serde_json::to_value(parameter) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) | Err(_) => unreachable!("a parameter is a JSON object"),
    };
    const ORDER: [&str; 15] = [
        "name",
        "type",
        "allowed_values",
        "min",
        "max",
        "default",
        "required",
        "group",
        "description",
        "category",
        "hot_reloadable",
        "critical",
        "owner",
        "deprecated",
        "excluded_from_runs",
    ];
    let mut text = String::new();
    for name in ORDER {
        let Some(value) = fields.get(name) else { continue };
        if value.as_str() == Some("") {
            continue;
        }
        let dash = if text.is_empty() { "- " } else { "  " };
        let value = match value.as_array() {
            Some(items) if name == "allowed_values" => {
                format!("[{}]", items.iter().map(scalar).collect::<Vec<_>>().join(", "))
            }
            _ => scalar(value),
        };
        text.push_str(&format!("{indent}{dash}{name}: {value}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::RepoPath;
    use serde_json::json;

    fn parameter(fields: Value) -> Parameter {
        serde_json::from_value(fields).unwrap()
    }

    const FILE: &str = "# Limits.\nparameters:\n  - name: low\n    type: number # mmol/L\n    min: 0\n    default: 1\n\n  - name: mode\n    type: enum\n    allowed_values: [a, 'b c'] # two\n    default: a\n\n# What must hold.\nrules:\n  - low > 0\n";

    #[test]
    fn a_parameter_comes_to_the_end_of_the_list() {
        let new = parameter(
            json!({"name": "high", "type": "number", "default": 2, "description": "what: is it?", "group": "on"}),
        );
        let edited = add(FILE, &new).unwrap();
        let (before, after) = FILE.split_once("\n# What must hold.").unwrap();
        let item = "  - name: high\n    type: number\n    default: 2\n    required: false\n    group: \"on\"\n    description: \"what: is it?\"\n    hot_reloadable: true\n    critical: false\n    deprecated: false\n    excluded_from_runs: false\n";
        assert_eq!(edited, format!("{before}{item}\n# What must hold.{after}"));
    }

    #[test]
    fn odd_files_are_left_alone_or_edited_rightly() {
        let new = parameter(json!({"name": "x", "type": "int"}));
        // Items that are not indented, without a newline at the end, with Windows' line ends.
        for good in [
            "parameters:\n- name: a\n  type: int",
            "parameters:\n- {name: a, type: int}\n- {name: b, type: int}\n",
            "parameters:\r\n- name: a\r\n  type: int\r\n",
            "rules: []\nparameters:\n  -  name: a\n     type: string\n     description: |\n       text\n\n       more\n",
        ] {
            let edited = add(good, &new).unwrap();
            assert!(edited.starts_with(good.trim_end()), "{edited}");
            assert!(Catalog::of_file(&edited).unwrap().parameters.contains_key(&new.name));
        }
        for odd in ["parameters: [{name: a, type: int}]\n", "parameters: []\n", "rules: []\n", "x: [", ""] {
            assert_eq!(add(odd, &new), Err(NotEditable), "{odd}");
        }
        assert_eq!(add("parameters:\n- {name: x, type: int}\n", &new), Err(NotEditable), "it is there");
    }

    #[test]
    fn a_list_of_values_grows_where_it_stands() {
        let mode = parameter(
            json!({"name": "mode", "type": "enum", "allowed_values": ["a", "b c"], "default": "a"}),
        );
        let widening = Widening { allow: vec![json!("no"), json!("d")], ..Widening::default() };
        let edited = widen(FILE, &widening, &widening.of(&mode).unwrap()).unwrap();
        assert_eq!(edited, FILE.replace("[a, 'b c']", "[a, 'b c', \"no\", d]"));
        let lines = "parameters:\n  - name: mode\n    type: enum\n    allowed_values:\n      - a\n      - b c # the second\n    default: a\n";
        let edited = widen(lines, &widening, &widening.of(&mode).unwrap()).unwrap();
        assert_eq!(edited, lines.replace("# the second", "# the second\n      - \"no\"\n      - d"));
    }

    #[test]
    fn bounds_move_outwards_only() {
        let low = parameter(json!({"name": "low", "type": "number", "min": 0, "default": 1}));
        let wish = |min: Value| Widening { min: Some(min), ..Widening::default() };
        let edited = widen(FILE, &wish(json!(-0.5)), &wish(json!(-0.5)).of(&low).unwrap()).unwrap();
        assert_eq!(edited, FILE.replace("min: 0", "min: -0.5"));
        assert_eq!(wish(json!(0.5)).of(&low).unwrap_err()[0].field, Some("min"));
        assert_eq!(wish(json!("x")).of(&low).unwrap_err()[0].field, Some("min"));
        let max = Widening { max: Some(json!(9)), ..Widening::default() };
        assert_eq!(max.of(&low).unwrap_err()[0].message, "`low` has no `max`");
        let both = Widening { max: Some(json!(9)), ..wish(json!(3)) };
        assert_eq!(both.of(&low).unwrap_err().len(), 2, "all that is wrong is told at once");
        assert_eq!(Widening::default().of(&low).unwrap_err()[0].field, None);
        let allow = Widening { allow: vec![json!(3)], ..Widening::default() };
        assert_eq!(allow.of(&low).unwrap_err()[0].field, Some("allow"));
    }

    #[test]
    fn a_new_file_is_a_catalog() {
        let new = parameter(json!({"name": "wait", "type": "duration", "default": "15m", "min": "1s"}));
        let path = RepoPath::parse("catalog/a.yml").unwrap();
        let text = new_file(&new);
        let catalog = Catalog::parse([(&path, text.as_bytes())]).unwrap();
        assert_eq!(catalog.parameters.values().collect::<Vec<_>>(), [&new], "{text}");
    }
}
