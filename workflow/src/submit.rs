//! Submitting: the workspace's head is frozen as a revision and validated.

use crate::actor::Member;
use crate::change::{Change, Letter};
use crate::changesets::step_to;
use crate::error::{Error, Result};
use crate::job_context::JobContext;
use crate::services::Workflow;
use crate::support::retrying;
use crate::workspaces::OpenWorkspace;
use conman_domain::access::{Role, User};
use conman_domain::changeset::{
    Changeset, ChangesetEvent, ChangesetStatus, Finding, Revision, RevisionRecord, Validation,
};
use conman_domain::id::{ChangesetId, UserId, WorkspaceId};
use conman_domain::job::Work;
use conman_domain::policy::{self, ChangesetAction, WorkspaceAction};
use conman_domain::{CommitId, Timestamp};
use conman_git::{KeepName, Repository};
use conman_store::collections::{CHANGESET_BY_WORKSPACE, USER_BY_EMAIL, revision_id};
use conman_store::{Query, Versioned};
use serde_json::json;

/// The code of the refusal of a revision that changes nothing.
const NOTHING_TO_SUBMIT: &str = "nothing_to_submit";

impl Workflow {
    /// Freezes the workspace's head as the changeset's next revision and starts its validation.
    ///
    /// Serves submit and resubmit alike; approvals start from zero.
    pub async fn submit_changeset(
        &self,
        member: &Member,
        id: ChangesetId,
        action: ChangesetAction,
    ) -> Result<Versioned<Changeset>> {
        retrying(|| self.try_submit(member, id, action)).await?;
        self.changeset(member, id).await
    }

    async fn try_submit(&self, member: &Member, id: ChangesetId, action: ChangesetAction) -> Result<()> {
        let before = self.changeset(member, id).await?;
        policy::changeset(member.viewer(), &before.doc, action)?;
        let open = self.workspace(member, before.doc.workspace_id, WorkspaceAction::Edit).await?;
        let repository = self.repository(member.app_id());
        let workspace = &open.workspace.doc;
        if repository.sync_state(workspace.id, &workspace.branch).await?.is_some() {
            return Err(Error::conflict(
                "sync_pending",
                "a sync of the workspace waits for its conflicts; resolve or abort it first",
            ));
        }
        let message = commit_message(&before.doc);
        self.commit_working(member, &open, &message).await?;
        let open = self.workspace(member, workspace.id, WorkspaceAction::Edit).await?;
        let revision = self.freeze(member, &before.doc, &open).await?;
        let (mut after, at) = (before.doc.clone(), revision.submitted_at);
        after.status = after.status.next(ChangesetEvent::Submit)?;
        after.contributors = self.contributors(&repository, &after, &revision).await?;
        (after.revision, after.updated_at) = (Some(revision.clone()), at);
        // Held before it is recorded, so that no recorded revision can ever lose its objects.
        repository.keep(&KeepName::revision(id, revision.number), revision.head).await?;
        let record = RevisionRecord {
            changeset_id: id,
            app_id: after.app_id,
            revision,
            validation: Validation::Running,
        };
        let mut change = Change::by(&member.actor, Some(member.app_id()), at);
        change.insert(&record);
        change.job(Work::MsuiteSubmit { changeset_id: id, revision: record.revision.number });
        step_to(&mut change, &before, &after, "changeset.submitted");
        self.commit(change).await
    }

    /// What the workspace's head would be as the changeset's next revision.
    pub(crate) async fn freeze(
        &self,
        member: &Member,
        changeset: &Changeset,
        open: &OpenWorkspace,
    ) -> Result<Revision> {
        let repository = self.repository(member.app_id());
        let (head, base) = (open.working.head, open.baseline);
        let tree = self.tree_of(&repository, head).await?;
        if tree == self.tree_of(&repository, base).await? {
            return Err(Error::conflict(
                NOTHING_TO_SUBMIT,
                "the workspace holds no change against its baseline",
            ));
        }
        if changeset.revision.as_ref().is_some_and(|newest| newest.head == head) && changeset.status.is_open()
        {
            let message = "the workspace holds nothing new since the last revision";
            // What failed may hold by now: the fault may have been an environment's values, or the validation itself.
            let failed = matches!(changeset.status, ChangesetStatus::Submitted { findings: Some(_) });
            if changeset.status.name() != "draft" && !failed {
                return Err(Error::conflict("nothing_new", message));
            }
        }
        Ok(Revision {
            number: changeset.revision.as_ref().map_or(0, |newest| newest.number) + 1,
            head,
            tree,
            base,
            submitted_by: member.actor.user_id,
            submitted_at: self.now().await?,
        })
    }

    /// Everybody who authored a commit of the revision, its author, and who submitted it.
    pub(crate) async fn contributors(
        &self,
        repository: &Repository,
        changeset: &Changeset,
        revision: &Revision,
    ) -> Result<Vec<UserId>> {
        let mut people = changeset.contributors.clone();
        let mut add = |id: UserId| {
            if !people.contains(&id) {
                people.push(id);
            }
        };
        add(changeset.author_id);
        add(revision.submitted_by);
        for email in repository.people_between(revision.base, revision.head).await? {
            let query = Query::<User>::on(&USER_BY_EMAIL).eq(email.to_ascii_lowercase()).limit(1);
            if let Some(user) = self.store().find(query).await?.items.into_iter().next() {
                add(user.doc.id);
            }
        }
        Ok(people)
    }

    /// Validates a submitted revision; a job. Does nothing where the revision is no longer the newest.
    pub async fn validate_revision(
        &self,
        job: &JobContext,
        id: ChangesetId,
        number: u32,
    ) -> Result<serde_json::Value> {
        let changeset: Versioned<Changeset> = self.load("changeset", id).await?;
        let Some(revision) = current(&changeset.doc, number) else {
            return Ok(json!({"outcome": "superseded"}));
        };
        let app = self.load("app", changeset.doc.app_id).await?;
        job.log(format!(
            "Checking revision {number} of #{} ({})",
            changeset.doc.number,
            revision.head.short()
        ))
        .await?;
        let base = self.tree_of(&self.repository(changeset.doc.app_id), revision.base).await?;
        let findings = self.findings(&app.doc, base, revision.tree).await?;
        for finding in &findings {
            job.log(tell(finding)).await?;
        }
        let errors = findings.iter().filter(|finding| finding.is_error()).count();
        job.log(match (errors, findings.len() - errors) {
            (0, 0) => "Nothing found".to_owned(),
            (errors, warnings) => format!("Errors: {errors}, warnings: {warnings}"),
        })
        .await?;
        self.record_validation(Some(job), id, number, findings.clone()).await?;
        Ok(json!({"outcome": if errors == 0 { "passed" } else { "failed" }, "findings": findings}))
    }

    /// Writes down how the validation of a revision came out, unless a newer one is there.
    pub(crate) async fn record_validation(
        &self,
        job: Option<&JobContext>,
        id: ChangesetId,
        number: u32,
        findings: Vec<Finding>,
    ) -> Result<()> {
        let job = job.cloned();
        retrying(|| async {
            let before: Versioned<Changeset> = self.load("changeset", id).await?;
            if current(&before.doc, number).is_none() {
                return Ok(());
            }
            let record: Versioned<RevisionRecord> = self.load("revision", revision_id(id, number)).await?;
            let mut change = Change::by_system(Some(before.doc.app_id), self.now().await?);
            let passed = !findings.iter().any(Finding::is_error);
            let (event, action, validation) = if passed {
                let passed = Validation::Passed { findings: findings.clone() };
                (ChangesetEvent::ValidationPassed, "changeset.in_review", passed)
            } else {
                let failed = Validation::Failed { findings: findings.clone() };
                (ChangesetEvent::ValidationFailed(findings.clone()), "changeset.validation_failed", failed)
            };
            crate::changesets::step(&mut change, &before, event, action)?;
            change.replace(&RevisionRecord { validation, ..record.doc.clone() }, record.version);
            let link = Some(changeset_link(&before.doc));
            if passed {
                let letter = Letter {
                    event: "changeset.review_requested",
                    subject: format!("Review requested: #{} {}", before.doc.number, before.doc.title),
                    text: format!("Revision {number} passed its validation and waits for review."),
                    link,
                };
                self.mail_members(&mut change, before.doc.app_id, Role::Reviewer, &letter).await?;
            } else {
                let letter = Letter {
                    event: "changeset.validation_failed",
                    subject: format!("Validation failed: #{} {}", before.doc.number, before.doc.title),
                    text: format!(
                        "Revision {number} has {} findings; the first: {}",
                        findings.len(),
                        tell(&findings[0])
                    ),
                    link,
                };
                self.mail_user(&mut change, before.doc.author_id, &letter).await?;
            }
            let fence = match &job {
                Some(job) => Some(job.fence(&mut change).await?),
                None => None,
            };
            let done = self.commit(change).await;
            drop(fence);
            done
        })
        .await
    }

    /// After a sync moved the workspace's branch: the open or approved changeset gets a revision of its own.
    ///
    /// Where the changeset's own diff is the same as before, its approvals stay; else they start from zero.
    pub(crate) async fn follow_sync(
        &self,
        member: &Member,
        open: &OpenWorkspace,
        head_before: CommitId,
    ) -> Result<()> {
        let Some(before) = self.newest_changeset(open.workspace.doc.id).await? else { return Ok(()) };
        let Some(revision) = before.doc.revision.clone() else { return Ok(()) };
        let follows =
            matches!(before.doc.status.name(), "submitted" | "in_review" | "changes_requested" | "approved");
        if !follows || revision.head == open.working.head {
            return Ok(());
        }
        let repository = self.repository(member.app_id());
        // A branch that had gone on since the revision brings work that nobody has seen: its author resubmits it. But an
        // approved changeset takes no resubmits: what the queue would not take as it is gets its revision here.
        let approved = matches!(before.doc.status, ChangesetStatus::Approved { .. });
        let onto = open.workspace.doc.baseline;
        if revision.head != head_before && (!approved || repository.is_ancestor(onto, revision.head).await?) {
            return Ok(());
        }
        let new = match self.freeze(member, &before.doc, open).await {
            // Somebody else's release brought all of it already.
            Err(error) if error.conflict_code() == Some(NOTHING_TO_SUBMIT) => return Ok(()),
            new => new?,
        };
        let same = self.own_diff(&repository, revision.base, revision.head).await?
            == self.own_diff(&repository, new.base, new.head).await?;
        let mut after = before.doc.clone();
        let keeps = same && matches!(before.doc.status.name(), "in_review" | "approved");
        after.status =
            after.status.next(if keeps { ChangesetEvent::CarryOver } else { ChangesetEvent::Submit })?;
        after.contributors = self.contributors(&repository, &after, &new).await?;
        (after.revision, after.updated_at) = (Some(new.clone()), new.submitted_at);
        repository.keep(&KeepName::revision(after.id, new.number), new.head).await?;
        let mut change = Change::by(&member.actor, Some(member.app_id()), new.submitted_at);
        let (id, number) = (after.id, new.number);
        let validation =
            if keeps { Validation::Passed { findings: Vec::new() } } else { Validation::Running };
        change.insert(&RevisionRecord { changeset_id: id, app_id: after.app_id, revision: new, validation });
        if !keeps {
            change.job(Work::MsuiteSubmit { changeset_id: id, revision: number });
        }
        step_to(
            &mut change,
            &before,
            &after,
            if keeps { "changeset.carried_over" } else { "changeset.submitted" },
        );
        self.commit(change).await
    }

    /// The newest changeset of a workspace.
    pub(crate) async fn newest_changeset(
        &self,
        workspace: WorkspaceId,
    ) -> Result<Option<Versioned<Changeset>>> {
        let query =
            Query::<Changeset>::on(&CHANGESET_BY_WORKSPACE).eq(workspace.to_string()).descending().limit(1);
        Ok(self.store().find(query).await?.items.into_iter().next())
    }

    /// What a changeset itself changes, in a form that does not depend on where in a file it stands.
    async fn own_diff(&self, repository: &Repository, base: CommitId, head: CommitId) -> Result<Vec<String>> {
        let (base, head) = (self.tree_of(repository, base).await?, self.tree_of(repository, head).await?);
        let limits = conman_git::DiffLimits { context_lines: 0, ..conman_git::DiffLimits::default() };
        let diff = repository.raw_diff(base, head, limits).await?;
        let mut lines = Vec::new();
        for file in diff.files {
            let change = &file.change;
            lines.push(format!("{:?} {:?} {:?}", change.kind, change.path, change.old_path));
            // What is not shown line by line is compared as a whole.
            if file.binary || file.truncated {
                lines.push(format!("{:?} {:?}", change.old_blob, change.new_blob));
            }
            for hunk in file.hunks {
                lines.push("@".to_owned());
                lines.extend(hunk.lines.into_iter().map(|line| format!("{:?} {}", line.kind, line.text)));
            }
        }
        if diff.truncated {
            lines.push(format!("{base} {head}"));
        }
        Ok(lines)
    }
}

/// The revision of this number, while it is the newest and its validation is wanted.
fn current(changeset: &Changeset, number: u32) -> Option<&Revision> {
    let submitted = changeset.status.name() == "submitted";
    changeset.revision.as_ref().filter(|revision| submitted && revision.number == number)
}

/// A finding in one line.
pub(crate) fn tell(finding: &Finding) -> String {
    let place = match (&finding.path, finding.line, finding.column) {
        (Some(path), Some(line), Some(column)) => format!("{path}:{line}:{column}: "),
        (Some(path), Some(line), None) => format!("{path}:{line}: "),
        (Some(path), None, _) => format!("{path}: "),
        (None, _, _) => String::new(),
    };
    let severity = if finding.is_error() { "" } else { "warning: " };
    let hint = finding.hint.as_ref().map_or_else(String::new, |hint| format!(" ({hint})"));
    format!("{place}{severity}{}{hint} [{}]", finding.message, finding.rule)
}

/// The page of a changeset, as a path on the server.
pub(crate) fn changeset_link(changeset: &Changeset) -> String {
    format!("/apps/{}/changesets/{}", changeset.app_id, changeset.id)
}

fn commit_message(changeset: &Changeset) -> String {
    let description = changeset.description.trim();
    let title = &changeset.title;
    if description.is_empty() { format!("{title}\n") } else { format!("{title}\n\n{description}\n") }
}

/// The instant at which something of a release is fixed: whole seconds, as Git keeps them.
pub(crate) fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.seconds() * 1_000)
}
