//! The repository, as plain Git sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use conman_domain::app::App;
use conman_domain::release::{Publication, Release, ReleaseStatus};
use conman_domain::snapshot::ContentHash;

use super::{Findings, Records};
use crate::lab::run_git;
use crate::place::Place;

/// The app's repository.
#[derive(Debug)]
pub(crate) struct Repository {
    folder: PathBuf,
}

/// A ref: what it names, and the commit behind that.
struct Ref {
    object: String,
    kind: String,
    commit: String,
}

impl Repository {
    pub(super) fn of(place: &Place, app: &App) -> Self {
        Self { folder: place.repositories().join(format!("{}.git", app.id)) }
    }

    /// Nothing is broken, every ref is what the store says, and no ref is more than that.
    pub(super) fn check(&self, records: &Records, findings: &mut Findings) -> Result<()> {
        if let Err(error) = self.git(&["fsck", "--strict", "--full", "--no-dangling"]) {
            findings.check(false, || format!("{error:#}"));
        }
        let refs = self.refs()?;
        self.check_tags(&refs, records, findings);
        check_branch(&refs, records, findings);
        for changeset in &records.changesets {
            let Some(revision) = &changeset.revision else { continue };
            let kept = refs.get(&format!("refs/conman/keep/revision/{}/{}", changeset.id, revision.number));
            let (kept, head) = (kept.map(|kept| kept.commit.clone()), revision.head.to_string());
            findings.same(&format!("what keeps the revision of #{}", changeset.number), kept, Some(head));
        }
        Ok(())
    }

    fn check_tags(&self, refs: &BTreeMap<String, Ref>, records: &Records, findings: &mut Findings) {
        let mut expected = BTreeSet::new();
        for publication in publications(records) {
            let name = format!("refs/tags/{}", publication.tag);
            if let Some(tag) = refs.get(&name) {
                findings.same(&format!("the kind of {name}"), tag.kind.as_str(), "tag");
                findings.same(&format!("the object of {name}"), &tag.object, &publication.tag_id.to_string());
                findings.same(&format!("the commit of {name}"), &tag.commit, &publication.commit.to_string());
            }
            expected.insert(name);
        }
        let present: BTreeSet<String> =
            refs.keys().filter(|name| name.starts_with("refs/tags/")).cloned().collect();
        findings.same("the tags", present, expected);
    }

    /// True when one commit is in another's history.
    pub(super) fn is_ancestor(&self, ancestor: &str, of: &str) -> Result<bool> {
        // A list, because a plain answer "no" would look like a failure of the command.
        let missing = self.git(&["rev-list", "--max-count=1", ancestor, &format!("^{of}")])?;
        Ok(missing.trim_ascii().is_empty())
    }

    /// A commit's files, by the hash of their content.
    pub(super) fn files(&self, commit: &str) -> Result<BTreeMap<String, ContentHash>> {
        let names = self.git(&["ls-tree", "-r", "-z", "--name-only", commit])?;
        let names = String::from_utf8(names).context("a path that is not text")?;
        let mut files = BTreeMap::new();
        for name in names.split_terminator('\0') {
            let bytes = self.git(&["cat-file", "blob", &format!("{commit}:{name}")])?;
            files.insert(name.to_owned(), ContentHash::of(&bytes));
        }
        Ok(files)
    }

    /// What a file of a workspace holds, whether it was committed or not; `None` where there is no such file.
    pub(crate) fn working_file(&self, workspace: &str, branch: &str, path: &str) -> Result<Option<String>> {
        let refs = self.refs()?;
        let work = format!("refs/conman/work/{workspace}");
        let name = if refs.contains_key(&work) { work } else { format!("refs/heads/{branch}") };
        if self.git(&["ls-tree", "--name-only", &name, path])?.is_empty() {
            return Ok(None);
        }
        let bytes = self.git(&["cat-file", "blob", &format!("{name}:{path}")])?;
        Ok(Some(String::from_utf8(bytes).context("the file is not text")?))
    }

    fn refs(&self) -> Result<BTreeMap<String, Ref>> {
        let format = "--format=%(refname)%09%(objecttype)%09%(objectname)%09%(*objectname)";
        let listed =
            String::from_utf8(self.git(&["for-each-ref", format])?).context("a ref that is not text")?;
        let read = |line: &str| {
            let mut parts = line.split('\t').map(str::to_owned);
            let (name, kind, object) = (parts.next()?, parts.next()?, parts.next()?);
            let commit = parts.next().filter(|peeled| !peeled.is_empty()).unwrap_or_else(|| object.clone());
            Some((name, Ref { object, kind, commit }))
        };
        listed.lines().map(|line| read(line).with_context(|| format!("not a ref: {line}"))).collect()
    }

    fn git(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        run_git(&self.folder, arguments)
    }
}

/// Where a release was decided, the place that its publishing took.
pub(super) fn publication(release: &Release) -> Option<&Publication> {
    match &release.status {
        ReleaseStatus::Publishing(publication) => Some(publication),
        other => other.publication(),
    }
}

fn publications(records: &Records) -> impl Iterator<Item = &Publication> {
    records.releases.iter().filter_map(|(release, _)| publication(release))
}

/// The published releases are one chain from the initial commit, and the integration branch is at its end.
fn check_branch(refs: &BTreeMap<String, Ref>, records: &Records, findings: &mut Findings) {
    let mut by_previous: BTreeMap<String, &Publication> = BTreeMap::new();
    for publication in publications(records) {
        let other = by_previous.insert(publication.previous_head.to_string(), publication);
        findings.check(other.is_none(), || {
            format!("two releases were published on one head: {other:?}, {publication:?}")
        });
    }
    let mut head = records.app.initial_commit.to_string();
    while let Some(publication) = by_previous.remove(&head) {
        head = publication.commit.to_string();
    }
    findings.check(by_previous.is_empty(), || format!("releases outside of the chain: {by_previous:?}"));
    let branch = format!("refs/heads/{}", records.app.settings.integration_branch);
    let actual = refs.get(&branch).map(|branch| branch.commit.clone());
    findings.same("the integration branch", actual, Some(head));
}

/// No lock and no half-made repository is left.
pub(super) fn check_folder(place: &Place, findings: &mut Findings) -> Result<()> {
    let mut open = vec![place.repositories()];
    while let Some(folder) = open.pop() {
        for entry in
            std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?
        {
            let entry = entry?;
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let lock = name.ends_with(".lock") && !is_servers_own(place, &path);
            findings.check(!lock && !name.starts_with(".tmp-"), || format!("{} was left", path.display()));
            if entry.file_type()?.is_dir() {
                open.push(path);
            }
        }
    }
    Ok(())
}

/// The one lock that says which server owns all repositories stays; it is held by an open file, not by being there.
fn is_servers_own(place: &Place, path: &Path) -> bool {
    path.parent() == Some(&place.repositories())
}
