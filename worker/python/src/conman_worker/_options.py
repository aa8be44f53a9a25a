"""What to follow, and how."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Literal, TypeAlias
from uuid import UUID

from ._view import View


@dataclass(frozen=True)
class PostgresSource:
    """Straight from the distribution database."""

    url: str = field(repr=False)
    """`postgres://USER:PASSWORD@HOST:PORT/DATABASE`."""
    app_id: UUID
    environment_id: UUID


@dataclass(frozen=True)
class HttpSource:
    """From the server; the service token says which environment."""

    server_url: str
    """Scheme, host and port, e.g. `https://conman.example`."""
    token: str = field(repr=False)
    """A service token, bound to one app and environment."""


Source: TypeAlias = PostgresSource | HttpSource

Check: TypeAlias = Callable[[View], str | None]
"""A program's own look at a configuration, before any of it is applied.

It gives None to accept, or a reason to refuse; raising refuses too. People read the reason, so it should name
parameters, not values. It runs on the event loop that follows, so it should only compute.
"""


@dataclass(frozen=True)
class Options:
    """How to follow. Times are in seconds."""

    name: str
    """How the worker is shown to people."""
    files: Sequence[str] | Literal["all"] = ()
    """Which files to keep in memory: those at or below these paths, or all."""
    check: Check | None = None
    """What may refuse a configuration."""
    cache: str | PathLike[str] | None = None
    """A file that keeps the last good configuration, to start from when the source cannot be reached, or answers
    nothing that can be applied, for `connect_within`, or when the program refuses what is active. Every worker needs
    a file of its own."""
    heartbeat: float = 30.0
    """How often the worker reports and makes sure that its connection is alive."""
    answer_within: float = 10.0
    """How long a connection has for one answer before it counts as lost."""
    silence: float = 45.0
    """How long the server's stream may be silent before it is replaced."""
    connect_within: float = 30.0
    """How long a source is tried that is unreachable, or whose answers cannot be applied."""
    report_delay: float = 0.2
    """An application is reported between one and two of these later, so that many workers do not all come at once."""

    def fault(self) -> str | None:
        """Tell what cannot be meant, if anything."""
        if not self.name.strip():
            return "a worker needs a name"
        if "\0" in self.name or self.name != self.name.encode("utf-8", "replace").decode():
            return "the worker's name has characters that no text has"
        if isinstance(self.files, str) and self.files != "all":
            return "files is one path, where a list of paths is expected"
        for name in ("heartbeat", "answer_within", "silence"):
            if not getattr(self, name) > 0:
                return f"{name} is no time that can pass"
        for name in ("connect_within", "report_delay"):
            if not getattr(self, name) >= 0:
                return f"{name} is no time"
        return None

    def selects(self, path: str) -> bool:
        """Tell whether the file is wanted."""
        if self.files == "all":
            return True
        prefixes = [prefix.rstrip("/") for prefix in self.files]
        return any(path == prefix or path.startswith(f"{prefix}/") for prefix in prefixes)
