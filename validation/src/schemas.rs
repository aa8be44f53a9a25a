//! The JSON schema of each config type: shipped, and replaceable by the app.

use crate::reach::Reach;
use crate::schema_cost::{Refused, refuse_costly};
use conman_domain::RepoPath;
use conman_domain::changeset::{Finding, Severity};
use jsonschema::{PatternOptions, Validator};
use semantic_diff::document::{Aliases, Budget, Document, NodeId};
use semantic_diff::{Format, SemanticConfigType as Type};
use serde_json::Value;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, LazyLock};

/// The folder in which an app replaces schemas.
const FOLDER: &str = "schemas";
/// The most findings of one file's schema.
const MAX_FINDINGS: usize = 50;

/// The schemas that a tree is checked by.
#[derive(Debug, Clone)]
pub struct Schemas {
    by_type: BTreeMap<Type, Arc<Schema>>,
    /// Tells sets of schemas apart within one process.
    fingerprint: u64,
    findings: Vec<Finding>,
}

#[derive(Debug)]
struct Schema {
    text: Value,
    validator: Validator,
    /// Shipped ones are known to be cheap.
    is_the_apps: bool,
}

const SHIPPED: [(Type, &str); 7] = [
    (Type::Entity, include_str!("../schemas/entity.json")),
    (Type::Page, include_str!("../schemas/page.json")),
    (Type::Queue, include_str!("../schemas/queue.json")),
    (Type::Provider, include_str!("../schemas/provider.json")),
    (Type::Workflow, include_str!("../schemas/workflow.json")),
    (Type::Tenant, include_str!("../schemas/tenant.json")),
    (Type::Menu, include_str!("../schemas/menu.json")),
];

static SHIPPED_SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| {
    let schema = |(kind, text): (Type, &str)| {
        let text: Value = serde_json::from_str(text).expect("a shipped schema is JSON");
        let validator = compile(&text).expect("a shipped schema is one");
        (kind, Arc::new(Schema { text, validator, is_the_apps: false }))
    };
    Schemas { by_type: SHIPPED.into_iter().map(schema).collect(), fingerprint: 0, findings: Vec::new() }
});

impl Schemas {
    /// The schemas that come with the product.
    pub fn shipped() -> Self {
        SHIPPED_SCHEMAS.clone()
    }

    /// The schemas of an app: `schemas/page.json` (or `.yml`) takes the place of the shipped one of pages, and so on.
    ///
    /// A file that is no schema, or one that refers to others, is a finding, and the shipped one stays.
    pub fn of_app<'a>(files: impl IntoIterator<Item = (&'a RepoPath, &'a [u8])>) -> Self {
        let mut schemas = Self::shipped();
        let mut hasher = DefaultHasher::new();
        for (path, bytes) in files {
            let Some(kind) = Self::replaced_by(path) else { continue };
            (path.as_str(), bytes).hash(&mut hasher);
            schemas.fingerprint = hasher.finish();
            match read(path, bytes) {
                Ok(schema) => {
                    schemas.by_type.insert(kind, Arc::new(schema));
                }
                Err(finding) => schemas.findings.extend(finding),
            }
        }
        schemas
    }

    /// The config type whose schema a file replaces.
    pub fn replaced_by(path: &RepoPath) -> Option<Type> {
        let is_one = path.parent() == Some(FOLDER) && Format::of(path.file_name()).is_some();
        is_one.then(|| Type::named(semantic_diff::stem(path.as_str()))).flatten()
    }

    /// Equal for equal schemas, within one process.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// What is wrong with the app's own schemas.
    pub fn own_findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The schema of a type, if it has one.
    pub(crate) fn text(&self, kind: Type) -> Option<&Value> {
        self.by_type.get(&kind).map(|schema| &schema.text)
    }

    /// What the schema of a type is called.
    pub(crate) fn title(&self, kind: Type) -> Option<String> {
        self.text(kind)?.get("title")?.as_str().map(|title| title.chars().take(300).collect())
    }

    /// Where a file does not fit its type's schema.
    pub(crate) fn findings(&self, kind: Type, path: &RepoPath, document: &Document<'_>) -> Vec<Finding> {
        let (Some(schema), Some(root)) = (self.by_type.get(&kind), document.root()) else {
            return Vec::new();
        };
        let (value, is_whole) = document.value(root, Aliases::Expanded, Budget::WHOLE);
        if !is_whole {
            // A bomb is told by the strict reading.
            return Vec::new();
        }
        if schema.is_the_apps
            && let Err(refused) = refuse_costly(&schema.text, &value)
        {
            return vec![Finding::error(
                "schema",
                path,
                None,
                format!("{refused}, so the file was not checked"),
            )];
        }
        let mut findings: Vec<Finding> = schema
            .validator
            .iter_errors(&value)
            .take(MAX_FINDINGS)
            .map(|error| {
                let reach = Reach::of(document, root, error.instance_path().as_str());
                let told = crate::reach::tell(&error, &reach, &schema.text);
                Finding {
                    column: Some(reach.place.column),
                    hint: told.hint,
                    ..Finding::error("schema", path, Some(reach.place.line), told.message)
                }
            })
            .collect();
        if !schema.is_the_apps {
            findings.extend(misspelled(path, document, root, &schema.text));
        }
        findings
    }
}

fn compile(schema: &Value) -> Result<Validator, String> {
    // The engine of the patterns is linear in the text: no pattern of an app can hang a validation.
    let patterns = PatternOptions::regex().size_limit(1 << 20).dfa_size_limit(1 << 20);
    let options = jsonschema::options().with_pattern_options(patterns);
    options.build(schema).map_err(|error| {
        let at = error.instance_path().to_string();
        let at = if at.is_empty() { String::new() } else { format!(" at `{at}`") };
        format!("{}{at}", crate::thing::shown(&error.to_string()))
    })
}

/// Reads a schema; no finding is told where the strict reading tells it already.
fn read(path: &RepoPath, bytes: &[u8]) -> Result<Schema, Option<Finding>> {
    let format = Format::of(path.file_name()).ok_or(None)?;
    let document = Document::read(format, bytes).map_err(|_| None)?;
    let root = document.root().ok_or(None)?;
    let refused =
        |line: Option<u32>, message: String| Some(Finding::error("schema_file", path, line, message));
    let (text, is_whole) = document.value(root, Aliases::Expanded, Budget::WHOLE);
    if !is_whole || bytes.len() > 1 << 20 {
        return Err(refused(None, "a schema has at most 1 MiB".to_owned()));
    }
    if let Err(Refused(why)) = crate::schema_cost::refuse_foreign(&text) {
        return Err(refused(None, why));
    }
    let validator = compile(&text).map_err(|why| refused(None, format!("this is no JSON schema: {why}")))?;
    Ok(Schema { text, validator, is_the_apps: true })
}

/// Keys that a schema does not know, but that are nearly one that it knows.
///
/// Apps may have keys of their own everywhere, so that an unknown key as such is nothing wrong.
fn misspelled(path: &RepoPath, document: &Document<'_>, root: NodeId, schema: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut waiting = vec![(root, schema)];
    while let Some((node, part)) = waiting.pop() {
        let node = document.resolve(node);
        if findings.len() >= MAX_FINDINGS {
            break;
        }
        let part = crate::reach::referred(schema, part);
        let known = part.get("properties").and_then(Value::as_object);
        for (name_node, value) in document.entries(node) {
            let Some(name) = document.text(name_node) else { continue };
            if let Some(below) = known.and_then(|known| known.get(name)) {
                waiting.push((value, below));
            } else if let Some(known) = known {
                let absent =
                    known.keys().map(String::as_str).filter(|key| document.entry(node, key).is_none());
                if let Some(hint) = crate::nearest::did_you_mean(name, absent)
                    && !document.is_merge(name_node)
                {
                    let (line, column) = document.position(name_node);
                    let message =
                        format!("`{}` is not a key that means something here", crate::thing::shown(name));
                    findings.push(Finding {
                        severity: Severity::Warning,
                        column: Some(column),
                        hint: Some(hint),
                        ..Finding::error("unknown_key", path, Some(line), message)
                    });
                }
            } else if let Some(below) = part.get("additionalProperties").filter(|below| below.is_object()) {
                waiting.push((value, below));
            }
        }
        if let Some(below) = part.get("items") {
            waiting.extend(document.items(node).map(|item| (item, below)));
        }
    }
    findings
}
