//! What files hold while they are merged, and who made it so.

use crate::Result;
use crate::compose::{CollidesWith, MergedPath};
use crate::merge::Touched;
use crate::objects::{ObjectName, Objects};
use crate::tree::{Leaf, repo_path};
use conman_domain::{BlobId, CommitId, RepoPath};
use std::collections::HashMap;

/// Contents, stored or not yet, with their past.
pub struct Contents<'a> {
    objects: &'a Objects<'a>,
    touches: Option<&'a Touches>,
}

/// What a file held at a time, and whose that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastContent {
    /// The member that made it so, or what the candidate stands on.
    pub with: CollidesWith,
    /// The content; `None` where there was no such file.
    pub blob: Option<BlobId>,
}

impl<'a> Contents<'a> {
    pub(crate) fn of(objects: &'a Objects<'_>, touches: Option<&'a Touches>) -> Self {
        Self { objects, touches }
    }

    /// The bytes of a content that a merge names, or of any in the repository.
    pub fn bytes(&self, blob: BlobId) -> Result<Vec<u8>> {
        self.objects.blob(blob.oid())
    }

    /// What the members so far made of a file, oldest first, beginning with what the candidate stands on; empty where none
    /// of them touched it. A file that was moved has the past of both its paths.
    pub fn past(&self, file: &MergedPath) -> Vec<PastContent> {
        let Some(touches) = self.touches else { return Vec::new() };
        let of = |path: &RepoPath| touches.by_path.get(path.as_str().as_bytes());
        let mut pasts = file.from.iter().filter_map(of).chain(of(&file.path));
        let Some(first) = pasts.next() else { return Vec::new() };
        let mut after = first.after.clone();
        for moved in pasts {
            // Who took the old path away is who set the new one.
            after.retain(|(_, blob)| blob.is_some());
            after.extend(&moved.after);
        }
        after.sort_by_key(|(member, _)| *member);
        let members = after.into_iter().map(|(member, blob)| PastContent {
            with: CollidesWith::Member(touches.labels[member].clone()),
            blob,
        });
        let first = PastContent { with: CollidesWith::Base(touches.base), blob: first.before };
        [first].into_iter().chain(members).collect()
    }
}

/// What the members of a composition made of the paths that they touched.
pub(crate) struct Touches {
    base: CommitId,
    /// What the members are called, by their number.
    labels: Vec<String>,
    by_path: HashMap<Vec<u8>, Past>,
}

/// What a path held before any member touched it, and after each that did.
struct Past {
    before: Option<BlobId>,
    after: Vec<(usize, Option<BlobId>)>,
}

impl Past {
    fn last(&self) -> Option<usize> {
        self.after.last().map(|(member, _)| *member)
    }
}

impl Touches {
    pub(crate) fn on(base: CommitId) -> Self {
        Self { base, labels: Vec::new(), by_path: HashMap::new() }
    }

    /// Adds a member with what it changed.
    pub(crate) fn record(&mut self, label: &str, touched: Vec<Touched>) {
        let member = self.labels.len();
        self.labels.push(label.to_owned());
        for touched in touched {
            let (before, after) = (blob(touched.ours), blob(touched.merged));
            let past = self.by_path.entry(touched.path).or_insert_with(|| Past { before, after: Vec::new() });
            past.after.push((member, after));
        }
    }

    /// How a member is named; the base for none.
    pub(crate) fn with(&self, member: Option<usize>) -> CollidesWith {
        match member {
            Some(member) => CollidesWith::Member(self.labels[member].clone()),
            None => CollidesWith::Base(self.base),
        }
    }

    /// The last member that touched a path or what is near it, else the base.
    pub(crate) fn toucher(&self, path: &[u8]) -> CollidesWith {
        self.with(self.last(path).or_else(|| self.nearest(path)))
    }

    /// The last member that touched a path.
    pub(crate) fn last(&self, path: &[u8]) -> Option<usize> {
        self.by_path.get(path).and_then(Past::last)
    }

    /// The last member that touched something beneath a path, or a file where the path needs a folder.
    pub(crate) fn nearest(&self, path: &[u8]) -> Option<usize> {
        let beneath = |outer: &[u8], inner: &[u8]| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.first() == Some(&b'/'))
        };
        let related = self.by_path.iter().filter(|(other, _)| beneath(path, other) || beneath(other, path));
        related.filter_map(|(_, past)| past.last()).max()
    }

    /// The last member that touched a file of the same folder: where Git found a folder renamed, all that a member
    /// shares with the conflict.
    pub(crate) fn in_folder(&self, path: &[u8]) -> Option<usize> {
        let folder = &path[..=path.iter().rposition(|b| *b == b'/')?];
        let inside = self.by_path.iter().filter(|(other, _)| other.starts_with(folder));
        inside.filter_map(|(_, past)| past.last()).max()
    }
}

impl Touched {
    /// The versions of the file as base, ours and theirs, whichever path they have.
    pub(crate) fn versions(&self) -> [Option<Leaf>; 3] {
        match &self.origin {
            Some(old) => [old.base, self.ours.or(old.ours), self.theirs.or(old.theirs)],
            None => [self.base, self.ours, self.theirs],
        }
    }

    /// The path as callers see it.
    pub(crate) fn shown(&self) -> Result<MergedPath> {
        let [base, ours, theirs] = self.versions().map(blob);
        Ok(MergedPath {
            path: repo_path(&self.path)?,
            from: self.origin.as_ref().map(|old| repo_path(&old.path)).transpose()?,
            base,
            ours,
            theirs,
            merged: blob(self.merged),
        })
    }
}

fn blob(leaf: Option<Leaf>) -> Option<BlobId> {
    leaf.map(|leaf| BlobId::of(leaf.id))
}
