"""The configuration as a program reads it."""

import contextlib
import copy
import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

from ._boundary import CATEGORIES, Boundary
from ._errors import UnknownParameterError, Unusable, WrongShapeError

JsonValue: TypeAlias = "None | bool | int | float | str | list[JsonValue] | dict[str, JsonValue]"

_T = TypeVar("_T", bool, int, str)
_E = TypeVar("_E")

GREATEST_VERSION = 0xFFFF_FFFF
# As deep as the server's own JSON.
_DEEPEST = 128
_TYPES = frozenset({"string", "int", "number", "bool", "enum", "duration", "json"})
_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


@dataclass(frozen=True)
class Parameter:
    """A parameter as it was resolved, with what decides its boundary."""

    value: JsonValue
    kind: str
    category: str | None
    hot_reloadable: bool

    @property
    def boundary(self) -> Boundary:
        """The moment at which a new value of it is applied."""
        return Boundary.of(self.category, self.hot_reloadable)

    def differs(self, other: "Parameter | None") -> bool:
        """Tell whether a program would notice: JSON has one number 1, but `true` is none."""
        return other is None or self.kind != other.kind or not _same(self.value, other.value)


def _same(one: JsonValue, other: JsonValue) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and one == other


@dataclass(frozen=True)
class Provenance:
    """Says exactly what an environment or a worker runs."""

    release_tag: str
    release_commit: str
    tree_id: str
    profile_revision: int
    config_version: int


@dataclass(frozen=True)
class View:
    """
    One configuration of the environment, frozen: it never changes while it is held.

    Files and provenance are of one version, and so are the parameters, but for those whose new value still waits for
    its boundary: these are as they were in `version_of`.
    """

    provenance: Provenance
    activated_at: datetime
    """When it became active, by the distribution database's clock."""
    parameters: Mapping[str, Parameter]
    """All parameters, by name."""
    files: Mapping[str, str]
    """All files, by path, as the hashes of their contents."""
    is_stale: bool = False
    """True if it was read from the disk cache, and the source was not reached since."""
    _contents: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    _older: Mapping[str, int] = field(default_factory=dict, repr=False)

    @property
    def version(self) -> int:
        """The config version."""
        return self.provenance.config_version

    @property
    def is_whole(self) -> bool:
        """True if every parameter is as it is in the view's own version."""
        return not self._older

    def version_of(self, name: str) -> int:
        """Tell from which version a parameter's value was taken over: an older one while a newer value waits."""
        return self._older.get(name, self.version)

    def value(self, name: str) -> JsonValue:
        """Give a parameter's value as JSON; a copy, if it could be changed."""
        value = self._entry(name).value
        return copy.deepcopy(value) if isinstance(value, list | dict) else value

    def get_int(self, name: str) -> int:
        """Give the value of a whole number."""
        value = self._entry(name).value
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise self._wrong(name, "int")

    def get_float(self, name: str) -> float:
        """Give the value of a number."""
        value = self._entry(name).value
        if isinstance(value, int | float) and not isinstance(value, bool):
            with contextlib.suppress(OverflowError):
                return float(value)
        raise self._wrong(name, "float")

    def get_bool(self, name: str) -> bool:
        """Give the value of a truth."""
        value = self._entry(name).value
        if isinstance(value, bool):
            return value
        raise self._wrong(name, "bool")

    def get_str(self, name: str) -> str:
        """Give the value of a text."""
        value = self._entry(name).value
        if isinstance(value, str):
            return value
        raise self._wrong(name, "str")

    def get_duration(self, name: str) -> timedelta:
        """Give the value of a parameter of type `duration`."""
        parameter = self._entry(name)
        if parameter.kind == "duration" and isinstance(parameter.value, str):
            found = re.fullmatch(r"([0-9]+)(ms|s|m|h|d)", parameter.value)
            if found:
                return timedelta(milliseconds=int(found[1]) * _UNITS[found[2]])
        raise self._wrong(name, "a duration")

    def file(self, path: str) -> bytes | None:
        """Give the content of a file; None if there is no such file or it was not selected."""
        digest = self.files.get(path)
        return None if digest is None else self._contents.get(digest)

    def _entry(self, name: str) -> Parameter:
        try:
            return self.parameters[name]
        except KeyError:
            raise UnknownParameterError(name) from None

    def _wrong(self, name: str, wanted: str) -> WrongShapeError:
        return WrongShapeError(name, self.parameters[name].kind, wanted)

    def with_contents(self, contents: Mapping[str, bytes], *, stale: bool) -> "View":
        """Give the view with these contents of its files."""
        return replace(self, _contents=MappingProxyType(dict(contents)), is_stale=stale)

    def with_older(self, before: "View", names: Iterable[str]) -> "View":
        """Give the view with these parameters as they are in the view before."""
        parameters, older = dict(self.parameters), {}
        for name in names:
            older[name] = before.version_of(name)
            if name in before.parameters:
                parameters[name] = before.parameters[name]
            else:
                parameters.pop(name, None)
        return replace(self, parameters=MappingProxyType(parameters), _older=MappingProxyType(older))

    def contents(self) -> Mapping[str, bytes]:
        """Give the contents of the selected files, by hash."""
        return self._contents


@dataclass(frozen=True)
class Snapshot:
    """A view without contents, and whose it is."""

    app_id: UUID
    environment_id: UUID
    view: View


def digest_of(content: bytes) -> str:
    """Name a content: its SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def loads(text: str | bytes) -> Any:
    """Read JSON strictly: no NaN, no number beyond all numbers, no endless depth."""

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is not JSON")

    try:
        return json.loads(text, parse_constant=refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise Unusable("the source sent something that is not JSON") from error


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("there is no such number")
    return number


def _is_flat(value: JsonValue) -> bool:
    """Tell whether a value is nested no deeper than what reads and copies it can bear."""
    level: list[JsonValue] = [value]
    for _ in range(_DEEPEST):
        inner = [each for each in level if isinstance(each, list | dict)]
        if not inner:
            return True
        level = [part for each in inner for part in (each.values() if isinstance(each, dict) else each)]
    return False


def snapshot_of(data: Any) -> Snapshot:
    """Read the snapshot of the wire protocol."""
    try:
        return _snapshot_of(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unusable("the source sent a snapshot that this worker does not understand") from error


def snapshot_after(before: Snapshot, changes: Iterable[Any], data: Any) -> Snapshot:
    """
    Give the snapshot that changes make of another one, in their order.

    Each change has `parameters` and `files`, of what became another one, as `{"before": …, "after": …}`; `data` has the
    rest of the snapshot.
    """
    parameters, files = dict(before.view.parameters), dict(before.view.files)
    try:
        for change in changes:
            for name, entry in change["parameters"].items():
                _set(parameters, name, _parameter_of(entry["after"]) if entry["after"] is not None else None)
            for path, entry in change["files"].items():
                _set(files, path, _typed(str, entry["after"]) if entry["after"] is not None else None)
        return _snapshot(data, parameters, files)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unusable("the source sent changes that this worker does not understand") from error


def _set(entries: dict[str, _E], name: str, entry: _E | None) -> None:
    if entry is None:
        entries.pop(name, None)
    else:
        entries[name] = entry


def _parameter_of(entry: Any) -> Parameter:
    category = entry.get("category")
    if entry["type"] not in _TYPES or category not in CATEGORIES:
        raise ValueError("an unknown type or category")
    if not _is_flat(entry["value"]):
        raise ValueError("a value that is nested too deep")
    return Parameter(entry["value"], entry["type"], category, _typed(bool, entry["hot_reloadable"]))


def _snapshot_of(data: Any) -> Snapshot:
    parameters = {name: _parameter_of(entry) for name, entry in data["parameters"].items()}
    files = {_typed(str, path): _typed(str, digest) for path, digest in data["files"].items()}
    return _snapshot(data, parameters, files)


def _snapshot(data: Any, parameters: dict[str, Parameter], files: dict[str, str]) -> Snapshot:
    provenance = Provenance(
        _typed(str, data["release_tag"]),
        _typed(str, data["release_commit"]),
        _typed(str, data["tree_id"]),
        _number(data["profile_revision"]),
        _number(data["config_version"]),
    )
    activated_at = data["activated_at"]
    if not isinstance(activated_at, datetime):
        activated_at = datetime.fromisoformat(activated_at)
    if activated_at.tzinfo is None:
        raise ValueError("an instant of no time zone")
    activated_at = activated_at.astimezone(UTC)
    view = View(provenance, activated_at, MappingProxyType(parameters), MappingProxyType(files))
    return Snapshot(UUID(str(data["app_id"])), UUID(str(data["environment_id"])), view)


def _typed(kind: type[_T], value: Any) -> _T:
    # A truth is a number for Python, and none for JSON.
    if type(value) is not kind:
        raise TypeError(f"{kind.__name__} is expected")
    return value


def _number(value: Any) -> int:
    """Read a version, or a revision."""
    number = _typed(int, value)
    if not 0 <= number <= GREATEST_VERSION:
        raise ValueError("there is no such version")
    return number


def instant(at: datetime) -> str:
    """Write an instant as the wire protocol does."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def data_of(snapshot: Snapshot) -> dict[str, Any]:
    """Write a snapshot as the wire protocol does."""
    view = snapshot.view
    return {
        "app_id": str(snapshot.app_id),
        "environment_id": str(snapshot.environment_id),
        **vars(view.provenance),
        "activated_at": instant(view.activated_at),
        "parameters": {
            name: {
                "value": parameter.value,
                "type": parameter.kind,
                "category": parameter.category,
                "hot_reloadable": parameter.hot_reloadable,
            }
            for name, parameter in view.parameters.items()
        },
        "files": dict(view.files),
    }
