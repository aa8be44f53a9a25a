//! Freeze windows: made by app admins, heeded by every write to an environment.

use crate::actor::Member;
use crate::change::{Change, Letter};
use crate::deploy::environment_link;
use crate::error::{Error, FieldProblem, Rejection, Result};
use crate::fresh::fresh_id;
use crate::services::Workflow;
use crate::support::retrying;
use conman_domain::Timestamp;
use conman_domain::access::Role;
use conman_domain::environment::Environment;
use conman_domain::freeze::{Freeze, FreezeOverride, FreezeSchedule, FreezeWindow, MAX_TEXT};
use conman_domain::id::{EnvironmentId, FreezeWindowId};
use conman_domain::policy::AppAction;
use conman_store::collections::FREEZE_WINDOW_BY_ENVIRONMENT;
use conman_store::{Query, Version, Versioned};
use serde_json::json;

/// The most freeze windows of one environment.
pub const MAX_WINDOWS: u64 = 50;

/// The code of the refusal of a write to a frozen environment.
pub(crate) const FROZEN: &str = "frozen";

/// What an app admin says of a freeze window.
#[derive(Debug, Clone)]
pub struct FreezeWish {
    /// What people call it.
    pub name: String,
    /// What people are told while it lasts; may be empty.
    pub banner: String,
    /// When.
    pub schedule: FreezeSchedule,
}

/// A freeze that is in force.
#[derive(Debug, Clone)]
pub struct InForce {
    /// The window behind it; of several the one that ends last.
    pub window: FreezeWindow,
    /// From when to when.
    pub freeze: Freeze,
}

/// What is to come of a write if the environment is frozen.
#[derive(Debug, Clone, Copy, Default)]
pub enum WhenFrozen<'a> {
    /// It is refused.
    #[default]
    Refuse,
    /// An app admin sets the freeze aside for it, for this reason.
    SetAside(&'a Member, &'a str),
}

impl<'a> WhenFrozen<'a> {
    /// What a member wants, who may have given a reason to set a freeze aside.
    pub fn of(member: &'a Member, reason: Option<&'a str>) -> Self {
        reason.map_or(Self::Refuse, |reason| Self::SetAside(member, reason))
    }
}

impl Workflow {
    /// An environment's freeze windows, oldest first.
    pub async fn freeze_windows(
        &self,
        member: &Member,
        environment: EnvironmentId,
    ) -> Result<Vec<Versioned<FreezeWindow>>> {
        let environment = self.environment(member, environment).await?;
        self.windows(environment.doc.id).await
    }

    /// One of them.
    pub async fn freeze_window(
        &self,
        member: &Member,
        environment: EnvironmentId,
        id: FreezeWindowId,
    ) -> Result<Versioned<FreezeWindow>> {
        let window: Versioned<FreezeWindow> = self.load("freeze window", id).await?;
        if window.doc.app_id == member.app_id() && window.doc.environment_id == environment {
            Ok(window)
        } else {
            Err(Rejection::NotFound("freeze window").into())
        }
    }

    /// The environment, if there is one and the member may freeze it.
    async fn may_freeze(
        &self,
        member: &Member,
        environment: EnvironmentId,
    ) -> Result<Versioned<Environment>> {
        member.may(AppAction::ManageFreezes)?;
        self.environment(member, environment).await
    }

    /// Makes a freeze window. Every write to the environment that is decided from now on heeds it.
    pub async fn add_freeze_window(
        &self,
        member: &Member,
        environment: EnvironmentId,
        wish: &FreezeWish,
    ) -> Result<Versioned<FreezeWindow>> {
        self.may_freeze(member, environment).await?;
        // Otherwise it might lose against busy savers again and again.
        let turn = self.turn(environment);
        let _held = turn.lock().await;
        let id = retrying(|| async {
            let member = &self.member_now(member).await?;
            let environment = self.may_freeze(member, environment).await?;
            let at = self.checked(wish).await?;
            if self.windows(environment.doc.id).await?.len() as u64 >= MAX_WINDOWS {
                let message =
                    format!("an environment has {MAX_WINDOWS} freeze windows at most; remove old ones");
                return Err(Error::conflict("too_many_windows", message));
            }
            let window = FreezeWindow {
                id: fresh_id(),
                app_id: member.app_id(),
                environment_id: environment.doc.id,
                name: wish.name.trim().to_owned(),
                banner: wish.banner.trim().to_owned(),
                schedule: wish.schedule.clone(),
                created_by: member.actor.user_id,
                created_at: at,
                updated_at: at,
            };
            let mut change = self.freezing(member, &environment, at);
            change.insert(&window);
            change.audit(
                "freeze_window",
                window.id,
                "freeze_window.added",
                json!(null),
                told(&environment.doc, &window),
            );
            self.commit(change).await?;
            Ok(window.id)
        })
        .await?;
        self.load("freeze window", id).await
    }

    /// Changes a freeze window.
    pub async fn update_freeze_window(
        &self,
        member: &Member,
        environment: EnvironmentId,
        id: FreezeWindowId,
        expected: Version,
        wish: &FreezeWish,
    ) -> Result<Versioned<FreezeWindow>> {
        self.may_freeze(member, environment).await?;
        let turn = self.turn(environment);
        let _held = turn.lock().await;
        retrying(|| async {
            let member = &self.member_now(member).await?;
            let environment = self.may_freeze(member, environment).await?;
            let before = self.freeze_window(member, environment.doc.id, id).await?;
            let at = self.checked(wish).await?;
            if before.version != expected {
                return Err(Error::stale(before.version));
            }
            let after = FreezeWindow {
                name: wish.name.trim().to_owned(),
                banner: wish.banner.trim().to_owned(),
                schedule: wish.schedule.clone(),
                updated_at: at,
                ..before.doc.clone()
            };
            let mut change = self.freezing(member, &environment, at);
            change.replace(&after, expected);
            let (was, is) = (told(&environment.doc, &before.doc), told(&environment.doc, &after));
            change.audit("freeze_window", id, "freeze_window.changed", was, is);
            self.commit(change).await
        })
        .await?;
        self.load("freeze window", id).await
    }

    /// Removes a freeze window: what it holds back may be written at once.
    pub async fn remove_freeze_window(
        &self,
        member: &Member,
        environment: EnvironmentId,
        id: FreezeWindowId,
    ) -> Result<()> {
        self.may_freeze(member, environment).await?;
        let turn = self.turn(environment);
        let _held = turn.lock().await;
        retrying(|| async {
            let at = self.now().await?;
            let member = &self.member_now(member).await?;
            let environment = self.may_freeze(member, environment).await?;
            let window = self.freeze_window(member, environment.doc.id, id).await?;
            let mut change = self.freezing(member, &environment, at);
            change.delete(&window);
            let was = told(&environment.doc, &window.doc);
            change.audit("freeze_window", id, "freeze_window.removed", was, json!(null));
            self.commit(change).await
        })
        .await
    }

    /// The freeze that an environment is in, of several the one that ends last; and the one that it comes to next.
    pub async fn freezes_of(&self, environment: EnvironmentId) -> Result<(Option<InForce>, Option<InForce>)> {
        let windows = self.windows(environment).await?;
        let now = self.now().await?;
        let next = windows.iter().filter_map(|window| {
            let freeze = window.doc.schedule.next(now)?;
            Some(InForce { window: window.doc.clone(), freeze })
        });
        let next = next.min_by_key(|next| next.freeze.starts_at);
        Ok((last_to_end(in_force(windows, now)), next))
    }

    /// Heeds the environment's freezes in a change that writes to it.
    ///
    /// The environment must have been read before, and the change must check or replace it: a window that is made meanwhile
    /// changes its version.
    pub(crate) async fn heed_freezes(
        &self,
        change: &mut Change,
        environment: &Environment,
        when_frozen: WhenFrozen<'_>,
    ) -> Result<Option<FreezeOverride>> {
        let all = in_force(self.windows(environment.id).await?, change.at());
        let Some(in_force) = last_to_end(all.clone()) else { return Ok(None) };
        let WhenFrozen::SetAside(member, reason) = when_frozen else {
            return Err(frozen(environment, &in_force));
        };
        member.may(AppAction::OverrideFreeze)?;
        check_reason(reason)?;
        for InForce { window, .. } in &all {
            let after = json!({
                "environment": environment.name, "environment_id": environment.id, "window": window.name,
                "reason": reason,
            });
            change.audit("freeze_window", window.id, "freeze.overridden", json!(null), after);
        }
        let letter = Letter {
            event: "freeze.overridden",
            subject: format!("Freeze overridden: {} on {}", in_force.window.name, environment.name),
            text: format!("{} wrote to the frozen environment. The reason: {reason}", member.actor.name),
            link: Some(environment_link(environment)),
        };
        self.mail_members(change, environment.app_id, Role::ConfigManager, &letter).await?;
        let window_ids = all.iter().map(|in_force| in_force.window.id).collect();
        let user_id = member.actor.user_id;
        Ok(Some(FreezeOverride { window_ids, user_id, reason: reason.to_owned() }))
    }

    /// Why a deployment that was asked for may not start now.
    pub(crate) async fn frozen_start(
        &self,
        environment: &Environment,
        set_aside: Option<&FreezeOverride>,
        at: Timestamp,
    ) -> Result<Option<String>> {
        let mut all = in_force(self.windows(environment.id).await?, at);
        all.retain(|in_force| {
            set_aside.is_none_or(|set_aside| !set_aside.window_ids.contains(&in_force.window.id))
        });
        Ok(last_to_end(all).map(|in_force| frozen_text(environment, &in_force)))
    }

    async fn windows(&self, environment: EnvironmentId) -> Result<Vec<Versioned<FreezeWindow>>> {
        let query = Query::<FreezeWindow>::on(&FREEZE_WINDOW_BY_ENVIRONMENT).eq(environment.to_string());
        Ok(self.store().find(query.limit(MAX_WINDOWS)).await?.items)
    }

    async fn checked(&self, wish: &FreezeWish) -> Result<Timestamp> {
        let mut problems = Vec::new();
        let mut problem = |pointer: String, message: String| problems.push(FieldProblem { pointer, message });
        if wish.name.trim().is_empty() {
            problem("/name".to_owned(), "name the freeze".to_owned());
        }
        for (field, text) in [("/name", &wish.name), ("/banner", &wish.banner)] {
            if text.chars().count() > MAX_TEXT || text.chars().any(char::is_control) {
                problem(field.to_owned(), format!("one line of {MAX_TEXT} characters at most"));
            }
        }
        let at = self.now().await?;
        if let Err(wrong) = wish.schedule.check(at) {
            problem(format!("/schedule/{}", wrong.field), wrong.message);
        }
        if problems.is_empty() { Ok(at) } else { Err(Rejection::Invalid(problems).into()) }
    }

    /// Begins a change of an environment's windows: writes that were checked against the old ones do not commit.
    fn freezing(&self, member: &Member, environment: &Versioned<Environment>, at: Timestamp) -> Change {
        let mut change = Change::by(&member.actor, Some(member.app_id()), at);
        change.replace(&environment.doc, environment.version);
        change
    }
}

fn in_force(windows: Vec<Versioned<FreezeWindow>>, now: Timestamp) -> Vec<InForce> {
    let in_force = windows.into_iter().filter_map(|window| {
        let freeze = window.doc.schedule.at(now)?;
        Some(InForce { window: window.doc, freeze })
    });
    in_force.collect()
}

fn last_to_end(in_force: Vec<InForce>) -> Option<InForce> {
    in_force.into_iter().max_by_key(|in_force| in_force.freeze.ends_at)
}

fn frozen_text(environment: &Environment, in_force: &InForce) -> String {
    let (window, ends_at) = (&in_force.window, in_force.freeze.ends_at);
    let banner = if window.banner.is_empty() { String::new() } else { format!(" ({})", window.banner) };
    format!("`{}` is frozen until {ends_at} by `{}`{banner}", environment.name, window.name)
}

fn frozen(environment: &Environment, in_force: &InForce) -> Error {
    let window = &in_force.window;
    let details = json!({
        "window_id": window.id,
        "name": window.name,
        "banner": window.banner,
        "starts_at": in_force.freeze.starts_at,
        "ends_at": in_force.freeze.ends_at,
    });
    let text = frozen_text(environment, in_force);
    Error::conflict_with(
        FROZEN,
        format!("{text}; wait, or let an app admin override it with a reason"),
        details,
    )
}

fn check_reason(reason: &str) -> Result<()> {
    if reason.trim().is_empty() {
        return Err(Error::invalid("/override_freeze", "say why the freeze is overridden"));
    }
    crate::save_parameters::check_text("/override_freeze", reason)
}

fn told(environment: &Environment, window: &FreezeWindow) -> serde_json::Value {
    json!({
        "environment": environment.name,
        "environment_id": environment.id,
        "name": window.name,
        "banner": window.banner,
        "schedule": window.schedule,
    })
}
