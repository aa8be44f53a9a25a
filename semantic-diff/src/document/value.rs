//! Nodes as JSON values.

use super::node::{Document, Kind, NodeId};
use super::scalar::Meaning;
use serde_json::{Map, Number, Value};

/// What becomes of an alias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aliases {
    /// It is shown as `*name`.
    Shown,
    /// What it stands for takes its place, and merge keys are merged.
    Expanded,
}

/// How much of a value is made; what exceeds it is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Nodes.
    pub nodes: usize,
    /// Levels below the node itself.
    pub depth: usize,
    /// Bytes of all texts together.
    pub bytes: usize,
}

impl Budget {
    /// For what a person is shown.
    pub const SHOWN: Self = Self { nodes: 200, depth: 12, bytes: 4_000 };
    /// For what a program reads whole.
    pub const WHOLE: Self = Self { nodes: super::MAX_NODES as usize, depth: 200, bytes: 256 << 20 };
}

impl Document<'_> {
    /// The node as a JSON value, and whether that is all of it.
    pub fn value(&self, id: NodeId, aliases: Aliases, budget: Budget) -> (Value, bool) {
        let mut reader = Reader { document: self, aliases, budget, whole: true };
        let value = reader.value(id, 0);
        (value, reader.whole)
    }
}

struct Reader<'d, 't> {
    document: &'d Document<'t>,
    aliases: Aliases,
    budget: Budget,
    whole: bool,
}

impl Reader<'_, '_> {
    fn cut(&mut self) -> Value {
        self.whole = false;
        Value::String("…".to_owned())
    }

    fn value(&mut self, id: NodeId, depth: usize) -> Value {
        if self.budget.nodes == 0 || depth > self.budget.depth {
            return self.cut();
        }
        self.budget.nodes -= 1;
        match self.document.kind(id) {
            Kind::Scalar => self.scalar(id),
            Kind::Alias if self.aliases == Aliases::Shown => {
                Value::String(format!("*{}", self.document.alias(id).unwrap_or_default()))
            }
            Kind::Alias => match self.document.resolve(id) {
                target if target == id => Value::Null,
                target => self.value(target, depth + 1),
            },
            Kind::Sequence => {
                let mut items = Vec::new();
                for item in self.document.items(id) {
                    if self.budget.nodes == 0 {
                        items.push(self.cut());
                        break;
                    }
                    items.push(self.value(item, depth + 1));
                }
                Value::Array(items)
            }
            Kind::Mapping => self.mapping(id, depth),
        }
    }

    fn mapping(&mut self, id: NodeId, depth: usize) -> Value {
        let mut object = Map::new();
        for (key, value) in self.document.entries(id) {
            if self.budget.nodes == 0 {
                self.whole = false;
                object.insert("…".to_owned(), Value::Null);
                break;
            }
            if self.aliases == Aliases::Expanded && self.document.is_merge(key) {
                continue;
            }
            let name = match self.document.text(self.document.resolve(key)) {
                Some(name) => name.to_owned(),
                None => self.value(key, depth + 1).to_string(),
            };
            self.budget.bytes = self.budget.bytes.saturating_sub(name.len());
            let value = self.value(value, depth + 1);
            object.insert(name, value);
        }
        if self.aliases == Aliases::Expanded {
            for source in self.document.merged(id).collect::<Vec<_>>() {
                if source == id || self.budget.nodes == 0 {
                    continue;
                }
                if let Value::Object(more) = self.value(source, depth + 1) {
                    for (key, value) in more {
                        object.entry(key).or_insert(value);
                    }
                }
            }
        }
        Value::Object(object)
    }

    fn scalar(&mut self, id: NodeId) -> Value {
        let Some(meaning) = self.document.meaning(id) else { return Value::Null };
        match meaning {
            Meaning::Null => Value::Null,
            Meaning::Bool(yes) => Value::Bool(yes),
            Meaning::Int(number) => i64::try_from(number)
                .map(Number::from)
                .or_else(|_| u64::try_from(number).map(Number::from))
                .map_or_else(|_| Value::String(number.to_string()), Value::Number),
            Meaning::Float(number) => Number::from_f64(number).map_or_else(
                || Value::String(self.document.text(id).unwrap_or_default().to_owned()),
                Value::Number,
            ),
            Meaning::Text(text) => {
                let mut end = text.len().min(self.budget.bytes);
                while !text.is_char_boundary(end) {
                    end -= 1;
                }
                self.budget.bytes -= end;
                if end < text.len() {
                    self.whole = false;
                    return Value::String(format!("{}…", &text[..end]));
                }
                Value::String(text.to_owned())
            }
        }
    }
}
