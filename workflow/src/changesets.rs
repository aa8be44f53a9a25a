//! Changesets: making, listing, editing, taking back to draft, cloning.

use crate::actor::{Member, Page};
use crate::change::Change;
use crate::diffs::Comparison;
use crate::error::{Error, FieldProblem, Rejection, Result};
use crate::fresh::fresh_id;
use crate::services::Workflow;
use crate::support::retrying;
use conman_domain::changeset::{
    Changeset, ChangesetEvent, ChangesetStatus, Review, Revision, RevisionRecord,
};
use conman_domain::id::{ChangesetId, UserId, WorkspaceId};
use conman_domain::name::Title;
use conman_domain::policy::{self, AppAction, ChangesetAction, WorkspaceAction};
use conman_git::Edit;
use conman_store::collections::{
    CHANGESET_BY_AUTHOR, CHANGESET_BY_NUMBER, CHANGESET_BY_STATE, CHANGESET_OPEN, REVIEW_BY_CHANGESET,
    REVISION_BY_CHANGESET, revision_id,
};
use conman_store::{Query, Version, Versioned};
use serde_json::json;

/// The longest description, in bytes.
pub const MAX_DESCRIPTION: usize = 20_000;

/// Which changesets are wanted.
#[derive(Debug, Clone, Default)]
pub struct ChangesetFilter {
    /// Only in one of these states.
    pub states: Vec<String>,
    /// Only by this author; not together with states.
    pub author: Option<UserId>,
}

impl Workflow {
    /// Starts a changeset from a workspace; a workspace has one open changeset at a time.
    pub async fn create_changeset(
        &self,
        member: &Member,
        workspace_id: WorkspaceId,
        title: Title,
        description: String,
    ) -> Result<Versioned<Changeset>> {
        member.may(AppAction::Author)?;
        check_description(&description)?;
        let workspace = self.workspace(member, workspace_id, WorkspaceAction::Edit).await?.workspace.doc;
        let id = retrying(|| async {
            let open = Query::<Changeset>::on(&CHANGESET_OPEN).eq(workspace.id.to_string()).limit(1);
            if let Some(open) = self.store().find(open).await?.items.into_iter().next() {
                return Err(open_already(&open.doc));
            }
            let app = self.app_again(member).await?;
            let mut new_app = app.doc.clone();
            new_app.last_changeset_number += 1;
            let at = self.now().await?;
            let changeset = Changeset {
                id: fresh_id(),
                app_id: app.doc.id,
                number: new_app.last_changeset_number,
                workspace_id: workspace.id,
                author_id: member.actor.user_id,
                title: title.clone(),
                description: description.clone(),
                status: ChangesetStatus::Draft,
                revision: None,
                contributors: vec![member.actor.user_id],
                cloned_from: None,
                created_at: at,
                updated_at: at,
            };
            let mut change = Change::by(&member.actor, Some(app.doc.id), at);
            // The app first: who lost the race for the number hears of that, and not that the number is taken.
            change.replace(&new_app, app.version).insert(&changeset);
            let after = json!({"number": changeset.number, "title": changeset.title});
            change.audit("changeset", changeset.id, "changeset.created", json!(null), after);
            self.commit(change).await?;
            Ok(changeset.id)
        })
        .await
        .map_err(|error| match error.conflict_code() {
            Some("not_unique") => Error::conflict(
                "workspace_has_open_changeset",
                "this workspace has an open changeset already",
            ),
            _ => error,
        })?;
        self.changeset(member, id).await
    }

    /// One changeset of the member's app.
    pub async fn changeset(&self, member: &Member, id: ChangesetId) -> Result<Versioned<Changeset>> {
        let changeset: Versioned<Changeset> = self.load("changeset", id).await?;
        if changeset.doc.app_id == member.app_id() {
            Ok(changeset)
        } else {
            Err(Rejection::NotFound("changeset").into())
        }
    }

    /// The app's changesets, newest first.
    pub async fn list_changesets(
        &self,
        member: &Member,
        filter: &ChangesetFilter,
        page: Page,
    ) -> Result<(Vec<Versioned<Changeset>>, u64)> {
        let app_id = member.app_id().to_string();
        let query = match (&filter.author, filter.states.as_slice()) {
            (None, []) => Query::on(&CHANGESET_BY_NUMBER).eq(app_id),
            (None, states) => {
                Query::on(&CHANGESET_BY_STATE).eq(app_id).any_of(states.iter().map(String::as_str))
            }
            (Some(author), []) => Query::on(&CHANGESET_BY_AUTHOR).eq(app_id).eq(author.to_string()),
            (Some(_), _) => return Err(Error::invalid("/author", "filter by author or by state, not both")),
        };
        let query = query.descending().skip(page.skip()).limit(u64::from(page.limit)).with_total();
        let found = self.store().find::<Changeset>(query).await?;
        Ok((found.items, found.total))
    }

    /// Changes title and description.
    pub async fn edit_changeset(
        &self,
        member: &Member,
        id: ChangesetId,
        expected: Version,
        title: Title,
        description: String,
    ) -> Result<Versioned<Changeset>> {
        check_description(&description)?;
        let before = self.changeset(member, id).await?;
        policy::changeset(member.viewer(), &before.doc, ChangesetAction::Edit)?;
        if before.version != expected {
            return Err(Error::stale(before.version));
        }
        let mut changeset = before.doc.clone();
        let at = self.now().await?;
        (changeset.title, changeset.description, changeset.updated_at) = (title, description, at);
        let mut change = Change::by(&member.actor, Some(member.app_id()), at);
        change.replace(&changeset, expected);
        let shown = |c: &Changeset| json!({"title": c.title, "description": c.description});
        change.audit("changeset", id, "changeset.edited", shown(&before.doc), shown(&changeset));
        self.commit(change).await?;
        self.changeset(member, id).await
    }

    /// Takes a changeset back to draft, so that its author can work on it again.
    pub async fn move_to_draft(&self, member: &Member, id: ChangesetId) -> Result<Versioned<Changeset>> {
        retrying(|| async {
            let before = self.changeset(member, id).await?;
            policy::changeset(member.viewer(), &before.doc, ChangesetAction::MoveToDraft)?;
            let change = self
                .transition(member, &before, ChangesetEvent::MoveToDraft, "changeset.moved_to_draft")
                .await?;
            self.commit(change).await.map_err(|error| match error.conflict_code() {
                Some("not_unique") => Error::conflict(
                    "workspace_has_open_changeset",
                    "its workspace has another open changeset by now; finish or reject that one first",
                ),
                _ => error,
            })
        })
        .await?;
        self.changeset(member, id).await
    }

    /// Moves a changeset to its next state, with an audit event; the caller may add to the change and commits it.
    pub(crate) async fn transition(
        &self,
        member: &Member,
        before: &Versioned<Changeset>,
        event: ChangesetEvent,
        action: &str,
    ) -> Result<Change> {
        let at = self.now().await?;
        let mut change = Change::by(&member.actor, Some(member.app_id()), at);
        step(&mut change, before, event, action)?;
        Ok(change)
    }

    /// Makes a new changeset, in a workspace of the member's own, with the content of a rejected one.
    pub async fn clone_changeset(&self, member: &Member, id: ChangesetId) -> Result<Versioned<Changeset>> {
        let source = self.changeset(member, id).await?;
        policy::changeset(member.viewer(), &source.doc, ChangesetAction::Clone)?;
        let Some(revision) = &source.doc.revision else {
            return Err(Error::conflict("nothing_to_clone", "the changeset has no revision"));
        };
        let name = Title::parse(&format!("Clone of #{}", source.doc.number)).expect("a number makes a title");
        let open = self.create_workspace(member, name).await?;
        let repository = self.repository(member.app_id());
        let (workspace, working) = (open.workspace.doc, open.working);
        let from = self.tree_of(&repository, revision.base).await?;
        let mut edits = Vec::new();
        for change in repository.changes(from, revision.tree).await? {
            if let Some(old_path) = &change.old_path
                && let Some(old) = repository.file(working.tree, old_path).await?
            {
                edits.push(Edit::Delete { path: old_path.clone(), expected: old.blob });
            }
            let present = repository.file(working.tree, &change.path).await?.map(|file| file.blob);
            match (change.new_blob, present) {
                (Some(blob), expected) => {
                    edits.push(Edit::Put {
                        path: change.path,
                        expected,
                        bytes: repository.blob(blob).await?,
                    });
                }
                (None, Some(expected)) => edits.push(Edit::Delete { path: change.path, expected }),
                (None, None) => {}
            }
        }
        if !edits.is_empty() {
            self.write_files(member, workspace.id, edits).await?;
        }
        let title = source.doc.title.clone();
        let made = self.create_changeset(member, workspace.id, title, source.doc.description.clone()).await?;
        let mut cloned = made.doc.clone();
        cloned.cloned_from = Some(source.doc.id);
        // What it says is still theirs, so none of them approves it.
        for person in &source.doc.contributors {
            if !cloned.contributors.contains(person) {
                cloned.contributors.push(*person);
            }
        }
        let mut change = Change::by(&member.actor, Some(member.app_id()), self.now().await?);
        change.replace(&cloned, made.version);
        let (before, after) = (json!({"number": source.doc.number}), json!({"number": cloned.number}));
        change.audit("changeset", cloned.id, "changeset.cloned", before, after);
        self.commit(change).await?;
        self.changeset(member, cloned.id).await
    }

    /// A changeset's revisions, oldest first.
    pub async fn revisions(&self, member: &Member, id: ChangesetId) -> Result<Vec<RevisionRecord>> {
        let changeset = self.changeset(member, id).await?;
        let query =
            Query::<RevisionRecord>::on(&REVISION_BY_CHANGESET).eq(changeset.doc.id.to_string()).limit(500);
        Ok(self.store().find(query).await?.items.into_iter().map(|revision| revision.doc).collect())
    }

    /// A changeset's review decisions, oldest first.
    pub async fn reviews(&self, member: &Member, id: ChangesetId) -> Result<Vec<Review>> {
        let changeset = self.changeset(member, id).await?;
        self.reviews_of(changeset.doc.id).await
    }

    pub(crate) async fn reviews_of(&self, id: ChangesetId) -> Result<Vec<Review>> {
        let query = Query::<Review>::on(&REVIEW_BY_CHANGESET).eq(id.to_string()).limit(500);
        Ok(self.store().find(query).await?.items.into_iter().map(|review| review.doc).collect())
    }

    /// A revision beside its baseline or beside another revision. The newest is meant by default.
    pub async fn changeset_diff(
        &self,
        member: &Member,
        id: ChangesetId,
        from: Option<u32>,
        to: Option<u32>,
    ) -> Result<Comparison> {
        let changeset = self.changeset(member, id).await?;
        let to = self.newest_or(&changeset.doc, to).await?;
        let repository = self.repository(member.app_id());
        let (from, base) = match from {
            Some(number) => {
                let revision = self.revision(&changeset.doc, number).await?;
                (revision.tree, revision.head)
            }
            None => (self.tree_of(&repository, to.base).await?, to.base),
        };
        let (base, head) = (base.to_string(), to.head.to_string());
        Ok(Comparison { app_id: member.app_id(), from, to: to.tree, base, head })
    }

    /// One revision of a changeset of the member's app; the newest is meant by default.
    pub(crate) async fn revision_or_newest(
        &self,
        member: &Member,
        id: ChangesetId,
        number: Option<u32>,
    ) -> Result<Revision> {
        let changeset = self.changeset(member, id).await?;
        self.newest_or(&changeset.doc, number).await
    }

    async fn newest_or(&self, changeset: &Changeset, number: Option<u32>) -> Result<Revision> {
        match (number, &changeset.revision) {
            (Some(number), _) => self.revision(changeset, number).await,
            (None, Some(newest)) => Ok(newest.clone()),
            (None, None) => Err(Error::conflict(
                "no_revision",
                "the changeset was not submitted yet; look at its workspace",
            )),
        }
    }

    /// One revision of a changeset.
    pub(crate) async fn revision(&self, changeset: &Changeset, number: u32) -> Result<Revision> {
        let record = self.store().get::<RevisionRecord>(&revision_id(changeset.id, number)).await?;
        record.map(|record| record.doc.revision).ok_or_else(|| Rejection::NotFound("revision").into())
    }
}

/// Adds a changeset's next state to a change, with an audit event.
pub(crate) fn step(
    change: &mut Change,
    before: &Versioned<Changeset>,
    event: ChangesetEvent,
    action: &str,
) -> Result<()> {
    let mut after = before.doc.clone();
    after.status = before.doc.status.clone().next(event)?;
    after.updated_at = change.at();
    step_to(change, before, &after, action);
    Ok(())
}

/// Adds a changeset's new content to a change, with an audit event.
pub(crate) fn step_to(change: &mut Change, before: &Versioned<Changeset>, after: &Changeset, action: &str) {
    let shown = |c: &Changeset| json!({"status": c.status.without_values(), "revision": c.revision.as_ref().map(|r| r.number)});
    let commit = after.revision.as_ref().map(|revision| revision.head);
    change.replace(after, before.version);
    change.audit_commit("changeset", after.id, action, shown(&before.doc), shown(after), commit);
}

fn open_already(open: &Changeset) -> Error {
    Error::conflict_with(
        "workspace_has_open_changeset",
        format!("this workspace has an open changeset already, #{}", open.number),
        json!({"changeset_id": open.id, "number": open.number}),
    )
}

fn check_description(description: &str) -> Result<()> {
    if description.len() <= MAX_DESCRIPTION && !description.contains('\0') {
        return Ok(());
    }
    let message = format!("at most {MAX_DESCRIPTION} bytes, without NUL");
    Err(Rejection::Invalid(vec![FieldProblem { pointer: "/description".to_owned(), message }]).into())
}
