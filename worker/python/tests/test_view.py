"""What is believed of a source, and what a program reads of it."""

import copy
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from support import declared
from test_conformance import view_of

from conman_worker import WrongShapeError
from conman_worker._errors import Unusable
from conman_worker._view import loads, snapshot_after, snapshot_of


def whole(**more: Any) -> dict[str, Any]:
    """Give a snapshot as it travels."""
    return {
        "app_id": "00000000-0000-0000-0000-000000000001",
        "environment_id": "00000000-0000-0000-0000-000000000002",
        "release_tag": "r2026.03.21.1",
        "release_commit": "a" * 40,
        "tree_id": "b" * 40,
        "profile_revision": 1,
        "config_version": 1,
        "activated_at": "2026-03-21T10:15:30.123Z",
        "parameters": {"n": declared(1)},
        "files": {"a": "c" * 64},
        **more,
    }


def nested(depth: int) -> Any:
    """Nest lists and objects in turn."""
    value: Any = 1
    for level in range(depth):
        value = [value] if level % 2 else {"x": value}
    return value


@pytest.mark.parametrize(
    "text",
    ["NaN", "Infinity", "-Infinity", "1e400", "[-1e400]", "9" * 5_000, "[" * 100_000, "", "{", "'x'", b"\xff"],
    ids=lambda text: str(text)[:10],
)
def test_what_is_not_json_is_not_read(text: str | bytes) -> None:
    """Read what other readers of JSON may read."""
    with pytest.raises(Unusable):
        loads(text)


@pytest.mark.parametrize(
    "odd",
    [
        {"config_version": True},
        {"config_version": "1"},
        {"config_version": 1.0},
        {"config_version": -1},
        {"config_version": 2**32},
        {"profile_revision": None},
        {"release_tag": 7},
        {"activated_at": "2026-03-21T10:15:30.123"},
        {"activated_at": "yesterday"},
        {"activated_at": None},
        {"app_id": "x"},
        {"parameters": []},
        {"parameters": {"n": {**declared(1), "type": "unheard of"}}},
        {"parameters": {"n": {**declared(1), "category": ["threshold"]}}},
        {"parameters": {"n": {**declared(1), "hot_reloadable": 1}}},
        {"parameters": {"n": {"type": "int"}}},
        {"parameters": {"n": None}},
        {"parameters": {"n": declared(nested(129))}},
        {"files": {"a": None}},
        {"files": ["a"]},
    ],
    ids=lambda odd: str(odd)[:50],
)
def test_a_snapshot_that_is_none_is_not_believed(odd: dict[str, Any]) -> None:
    """Spoil one field at a time."""
    assert snapshot_of(whole()).view.version == 1
    with pytest.raises(Unusable):
        snapshot_of(whole(**odd))


def test_a_value_may_be_nested_deep() -> None:
    """Read, compare and copy what is nested as deep as a source may nest it."""
    one, other = (snapshot_of(whole(parameters={"n": declared(nested(127))})).view for _ in range(2))
    assert not one.parameters["n"].differs(other.parameters["n"])
    assert one.value("n") == nested(127)
    assert one.value("n") is not one.parameters["n"].value
    assert copy.deepcopy(one.value("n")) == json.loads(json.dumps(nested(127)))


@pytest.mark.parametrize(
    "change",
    [{}, {"parameters": {}}, {"parameters": {"n": {}}, "files": {}}, {"parameters": {}, "files": {"a": 1}}, []],
)
def test_a_change_that_is_none_is_not_believed(change: Any) -> None:
    """Spoil what leads from one version to the next."""
    before = snapshot_of(whole())
    with pytest.raises(Unusable):
        snapshot_after(before, [change], whole())


def test_instants_are_in_utc() -> None:
    """Take an instant from a database of another time zone."""
    at = datetime(2026, 3, 21, 12, tzinfo=timezone(timedelta(hours=2)))
    view = snapshot_of(whole(activated_at=at)).view
    assert (view.activated_at, view.activated_at.tzinfo) == (at, UTC)


def test_a_number_that_is_too_large_is_no_float() -> None:
    """Ask for a number as what it cannot be."""
    view = view_of(1, {"n": declared(10**400), "t": declared(True), "h": declared(1.5), "w": declared(2.0)})
    for name in ("n", "t"):
        with pytest.raises(WrongShapeError):
            view.get_float(name)
    for name in ("h", "t"):
        with pytest.raises(WrongShapeError):
            view.get_int(name)
    assert (view.get_int("n"), view.get_int("w"), view.get_float("w")) == (10**400, 2, 2.0)
