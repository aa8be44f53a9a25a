//! Three-way merges of trees.
//!
//! The fast way looks only at what the incoming side changed and answers where renames cannot play a part, so that a
//! merge path by path is what Git's would give:
//!
//! - a file modified there, and in ours still a file: unchanged, equal, or combined line by line (see `lines`);
//! - a file added there, in ours neither a file nor a folder, while every folder above it that the base has is still
//!   in ours (else Git could find the folder renamed);
//! - a file deleted there and untouched in ours; a folder that vanished there is untouched in ours as a whole.
//!
//! Everything else is left to Git's own merge (see `outside`).

use crate::Result;
use crate::changes::find_renames;
use crate::lines;
use crate::objects::Objects;
use crate::outside::Outside;
use crate::repository::Handle;
use crate::tree::{self, Changes, Delta, Found, Leaf, or_empty};
use git2::{ObjectType, Oid};
use std::collections::HashMap;

/// One path that a merge changed in our side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Touched {
    pub(crate) path: Vec<u8>,
    pub(crate) base: Option<Leaf>,
    pub(crate) ours: Option<Leaf>,
    pub(crate) theirs: Option<Leaf>,
    pub(crate) merged: Option<Leaf>,
    /// Where the file came from, if a side moved it here and its lines were combined all the same.
    pub(crate) origin: Option<Origin>,
}

/// The versions of a file that a side moved: of those that have it at the old path, what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The old path.
    pub(crate) path: Vec<u8>,
    pub(crate) base: Option<Leaf>,
    pub(crate) ours: Option<Leaf>,
    pub(crate) theirs: Option<Leaf>,
}

/// One path on which the sides do not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conflict {
    pub(crate) path: Vec<u8>,
    pub(crate) base: Option<Leaf>,
    pub(crate) ours: Option<Leaf>,
    pub(crate) theirs: Option<Leaf>,
}

/// How a merge went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Merged {
    Clean {
        tree: Oid,
    },
    /// The tree is Git's best attempt, beside the repository still.
    Conflicted {
        tree: Oid,
        conflicts: Vec<Conflict>,
    },
}

/// Merges trees, the fast way or Git's. New objects are in the overlay.
pub(crate) fn merge_trees(
    handle: &Handle,
    objects: &mut Objects<'_>,
    base: Oid,
    ours: Oid,
    theirs: Oid,
) -> Result<Merged> {
    match fast(objects, base, ours, theirs)? {
        Some((tree, _)) => Ok(Merged::Clean { tree }),
        None => Outside::new(handle)?.merge_trees(objects, base, ours, theirs),
    }
}

/// The fast way; `None` when Git has to decide.
pub(crate) fn fast(
    objects: &mut Objects<'_>,
    base: Oid,
    ours: Oid,
    theirs: Oid,
) -> Result<Option<(Oid, Vec<Touched>)>> {
    let diff = tree::diff(objects, Some(base), Some(theirs))?;
    if diff.retyped {
        return Ok(None);
    }
    for folder in &diff.lost_folders {
        if tree::lookup(objects, base, folder)? != tree::lookup(objects, ours, folder)? {
            return Ok(None);
        }
    }
    let mut changes = Changes::default();
    let mut touched = Vec::with_capacity(diff.files.len());
    for delta in diff.files {
        let found = tree::lookup(objects, ours, &delta.path)?;
        let current = match found {
            Found::Nothing => None,
            Found::Leaf(leaf) => Some(leaf),
            Found::Folder(_) | Found::Behind(_) => return Ok(None),
        };
        let merged = match (delta.old, delta.new, current) {
            (Some(old), Some(new), Some(current)) => match modified(objects, old, current, new)? {
                Some(merged) => Some(merged),
                None => return Ok(None),
            },
            (None, Some(new), None) if new.is_file() && folders_stayed(objects, base, ours, &delta.path)? => {
                Some(new)
            }
            (Some(old), None, Some(current)) if old == current => None,
            _ => return Ok(None),
        };
        if merged != current {
            changes.set(&delta.path, merged);
            let Delta { path, old, new } = delta;
            touched.push(Touched { path, base: old, ours: current, theirs: new, merged, origin: None });
        }
    }
    if changes.is_empty() {
        return Ok(Some((ours, touched)));
    }
    let tree = changes.apply(objects, Some(ours))?;
    Ok(Some((or_empty(objects, tree), touched)))
}

/// Merges a file that is there on all sides.
fn modified(objects: &mut Objects<'_>, old: Leaf, ours: Leaf, theirs: Leaf) -> Result<Option<Leaf>> {
    if ours == old || ours == theirs {
        return Ok(Some(theirs));
    }
    if !(old.is_file() && ours.is_file() && theirs.is_file()) {
        return Ok(None);
    }
    // Two modes only: if the incoming one differs from the base's, it is the change.
    let mode = if theirs.mode == old.mode { ours.mode } else { theirs.mode };
    let id = if ours.id == old.id || ours.id == theirs.id {
        theirs.id
    } else if theirs.id == old.id {
        ours.id
    } else {
        let (base, left, right) = (objects.blob(old.id)?, objects.blob(ours.id)?, objects.blob(theirs.id)?);
        match lines::combine(&base, &left, &right) {
            Some(bytes) => objects.put(ObjectType::Blob, bytes, Some(ours.id)),
            None => return Ok(None),
        }
    };
    Ok(Some(Leaf { mode, id }))
}

/// True when every folder above a path that the base has is still a folder in ours.
fn folders_stayed(objects: &mut Objects<'_>, base: Oid, ours: Oid, path: &[u8]) -> Result<bool> {
    for (slash, _) in path.iter().enumerate().filter(|(_, b)| **b == b'/') {
        match tree::lookup(objects, base, &path[..slash])? {
            Found::Folder(_) => {}
            Found::Nothing => return Ok(true),
            Found::Leaf(_) | Found::Behind(_) => return Ok(false),
        }
        if !matches!(tree::lookup(objects, ours, &path[..slash])?, Found::Folder(_)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What a merge changed in our side, where only the outcome is known.
pub(crate) fn touched(
    objects: &mut Objects<'_>,
    base: Option<Oid>,
    ours: Oid,
    theirs: Oid,
    merged: Oid,
) -> Result<Vec<Touched>> {
    let diff = tree::diff(objects, Some(ours), Some(merged))?;
    let mut touched = diff
        .files
        .into_iter()
        .map(|delta| {
            Ok(Touched {
                base: base.map(|base| leaf(objects, base, &delta.path)).transpose()?.flatten(),
                theirs: leaf(objects, theirs, &delta.path)?,
                ours: delta.old,
                merged: delta.new,
                path: delta.path,
                origin: None,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    if let Some(base) = base {
        follow(objects, base, (ours, theirs), &mut touched)?;
    }
    Ok(touched)
}

/// Finds where files came from whose lines were combined at a path that the base lacks: a side moved them.
fn follow(
    objects: &mut Objects<'_>,
    base: Oid,
    (ours, theirs): (Oid, Oid),
    touched: &mut [Touched],
) -> Result<()> {
    let is_open = |touched: &Touched| {
        touched.base.is_none()
            && touched.merged.is_some_and(|merged| merged.is_file())
            && touched.merged != touched.ours
            && touched.merged != touched.theirs
    };
    if !touched.iter().any(is_open) {
        return Ok(());
    }
    let (moved_by_us, moved_by_them) = (moves(objects, base, ours)?, moves(objects, base, theirs)?);
    for touched in touched.iter_mut().filter(|touched| is_open(touched)) {
        let by_us = moved_by_us.get(&touched.path).filter(|_| touched.ours.is_some());
        let Some(old) = by_us.or_else(|| moved_by_them.get(&touched.path)) else { continue };
        touched.origin = Some(Origin {
            base: leaf(objects, base, old)?,
            ours: leaf(objects, ours, old)?,
            theirs: leaf(objects, theirs, old)?,
            path: old.clone(),
        });
    }
    Ok(())
}

/// The old paths of the files that a side moved, by their new ones.
fn moves(objects: &mut Objects<'_>, base: Oid, side: Oid) -> Result<HashMap<Vec<u8>, Vec<u8>>> {
    let files = tree::diff(objects, Some(base), Some(side))?.files;
    let pairs = find_renames(objects, &files)?;
    Ok(pairs.into_iter().map(|(old, new)| (files[new].path.clone(), files[old].path.clone())).collect())
}

fn leaf(objects: &mut Objects<'_>, tree: Oid, path: &[u8]) -> Result<Option<Leaf>> {
    Ok(match tree::lookup(objects, tree, path)? {
        Found::Leaf(leaf) => Some(leaf),
        Found::Nothing | Found::Folder(_) | Found::Behind(_) => None,
    })
}
