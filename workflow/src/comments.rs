//! Comments: on a changeset, a file or a line of a revision, in threads.

use crate::actor::Member;
use crate::change::Change;
use crate::error::{Error, Rejection, Result};
use crate::fresh::fresh_id;
use crate::services::Workflow;
use crate::support::retrying;
use conman_domain::changeset::{Comment, CommentPlace, CommentRevision};
use conman_domain::id::{ChangesetId, CommentId};
use conman_domain::policy::{self, ChangesetAction, CommentAction};
use conman_store::collections::COMMENT_BY_CHANGESET;
use conman_store::{Query, Version, Versioned};
use serde_json::json;

/// The longest comment, in bytes.
pub const MAX_COMMENT: usize = 50_000;
/// The most comments that one list answers.
const MAX_LISTED: u64 = 5_000;

/// A comment as it is written.
#[derive(Debug, Clone)]
pub struct NewComment {
    /// Its id, if the writer chose one: sent twice, it is written once.
    pub id: Option<CommentId>,
    /// What.
    pub body: String,
    /// The first comment of the thread that it answers.
    pub thread_id: Option<CommentId>,
    /// The file or line that it is about.
    pub place: Option<CommentPlace>,
}

impl Workflow {
    /// A changeset's comments, oldest first.
    pub async fn comments(&self, member: &Member, id: ChangesetId) -> Result<Vec<Versioned<Comment>>> {
        let changeset = self.changeset(member, id).await?;
        let query =
            Query::<Comment>::on(&COMMENT_BY_CHANGESET).eq(changeset.doc.id.to_string()).limit(MAX_LISTED);
        Ok(self.store().find(query).await?.items)
    }

    /// Writes a comment; one that is there already, under the id that its writer chose, is answered again.
    pub async fn comment(
        &self,
        member: &Member,
        id: ChangesetId,
        new: NewComment,
    ) -> Result<Versioned<Comment>> {
        // Where the same comment is written twice at once, the slower one finds it there.
        retrying(|| self.write_comment(member, id, new.clone())).await
    }

    async fn write_comment(
        &self,
        member: &Member,
        id: ChangesetId,
        new: NewComment,
    ) -> Result<Versioned<Comment>> {
        let changeset = self.changeset(member, id).await?;
        policy::changeset(member.viewer(), &changeset.doc, ChangesetAction::Comment)?;
        check_body(&new.body)?;
        if let Some(chosen) = new.id
            && let Some(present) = self.store().get::<Comment>(&chosen.to_string()).await?
        {
            let comment = &present.doc;
            let is_same = (comment.author_id, comment.changeset_id) == (member.actor.user_id, id)
                && (comment.thread_id, &comment.place) == (new.thread_id, &new.place)
                && (comment.body == new.body || comment.revision > 1);
            let taken = || Error::conflict("id_taken", "another comment has this id; choose another one");
            return if is_same { Ok(present) } else { Err(taken()) };
        }
        if let Some(thread) = new.thread_id {
            let first = self
                .comment_of(id, thread)
                .await
                .map_err(|_| Error::invalid("/thread_id", "there is no such thread here"))?;
            if first.doc.thread_id.is_some() {
                return Err(Error::invalid("/thread_id", "name the first comment of the thread"));
            }
        }
        if let Some(place) = &new.place {
            let revision = self.revision(&changeset.doc, place.revision).await;
            let revision =
                revision.map_err(|_| Error::invalid("/place/revision", "there is no such revision"))?;
            let repository = self.repository(member.app_id());
            let Some(file) = repository.file(revision.tree, &place.path).await? else {
                return Err(Error::invalid("/place/path", "the revision has no such file"));
            };
            let lines = file.bytes.split(|b| *b == b'\n').count() as u32;
            if place.line.is_some_and(|line| line == 0 || line > lines) {
                return Err(Error::invalid("/place/line", format!("the file has {lines} lines")));
            }
        }
        let at = self.now().await?;
        let comment = Comment {
            id: new.id.unwrap_or_else(fresh_id),
            app_id: member.app_id(),
            changeset_id: id,
            thread_id: new.thread_id,
            place: new.place,
            author_id: member.actor.user_id,
            body: new.body,
            revision: 1,
            resolved: false,
            created_at: at,
            updated_at: at,
        };
        let mut change = Change::by(&member.actor, Some(member.app_id()), at);
        change.insert(&comment);
        change.audit(
            "comment",
            comment.id,
            "comment.written",
            json!(null),
            json!({"changeset_id": id, "place": comment.place}),
        );
        self.commit(change).await?;
        self.load("comment", comment.id).await
    }

    /// Edits one's own comment; the earlier text stays on record.
    pub async fn edit_comment(
        &self,
        member: &Member,
        id: ChangesetId,
        comment: CommentId,
        expected: Option<Version>,
        body: String,
    ) -> Result<Versioned<Comment>> {
        self.changeset(member, id).await?;
        let before = self.comment_of(id, comment).await?;
        policy::comment(member.viewer(), &before.doc, CommentAction::Edit)?;
        check_body(&body)?;
        if expected.is_some_and(|expected| expected != before.version) {
            return Err(Error::stale(before.version));
        }
        let at = self.now().await?;
        let old = CommentRevision {
            comment_id: comment,
            revision: before.doc.revision,
            body: before.doc.body.clone(),
            replaced_at: at,
        };
        let after = Comment { body, revision: before.doc.revision + 1, updated_at: at, ..before.doc.clone() };
        let mut change = Change::by(&member.actor, Some(member.app_id()), at);
        change.insert(&old).replace(&after, before.version);
        change.audit(
            "comment",
            comment,
            "comment.edited",
            json!({"revision": old.revision}),
            json!({"revision": after.revision}),
        );
        self.commit(change).await?;
        self.load("comment", comment).await
    }

    /// Settles a thread, or opens it again.
    pub async fn resolve_comment(
        &self,
        member: &Member,
        id: ChangesetId,
        comment: CommentId,
        resolved: bool,
    ) -> Result<Versioned<Comment>> {
        self.changeset(member, id).await?;
        let before = self.comment_of(id, comment).await?;
        policy::comment(member.viewer(), &before.doc, CommentAction::Resolve)?;
        let at = self.now().await?;
        let after = Comment { resolved, updated_at: at, ..before.doc.clone() };
        let mut change = Change::by(&member.actor, Some(member.app_id()), at);
        change.replace(&after, before.version);
        change.audit(
            "comment",
            comment,
            "comment.resolved",
            json!({"resolved": before.doc.resolved}),
            json!({"resolved": resolved}),
        );
        self.commit(change).await?;
        self.load("comment", comment).await
    }

    async fn comment_of(&self, id: ChangesetId, comment: CommentId) -> Result<Versioned<Comment>> {
        let comment: Versioned<Comment> = self.load("comment", comment).await?;
        if comment.doc.changeset_id == id { Ok(comment) } else { Err(Rejection::NotFound("comment").into()) }
    }
}

fn check_body(body: &str) -> Result<()> {
    if body.trim().is_empty() || body.len() > MAX_COMMENT || body.contains('\0') {
        return Err(Error::invalid("/body", format!("between 1 and {MAX_COMMENT} bytes, without NUL")));
    }
    Ok(())
}
