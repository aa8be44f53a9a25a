//! What changed between two trees.

use crate::objects::{ObjectName, Objects};
use crate::repository::Handle;
use crate::tree::{self, Delta, Leaf, repo_path};
use crate::{Repository, Result};
use conman_domain::{BlobId, RepoPath, TreeId};
use git2::Oid;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::HashMap;

/// How a file changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// Its content or mode changed.
    Modified,
    /// It is gone.
    Deleted,
    /// It has another path, and at least half of its old content.
    Renamed,
}

/// One changed file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PathChange {
    /// The path, in the newer tree where it exists there.
    pub path: RepoPath,
    /// The former path of a renamed file.
    pub old_path: Option<RepoPath>,
    /// How it changed.
    pub kind: ChangeKind,
    /// The content before; `None` for added files.
    pub old_blob: Option<BlobId>,
    /// The content after; `None` for deleted files.
    pub new_blob: Option<BlobId>,
}

/// The share of its content that a renamed file keeps, of [`WHOLE`].
const HALF: u64 = 30_000;
const WHOLE: u64 = 60_000;
/// Pairs of deleted and added files that are compared at most; beyond that only equal content counts, as in Git.
const MAX_PAIRS: usize = 1_000_000;
/// Files above this are renamed only when their content is equal.
const MAX_COMPARED: usize = 8 << 20;

impl Repository {
    /// The files that differ, sorted by path; renames are found as `git diff -M50%` finds them.
    pub async fn changes(&self, from: TreeId, to: TreeId) -> Result<Vec<PathChange>> {
        self.run(move |handle| handle.changes(from.oid(), to.oid())).await
    }
}

impl Handle {
    /// The files that differ, sorted by path, renames found.
    pub(crate) fn changes(&self, from: Oid, to: Oid) -> Result<Vec<PathChange>> {
        let mut objects = self.objects()?;
        let mut files = tree::diff(&mut objects, Some(from), Some(to))?.files;
        // A path that changed from a file into a link, say, is in both lists of its own: it stays one change.
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let renames = find_renames(&objects, &files)?;
        let sources: HashMap<usize, usize> =
            renames.iter().map(|(source, target)| (*source, *target)).collect();
        let targets: HashMap<usize, usize> =
            renames.iter().map(|(source, target)| (*target, *source)).collect();
        let mut changes = Vec::with_capacity(files.len());
        for (index, file) in files.iter().enumerate() {
            if sources.contains_key(&index) {
                continue;
            }
            let origin = targets.get(&index).map(|source| &files[*source]);
            let old = origin.map_or(file.old, |origin| origin.old);
            let kind = match (origin, file.old, file.new) {
                (Some(_), _, _) => ChangeKind::Renamed,
                (None, None, _) => ChangeKind::Added,
                (None, Some(_), None) => ChangeKind::Deleted,
                (None, Some(_), Some(_)) => ChangeKind::Modified,
            };
            changes.push(PathChange {
                path: repo_path(&file.path)?,
                old_path: origin.map(|origin| repo_path(&origin.path)).transpose()?,
                kind,
                old_blob: old.map(|leaf| BlobId::of(leaf.id)),
                new_blob: file.new.map(|leaf| BlobId::of(leaf.id)),
            });
        }
        Ok(changes)
    }
}

fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or(path)
}

/// Pairs deleted with added files: equal content first, then unique names, then the most alike.
pub(crate) fn find_renames(objects: &Objects<'_>, files: &[Delta]) -> Result<Vec<(usize, usize)>> {
    let pick = |side: fn(&Delta) -> (Option<Leaf>, Option<Leaf>)| -> Vec<(usize, Leaf)> {
        let only = files.iter().enumerate().filter_map(|(index, file)| match side(file) {
            (Some(leaf), None) if leaf.is_file() => Some((index, leaf)),
            _ => None,
        });
        only.collect()
    };
    let mut gone = pick(|file| (file.old, file.new));
    let mut fresh = pick(|file| (file.new, file.old));
    let mut pairs = Vec::new();
    if gone.is_empty() || fresh.is_empty() {
        return Ok(pairs);
    }

    // Equal content, a source of the same name first.
    let mut by_content: HashMap<Oid, Vec<usize>> = HashMap::new();
    for (index, leaf) in &gone {
        by_content.entry(leaf.id).or_default().push(*index);
    }
    fresh.retain(|(target, leaf)| {
        let Some(sources) = by_content.get_mut(&leaf.id).filter(|sources| !sources.is_empty()) else {
            return true;
        };
        let name = base_name(&files[*target].path);
        let best = sources.iter().position(|source| base_name(&files[*source].path) == name).unwrap_or(0);
        pairs.push((sources.remove(best), *target));
        false
    });
    gone.retain(|(index, _)| !pairs.iter().any(|(source, _)| source == index));
    if gone.is_empty() || fresh.is_empty() || gone.len().saturating_mul(fresh.len()) > MAX_PAIRS {
        return Ok(pairs);
    }

    let mut prints: HashMap<Oid, Option<Print>> = HashMap::new();
    for (_, leaf) in gone.iter().chain(&fresh) {
        if let std::collections::hash_map::Entry::Vacant(slot) = prints.entry(leaf.id) {
            let bytes = objects.blob(leaf.id)?;
            slot.insert((bytes.len() <= MAX_COMPARED).then(|| Print::new(&bytes)));
        }
    }
    let score = |source: &Leaf, target: &Leaf| match (&prints[&source.id], &prints[&target.id]) {
        (Some(source), Some(target)) => source.likeness(target),
        _ => 0,
    };

    // A name that is unique on both sides decides, at a higher bar.
    let mut names: HashMap<&[u8], (Vec<usize>, Vec<usize>)> = HashMap::new();
    for (at, (index, _)) in gone.iter().enumerate() {
        names.entry(base_name(&files[*index].path)).or_default().0.push(at);
    }
    for (at, (index, _)) in fresh.iter().enumerate() {
        names.entry(base_name(&files[*index].path)).or_default().1.push(at);
    }
    let (mut used_source, mut used_target) = (vec![false; gone.len()], vec![false; fresh.len()]);
    for (sources, targets) in names.values() {
        if let ([source], [target]) = (sources.as_slice(), targets.as_slice())
            && score(&gone[*source].1, &fresh[*target].1) >= (HALF + WHOLE) / 2
        {
            pairs.push((gone[*source].0, fresh[*target].0));
            used_source[*source] = true;
            used_target[*target] = true;
        }
    }

    let mut candidates = Vec::new();
    for (target, (target_index, leaf)) in fresh.iter().enumerate().filter(|(at, _)| !used_target[*at]) {
        for (source, (source_index, old)) in gone.iter().enumerate().filter(|(at, _)| !used_source[*at]) {
            let likeness = score(old, leaf);
            if likeness >= HALF {
                let same_name =
                    base_name(&files[*source_index].path) == base_name(&files[*target_index].path);
                candidates.push((Reverse(likeness), Reverse(same_name), target, source));
            }
        }
    }
    candidates.sort_unstable();
    for (_, _, target, source) in candidates {
        if !used_source[source] && !used_target[target] {
            pairs.push((gone[source].0, fresh[target].0));
            used_source[source] = true;
            used_target[target] = true;
        }
    }
    Ok(pairs)
}

/// What of a content is compared: its lines (long ones in parts of 64 bytes) with the bytes that they make up.
struct Print {
    size: u64,
    parts: HashMap<Vec<u8>, u64>,
}

impl Print {
    fn new(bytes: &[u8]) -> Self {
        let text = !bytes[..bytes.len().min(8000)].contains(&0);
        let mut parts: HashMap<Vec<u8>, u64> = HashMap::new();
        for line in bytes.split_inclusive(|b| *b == b'\n') {
            for part in line.chunks(64) {
                // A change of line ends alone makes no other file.
                let key = match part {
                    [head @ .., b'\r', b'\n'] if text => [head, b"\n"].concat(),
                    part => part.to_vec(),
                };
                let size = key.len() as u64;
                *parts.entry(key).or_default() += size;
            }
        }
        Self { size: bytes.len() as u64, parts }
    }

    /// The share of content in common, of [`WHOLE`].
    fn likeness(&self, new: &Self) -> u64 {
        let (small, large) = (self.size.min(new.size), self.size.max(new.size));
        if small == 0 || large.saturating_sub(small) * WHOLE > large * (WHOLE - HALF) {
            return 0;
        }
        let common: u64 =
            self.parts.iter().map(|(part, bytes)| new.parts.get(part).map_or(0, |n| *n.min(bytes))).sum();
        common * WHOLE / large
    }
}
