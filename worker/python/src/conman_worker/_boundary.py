"""When a running program may be given a new value."""

from dataclasses import dataclass
from enum import Enum


class SectionKind(Enum):
    """A stretch of a program's work that must not see its configuration change."""

    POSITION = "position"
    """An open position, for as long as it stays open. Holds back risk limits alone."""
    DECISION_CYCLE = "decision_cycle"
    """One turn of the program's decisions. Holds back everything."""
    INFERENCE = "inference"
    """A call of a model. Holds back everything."""
    CRITICAL = "critical"
    """What must not be interrupted, such as sending an order. Holds back everything."""


class Boundary(Enum):
    """The moment at which a parameter's new value is applied; its declaration in the catalog decides."""

    DECISION_CYCLE_END = "decision_cycle_end"
    """The end of the decision cycle in flight, else at once. Also for what has no category, and for files."""
    POSITION_CLOSE = "position_close"
    """The close of the open position or the next heartbeat, whichever is later; at once if none is open."""
    RESTART = "restart"
    """Never while the program runs; applied when it starts again."""

    @staticmethod
    def of(category: str | None, hot_reloadable: bool) -> "Boundary":
        """Tell the boundary of a parameter by its declaration."""
        if not hot_reloadable:
            return Boundary.RESTART
        return _BOUNDARIES[category]


_BOUNDARIES: dict[str | None, Boundary] = {
    "threshold": Boundary.DECISION_CYCLE_END,
    "filter_flag": Boundary.DECISION_CYCLE_END,
    "cooldown": Boundary.DECISION_CYCLE_END,
    None: Boundary.DECISION_CYCLE_END,
    "risk_limit": Boundary.POSITION_CLOSE,
}

CATEGORIES = frozenset(_BOUNDARIES)


@dataclass(frozen=True)
class Pending:
    """A new value that waits for its boundary; at most one per parameter, the newest."""

    name: str
    boundary: Boundary
