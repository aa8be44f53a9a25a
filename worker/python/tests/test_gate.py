"""The gate against a plain model, over random sequences of what can happen to a worker."""

import random
import threading
from typing import Any

import pytest
from support import declared
from test_conformance import values_of, view_of

from conman_worker import Boundary, SectionKind
from conman_worker._gate import Gate, Section

CATEGORIES = ["threshold", "filter_flag", "cooldown", "risk_limit", "risk_limit", None]


class Model:
    """What a worker has, one parameter at a time."""

    def __init__(self) -> None:
        self.applied: dict[str, Any] = {}
        self.declared: dict[str, dict[str, Any]] = {}
        self.target: dict[str, dict[str, Any]] = {}
        self.needs_beat: dict[str, bool] = {}

    def differing(self) -> dict[str, Boundary]:
        """Name what is not as in the target, with its boundary."""
        found = {}
        for name in sorted(self.target.keys() | self.applied.keys()):
            if value_in(self.target, name) != self.applied.get(name):
                entry = self.target.get(name) or self.declared[name]
                found[name] = Boundary.of(entry["category"], entry["hot_reloadable"])
        return found

    def settle(self, open_sections: list[SectionKind]) -> None:
        """Apply what may be applied."""
        position = SectionKind.POSITION in open_sections
        differing = self.differing()
        risky = [name for name, boundary in differing.items() if boundary is Boundary.POSITION_CLOSE]
        self.needs_beat = {name: beat for name, beat in self.needs_beat.items() if name in risky}
        if position:
            for name in risky:
                self.needs_beat.setdefault(name, True)
        if any(kind is not SectionKind.POSITION for kind in open_sections):
            return
        for name, boundary in differing.items():
            waits = position or self.needs_beat.get(name, False) if name in risky else boundary is Boundary.RESTART
            if not waits:
                self.needs_beat.pop(name, None)
                self.applied.pop(name, None)
                if name in self.target:
                    self.applied[name] = self.target[name]["value"]
        for name in self.declared.keys() | self.target.keys():
            if self.applied.get(name) == value_in(self.target, name):
                self.declared.pop(name, None)
                if name in self.target:
                    self.declared[name] = self.target[name]


def value_in(parameters: dict[str, dict[str, Any]], name: str) -> Any:
    """Give a value; None if there is none."""
    return parameters[name]["value"] if name in parameters else None


@pytest.mark.parametrize("block", range(3))
def test_does_what_the_table_says(block: int) -> None:
    """Play random sequences on both."""
    for seed in range(block * 100, block * 100 + 100):
        play(seed)


def play(seed: int) -> None:
    """Play a random sequence on both."""
    chance = random.Random(seed)
    gate, model = Gate(), Model()
    sections: list[tuple[Section, dict[str, Any]]] = []
    gate.offer(view_of(0, {}))
    for step in range(1, 60):
        match chance.choice(["snapshot", "snapshot", "enter", "leave", "leave", "heartbeat"]):
            case "snapshot":
                target = {
                    f"p{name}": declared(chance.randrange(3), chance.choice(CATEGORIES), chance.random() < 0.8)
                    for name in range(5)
                    if chance.random() < 0.6
                }
                # Another value, or another fate, begins to wait anew.
                for name in list(model.needs_beat):
                    if value_in(model.target, name) != value_in(target, name):
                        del model.needs_beat[name]
                model.target = target
                gate.offer(view_of(step, target))
            case "enter":
                section = gate.enter(chance.choice(list(SectionKind)))
                sections.append((section, values_of(section.view)))
            case "leave" if sections:
                sections.pop(chance.randrange(len(sections)))[0].close()
            case "heartbeat":
                model.needs_beat = dict.fromkeys(model.needs_beat, False)
                gate.heartbeat()
        model.settle([section.kind for section, _ in sections])
        overview, view = gate.overview(), gate.view
        assert view is not None
        assert values_of(view) == model.applied, f"seed {seed}, step {step}"
        reported = {pending.name: pending.boundary for pending in overview.pending}
        reported |= dict.fromkeys(overview.restart_required, Boundary.RESTART)
        assert reported == model.differing(), f"seed {seed}, step {step}"
        assert overview.forbidden_applications == 0
        for section, read in sections:
            assert values_of(section.view) == read


def test_no_section_sees_a_change_while_versions_stream_in() -> None:
    """Work in sections on some threads while versions arrive on another."""
    gate = Gate()
    wrong: list[str] = []
    gate.offer(view_of(0, {"t": declared(0, "threshold"), "r": declared(0, "risk_limit")}))

    def work(kind: SectionKind) -> None:
        for _ in range(500):
            with gate.enter(kind) as view:
                live = gate.view
                if live is not view:
                    wrong.append(f"swapped within {kind}")

    short = [SectionKind.DECISION_CYCLE, SectionKind.INFERENCE, SectionKind.CRITICAL]
    threads = [threading.Thread(target=work, args=(kind,)) for kind in short]
    for thread in threads:
        thread.start()
    for version in range(1, 501):
        gate.offer(view_of(version, {"t": declared(version, "threshold"), "r": declared(version, "risk_limit")}))
        gate.heartbeat()
    for thread in threads:
        thread.join()
    assert not wrong
    assert gate.overview().forbidden_applications == 0
    assert gate.view is not None
    assert gate.view.value("r") == 500
