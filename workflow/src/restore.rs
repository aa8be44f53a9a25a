//! Restoring the values of an earlier version: a forward change with the same rules as any other.

use crate::actor::Member;
use crate::drafts::NewDraft;
use crate::editor::Editor;
use crate::error::{Error, FieldProblem, Rejection, Result};
use crate::history::When;
use crate::save_parameters::{MAX_CHANGES, ParameterSave, Saved};
use crate::services::Workflow;
use conman_distribution::HistoryRow;
use conman_domain::draft::ParameterDraft;
use conman_domain::id::EnvironmentId;
use conman_domain::name::ParameterName;
use conman_domain::snapshot::{ChangeKind, ConfigVersion};
use conman_domain::value::Value;
use conman_domain::value_change::{ChangedValues, ValueChange, ValueChanges, critical};
use conman_store::Versioned;

/// A wish to have an environment's parameters as they were at an earlier version.
#[derive(Debug, Clone)]
pub struct RestoreWish {
    /// The version whose values are wanted.
    pub version: ConfigVersion,
    /// The version whose values were seen beside them.
    pub base_version: ConfigVersion,
    /// Why; mandatory.
    pub reason: String,
    /// Why a freeze is to be set aside for this; for app admins.
    pub override_freeze: Option<String>,
}

/// What restoring a version would do.
#[derive(Debug, Clone)]
pub struct RestorePlan {
    /// The version whose values are wanted: who made it, when, and why.
    pub source: HistoryRow,
    /// The version that runs now.
    pub base_version: ConfigVersion,
    /// What would change, by name.
    pub items: Vec<RestoreItem>,
    /// Parameters that the environment had then, and that the catalog does not know any more: left out.
    pub gone: Vec<ParameterName>,
    /// Parameters that came later: they stay as they are.
    pub newer: Vec<ParameterName>,
    /// Why it cannot be done, by name: values that the catalog does not allow any more.
    pub problems: Vec<(ParameterName, String)>,
}

/// One value that restoring a version would change.
#[derive(Debug, Clone)]
pub struct RestoreItem {
    /// The parameter.
    pub name: ParameterName,
    /// What runs now.
    pub current: Option<Value>,
    /// What ran then; none where there was no value.
    pub restored: Option<Value>,
    /// Whether it is critical, so that somebody else has to approve.
    pub critical: bool,
    /// How it gets there.
    change: ValueChange,
}

/// What came of a wish to restore.
#[derive(Debug)]
pub enum Restored {
    /// The environment runs the old values.
    Now(Saved),
    /// Critical parameters differ: somebody else has to approve first.
    Submitted(Box<Versioned<ParameterDraft>>),
}

impl RestorePlan {
    fn changes(&self) -> ValueChanges {
        self.items.iter().map(|item| (item.name.clone(), item.change.clone())).collect()
    }

    /// Whether somebody else has to approve it.
    pub fn needs_approval(&self) -> bool {
        self.items.iter().any(|item| item.critical)
    }
}

impl Workflow {
    /// Says what restoring the values of a version would do; nothing changes.
    pub async fn plan_restore(
        &self,
        member: &Member,
        environment: EnvironmentId,
        version: ConfigVersion,
    ) -> Result<RestorePlan> {
        self.environment(member, environment).await?;
        let then = self.config_then(member.app_id(), environment, When::Version(version)).await?;
        let present = self.present(member.app_id(), environment, |_| Ok(())).await?;
        let own = &present.profile.doc.env_vars;
        let now = present.values();
        let (mut items, mut gone) = (Vec::new(), Vec::new());
        for (name, parameter) in &then.parameters {
            let Some(declared) = present.catalog.parameters.get(name) else {
                gone.push(name.clone());
                continue;
            };
            if now.get(name) == Some(&parameter.value) {
                continue;
            }
            // What was the default then and is it still needs no value of its own.
            let is_default = declared.default.as_ref() == Some(&parameter.value);
            let change = if is_default && own.contains_key(name) {
                ValueChange::Delete
            } else {
                ValueChange::Set(parameter.value.clone())
            };
            items.push(RestoreItem {
                name: name.clone(),
                current: now.get(name).cloned(),
                restored: Some(parameter.value.clone()),
                critical: false,
                change,
            });
        }
        let catalog_then =
            self.catalog(&self.repository(member.app_id()), then.row.provenance.tree_id).await?;
        let declared_then =
            |name: &ParameterName| catalog_then.as_ref().is_ok_and(|then| then.parameters.contains_key(name));
        let mut newer = Vec::new();
        for (name, value) in now.iter().filter(|(name, _)| !then.parameters.contains_key(*name)) {
            if !declared_then(name) {
                newer.push(name.clone());
            } else if own.contains_key(name) {
                let (name, current) = (name.clone(), Some(value.clone()));
                items.push(RestoreItem {
                    name,
                    current,
                    restored: None,
                    critical: false,
                    change: ValueChange::Delete,
                });
            }
        }
        items.sort_by(|a, b| a.name.cmp(&b.name));
        let mut plan = RestorePlan {
            base_version: present.running.provenance.config_version,
            source: then.row,
            items,
            gone,
            newer,
            problems: Vec::new(),
        };
        let changes = plan.changes();
        let needing = critical(&present.catalog, own, &changes);
        for item in &mut plan.items {
            item.critical = needing.contains(&item.name);
        }
        if let Err(problems) = ChangedValues::of(&present.catalog, own, &changes) {
            plan.problems = problems.into_iter().map(|problem| (problem.name, problem.message)).collect();
        }
        Ok(plan)
    }

    /// Makes the values of an earlier version those of a new one: at once, or with an approval where a critical parameter
    /// differs. Recorded as a restore either way.
    pub async fn restore_parameters(
        &self,
        member: &Member,
        environment: EnvironmentId,
        wish: RestoreWish,
    ) -> Result<Restored> {
        let found = self.environment(member, environment).await?;
        Editor::Member(member).may_save(&found.doc)?;
        if wish.reason.trim().is_empty() {
            return Err(Error::invalid("/reason", "say why"));
        }
        let plan = self.plan_restore(member, environment, wish.version).await?;
        if !plan.problems.is_empty() {
            let field = |(name, message): &(ParameterName, String)| FieldProblem {
                pointer: "/version".to_owned(),
                message: format!("`{name}`: {message}"),
            };
            return Err(Rejection::Invalid(plan.problems.iter().map(field).collect()).into());
        }
        if plan.items.is_empty() {
            return Err(Error::invalid("/version", "the environment has the values of this version already"));
        }
        if plan.items.len() > MAX_CHANGES {
            let message =
                format!("restoring changes {MAX_CHANGES} values at most; deploy the release of then instead");
            return Err(Error::invalid("/version", message));
        }
        let RestoreWish { base_version, reason, override_freeze, .. } = wish;
        // Where another version runs by now, both ways refuse the base.
        if plan.needs_approval() {
            let draft = NewDraft { base_version, changes: plan.changes(), reason };
            let draft = self.submit_as(ChangeKind::Restore, member, environment, &draft).await?;
            return Ok(Restored::Submitted(Box::new(draft)));
        }
        let (base_version, changes) = (Some(base_version), plan.changes());
        let save = ParameterSave { base_version, changes, reason: Some(reason), override_freeze };
        let editor = Editor::Member(member);
        Ok(Restored::Now(self.save_as(ChangeKind::Restore, editor, environment, &save).await?))
    }
}
