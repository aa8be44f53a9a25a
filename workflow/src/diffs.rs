//! Comparing two trees of an app: line by line, or in the domain's words.

use crate::error::{Error, Result};
use crate::services::Workflow;
use conman_domain::TreeId;
use conman_domain::id::AppId;
use conman_git::{DiffLimits, PathChange, RawDiff};
use conman_validation::{Impact, impacts};
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

    /// What each difference may break, by the places that refer to what it changes.
    pub async fn analyze(&self, comparison: &Comparison) -> Result<Analysis> {
        let base = self.model(comparison.app_id, comparison.from).await?;
        let head = self.model(comparison.app_id, comparison.to).await?;
        let diff = self.semantic_diff(comparison).await?;
        let total_changes = diff.summary.total_changes;
        let found =
            tokio::task::spawn_blocking(move || impacts(&base.model, &head.model, &diff.changes)).await;
        let impacts = found.map_err(|error| Error::errored("following references", error))?;
        let (base, head) = (comparison.base.clone(), comparison.head.clone());
        Ok(Analysis { base, head, total_changes, impacts })
    }
}

/// What a changeset may break.
#[derive(Debug)]
pub struct Analysis {
    /// What the older tree is called.
    pub base: String,
    /// What the newer tree is called.
    pub head: String,
    /// How many semantic changes there are, with or without an impact.
    pub total_changes: u32,
    /// The worst first.
    pub impacts: Vec<Impact>,
}

fn compare(differ: &mut Differ, change: &PathChange, old: Option<&[u8]>, new: Option<&[u8]>) {
    differ.add(&FilePair {
        path: change.path.as_str(),
        old_path: change.old_path.as_ref().map(conman_domain::RepoPath::as_str),
        old,
        new,
    });
}
