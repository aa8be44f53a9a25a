//! What a semantic diff answers.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What a file configures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SemanticConfigType {
    /// A record with fields.
    Entity,
    /// A screen.
    Page,
    /// A work list.
    Queue,
    /// A system that data comes from or goes to.
    Provider,
    /// States and transitions.
    Workflow,
    /// A site or customer.
    Tenant,
    /// Navigation.
    Menu,
    /// Everything else.
    Asset,
    /// Program text.
    Script,
}

impl SemanticConfigType {
    /// All, in the order of the answer.
    pub const ALL: [Self; 9] = [
        Self::Entity,
        Self::Page,
        Self::Queue,
        Self::Provider,
        Self::Workflow,
        Self::Tenant,
        Self::Menu,
        Self::Asset,
        Self::Script,
    ];

    /// Its name in files and answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Entity => "entity",
            Self::Page => "page",
            Self::Queue => "queue",
            Self::Provider => "provider",
            Self::Workflow => "workflow",
            Self::Tenant => "tenant",
            Self::Menu => "menu",
            Self::Asset => "asset",
            Self::Script => "script",
        }
    }

    /// The type with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SemanticOperation {
    /// It is new.
    Added,
    /// It is another.
    Modified,
    /// It is gone.
    Removed,
    /// It has another place or another name.
    Moved,
}

impl SemanticOperation {
    /// Its name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Modified => "modified",
            Self::Removed => "removed",
            Self::Moved => "moved",
        }
    }
}

/// One change, in the domain's words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SemanticChange {
    /// Made from the file, the target and the operation; unique in an answer, and the same whenever it is computed.
    pub id: String,
    /// What the file configures.
    pub config_type: SemanticConfigType,
    /// What happened.
    pub operation: SemanticOperation,
    /// Where in the file, such as `fields[name=email].required`; the file's path for a whole file.
    pub target: String,
    /// One sentence in Markdown.
    pub description: String,
    /// The file; its new path if it was renamed.
    pub file_path: String,
    /// The first line concerned: of the head, or of the base for what is gone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line_start: Option<u32>,
    /// The last line concerned.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line_end: Option<u32>,
    /// `before` and `after` (values, cut where they are long), `from` (what was moved), `cosmetic`, `ranges` (all lines
    /// concerned, `[first, last]` each), `baseLines`, `problem`.
    #[serde(skip_serializing_if = "Map::is_empty", default)]
    pub details: Map<String, Value>,
}

/// How many changes there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SemanticSummary {
    /// All.
    pub total_changes: u32,
    /// By what the file configures; every type is there.
    pub by_config_type: BTreeMap<SemanticConfigType, u32>,
}

/// The semantic diff of two trees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SemanticDiffResponse {
    /// The older tree or commit.
    pub base_sha: String,
    /// The newer one.
    pub head_sha: String,
    /// How many changes there are.
    pub summary: SemanticSummary,
    /// The changes, by file and line.
    pub changes: Vec<SemanticChange>,
}
