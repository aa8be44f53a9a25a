"""The one place where the program's configuration changes: what is open, what waits, what is swapped."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType

from ._boundary import Boundary, Pending, SectionKind
from ._view import Provenance, View

_SHORT = (SectionKind.DECISION_CYCLE, SectionKind.INFERENCE, SectionKind.CRITICAL)


@dataclass(frozen=True)
class Applied:
    """Says that a configuration was applied."""

    provenance: Provenance
    activated_at: datetime
    """When it became active, by the distribution database's clock."""
    at: datetime
    """When it was in this worker's memory, by the worker's clock."""
    took: float
    """Seconds from the hint to the swap, the wait for the boundary included."""
    changed: tuple[str, ...]
    """The parameters that changed. A version is told more than once if some of its values waited."""


@dataclass(frozen=True)
class Overview:
    """What the gate has to tell in a report."""

    applied: tuple[Provenance, datetime] | None = None
    pending: tuple[Pending, ...] = ()
    restart_required: tuple[str, ...] = ()
    stale: bool = False
    forbidden_applications: int = 0


class Section:
    """
    A section that is open until it is closed, and the one view that it reads.

    `with follower.decision_cycle() as view:` closes it at the end of the block; `close()` does so at any time. What
    waits for its end is applied by then. Sections may nest and be open on several threads; sections that overlap
    without any gap hold changes back for as long as they do.
    """

    def __init__(self, gate: "Gate", kind: SectionKind, view: View) -> None:
        self.kind = kind
        self.view = view
        self.is_open = True
        """Whether it was not closed yet; the gate alone writes this."""
        self._gate = gate

    def close(self) -> None:
        """End the section; a second time does nothing."""
        self._gate.leave(self)

    def __enter__(self) -> View:
        return self.view

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Gate:
    """Holds the view in use, and lets a newer one in only where no open section forbids it."""

    def __init__(
        self,
        on_applied: Callable[[Applied], None] = lambda _: None,
        on_news: Callable[[], None] = lambda: None,
    ) -> None:
        self._lock = threading.RLock()
        self._on_applied = on_applied
        self._on_news = on_news
        self._open = dict.fromkeys(SectionKind, 0)
        self._live: View | None = None
        self._target: tuple[View, float] | None = None
        # What differs from the target: one target, so at most one pending value of each.
        self._behind: dict[str, Boundary] = {}
        # Of these, those that met an open position, with the number of the heartbeat that they wait for besides.
        self._until_beat: dict[str, int] = {}
        self._beats = 0
        self._applied: tuple[Provenance, datetime] | None = None
        # Counted apart from what decides: the witness of the counter below.
        self._inside = dict.fromkeys(SectionKind, 0)
        self._forbidden = 0

    @property
    def view(self) -> View | None:
        """The view in use; None before the first one."""
        return self._live

    def offer(self, view: View, began: float | None = None) -> None:
        """Take a newer complete view that the program accepts, and apply of it what may be applied by now."""
        with self._lock:
            replaced = self._target
            self._target = (view, time.monotonic() if began is None else began)
            self._compare()
            # A value that is the same as the one that waited goes on waiting; another one begins anew.
            for name in list(self._until_beat):
                waits = self._behind.get(name) is Boundary.POSITION_CLOSE
                if not waits or replaced is None or _differs(replaced[0], view, name):
                    del self._until_beat[name]
            self._settle()
        self._on_news()

    def enter(self, kind: SectionKind) -> Section:
        """Open a section."""
        with self._lock:
            if self._live is None:
                raise RuntimeError("there is no configuration yet")
            self._open[kind] += 1
            self._note_positions()
            self._inside[kind] += 1
            return Section(self, kind, self._live)

    def leave(self, section: Section) -> None:
        """Close a section, and apply what waited for that."""
        with self._lock:
            if not section.is_open:
                return
            section.is_open = False
            self._inside[section.kind] -= 1
            self._open[section.kind] -= 1
            self._settle()

    def heartbeat(self) -> None:
        """Count a heartbeat, and apply what waited for it."""
        with self._lock:
            self._beats += 1
            self._settle()

    def overview(self) -> Overview:
        """Tell what is applied and what waits."""
        with self._lock:
            if self._live is None:
                return Overview()
            waiting = sorted(self._behind.items())
            return Overview(
                applied=self._applied,
                pending=tuple(Pending(name, b) for name, b in waiting if b is not Boundary.RESTART),
                restart_required=tuple(name for name, b in waiting if b is Boundary.RESTART),
                stale=self._live.is_stale,
                forbidden_applications=self._forbidden,
            )

    def _compare(self) -> None:
        """Find what differs from the target. The newer declaration decides; of what is gone, the older one."""
        if self._live is None or self._target is None:
            return
        live, target = self._live, self._target[0]
        self._behind = {}
        for name in live.parameters.keys() | target.parameters.keys():
            if _differs(live, target, name):
                declared = target.parameters.get(name) or live.parameters[name]
                self._behind[name] = declared.boundary

    def _note_positions(self) -> None:
        """Make risk limits that meet an open position wait for the next heartbeat too."""
        if self._open[SectionKind.POSITION]:
            for name, boundary in self._behind.items():
                if boundary is Boundary.POSITION_CLOSE:
                    self._until_beat.setdefault(name, self._beats + 1)

    def _may_apply(self, name: str, boundary: Boundary) -> bool:
        if boundary is Boundary.POSITION_CLOSE:
            return not self._open[SectionKind.POSITION] and self._until_beat.get(name, 0) <= self._beats
        return boundary is Boundary.DECISION_CYCLE_END

    def _settle(self) -> None:
        """Apply what may be applied by now: the one moment at which the program's configuration changes."""
        self._note_positions()
        if self._target is None or any(self._open[kind] for kind in _SHORT):
            return
        target, began = self._target
        if self._live is None:
            self._publish(target, began, tuple(sorted(target.parameters)))
            return
        live = self._live
        stays = {name: b for name, b in self._behind.items() if not self._may_apply(name, b)}
        changed = self._behind.keys() - stays.keys()
        same = (live.provenance, live.activated_at, live.is_stale)
        if not changed and same == (target.provenance, target.activated_at, target.is_stale):
            return
        self._witness(changed)
        for name in changed:
            self._until_beat.pop(name, None)
        self._behind = stays
        self._publish(target.with_older(live, stays) if stays else target, began, tuple(sorted(changed)))

    def _publish(self, view: View, began: float, changed: tuple[str, ...]) -> None:
        at = datetime.now(UTC)
        self._live = view
        self._applied = (view.provenance, at)
        took = time.monotonic() - began
        self._on_applied(Applied(view.provenance, view.activated_at, at, took, changed))
        self._on_news()

    def _witness(self, changed: set[str]) -> None:
        """Count what is about to be applied inside a section that forbids it, by the sections' own count."""
        anything = any(self._inside[kind] for kind in _SHORT)
        for name in changed:
            boundary = self._behind[name]
            in_position = boundary is Boundary.POSITION_CLOSE and self._inside[SectionKind.POSITION]
            if anything or in_position or boundary is Boundary.RESTART:
                self._forbidden += 1


def _differs(one: View, other: View, name: str) -> bool:
    before, after = one.parameters.get(name), other.parameters.get(name)
    return after.differs(before) if after else before is not None
