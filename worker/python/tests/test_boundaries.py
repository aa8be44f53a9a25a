"""Safe boundaries, and starts from the disk, of workers that follow a real database."""

from pathlib import Path
from typing import Any

import pytest
from faulty import Faulty
from support import PATIENCE, Proxy, World, declared, eventually, options, quick, reaches

from conman_worker import Follower, Options, UnreachableError, View


def three(number: int) -> dict[str, dict[str, Any]]:
    """Declare a threshold, a risk limit and what needs a restart."""
    return {
        "fee": declared(number, "threshold", kind="int"),
        "exposure": declared(number, "risk_limit", kind="int"),
        "model": declared(number, hot=False, kind="int"),
    }


def read(view: View) -> list[int]:
    """Read these three."""
    return [view.get_int(name) for name in ("fee", "exposure", "model")]


def thirteen(view: View) -> str | None:
    """Refuse thirteen."""
    return "thirteen" if view.value("n") == 13 else None


def test_a_heartbeat_passes_without_a_connection_too(world: World, proxy: Proxy) -> None:
    """Close a position while the source is away."""
    world.activate(1, three(1))
    with Follower.connect(world.source(proxy.url), options()) as follower:
        position = follower.open_position()
        world.activate(2, three(2))
        reaches(follower, 2)
        assert [pending.name for pending in follower.status().pending] == ["exposure"]
        proxy.cut()
        eventually(follower.status, lambda status: not status.connected)
        position.close()
        eventually(follower.status, lambda status: not status.pending)
        assert read(follower.view()) == [2, 2, 1]
        assert follower.status().forbidden_applications == 0


def test_what_waits_is_refused_with_its_version(world: World) -> None:
    """Refuse a version while an older one waits for its boundary: what waited is applied, the refused is not."""
    world.activate(1, three(1))

    def check(view: View) -> str | None:
        return "the fee is prime" if view.get_int("fee") == 3 else None

    with Follower.connect(world.source(), options(check=check)) as follower:
        cycle = follower.decision_cycle()
        world.activate(2, three(2))
        eventually(follower.status, lambda status: bool(status.pending))
        world.activate(3, three(3))
        eventually(follower.status, lambda status: status.refused is not None)
        cycle.close()
        assert read(follower.view()) == [2, 2, 1]
        eventually(
            world.sessions,
            lambda found: [(each["version"], each["refused_reason"]) for each in found] == [(2, "the fee is prime")],
        )
        world.activate(4, three(4))
        reaches(follower, 4)
        assert follower.status().refused is None


def test_a_worker_starts_without_its_database_and_catches_up(world: World, proxy: Proxy, tmp_path: Path) -> None:
    """Start from the disk: the same version is confirmed, a newer one is caught up with, and it is written at once."""
    path = tmp_path / "w.cache"

    def cached(within: float) -> Options:
        return options(cache=path, files="all", connect_within=within, answer_within=5)

    world.activate(1, {"n": declared(1)}, {"a": b"one"})
    with Follower.connect(world.source(proxy.url), cached(PATIENCE)) as follower:
        world.activate(2, {"n": declared(2)}, {"a": b"two"})
        reaches(follower, 2)
    assert follower.status().cache_problem is None
    proxy.cut()
    with Follower.connect(world.source(proxy.url), cached(0.3)) as follower:
        status = follower.status()
        assert (status.applied, status.stale, status.connected) == (2, True, False)
        assert (follower.view().get_int("n"), follower.view().file("a")) == (2, b"two")
        proxy.open()
        # The same version, confirmed, is not stale any more.
        eventually(lambda: follower.view().is_stale, lambda stale: not stale)
        assert follower.view().version == 2
        eventually(world.sessions, lambda found: len(found) == 2 and found[1]["stale"] is False)
    proxy.cut()
    world.activate(3, {"n": declared(3)}, {"a": b"one"})
    with Follower.connect(world.source(proxy.url), cached(0.3)) as follower:
        assert follower.view().version == 2
        proxy.open()
        eventually(lambda: follower.view().is_stale, lambda stale: not stale)
        assert (follower.view().version, follower.view().file("a")) == (3, b"one")
    proxy.cut()
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UnreachableError, match="torn"):
        Follower.connect(world.source(proxy.url), cached(0.3))


@pytest.mark.parametrize("way", ["postgres", "http"])
def test_a_program_that_refuses_what_is_active_starts_from_the_last_good_one(
    world: World, faulty: Faulty, tmp_path: Path, way: str
) -> None:
    """Refuse at the start; accept what comes next. Without a last good one, wait for it."""
    source = world.source() if way == "postgres" else faulty.source()
    careful = quick(cache=tmp_path / "w.cache", check=thirteen)
    world.tick(12)
    Follower.connect(source, careful).shutdown()
    world.tick(13)
    with Follower.connect(source, careful) as follower:
        assert (follower.view().version, follower.view().is_stale) == (12, True)
        refused = follower.status().refused
        assert refused is not None
        assert (refused.version, refused.reason) == (13, "thirteen")
        world.tick(14)
        reaches(follower, 14)
        assert not follower.view().is_stale
        assert follower.status().refused is None
