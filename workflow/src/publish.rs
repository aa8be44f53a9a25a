//! Publishing: decided in the store, then the tag, then the integration branch, then finished in the store.
//!
//! A crash between any two steps leaves a release that is `publishing`; replaying the later steps brings it to its end,
//! and every one of them can be repeated.

use crate::change::{Change, Letter};
use crate::changesets::step;
use crate::compose::release_link;
use crate::diffs::Comparison;
use crate::error::{CHANGED_MEANWHILE, Error, Result};
use crate::job_context::JobContext;
use crate::releases::{FullRelease, assemble, set_status};
use crate::services::Workflow;
use crate::support::retrying;
use conman_domain::access::{Role, User};
use conman_domain::app::{App, LastTag};
use conman_domain::changeset::{Changeset, ChangesetEvent, ChangesetStatus};
use conman_domain::git::Signature;
use conman_domain::id::{ReleaseId, UserId};
use conman_domain::job::{OnIsolation, Work};
use conman_domain::name::ReleaseTag;
use conman_domain::release::{
    Candidate, Hold, MemberResult, Publication, Release, ReleaseEvent, ReleaseMember, ReleaseStatus,
};
use conman_git::Advance;
use conman_store::collections::{RELEASE_PUBLISHING, RELEASE_PUBLISHING_BY_APP};
use conman_store::{Query, Versioned};
use fail::fail_point;
use semantic_diff::SemanticChange;
use serde_json::json;
use std::collections::BTreeMap;

/// The most files that the notes name.
const MAX_NOTED_FILES: usize = 100;

impl Workflow {
    /// Publishes a composed release; a job.
    pub async fn run_publication(
        &self,
        job: &JobContext,
        id: ReleaseId,
        published_by: UserId,
    ) -> Result<serde_json::Value> {
        let full = self.full_release(id).await?;
        // A decision that another release of this app waits to finish comes first.
        self.finish_app_publications(full.release.doc.app_id).await?;
        let status = self.full_release(id).await?.release.doc.status;
        let tag = match status {
            ReleaseStatus::Validated { .. } => {
                retrying(|| self.decide_publication(job.clone(), id, published_by)).await?
            }
            ReleaseStatus::Publishing(publication) => publication.tag,
            other => match other.publication() {
                Some(publication) => publication.tag.clone(),
                None => return Ok(json!({"outcome": "not_composed"})),
            },
        };
        job.log(format!("Decided as {tag}")).await?;
        fail_point!("publish.after_decision");
        self.finish_publication(id).await?;
        job.log(format!("Published {tag}")).await?;
        Ok(json!({"tag": tag}))
    }

    /// The decision: everything is checked once more, and one batch says that it will be so.
    async fn decide_publication(
        &self,
        job: JobContext,
        id: ReleaseId,
        published_by: UserId,
    ) -> Result<ReleaseTag> {
        let full = self.full_release(id).await?;
        let release = &full.release.doc;
        let candidate = match &release.status {
            ReleaseStatus::Validated { candidate } => candidate,
            // Another job for the same release was faster: its decision is the decision.
            ReleaseStatus::Publishing(publication) => return Ok(publication.tag.clone()),
            other => match other.publication() {
                Some(publication) => return Ok(publication.tag.clone()),
                None => {
                    return Err(Error::conflict("wrong_state", format!("the release is {}", other.name())));
                }
            },
        };
        let app: Versioned<App> = self.load("app", release.app_id).await?;
        let head = self.integration_head(&app.doc).await?;
        if head != candidate.base {
            self.recompose(&full).await?;
            let message =
                "the integration branch moved since the release was composed; it is being composed again";
            return Err(Error::conflict("integration_moved", message));
        }
        let at = self.now().await?;
        let tag = next_tag(&app.doc, at);
        let publisher: Versioned<User> = self.load("user", published_by).await?;
        let notes = if release.notes.trim().is_empty() {
            self.notes(&full, candidate).await?
        } else {
            release.notes.clone()
        };
        let tagger = Signature::new(
            publisher.doc.name.as_str(),
            publisher.doc.email.as_str(),
            crate::submit::whole_second(at),
        );
        fail_point!("publish.before_tag_object");
        let repository = self.repository(app.doc.id);
        let tag_id = repository
            .tag_object(&tag, candidate.commit, tagger, &format!("Release {tag}\n\n{notes}"))
            .await?;
        fail_point!("publish.after_tag_object");
        let publication = publication(candidate, &tag, tag_id, published_by, at);
        let mut change = Change::by_system(Some(app.doc.id), at);
        let mut after = set_status(release, ReleaseEvent::Decide(publication), at)?;
        after.notes = notes;
        change.replace(&after, full.release.version);
        let mut new_app = app.doc.clone();
        new_app.last_tag = Some(last_tag(&tag));
        change.replace(&new_app, app.version);
        for member in merged(&full) {
            let changeset: Versioned<Changeset> = self.load("changeset", member.doc.changeset_id).await?;
            let same = changeset
                .doc
                .revision
                .as_ref()
                .is_some_and(|r| r.number == member.doc.revision && r.head == member.doc.head);
            if !same || !matches!(changeset.doc.status, ChangesetStatus::Queued { .. }) {
                let message = format!(
                    "#{} is not what was composed any more; compose the release again",
                    member.doc.number
                );
                return Err(Error::conflict("members_changed", message));
            }
            // A new version, not only a check: whoever found meanwhile that the changeset does not fit finds it changed,
            // looks again, and leaves it to this release.
            change.replace(&changeset.doc, changeset.version);
        }
        let told = json!({"tag": tag, "commit": candidate.commit, "published_by": published_by});
        change.audit_commit(
            "release",
            id,
            "release.publishing",
            json!({"state": "validated"}),
            told,
            Some(candidate.commit),
        );
        let fence = job.fence(&mut change).await?;
        fail_point!("publish.before_decision");
        self.commit(change).await.map_err(|error| match error.conflict_code() {
            // Another release of this app is publishing: wait for it, then look at the integration head again.
            Some("not_unique") => {
                Error::conflict(CHANGED_MEANWHILE, "another release of this app is being published")
            }
            _ => error,
        })?;
        drop(fence);
        Ok(tag)
    }

    /// Composes again what was composed on a head that is no longer the integration branch's.
    async fn recompose(&self, full: &FullRelease) -> Result<()> {
        let mut change = Change::by_system(Some(full.release.doc.app_id), self.now().await?);
        assemble(&mut change, full, OnIsolation::Continue)?;
        self.commit(change).await
    }

    /// Steps 4 to 6 of a decided publication: tag, branch, store. Each is done at most once, however often this runs.
    pub async fn finish_publication(&self, id: ReleaseId) -> Result<()> {
        retrying(|| async {
            let full = self.full_release(id).await?;
            let release = &full.release.doc;
            let ReleaseStatus::Publishing(publication) = release.status.clone() else { return Ok(()) };
            let app: Versioned<App> = self.load("app", release.app_id).await?;
            let repository = self.repository(app.doc.id);
            fail_point!("publish.before_tag");
            repository.place_tag(&publication.tag, publication.tag_id).await?;
            fail_point!("publish.after_tag");
            let branch = &app.doc.settings.integration_branch;
            match repository.advance(branch, publication.previous_head, publication.commit).await? {
                Advance::Moved | Advance::AlreadyThere => {}
                Advance::Lost { actual } => {
                    tracing::error!(release = %id, tag = %publication.tag, ?actual, "the integration branch was moved from outside");
                    return Err(Error::errored("the integration branch was moved from outside", format!("it is at {actual:?}")));
                }
            }
            fail_point!("publish.after_branch");
            self.record_publication(&full, &app, &publication).await
        })
        .await?;
        fail_point!("publish.after_finish");
        Ok(())
    }

    async fn record_publication(
        &self,
        full: &FullRelease,
        app: &Versioned<App>,
        publication: &Publication,
    ) -> Result<()> {
        let release = &full.release.doc;
        let at = self.now().await?;
        let mut change = Change::by_system(Some(release.app_id), at);
        change.replace(&set_status(release, ReleaseEvent::Finish, at)?, full.release.version);
        // A new version: whoever read the integration head before the branch moved, and would decide on it now that no
        // publication stands in the way, is refused and looks again.
        change.replace(&app.doc, app.version);
        let letter = Letter {
            event: "release.published",
            subject: format!("Published: {}", publication.tag),
            text: release.notes.clone(),
            link: Some(release_link(release)),
        };
        for member in &full.members {
            if member.doc.hold == Hold::Held {
                change.replace(&ReleaseMember { hold: Hold::Released, ..member.doc.clone() }, member.version);
            }
            if matches!(member.doc.result, MemberResult::Merged { .. }) {
                let changeset: Versioned<Changeset> = self.load("changeset", member.doc.changeset_id).await?;
                if matches!(changeset.doc.status, ChangesetStatus::Released { .. }) {
                    // Somebody else has finished it since the release was read.
                    return Err(Error::conflict(CHANGED_MEANWHILE, "the publication was finished meanwhile"));
                }
                step(
                    &mut change,
                    &changeset,
                    ChangesetEvent::Release(release.id, publication.tag.clone()),
                    "changeset.released",
                )?;
                if changeset.doc.author_id != publication.published_by {
                    self.mail_user(&mut change, changeset.doc.author_id, &letter).await?;
                }
            }
        }
        for queued in self.queue(release.app_id).await? {
            if !merged(full).any(|member| member.doc.changeset_id == queued.doc.id) {
                change.job(Work::RevalidateQueuedChangeset { changeset_id: queued.doc.id });
            }
        }
        let told = json!({"state": "published", "tag": publication.tag});
        change.audit_commit(
            "release",
            release.id,
            "release.published",
            json!({"state": "publishing"}),
            told,
            Some(publication.commit),
        );
        self.mail_members(&mut change, release.app_id, Role::ConfigManager, &letter).await?;
        fail_point!("publish.before_finish");
        self.commit(change).await
    }

    /// Brings every decided publication of all apps to its end, oldest first; at start and from time to time.
    pub async fn finish_publications(&self) -> Result<u32> {
        let query = Query::<Release>::on(&RELEASE_PUBLISHING).limit(200);
        let mut finished = 0;
        for release in self.store().find(query).await?.items {
            match self.finish_publication(release.doc.id).await {
                Ok(()) => finished += 1,
                Err(error) => {
                    tracing::error!(release = %release.doc.id, %error, "a decided publication could not be finished")
                }
            }
        }
        Ok(finished)
    }

    async fn finish_app_publications(&self, app_id: conman_domain::id::AppId) -> Result<()> {
        let query = Query::<Release>::on(&RELEASE_PUBLISHING_BY_APP).eq(app_id.to_string()).limit(10);
        for release in self.store().find(query).await?.items {
            self.finish_publication(release.doc.id).await?;
        }
        Ok(())
    }

    /// Notes from the members, one line each, and from what they change together.
    async fn notes(&self, full: &FullRelease, candidate: &Candidate) -> Result<String> {
        let mut notes = String::new();
        for member in merged(full) {
            let changeset: Versioned<Changeset> = self.load("changeset", member.doc.changeset_id).await?;
            let names = self.user_names(&[changeset.doc.author_id]).await?;
            let author = names.get(&changeset.doc.author_id).map_or("somebody", String::as_str);
            notes.push_str(&format!("- #{} {} ({author})\n", changeset.doc.number, changeset.doc.title));
        }
        let app_id = full.release.doc.app_id;
        let comparison = Comparison {
            app_id,
            from: self.tree_of(&self.repository(app_id), candidate.base).await?,
            to: candidate.tree,
            base: candidate.base.to_string(),
            head: candidate.commit.to_string(),
        };
        notes.push_str(&told_by_file(&self.semantic_diff(&comparison).await?.changes));
        Ok(notes)
    }
}

/// A line per file with what happened in it. Values are left out: notes go out by mail.
fn told_by_file(changes: &[SemanticChange]) -> String {
    let by_file: Vec<&[SemanticChange]> = changes.chunk_by(|a, b| a.file_path == b.file_path).collect();
    let mut text = String::new();
    for changes in by_file.iter().take(MAX_NOTED_FILES) {
        let mut counts = BTreeMap::<&str, usize>::new();
        for change in *changes {
            let cosmetic = change.details.get("cosmetic").is_some_and(|value| value == true);
            *counts.entry(if cosmetic { "only in form" } else { change.operation.name() }).or_default() += 1;
        }
        let counts: Vec<String> = counts.into_iter().map(|(word, count)| format!("{count} {word}")).collect();
        text.push_str(&format!("- `{}`: {}\n", changes[0].file_path, counts.join(", ")));
    }
    if by_file.len() > MAX_NOTED_FILES {
        text.push_str(&format!("- and {} files more\n", by_file.len() - MAX_NOTED_FILES));
    }
    if text.is_empty() { text } else { format!("\nWhat changed:\n\n{text}") }
}

fn merged(full: &FullRelease) -> impl Iterator<Item = &Versioned<ReleaseMember>> {
    full.members.iter().filter(|member| matches!(member.doc.result, MemberResult::Merged { .. }))
}

fn publication(
    candidate: &Candidate,
    tag: &ReleaseTag,
    tag_id: conman_domain::git::TagId,
    published_by: UserId,
    published_at: conman_domain::Timestamp,
) -> Publication {
    Publication {
        tag: tag.clone(),
        tag_id,
        previous_head: candidate.base,
        commit: candidate.commit,
        tree: candidate.tree,
        published_by,
        published_at,
    }
}

/// The day's next tag; a number is never used again, also when its release came to nothing.
fn next_tag(app: &App, at: conman_domain::Timestamp) -> ReleaseTag {
    let today = ReleaseTag::day_prefix(at);
    match &app.last_tag {
        // Also where the clock went back over midnight.
        Some(last) if last.day >= today => ReleaseTag::parse(&format!("{}{}", last.day, last.number + 1))
            .unwrap_or_else(|_| ReleaseTag::of_day(at, last.number + 1)),
        Some(_) | None => ReleaseTag::of_day(at, 1),
    }
}

fn last_tag(tag: &ReleaseTag) -> LastTag {
    let (day, number) = tag.as_str().rsplit_once('.').unwrap_or((tag.as_str(), "0"));
    LastTag { day: format!("{day}."), number: number.parse().unwrap_or(0) }
}
