//! Parameter sets and the runs that they pin.
//!
//! These are facts about programs, told by them; nothing that the workflow decides depends on them. So they are written to
//! the distribution database first, where constraints hold them, and audited after: a crash in between leaves a row that
//! says itself who made it and when, and never an audit event of what did not happen.

use crate::actor::{Member, Page};
use crate::change::Change;
use crate::error::{Error, FieldProblem, Rejection, Result};
use crate::fresh::fresh_id;
use crate::observe::names_of;
use crate::save_parameters::check_text;
use crate::services::Workflow;
use conman_distribution::{
    DistributionError, FrozenSet, NewRun, RowsPage, RunEnding, RunFilter, SetReferences, SetSummary,
};
use conman_domain::catalog::{Catalog, ValueProblem};
use conman_domain::id::{AppId, EnvironmentId, RunId};
use conman_domain::name::ParameterName;
use conman_domain::parameter_set::{BaseEnvironment, Factors, FreezeProblem, ParameterSet, SetDifference};
use conman_domain::policy::{self, AppAction, DeniedKind, RunAction};
use conman_domain::run::{Run, RunStatus};
use conman_domain::snapshot::{ConfigVersion, ContentHash};
use serde_json::json;
use std::collections::BTreeMap;

/// The longest kind of a run, in characters.
pub const MAX_KIND: usize = 40;
/// The most bytes that a run's results have as JSON.
pub const MAX_RESULTS: usize = 64 * 1024;

/// How often a freeze is tried again while the environment changes under it.
const ATTEMPTS: u32 = 20;

/// A wish to freeze what an environment runs.
#[derive(Debug, Clone)]
pub struct FreezeParameters {
    /// The version whose values were looked at; none where the newest is meant, whatever it is.
    pub base_version: Option<ConfigVersion>,
    /// What the runs vary.
    pub factors: Factors,
    /// The program's own version.
    pub code_version: String,
}

/// A wish to register a run.
#[derive(Debug, Clone)]
pub struct RegisterRun {
    /// The set that pins it.
    pub parameter_set: ContentHash,
    /// What kind of run it is, e.g. `backtest`.
    pub kind: String,
    /// What it is for.
    pub description: String,
}

/// Two sets, and how they differ.
#[derive(Debug, Clone)]
pub struct ComparedSets {
    /// The one.
    pub left: FrozenSet,
    /// The other.
    pub right: FrozenSet,
    /// What is not the same.
    pub difference: SetDifference,
}

impl Workflow {
    /// Freezes what an environment runs; the same content is the same set. True if it was not there before.
    pub async fn freeze_parameters(
        &self,
        member: &Member,
        environment: EnvironmentId,
        wish: FreezeParameters,
    ) -> Result<(FrozenSet, bool)> {
        let found = self.environment(member, environment).await?;
        member.may(AppAction::RegisterRuns)?;
        let app_id = member.app_id();
        let mut attempt = 0;
        let (frozen, is_new) = loop {
            let set = self.set_of_what_runs(app_id, environment, &wish).await?;
            match self.distribution().freeze(&set, member.actor.name.as_str()).await {
                // Something else became active since it was read.
                Err(DistributionError::WrongBase { active }) => {
                    attempt += 1;
                    if wish.base_version.is_some() || attempt >= ATTEMPTS {
                        return Err(other_version(active));
                    }
                }
                other => break other?,
            }
        };
        let set = &frozen.set;
        let version = set.base_environment.provenance.config_version;
        let factors: Vec<&ParameterName> = set.factors.keys().collect();
        let mut change = Change::by(&member.actor, Some(app_id), self.now().await?);
        let after = json!({"environment_id": environment, "config_version": version,
            "code_version": set.code_version, "factors": factors, "is_new": is_new});
        change.audit("parameter_set", &frozen.hash, "parameter_set.frozen", json!(null), after);
        self.commit(change).await?;
        let app = self.slug_of(app_id).await;
        tracing::info!(
            event = "parameter_set_frozen",
            app,
            environment = %found.doc.name,
            version = version.0,
            changed_by = member.actor.name.as_str(),
            parameters = names_of(set.catalog.keys()),
            hash = %frozen.hash,
            is_new,
            "parameters are frozen"
        );
        Ok((frozen, is_new))
    }

    async fn set_of_what_runs(
        &self,
        app_id: AppId,
        environment: EnvironmentId,
        wish: &FreezeParameters,
    ) -> Result<ParameterSet> {
        let distribution = self.distribution();
        loop {
            let Some(active) = distribution.active(app_id, environment).await? else {
                let message = "the environment runs nothing yet, and so has no parameters to freeze";
                return Err(Error::conflict("wrong_state", message));
            };
            let version = active.provenance.config_version;
            if wish.base_version.is_some_and(|base| base != version) {
                return Err(other_version(version));
            }
            let Some(parameters) = distribution.parameters_at(app_id, environment, version).await? else {
                continue;
            };
            let values = parameters.into_iter().map(|(name, parameter)| (name, parameter.value)).collect();
            let tree = active.provenance.tree_id;
            let catalog = self.catalog(&self.repository(app_id), tree).await?;
            let catalog = catalog.map_err(|_| {
                Error::errored("the catalog of what runs cannot be read", "it was validated once")
            })?;
            let base = BaseEnvironment {
                app_id,
                environment_id: environment,
                environment: active.environment_name,
                provenance: active.provenance,
                rules: Vec::new(),
                values,
            };
            let (factors, code_version) = (wish.factors.clone(), wish.code_version.clone());
            return ParameterSet::freeze(base, &catalog, factors, code_version).map_err(refused);
        }
    }

    /// One set of the member's app.
    pub async fn parameter_set(&self, member: &Member, hash: &ContentHash) -> Result<FrozenSet> {
        let found = self.distribution().parameter_set(member.app_id(), hash).await?;
        found.ok_or_else(|| Rejection::NotFound("parameter set").into())
    }

    /// The app's sets, newest first.
    pub async fn parameter_sets(
        &self,
        member: &Member,
        environment: Option<EnvironmentId>,
        page: Page,
    ) -> Result<RowsPage<SetSummary>> {
        let (page, limit) = (page.page, page.limit);
        Ok(self.distribution().parameter_sets(member.app_id(), environment, page, limit).await?)
    }

    /// Lays two sets side by side.
    pub async fn compare_sets(
        &self,
        member: &Member,
        left: &ContentHash,
        right: &ContentHash,
    ) -> Result<ComparedSets> {
        let (left, right) =
            (self.parameter_set(member, left).await?, self.parameter_set(member, right).await?);
        let difference = left.set.compare(&right.set);
        Ok(ComparedSets { left, right, difference })
    }

    /// Registers a run with the set that pins it.
    pub async fn register_run(&self, member: &Member, wish: RegisterRun) -> Result<Run> {
        self.begin_run(member, wish, None).await
    }

    /// Registers another run with the identical set.
    pub async fn rerun(&self, member: &Member, id: RunId, description: Option<String>) -> Result<Run> {
        let before = self.run(member, id).await?;
        let wish = RegisterRun {
            parameter_set: before.parameter_set,
            kind: before.kind,
            description: description.unwrap_or(before.description),
        };
        self.begin_run(member, wish, Some(id)).await
    }

    async fn begin_run(&self, member: &Member, wish: RegisterRun, rerun_of: Option<RunId>) -> Result<Run> {
        member.may(AppAction::RegisterRuns)?;
        check_kind(&wish.kind)?;
        check_text("/description", &wish.description)?;
        let run = NewRun {
            id: fresh_id(),
            app_id: member.app_id(),
            parameter_set: wish.parameter_set,
            kind: wish.kind,
            description: wish.description.trim().to_owned(),
            rerun_of,
            started_by: member.actor.name.as_str().to_owned(),
            started_by_id: member.actor.user_id,
        };
        let Some(run) = self.distribution().register_run(run).await? else {
            let message = "the app has no such parameter set; freeze one first";
            return Err(Error::invalid("/parameter_set_hash", message));
        };
        let mut change = Change::by(&member.actor, Some(member.app_id()), self.now().await?);
        let after = json!({"parameter_set": run.parameter_set, "kind": run.kind, "rerun_of": rerun_of});
        change.audit("run", run.id, "run.registered", json!(null), after);
        self.commit(change).await?;
        Ok(run)
    }

    /// Says how a run ended. Saying the same again changes nothing.
    pub async fn end_run(&self, member: &Member, id: RunId, ending: RunEnding) -> Result<Run> {
        let before = self.run(member, id).await?;
        let is_told = |run: &Run| {
            (run.status, &run.results, &run.note) == (ending.status, &ending.results, &ending.note)
        };
        match policy::run(member.viewer(), &before, RunAction::End) {
            Err(denied) if denied.kind == DeniedKind::State && is_told(&before) => return Ok(before),
            other => other?,
        }
        check_text("/note", &ending.note)?;
        if ending.status == RunStatus::Running {
            return Err(Error::invalid("/status", "a run ends as succeeded, failed or canceled"));
        }
        let size = serde_json::to_vec(&ending.results).map_or(usize::MAX, |json| json.len());
        if size > MAX_RESULTS {
            return Err(Error::invalid("/results", format!("at most {MAX_RESULTS} bytes of JSON")));
        }
        let ended = self.distribution().end_run(member.app_id(), id, ending.clone()).await?;
        let ended = ended.ok_or(Rejection::NotFound("run"))?;
        if !is_told(&ended) {
            // Somebody else was faster, and said otherwise.
            ended.status.next(ending.status)?;
        }
        let mut change = Change::by(&member.actor, Some(member.app_id()), self.now().await?);
        let (before, after) = (json!({"status": before.status}), json!({"status": ended.status}));
        change.audit("run", id, "run.ended", before, after);
        self.commit(change).await?;
        Ok(ended)
    }

    /// One run of the member's app.
    pub async fn run(&self, member: &Member, id: RunId) -> Result<Run> {
        let found = self.distribution().run(member.app_id(), id).await?;
        found.ok_or_else(|| Rejection::NotFound("run").into())
    }

    /// The app's runs, newest first.
    pub async fn runs(&self, member: &Member, filter: &RunFilter, page: Page) -> Result<RowsPage<Run>> {
        Ok(self.distribution().runs(member.app_id(), filter, page.page, page.limit).await?)
    }

    /// Which sets keep parameters in the catalog that a change would take out of it.
    pub(crate) async fn sets_that_keep(
        &self,
        app_id: AppId,
        before: &Catalog,
        after: &Catalog,
    ) -> Result<BTreeMap<ParameterName, SetReferences>> {
        let declared = before.parameters.keys();
        let leaving: Vec<ParameterName> =
            declared.filter(|name| !after.parameters.contains_key(*name)).cloned().collect();
        if leaving.is_empty() {
            return Ok(BTreeMap::new());
        }
        Ok(self.distribution().sets_referring_to(app_id, &leaving).await?)
    }
}

fn other_version(active: ConfigVersion) -> Error {
    let message =
        format!("the environment runs version {active} by now; look at its values and freeze again");
    Error::conflict_with("stale_base", message, json!({"config_version": active}))
}

fn refused(problems: Vec<FreezeProblem>) -> Error {
    let problem = |pointer: String, message: String| FieldProblem { pointer, message };
    let field = |found: FreezeProblem| match found {
        FreezeProblem::Factor { name, message } => problem(format!("/factors/{name}"), message),
        FreezeProblem::Factors(message) => problem("/factors".to_owned(), message),
        FreezeProblem::CodeVersion(message) => problem("/code_version".to_owned(), message),
        FreezeProblem::Value { name, message } => {
            let found = ValueProblem { name, other: None, message };
            problem(String::new(), format!("what the environment runs cannot be frozen: {found}"))
        }
    };
    Rejection::Invalid(problems.into_iter().map(field).collect()).into()
}

fn check_kind(kind: &str) -> Result<()> {
    let good = kind.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'));
    if good && !kind.is_empty() && kind.len() <= MAX_KIND {
        return Ok(());
    }
    let message =
        format!("1 to {MAX_KIND} lowercase letters, digits, hyphens and underscores, e.g. `backtest`");
    Err(Error::invalid("/kind", message))
}
