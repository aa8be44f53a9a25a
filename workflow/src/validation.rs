//! The built-in validation: what every tree must satisfy before it is reviewed, released or deployed.

use crate::error::Result;
use crate::services::Workflow;
use conman_distribution::SetReferences;
use conman_domain::RepoPath;
use conman_domain::TreeId;
use conman_domain::app::{App, BlockedPaths};
use conman_domain::catalog::Catalog;
use conman_domain::changeset::Finding;
use conman_domain::name::{EnvironmentName, ParameterName};
use conman_domain::profile::RuntimeProfile;
use conman_git::{MergedPath, Repository};
use conman_validation::{blocked_findings, catalog_of, clash_finding, sort_findings};
use semantic_diff::Format;
use std::collections::HashSet;

/// The most findings that are kept.
pub(crate) const MAX_FINDINGS: usize = 200;

impl Workflow {
    /// What is wrong with a tree, and was not in another: in the files that it changes, in what refers to them, in its
    /// catalog, and in the environments' values under that catalog.
    ///
    /// What was wrong before in files that did not change is somebody else's, and holds nobody back.
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
            findings.extend(blocked_findings(&changed, &blocked));
        }
        let all = repository.list(tree).await?;
        findings.extend(clash_finding(all.iter().map(|entry| &entry.path)));
        let limit = u64::from(app.settings.file_size_limit_bytes);
        for entry in all.iter().filter(|entry| entry.size > limit && changed.contains(&entry.path)) {
            let message = format!("larger than the {limit} bytes that the app allows");
            findings.push(Finding::error("file_size", &entry.path, None, message));
        }
        let before = self.model(app.id, base).await?;
        let after = self.model(app.id, tree).await?;
        let known: HashSet<_> = before.findings().iter().map(identity).collect();
        findings.extend(
            after
                .findings()
                .iter()
                .filter(|finding| {
                    let is_mine = finding.path.as_ref().is_none_or(|path| changed.contains(path));
                    is_mine || !known.contains(&identity(finding))
                })
                .cloned(),
        );
        match self.catalog(&repository, tree).await? {
            Err(problems) => findings.extend(problems),
            Ok(catalog) => {
                findings.extend(self.value_findings(app, &catalog).await?);
                findings.extend(self.removal_findings(app, base, &catalog).await?);
            }
        }
        sort_findings(&mut findings);
        if findings.len() > MAX_FINDINGS {
            // What the validation fails by comes first.
            findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
            findings.truncate(MAX_FINDINGS);
            sort_findings(&mut findings);
        }
        Ok(findings)
    }

    /// What holds a tree back; see [`Workflow::findings`].
    pub(crate) async fn errors(&self, app: &App, base: TreeId, tree: TreeId) -> Result<Vec<Finding>> {
        let mut findings = self.findings(app, base, tree).await?;
        findings.retain(Finding::is_error);
        Ok(findings)
    }

    /// Loads the catalog of a tree, or tells what is wrong with it.
    pub(crate) async fn catalog(
        &self,
        repository: &Repository,
        tree: TreeId,
    ) -> Result<std::result::Result<Catalog, Vec<Finding>>> {
        let files = repository.files(tree, Catalog::holds).await?;
        Ok(catalog_of(files.iter().map(|(path, content)| (path, content.bytes.as_slice()))))
    }

    /// Tells which parameters are gone although parameter sets refer to them.
    async fn removal_findings(&self, app: &App, base: TreeId, catalog: &Catalog) -> Result<Vec<Finding>> {
        let Ok(before) = self.catalog(&self.repository(app.id), base).await? else {
            return Ok(Vec::new());
        };
        let kept = self.sets_that_keep(app.id, &before, catalog).await?;
        let finding = |(name, sets): (ParameterName, SetReferences)| {
            let named: Vec<&str> = sets.newest.iter().filter_map(|hash| hash.as_str().get(..12)).collect();
            let more = match sets.total as usize - named.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let message = format!(
                "parameter `{name}` cannot be removed, because parameter sets refer to it: {}{more}; \
                 set `deprecated: true` instead",
                named.join(", ")
            );
            Finding::of_no_file("parameter_in_use", message)
        };
        Ok(kept.into_iter().map(finding).collect())
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

/// What makes a finding the same, wherever in its file it stands.
fn identity(finding: &Finding) -> (String, Option<RepoPath>, String) {
    (finding.rule.clone(), finding.path.clone(), finding.message.clone())
}

pub(crate) fn value_finding(
    environment: &EnvironmentName,
    problem: &conman_domain::catalog::ValueProblem,
) -> Finding {
    Finding::of_no_file("parameter_value", format!("environment {environment}, parameter {problem}"))
}

/// Whether a merge's result must be read strictly: it is a file that is read at all, and the merge made it.
pub(crate) fn must_read(merged: &MergedPath) -> Option<Format> {
    if merged.is_combined() { Format::of(merged.path.file_name()) } else { None }
}
