//! The queue: approved changesets, in the order in which they are to be picked.

use crate::actor::Member;
use crate::change::{Change, Letter};
use crate::changesets::step;
use crate::error::{Error, Result};
use crate::job_context::JobContext;
use crate::key_collisions::{collisions, reading_hooks};
use crate::services::Workflow;
use crate::submit::changeset_link;
use crate::support::retrying;
use conman_domain::access::Role;
use conman_domain::changeset::{Changeset, ChangesetEvent};
use conman_domain::id::{AppId, ChangesetId};
use conman_domain::policy::{self, AppAction, ChangesetAction};
use conman_git::{ComposeMember, ComposePlan, KeepName, MemberOutcome, MergeProbe};
use conman_store::collections::CHANGESET_QUEUE;
use conman_store::{Query, Versioned};
use serde_json::json;
use std::collections::BTreeSet;

/// The longest queue.
pub const MAX_QUEUE: u64 = 2_000;

impl Workflow {
    /// The app's queue, in order.
    pub async fn queue(&self, app_id: AppId) -> Result<Vec<Versioned<Changeset>>> {
        let query = Query::<Changeset>::on(&CHANGESET_QUEUE).eq(app_id.to_string()).limit(MAX_QUEUE);
        Ok(self.store().find(query).await?.items)
    }

    /// Puts an approved changeset at the queue's end; its branch must contain the integration head.
    pub async fn queue_changeset(&self, member: &Member, id: ChangesetId) -> Result<Versioned<Changeset>> {
        retrying(|| async {
            let before = self.changeset(member, id).await?;
            policy::changeset(member.viewer(), &before.doc, ChangesetAction::Queue)?;
            let Some(revision) = &before.doc.revision else {
                return Err(Error::conflict("no_revision", "the changeset was not submitted yet"));
            };
            let app = self.app_again(member).await?;
            let head = self.integration_head(&app.doc).await?;
            if !self.repository(app.doc.id).is_ancestor(head, revision.head).await? {
                let message = "the integration branch has moved on; sync the workspace, then queue again";
                return Err(Error::conflict_with(
                    "sync_required",
                    message,
                    json!({"integration_head": head}),
                ));
            }
            let mut new_app = app.doc.clone();
            new_app.last_queue_position += 1;
            let mut change = Change::by(&member.actor, Some(app.doc.id), self.now().await?);
            step(
                &mut change,
                &before,
                ChangesetEvent::Queue(new_app.last_queue_position),
                "changeset.queued",
            )?;
            change.replace(&new_app, app.version);
            let letter = Letter {
                event: "changeset.queued",
                subject: format!("Queued: #{} {}", before.doc.number, before.doc.title),
                text: "It waits to be picked for a release.".to_owned(),
                link: Some(changeset_link(&before.doc)),
            };
            self.mail_user(&mut change, before.doc.author_id, &letter).await?;
            self.mail_members(&mut change, app.doc.id, Role::ConfigManager, &letter).await?;
            self.commit(change).await
        })
        .await?;
        self.changeset(member, id).await
    }

    /// Puts the queue into a new order; the list must name exactly what is queued.
    pub async fn reorder_queue(
        &self,
        member: &Member,
        order: &[ChangesetId],
    ) -> Result<Vec<Versioned<Changeset>>> {
        member.may(AppAction::ReorderQueue)?;
        let queued = self.queue(member.app_id()).await?;
        let (wanted, present): (BTreeSet<_>, BTreeSet<_>) =
            (order.iter().collect(), queued.iter().map(|c| &c.doc.id).collect());
        if wanted.len() != order.len() {
            return Err(Error::invalid("/changeset_ids", "a changeset stands twice in the list"));
        }
        if wanted != present {
            let now: Vec<_> = queued.iter().map(|c| c.doc.id).collect();
            let message = "the queue has changed; load it again and put it in order again";
            return Err(Error::conflict_with("queue_changed", message, json!({"changeset_ids": now})));
        }
        let app = self.app_again(member).await?;
        let mut new_app = app.doc.clone();
        new_app.last_queue_position = new_app.last_queue_position.max(order.len() as u32);
        let mut change = Change::by(&member.actor, Some(app.doc.id), self.now().await?);
        change.replace(&new_app, app.version);
        for (id, position) in order.iter().zip(1_u32..) {
            if let Some(changeset) = queued.iter().find(|c| c.doc.id == *id) {
                let mut moved = changeset.doc.clone();
                moved.status = moved.status.next(ChangesetEvent::Reorder(position))?;
                change.replace(&moved, changeset.version);
            }
        }
        let before: Vec<_> = queued.iter().map(|c| c.doc.number).collect();
        let after: Vec<_> = order
            .iter()
            .filter_map(|id| queued.iter().find(|c| c.doc.id == *id))
            .map(|c| c.doc.number)
            .collect();
        change.audit("queue", app.doc.id, "queue.reordered", json!(before), json!(after));
        self.commit(change).await?;
        self.queue(member.app_id()).await
    }

    /// Checks that a queued changeset still merges and holds on today's integration head; a job.
    pub async fn revalidate_queued(&self, job: &JobContext, id: ChangesetId) -> Result<serde_json::Value> {
        let changeset: Versioned<Changeset> = self.load("changeset", id).await?;
        if changeset.doc.status.name() != "queued" {
            return Ok(json!({"outcome": "not_queued"}));
        }
        let Some(revision) = changeset.doc.revision.clone() else {
            return Ok(json!({"outcome": "no_revision"}));
        };
        // Read after the changeset, which the decision to publish changes too: what is decided cannot slip by.
        if self.is_being_published(&changeset.doc).await? {
            job.log("A release that carries it is being published").await?;
            return Ok(json!({"outcome": "being_published"}));
        }
        let app = self.load::<conman_domain::app::App>("app", changeset.doc.app_id).await?;
        let repository = self.repository(app.doc.id);
        let head = self.integration_head(&app.doc).await?;
        job.log(format!("Merging #{} into {}", changeset.doc.number, head.short())).await?;
        let event = match repository.merges(head, revision.head).await? {
            MergeProbe::AlreadyContained => None,
            MergeProbe::Conflicted { .. } | MergeProbe::Clean { .. } => {
                let at = crate::submit::whole_second(changeset.doc.updated_at);
                let author = conman_domain::git::Signature::new("Conman", "conman@invalid", at);
                let member = ComposeMember {
                    label: format!("#{}", changeset.doc.number),
                    head: revision.head,
                    author: author.clone(),
                    message: "Merge check".to_owned(),
                };
                let keep = KeepName::revision(id, 0);
                let plan =
                    ComposePlan { base: head, members: vec![member], committer: author, keep: keep.clone() };
                let composed = repository.compose(plan, reading_hooks()).await?;
                let event = match &composed.members[..] {
                    [MemberOutcome::Conflicted { conflicts }] => {
                        let collisions = collisions(conflicts);
                        Some(ChangesetEvent::Conflict { release_id: None, collisions })
                    }
                    _ => {
                        let base = self.tree_of(&repository, head).await?;
                        let findings = self.errors(&app.doc, base, composed.tree).await?;
                        if findings.is_empty() { None } else { Some(ChangesetEvent::Invalidate(findings)) }
                    }
                };
                repository.unkeep(&keep).await?;
                event
            }
        };
        let Some(event) = event else {
            job.log("It still merges and holds").await?;
            return Ok(json!({"outcome": "holds"}));
        };
        job.log(format!("It is out of the queue: {}", event.name())).await?;
        let outcome = event.name();
        let mut change = Change::by_system(Some(app.doc.id), self.now().await?);
        step(&mut change, &changeset, event, "changeset.revalidated")?;
        let letter = Letter {
            event: "changeset.out_of_queue",
            subject: format!("Out of the queue: #{} {}", changeset.doc.number, changeset.doc.title),
            text: "A release was published, and the changeset does not fit on it as it is.".to_owned(),
            link: Some(changeset_link(&changeset.doc)),
        };
        self.mail_user(&mut change, changeset.doc.author_id, &letter).await?;
        let fence = job.fence(&mut change).await?;
        self.commit(change).await?;
        drop(fence);
        Ok(json!({"outcome": outcome}))
    }
}
