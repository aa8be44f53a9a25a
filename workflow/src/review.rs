//! Reviewing: a decision on one exact revision.

use crate::actor::Member;
use crate::change::Letter;
use crate::changesets::step;
use crate::error::{Error, Result};
use crate::fresh::fresh_id;
use crate::services::Workflow;
use crate::submit::changeset_link;
use crate::support::retrying;
use conman_domain::changeset::{Approval, Changeset, ChangesetEvent, ChangesetStatus, Review, Verdict};
use conman_domain::id::ChangesetId;
use conman_domain::policy::{self, ChangesetAction};
use conman_store::collections::REVIEW_BY_REVIEWER;
use conman_store::{Query, Versioned};
use serde_json::json;

/// The longest review comment, in bytes.
pub const MAX_REVIEW_COMMENT: usize = 20_000;

/// A decision as a reviewer makes it.
#[derive(Debug, Clone)]
pub struct Decision {
    /// The revision that the reviewer has looked at.
    pub revision: u32,
    /// What they decide.
    pub verdict: Verdict,
    /// Why.
    pub comment: String,
}

impl Workflow {
    /// Records a decision on a revision; one on any but the newest is refused.
    pub async fn review_changeset(
        &self,
        member: &Member,
        id: ChangesetId,
        decision: &Decision,
    ) -> Result<Versioned<Changeset>> {
        if decision.comment.len() > MAX_REVIEW_COMMENT {
            return Err(Error::invalid("/comment", format!("at most {MAX_REVIEW_COMMENT} bytes")));
        }
        retrying(|| self.try_review(member, id, decision)).await?;
        self.changeset(member, id).await
    }

    async fn try_review(&self, member: &Member, id: ChangesetId, decision: &Decision) -> Result<()> {
        let before = self.changeset(member, id).await?;
        let Some(newest) = &before.doc.revision else {
            return Err(Error::conflict("no_revision", "the changeset was not submitted yet"));
        };
        if newest.number != decision.revision {
            let message = format!(
                "you decided on revision {}; the newest is {}: look at what changed",
                decision.revision, newest.number
            );
            return Err(Error::conflict_with(
                "stale_revision",
                message,
                json!({"newest_revision": newest.number}),
            ));
        }
        let action = match decision.verdict {
            Verdict::Approve => ChangesetAction::Approve,
            Verdict::RequestChanges => ChangesetAction::RequestChanges,
            Verdict::Reject => ChangesetAction::Reject,
        };
        let reviewer = member.actor.user_id;
        let repeated = before.doc.status.approvals().iter().any(|approval| approval.user_id == reviewer);
        if decision.verdict == Verdict::Approve && repeated {
            // The same answer twice is one answer, also after the changeset has become approved.
            return Ok(());
        }
        policy::changeset(member.viewer(), &before.doc, action)?;
        let at = self.now().await?;
        let required = self.app_again(member).await?.doc.settings.required_approval_count;
        let event = match decision.verdict {
            Verdict::Approve => ChangesetEvent::Approve {
                approval: Approval { user_id: reviewer, approved_at: at },
                required,
            },
            Verdict::RequestChanges => ChangesetEvent::RequestChanges(reviewer, at),
            Verdict::Reject => ChangesetEvent::Reject(reviewer, at),
        };
        let mut change = crate::change::Change::by(&member.actor, Some(member.app_id()), at);
        let (noun, told) = match decision.verdict {
            Verdict::Approve => ("changeset.approved", "approved"),
            Verdict::RequestChanges => ("changeset.changes_requested", "asked for changes to"),
            Verdict::Reject => ("changeset.rejected", "rejected"),
        };
        step(&mut change, &before, event, noun)?;
        let query = Query::<Review>::on(&REVIEW_BY_REVIEWER)
            .eq(id.to_string())
            .eq(decision.revision)
            .eq(reviewer.to_string())
            .limit(1);
        let earlier = self.store().find(query).await?.items.into_iter().next();
        let review = Review {
            id: earlier.as_ref().map_or_else(fresh_id, |review| review.doc.id),
            app_id: member.app_id(),
            changeset_id: id,
            revision: decision.revision,
            tree: newest.tree,
            reviewer_id: reviewer,
            verdict: decision.verdict,
            comment: decision.comment.clone(),
            decided_at: at,
        };
        match earlier {
            Some(earlier) => change.replace(&review, earlier.version),
            None => change.insert(&review),
        };
        let next = before.doc.status.clone().next(match decision.verdict {
            Verdict::Approve => ChangesetEvent::Approve {
                approval: Approval { user_id: reviewer, approved_at: at },
                required,
            },
            Verdict::RequestChanges => ChangesetEvent::RequestChanges(reviewer, at),
            Verdict::Reject => ChangesetEvent::Reject(reviewer, at),
        })?;
        let complete = if matches!(next, ChangesetStatus::Approved { .. }) {
            " It has the approvals it needs."
        } else {
            ""
        };
        let letter = Letter {
            event: noun,
            subject: format!("#{} {}: {told}", before.doc.number, before.doc.title),
            text: format!("{} {told} revision {}.{complete}", member.actor.name, decision.revision),
            link: Some(changeset_link(&before.doc)),
        };
        self.mail_user(&mut change, before.doc.author_id, &letter).await?;
        self.commit(change).await
    }
}
