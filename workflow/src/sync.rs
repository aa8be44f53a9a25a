//! Bringing the integration branch into a workspace, and settling the conflicts that this may meet.

use crate::actor::Member;
use crate::change::Change;
use crate::error::{Error, Result};
use crate::key_collisions::{compare_keys, read_synced};
use crate::services::Workflow;
use crate::support::retrying;
use crate::workspaces::{OpenWorkspace, write_rules};
use conman_domain::collision::KeyComparison;
use conman_domain::id::WorkspaceId;
use conman_domain::policy::WorkspaceAction;
use conman_domain::{BlobId, CommitId, RepoPath};
use conman_git::{Resolution, SyncConflict, SyncMode, SyncOutcome, SyncRequest, SyncState};
use conman_store::Versioned;
use serde_json::json;

/// A conflict with the three contents, as far as they are text.
#[derive(Debug, Clone)]
pub struct ShownConflict {
    /// Where, and which blobs.
    pub conflict: SyncConflict,
    /// What both sides started from.
    pub base: Option<String>,
    /// What the workspace holds.
    pub ours: Option<String>,
    /// What the integration branch holds.
    pub theirs: Option<String>,
    /// The three key by key; none for a file that has no keys.
    pub keys: Option<KeyComparison>,
}

/// How a sync stands.
#[derive(Debug, Clone)]
pub struct SyncStanding {
    /// The workspace.
    pub workspace: OpenWorkspace,
    /// The sync that waits for resolutions, if one does.
    pub pending: Option<SyncState>,
    /// Its conflicts, with their contents.
    pub conflicts: Vec<ShownConflict>,
}

impl Workflow {
    /// Brings the integration head into a workspace. Conflicts come back to be resolved; nothing is lost by aborting.
    pub async fn sync_workspace(
        &self,
        member: &Member,
        id: WorkspaceId,
        mode: SyncMode,
    ) -> Result<SyncStanding> {
        let open = self.workspace(member, id, WorkspaceAction::Edit).await?;
        if open.working.dirty
            && let Some(newest) = self.newest_changeset(id).await?
            && newest.doc.status.name() == "approved"
        {
            let message = format!(
                "the workspace holds edits that are not part of the approved #{}; they cannot join it",
                newest.doc.number
            );
            return Err(Error::conflict("unsubmitted_edits", message));
        }
        let onto = self.integration_head(&self.app_again(member).await?.doc).await?;
        let signature = member.actor.signature(self.now().await?);
        let request = SyncRequest { onto, mode, author: signature.clone(), committer: signature };
        let workspace = &open.workspace.doc;
        let outcome = self
            .repository(member.app_id())
            .sync(id, &workspace.branch, request, Box::new(read_synced))
            .await?;
        self.after_sync(member, &open, onto, outcome).await
    }

    /// How a workspace's sync stands.
    pub async fn sync_standing(&self, member: &Member, id: WorkspaceId) -> Result<SyncStanding> {
        let open = self.workspace(member, id, WorkspaceAction::Read).await?;
        self.standing(open).await
    }

    /// Resolves one file of a waiting sync.
    pub async fn resolve_conflict(
        &self,
        member: &Member,
        id: WorkspaceId,
        path: &RepoPath,
        resolution: Resolution,
    ) -> Result<SyncStanding> {
        let open = self.workspace(member, id, WorkspaceAction::Edit).await?;
        if let Resolution::Content(bytes) = &resolution {
            let rules = write_rules(&self.app_again(member).await?.doc)?;
            if bytes.len() as u64 > rules.file_size_limit {
                return Err(
                    crate::Rejection::TooLarge(format!("`{path}` is larger than the app allows")).into()
                );
            }
        }
        let branch = open.workspace.doc.branch.clone();
        self.repository(member.app_id()).sync_resolve(id, &branch, path, resolution).await?;
        let mut change = Change::by(&member.actor, Some(member.app_id()), self.now().await?);
        change.audit("workspace", id, "workspace.conflict_resolved", json!(null), json!({"path": path}));
        self.commit(change).await?;
        self.standing(open).await
    }

    /// Goes on with a sync whose conflicts are all resolved.
    pub async fn continue_sync(&self, member: &Member, id: WorkspaceId) -> Result<SyncStanding> {
        let open = self.workspace(member, id, WorkspaceAction::Edit).await?;
        let repository = self.repository(member.app_id());
        let branch = open.workspace.doc.branch.clone();
        let Some(state) = repository.sync_state(id, &branch).await? else {
            return Err(Error::conflict("no_sync", "no sync of this workspace is under way"));
        };
        let outcome = repository.sync_continue(id, &branch, Box::new(read_synced)).await?;
        self.after_sync(member, &open, state.onto, outcome).await
    }

    /// Gives a waiting sync up; everything is as it was before.
    pub async fn abort_sync(&self, member: &Member, id: WorkspaceId) -> Result<SyncStanding> {
        let open = self.workspace(member, id, WorkspaceAction::Edit).await?;
        self.repository(member.app_id()).sync_abort(id, &open.workspace.doc.branch).await?;
        let mut change = Change::by(&member.actor, Some(member.app_id()), self.now().await?);
        change.audit("workspace", id, "workspace.sync_aborted", json!(null), json!(null));
        self.commit(change).await?;
        self.sync_standing(member, id).await
    }

    /// The branch has moved or waits: move the baseline with it, and let the changeset follow.
    async fn after_sync(
        &self,
        member: &Member,
        before: &OpenWorkspace,
        onto: CommitId,
        outcome: SyncOutcome,
    ) -> Result<SyncStanding> {
        let id = before.workspace.doc.id;
        if let SyncOutcome::Conflicted(_) = outcome {
            return self.sync_standing(member, id).await;
        }
        let base_before = before.workspace.doc.baseline;
        if base_before != onto {
            let current: Versioned<conman_domain::workspace::Workspace> = self.load("workspace", id).await?;
            let mut workspace = current.doc.clone();
            let at = self.now().await?;
            (workspace.baseline, workspace.updated_at) = (onto, at);
            let mut change = Change::by(&member.actor, Some(member.app_id()), at);
            change.replace(&workspace, current.version);
            change.audit_commit(
                "workspace",
                id,
                "workspace.synced",
                json!({"baseline": base_before}),
                json!({"baseline": onto}),
                Some(onto),
            );
            self.commit(change).await?;
        }
        let after = self.workspace(member, id, WorkspaceAction::Read).await?;
        retrying(|| self.follow_sync(member, &after, before.working.head)).await?;
        self.sync_standing(member, id).await
    }

    async fn standing(&self, open: OpenWorkspace) -> Result<SyncStanding> {
        let workspace = &open.workspace.doc;
        let repository = self.repository(workspace.app_id);
        let pending = repository.sync_state(workspace.id, &workspace.branch).await?;
        let mut conflicts = Vec::new();
        for conflict in pending.iter().flat_map(|state| &state.conflicts) {
            let read = async |blob: Option<BlobId>| -> Result<Option<Vec<u8>>> {
                Ok(match blob {
                    Some(blob) => Some(repository.blob(blob).await?),
                    None => None,
                })
            };
            let base = read(conflict.base).await?;
            let (ours, theirs) = (read(conflict.ours).await?, read(conflict.theirs).await?);
            let text = |bytes: Option<Vec<u8>>| bytes.and_then(|bytes| String::from_utf8(bytes).ok());
            conflicts.push(ShownConflict {
                keys: compare_keys(&conflict.path, base.as_deref(), ours.as_deref(), theirs.as_deref()),
                base: text(base),
                ours: text(ours),
                theirs: text(theirs),
                conflict: conflict.clone(),
            });
        }
        Ok(SyncStanding { workspace: open, pending, conflicts })
    }
}
