//! Runs of programs, each pinned by the parameter set that it was started with.

use crate::id::{AppId, EnvironmentId, RunId, UserId};
use crate::snapshot::ContentHash;
use crate::state::IllegalTransition;
use crate::time::Timestamp;
use crate::value::Value;
use serde::{Deserialize, Serialize};

/// What came of a run: an object as its program gave it.
pub type Results = serde_json::Map<String, Value>;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// It was registered, and has not said how it ended.
    Running,
    /// It did what it was started for.
    Succeeded,
    /// It did not.
    Failed,
    /// It was given up.
    Canceled,
}

impl RunStatus {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Running, Self::Succeeded, Self::Failed, Self::Canceled];

    /// Its name in the API, as it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    /// What a run becomes that ends: once, in one of the three ways.
    pub fn next(self, ending: Self) -> Result<Self, IllegalTransition> {
        match (self, ending) {
            (Self::Running, Self::Succeeded | Self::Failed | Self::Canceled) => Ok(ending),
            (Self::Running, Self::Running) | (Self::Succeeded | Self::Failed | Self::Canceled, _) => {
                Err(IllegalTransition { machine: "run", state: self.name(), event: ending.name() })
            }
        }
    }
}

/// One run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its id; ids grow with time.
    pub id: RunId,
    /// The app.
    pub app_id: AppId,
    /// The environment whose parameters were frozen.
    pub environment_id: EnvironmentId,
    /// The hash of the set that pins it.
    pub parameter_set: ContentHash,
    /// What kind of run it is, in the program's own word, e.g. `backtest`.
    pub kind: String,
    /// What it is for, for people.
    pub description: String,
    /// Where it stands.
    pub status: RunStatus,
    /// The run that it repeats with the same set.
    pub rerun_of: Option<RunId>,
    /// What came out.
    pub results: Option<Results>,
    /// What is to be said of its end.
    pub note: String,
    /// Who registered it, as people know them.
    pub started_by: String,
    /// Who registered it.
    pub started_by_id: UserId,
    /// When it was registered, by the database's clock.
    pub started_at: Timestamp,
    /// When it ended, by the database's clock.
    pub finished_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_once() {
        for state in RunStatus::ALL {
            for ending in RunStatus::ALL {
                let may = state == RunStatus::Running && ending != RunStatus::Running;
                assert_eq!(state.next(ending).is_ok(), may, "{state:?} {ending:?}");
            }
        }
    }
}
