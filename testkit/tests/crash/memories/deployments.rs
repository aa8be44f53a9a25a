//! What the store says of deployments, against what the distribution database says of environments.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use conman_distribution::{Distribution, HistoryRow};
use conman_domain::deployment::{Deployment, DeploymentStatus};
use conman_domain::draft::DraftStatus;
use conman_domain::environment::Environment;
use conman_domain::snapshot::ConfigVersion;

use super::git::publication;
use super::{Findings, Records, Repository};

/// More rows than any environment of these tests has.
const HISTORY: u32 = 200;

pub(super) async fn check(
    records: &Records,
    repository: &Repository,
    distribution: &Arc<dyn Distribution>,
    findings: &mut Findings,
) -> Result<()> {
    for deployment in &records.deployments {
        let name = deployment.status.name();
        let ended =
            !matches!(deployment.status, DeploymentStatus::Pending | DeploymentStatus::Running { .. });
        findings.check(ended, || format!("the deployment {} is {name} still", deployment.id));
        let row = distribution.history_of(&deployment.id.to_string()).await?;
        let succeeded = matches!(deployment.status, DeploymentStatus::Succeeded { .. });
        findings.same(&format!("whether {} ({name}) is in history", deployment.id), row.is_some(), succeeded);
        if let Some(row) = row {
            check_row(records, deployment, &row, findings)?;
        }
    }
    for environment in &records.environments {
        check_environment(records, environment, repository, distribution, findings).await?;
    }
    for (release, _) in &records.releases {
        let is_deployed = |deployment: &Deployment| {
            deployment.release_id == release.id
                && matches!(deployment.status, DeploymentStatus::Succeeded { .. })
        };
        let (ran, state) = (records.deployments.iter().any(is_deployed), release.status.name());
        let says_so = matches!(state, "deployed_partial" | "deployed_full" | "rolled_back");
        findings.same(&format!("whether the release {} ({state}) was deployed", release.id), says_so, ran);
    }
    Ok(())
}

/// A history row is of its deployment, to the letter.
fn check_row(
    records: &Records,
    deployment: &Deployment,
    row: &HistoryRow,
    findings: &mut Findings,
) -> Result<()> {
    let what = format!("the history row of the deployment {}", deployment.id);
    let release = records.releases.iter().find(|(release, _)| release.id == deployment.release_id);
    let publication =
        release.and_then(|(release, _)| publication(release)).context("a deployment of no release")?;
    findings.same(&format!("the environment of {what}"), row.environment_id, deployment.environment_id);
    findings.same(&format!("the tag of {what}"), &row.provenance.release_tag, &publication.tag);
    findings.same(&format!("the commit of {what}"), row.provenance.release_commit, publication.commit);
    findings.same(&format!("the tree of {what}"), row.provenance.tree_id, publication.tree);
    if let DeploymentStatus::Succeeded { version, activated_at } = deployment.status {
        findings.same(&format!("the version of {what}"), row.provenance.config_version, version);
        findings.same(&format!("the time of {what}"), row.at, activated_at);
    }
    Ok(())
}

/// What is active is the newest row of a history that holds each deployment and each save once, and is what the release's commit holds.
async fn check_environment(
    records: &Records,
    environment: &Environment,
    repository: &Repository,
    distribution: &Arc<dyn Distribution>,
    findings: &mut Findings,
) -> Result<()> {
    let (app, id, name) = (records.app.id, environment.id, environment.name.to_string());
    let history = distribution.history(app, id, 1, HISTORY).await?;
    let rows = history.rows;
    findings.same(&format!("the rows of {name}"), history.total as usize, rows.len());
    let versions: Vec<ConfigVersion> = rows.iter().map(|row| row.provenance.config_version).collect();
    let falling = versions.windows(2).all(|pair| pair[0] > pair[1]);
    findings
        .check(falling, || format!("the versions of {name} are not each once and in order: {versions:?}"));
    let based = rows.windows(2).all(|pair| pair[0].base_version == pair[1].provenance.config_version);
    findings
        .check(based, || format!("a version of {name} is based on another than the one before: {rows:?}"));
    let sources: BTreeSet<String> = rows.iter().map(|row| row.source_id.clone()).collect();
    let succeeded = records.deployments.iter().filter(|deployment| {
        deployment.environment_id == id && matches!(deployment.status, DeploymentStatus::Succeeded { .. })
    });
    let deployed: BTreeSet<String> = succeeded.map(|deployment| deployment.id.to_string()).collect();
    let saved = records
        .drafts
        .iter()
        .filter(|draft| draft.environment_id == id && matches!(draft.status, DraftStatus::Active { .. }));
    let mut expected: BTreeSet<String> = saved.map(|draft| draft.id.to_string()).collect();
    expected.extend(deployed.iter().cloned());
    findings.same(
        &format!("the sources of {name}'s history"),
        (rows.len(), sources),
        (expected.len(), expected),
    );

    let active = distribution.active(app, id).await?;
    let (provenance, newest) = (active.as_ref().map(|a| &a.provenance), rows.first());
    findings.same(&format!("what is active on {name}"), provenance, newest.map(|row| &row.provenance));
    let running = environment.running.as_ref();
    findings.same(&format!("what {name} runs"), running.map(|running| &running.provenance), provenance);
    let source = running.map(|running| running.deployment_id.to_string());
    let release_of = rows.iter().map(|row| &row.source_id).find(|source| deployed.contains(*source));
    findings.same(&format!("whose work {name} runs"), source, release_of.cloned());
    let at = running.map(|running| running.activated_at);
    findings.same(
        &format!("since when {name} runs it"),
        at,
        active.as_ref().map(|active| active.activated_at),
    );
    let greatest = versions.first().copied().unwrap_or_default();
    findings.check(environment.last_version >= greatest, || {
        format!("{name} would use a version again: {} after {greatest}", environment.last_version)
    });

    let snapshot = distribution.snapshot(app, id).await?;
    findings.same(&format!("the snapshot of {name}"), snapshot.as_ref().map(|s| &s.provenance), provenance);
    if let Some(snapshot) = snapshot {
        let files = snapshot.files.iter().map(|(path, hash)| (path.to_string(), hash.clone())).collect();
        let committed = repository.files(&snapshot.provenance.release_commit.to_string())?;
        findings.same(&format!("the files of {name}"), &files, &committed);
        for hash in snapshot.files.values() {
            let there = distribution.file(app, id, hash).await?.is_some();
            findings.check(there, || format!("{name} lacks the content {}", hash.as_str()));
        }
        findings.same(&format!("the number of parameters of {name}"), snapshot.parameters.len(), 1);
    }
    Ok(())
}
