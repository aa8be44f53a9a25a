//! What a whole tree must satisfy, apart from what its files say.

use crate::facts::FileFacts;
use crate::model::Model;
use crate::schemas::Schemas;
use conman_domain::app::BlockedPaths;
use conman_domain::catalog::Catalog;
use conman_domain::changeset::Finding;
use conman_domain::{RepoPath, path};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything that the built-in validation finds in a tree by itself: files, references, the catalog, paths; sorted.
pub fn tree_findings(files: &BTreeMap<RepoPath, Vec<u8>>) -> Vec<Finding> {
    let schema_files = files.iter().filter(|(path, _)| Schemas::replaced_by(path).is_some());
    let schemas = Schemas::of_app(schema_files.map(|(path, bytes)| (path, bytes.as_slice())));
    let facts = files.iter().map(|(path, bytes)| Arc::new(FileFacts::read(path, bytes, &schemas)));
    let mut findings = Model::link(facts).findings();
    findings.extend(schemas.own_findings().iter().cloned());
    findings.extend(clash_finding(files.keys()));
    let catalog = files.iter().filter(|(path, _)| Catalog::holds(path));
    if let Err(problems) = catalog_of(catalog.map(|(path, bytes)| (path, bytes.as_slice()))) {
        findings.extend(problems);
    }
    sort_findings(&mut findings);
    findings
}

/// The catalog of some files, or what is wrong with them.
pub fn catalog_of<'a>(
    files: impl IntoIterator<Item = (&'a RepoPath, &'a [u8])>,
) -> Result<Catalog, Vec<Finding>> {
    Catalog::parse(files).map_err(|problems| {
        problems
            .into_iter()
            .map(|problem| Finding {
                column: problem.column,
                ..Finding::error("catalog", &problem.path, problem.line, problem.message)
            })
            .collect()
    })
}

/// Paths that nobody writes in an app.
pub fn blocked_findings<'a>(
    paths: impl IntoIterator<Item = &'a RepoPath>,
    blocked: &BlockedPaths,
) -> Vec<Finding> {
    let message = || "nobody writes this path in this app".to_owned();
    let hint = || Some("take the file out, or ask an app admin to change the app's blocked paths".to_owned());
    paths
        .into_iter()
        .filter(|path| blocked.blocks(path))
        .map(|path| Finding { hint: hint(), ..Finding::error("blocked_path", path, None, message()) })
        .collect()
}

/// Two paths that cannot live side by side on every file system.
pub fn clash_finding<'a>(paths: impl IntoIterator<Item = &'a RepoPath>) -> Option<Finding> {
    path::find_clash(paths).map(|clash| Finding::error("path_clash", &clash.second, None, clash.to_string()))
}

/// By file and place, without what two readers tell alike.
pub fn sort_findings(findings: &mut Vec<Finding>) {
    findings.sort_by(|a, b| {
        (&a.path, a.line, a.column, &a.message).cmp(&(&b.path, b.line, b.column, &b.message))
    });
    findings.dedup_by(|a, b| (&a.path, a.line, &a.message) == (&b.path, b.line, &b.message));
}
