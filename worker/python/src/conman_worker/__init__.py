"""
Follows one environment from inside a running program.

A follower keeps the environment's configuration in memory as one frozen `View`. A program that must not be disturbed
enters a section, which reads one view from its beginning to its end; what arrives meanwhile waits for the boundary that
the parameter's category asks for. Connections that are lost or silent are replaced, and what became active meanwhile is
caught up with. What runs is reported on every application and every heartbeat.

`Follower` blocks, `AsyncFollower` awaits; both do the same.
"""

from ._boundary import Boundary, Pending, SectionKind
from ._errors import (
    ConnectError,
    ParameterError,
    RefusedError,
    SetupError,
    UnknownParameterError,
    UnreachableError,
    UnusableError,
    WrongShapeError,
)
from ._follower import AsyncFollower
from ._gate import Applied, Section
from ._options import Check, HttpSource, Options, PostgresSource, Source
from ._status import Refused, Status
from ._sync import Follower
from ._view import JsonValue, Parameter, Provenance, View

__all__ = [
    "Applied",
    "AsyncFollower",
    "Boundary",
    "Check",
    "ConnectError",
    "Follower",
    "HttpSource",
    "JsonValue",
    "Options",
    "Parameter",
    "ParameterError",
    "Pending",
    "PostgresSource",
    "Provenance",
    "Refused",
    "RefusedError",
    "Section",
    "SectionKind",
    "SetupError",
    "Source",
    "Status",
    "UnknownParameterError",
    "UnreachableError",
    "UnusableError",
    "View",
    "WrongShapeError",
]
