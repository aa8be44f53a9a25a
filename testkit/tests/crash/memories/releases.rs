//! Releases, their members, and the changesets that they carry.

use anyhow::Result;
use conman_domain::changeset::{Changeset, ChangesetStatus};
use conman_domain::release::{Hold, MemberResult, Release, ReleaseMember, ReleaseStatus};

use super::{Findings, Records, Repository};

pub(super) fn check(records: &Records, repository: &Repository, findings: &mut Findings) -> Result<()> {
    for (release, members) in &records.releases {
        let name = release.status.name();
        findings.check(!matches!(name, "assembling" | "publishing"), || {
            format!("the release {} is {name} still, and nobody works on it", release.id)
        });
        for member in members {
            let changeset = records.changesets.iter().find(|changeset| changeset.id == member.changeset_id);
            match changeset {
                Some(changeset) => check_member(release, member, changeset, findings),
                None => findings
                    .check(false, || format!("a release has a member that does not exist: {member:?}")),
            }
            check_commits(release, member, repository, findings)?;
        }
    }
    for changeset in &records.changesets {
        check_released(records, changeset, findings);
    }
    Ok(())
}

/// A member is held while its release may still take it, and not longer.
fn check_member(release: &Release, member: &ReleaseMember, changeset: &Changeset, findings: &mut Findings) {
    let what = format!("#{} in the release {} ({})", member.number, release.id, release.status.name());
    let (published, state) = (release.status.publication(), changeset.status.name());
    let hold = match &member.result {
        MemberResult::Conflicted { .. } | MemberResult::Invalid { .. } => Hold::Released,
        MemberResult::Pending | MemberResult::Merged { .. } if published.is_some() => Hold::Released,
        MemberResult::Pending | MemberResult::Merged { .. } => Hold::Held,
    };
    findings.same(&format!("the hold of {what}"), member.hold, hold);
    if member.hold == Hold::Held {
        findings.same(&format!("the state of {what}, which is held"), state, "queued");
        let revision = changeset.revision.as_ref().map(|revision| (revision.number, revision.head));
        findings.same(&format!("the revision of {what}"), revision, Some((member.revision, member.head)));
    }
    let pending = member.result == MemberResult::Pending;
    findings.check(pending == (release.status == ReleaseStatus::DraftRelease) || !pending, || {
        format!("{what} has no result: {member:?}")
    });
    if let (Some(publication), MemberResult::Merged { .. }) = (published, &member.result) {
        let released = ChangesetStatus::Released { release_id: release.id, tag: publication.tag.clone() };
        findings.same(&format!("the status of {what}"), &changeset.status, &released);
    }
    // It stays so until its author takes it back, which nobody does here; it may have left the queue before.
    if let MemberResult::Conflicted { collisions } = &member.result {
        let by = |release_id| ChangesetStatus::Conflicted { release_id, collisions: collisions.clone() };
        let told = changeset.status == by(Some(release.id)) || changeset.status == by(None);
        findings.check(told, || format!("{what} collided in {collisions:?}, and is {:?}", changeset.status));
    }
}

/// A published commit has in its history exactly the members that were merged.
fn check_commits(
    release: &Release,
    member: &ReleaseMember,
    repository: &Repository,
    findings: &mut Findings,
) -> Result<()> {
    let commit = match (&release.status, release.status.publication()) {
        (ReleaseStatus::Validated { candidate }, _) => candidate.commit,
        (_, Some(publication)) => publication.commit,
        (_, None) => return Ok(()),
    };
    let contained = repository.is_ancestor(&member.head.to_string(), &commit.to_string())?;
    let merged = matches!(member.result, MemberResult::Merged { .. });
    findings.same(&format!("whether {commit} contains #{}", member.number), contained, merged);
    Ok(())
}

/// A released changeset was merged by the release that it names.
fn check_released(records: &Records, changeset: &Changeset, findings: &mut Findings) {
    let ChangesetStatus::Released { release_id, tag } = &changeset.status else { return };
    let release = records.releases.iter().find(|(release, _)| release.id == *release_id);
    let merged = release.is_some_and(|(release, members)| {
        let tagged = release.status.publication().is_some_and(|publication| publication.tag == *tag);
        let is_merged = |member: &ReleaseMember| {
            member.changeset_id == changeset.id && matches!(member.result, MemberResult::Merged { .. })
        };
        tagged && members.iter().any(is_merged)
    });
    findings.check(merged, || format!("#{} says that {tag} released it, and that did not", changeset.number));
}
