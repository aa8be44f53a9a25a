//! Comparing two trees of an app: line by line, or in the domain's words.

use crate::error::Result;
use crate::services::Workflow;
use conman_domain::TreeId;
use conman_domain::id::AppId;
use conman_git::{DiffLimits, PathChange, RawDiff};
use semantic_diff::{Differ, FilePair, SemanticDiffResponse};
use std::ops::Range;

/// Two trees that somebody may compare; only use cases that have checked that make one.
#[derive(Debug, Clone)]
pub struct Comparison {
    pub(crate) app_id: AppId,
    pub(crate) from: TreeId,
    pub(crate) to: TreeId,
    /// What the older tree is called: its commit, or the tree where nobody has committed it.
    pub(crate) base: String,
    /// What the newer tree is called.
    pub(crate) head: String,
}

impl Workflow {
    /// The line diff of some of the files that differ, by their places in the order of paths.
    pub async fn raw_diff(&self, comparison: &Comparison, files: Range<usize>) -> Result<RawDiff> {
        let limits = DiffLimits { files, ..DiffLimits::default() };
        Ok(self.repository(comparison.app_id).raw_diff(comparison.from, comparison.to, limits).await?)
    }

    /// All differences in the domain's words.
    pub async fn semantic_diff(&self, comparison: &Comparison) -> Result<SemanticDiffResponse> {
        let repository = self.repository(comparison.app_id);
        let differ =
            repository.visit_changes(comparison.from, comparison.to, Differ::default(), compare).await?;
        Ok(differ.finish(&comparison.base, &comparison.head))
    }
}

fn compare(differ: &mut Differ, change: &PathChange, old: Option<&[u8]>, new: Option<&[u8]>) {
    differ.add(&FilePair {
        path: change.path.as_str(),
        old_path: change.old_path.as_ref().map(conman_domain::RepoPath::as_str),
        old,
        new,
    });
}
