//! What an owner changes of a workspace itself, beside its files.

use crate::actor::Member;
use crate::change::Change;
use crate::error::{Error, Result};
use crate::services::Workflow;
use crate::workspaces::OpenWorkspace;
use conman_domain::app::CommitMode;
use conman_domain::id::WorkspaceId;
use conman_domain::name::Title;
use conman_domain::policy::WorkspaceAction;
use conman_domain::workspace::Workspace;
use conman_store::Version;
use serde_json::json;

impl Workflow {
    /// Replaces a workspace's name, and its owner's choice of when its working files become commits.
    pub async fn update_workspace(
        &self,
        member: &Member,
        id: WorkspaceId,
        expected: Version,
        name: Title,
        commit_mode: Option<CommitMode>,
    ) -> Result<OpenWorkspace> {
        let before = self.workspace(member, id, WorkspaceAction::Edit).await?.workspace;
        if before.version != expected {
            return Err(Error::stale(before.version));
        }
        let at = self.now().await?;
        let after = Workspace { name, commit_mode, updated_at: at, ..before.doc.clone() };
        let mut change = Change::by(&member.actor, Some(member.app_id()), at);
        let shown =
            |workspace: &Workspace| json!({"name": workspace.name, "commit_mode": workspace.commit_mode});
        change.replace(&after, expected);
        change.audit("workspace", id, "workspace.changed", shown(&before.doc), shown(&after));
        self.commit(change).await?;
        self.workspace(member, id, WorkspaceAction::Read).await
    }
}
