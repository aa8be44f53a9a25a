//! What an editor shows while an author types: what is wrong, what could stand at the cursor, what stands there.
//!
//! All three look at a text that is not saved, as if it were in the workspace.

use crate::actor::Member;
use crate::error::{Error, Result};
use crate::models::TreeModel;
use crate::services::Workflow;
use conman_domain::RepoPath;
use conman_domain::app::BlockedPaths;
use conman_domain::catalog::Catalog;
use conman_domain::changeset::Finding;
use conman_domain::id::WorkspaceId;
use conman_domain::policy::WorkspaceAction;
use conman_validation::{
    FileFacts, Meaning, Schemas, Suggestion, blocked_findings, catalog_of, sort_findings,
};
use std::sync::Arc;

/// A text that is being typed, as one of a workspace's files.
#[derive(Debug, Clone)]
pub struct Typed {
    /// The file; it need not be there yet.
    pub path: RepoPath,
    /// What it would hold.
    pub text: String,
}

impl Workflow {
    /// What the built-in validation finds in a text, were it saved in the workspace now.
    ///
    /// That is what the text itself and its references have wrong; what breaks elsewhere is told when it is submitted.
    pub async fn check_text(&self, member: &Member, id: WorkspaceId, typed: Typed) -> Result<Vec<Finding>> {
        let open = self.workspace(member, id, WorkspaceAction::Read).await?;
        let tree = self.model(member.app_id(), open.working.tree).await?;
        let mut others = Vec::new();
        if Catalog::holds(&typed.path) {
            let path = typed.path.clone();
            let is_other = move |other: &RepoPath| Catalog::holds(other) && *other != path;
            others = self.repository(member.app_id()).files(open.working.tree, is_other).await?;
        }
        let blocked = BlockedPaths::new(&member.app.doc.settings.blocked_paths).ok();
        let check = move || {
            let Typed { path, text } = typed;
            let mut findings: Vec<Finding> =
                blocked.iter().flat_map(|blocked| blocked_findings([&path], blocked)).collect();
            let facts = FileFacts::read(&path, text.as_bytes(), tree.schemas());
            findings.extend(tree.model.findings_with(facts));
            if Schemas::replaced_by(&path).is_some() {
                findings.extend(Schemas::of_app([(&path, text.as_bytes())]).own_findings().iter().cloned());
            }
            if Catalog::holds(&path) {
                let others = others.iter().map(|(path, content)| (path, content.bytes.as_slice()));
                let problems = catalog_of(others.chain([(&path, text.as_bytes())])).err().unwrap_or_default();
                findings.extend(problems.into_iter().filter(|found| found.path.as_ref() == Some(&path)));
            }
            sort_findings(&mut findings);
            findings.truncate(crate::validation::MAX_FINDINGS);
            findings
        };
        tokio::task::spawn_blocking(check).await.map_err(|error| Error::errored("checking a text", error))
    }

    /// What could stand at a line and column of a text, both from 1, in characters.
    pub async fn suggestions(
        &self,
        member: &Member,
        id: WorkspaceId,
        typed: Typed,
        place: (u32, u32),
    ) -> Result<Vec<Suggestion>> {
        self.looking_at(member, id, move |tree| {
            tree.model.suggestions(tree.schemas(), &typed.path, &typed.text, place)
        })
        .await
    }

    /// What stands at a line and column of a text, both from 1, in characters.
    pub async fn meaning(
        &self,
        member: &Member,
        id: WorkspaceId,
        typed: Typed,
        place: (u32, u32),
    ) -> Result<Option<Meaning>> {
        self.looking_at(member, id, move |tree| {
            tree.model.meaning(tree.schemas(), &typed.path, &typed.text, place)
        })
        .await
    }

    async fn looking_at<T: Send + 'static>(
        &self,
        member: &Member,
        id: WorkspaceId,
        look: impl FnOnce(Arc<TreeModel>) -> T + Send + 'static,
    ) -> Result<T> {
        let open = self.workspace(member, id, WorkspaceAction::Read).await?;
        let tree = self.model(member.app_id(), open.working.tree).await?;
        let looked = tokio::task::spawn_blocking(move || look(tree)).await;
        looked.map_err(|error| Error::errored("reading a text", error))
    }
}
