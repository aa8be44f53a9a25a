//! The built-in validation: what every tree must satisfy before it is reviewed, released or deployed.

use crate::error::Result;
use crate::services::Workflow;
use conman_domain::TreeId;
use conman_domain::app::{App, BlockedPaths};
use conman_domain::catalog::Catalog;
use conman_domain::changeset::Finding;
use conman_domain::name::EnvironmentName;
use conman_domain::profile::RuntimeProfile;
use conman_domain::{RepoPath, path};
use conman_git::{MergedPath, Repository};
use semantic_diff::{Format, strict};
use std::collections::HashSet;

/// The most findings that are kept.
const MAX_FINDINGS: usize = 200;

impl Workflow {
    /// Checks what a tree changes against another, its catalog, and that every environment's values fit that catalog.
    ///
    /// Files that did not change are not read again: whoever changed them was told.
    pub(crate) async fn findings(&self, app: &App, base: TreeId, tree: TreeId) -> Result<Vec<Finding>> {
        let repository = self.repository(app.id);
        let changes = repository.changes(base, tree).await?;
        let changed: HashSet<RepoPath> = changes
            .iter()
            .filter(|change| change.new_blob.is_some())
            .map(|change| change.path.clone())
            .collect();
        let mut findings = Vec::new();
        if let Ok(blocked) = BlockedPaths::new(&app.settings.blocked_paths) {
            for path in changed.iter().filter(|path| blocked.blocks(path)) {
                findings.push(finding(
                    "blocked_path",
                    path,
                    None,
                    "nobody writes this path in this app".to_owned(),
                ));
            }
        }
        let all: Vec<RepoPath> = repository.list(tree).await?.into_iter().map(|entry| entry.path).collect();
        if let Some(clash) = path::find_clash(&all) {
            findings.push(finding("path_clash", &clash.second, None, clash.to_string()));
        }
        let read = changed.clone();
        let files = repository.files(tree, move |path| read.contains(path)).await?;
        let limit = app.settings.file_size_limit_bytes as usize;
        for (path, content) in &files {
            if content.bytes.len() > limit {
                findings.push(finding(
                    "file_size",
                    path,
                    None,
                    format!("larger than the {limit} bytes that the app allows"),
                ));
            } else {
                findings.extend(strict_findings(path, &content.bytes));
            }
        }
        match self.catalog(&repository, tree).await? {
            Err(problems) => findings.extend(problems),
            Ok(catalog) => findings.extend(self.value_findings(app, &catalog).await?),
        }
        findings.sort_by(|a, b| (&a.path, a.line, &a.message).cmp(&(&b.path, b.line, &b.message)));
        findings.dedup();
        findings.truncate(MAX_FINDINGS);
        Ok(findings)
    }

    /// Loads the catalog of a tree, or tells what is wrong with it.
    pub(crate) async fn catalog(
        &self,
        repository: &Repository,
        tree: TreeId,
    ) -> Result<std::result::Result<Catalog, Vec<Finding>>> {
        let files = repository.files(tree, Catalog::holds).await?;
        let parsed = Catalog::parse(files.iter().map(|(path, content)| (path, content.bytes.as_slice())));
        Ok(parsed.map_err(|problems| {
            problems.into_iter().map(|p| finding("catalog", &p.path, p.line, p.message)).collect()
        }))
    }

    /// Tells which environments' values the catalog would refuse.
    async fn value_findings(&self, app: &App, catalog: &Catalog) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        for environment in self.environments(app.id).await? {
            let profile = self.load::<RuntimeProfile>("runtime profile", environment.doc.profile_id).await?;
            if let Err(problems) = catalog.resolve(&catalog.own_values(&profile.doc.env_vars)) {
                findings.extend(
                    problems.into_iter().map(|problem| value_finding(&environment.doc.name, &problem)),
                );
            }
        }
        Ok(findings)
    }
}

pub(crate) fn value_finding(
    environment: &EnvironmentName,
    problem: &conman_domain::catalog::ValueProblem,
) -> Finding {
    let message = format!("environment {environment}, parameter {problem}");
    Finding { rule: "parameter_value".to_owned(), path: None, line: None, message }
}

fn finding(rule: &str, path: &RepoPath, line: Option<u32>, message: String) -> Finding {
    Finding { rule: rule.to_owned(), path: Some(path.clone()), line, message }
}

fn strict_findings(path: &RepoPath, bytes: &[u8]) -> Vec<Finding> {
    let Some(format) = Format::of(path.file_name()) else { return Vec::new() };
    let rule = match format {
        Format::Yaml => "yaml",
        Format::Json => "json",
    };
    strict::problems(format, bytes)
        .into_iter()
        .map(|p| finding(rule, path, Some(p.line), p.message))
        .collect()
}

/// Whether a merge's result must be read strictly: it is a file that is read at all, and the merge made it.
pub(crate) fn must_read(merged: &MergedPath) -> Option<Format> {
    if merged.is_combined() { Format::of(merged.path.file_name()) } else { None }
}
