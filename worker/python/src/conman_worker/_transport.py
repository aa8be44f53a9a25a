"""What the two ways to a configuration have in common."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ._view import Snapshot


class Nothing:
    """Nothing was ever activated in this environment."""


class Unchanged:
    """The version that was received is the active one."""


class Transport(Protocol):
    """One way to the configuration of one environment."""

    async def connect(self, received: int | None) -> None:
        """Replace whatever connection there was. On return hints are heard already."""

    async def hint(self) -> None:
        """Wait until there may be something newer. May be cancelled while waiting."""

    async def fetch(self, received: int | None) -> Snapshot | Nothing | Unchanged:
        """Look for what is newer than the received version, as of one instant."""

    async def contents(self, digests: Sequence[str]) -> Mapping[str, bytes]:
        """Fetch contents by hash; those that cannot be had any more are left out."""

    async def report(self, report: Mapping[str, Any]) -> None:
        """Say what the worker runs."""

    def hinted(self) -> int:
        """Give the greatest version hinted at since the connection was made: what was fetched may lag behind it."""

    def received(self, version: int) -> None:
        """Hear that a version was received, so that hints of it are no news."""

    async def close(self) -> None:
        """Drop the connection."""
