//! The tree verifier: what no tree of an app may hold, whoever made it.

use crate::objects::Objects;
use crate::tree::{EXECUTABLE, Entry, FILE, FOLDER, compare, escape};
use crate::{GitError, Result, TreeRefused};
use conman_domain::path::{MAX_DEPTH, MAX_PATH_BYTES, check_component, fold};
use git2::Oid;
use std::cmp::Ordering;
use std::collections::HashMap;

/// The most entries of one tree, folders included.
const MAX_ENTRIES: usize = 1_000_000;

/// Checks a tree and all folders beneath it: form, order, modes, names, and names that clash.
pub(crate) fn verify_tree(objects: &mut Objects<'_>, tree: Oid) -> Result<()> {
    let mut left = MAX_ENTRIES;
    // Folders still to be read: depth is bounded before one is pushed, so that no tree exhausts the stack.
    let mut open: Vec<(Oid, Vec<u8>, usize)> = vec![(tree, Vec::new(), 1)];
    while let Some((id, prefix, depth)) = open.pop() {
        let parsed = match objects.tree(id) {
            Ok(parsed) => parsed,
            Err(GitError::Corrupt { .. }) => return Err(refused(&prefix, "malformed")),
            Err(error) => return Err(error),
        };
        let mut folded: HashMap<String, &[u8]> = HashMap::with_capacity(parsed.len());
        let mut previous: Option<Entry<'_>> = None;
        for (index, entry) in parsed.entries().enumerate() {
            let path = join(&prefix, entry.name);
            let refuse = |rule| Err(refused(&path, rule));
            left = match left.checked_sub(1) {
                Some(left) => left,
                None => return refuse("too_many_entries"),
            };
            match entry.mode {
                FILE | EXECUTABLE | FOLDER => {}
                0o120000 => return refuse("symlink"),
                0o160000 => return refuse("submodule"),
                _ => return refuse("bad_mode"),
            }
            if !parsed.has_plain_mode(index) {
                return refuse("bad_mode");
            }
            let Ok(name) = std::str::from_utf8(entry.name) else {
                return refuse("not_utf8");
            };
            if let Err(error) = check_component(name) {
                return refuse(error.rule);
            }
            if path.len() > MAX_PATH_BYTES {
                return refuse("too_long");
            }
            if let Some(previous) = previous {
                if previous.name == entry.name {
                    return refuse("duplicate_name");
                }
                if compare(previous.name, previous.is_tree(), entry.name, entry.is_tree()) != Ordering::Less {
                    return refuse("unsorted");
                }
            }
            previous = Some(entry);
            match folded.insert(fold(name), entry.name) {
                Some(other) if other == entry.name => return refuse("duplicate_name"),
                Some(_) => return refuse("case_clash"),
                None => {}
            }
            if entry.is_tree() {
                if depth >= MAX_DEPTH {
                    return refuse("too_deep");
                }
                open.push((entry.id, path, depth + 1));
            }
        }
        if parsed.len() == 0 && !prefix.is_empty() {
            return Err(refused(&prefix, "empty_folder"));
        }
    }
    Ok(())
}

/// Checks one new path against its siblings on every level: no two names of one folder may differ only in case.
///
/// Answers the path (up to the clashing component) that is there.
pub(crate) fn find_case_clash(objects: &mut Objects<'_>, root: Oid, path: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut at = root;
    let mut prefix = Vec::new();
    for name in path.split(|b| *b == b'/') {
        let tree = objects.tree(at)?;
        let Ok(text) = std::str::from_utf8(name) else {
            return Ok(None);
        };
        let wanted = fold(text);
        for entry in tree.entries().filter(|entry| entry.name != name) {
            if std::str::from_utf8(entry.name).is_ok_and(|other| fold(other) == wanted) {
                return Ok(Some(join(&prefix, entry.name)));
            }
        }
        prefix = join(&prefix, name);
        match tree.find(name) {
            Some(entry) if entry.is_tree() => at = entry.id,
            Some(_) | None => break,
        }
    }
    Ok(None)
}

fn join(prefix: &[u8], name: &[u8]) -> Vec<u8> {
    if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
}

fn refused(path: &[u8], rule: &'static str) -> GitError {
    GitError::Refused(TreeRefused { path: escape(path), rule })
}
