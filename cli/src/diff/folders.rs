//! Two folders, compared without Git.

use crate::diff::sides::{Sides, cannot_read};
use anyhow::{Context as _, Result};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Reads what differs between two folders; finds files that only have another path.
///
/// `.git` is passed over wherever it lies. No symlink is followed: as in Git, its content is the path that it holds.
/// Pipes, sockets and devices are no files.
pub(crate) fn sides(base: &Path, head: &Path) -> Result<Sides> {
    let (old, new) = (entries(base)?, entries(head)?);
    let mut sides = Sides::between(&base.to_string_lossy(), &head.to_string_lossy());
    let (mut gone, mut fresh) = (Vec::new(), Vec::new());
    for (path, kind) in &old {
        let before = content(&base.join(path), *kind)?;
        match new.get(path) {
            None => gone.push((name(path), before)),
            Some(kind) => {
                let after = content(&head.join(path), *kind)?;
                if before != after {
                    sides.add(name(path), None, Some(before), Some(after));
                }
            }
        }
    }
    for (path, kind) in new.iter().filter(|(path, _)| !old.contains_key(*path)) {
        fresh.push((name(path), content(&head.join(path), *kind)?));
    }

    let renames = semantic_diff::pair_renames(&borrowed(&gone), &borrowed(&fresh));
    let sources: HashSet<usize> = renames.iter().map(|(source, _)| *source).collect();
    let targets: HashMap<usize, usize> =
        renames.into_iter().map(|(source, target)| (target, source)).collect();
    for (at, (path, after)) in fresh.into_iter().enumerate() {
        match targets.get(&at).map(|source| gone[*source].clone()) {
            Some((old_path, before)) => sides.add(path, Some(old_path), Some(before), Some(after)),
            None => sides.add(path, None, None, Some(after)),
        }
    }
    for (_, (path, before)) in gone.into_iter().enumerate().filter(|(at, _)| !sources.contains(at)) {
        sides.add(path, None, Some(before), None);
    }
    Ok(sides)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Symlink,
}

/// Everything with a content beneath a folder, by its path from there.
fn entries(root: &Path) -> Result<BTreeMap<PathBuf, Kind>> {
    let mut found = BTreeMap::new();
    // Folders still to be read, so that no depth exhausts the stack.
    let mut open = vec![PathBuf::new()];
    while let Some(folder) = open.pop() {
        let place = root.join(&folder);
        for entry in fs::read_dir(&place).with_context(|| cannot_read(&place))? {
            let entry = entry.with_context(|| cannot_read(&place))?;
            if entry.file_name() == ".git" {
                continue;
            }
            let path = folder.join(entry.file_name());
            let kind = entry.file_type().with_context(|| cannot_read(&entry.path()))?;
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_symlink() {
                found.insert(path, Kind::Symlink);
            } else if kind.is_file() {
                found.insert(path, Kind::File);
            }
        }
    }
    Ok(found)
}

fn content(path: &Path, kind: Kind) -> Result<Vec<u8>> {
    let bytes = match kind {
        Kind::File => fs::read(path),
        Kind::Symlink => fs::read_link(path).map(|target| target.into_os_string().into_encoded_bytes()),
    };
    bytes.with_context(|| cannot_read(path))
}

fn name(path: &Path) -> String {
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn borrowed(files: &[(String, Vec<u8>)]) -> Vec<(&str, &[u8])> {
    files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect()
}
