"""Following straight from PostgreSQL while a lot happens at once."""

import asyncio
import sys
import threading
from collections.abc import Sequence

import psycopg
import pytest
from faulty import snapshot_in
from support import PATIENCE, Proxy, World, declared, eventually, options, reaches

from conman_worker import AsyncFollower, Follower, View
from conman_worker._view import snapshot_of


def has_exactly(follower: Follower | AsyncFollower, world: World) -> None:
    """Check a worker against what the database has."""
    view, snapshot = follower.view(), snapshot_of(snapshot_in(world)).view
    assert view.provenance == snapshot.provenance
    assert (view.parameters, view.files) == (snapshot.parameters, snapshot.files)
    assert abs((view.activated_at - snapshot.activated_at).total_seconds()) < 0.001


def test_nothing_falls_between_listening_and_reading(world: World) -> None:
    """Start workers while versions come in as fast as they can."""
    world.tick(1)
    done, written = threading.Event(), [1]

    def write() -> None:
        while not done.is_set():
            world.tick(written[0] + 1)
            written[0] += 1

    async def program() -> None:
        writer = asyncio.create_task(asyncio.to_thread(write))
        followers = []
        try:
            for number in range(20):
                # None without a new version since the last.
                before = written[0]
                while written[0] == before:
                    await asyncio.sleep(0.001)
                # No heartbeat helps.
                patient = options(f"w{number}", heartbeat=3_600)
                followers.append(await AsyncFollower.connect(world.source(), patient))
        finally:
            done.set()
            await writer
        assert written[0] > 20
        for follower in followers:
            await asyncio.to_thread(reaches, follower, written[0])
        await asyncio.gather(*(follower.shutdown() for follower in followers))

    asyncio.run(program())


def test_every_change_arrives_whole_for_every_selection(world: World) -> None:
    """Let parameters and files come, change and go, and keep all files, some and none."""
    steps: Sequence[tuple[int, dict[str, object], dict[str, bytes]]] = [
        (1, {"a": 0.1 + 0.2, "b": "x"}, {"q/1": b"one", "m": b"two"}),
        (2, {"a": 0.1 + 0.2, "c": [1]}, {"q/1": b"two", "q/2": b"one"}),
        (7, {"c": [1]}, {"q/2": b"one", "m": b"three"}),
        (8, {}, {}),
        (9, {"b": 1e16}, {"q/1": b"three"}),
    ]

    def activate(step: tuple[int, dict[str, object], dict[str, bytes]]) -> None:
        version, values, files = step
        world.activate(version, {name: declared(value) for name, value in values.items()}, files)

    activate(steps[0])
    with (
        Follower.connect(world.source(), options("all", files="all")) as everything,
        Follower.connect(world.source(), options("some", files=["q"])) as some,
        Follower.connect(world.source(), options("none")) as none,
    ):
        first = everything.view()
        for step in steps:
            if step is not steps[0]:
                activate(step)
            for follower, prefix in ((everything, ""), (some, "q/"), (none, "-")):
                applied = follower.changed(PATIENCE)
                assert applied is not None
                assert applied.provenance.config_version == step[0]
                has_exactly(follower, world)
                for path, content in step[2].items():
                    assert follower.view().file(path) == (content if path.startswith(prefix) else None)
        # A view that is held stays as it was.
        assert (first.version, first.file("q/1"), first.get_float("a")) == (1, b"one", 0.1 + 0.2)


def test_a_long_absence_is_caught_up_at_once(world: World, proxy: Proxy) -> None:
    """Miss some versions, and then more than are read by their changes: it is one step each time."""

    def activate(number: int) -> None:
        parameters = {"n": declared(number), f"only_in_{number}": declared(1)}
        world.activate(number, parameters, {"kept": b"one"})

    activate(1)
    with Follower.connect(world.source(proxy.url), options(files="all")) as follower:
        assert follower.changed(PATIENCE) is not None
        for first, last in ((2, 20), (21, 90)):
            proxy.cut()
            for number in range(first, last + 1):
                activate(number)
            proxy.open()
            applied = follower.changed(PATIENCE)
            assert applied is not None
            assert applied.provenance.config_version == last
            has_exactly(follower, world)
            assert follower.view().file("kept") == b"one"


def test_a_storm_of_notifications_does_no_harm(world: World) -> None:
    """Send what is forged, malformed, huge and foreign, while versions come in for two environments."""
    other = world.elsewhere()
    world.tick(1)
    other.tick(1)
    ours = f'"app_id":"{world.app}","environment_id":"{world.environment}"'
    payloads = [
        "not json",
        "",
        f'{{{ours},"version":4294967295}}',
        f'{{{ours},"version":-1}}',
        f'{{{ours},"version":1e400}}',
        f'{{{ours},"version":{"9" * 5_000}}}',
        f'{{{ours},"version":"7"}}',
        f"{{{ours}}}",
        f'{{"app_id":"{world.environment}","environment_id":"{world.app}","version":9}}',
        '{"app_id":null,"environment_id":[],"version":{}}',
        "[" * 7_000,
        "[1, 2]",
        '"\\ud800"',
        "\x01\x7f" * 3_000,
    ]

    def storm() -> None:
        with psycopg.connect(world.url, autocommit=True) as connection:
            for number in range(500):
                payload = payloads[number % len(payloads)]
                connection.execute("SELECT pg_notify('config_changed', %s)", (payload,))

    with (
        Follower.connect(world.source(), options("w")) as follower,
        Follower.connect(other.source(), options("n")) as neighbour,
    ):
        threads = [threading.Thread(target=storm) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(2, 101):
            world.tick(number)
            if number % 10 == 0:
                other.tick(number)
        for thread in threads:
            thread.join()
        for one, where in ((follower, world), (neighbour, other)):
            reaches(one, 100)
            has_exactly(one, where)
            assert (one.status().reconnects, one.status().problem) == (0, None)
        # What is hinted at and never comes is not asked for without end.
        world.tick(101)
        reaches(follower, 101)


def test_a_reader_never_sees_two_versions_in_one_view(world: World) -> None:
    """Read on some threads, without any section, while versions come in."""

    def activate(number: int) -> None:
        world.activate(number, {f"p{at}": declared(number) for at in range(20)})

    activate(1)
    # Readers that never wait would leave the others hardly any turns.
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    wrong: list[View] = []
    counts: list[int] = []
    with Follower.connect(world.source(), options()) as follower:

        def read() -> None:
            seen = [0]
            while seen[-1] != 60 and not wrong:
                view = follower.view()
                values = {parameter.value for parameter in view.parameters.values()}
                if len(view.parameters) != 20 or values != {view.version} or view.version < seen[-1]:
                    wrong.append(view)
                if view.version != seen[-1]:
                    seen.append(view.version)
            counts.append(len(seen))

        threads = [threading.Thread(target=read, daemon=True) for _ in range(2)]
        for thread in threads:
            thread.start()
        for number in range(2, 61):
            activate(number)
        for thread in threads:
            thread.join(PATIENCE)
    sys.setswitchinterval(before)
    assert not wrong
    assert len(counts) == 2
    assert min(counts) > 3


def test_a_database_that_was_put_back_does_not_take_the_worker_along(world: World) -> None:
    """Leave the database as a restored backup would, and go on from there."""
    world.tick(5)
    with Follower.connect(world.source(), options()) as follower:
        with psycopg.connect(world.url, autocommit=True) as connection:
            for table in ("active_config", "config_history"):
                connection.execute(f"ALTER TABLE conman.{table} DISABLE TRIGGER USER")
                connection.execute(f"UPDATE conman.{table} SET version = 3")
            connection.execute("NOTIFY config_changed")
        (session,) = eventually(world.sessions, lambda found: bool(found) and "older" in (found[0]["problem"] or ""))
        assert (session["version"], follower.view().version, follower.status().connected) == (5, 5, True)
        # Forwards it goes on, over any gap.
        world.tick(9)
        reaches(follower, 9)
        assert follower.status().problem is None
        has_exactly(follower, world)


def test_a_database_that_was_emptied_does_not_take_the_worker_along(world: World) -> None:
    """Leave nothing active."""
    world.tick(5)
    with Follower.connect(world.source(), options()) as follower:
        with psycopg.connect(world.url, autocommit=True) as connection:
            connection.execute("ALTER TABLE conman.active_config DISABLE TRIGGER USER")
            connection.execute("DELETE FROM conman.active_config_entries")
            connection.execute("DELETE FROM conman.active_config")
            connection.execute("NOTIFY config_changed")
        eventually(world.sessions, lambda found: bool(found) and "version 0, older" in (found[0]["problem"] or ""))
        assert follower.view().get_int("n") == 5


def test_workers_report_what_they_run(world: World) -> None:
    """See two sessions, their heartbeats and their ends, and a third of a worker that starts again."""
    world.tick(1)
    first = Follower.connect(world.source(), options("a"))
    with Follower.connect(world.source(), options("b")) as second:
        world.tick(5)
        reaches(first, 5)
        reaches(second, 5)
        sessions = eventually(world.sessions, lambda found: [each["version"] for each in found] == [5, 5])
        for session in sessions:
            assert session["started_at"] <= session["applied_at"] <= session["heartbeat_at"]
            assert session["last_notify_at"] is not None
            assert not session["stopped"]
        before = sessions[0]["heartbeat_at"]
        eventually(world.sessions, lambda found: found[0]["heartbeat_at"] > before)
        first.shutdown()
        assert first.view().version == 5
        assert world.sessions()[0]["stopped"]
        with Follower.connect(world.source(), options("a")) as again:
            assert again.view().version == 5
            sessions = eventually(world.sessions, lambda found: [each["version"] for each in found] == [5] * 3)
            assert len({session["session_id"] for session in sessions}) == 3
            has_exactly(again, world)
            has_exactly(second, world)


@pytest.mark.parametrize("tail", ["?application_name=a%20b%2Bc", "?application_name=a%20b+c&"])
def test_options_in_the_url_get_to_the_database(world: World, tail: str) -> None:
    """Name the connection with a space and a plus."""
    world.tick(1)
    name = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'a b+c' AND datname = current_database()"
    with Follower.connect(world.source(world.url + tail), options()), psycopg.connect(world.url) as connection:
        assert connection.execute(name).fetchone() == (1,)
