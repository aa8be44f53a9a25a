//! Checks what came of the demo against Git, the API and the audit log.

use super::git::{list_tree, rev_parse};
use super::lab::Lab;
use super::proposals::Proposal;
use super::releases::Published;
use crate::client::{list, text};
use anyhow::{Context as _, Result, ensure};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The paths of a release's files, as the git command lists them.
pub(super) fn files(lab: &Lab, repositories: &Path, release: &Published) -> Result<BTreeSet<String>> {
    let listed = list_tree(&repository(lab, repositories), &release.commit)?;
    Ok(listed.split_terminator('\0').map(str::to_owned).collect())
}

fn repository(lab: &Lab, repositories: &Path) -> PathBuf {
    repositories.join(format!("{}.git", lab.app_id))
}

/// Checks the release in the repository itself, by the git command.
pub(super) async fn in_git(lab: &Lab, repositories: &Path, release: &Published) -> Result<()> {
    let repository = repository(lab, repositories);
    let tag = format!("refs/tags/{}", release.tag);
    let app = lab.manager()?.get(&lab.path("")).await?;
    let branch = text(&app["settings"], "integration_branch")?;
    for (revision, wanted) in [
        (format!("{tag}^{{commit}}"), &release.commit),
        (format!("{tag}^{{tree}}"), &release.tree),
        (format!("refs/heads/{branch}"), &release.commit),
    ] {
        let found = rev_parse(&repository, &revision)?;
        ensure!(found == *wanted, "in Git, {revision} is {found} and not {wanted}");
    }
    Ok(())
}

/// Checks that every changeset stands where the release left it, and that every step is in the audit log.
pub(super) async fn in_api(lab: &Lab, release: &Published, members: &[Proposal]) -> Result<()> {
    let reader = lab.manager()?;
    for proposal in members {
        let changeset = reader.get(&lab.changeset(proposal, "")).await?;
        let wanted =
            if lab.sketch(&proposal.key)?.conflicts_with.is_some() { "conflicted" } else { "released" };
        let found = text(&changeset, "state")?;
        ensure!(
            found == wanted,
            "{} ({}) is {found}, and should be {wanted}",
            proposal.label(),
            proposal.key
        );
        if wanted == "released" {
            ensure!(
                text(&changeset, "release_tag")? == release.tag,
                "{} names another release: {changeset}",
                proposal.label()
            );
        }
    }
    let admin = lab.first_with("app_admin")?;
    let audit = admin.get(&format!("/api/audit?app={}&entity={}&limit=200", lab.app_id, release.id)).await?;
    let audit = list(&audit, "data").context("the audit log does not answer")?;
    for action in ["release.composed", "release.published"] {
        let told = audit.iter().any(|event| event["action"] == action);
        ensure!(told, "the audit log does not tell of {action} for {}", release.tag);
    }
    Ok(())
}
