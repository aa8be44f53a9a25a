//! The candidate of a composition as it grows, member by member.

use crate::compose::{
    Check, ComposeConflict, ComposeHooks, ComposeMember, Explain, Explained, MemberOutcome, MergeCheck,
};
use crate::contents::{Contents, Touches};
use crate::merge::{self, Conflict, Merged, Touched};
use crate::objects::{ObjectName, Objects, commit_bytes};
use crate::outside::{Outside, moved_aside};
use crate::repository::Handle;
use crate::tree::{self, repo_path};
use crate::{GitError, NewCommit, Result, verify};
use conman_domain::git::Signature;
use conman_domain::{CommitId, TreeId};
use git2::{ObjectType, Oid};
use std::collections::HashSet;

/// The candidate so far.
pub(crate) struct Candidate<'h> {
    handle: &'h Handle,
    pub(crate) objects: Objects<'h>,
    outside: Option<Outside>,
    base: Oid,
    base_tree: Oid,
    pub(crate) commit: Oid,
    pub(crate) tree: Oid,
    /// What the candidate contains beyond the base's history.
    contained: HashSet<Oid>,
    heads: Vec<Oid>,
    /// What the members merged made of the paths that they touched.
    touches: Touches,
}

/// A clean merge that is not part of the candidate yet.
pub(crate) struct CleanMerge {
    pub(crate) tree: Oid,
    touched: Vec<Touched>,
    /// The commits that it brings in.
    brings: Vec<Oid>,
}

/// How a merge into the candidate went.
pub(crate) enum Attempt {
    Contained,
    Clean(CleanMerge),
    Conflicted {
        conflicts: Vec<Conflict>,
        /// The tree of the common ancestor, where there is just one.
        base: Option<Oid>,
    },
}

/// How a head hangs together with the candidate.
struct Ancestry {
    bases: Vec<Oid>,
    brings: Vec<Oid>,
}

/// How far a head's own commits are followed before the general algorithm is asked.
const STRAIGHT: usize = 256;

impl<'h> Candidate<'h> {
    pub(crate) fn new(handle: &'h Handle, base: Oid) -> Result<Self> {
        handle.require_commit(base)?;
        let objects = handle.objects()?;
        let base_tree = objects.commit(base)?.tree;
        Ok(Self {
            handle,
            objects,
            outside: None,
            base,
            base_tree,
            commit: base,
            tree: base_tree,
            contained: HashSet::new(),
            heads: Vec::new(),
            touches: Touches::on(CommitId::of(base)),
        })
    }

    /// Merges a member, or says why not.
    pub(crate) fn add(
        &mut self,
        member: &ComposeMember,
        committer: &Signature,
        hooks: &mut ComposeHooks,
    ) -> Result<MemberOutcome> {
        let mark = self.objects.mark();
        let merge = match self.merge(member.head.oid())? {
            Attempt::Contained => return Ok(MemberOutcome::AlreadyContained),
            Attempt::Conflicted { conflicts, base } => {
                let conflicts = self.explain(conflicts, base, &mut *hooks.explain)?;
                self.rewind(mark);
                return Ok(MemberOutcome::Conflicted { conflicts });
            }
            Attempt::Clean(merge) => merge,
        };
        let mut conflicts = self.find_clashes(&merge)?;
        if conflicts.is_empty() {
            conflicts = self.run_check(member, &merge, &mut *hooks.check)?;
        }
        if !conflicts.is_empty() {
            self.rewind(mark);
            return Ok(MemberOutcome::Conflicted { conflicts });
        }
        let new = NewCommit {
            author: member.author.clone(),
            committer: committer.clone(),
            message: member.message.clone(),
        };
        let parents = [self.commit, member.head.oid()];
        self.commit = self.objects.put(ObjectType::Commit, commit_bytes(merge.tree, &parents, &new), None);
        self.tree = merge.tree;
        self.contained.insert(self.commit);
        self.contained.extend(merge.brings);
        self.heads.push(member.head.oid());
        self.touches.record(&member.label, merge.touched);
        Ok(MemberOutcome::Merged { commit: CommitId::of(self.commit) })
    }

    fn rewind(&mut self, mark: usize) {
        self.objects.rewind(mark);
        if let Some(outside) = &mut self.outside {
            outside.rewound(mark);
        }
    }

    /// Merges a head's tree into the candidate's.
    pub(crate) fn merge(&mut self, head: Oid) -> Result<Attempt> {
        let Ancestry { bases, brings } = match self.straight_ancestry(head)? {
            Some(ancestry) => ancestry,
            None => self.ancestry(head)?,
        };
        if bases.contains(&head) {
            return Ok(Attempt::Contained);
        }
        let theirs = self.objects.commit(head)?.tree;
        let base = match bases.as_slice() {
            [base] => Some(self.objects.commit(*base)?.tree),
            _ => None,
        };
        if let Some(base) = base {
            let mark = self.objects.mark();
            match merge::fast(&mut self.objects, base, self.tree, theirs)? {
                Some((tree, touched)) => {
                    return Ok(Attempt::Clean(CleanMerge { tree, touched, brings }));
                }
                None => self.rewind(mark),
            }
        }
        let outside = match &mut self.outside {
            Some(outside) => outside,
            none => none.insert(Outside::new(self.handle)?),
        };
        match outside.merge_commits(&mut self.objects, self.commit, head)? {
            Merged::Clean { tree } => {
                let base = outside.common_base(&mut self.objects, &bases)?;
                let touched = merge::touched(&mut self.objects, base, self.tree, theirs, tree)?;
                Ok(Attempt::Clean(CleanMerge { tree, touched, brings }))
            }
            Merged::Conflicted { conflicts, .. } => Ok(Attempt::Conflicted { conflicts, base }),
        }
    }

    /// The common ancestor of a head whose own commits form a line; `None` when they do not.
    ///
    /// Where the line first meets what the candidate contains is the only best common ancestor: nothing above it is
    /// contained, everything else below it is its ancestor.
    fn straight_ancestry(&self, head: Oid) -> Result<Option<Ancestry>> {
        let mut brings = Vec::new();
        let mut at = head;
        while brings.len() < STRAIGHT {
            if at == self.base || self.contained.contains(&at) {
                return Ok(Some(Ancestry { bases: vec![at], brings }));
            }
            let links = self.objects.commit(at)?;
            let [parent] = links.parents.as_slice() else {
                return Ok(None);
            };
            brings.push(at);
            at = *parent;
        }
        Ok(None)
    }

    /// The common ancestors by the general algorithm, on what is stored: the candidate's own commits are merges of the
    /// base and the merged heads, so that asking for those is the same.
    fn ancestry(&self, head: Oid) -> Result<Ancestry> {
        let git = self.handle.git();
        let mut all = vec![head, self.base];
        all.extend(&self.heads);
        let bases = match git.merge_bases_many(&all) {
            Ok(bases) => bases.iter().copied().collect(),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let mut walk = git.revwalk()?;
        walk.push(head)?;
        for known in &all[1..] {
            walk.hide(*known)?;
        }
        let brings = walk.collect::<std::result::Result<Vec<Oid>, git2::Error>>()?;
        Ok(Ancestry { bases, brings })
    }

    /// Two clean merges may still bring together names that differ only in case.
    pub(crate) fn find_clashes(&mut self, merge: &CleanMerge) -> Result<Vec<ComposeConflict>> {
        let mut conflicts = Vec::new();
        for touched in
            merge.touched.iter().filter(|touched| touched.ours.is_none() && touched.merged.is_some())
        {
            let path = repo_path(&touched.path)?;
            if let Some(other) = verify::find_case_clash(&mut self.objects, merge.tree, &touched.path)? {
                let other = repo_path(&other)?;
                conflicts.push(ComposeConflict {
                    path,
                    key: None,
                    line: None,
                    with: self.touches.toucher(other.as_str().as_bytes()),
                    reason: format!("`{other}` is there already and differs only in case"),
                    keys: Vec::new(),
                    key_total: 0,
                });
            }
        }
        conflicts.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(conflicts)
    }

    fn run_check(
        &mut self,
        member: &ComposeMember,
        merge: &CleanMerge,
        check: &mut Check,
    ) -> Result<Vec<ComposeConflict>> {
        let mut paths = merge.touched.iter().map(Touched::shown).collect::<Result<Vec<_>>>()?;
        paths.sort_by(|a, b| a.path.cmp(&b.path));
        let contents = Contents::of(&self.objects, Some(&self.touches));
        let seen = MergeCheck { member, tree: TreeId::of(merge.tree), paths: &paths, contents };
        let Err(failures) = check(&seen) else {
            return Ok(Vec::new());
        };
        let mut conflicts: Vec<ComposeConflict> = failures
            .into_iter()
            .map(|failure| ComposeConflict {
                with: failure.with.unwrap_or_else(|| self.touches.toucher(failure.path.as_str().as_bytes())),
                path: failure.path,
                key: failure.key,
                line: failure.line,
                reason: failure.reason,
                keys: failure.keys,
                key_total: failure.key_total,
            })
            .collect();
        conflicts.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(conflicts)
    }

    /// Says of Git's conflicts whom they are with, and why.
    pub(crate) fn explain(
        &mut self,
        conflicts: Vec<Conflict>,
        base: Option<Oid>,
        look: &mut Explain,
    ) -> Result<Vec<ComposeConflict>> {
        // A rename spreads over several paths, of which a member may have touched only one.
        let latest = conflicts.iter().filter_map(|conflict| self.touches.last(&conflict.path)).max();
        let mut explained: Vec<ComposeConflict> = Vec::with_capacity(conflicts.len());
        for conflict in conflicts {
            let own = moved_aside(&conflict.path).unwrap_or(&conflict.path);
            let changed_below = match base {
                Some(base) => {
                    tree::lookup(&mut self.objects, base, own)?
                        != tree::lookup(&mut self.objects, self.base_tree, own)?
                }
                None => false,
            };
            let member = match self.touches.last(own) {
                Some(member) => Some(member),
                None if changed_below => None,
                None => self.touches.nearest(own).or(latest).or_else(|| self.touches.in_folder(own)),
            };
            let seen = Touched {
                path: own.to_vec(),
                base: conflict.base,
                ours: conflict.ours,
                theirs: conflict.theirs,
                merged: None,
                origin: None,
            };
            let contents = Contents::of(&self.objects, Some(&self.touches));
            let Explained { key, with, keys, key_total } = look(&seen.shown()?, &contents);
            let with = with.unwrap_or_else(|| self.touches.with(member));
            let reason = match (conflict.base.is_some(), conflict.ours.is_some(), conflict.theirs.is_some()) {
                (true, true, true) => "both sides changed the same lines",
                (false, true, true) => "both sides added this file with different content",
                (true, true, false) => "changed on the release's side, deleted or renamed by this changeset",
                (true, false, true) => "deleted or renamed on the release's side, changed by this changeset",
                (true, false, false) => "both sides renamed this file differently",
                (false, true, false) | (false, false, true) | (false, false, false) => {
                    "a file or folder of one side stands where the other side moved or needs one"
                }
            };
            let (path, reason) = (repo_path(own)?, reason.to_owned());
            explained.push(ComposeConflict { path, key, line: None, with, reason, keys, key_total });
        }
        explained.sort_by(|a, b| a.path.cmp(&b.path));
        explained.dedup_by(|a, b| a.path == b.path);
        if explained.is_empty() {
            return Err(GitError::corrupt("a conflict without a path"));
        }
        Ok(explained)
    }
}
