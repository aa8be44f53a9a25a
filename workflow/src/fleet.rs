//! How far an environment's workers have come: what each runs beside what is active, and how many have which version.

use crate::error::{Rejection, Result};
use crate::services::Workflow;
use chrono::TimeDelta;
use conman_distribution::{Boundary, WorkerApplication, WorkerSession};
use conman_domain::Timestamp;
use conman_domain::id::{AppId, EnvironmentId};
use conman_domain::snapshot::ConfigVersion;
use std::collections::{BTreeMap, BTreeSet};

/// After how long without a word a worker counts as lost: it says that it lives every 30 s.
const SILENT: TimeDelta = TimeDelta::seconds(100);

/// What became of the active version at a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerState {
    /// It runs it.
    Current,
    /// It has it, and values of it wait for their boundary.
    Waiting,
    /// It runs it but for values that are applied at its next start.
    RestartRequired,
    /// Its program does not take it.
    Refused,
    /// It has not applied it, and does not say why.
    Lagging,
    /// It was not heard of for a while.
    Lost,
    /// It said that it ends.
    Stopped,
}

impl WorkerState {
    /// The state's name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Waiting => "waiting",
            Self::RestartRequired => "restart_required",
            Self::Refused => "refused",
            Self::Lagging => "lagging",
            Self::Lost => "lost",
            Self::Stopped => "stopped",
        }
    }
}

/// A worker beside what is active.
#[derive(Debug, Clone)]
pub struct Standing {
    /// What it last said.
    pub session: WorkerSession,
    /// What became of the active version at it.
    pub state: WorkerState,
    /// By how many the active version is ahead of what it applied.
    pub lag_versions: u32,
    /// For how long something newer than what it applied has been active; zero where nothing is.
    pub lag: TimeDelta,
}

/// The workers of an environment.
#[derive(Debug, Clone)]
pub struct Fleet {
    /// The version that is active; none before the first.
    pub active: Option<ConfigVersion>,
    /// Every session, by name and start.
    pub workers: Vec<Standing>,
}

/// How many of the workers that live have come how far with a version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reach {
    /// Those that live.
    pub workers: u32,
    /// Have all of it, or something newer.
    pub applied: u32,
    /// Have values that wait for a boundary.
    pub waiting: u32,
    /// Of these, have values that wait for the end of a decision cycle.
    pub waiting_for_cycle: u32,
    /// Of these, have values that wait for the close of a position.
    pub waiting_for_close: u32,
    /// Have it but for values that are applied at their next start.
    pub restart_required: u32,
    /// Do not take it.
    pub refused: u32,
    /// Have not applied it and do not say why.
    pub lagging: u32,
}

impl Workflow {
    /// An environment's workers, and how far each has come.
    pub async fn fleet(&self, app_id: AppId, environment: EnvironmentId) -> Result<Fleet> {
        let active = self.distribution().active(app_id, environment).await?;
        let sessions = self.distribution().workers(app_id, environment).await?;
        let now = self.now().await?;
        let version = active.as_ref().map(|active| active.provenance.config_version);
        let behind: BTreeSet<ConfigVersion> = sessions
            .iter()
            .map(applied)
            .filter(|applied| Some(*applied) < version)
            .map(ConfigVersion::next)
            .collect();
        let behind: Vec<ConfigVersion> = behind.into_iter().collect();
        let next_at = match behind.is_empty() {
            true => BTreeMap::new(),
            false => self.distribution().activated_at(app_id, environment, &behind).await?,
        };
        let mut workers = Vec::new();
        for session in sessions {
            let applied = applied(&session);
            let lag = match &active {
                Some(active) if applied < active.provenance.config_version => {
                    // What is numbered next need not exist; then it is behind at least since the active one.
                    let since = next_at.get(&applied.next()).copied().unwrap_or(active.activated_at);
                    now.since(since).max(TimeDelta::zero())
                }
                Some(_) | None => TimeDelta::zero(),
            };
            workers.push(Standing {
                state: state(&session, version.unwrap_or_default(), now),
                lag_versions: version.unwrap_or_default().0.saturating_sub(applied.0),
                lag,
                session,
            });
        }
        Ok(Fleet { active: version, workers })
    }

    /// Which workers ran a version of an environment, and since when; refused where it never ran that version.
    pub async fn workers_of_version(
        &self,
        app_id: AppId,
        environment: EnvironmentId,
        version: ConfigVersion,
    ) -> Result<Vec<WorkerApplication>> {
        let known = self.distribution().history_row(app_id, environment, version).await?;
        known.ok_or(Rejection::NotFound("version of the environment"))?;
        Ok(self.distribution().applications(app_id, environment, version).await?)
    }
}

impl Fleet {
    /// How many workers have come how far with a version.
    pub fn reach(&self, version: ConfigVersion) -> Reach {
        let mut reach = Reach::default();
        for Standing { session, state: present, .. } in &self.workers {
            let now = match present {
                WorkerState::Lost | WorkerState::Stopped => continue,
                WorkerState::Current
                | WorkerState::Waiting
                | WorkerState::RestartRequired
                | WorkerState::Refused
                | WorkerState::Lagging => session.heard_at,
            };
            reach.workers += 1;
            match state(session, version, now) {
                WorkerState::Current => reach.applied += 1,
                WorkerState::Waiting => {
                    reach.waiting += 1;
                    let waits = |boundary| session.report.pending.iter().any(|p| p.boundary == boundary);
                    reach.waiting_for_cycle += u32::from(waits(Boundary::DecisionCycleEnd));
                    reach.waiting_for_close += u32::from(waits(Boundary::PositionClose));
                }
                WorkerState::RestartRequired => reach.restart_required += 1,
                WorkerState::Refused => reach.refused += 1,
                WorkerState::Lagging | WorkerState::Lost | WorkerState::Stopped => reach.lagging += 1,
            }
        }
        reach
    }

    /// The workers that live and whose program does not take a version. One that was started again counts once.
    pub(crate) fn refusing(&self, version: ConfigVersion) -> impl Iterator<Item = &WorkerSession> {
        let lives =
            |standing: &&Standing| !matches!(standing.state, WorkerState::Lost | WorkerState::Stopped);
        let sessions = self.workers.iter().filter(lives).map(|standing| &standing.session);
        sessions.filter(move |session| refuses(session, version) && !self.began_again(session))
    }

    /// Whether a worker of the same name began after a session's last word: it died, and this is its next life. Workers
    /// that live side by side under one name go on speaking.
    fn began_again(&self, session: &WorkerSession) -> bool {
        let next = |other: &WorkerSession| {
            other.report.name == session.report.name && other.report.started_at > session.heard_at
        };
        self.workers.iter().any(|standing| next(&standing.session))
    }
}

fn applied(session: &WorkerSession) -> ConfigVersion {
    session.report.applied.as_ref().map(|applied| applied.provenance.config_version).unwrap_or_default()
}

fn refuses(session: &WorkerSession, version: ConfigVersion) -> bool {
    session.report.refused.as_ref().is_some_and(|refused| refused.version == version)
}

/// What became of a version at a worker.
fn state(session: &WorkerSession, version: ConfigVersion, now: Timestamp) -> WorkerState {
    let report = &session.report;
    if report.stopped {
        WorkerState::Stopped
    } else if now.since(session.heard_at) > SILENT {
        WorkerState::Lost
    } else if refuses(session, version) {
        WorkerState::Refused
    } else if applied(session) > version {
        WorkerState::Current
    } else if !report.pending.is_empty() {
        WorkerState::Waiting
    } else if applied(session) < version {
        WorkerState::Lagging
    } else if !report.restart_required.is_empty() {
        WorkerState::RestartRequired
    } else {
        WorkerState::Current
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A worker that runs a version and was heard of at an instant, with some fields of its own.
    fn session(version: u32, heard_at: Timestamp, own: serde_json::Value) -> WorkerSession {
        let mut report = json!({
            "session_id": uuid::Uuid::now_v7(), "name": "pump", "library": "tests/1",
            "started_at": "2026-01-01T00:00:00Z", "last_notify_at": null, "heartbeat_at": "2026-01-01T00:00:00Z",
            "problem": null, "stopped": false,
            "applied": {
                "config_version": version, "release_tag": "r2026.01.01.1", "release_commit": "0".repeat(40),
                "tree_id": "0".repeat(40), "profile_revision": 1, "applied_at": "2026-01-01T00:00:00Z",
            },
        });
        report.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        WorkerSession { report: serde_json::from_value(report).unwrap(), heard_at }
    }

    #[test]
    fn a_worker_that_dies_of_what_it_refuses_counts_once() {
        let at = |seconds: i64| Timestamp::from_millis(1_700_000_000_000 + seconds * 1_000);
        let refuses = |name: &str, started: i64, heard: i64| {
            let refused = json!({"version": 3, "reason": "no", "at": at(started)});
            session(2, at(heard), json!({"name": name, "started_at": at(started), "refused": refused}))
        };
        // One that is started again and again, two that live side by side under a name, and one more.
        let sessions = [
            refuses("pump", 0, 2),
            refuses("pump", 5, 7),
            refuses("pump", 10, 12),
            refuses("twin", 0, 20),
            refuses("twin", 10, 20),
            refuses("fan", 0, 1),
        ];
        let standing = |session| Standing {
            state: state(&session, ConfigVersion(3), at(21)),
            lag_versions: 1,
            lag: TimeDelta::zero(),
            session,
        };
        let fleet = Fleet { active: Some(ConfigVersion(3)), workers: sessions.map(standing).into() };
        let names: Vec<_> = fleet.refusing(ConfigVersion(3)).map(|session| &*session.report.name).collect();
        assert_eq!(names, ["pump", "twin", "twin", "fan"]);
    }

    #[test]
    fn who_is_silent_is_lost_and_who_said_good_bye_is_not() {
        let heard = Timestamp::from_millis(1_700_000_000_000);
        let after = |seconds: i64| Timestamp::from_millis(heard.millis() + seconds * 1_000);
        let state_after = |seconds, own| state(&session(3, heard, own), ConfigVersion(3), after(seconds));
        assert_eq!(state_after(0, json!({})), WorkerState::Current);
        // It speaks every 30 s; three words may be lost on the way.
        assert_eq!(state_after(100, json!({})), WorkerState::Current);
        assert_eq!(state_after(101, json!({})), WorkerState::Lost);
        assert_eq!(state_after(100_000, json!({"stopped": true})), WorkerState::Stopped);
        let refused = json!({"refused": {"version": 3, "reason": "no", "at": "2026-01-01T00:00:00Z"}});
        assert_eq!(state_after(1, refused.clone()), WorkerState::Refused);
        assert_eq!(
            state_after(101, refused),
            WorkerState::Lost,
            "what it refused long ago is not known to hold"
        );
        assert_eq!(state(&session(2, heard, json!({})), ConfigVersion(3), after(1)), WorkerState::Lagging);
    }
}
