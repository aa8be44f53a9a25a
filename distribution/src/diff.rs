//! What an activation changes, against what is active.

use crate::model::{FileCounts, ParameterChange};
use conman_domain::catalog::Catalog;
use conman_domain::name::ParameterName;
use conman_domain::path::RepoPath;
use conman_domain::snapshot::{ContentHash, SnapshotParameter};
use conman_domain::value::Value;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What one file was before and after; `None` where it did not exist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FileChange {
    pub(crate) before: Option<ContentHash>,
    pub(crate) after: Option<ContentHash>,
}

/// What one declaration was before and after, as JSON texts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DeclarationChange {
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
    pub(crate) deprecated: bool,
}

pub(crate) type ParameterChanges = BTreeMap<ParameterName, ParameterChange>;
pub(crate) type FileChanges = BTreeMap<RepoPath, FileChange>;
pub(crate) type DeclarationChanges = BTreeMap<ParameterName, DeclarationChange>;

/// Pairs up two maps: every key whose values differ, with both.
fn differing<'a, K: Ord, V: PartialEq>(
    before: &'a BTreeMap<K, V>,
    after: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = (&'a K, Option<&'a V>, Option<&'a V>)> {
    let gone = before
        .iter()
        .filter(|(key, _)| !after.contains_key(key))
        .map(|(key, value)| (key, Some(value), None));
    let new_or_other =
        after.iter().map(|(key, value)| (key, before.get(key), Some(value))).filter(|(_, was, is)| was != is);
    gone.chain(new_or_other)
}

pub(crate) fn parameters(
    before: &BTreeMap<ParameterName, SnapshotParameter>,
    after: &BTreeMap<ParameterName, SnapshotParameter>,
) -> ParameterChanges {
    differing(before, after)
        .map(|(name, before, after)| {
            let change = ParameterChange { before: before.cloned(), after: after.cloned() };
            (name.clone(), change)
        })
        .collect()
}

pub(crate) fn files(
    before: &BTreeMap<RepoPath, ContentHash>,
    after: &BTreeMap<RepoPath, ContentHash>,
) -> FileChanges {
    differing(before, after)
        .map(|(path, before, after)| {
            let change = FileChange { before: before.cloned(), after: after.cloned() };
            (path.clone(), change)
        })
        .collect()
}

/// Names the catalog's rows that an activation would take away.
pub(crate) fn leaving(before: &BTreeMap<ParameterName, Value>, catalog: &Catalog) -> Vec<ParameterName> {
    before.keys().filter(|name| !catalog.parameters.contains_key(*name)).cloned().collect()
}

pub(crate) fn count(files: &FileChanges) -> FileCounts {
    let mut counts = FileCounts::default();
    for change in files.values() {
        match (&change.before, &change.after) {
            (None, _) => counts.added += 1,
            (Some(_), Some(_)) => counts.changed += 1,
            (Some(_), None) => counts.removed += 1,
        }
    }
    counts
}

/// Pairs up the catalog's rows, given as JSON, with the catalog's declarations.
///
/// A row that left the catalog while a parameter set refers to it is kept and marked deprecated.
pub(crate) fn declarations(
    before: &BTreeMap<ParameterName, Value>,
    referred_to: &BTreeSet<ParameterName>,
    catalog: &Catalog,
) -> Result<DeclarationChanges, serde_json::Error> {
    let mut after = BTreeMap::new();
    for (name, parameter) in &catalog.parameters {
        after.insert(name.clone(), serde_json::to_value(parameter)?);
    }
    for name in referred_to {
        if let (false, Some(row)) = (after.contains_key(name), before.get(name)) {
            let mut kept = row.clone();
            if let Some(fields) = kept.as_object_mut() {
                fields.insert("deprecated".to_owned(), Value::Bool(true));
            }
            after.insert(name.clone(), kept);
        }
    }
    Ok(differing(before, &after)
        .map(|(name, before, after)| {
            let change = DeclarationChange {
                before: before.map(Value::to_string),
                after: after.map(Value::to_string),
                deprecated: after.is_some_and(|row| row["deprecated"] == Value::Bool(true)),
            };
            (name.clone(), change)
        })
        .collect())
}
