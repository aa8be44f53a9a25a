//! The app's pipeline.

use crate::actor::Member;
use crate::change::Change;
use crate::error::{Error, FieldProblem, Rejection, Result};
use crate::fresh::fresh_id;
use crate::profiles::revision_of;
use crate::services::Workflow;
use conman_domain::catalog::Values;
use conman_domain::environment::Environment;
use conman_domain::id::{AppId, EnvironmentId};
use conman_domain::name::EnvironmentName;
use conman_domain::policy::AppAction;
use conman_domain::profile::{ProfileSettings, RuntimeProfile};
use conman_domain::secret::{ProfileKey, SealedSecret, Secrets};
use conman_domain::snapshot::ConfigVersion;
use conman_domain::value::Value;
use conman_store::collections::{ENVIRONMENT_BY_POSITION, SECRET_BY_PROFILE};
use conman_store::{Query, Versioned};
use serde_json::json;
use std::collections::{HashMap, HashSet};

/// The most environments of one app.
pub const MAX_ENVIRONMENTS: usize = 50;

/// One stage of the pipeline as an app admin wants it; the order of the list is the order of the stages.
#[derive(Debug, Clone)]
pub struct Stage {
    /// The environment that it is, unless it is new.
    pub id: Option<EnvironmentId>,
    /// Its name.
    pub name: EnvironmentName,
    /// Whether users see this one.
    pub canonical: bool,
    /// By how many workers a deployed version is refused before it goes back by itself: 0 for never, none for as it is.
    pub rollback_when_refused_by: Option<u32>,
}

impl Workflow {
    /// The app's environments, first stage first.
    pub async fn environments(&self, app_id: AppId) -> Result<Vec<Versioned<Environment>>> {
        let query = Query::<Environment>::on(&ENVIRONMENT_BY_POSITION)
            .eq(app_id.to_string())
            .limit(MAX_ENVIRONMENTS as u64);
        Ok(self.store().find(query).await?.items)
    }

    /// The environments of several apps, each app's first stage first.
    pub async fn environments_of_all(&self, apps: &[AppId]) -> Result<HashMap<AppId, Vec<Environment>>> {
        let query =
            Query::<Environment>::on(&ENVIRONMENT_BY_POSITION).any_of(apps.iter().map(ToString::to_string));
        let mut all: HashMap<AppId, Vec<Environment>> = HashMap::new();
        for found in self.store().find(query).await?.items {
            all.entry(found.app_id).or_default().push(found.doc);
        }
        Ok(all)
    }

    /// Environments by their ids, of whichever app.
    pub async fn environments_by_id(
        &self,
        ids: &[EnvironmentId],
    ) -> Result<HashMap<EnvironmentId, Environment>> {
        let found = self.store().get_many::<Environment>(ids.iter().map(ToString::to_string)).await?;
        Ok(found.into_iter().map(|one| (one.doc.id, one.doc)).collect())
    }

    /// One environment of the member's app.
    pub async fn environment(&self, member: &Member, id: EnvironmentId) -> Result<Versioned<Environment>> {
        self.environment_of(member.app_id(), id).await
    }

    pub(crate) async fn environment_of(
        &self,
        app_id: AppId,
        id: EnvironmentId,
    ) -> Result<Versioned<Environment>> {
        let environment: Versioned<Environment> = self.load("environment", id).await?;
        if environment.doc.app_id == app_id {
            Ok(environment)
        } else {
            Err(Rejection::NotFound("environment").into())
        }
    }

    /// Makes the pipeline what the list says. Ids and history stay; an environment that has run something is not removed.
    pub async fn set_environments(
        &self,
        member: &Member,
        stages: Vec<Stage>,
    ) -> Result<Vec<Versioned<Environment>>> {
        member.may(AppAction::ManageEnvironments)?;
        check_stages(&stages)?;
        let app = self.app_again(member).await?;
        let present = self.environments(app.doc.id).await?;
        let at = self.now().await?;
        let mut change = Change::by(&member.actor, Some(app.doc.id), at);
        let mut new_app = app.doc.clone();
        let kept: HashSet<EnvironmentId> = stages.iter().filter_map(|stage| stage.id).collect();
        for gone in present.iter().filter(|environment| !kept.contains(&environment.doc.id)) {
            if gone.doc.last_version > ConfigVersion::default() {
                let message = format!("`{}` has been deployed to; its history would be lost", gone.doc.name);
                return Err(Error::conflict("environment_in_use", message));
            }
            change.delete(gone);
            let profile: Versioned<RuntimeProfile> =
                self.load("runtime profile", gone.doc.profile_id).await?;
            change.delete(&profile);
            if let Some(key) = self.store().get::<ProfileKey>(&profile.id.to_string()).await? {
                change.delete(&key);
            }
            let secrets = Query::<SealedSecret>::on(&SECRET_BY_PROFILE).eq(profile.id.to_string());
            for secret in self.store().find(secrets).await?.items {
                change.delete(&secret);
            }
            change.audit(
                "environment",
                gone.doc.id,
                "environment.removed",
                json!({"name": gone.doc.name}),
                json!(null),
            );
        }
        let (mut changed, mut added) = (Vec::new(), Vec::new());
        for (stage, position) in stages.iter().zip(1_u32..) {
            let Some(id) = stage.id else {
                added.push((stage, position));
                continue;
            };
            let Some(old) = present.iter().find(|environment| environment.doc.id == id) else {
                return Err(Error::invalid(
                    format!("/environments/{}/id", position - 1),
                    "the app has no such environment",
                ));
            };
            if stage.canonical {
                new_app.canonical_environment_id = Some(id);
            }
            let mut new = old.doc.clone();
            (new.name, new.position, new.canonical) = (stage.name.clone(), position, stage.canonical);
            if let Some(least) = stage.rollback_when_refused_by {
                new.rollback_when_refused_by = Some(least).filter(|least| *least > 0);
            }
            if shown(&new) != shown(&old.doc) {
                changed.push((old, new));
            }
        }
        for (old, new) in freed_first(changed)? {
            change.replace(&new, old.version);
            change.audit("environment", new.id, "environment.changed", shown(&old.doc), shown(&new));
            if new.name != old.doc.name {
                let profile: Versioned<RuntimeProfile> = self.load("runtime profile", new.profile_id).await?;
                change.replace(&RuntimeProfile { name: new.name, ..profile.doc.clone() }, profile.version);
            }
        }
        for (stage, position) in added {
            let id = self.add_environment(&mut change, app.doc.id, stage, position, member);
            if stage.canonical {
                new_app.canonical_environment_id = Some(id);
            }
        }
        change.replace(&new_app, app.version);
        self.commit(change).await?;
        self.environments(app.doc.id).await
    }

    fn add_environment(
        &self,
        change: &mut Change,
        app_id: AppId,
        stage: &Stage,
        position: u32,
        member: &Member,
    ) -> EnvironmentId {
        let at = change.at();
        let profile = RuntimeProfile {
            id: fresh_id(),
            app_id,
            name: stage.name.clone(),
            revision: 1,
            env_vars: Values::new(),
            settings: ProfileSettings::default(),
            secrets: Secrets::new(),
            updated_at: at,
        };
        let environment = Environment {
            id: fresh_id(),
            app_id,
            name: stage.name.clone(),
            position,
            canonical: stage.canonical,
            profile_id: profile.id,
            last_version: ConfigVersion::default(),
            running: None,
            promotion_hold: None,
            rollback_when_refused_by: stage.rollback_when_refused_by.filter(|least| *least > 0),
            created_at: at,
        };
        change.insert(&environment).insert(&profile);
        change.insert(&revision_of(&profile, member, "The environment was made.".to_owned(), at));
        let after = json!({"name": stage.name, "position": position, "canonical": stage.canonical});
        change.audit("environment", environment.id, "environment.created", json!(null), after);
        environment.id
    }
}

fn shown(environment: &Environment) -> Value {
    json!({
        "name": environment.name, "position": environment.position, "canonical": environment.canonical,
        "rollback_when_refused_by": environment.rollback_when_refused_by,
    })
}

type Changed<'a> = (&'a Versioned<Environment>, Environment);

/// Puts changed environments into an order in which each name is free when it is taken: names may wander.
fn freed_first(mut changed: Vec<Changed<'_>>) -> Result<Vec<Changed<'_>>> {
    let mut ordered = Vec::new();
    while !changed.is_empty() {
        let holds = |(old, _): &Changed<'_>, (own, new): &Changed<'_>| {
            old.doc.id != own.doc.id && old.doc.name == new.name
        };
        let Some(next) = changed.iter().position(|one| !changed.iter().any(|other| holds(other, one))) else {
            let message = "these names go round in a circle; give one of the environments another name first";
            return Err(Error::conflict("names_in_a_circle", message));
        };
        ordered.push(changed.remove(next));
    }
    Ok(ordered)
}

fn check_stages(stages: &[Stage]) -> Result<()> {
    let mut problems = Vec::new();
    let mut problem =
        |pointer: String, message: &str| problems.push(FieldProblem { pointer, message: message.to_owned() });
    if stages.len() > MAX_ENVIRONMENTS {
        problem("/environments".to_owned(), "at most 50 environments");
    }
    if stages.iter().filter(|stage| stage.canonical).count() != 1 {
        problem("/environments".to_owned(), "exactly one environment is canonical");
    }
    let (mut names, mut ids) = (HashSet::new(), HashSet::new());
    for (index, stage) in stages.iter().enumerate() {
        if !names.insert(&stage.name) {
            problem(format!("/environments/{index}/name"), "this name stands twice in the list");
        }
        if stage.id.is_some_and(|id| !ids.insert(id)) {
            problem(format!("/environments/{index}/id"), "this environment stands twice in the list");
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Rejection::Invalid(problems).into()) }
}
