//! Workspaces: opening them, reading and writing their files, checkpoints, reset and sync.

use crate::actor::Member;
use crate::change::Change;
use crate::diffs::Comparison;
use crate::error::{Error, Rejection, Result};
use crate::fresh::fresh_id;
use crate::services::Workflow;
use conman_domain::app::{App, BaselineMode, BlockedPaths};
use conman_domain::changeset::Changeset;
use conman_domain::id::WorkspaceId;
use conman_domain::name::{BranchName, Title};
use conman_domain::policy::{self, ChangesetAction, WorkspaceAction};
use conman_domain::workspace::Workspace;
use conman_domain::{CommitId, RepoPath, TreeId};
use conman_git::{
    Edit, FileContent, FileEntry, GitError, NewCommit, PathChange, Repository, Working, WriteRules,
};
use conman_store::collections::{CHANGESET_OPEN, WORKSPACE_BY_OWNER};
use conman_store::{Query, Versioned};
use serde_json::json;
use std::sync::Arc;

/// The most workspaces of one account in one app.
pub const MAX_WORKSPACES: u64 = 20;
/// The most edits in one write.
pub const MAX_EDITS: usize = 1_000;

/// A workspace with the state of its files.
#[derive(Debug, Clone)]
pub struct OpenWorkspace {
    /// Its record.
    pub workspace: Versioned<Workspace>,
    /// The state of its files.
    pub working: Working,
    /// What it is compared with: the newest commit of the integration branch that it contains, so that exactly what a
    /// merge would bring is shown as its own.
    pub baseline: CommitId,
}

/// A workspace's files, with what differs from the baseline.
#[derive(Debug, Clone)]
pub struct WorkspaceTree {
    /// All files.
    pub files: Vec<FileEntry>,
    /// What differs from the baseline.
    pub changes: Vec<PathChange>,
}

impl Workflow {
    /// The member's workspaces, the default one first.
    pub async fn list_workspaces(&self, member: &Member) -> Result<Vec<Versioned<Workspace>>> {
        let query = Query::<Workspace>::on(&WORKSPACE_BY_OWNER)
            .eq(member.app_id().to_string())
            .eq(member.actor.user_id.to_string())
            .limit(MAX_WORKSPACES);
        Ok(self.store().find(query).await?.items)
    }

    /// The member's default workspace, made on first use.
    pub async fn default_workspace(&self, member: &Member) -> Result<OpenWorkspace> {
        crate::support::retrying(|| async {
            if let Some(workspace) = self.list_workspaces(member).await?.into_iter().next() {
                return self.open(workspace).await;
            }
            let name = Title::parse("Default").expect("`Default` is a title");
            self.add_workspace(member, name, 1).await
        })
        .await
    }

    /// Makes a further workspace.
    pub async fn create_workspace(&self, member: &Member, name: Title) -> Result<OpenWorkspace> {
        crate::support::retrying(|| async {
            let present = self.list_workspaces(member).await?;
            if present.len() as u64 >= MAX_WORKSPACES {
                return Err(Error::conflict(
                    "too_many_workspaces",
                    "you have 20 workspaces in this app; use one of them",
                ));
            }
            let number = present.iter().map(|workspace| workspace.doc.number).max().unwrap_or(0) + 1;
            self.add_workspace(member, name.clone(), number).await
        })
        .await
    }

    async fn add_workspace(&self, member: &Member, name: Title, number: u32) -> Result<OpenWorkspace> {
        let at = self.now().await?;
        let app = self.app_again(member).await?;
        let workspace = Workspace {
            id: fresh_id(),
            app_id: app.doc.id,
            user_id: member.actor.user_id,
            name,
            number,
            branch: BranchName::workspace(&member.actor.handle, &app.doc.slug, number),
            baseline: self.baseline(&app.doc).await?,
            commit_mode: None,
            created_at: at,
            updated_at: at,
        };
        let mut change = Change::by(&member.actor, Some(app.doc.id), at);
        change.insert(&workspace);
        let after = json!({"branch": workspace.branch, "baseline": workspace.baseline});
        change.audit_commit(
            "workspace",
            workspace.id,
            "workspace.created",
            json!(null),
            after,
            Some(workspace.baseline),
        );
        match self.commit(change).await {
            Ok(()) => {}
            // Somebody (the same person in another window) made it at the same moment.
            Err(error) if error.conflict_code() == Some("not_unique") => {
                return Err(Error::conflict(
                    crate::error::CHANGED_MEANWHILE,
                    "the workspace was made at the same moment",
                ));
            }
            Err(error) => return Err(error),
        }
        self.open(self.load("workspace", workspace.id).await?).await
    }

    /// The commit that a new workspace starts from.
    pub(crate) async fn baseline(&self, app: &App) -> Result<CommitId> {
        if app.settings.baseline_mode == BaselineMode::CanonicalEnvRelease
            && let Some(id) = app.canonical_environment_id
            && let Some(running) = self.environment_of(app.id, id).await?.doc.running
        {
            return Ok(running.provenance.release_commit);
        }
        self.integration_head(app).await
    }

    /// Loads a workspace of the member's own.
    pub async fn workspace(
        &self,
        member: &Member,
        id: WorkspaceId,
        action: WorkspaceAction,
    ) -> Result<OpenWorkspace> {
        let workspace: Versioned<Workspace> = self.load("workspace", id).await?;
        if workspace.doc.app_id != member.app_id() {
            return Err(Rejection::NotFound("workspace").into());
        }
        policy::workspace(member.viewer(), &workspace.doc, action)?;
        self.open(workspace).await
    }

    /// The record is written before the branch, so the branch is made where a crash left it out.
    pub(crate) async fn open(&self, workspace: Versioned<Workspace>) -> Result<OpenWorkspace> {
        let repository = self.repository(workspace.doc.app_id);
        let (id, branch) = (workspace.doc.id, &workspace.doc.branch);
        let working = match repository.working(id, branch).await {
            Err(GitError::NotFound(_)) => {
                repository.workspace_create(id, branch, workspace.doc.baseline).await?;
                repository.working(id, branch).await?
            }
            other => other?,
        };
        let app: Versioned<App> = self.load("app", workspace.doc.app_id).await?;
        let integration = self.integration_head(&app.doc).await?;
        let common = repository.merge_base(working.head, integration).await?;
        let baseline = common.unwrap_or(workspace.doc.baseline);
        Ok(OpenWorkspace { workspace, working, baseline })
    }

    /// The tree of a commit.
    pub(crate) async fn tree_of(&self, repository: &Repository, commit: CommitId) -> Result<TreeId> {
        Ok(repository.commit(commit).await?.tree)
    }

    /// A workspace's files with their markers against the baseline.
    pub async fn workspace_tree(
        &self,
        member: &Member,
        id: WorkspaceId,
    ) -> Result<(OpenWorkspace, WorkspaceTree)> {
        let open = self.workspace(member, id, WorkspaceAction::Read).await?;
        let repository = self.repository(member.app_id());
        let baseline = self.tree_of(&repository, open.baseline).await?;
        let files = repository.list(open.working.tree).await?;
        let changes = repository.changes(baseline, open.working.tree).await?;
        Ok((open, WorkspaceTree { files, changes }))
    }

    /// One file of a workspace.
    pub async fn workspace_file(
        &self,
        member: &Member,
        id: WorkspaceId,
        path: &RepoPath,
    ) -> Result<FileContent> {
        let open = self.workspace(member, id, WorkspaceAction::Read).await?;
        let found = self.repository(member.app_id()).file(open.working.tree, path).await?;
        found.ok_or_else(|| Rejection::NotFound("file").into())
    }

    /// A workspace's files beside its baseline.
    pub async fn workspace_diff(&self, member: &Member, id: WorkspaceId) -> Result<Comparison> {
        let open = self.workspace(member, id, WorkspaceAction::Read).await?;
        let repository = self.repository(member.app_id());
        let working = &open.working;
        Ok(Comparison {
            app_id: member.app_id(),
            from: self.tree_of(&repository, open.baseline).await?,
            to: working.tree,
            base: open.baseline.to_string(),
            head: if working.dirty { working.tree.to_string() } else { working.head.to_string() },
        })
    }

    /// Writes, moves and deletes files, all or none. Every edit names the content that it replaces.
    pub async fn write_files(
        &self,
        member: &Member,
        id: WorkspaceId,
        edits: Vec<Edit>,
    ) -> Result<OpenWorkspace> {
        let open = self.workspace(member, id, WorkspaceAction::Edit).await?;
        if edits.is_empty() || edits.len() > MAX_EDITS {
            return Err(Error::invalid("/edits", format!("between 1 and {MAX_EDITS} edits")));
        }
        let app = self.app_again(member).await?;
        let rules = write_rules(&app.doc)?;
        let told: Vec<_> = edits.iter().map(tell_edit).collect();
        let repository = self.repository(member.app_id());
        let at = self.now().await?;
        let branch = &open.workspace.doc.branch;
        let working = match repository.write(id, branch, edits, &rules, at).await {
            Err(GitError::Stale { path, current }) => {
                return Err(self.stale(&repository, path, current).await?);
            }
            other => other?,
        };
        let mut change = Change::by(&member.actor, Some(member.app_id()), at);
        let after = json!({"edits": told, "tree": working.tree});
        change.audit("workspace", id, "workspace.files_edited", json!({"tree": open.working.tree}), after);
        self.commit(change).await?;
        Ok(OpenWorkspace { working, ..open })
    }

    /// The refusal of a stale write, with what the file holds now so that nothing typed is lost.
    async fn stale(
        &self,
        repository: &Repository,
        path: RepoPath,
        current: Option<conman_domain::BlobId>,
    ) -> Result<Error> {
        let content = match current {
            Some(blob) => Some(repository.blob(blob).await?),
            None => None,
        };
        let text = content.and_then(|bytes| String::from_utf8(bytes).ok());
        let message = match current {
            Some(_) => format!(
                "`{path}` has changed since it was read; compare with what it holds now and decide again"
            ),
            None => format!("`{path}` does not exist any more, or never did"),
        };
        Ok(Error::conflict_with(
            "stale_content",
            message,
            json!({"path": path, "current_blob": current, "current_content": text}),
        ))
    }

    /// Commits the working files to the workspace's branch. Where a changeset of the workspace waits for review, the
    /// commit is its next revision.
    pub async fn checkpoint(&self, member: &Member, id: WorkspaceId, message: &str) -> Result<OpenWorkspace> {
        let open = self.workspace(member, id, WorkspaceAction::Edit).await?;
        let message = if message.trim().is_empty() { "Checkpoint" } else { message.trim() };
        let commit = self.commit_working(member, &open, message).await?;
        let Some(commit) = commit else {
            return Err(Error::conflict("nothing_to_commit", "nothing was edited since the last commit"));
        };
        let mut change = Change::by(&member.actor, Some(member.app_id()), self.now().await?);
        change.audit_commit(
            "workspace",
            id,
            "workspace.checkpointed",
            json!(null),
            json!({"message": message}),
            Some(commit),
        );
        self.commit(change).await?;
        let query = Query::<Changeset>::on(&CHANGESET_OPEN).eq(id.to_string()).limit(1);
        if let Some(open) = self.store().find(query).await?.items.into_iter().next()
            && policy::changeset(member.viewer(), &open.doc, ChangesetAction::Resubmit).is_ok()
        {
            self.submit_changeset(member, open.doc.id, ChangesetAction::Resubmit).await?;
        }
        self.workspace(member, id, WorkspaceAction::Read).await
    }

    pub(crate) async fn commit_working(
        &self,
        member: &Member,
        open: &OpenWorkspace,
        message: &str,
    ) -> Result<Option<CommitId>> {
        let signature = member.actor.signature(self.now().await?);
        let new = NewCommit { author: signature.clone(), committer: signature, message: message.to_owned() };
        let workspace = &open.workspace.doc;
        Ok(self.repository(workspace.app_id).commit_working(workspace.id, &workspace.branch, new).await?)
    }

    /// Throws the workspace's own work away and starts again from today's baseline.
    pub async fn reset_workspace(&self, member: &Member, id: WorkspaceId) -> Result<OpenWorkspace> {
        let open = self.workspace(member, id, WorkspaceAction::Edit).await?;
        let at = self.now().await?;
        let baseline = self.baseline(&self.app_again(member).await?.doc).await?;
        let mut workspace = open.workspace.doc.clone();
        (workspace.baseline, workspace.updated_at) = (baseline, at);
        let mut change = Change::by(&member.actor, Some(member.app_id()), at);
        change.replace(&workspace, open.workspace.version);
        let before = json!({"head": open.working.head, "tree": open.working.tree});
        change.audit_commit(
            "workspace",
            id,
            "workspace.reset",
            before,
            json!({"baseline": baseline}),
            Some(baseline),
        );
        self.commit(change).await?;
        self.repository(member.app_id()).reset(id, &workspace.branch, baseline).await?;
        self.workspace(member, id, WorkspaceAction::Read).await
    }
}

/// What an app allows to be written.
pub(crate) fn write_rules(app: &App) -> Result<WriteRules> {
    let blocked = BlockedPaths::new(&app.settings.blocked_paths)
        .map_err(|error| Error::errored("the app's globs do not compile", error))?;
    Ok(WriteRules {
        file_size_limit: u64::from(app.settings.file_size_limit_bytes),
        is_blocked: Arc::new(move |path| blocked.blocks(path)),
    })
}

fn tell_edit(edit: &Edit) -> serde_json::Value {
    match edit {
        Edit::Put { path, expected, bytes } => {
            json!({"put": path, "replaces": expected, "bytes": bytes.len()})
        }
        Edit::Delete { path, expected } => json!({"delete": path, "replaces": expected}),
        Edit::Move { from, to, .. } => json!({"move": from, "to": to}),
    }
}
