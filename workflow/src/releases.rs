//! Releases while they are drafts: picking members, ordering them, and reading them at any time.

use crate::actor::{Member, Page};
use crate::change::Change;
use crate::diffs::Comparison;
use crate::error::{Error, Rejection, Result};
use crate::fresh::fresh_id;
use crate::services::Workflow;
use conman_domain::changeset::{Changeset, ChangesetStatus};
use conman_domain::id::{ChangesetId, ReleaseId};
use conman_domain::job::{OnIsolation, Work};
use conman_domain::name::ReleaseTag;
use conman_domain::policy::{self, AppAction, ReleaseAction};
use conman_domain::release::{Hold, MemberResult, Release, ReleaseEvent, ReleaseMember, ReleaseStatus};
use conman_domain::{Timestamp, id::JobId};
use conman_store::collections::{
    MEMBER_BY_RELEASE, MEMBER_HELD, RELEASE_BY_APP, RELEASE_BY_STATE, RELEASE_BY_TAG,
};
use conman_store::{Query, Version, Versioned};
use serde_json::json;
use std::collections::HashMap;

/// The most members of one release.
pub const MAX_MEMBERS: usize = 1_000;

/// A release with its members in order.
#[derive(Debug, Clone)]
pub struct FullRelease {
    /// The release.
    pub release: Versioned<Release>,
    /// Its members, in order, and those that were isolated.
    pub members: Vec<Versioned<ReleaseMember>>,
}

impl FullRelease {
    /// The members that the release holds: those that go with it, as far as is known.
    pub(crate) fn held(&self) -> impl Iterator<Item = &Versioned<ReleaseMember>> {
        self.members.iter().filter(|member| member.doc.hold == Hold::Held)
    }
}

impl Workflow {
    /// Drafts a release from queued changesets, in the order given.
    pub async fn draft_release(&self, member: &Member, changesets: &[ChangesetId]) -> Result<FullRelease> {
        member.may(AppAction::DraftRelease)?;
        let at = self.now().await?;
        let release = Release {
            id: fresh_id(),
            app_id: member.app_id(),
            status: ReleaseStatus::DraftRelease,
            notes: String::new(),
            created_by: member.actor.user_id,
            created_at: at,
            updated_at: at,
        };
        let mut change = Change::by(&member.actor, Some(member.app_id()), at);
        change.insert(&release);
        let numbers = self.pick(&mut change, member, &release, &[], changesets).await?;
        change.audit("release", release.id, "release.drafted", json!(null), json!({"members": numbers}));
        self.commit(change).await.map_err(held_elsewhere)?;
        self.release(member, release.id).await
    }

    /// Makes the members of a draft what the list says, in that order. A composed candidate is thrown away.
    pub async fn set_members(
        &self,
        member: &Member,
        id: ReleaseId,
        expected: Option<Version>,
        changesets: &[ChangesetId],
    ) -> Result<FullRelease> {
        let full = self.release(member, id).await?;
        policy::release(member.viewer(), &full.release.doc, ReleaseAction::Edit)?;
        if expected.is_some_and(|expected| expected != full.release.version) {
            return Err(Error::stale(full.release.version));
        }
        let at = self.now().await?;
        let mut release = full.release.doc.clone();
        release.status = release.status.next(ReleaseEvent::Edit)?;
        release.updated_at = at;
        let mut change = Change::by(&member.actor, Some(member.app_id()), at);
        change.replace(&release, full.release.version);
        let numbers = self.pick(&mut change, member, &release, &full.members, changesets).await?;
        let before: Vec<u32> = full.held().map(|m| m.doc.number).collect();
        change.audit(
            "release",
            id,
            "release.members_changed",
            json!({"members": before}),
            json!({"members": numbers}),
        );
        self.commit(change).await.map_err(held_elsewhere)?;
        self.release(member, id).await
    }

    /// Puts the members of a draft into a new order; the list must name exactly its members.
    pub async fn reorder_members(
        &self,
        member: &Member,
        id: ReleaseId,
        expected: Option<Version>,
        order: &[ChangesetId],
    ) -> Result<FullRelease> {
        let full = self.release(member, id).await?;
        let present: Vec<ChangesetId> = full.held().map(|m| m.doc.changeset_id).collect();
        let same = order.len() == present.len() && present.iter().all(|id| order.contains(id));
        if !same {
            let message = "the release has other members; load it again and put it in order again";
            return Err(Error::conflict_with("members_changed", message, json!({"changeset_ids": present})));
        }
        self.set_members(member, id, expected, order).await
    }

    /// Adds the members that a list names to a change, and lets go of the others.
    async fn pick(
        &self,
        change: &mut Change,
        member: &Member,
        release: &Release,
        present: &[Versioned<ReleaseMember>],
        changesets: &[ChangesetId],
    ) -> Result<Vec<u32>> {
        if changesets.len() > MAX_MEMBERS {
            return Err(Error::invalid("/changeset_ids", format!("at most {MAX_MEMBERS} changesets")));
        }
        let mut numbers = Vec::new();
        for (index, id) in changesets.iter().enumerate() {
            let pointer = || format!("/changeset_ids/{index}");
            if changesets[..index].contains(id) {
                return Err(Error::invalid(pointer(), "this changeset stands twice in the list"));
            }
            let changeset = self.changeset(member, *id).await.map_err(|error| match error {
                Error::Rejected(Rejection::NotFound(_)) => {
                    Error::invalid(pointer(), "the app has no such changeset")
                }
                other => other,
            })?;
            let (ChangesetStatus::Queued { .. }, Some(revision)) =
                (&changeset.doc.status, &changeset.doc.revision)
            else {
                let message = format!(
                    "#{} is {}; only queued changesets are picked",
                    changeset.doc.number,
                    changeset.doc.status.name()
                );
                return Err(Error::conflict_with("not_queued", message, json!({"changeset_id": id})));
            };
            change.check(&changeset);
            let new = ReleaseMember {
                release_id: release.id,
                app_id: release.app_id,
                changeset_id: *id,
                number: changeset.doc.number,
                revision: revision.number,
                head: revision.head,
                position: index as u32 + 1,
                hold: Hold::Held,
                result: MemberResult::Pending,
            };
            match present.iter().find(|old| old.doc.changeset_id == *id) {
                Some(old) => change.replace(&new, old.version),
                None => change.insert(&new),
            };
            numbers.push(changeset.doc.number);
        }
        // What became of isolated members stays to be seen.
        let held = present.iter().filter(|old| old.doc.hold == Hold::Held);
        for gone in held.filter(|old| !changesets.contains(&old.doc.changeset_id)) {
            change.delete(gone);
        }
        Ok(numbers)
    }

    /// Changes the notes of a release that is not published.
    pub async fn set_notes(
        &self,
        member: &Member,
        id: ReleaseId,
        expected: Version,
        notes: String,
    ) -> Result<FullRelease> {
        let full = self.release(member, id).await?;
        policy::release(member.viewer(), &full.release.doc, ReleaseAction::Edit)?;
        if notes.len() > 100_000 {
            return Err(Error::invalid("/notes", "at most 100,000 bytes"));
        }
        if full.release.version != expected {
            return Err(Error::stale(full.release.version));
        }
        let mut release = full.release.doc.clone();
        (release.notes, release.updated_at) = (notes, self.now().await?);
        let mut change = Change::by(&member.actor, Some(member.app_id()), release.updated_at);
        change.replace(&release, expected);
        change.audit(
            "release",
            id,
            "release.notes_changed",
            json!({"notes": full.release.doc.notes}),
            json!({"notes": release.notes}),
        );
        self.commit(change).await?;
        self.release(member, id).await
    }

    /// One release of the member's app.
    pub async fn release(&self, member: &Member, id: ReleaseId) -> Result<FullRelease> {
        let full = self.full_release(id).await?;
        if full.release.doc.app_id == member.app_id() {
            Ok(full)
        } else {
            Err(Rejection::NotFound("release").into())
        }
    }

    pub(crate) async fn full_release(&self, id: ReleaseId) -> Result<FullRelease> {
        let release = self.load("release", id).await?;
        let query =
            Query::<ReleaseMember>::on(&MEMBER_BY_RELEASE).eq(id.to_string()).limit(MAX_MEMBERS as u64 + 1);
        Ok(FullRelease { release, members: self.store().find(query).await?.items })
    }

    /// The release that carries a tag in the member's app.
    pub async fn release_by_tag(&self, member: &Member, tag: &ReleaseTag) -> Result<FullRelease> {
        let query =
            Query::<Release>::on(&RELEASE_BY_TAG).eq(member.app_id().to_string()).eq(tag.as_str()).limit(1);
        match self.store().find(query).await?.items.into_iter().next() {
            Some(release) => self.release(member, release.doc.id).await,
            None => Err(Rejection::NotFound("release").into()),
        }
    }

    /// The app's releases, newest first, in any or only in some states.
    pub async fn list_releases(
        &self,
        member: &Member,
        states: &[String],
        page: Page,
    ) -> Result<(Vec<Versioned<Release>>, u64)> {
        let app_id = member.app_id().to_string();
        let query = if states.is_empty() {
            Query::<Release>::on(&RELEASE_BY_APP).eq(app_id)
        } else {
            Query::on(&RELEASE_BY_STATE).eq(app_id).any_of(states.iter().map(String::as_str))
        };
        let found = self
            .store()
            .find(query.descending().skip(page.skip()).limit(u64::from(page.limit)).with_total())
            .await?;
        Ok((found.items, found.total))
    }

    /// Has a release composed; answers the job that does it.
    pub async fn assemble_release(
        &self,
        member: &Member,
        id: ReleaseId,
        on_isolation: OnIsolation,
    ) -> Result<JobId> {
        let full = self.release(member, id).await?;
        policy::release(member.viewer(), &full.release.doc, ReleaseAction::Assemble)?;
        if full.held().next().is_none() {
            return Err(Error::conflict("no_members", "pick at least one queued changeset first"));
        }
        let mut change = Change::by(&member.actor, Some(member.app_id()), self.now().await?);
        let job_id = assemble(&mut change, &full, on_isolation)?;
        self.commit(change).await?;
        Ok(job_id)
    }

    /// Has a composed release published; answers the job that does it.
    pub async fn publish_release(&self, member: &Member, id: ReleaseId) -> Result<JobId> {
        let full = self.release(member, id).await?;
        policy::release(member.viewer(), &full.release.doc, ReleaseAction::Publish)?;
        let at = self.now().await?;
        let mut release = full.release.doc.clone();
        release.updated_at = at;
        let mut change = Change::by(&member.actor, Some(member.app_id()), at);
        // The new version makes of fifty publishers at once one that asked and forty-nine that are told so.
        change.replace(&release, full.release.version);
        let job_id = change.job(Work::ReleasePublish { release_id: id, published_by: member.actor.user_id });
        change.audit("release", id, "release.publish_requested", json!(null), json!({"job_id": job_id}));
        self.commit(change).await?;
        Ok(job_id)
    }

    /// A release beside the integration branch that it was composed on, or beside what an environment runs.
    pub async fn release_preview(
        &self,
        member: &Member,
        id: ReleaseId,
        environment: Option<conman_domain::id::EnvironmentId>,
    ) -> Result<Comparison> {
        let full = self.release(member, id).await?;
        let repository = self.repository(member.app_id());
        let (base, tree, head) = match &full.release.doc.status {
            ReleaseStatus::Validated { candidate } => (candidate.base, candidate.tree, candidate.commit),
            ReleaseStatus::Publishing(publication) => {
                (publication.previous_head, publication.tree, publication.commit)
            }
            status => match status.publication() {
                Some(publication) => (publication.previous_head, publication.tree, publication.commit),
                None => {
                    return Err(Error::conflict(
                        "not_composed",
                        "compose the release first; then its changes are known",
                    ));
                }
            },
        };
        let base = match environment {
            Some(environment) => match self.environment(member, environment).await?.doc.running {
                Some(running) => running.provenance.release_commit,
                None => member.app.doc.initial_commit,
            },
            None => base,
        };
        let from = self.tree_of(&repository, base).await?;
        let (base, head) = (base.to_string(), head.to_string());
        Ok(Comparison { app_id: member.app_id(), from, to: tree, base, head })
    }

    /// The release that holds a changeset now, if one does.
    pub async fn held_by(&self, changeset: &Changeset) -> Result<Option<ReleaseId>> {
        let query = Query::<ReleaseMember>::on(&MEMBER_HELD).eq(changeset.id.to_string()).limit(1);
        Ok(self.store().find(query).await?.items.first().map(|held| held.doc.release_id))
    }

    /// The numbers of the changesets that releases hold, in order.
    pub async fn numbers_in(&self, releases: &[ReleaseId]) -> Result<HashMap<ReleaseId, Vec<u32>>> {
        let query =
            Query::<ReleaseMember>::on(&MEMBER_BY_RELEASE).any_of(releases.iter().map(ToString::to_string));
        let mut numbers: HashMap<ReleaseId, Vec<u32>> = HashMap::new();
        for member in self.store().find(query).await?.items {
            if member.hold == Hold::Held {
                numbers.entry(member.release_id).or_default().push(member.number);
            }
        }
        Ok(numbers)
    }

    /// Whether the release that holds a changeset is decided, so that the changeset goes with it whatever comes.
    pub(crate) async fn is_being_published(&self, changeset: &Changeset) -> Result<bool> {
        let Some(id) = self.held_by(changeset).await? else { return Ok(false) };
        let release: Versioned<Release> = self.load("release", id).await?;
        Ok(matches!(release.doc.status, ReleaseStatus::Publishing(_)))
    }
}

/// Adds the start of composing to a change.
pub(crate) fn assemble(change: &mut Change, full: &FullRelease, on_isolation: OnIsolation) -> Result<JobId> {
    let job_id = change.job(Work::ReleaseAssemble { release_id: full.release.doc.id, on_isolation });
    let at = change.at();
    let after = set_status(&full.release.doc, ReleaseEvent::Assemble(job_id), at)?;
    change.replace(&after, full.release.version);
    for old in full.held().filter(|old| old.doc.result != MemberResult::Pending) {
        change.replace(&ReleaseMember { result: MemberResult::Pending, ..old.doc.clone() }, old.version);
    }
    let before = json!({"state": full.release.doc.status.name()});
    change.audit("release", after.id, "release.assembling", before, json!({"job_id": job_id}));
    Ok(job_id)
}

/// The release after an event.
pub(crate) fn set_status(release: &Release, event: ReleaseEvent, at: Timestamp) -> Result<Release> {
    Ok(Release { status: release.status.clone().next(event)?, updated_at: at, ..release.clone() })
}

fn held_elsewhere(error: Error) -> Error {
    match error.conflict_code() {
        Some("not_unique") => {
            Error::conflict("held_by_another_release", "another release holds one of these changesets")
        }
        _ => error,
    }
}
