//! How two trees are compared: line by line, or in the domain's words.

use super::shared::{DiffMode, DiffQuery};
use super::views::kind_name;
use crate::problem::Answer;
use crate::state::AppState;
use conman_git::{DiffLine, FileDiff, Hunk, LineKind, RawDiff};
use conman_workflow::{Comparison, SemanticChange, SemanticDiffResponse};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The differences of two trees, as they were asked for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Diff)]
pub(super) enum DiffBody {
    /// For `mode=raw`.
    Raw(RawDiffBody),
    /// For `mode=semantic`.
    Semantic(SemanticDiffBody),
}

impl DiffBody {
    /// The part that was asked for.
    pub(super) async fn of(state: &AppState, comparison: &Comparison, wanted: DiffQuery) -> Answer<Self> {
        Ok(match wanted.mode {
            DiffMode::Raw => Self::Raw(state.workflow.raw_diff(comparison, wanted.part()).await?.into()),
            DiffMode::Semantic => {
                let response = state.workflow.semantic_diff(comparison).await?;
                Self::Semantic(SemanticDiffBody::of(response, wanted.part()))
            }
        })
    }
}

/// What changed, in the domain's words.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SemanticDiff)]
pub(super) struct SemanticDiffBody {
    /// What the older tree is called: its commit, or a workspace's tree that nobody has committed.
    base_sha: String,
    /// What the newer tree is called.
    head_sha: String,
    summary: SemanticSummaryBody,
    /// By file and line.
    changes: Vec<SemanticChangeBody>,
}

/// How many changes there are, whatever part of them is shown.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SemanticSummary)]
struct SemanticSummaryBody {
    total_changes: u32,
    /// `entity`, `page`, `queue`, `provider`, `workflow`, `tenant`, `menu`, `asset` and `script`.
    by_config_type: BTreeMap<&'static str, u32>,
}

/// One change.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SemanticChange)]
struct SemanticChangeBody {
    /// The same whenever it is computed.
    id: String,
    /// `entity`, `page`, `queue`, `provider`, `workflow`, `tenant`, `menu`, `asset` or `script`.
    config_type: &'static str,
    /// `added`, `modified`, `removed` or `moved`.
    operation: &'static str,
    /// Where in the file, such as `fields[name=email].required`; the path for a whole file.
    target: String,
    /// One sentence in Markdown.
    description: String,
    file_path: String,
    /// The first line concerned: of the head, or of the base for what is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    line_start: Option<u32>,
    /// The last line concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    line_end: Option<u32>,
    /// `before`, `after`, `from`, `to`, `baseLines`, `ranges`, `problem`, and `cosmetic` for comments and formatting.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Option<Object>)]
    details: Map<String, Value>,
}

impl SemanticDiffBody {
    fn of(response: SemanticDiffResponse, part: std::ops::Range<usize>) -> Self {
        let SemanticDiffResponse { base_sha, head_sha, summary, changes } = response;
        let by_config_type =
            summary.by_config_type.iter().map(|(kind, count)| (kind.name(), *count)).collect();
        let shown = changes.into_iter().skip(part.start).take(part.len());
        Self {
            base_sha,
            head_sha,
            summary: SemanticSummaryBody { total_changes: summary.total_changes, by_config_type },
            changes: shown.map(SemanticChangeBody::from).collect(),
        }
    }
}

impl From<SemanticChange> for SemanticChangeBody {
    fn from(change: SemanticChange) -> Self {
        Self {
            id: change.id,
            config_type: change.config_type.name(),
            operation: change.operation.name(),
            target: change.target,
            description: change.description,
            file_path: change.file_path,
            line_start: change.line_start,
            line_end: change.line_end,
            details: change.details,
        }
    }
}

/// A line diff of two trees.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RawDiff)]
pub(super) struct RawDiffBody {
    files: Vec<FileDiffBody>,
    /// How many files differ in all.
    total: u32,
    /// Whether there was more than is shown.
    truncated: bool,
}

/// The line diff of one file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FileDiff)]
struct FileDiffBody {
    /// `added`, `modified`, `deleted` or `renamed`.
    kind: &'static str,
    path: String,
    old_path: Option<String>,
    old_blob: Option<String>,
    new_blob: Option<String>,
    binary: bool,
    truncated: bool,
    hunks: Vec<HunkBody>,
}

/// Lines that changed, with their surroundings.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Hunk)]
struct HunkBody {
    old_start: u32,
    old_lines: u32,
    new_start: u32,
    new_lines: u32,
    header: String,
    lines: Vec<LineBody>,
}

/// One line.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DiffLine)]
struct LineBody {
    /// `context`, `added` or `deleted`.
    kind: &'static str,
    old_no: Option<u32>,
    new_no: Option<u32>,
    text: String,
    /// Whether bytes that are no UTF-8 were replaced for showing.
    lossy: bool,
    /// Whether the file ends here without a line break.
    no_newline: bool,
}

impl From<RawDiff> for RawDiffBody {
    fn from(diff: RawDiff) -> Self {
        Self {
            files: diff.files.into_iter().map(FileDiffBody::from).collect(),
            total: u32::try_from(diff.total_files).unwrap_or(u32::MAX),
            truncated: diff.truncated,
        }
    }
}

impl From<FileDiff> for FileDiffBody {
    fn from(file: FileDiff) -> Self {
        Self {
            kind: kind_name(file.change.kind),
            path: file.change.path.to_string(),
            old_path: file.change.old_path.map(|path| path.to_string()),
            old_blob: file.change.old_blob.map(|blob| blob.to_string()),
            new_blob: file.change.new_blob.map(|blob| blob.to_string()),
            binary: file.binary,
            truncated: file.truncated,
            hunks: file.hunks.into_iter().map(HunkBody::from).collect(),
        }
    }
}

impl From<Hunk> for HunkBody {
    fn from(hunk: Hunk) -> Self {
        let Hunk { old_start, old_lines, new_start, new_lines, header, lines } = hunk;
        let lines = lines.into_iter().map(LineBody::from).collect();
        Self { old_start, old_lines, new_start, new_lines, header, lines }
    }
}

impl From<DiffLine> for LineBody {
    fn from(line: DiffLine) -> Self {
        let kind = match line.kind {
            LineKind::Context => "context",
            LineKind::Added => "added",
            LineKind::Deleted => "deleted",
        };
        let DiffLine { old_no, new_no, text, lossy, no_newline, .. } = line;
        Self { kind, old_no, new_no, text, lossy, no_newline }
    }
}
