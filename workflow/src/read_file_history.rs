//! What became of a file: the changesets and releases that changed it, and the one that last set each of its lines.

use crate::actor::{Member, Page};
use crate::error::{Error, Rejection, Result};
use crate::releases::FullRelease;
use crate::services::Workflow;
use conman_domain::changeset::{Changeset, Verdict};
use conman_domain::id::{ChangesetId, ReleaseId, UserId, WorkspaceId};
use conman_domain::name::{ReleaseTag, Title};
use conman_domain::policy::WorkspaceAction;
use conman_domain::release::MemberResult;
use conman_domain::{CommitId, RepoPath, TreeId};
use conman_git::{Blame, FileChange, HistoryLimits, LogPage};
use std::collections::HashMap;

/// A file in a tree that somebody may read, and the commit of the integration branch that the tree stands on.
#[derive(Debug, Clone)]
struct Place {
    base: CommitId,
    tree: TreeId,
}

/// A change of a file with what brought it.
#[derive(Debug, Clone)]
pub struct FileOrigin {
    /// The change.
    pub change: FileChange,
    /// The release that published it; none for what was there before the first one.
    pub release: Option<(ReleaseId, ReleaseTag)>,
    /// The changeset that it came with.
    pub changeset: Option<OriginChangeset>,
}

/// The changeset that a change of a file came with.
#[derive(Debug, Clone)]
pub struct OriginChangeset {
    /// Its id.
    pub id: ChangesetId,
    /// Its number.
    pub number: u32,
    /// Its title.
    pub title: Title,
    /// Who proposed it.
    pub author_id: UserId,
    /// Who approved what was released.
    pub approved_by: Vec<UserId>,
}

/// A part of what changed a file.
#[derive(Debug, Clone)]
pub struct FileOrigins {
    /// Newest first.
    pub origins: Vec<FileOrigin>,
    /// Whether there are more after these.
    pub has_more: bool,
    /// Whether the search was given up before the history's beginning.
    pub is_cut: bool,
}

/// Where each line of a file comes from.
#[derive(Debug, Clone)]
pub struct LineOrigins {
    /// The file's lines.
    pub text: String,
    /// What lines come from, newest first; [`Blame::lines`] names them by their places.
    pub origins: Vec<FileOrigin>,
    /// Lines and changes.
    pub blame: Blame,
}

impl Workflow {
    /// What changed a file of a workspace before it came there.
    pub async fn workspace_file_history(
        &self,
        member: &Member,
        id: WorkspaceId,
        path: &RepoPath,
        page: Page,
    ) -> Result<FileOrigins> {
        let place = self.place_in_workspace(member, id).await?;
        self.file_origins(member, &place, path, page).await
    }

    /// What last set each line of a file of a workspace.
    pub async fn workspace_blame(
        &self,
        member: &Member,
        id: WorkspaceId,
        path: &RepoPath,
    ) -> Result<LineOrigins> {
        let place = self.place_in_workspace(member, id).await?;
        self.line_origins(member, &place, path).await
    }

    /// What changed a file of a changeset's revision before it came there; the newest revision is meant by default.
    pub async fn changeset_file_history(
        &self,
        member: &Member,
        id: ChangesetId,
        revision: Option<u32>,
        path: &RepoPath,
        page: Page,
    ) -> Result<FileOrigins> {
        let place = self.place_in_changeset(member, id, revision).await?;
        self.file_origins(member, &place, path, page).await
    }

    /// What last set each line of a file of a changeset's revision; the newest is meant by default.
    pub async fn changeset_blame(
        &self,
        member: &Member,
        id: ChangesetId,
        revision: Option<u32>,
        path: &RepoPath,
    ) -> Result<LineOrigins> {
        let place = self.place_in_changeset(member, id, revision).await?;
        self.line_origins(member, &place, path).await
    }

    async fn place_in_workspace(&self, member: &Member, id: WorkspaceId) -> Result<Place> {
        let open = self.workspace(member, id, WorkspaceAction::Read).await?;
        Ok(Place { base: open.baseline, tree: open.working.tree })
    }

    async fn place_in_changeset(
        &self,
        member: &Member,
        id: ChangesetId,
        revision: Option<u32>,
    ) -> Result<Place> {
        let revision = self.revision_or_newest(member, id, revision).await?;
        Ok(Place { base: revision.base, tree: revision.tree })
    }

    async fn file_origins(
        &self,
        member: &Member,
        place: &Place,
        path: &RepoPath,
        page: Page,
    ) -> Result<FileOrigins> {
        let path = self.path_below(member, place, path).await?;
        let skip = usize::try_from(page.skip()).unwrap_or(usize::MAX);
        let part = LogPage { skip, limit: page.limit as usize };
        let repository = self.repository(member.app_id());
        let history = repository.file_history(place.base, &path, part, HistoryLimits::default()).await?;
        let origins = self.origins(member, history.changes).await?;
        Ok(FileOrigins { origins, has_more: history.has_more, is_cut: history.is_cut })
    }

    async fn line_origins(&self, member: &Member, place: &Place, path: &RepoPath) -> Result<LineOrigins> {
        let repository = self.repository(member.app_id());
        let file = repository.file(place.tree, path).await?;
        let bytes = file.ok_or(Rejection::NotFound("file"))?.bytes;
        let no_text = || Error::conflict("no_text", "only texts of up to 2 MiB are told line by line");
        let text = String::from_utf8(bytes).map_err(|_| no_text())?;
        let below = self.path_below(member, place, path).await?;
        let limits = HistoryLimits::default();
        let blame = repository.blame(place.base, &below, text.clone().into_bytes(), limits).await?;
        let blame = blame.ok_or_else(no_text)?;
        let origins = self.origins(member, blame.changes.clone()).await?;
        Ok(LineOrigins { text, origins, blame })
    }

    /// What a file was called below: whoever edits may have moved it.
    async fn path_below(&self, member: &Member, place: &Place, path: &RepoPath) -> Result<RepoPath> {
        let repository = self.repository(member.app_id());
        let base = self.tree_of(&repository, place.base).await?;
        if repository.file(base, path).await?.is_some() {
            return Ok(path.clone());
        }
        let changes = repository.changes(base, place.tree).await?;
        let moved = changes.into_iter().find(|change| change.path == *path);
        Ok(moved.and_then(|change| change.old_path).unwrap_or_else(|| path.clone()))
    }

    async fn origins(&self, member: &Member, changes: Vec<FileChange>) -> Result<Vec<FileOrigin>> {
        let mut releases: HashMap<ReleaseTag, Option<FullRelease>> = HashMap::new();
        let mut origins = Vec::with_capacity(changes.len());
        for change in changes {
            let Some(tag) = change.tag.clone() else {
                origins.push(FileOrigin { change, release: None, changeset: None });
                continue;
            };
            if !releases.contains_key(&tag) {
                let release = match self.release_by_tag(member, &tag).await {
                    Ok(release) => Some(release),
                    // A tag that was imported is no release of ours.
                    Err(Error::Rejected(Rejection::NotFound(_))) => None,
                    Err(error) => return Err(error),
                };
                releases.insert(tag.clone(), release);
            }
            let release = releases.get(&tag).and_then(Option::as_ref);
            origins.push(self.origin(change, release).await?);
        }
        Ok(origins)
    }

    async fn origin(&self, change: FileChange, release: Option<&FullRelease>) -> Result<FileOrigin> {
        let commit = change.commit.id;
        let member = release.and_then(|release| {
            let made = |result: &MemberResult| {
                matches!(result, MemberResult::Merged { commit: Some(merge) } if *merge == commit)
            };
            release.members.iter().map(|member| &member.doc).find(|member| made(&member.result))
        });
        // What the first release was composed on lies below its tag as well, and came with none.
        let (Some(release), Some(member)) = (release, member) else {
            return Ok(FileOrigin { change, release: None, changeset: None });
        };
        let publication = release.release.doc.status.publication();
        let published = publication.map(|publication| (release.release.doc.id, publication.tag.clone()));
        let changeset: Changeset = self.load("changeset", member.changeset_id).await?.doc;
        let approved_by = self.approvers(&changeset, member.revision).await?;
        let changeset = OriginChangeset {
            id: changeset.id,
            number: changeset.number,
            title: changeset.title,
            author_id: changeset.author_id,
            approved_by,
        };
        Ok(FileOrigin { change, release: published, changeset: Some(changeset) })
    }

    /// Who approved a revision, or the newest one before it that was approved: a sync carries approvals over.
    async fn approvers(&self, changeset: &Changeset, revision: u32) -> Result<Vec<UserId>> {
        let reviews = self.reviews_of(changeset.id).await?;
        let approvals =
            reviews.iter().filter(|review| review.verdict == Verdict::Approve && review.revision <= revision);
        let newest = approvals.clone().map(|review| review.revision).max();
        Ok(approvals
            .filter(|review| Some(review.revision) == newest)
            .map(|review| review.reviewer_id)
            .collect())
    }
}
