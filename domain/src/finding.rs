//! What validations find.

use crate::path::RepoPath;
use serde::{Deserialize, Serialize};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Probably wrong; nothing is held back by it.
    Warning,
    /// Wrong: a validation fails by it.
    #[default]
    Error,
}

/// Something that a validation found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule, e.g. `yaml`, `schema` or `reference`.
    pub rule: String,
    /// How bad it is.
    #[serde(default)]
    pub severity: Severity,
    /// The file; none if it is about no single file.
    pub path: Option<RepoPath>,
    /// One-based line, where known.
    pub line: Option<u32>,
    /// One-based column in characters, where known.
    #[serde(default)]
    pub column: Option<u32>,
    /// What is wrong.
    pub message: String,
    /// What to do about it, where that can be said.
    #[serde(default)]
    pub hint: Option<String>,
}

impl Finding {
    /// An error in a file.
    pub fn error(rule: &str, path: &RepoPath, line: Option<u32>, message: String) -> Self {
        Self { path: Some(path.clone()), line, ..Self::of_no_file(rule, message) }
    }

    /// An error that is in no single file.
    pub fn of_no_file(rule: &str, message: String) -> Self {
        Self {
            rule: rule.to_owned(),
            severity: Severity::Error,
            path: None,
            line: None,
            column: None,
            message,
            hint: None,
        }
    }

    /// Whether a validation fails by it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
