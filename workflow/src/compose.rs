//! Composing a release: its members are merged one by one, and those that do not fit are isolated.

use crate::change::{Change, Letter};
use crate::changesets::step;
use crate::error::{Error, Result};
use crate::job_context::JobContext;
use crate::key_collisions::{collisions, reading_hooks};
use crate::releases::{FullRelease, set_status};
use crate::services::Workflow;
use crate::submit::{changeset_link, tell, whole_second};
use conman_domain::access::User;
use conman_domain::app::App;
use conman_domain::changeset::{Changeset, ChangesetEvent, ChangesetStatus, Finding};
use conman_domain::git::Signature;
use conman_domain::id::ReleaseId;
use conman_domain::job::OnIsolation;
use conman_domain::release::{Candidate, Hold, MemberResult, ReleaseEvent, ReleaseMember, ReleaseStatus};
use conman_domain::{CommitId, Timestamp};
use conman_git::{ComposeMember, ComposePlan, Composition, KeepName, MemberOutcome};
use conman_store::Versioned;
use fail::fail_point;
use serde_json::json;

/// A member with what is needed to merge it.
struct Merging {
    member: Versioned<ReleaseMember>,
    changeset: Versioned<Changeset>,
    merge: ComposeMember,
}

impl Merging {
    /// Why the member cannot go with the release any more, if its changeset is no longer what was picked.
    fn left(&self) -> Option<MemberResult> {
        let (changeset, picked) = (&self.changeset.doc, &self.member.doc);
        let same =
            changeset.revision.as_ref().is_some_and(|r| r.number == picked.revision && r.head == picked.head);
        match &changeset.status {
            ChangesetStatus::Queued { .. } if same => None,
            ChangesetStatus::Conflicted { collisions, .. } => {
                Some(MemberResult::Conflicted { collisions: collisions.clone() })
            }
            ChangesetStatus::NeedsRevalidation { findings } => {
                Some(MemberResult::Invalid { findings: findings.clone() })
            }
            other => {
                let (label, revision) = (&self.merge.label, picked.revision);
                let message = format!(
                    "revision {revision} of {label} was picked, which is {} by now; pick it again",
                    other.name()
                );
                let finding = Finding::of_no_file("not_queued", message);
                Some(MemberResult::Invalid { findings: vec![finding] })
            }
        }
    }
}

/// What became of the members.
type Results = Vec<(Merging, MemberResult)>;

impl Workflow {
    /// Composes a release; a job. The integration branch does not move.
    ///
    /// A member that collides, or with which the tree no longer holds, is isolated and named; the others go on.
    pub async fn compose_release(
        &self,
        job: &JobContext,
        id: ReleaseId,
        on_isolation: OnIsolation,
    ) -> Result<serde_json::Value> {
        let full = self.full_release(id).await?;
        match &full.release.doc.status {
            ReleaseStatus::Assembling { job_id } if *job_id == job.job_id() => {}
            _ => return Ok(json!({"outcome": "already_done"})),
        }
        let app: Versioned<App> = self.load("app", full.release.doc.app_id).await?;
        let base = self.integration_head(&app.doc).await?;
        // Fixed by the job, not by the clock, so that another attempt makes the same commits.
        let at = whole_second(job.job().await?.doc.created_at);
        let (merging, left) = self.merging(&full).await?;
        job.log(format!("Composing {} changesets on {}", merging.len(), base.short())).await?;
        fail_point!("compose.before_git");
        let (composition, mut results) = self.compose_holding(job, &app.doc, id, base, at, merging).await?;
        results.extend(left);
        results.sort_by_key(|(merging, _)| merging.member.doc.position);
        fail_point!("compose.after_git");
        for (merging, result) in &results {
            job.log(format!("{}: {}", merging.merge.label, tell_result(result))).await?;
        }
        let candidate =
            Candidate { base, commit: composition.commit, tree: composition.tree, composed_at: at };
        let composed = json!({
            "candidate": candidate.commit,
            "members": results.iter().map(|(m, result)| json!({"changeset": m.merge.label, "outcome": result.without_values()})).collect::<Vec<_>>(),
        });
        self.finish_composing(job, &full, candidate, results, on_isolation).await?;
        fail_point!("compose.after_finish");
        Ok(composed)
    }

    /// The members to merge; and those that left the queue since they were picked, with what became of them.
    async fn merging(&self, full: &FullRelease) -> Result<(Vec<Merging>, Results)> {
        let (mut merging, mut left) = (Vec::new(), Results::new());
        for member in full.held() {
            let changeset: Versioned<Changeset> = self.load("changeset", member.doc.changeset_id).await?;
            let author: Versioned<User> = self.load("user", changeset.doc.author_id).await?;
            let submitted =
                changeset.doc.revision.as_ref().map_or(changeset.doc.created_at, |r| r.submitted_at);
            let merge = ComposeMember {
                label: format!("#{}", changeset.doc.number),
                head: member.doc.head,
                author: Signature::new(
                    author.doc.name.as_str(),
                    author.doc.email.as_str(),
                    whole_second(submitted),
                ),
                message: format!("Merge #{}: {}\n", changeset.doc.number, changeset.doc.title),
            };
            let one = Merging { member: member.clone(), changeset, merge };
            match one.left() {
                Some(result) => left.push((one, result)),
                None => merging.push(one),
            }
        }
        Ok((merging, left))
    }

    /// Composes until the composed tree holds; each round isolates the one member with which it stopped to hold.
    async fn compose_holding(
        &self,
        job: &JobContext,
        app: &App,
        id: ReleaseId,
        base: CommitId,
        at: Timestamp,
        mut remaining: Vec<Merging>,
    ) -> Result<(Composition, Results)> {
        let base_tree = self.tree_of(&self.repository(app.id), base).await?;
        let mut invalid: Vec<(Merging, Vec<Finding>)> = Vec::new();
        loop {
            let composition = self.compose_plan(app, id, base, at, &remaining).await?;
            let findings = self.errors(app, base_tree, composition.tree).await?;
            if findings.is_empty() {
                return Ok((composition.clone(), self.in_order(composition, remaining, invalid)));
            }
            job.log(format!("The composed tree does not hold: {}", tell(&findings[0]))).await?;
            let merged: Vec<usize> = (0..remaining.len())
                .filter(|index| matches!(composition.members[*index], MemberOutcome::Merged { .. }))
                .collect();
            if merged.is_empty() {
                // Not one member was merged: what does not hold is on the integration branch already.
                let message = format!("the integration branch itself does not hold: {}", tell(&findings[0]));
                return Err(Error::conflict_with(
                    "base_does_not_hold",
                    message,
                    json!({"findings": findings}),
                ));
            }
            // The shortest prefix that does not hold ends with the culprit.
            let (mut holds, mut fails) = (0, merged.len());
            let mut culprit_findings = findings;
            while fails - holds > 1 {
                let middle = usize::midpoint(holds, fails);
                let prefix = &remaining[..=merged[middle - 1]];
                let tried = self.compose_plan(app, id, base, at, prefix).await?;
                let found = self.errors(app, base_tree, tried.tree).await?;
                if found.is_empty() {
                    holds = middle;
                } else {
                    (fails, culprit_findings) = (middle, found);
                }
            }
            let culprit = remaining.remove(merged[fails - 1]);
            job.log(format!("It stops to hold with {}", culprit.merge.label)).await?;
            invalid.push((culprit, culprit_findings));
        }
    }

    async fn compose_plan(
        &self,
        app: &App,
        id: ReleaseId,
        base: CommitId,
        at: Timestamp,
        members: &[Merging],
    ) -> Result<Composition> {
        let plan = ComposePlan {
            base,
            members: members.iter().map(|m| m.merge.clone()).collect(),
            committer: Signature::new("Conman", "conman@invalid", at),
            keep: KeepName::release(id),
        };
        Ok(self.repository(app.id).compose(plan, reading_hooks()).await?)
    }

    fn in_order(
        &self,
        composition: Composition,
        remaining: Vec<Merging>,
        invalid: Vec<(Merging, Vec<Finding>)>,
    ) -> Results {
        let merged = remaining.into_iter().zip(composition.members).map(|(merging, outcome)| {
            let result = match outcome {
                MemberOutcome::Merged { commit } => MemberResult::Merged { commit: Some(commit) },
                MemberOutcome::AlreadyContained => MemberResult::Merged { commit: None },
                MemberOutcome::Conflicted { conflicts } => {
                    MemberResult::Conflicted { collisions: collisions(&conflicts) }
                }
            };
            (merging, result)
        });
        let invalid =
            invalid.into_iter().map(|(merging, findings)| (merging, MemberResult::Invalid { findings }));
        merged.chain(invalid).collect()
    }

    /// One batch: the release's next state, every member's result, and the isolated changesets' own states.
    async fn finish_composing(
        &self,
        job: &JobContext,
        full: &FullRelease,
        candidate: Candidate,
        results: Results,
        on_isolation: OnIsolation,
    ) -> Result<()> {
        let release = &full.release.doc;
        let merged =
            results.iter().filter(|(_, result)| matches!(result, MemberResult::Merged { .. })).count();
        let isolated = results.len() - merged;
        let back = merged == 0 || (isolated > 0 && on_isolation == OnIsolation::ReturnToDraft);
        let at = self.now().await?;
        let mut change = Change::by_system(Some(release.app_id), at);
        let event =
            if back { ReleaseEvent::ReturnToDraft } else { ReleaseEvent::Composed(candidate.clone()) };
        let after = set_status(release, event, at)?;
        change.replace(&after, full.release.version);
        for (merging, result) in results {
            let mut member = merging.member.doc.clone();
            let link = Some(changeset_link(&merging.changeset.doc));
            let number = merging.changeset.doc.number;
            let event = match &result {
                MemberResult::Pending | MemberResult::Merged { .. } => None,
                MemberResult::Conflicted { collisions } => Some(ChangesetEvent::Conflict {
                    release_id: Some(release.id),
                    collisions: collisions.clone(),
                }),
                MemberResult::Invalid { findings } => Some(ChangesetEvent::Invalidate(findings.clone())),
            };
            if event.is_some() {
                member.hold = Hold::Released;
            }
            // Whoever left the queue before was told so, and has a state of its own by now.
            let event = event.filter(|_| merging.left().is_none());
            if let Some(event) = event {
                let text = tell_result(&result);
                step(&mut change, &merging.changeset, event, "changeset.isolated")?;
                let letter = Letter {
                    event: "changeset.isolated",
                    subject: format!("Sent back: #{number} {}", merging.changeset.doc.title),
                    text: format!("It was left out of a release: {text}"),
                    link,
                };
                self.mail_user(&mut change, merging.changeset.doc.author_id, &letter).await?;
            } else {
                change.check(&merging.changeset);
            }
            member.result = result;
            change.replace(&member, merging.member.version);
        }
        let before = json!({"state": release.status.name()});
        let told = json!({"state": after.status.name(), "merged": merged, "isolated": isolated});
        change.audit_commit("release", release.id, "release.composed", before, told, Some(candidate.commit));
        let letter = Letter {
            event: "release.composed",
            subject: format!("Release composed: {merged} merged, {isolated} sent back"),
            text: "Look at what it changes, then publish it.".to_owned(),
            link: Some(release_link(release)),
        };
        self.mail_user(&mut change, release.created_by, &letter).await?;
        let fence = job.fence(&mut change).await?;
        fail_point!("compose.before_finish");
        self.commit(change).await?;
        drop(fence);
        Ok(())
    }
}

fn tell_result(result: &MemberResult) -> String {
    match result {
        MemberResult::Pending => "pending".to_owned(),
        MemberResult::Merged { commit: Some(commit) } => format!("merged as {}", commit.short()),
        MemberResult::Merged { commit: None } => "contained already".to_owned(),
        MemberResult::Conflicted { collisions } => {
            let places: Vec<String> =
                collisions.iter().take(5).map(|c| format!("`{}` with {}", c.path, c.with)).collect();
            format!("conflicts in {}", places.join(", "))
        }
        MemberResult::Invalid { findings } => {
            format!("does not hold: {}", findings.first().map(tell).unwrap_or_default())
        }
    }
}

/// The page of a release, as a path on the server.
pub(crate) fn release_link(release: &conman_domain::release::Release) -> String {
    format!("/apps/{}/releases/{}", release.app_id, release.id)
}
