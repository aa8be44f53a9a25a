//! Merges by Git's own machinery, for what the fast way leaves to it.
//!
//! `git merge-tree` works on objects alone. New objects that it has to see, and those that it makes, lie in a folder of
//! their own beside the repository, which goes away with the overlay that reads them.

use crate::command::GitCommand;
use crate::merge::{Conflict, Merged};
use crate::objects::{Objects, commit_bytes, object_id};
use crate::pack::{self, Durability};
use crate::repository::Handle;
use crate::tree::{Leaf, or_empty};
use crate::{GitError, NewCommit, Result};
use conman_domain::Timestamp;
use conman_domain::git::Signature;
use git2::{ObjectType, Oid};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

/// Runs merges outside this process.
pub(crate) struct Outside {
    git_dir: PathBuf,
    folder: Arc<TempDir>,
    /// How many of the overlay's objects lie in the folder.
    shown: usize,
    joined: bool,
}

impl Outside {
    pub(crate) fn new(handle: &Handle) -> Result<Self> {
        let root = handle.path().parent().unwrap_or(handle.path());
        let folder =
            tempfile::Builder::new().prefix(".tmp-merge-").tempdir_in(root).map_err(GitError::io(root))?;
        Ok(Self { git_dir: handle.path().to_owned(), folder: Arc::new(folder), shown: 0, joined: false })
    }

    /// Has to hear when the overlay is rewound.
    pub(crate) fn rewound(&mut self, mark: usize) {
        self.shown = self.shown.min(mark);
    }

    /// Merges trees on the grounds of a common one.
    pub(crate) fn merge_trees(
        &mut self,
        objects: &mut Objects<'_>,
        base: Oid,
        ours: Oid,
        theirs: Oid,
    ) -> Result<Merged> {
        let mark = objects.mark();
        let nobody = nobody();
        let mut commit = |tree: Oid, parents: &[Oid], message: &str| {
            let new =
                NewCommit { author: nobody.clone(), committer: nobody.clone(), message: message.to_owned() };
            objects.put(ObjectType::Commit, commit_bytes(tree, parents, &new), None)
        };
        let root = commit(base, &[], "base");
        let (left, right) = (commit(ours, &[root], "ours"), commit(theirs, &[root], "theirs"));
        self.show(objects)?;
        // The commits were for Git's eyes only.
        objects.rewind(mark);
        self.rewound(mark);
        self.merge(objects, left, right, ours)
    }

    /// Merges commits on the grounds of their history.
    pub(crate) fn merge_commits(
        &mut self,
        objects: &mut Objects<'_>,
        ours: Oid,
        theirs: Oid,
    ) -> Result<Merged> {
        self.show(objects)?;
        let tree = objects.commit(ours)?.tree;
        self.merge(objects, ours, theirs, tree)
    }

    /// The tree on whose grounds Git merges what has these best common ancestors: of several, what they merge to, with
    /// marks in the files that do not; `None` without any.
    pub(crate) fn common_base(&mut self, objects: &mut Objects<'_>, bases: &[Oid]) -> Result<Option<Oid>> {
        let Some((first, more)) = bases.split_first() else { return Ok(None) };
        let mark = objects.mark();
        let (mut at, mut tree) = (*first, objects.commit(*first)?.tree);
        for base in more {
            tree = match self.merge_commits(objects, at, *base)? {
                Merged::Clean { tree } | Merged::Conflicted { tree, .. } => tree,
            };
            let nobody = nobody();
            let message = "what several ancestors merge to".to_owned();
            let new = NewCommit { author: nobody.clone(), committer: nobody, message };
            at = objects.put(ObjectType::Commit, commit_bytes(tree, &[at, *base], &new), None);
        }
        // It can be read where Git wrote it, and is not to be stored.
        objects.rewind(mark);
        self.rewound(mark);
        Ok(Some(tree))
    }

    fn show(&mut self, objects: &mut Objects<'_>) -> Result<()> {
        let added = objects.added(self.shown);
        if !added.is_empty() {
            pack::install(&self.folder.path().join("pack"), added, Durability::Fleeting)?;
        }
        self.shown = objects.mark();
        if !self.joined {
            objects.add_beside(self.folder.clone())?;
            self.joined = true;
        }
        Ok(())
    }

    fn merge(&mut self, objects: &mut Objects<'_>, ours: Oid, theirs: Oid, our_tree: Oid) -> Result<Merged> {
        let quoted = self.git_dir.join("objects");
        let quoted =
            quoted.to_str().ok_or_else(|| GitError::corrupt("the repositories' folder is not UTF-8"))?;
        let quoted = format!("\"{}\"", quoted.replace('\\', "\\\\").replace('"', "\\\""));
        // What it writes is copied from there and synced with the rest.
        let done = GitCommand::unsynced(&self.git_dir, "merge-tree")
            .args(["--write-tree", "-z", "--no-messages", "--allow-unrelated-histories"])
            .arg(ours.to_string())
            .arg(theirs.to_string())
            .env("GIT_OBJECT_DIRECTORY", self.folder.path())
            .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", quoted)
            .run()?;
        if !matches!(done.code, Some(0 | 1)) {
            return Err(done.error());
        }
        let clean = done.code == Some(0);
        let bad = || GitError::corrupt("`git merge-tree` answered in an unknown form");
        let mut parts = done.stdout.split(|b| *b == 0);
        let id =
            parts.next().and_then(|id| std::str::from_utf8(id).ok()).and_then(|id| Oid::from_str(id).ok());
        let tree = id.ok_or_else(bad)?;
        if clean {
            return match objects.adopt(tree, Some(our_tree))? {
                Some(adopted) if adopted == tree => Ok(Merged::Clean { tree }),
                None if tree == object_id(ObjectType::Tree, b"") => {
                    Ok(Merged::Clean { tree: or_empty(objects, None) })
                }
                Some(_) | None => Err(bad()),
            };
        }
        let mut conflicts: BTreeMap<Vec<u8>, Conflict> = BTreeMap::new();
        let nothing = |path: &[u8]| Conflict { path: path.to_vec(), base: None, ours: None, theirs: None };
        for part in parts.by_ref().take_while(|part| !part.is_empty()) {
            let tab = part.iter().position(|b| *b == b'\t').ok_or_else(bad)?;
            let (head, path) = (std::str::from_utf8(&part[..tab]).map_err(|_| bad())?, &part[tab + 1..]);
            let mut words = head.split(' ');
            let mode = words.next().and_then(|mode| u32::from_str_radix(mode, 8).ok()).ok_or_else(bad)?;
            let id = words.next().and_then(|id| Oid::from_str(id).ok()).ok_or_else(bad)?;
            let conflict = conflicts.entry(path.to_vec()).or_insert_with(|| nothing(path));
            let slot = match words.next() {
                Some("1") => &mut conflict.base,
                Some("2") => &mut conflict.ours,
                Some("3") => &mut conflict.theirs,
                Some(_) | None => return Err(bad()),
            };
            *slot = Some(Leaf { mode, id }).filter(|leaf| !leaf.id.is_zero());
        }
        if conflicts.is_empty() {
            // Where folders are renamed against files Git may leave no file in conflict: its messages name the paths.
            while let Some(count) = parts.next().filter(|count| !count.is_empty()) {
                let count: usize =
                    std::str::from_utf8(count).ok().and_then(|n| n.parse().ok()).ok_or_else(bad)?;
                let paths: Vec<&[u8]> = parts.by_ref().take(count).collect();
                let (kind, _text) = (parts.next().ok_or_else(bad)?, parts.next());
                if kind.starts_with(b"CONFLICT") {
                    conflicts.extend(paths.into_iter().map(|path| (path.to_vec(), nothing(path))));
                }
            }
        }
        if conflicts.is_empty() {
            return Err(bad());
        }
        Ok(Merged::Conflicted { tree, conflicts: conflicts.into_values().collect() })
    }
}

fn nobody() -> Signature {
    Signature::new("Conman", "conman@invalid", Timestamp::from_millis(0))
}

/// The own name of a conflicting file that gave way to a folder of that name; Git adds `~` and the commit of its side.
pub(crate) fn moved_aside(path: &[u8]) -> Option<&[u8]> {
    let tilde = path.iter().rposition(|b| *b == b'~')?;
    let side = path.get(tilde + 1..tilde + 41)?;
    side.iter().all(u8::is_ascii_hexdigit).then(|| &path[..tilde])
}
