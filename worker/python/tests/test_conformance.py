"""The scenarios that every library has to pass."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from conman_worker import Section, SectionKind, View
from conman_worker._gate import Gate
from conman_worker._view import snapshot_of

SCENARIOS = Path(__file__).parents[2] / "conformance"


def scenarios() -> Iterator[Any]:
    """List the scenarios."""
    for path in sorted(SCENARIOS.glob("*.json")):
        yield pytest.param(path, id=path.stem)


def view_of(version: int, parameters: dict[str, Any]) -> View:
    """Make a view out of a scenario's snapshot."""
    data = {
        "app_id": UUID(int=1),
        "environment_id": UUID(int=2),
        "release_tag": "r2026.03.21.1",
        "release_commit": "a" * 40,
        "tree_id": "b" * 40,
        "profile_revision": version,
        "config_version": version,
        "activated_at": datetime(2026, 3, 21, tzinfo=UTC),
        "parameters": parameters,
        "files": {},
    }
    return snapshot_of(data).view


def values_of(view: View) -> dict[str, Any]:
    """Give all values."""
    return {name: parameter.value for name, parameter in view.parameters.items()}


@pytest.mark.parametrize("path", scenarios())
def test_plays_as_written(path: Path) -> None:
    """Play a scenario."""
    scenario = json.loads(path.read_text())
    gate = Gate()
    sections: dict[str, Section] = {}
    refused: list[Any] | None = None
    for number, step in enumerate(scenario["steps"], 1):
        ((verb, given),) = step.items()
        where = f"step {number}"
        match verb:
            case "snapshot":
                view = view_of(given["version"], given["parameters"])
                rule = scenario.get("refuse")
                if rule and values_of(view).get(rule["parameter"]) == rule["value"]:
                    refused = [view.version, rule["reason"]]
                else:
                    refused = None
                    gate.offer(view)
            case "enter":
                sections[given["section"]] = gate.enter(SectionKind(given["kind"]))
            case "leave":
                sections.pop(given["section"]).close()
            case "heartbeat":
                gate.heartbeat()
            case "expect":
                live, overview = gate.view, gate.overview()
                assert live is not None
                assert live.version == given["version"], where
                assert values_of(live) == given["values"], where
                older = {n: live.version_of(n) for n in given["values"] if live.version_of(n) != live.version}
                assert older == given.get("versions", {}), where
                pending = {p.name: p.boundary.value for p in overview.pending}
                assert pending == given.get("pending", {}), where
                assert list(overview.restart_required) == given.get("restart_required", []), where
                assert refused == given.get("refused"), where
                assert overview.forbidden_applications == 0, where
            case "expect_section":
                read = sections[given["section"]].view
                assert (read.version, values_of(read)) == (given["version"], given["values"]), where
            case _:
                pytest.fail(f"{where}: unknown step {verb}")


def test_there_are_scenarios() -> None:
    """See that the folder was found."""
    assert len(list(scenarios())) >= 8
