"""How a worker is doing."""

from dataclasses import dataclass
from datetime import datetime

from ._boundary import Pending


@dataclass(frozen=True)
class Refused:
    """A version that the program does not take."""

    version: int
    reason: str
    at: datetime


@dataclass(frozen=True)
class Status:
    """How a worker is doing."""

    connected: bool
    """Whether there is a connection that is believed to be alive."""
    reconnects: int
    """How often a connection was lost and has been replaced or is being replaced."""
    applied: int | None
    """The version in memory."""
    last_notify_at: datetime | None
    """When the last notification came, by the worker's clock."""
    problem: str | None
    """Why the worker does not run what is active, if it knows."""
    pending: tuple[Pending, ...]
    """New values that wait for their boundary."""
    restart_required: tuple[str, ...]
    """Parameters whose new value is applied at the program's next start."""
    refused: Refused | None
    """The newest version, if the program refused it."""
    stale: bool
    """Whether the view in use comes from the disk cache, and was not compared with the source yet."""
    forbidden_applications: int
    """How many values were applied inside a section that forbids it: always 0."""
    cache_problem: str | None
    """Why the disk cache was not believed, or cannot be written."""
