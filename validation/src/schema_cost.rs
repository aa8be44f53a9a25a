//! What checking a value by a stranger's schema costs, before it is done.
//!
//! A validator walks every way that leads through a schema. Two references to one definition, which again has two, and
//! so on, make 2^n ways of n lines. The ways are counted here, each pair of a part of the schema and a part of the value
//! once, and what has too many is refused.

use serde_json::Value;
use std::collections::HashMap;

/// The most ways through a schema for one file.
const MAX_WAYS: u64 = 2_000_000;
/// The most pairs that are looked at to count the ways.
const MAX_PAIRS: usize = 2_000_000;
/// How many parts of a schema may stand in each other for one place of the value.
const MAX_NESTING: usize = 200;

/// Says why a schema is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) String);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Refuses references that lead out of the file, and the few keywords that refer by other means than a pointer.
pub(crate) fn refuse_foreign(schema: &Value) -> Result<(), Refused> {
    let mut waiting = vec![schema];
    while let Some(part) = waiting.pop() {
        if let Value::Object(entries) = part {
            for keyword in ["$dynamicRef", "$recursiveRef"] {
                if entries.get(keyword).is_some_and(Value::is_string) {
                    return Err(Refused(format!("`{keyword}` is not supported: use `$ref`")));
                }
            }
            if let Some(Value::String(target)) = entries.get("$ref") {
                let pointer = target.strip_prefix('#');
                if pointer.and_then(|pointer| schema.pointer(pointer)).is_none() {
                    let target = crate::thing::shown(target);
                    let message = format!(
                        "`$ref` to `{target}`: it must be a pointer into this file, such as `#/$defs/x`"
                    );
                    return Err(Refused(message));
                }
            }
        }
        match part {
            Value::Object(entries) => waiting.extend(entries.values()),
            Value::Array(items) => waiting.extend(items),
            _ => {}
        }
    }
    Ok(())
}

/// Refuses a schema that has too many ways for this value.
pub(crate) fn refuse_costly(schema: &Value, value: &Value) -> Result<(), Refused> {
    let mut count = Count { schema, known: HashMap::new(), nesting: 0 };
    let ways = count.ways(schema, value)?;
    if ways > MAX_WAYS { Err(too_costly()) } else { Ok(()) }
}

fn too_costly() -> Refused {
    Refused("the schema is too costly for this file: parts of it refer to each other too often".to_owned())
}

struct Count<'a> {
    schema: &'a Value,
    /// `None` while it is counted.
    known: HashMap<(*const Value, *const Value), Option<u64>>,
    nesting: usize,
}

impl Count<'_> {
    fn ways(&mut self, part: &Value, value: &Value) -> Result<u64, Refused> {
        let Value::Object(keywords) = part else { return Ok(1) };
        let pair = (std::ptr::from_ref(part), std::ptr::from_ref(value));
        match self.known.get(&pair) {
            Some(Some(ways)) => return Ok(*ways),
            Some(None) => return Err(Refused("the schema refers to itself without an end".to_owned())),
            None => {}
        }
        if self.known.len() >= MAX_PAIRS || self.nesting >= MAX_NESTING {
            return Err(too_costly());
        }
        self.known.insert(pair, None);
        self.nesting += 1;
        let mut ways = 1_u64;
        for (keyword, argument) in keywords {
            ways = ways.saturating_add(self.by_keyword(keyword, argument, value)?);
        }
        self.nesting -= 1;
        self.known.insert(pair, Some(ways));
        Ok(ways)
    }

    fn by_keyword(&mut self, keyword: &str, argument: &Value, value: &Value) -> Result<u64, Refused> {
        let mut ways = 0_u64;
        match keyword {
            "$ref" => {
                let pointer = argument.as_str().and_then(|target| target.strip_prefix('#'));
                if let Some(target) = pointer.and_then(|pointer| self.schema.pointer(pointer)) {
                    ways = self.ways(target, value)?;
                }
            }
            "allOf" | "anyOf" | "oneOf" => {
                for part in argument.as_array().into_iter().flatten() {
                    ways = ways.saturating_add(self.ways(part, value)?);
                }
            }
            "not" | "if" | "then" | "else" => ways = self.ways(argument, value)?,
            "dependentSchemas" | "dependencies" => {
                for part in argument.as_object().into_iter().flat_map(|parts| parts.values()) {
                    ways = ways.saturating_add(self.ways(part, value)?);
                }
            }
            "properties" => {
                for (name, part) in argument.as_object().into_iter().flatten() {
                    if let Some(below) = value.get(name) {
                        ways = ways.saturating_add(self.ways(part, below)?);
                    }
                }
            }
            // Whichever of these apply: at most each to each.
            "patternProperties" => {
                for part in argument.as_object().into_iter().flat_map(|parts| parts.values()) {
                    ways = ways.saturating_add(self.each(part, value)?);
                }
            }
            "additionalProperties"
            | "unevaluatedProperties"
            | "contains"
            | "additionalItems"
            | "unevaluatedItems" => ways = self.each(argument, value)?,
            "items" | "prefixItems" => match argument {
                Value::Array(parts) => {
                    for (part, item) in parts.iter().zip(value.as_array().into_iter().flatten()) {
                        ways = ways.saturating_add(self.ways(part, item)?);
                    }
                }
                part => ways = self.each(part, value)?,
            },
            _ => {}
        }
        Ok(ways)
    }

    fn each(&mut self, part: &Value, value: &Value) -> Result<u64, Refused> {
        let mut ways = 0_u64;
        match value {
            Value::Object(entries) => {
                for below in entries.values() {
                    ways = ways.saturating_add(self.ways(part, below)?);
                }
            }
            Value::Array(items) => {
                for item in items {
                    ways = ways.saturating_add(self.ways(part, item)?);
                }
            }
            _ => {}
        }
        Ok(ways)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_chain_of_doubling_references_is_refused_and_quickly() {
        let mut defs = serde_json::Map::new();
        for n in 0..60 {
            let next = format!("#/$defs/d{}", n + 1);
            defs.insert(format!("d{n}"), json!({"allOf": [{"$ref": next}, {"$ref": next}]}));
        }
        defs.insert("d60".to_owned(), json!({"type": "object"}));
        let schema = json!({"$ref": "#/$defs/d0", "$defs": defs});
        assert_eq!(refuse_costly(&schema, &json!({})), Err(too_costly()));
        // And where each level of the value doubles them.
        let schema = json!({"properties": {"x": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}}});
        let mut value = json!(1);
        for _ in 0..60 {
            value = json!({"x": value});
        }
        assert_eq!(refuse_costly(&schema, &value), Err(too_costly()));
        assert_eq!(refuse_costly(&schema, &json!({"x": {"x": 1}})), Ok(()));
    }

    #[test]
    fn a_schema_that_never_ends_is_refused() {
        assert!(refuse_costly(&json!({"$ref": "#"}), &json!(1)).is_err());
        let tree = json!({"type": "object", "additionalProperties": {"$ref": "#"}});
        assert_eq!(refuse_costly(&tree, &json!({"a": {"b": {"c": {}}}})), Ok(()));
    }

    #[test]
    fn references_out_of_the_file_are_refused() {
        for target in ["http://127.0.0.1/x", "file:///etc/passwd", "other.json#/a", "#nowhere", "#/nowhere"] {
            assert!(refuse_foreign(&json!({"items": {"$ref": target}})).is_err(), "{target}");
        }
        assert_eq!(refuse_foreign(&json!({"$ref": "#/$defs/a", "$defs": {"a": true}})), Ok(()));
    }
}
