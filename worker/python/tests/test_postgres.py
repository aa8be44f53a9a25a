"""Following an environment straight from PostgreSQL."""

import asyncio
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from support import PATIENCE, Proxy, World, declared, eventually, options, reaches

from conman_worker import (
    AsyncFollower,
    Boundary,
    Follower,
    Pending,
    PostgresSource,
    RefusedError,
    SetupError,
    UnknownParameterError,
    UnreachableError,
    UnusableError,
    View,
    WrongShapeError,
)
from conman_worker._postgres import _WHOLE, Postgres
from conman_worker._transport import Unchanged


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


def test_every_change_arrives_whole(world: World) -> None:
    """Follow parameters and files over some versions."""
    world.activate(1, {"a": declared(0.1 + 0.2), "b": declared("15m", kind="duration")}, {"q/1": b"one", "m": b"two"})
    with Follower.connect(world.source(), options(files=["q"])) as follower:
        first = follower.view()
        assert first.get_float("a") == 0.1 + 0.2
        assert first.get_duration("b").total_seconds() == 900
        assert (first.file("q/1"), first.file("m"), first.file("x")) == (b"one", None, None)
        assert first.files.keys() == {"q/1", "m"}
        with pytest.raises(UnknownParameterError):
            first.get_int("x")
        with pytest.raises(WrongShapeError, match="`b` is duration, which does not fit int"):
            first.get_int("b")
        world.activate(5, {"a": declared({"deep": [1, None]}), "c": declared(True)}, {"q/1": b"\0three"})
        applied = follower.changed(PATIENCE)
        assert applied is not None
        assert applied.provenance.config_version == 1
        applied = follower.changed(PATIENCE)
        assert applied is not None
        assert (applied.provenance.config_version, applied.changed) == (5, ("a", "b", "c"))
        view = follower.view()
        assert (view.value("a"), view.get_bool("c")) == ({"deep": [1, None]}, True)
        assert view.file("q/1") == b"\0three"
        assert first.version == 1
        assert first.get_float("a") == 0.1 + 0.2
        (session,) = eventually(world.sessions, lambda found: bool(found) and found[0]["version"] == 5)
        assert session["library"].startswith("conman-worker-python/")
        assert (session["problem"], session["pending"], session["stale"]) == (None, [], False)
        assert session["last_notify_at"] is not None
        before = session["heartbeat_at"]
        eventually(world.sessions, lambda found: found[0]["heartbeat_at"] > before)
    (session,) = world.sessions()
    assert session["stopped"]
    assert follower.view().version == 5
    while follower.changed(PATIENCE) is not None:
        pass


def test_what_is_newer_makes_the_same_of_what_was_read(world: World) -> None:
    """Read by changes, and compare with the whole; read the whole only where changes do not lead there."""
    asked: list[str] = []

    class Recorded(Postgres):
        async def _rows(self, query: Any, values: Sequence[Any]) -> list[tuple[Any, ...]]:
            asked.append(query)
            return await super()._rows(query, values)

    async def program() -> None:
        following, fresh = Recorded(world.source(), options()), Postgres(world.source(), options())
        await following.connect(None)
        await fresh.connect(None)
        numbers = random.Random(7)
        version, received, names = 0, None, [f"p{number}" for number in range(8)]
        # Some versions at once, in the last turn more than are read by their changes.
        for steps in (1, 1, 3, 1, 9, 1, 40):
            for _ in range(steps):
                # Versions may be left out.
                version += numbers.choice((1, 1, 5))
                chosen = {name for name in names if numbers.random() < 0.7}
                world.activate(
                    version,
                    {name: declared(numbers.randrange(3), numbers.choice((None, "threshold"))) for name in chosen},
                    {path: bytes([numbers.randrange(3)]) for path in "xyz" if numbers.random() < 0.7},
                )
            asked.clear()
            newest = await following.fetch(received)
            assert newest == await fresh.fetch(None)
            assert (_WHOLE in asked) == (received is None or steps == 40), (steps, asked)
            assert isinstance(await following.fetch(version), Unchanged)
            received = version
        # Whoever received something else than was read here gets all of it.
        version += 1
        world.activate(version, {})
        asked.clear()
        assert await following.fetch(version - 2) == await fresh.fetch(None)
        assert _WHOLE in asked
        await following.close()
        await fresh.close()

    asyncio.run(program())


def test_a_worker_waits_for_the_first_activation(world: World) -> None:
    """Show in the reports while there is nothing to follow."""

    async def program() -> int:
        connecting = asyncio.create_task(AsyncFollower.connect(world.source(), options()))
        (session,) = await asyncio.to_thread(lambda: eventually(world.sessions))
        assert "nothing was activated" in session["problem"]
        await asyncio.to_thread(world.activate, 1, three(1))
        async with await connecting as follower:
            return follower.view().version

    assert asyncio.run(program()) == 1


def test_nothing_is_applied_in_a_forbidden_section(world: World) -> None:
    """Stream versions in while a cycle and a position are open."""
    world.activate(1, three(1))
    with Follower.connect(world.source(), options()) as follower:
        position = follower.open_position()
        with follower.decision_cycle() as cycle:
            for number in range(2, 31):
                world.activate(number, three(number))
                assert follower.view().version == 1
            status = eventually(follower.status, lambda status: bool(status.pending))
            assert status.pending == (
                Pending("exposure", Boundary.POSITION_CLOSE),
                Pending("fee", Boundary.DECISION_CYCLE_END),
            )
            eventually(world.sessions, lambda found: bool(found) and len(found[0]["pending"]) == 2)
            assert read(cycle) == [1, 1, 1]
        reaches(follower, 30)
        assert read(follower.view()) == [30, 1, 1]
        assert (follower.view().version_of("exposure"), follower.view().is_whole) == (1, False)
        eventually(world.sessions, lambda found: found[0]["restart_required"] == ["model"])
        assert read(position.view) == [1, 1, 1]
        position.close()
        position.close()
        eventually(lambda: read(follower.view()), lambda found: found == [30, 30, 1])
        (session,) = eventually(world.sessions, lambda found: found[0]["pending"] == [])
        assert session["forbidden_applications"] == 0
        assert follower.status().forbidden_applications == 0
    with Follower.connect(world.source(), options()) as again:
        assert read(again.view()) == [30, 30, 30]


def refusal_of(version: int) -> Callable[[list[dict[str, Any]]], bool]:
    """Tell whether the first session refused the version."""
    return lambda sessions: bool(sessions) and sessions[0]["refused_version"] == version


def test_the_program_may_refuse(world: World) -> None:
    """Keep the last good configuration, and report the reason."""

    def check(view: View) -> str | None:
        if view.get_int("fee") == 3:
            raise ValueError("with a value")
        if view.get_int("fee") == 5:
            return False  # type: ignore[return-value]
        return "the fee is prime" if view.get_int("fee") == 2 else None

    world.activate(1, three(1))
    with Follower.connect(world.source(), options(check=check)) as follower:
        for number, reason in (
            (2, "the fee is prime"),
            (3, "the program's check raised ValueError"),
            (5, "the program's check returned bool, where a reason or None is expected"),
        ):
            world.activate(number, three(number))
            (session,) = eventually(world.sessions, refusal_of(number))
            assert (session["refused_reason"], session["version"]) == (reason, 1)
        assert read(follower.view()) == [1, 1, 1]
        world.activate(6, three(6))
        reaches(follower, 6)
        (session,) = eventually(world.sessions, lambda found: found[0]["refused_version"] is None)
        assert follower.status().refused is None


def test_a_terminated_connection_is_replaced_and_caught_up(world: World) -> None:
    """End the worker's backend, some versions before and after."""
    world.activate(1, three(1))
    with Follower.connect(world.source(), options(heartbeat=3600)) as follower:
        for number in range(2, 12, 2):
            world.terminate_workers()
            world.activate(number, three(number))
            world.activate(number + 1, three(number + 1))
            reaches(follower, number + 1)
        assert follower.status().reconnects > 0
        assert follower.status().connected


def test_a_silent_connection_is_noticed_by_the_heartbeat(world: World, proxy: Proxy) -> None:
    """Swallow everything: no reset, no end, no notification."""
    world.activate(1, three(1))
    with Follower.connect(world.source(proxy.url), options(answer_within=2)) as follower:
        proxy.swallow()
        world.activate(2, three(2))
        reaches(follower, 2)
        assert follower.status().reconnects >= 1
        world.activate(3, three(3))
        reaches(follower, 3)


def test_a_worker_starts_without_its_database(world: World, proxy: Proxy, tmp_path: Path) -> None:
    """Start from the disk cache, marked stale, and catch up."""
    world.activate(1, three(1), {"a": b"one"})
    cached = options(cache=tmp_path / "w.cache", files="all", connect_within=0.3)
    proxy.cut()
    with pytest.raises(UnreachableError):
        Follower.connect(world.source(proxy.url), cached)
    proxy.open()
    with Follower.connect(world.source(proxy.url), options(cache=tmp_path / "w.cache", files="all")) as follower:
        assert not follower.view().is_stale
    proxy.cut()
    world.activate(2, three(2), {"a": b"one"})
    with Follower.connect(world.source(proxy.url), cached) as follower:
        assert (follower.view().is_stale, follower.view().version) == (True, 1)
        assert follower.view().file("a") == b"one"
        assert follower.status().stale
        proxy.open()
        eventually(lambda: follower.view().is_stale, lambda stale: not stale)
        # It was running already: what needs a restart still does.
        assert read(follower.view()) == [2, 2, 1]
    path = tmp_path / "w.cache"
    path.write_bytes(path.read_bytes()[:-1])
    proxy.cut()
    with pytest.raises(UnreachableError, match="torn"):
        Follower.connect(world.source(proxy.url), cached)


def test_what_cannot_be_applied_is_said_in_time(world: World, tmp_path: Path) -> None:
    """Give up a source whose answers are of no use, unless there is a good configuration on disk."""
    cached = options(cache=tmp_path / "w.cache", files="all", connect_within=0.3)
    world.activate(1, three(1), {"a": b"one"})
    with Follower.connect(world.source(), options(cache=tmp_path / "w.cache", files="all")) as follower:
        assert not follower.view().is_stale
    world.activate(2, three(2), {"a": b"two"})
    world.spoil(b"two")
    with pytest.raises(UnusableError, match="does not fit its hash"):
        Follower.connect(world.source(), options(files="all", connect_within=0.3))
    with Follower.connect(world.source(), cached) as follower:
        assert (follower.view().is_stale, follower.view().version) == (True, 1)
        assert follower.status().connected
        (session,) = eventually(
            lambda: [found for found in world.sessions() if found["stale"]], lambda found: len(found) == 1
        )
        assert "hash" in session["problem"]
        world.activate(3, three(3), {"a": b"one"})
        reaches(follower, 3)


def test_what_cannot_be_reached_is_said(world: World) -> None:
    """Tell wrong addresses, refusals and silence apart, without passwords."""
    quick = options(connect_within=0.3)
    closed = PostgresSource("postgres://user:pa55word@127.0.0.1:1/x", world.app, world.environment)
    with pytest.raises(UnreachableError) as unreachable:
        Follower.connect(closed, quick)
    assert "pa55word" not in str(unreachable.value)
    assert "pa55word" not in repr(closed)
    with pytest.raises(RefusedError):
        Follower.connect(world.source(f"{world.url}_missing"), quick)
    for url in (
        "mysql://x/y", "postgres://", "postgres://x:notaport/", "postgres://x:99999/", "postgres://x:0/",
        "postgres://u:pa55word@x/y?nooption=1", "postgres://u:pa55word@x/y?sslmode",
        "postgres://u:pa55word@x/y?sslmode=verify-ca", "postgres://x/y?sslmode=allow", "postgres://x/y?sslmode=",
    ):  # fmt: skip
        with pytest.raises(SetupError) as unusable:
            Follower.connect(world.source(url), quick)
        assert "pa55word" not in f"{unusable.value!r}"
    with pytest.raises(SetupError):
        Follower.connect(world.source(), options(" "))


@pytest.mark.parametrize("asked", ["sslmode=require", "sslmode=verify-full", "sslrootcert=/dev/null"])
def test_who_asks_for_encryption_gets_no_plain_connection(world: World, asked: str) -> None:
    """Ask a database without encryption for it."""
    world.tick(1)
    with pytest.raises((UnreachableError, RefusedError)):
        Follower.connect(world.source(f"{world.url}?{asked}"), options(connect_within=0.3))


def test_a_plain_connection_to_elsewhere_is_warned_of(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Warn where passwords and values travel readable, and not of the own machine."""
    Postgres(world.source(), options())
    assert not caplog.records
    Postgres(world.source("postgres://u:pa55word@db.example/x"), options())
    assert "not encrypted" in caplog.text
    assert "pa55word" not in caplog.text
