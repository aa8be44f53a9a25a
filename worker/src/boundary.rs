//! When a running program may be given a new value.

use conman_domain::catalog::Category;
use conman_domain::name::ParameterName;
use conman_domain::snapshot::SnapshotParameter;
use serde::{Deserialize, Serialize};

/// A stretch of a program's work that must not see its configuration change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SectionKind {
    /// An open position, for as long as it stays open: hours or days. Holds back risk limits alone.
    Position,
    /// One turn of the program's decisions. Holds back everything.
    DecisionCycle,
    /// A call of a model. Holds back everything.
    Inference,
    /// What must not be interrupted, such as sending an order or reconciling. Holds back everything.
    Critical,
}

impl SectionKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Position, Self::DecisionCycle, Self::Inference, Self::Critical];

    /// Whether a value that waits for this boundary is held back while such a section is open.
    pub fn holds_back(self, boundary: Boundary) -> bool {
        match (self, boundary) {
            (_, Boundary::Restart) => true,
            (Self::Position, Boundary::DecisionCycleEnd) => false,
            (Self::Position, Boundary::PositionClose) => true,
            (Self::DecisionCycle | Self::Inference | Self::Critical, _) => true,
        }
    }
}

/// The moment at which a parameter's new value is applied; its declaration in the catalog decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Boundary {
    /// The end of the decision cycle in flight, else at once. Also for what has no category, and for files.
    DecisionCycleEnd,
    /// The close of the open position or the next heartbeat, whichever is later; at once if no position is open.
    PositionClose,
    /// Never while the program runs; applied when it starts again.
    Restart,
}

impl Boundary {
    /// The boundary of a parameter.
    pub fn of(parameter: &SnapshotParameter) -> Self {
        if !parameter.hot_reloadable {
            return Self::Restart;
        }
        match parameter.category {
            Some(Category::Threshold | Category::FilterFlag | Category::Cooldown) | None => {
                Self::DecisionCycleEnd
            }
            Some(Category::RiskLimit) => Self::PositionClose,
        }
    }

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::DecisionCycleEnd => "decision_cycle_end",
            Self::PositionClose => "position_close",
            Self::Restart => "restart",
        }
    }
}

/// A new value that is here and waits for its boundary. There is at most one per parameter, the newest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The parameter.
    pub name: ParameterName,
    /// What it waits for.
    pub boundary: Boundary,
}

#[cfg(test)]
mod tests {
    use super::*;
    use conman_domain::value::ParameterType;
    use serde_json::json;

    #[test]
    fn the_category_decides_the_boundary() {
        let of = |category: Option<Category>, hot_reloadable: bool| {
            Boundary::of(&SnapshotParameter {
                value: json!(1),
                kind: ParameterType::Int,
                category,
                hot_reloadable,
            })
        };
        for category in [Category::Threshold, Category::FilterFlag, Category::Cooldown] {
            assert_eq!(of(Some(category), true), Boundary::DecisionCycleEnd);
        }
        assert_eq!(of(None, true), Boundary::DecisionCycleEnd);
        assert_eq!(of(Some(Category::RiskLimit), true), Boundary::PositionClose);
        for category in [None, Some(Category::Threshold), Some(Category::RiskLimit)] {
            assert_eq!(of(category, false), Boundary::Restart);
        }
    }

    #[test]
    fn boundaries_are_named_as_they_are_reported() {
        for boundary in [Boundary::DecisionCycleEnd, Boundary::PositionClose, Boundary::Restart] {
            assert_eq!(serde_json::to_value(boundary).unwrap(), boundary.name());
        }
    }
}
