"""What programs do to their followers: end, interrupt, use from many threads, raise."""

import asyncio
import contextlib
import gc
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from faulty import Faulty
from support import PATIENCE, Proxy, World, declared, eventually, options, quick, reaches
from test_conformance import view_of

from conman_worker import AsyncFollower, Follower, Refused, SectionKind, SetupError, UnreachableError, View
from conman_worker._gate import Gate


def in_time(work: Callable[[], object]) -> None:
    """Do something on a thread that is not waited for if it hangs."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PATIENCE / 3)
    assert not thread.is_alive(), "it hangs"
    if failed:
        raise failed[0]


def refusal_of(follower: Follower, version: int) -> Refused:
    """Wait until a version is refused."""
    found = eventually(lambda: follower.status().refused, lambda found: found is not None and found.version == version)
    assert found is not None
    return found


def test_everybody_who_waits_hears_of_the_end(world: World) -> None:
    """Stop a follower from two threads while many wait for what comes next, and go on asking."""
    world.tick(1)
    follower = Follower.connect(world.source(), options())
    assert follower.changed(PATIENCE) is not None
    heard: list[object] = []

    def listen() -> None:
        heard.append(follower.changed())
        # Also while it is being closed, and behind that.
        for _ in range(20):
            heard.append(follower.changed())

    threads = [threading.Thread(target=listen, daemon=True) for _ in range(30)]
    threads += [threading.Thread(target=follower.shutdown, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + PATIENCE / 3
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    assert not [thread for thread in threads if thread.is_alive()], "they wait for ever"
    assert heard == [None] * 30 * 21
    in_time(follower.shutdown)
    assert follower.changed(0) is None


def test_what_was_told_is_not_lost_to_whoever_waits_briefly(world: World) -> None:
    """Ask with hardly any time, over and over: every application is told, in order."""
    world.tick(1)
    with Follower.connect(world.source(), options()) as follower:
        told: list[int] = []
        done = threading.Event()

        def listen() -> None:
            while not told or told[-1] != 150:
                with contextlib.suppress(TimeoutError):
                    if (applied := follower.changed(0.0002)) is not None:
                        told.append(applied.provenance.config_version)
            done.set()

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        for number in range(2, 151):
            world.tick(number)
            reaches(follower, number)
        assert done.wait(PATIENCE), told
    assert told == list(range(1, 151))


def test_what_is_there_is_told_at_once(world: World) -> None:
    """Ask without any time."""
    world.tick(1)
    with Follower.connect(world.source(), options()) as follower:
        eventually(follower.status, lambda status: status.applied == 1)
        applied = follower.changed(0)
        assert applied is not None
        with pytest.raises(TimeoutError):
            follower.changed(0)


@pytest.mark.parametrize(
    "fault", [SystemExit, KeyboardInterrupt, asyncio.CancelledError, GeneratorExit, RecursionError, Exception]
)
def test_whatever_a_check_raises_refuses(world: World, fault: type[BaseException]) -> None:
    """Raise what would end the loop that follows."""

    def check(view: View) -> None:
        if view.value("n") == 2:
            raise fault

    world.tick(1)
    with Follower.connect(world.source(), options(check=check)) as follower:
        world.tick(2)
        assert refusal_of(follower, 2).reason == f"the program's check raised {fault.__name__}"
        world.tick(3)
        reaches(follower, 3)


def test_a_check_may_not_wait_for_its_own_follower(world: World) -> None:
    """Call from the check what would wait for the check's end."""
    made: list[Follower] = []

    def check(view: View) -> None:
        if view.value("n") == 2:
            made[0].changed()
        if view.value("n") == 3:
            made[0].shutdown()

    world.tick(1)
    follower = Follower.connect(world.source(), options(check=check))
    made.append(follower)
    for number in (2, 3):
        world.tick(number)
        refused = refusal_of(follower, number)
        assert "RuntimeError" in refused.reason
    world.tick(4)
    reaches(follower, 4)
    in_time(follower.shutdown)


def test_texts_that_no_source_takes_do_not_end_the_worker(world: World, faulty: Faulty) -> None:
    """Refuse with half a character, and choose a name that is none."""
    world.tick(1)

    def check(view: View) -> str | None:
        return "odd \ud800 and \0 too" if view.value("n") == 2 else None

    for source in (world.source(), faulty.source()):
        with pytest.raises(SetupError):
            Follower.connect(source, options("a\ud800"))
        with pytest.raises(SetupError):
            Follower.connect(source, options("a\0b"))
    with (
        Follower.connect(world.source(), options(check=check)) as one,
        Follower.connect(faulty.source(), quick(check=check)) as other,
    ):
        world.tick(2)
        (session,) = eventually(world.sessions, lambda found: bool(found) and found[0]["refused_version"] == 2)
        reports = eventually(lambda: faulty.reports, lambda found: bool(found) and bool(found[-1]["refused"]))
        assert session["refused_reason"] == reports[-1]["refused"]["reason"] == "odd ? and  too"
        world.tick(3)
        reaches(one, 3)
        reaches(other, 3)


def test_a_start_that_is_interrupted_leaves_nothing_behind(world: World, proxy: Proxy) -> None:
    """Cancel the start: while the source is away, while it is silent, and while nothing is active."""

    async def program() -> None:
        for state in (proxy.cut, proxy.swallow_all, proxy.open):
            state()
            begun = time.monotonic()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(AsyncFollower.connect(world.source(proxy.url), options()), 0.5)
            assert time.monotonic() - begun < 5
            assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(program())
    gc.collect()


def test_a_database_that_falls_silent_while_it_is_asked_to_listen_is_given_up(world: World, proxy: Proxy) -> None:
    """Let the connection be made, and nothing more."""
    world.tick(1)
    proxy.swallow_from(b"LISTEN")
    begun = time.monotonic()
    with pytest.raises(UnreachableError):
        Follower.connect(world.source(proxy.url), options(answer_within=0.5, connect_within=1))
    assert time.monotonic() - begun < 5
    proxy.swallow_from(None)
    with Follower.connect(world.source(proxy.url), options(answer_within=2)) as follower:
        proxy.swallow_from(b"LISTEN")
        proxy.cut()
        proxy.open()
        eventually(follower.status, lambda status: not status.connected)
        time.sleep(0.5)
        # It is asking to listen; the end does not wait for the answer.
        begun = time.monotonic()
        in_time(follower.shutdown)
        assert time.monotonic() - begun < 5


def test_a_loop_that_ends_takes_the_follower_along(world: World, faulty: Faulty, tmp_path: Path) -> None:
    """End a program without a goodbye, and use what it left behind."""
    world.tick(1)

    async def program(source: Any) -> AsyncFollower:
        follower = await AsyncFollower.connect(source, quick(cache=tmp_path / "w.cache"))
        follower.open_position()
        return follower

    for source in (world.source(), faulty.source()):
        follower = asyncio.run(program(source))
        assert follower.view().version == 1
        with follower.decision_cycle() as view:
            assert view.version == 1

        async def afterwards(follower: AsyncFollower = follower) -> None:
            # On another loop.
            await follower.shutdown()
            while await follower.changed() is not None:
                pass

        asyncio.run(asyncio.wait_for(afterwards(), PATIENCE))
        assert not follower.status().connected
    gc.collect()


def test_a_shutdown_that_is_interrupted_ends_what_follows(world: World, faulty: Faulty) -> None:
    """Cancel the goodbye."""
    world.tick(1)

    async def program() -> None:
        for source in (world.source(), faulty.source()):
            follower = await AsyncFollower.connect(source, quick())
            ending = asyncio.create_task(follower.shutdown())
            await asyncio.sleep(0)
            ending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ending
            await follower.shutdown()
            assert asyncio.all_tasks() == {asyncio.current_task()}
            while await follower.changed() is not None:
                pass

    asyncio.run(program())
    gc.collect()


def test_a_shutdown_ends_in_time(world: World, faulty: Faulty, proxy: Proxy) -> None:
    """Stop a follower whose source takes its time, or falls silent, in the midst of an answer."""
    world.tick(1)
    patient = options(files="all", answer_within=60)
    for source in (faulty.source(), world.source(proxy.url)):
        follower = Follower.connect(source, patient)
        faulty.slow_files = 12
        proxy.swallow()
        world.activate(follower.view().version + 1, {}, {"a": b"one"})
        time.sleep(0.5)
        begun = time.monotonic()
        in_time(follower.shutdown)
        assert time.monotonic() - begun < 9
        assert not follower.status().connected


def test_nothing_is_told_behind_the_end(world: World) -> None:
    """Leave a section that held something back after the follower was stopped."""
    world.tick(1)

    async def program() -> None:
        follower = await AsyncFollower.connect(world.source(), options())
        cycle = follower.decision_cycle()
        await asyncio.to_thread(world.tick, 2)
        while not follower.status().pending:
            await asyncio.sleep(0.01)
        await follower.shutdown()
        assert await follower.changed() is not None
        assert await follower.changed() is None
        cycle.close()
        await asyncio.sleep(0.05)
        assert follower.view().version == 2
        assert [await follower.changed() for _ in range(3)] == [None] * 3

    asyncio.run(asyncio.wait_for(program(), PATIENCE))


def test_a_disk_that_takes_nothing_does_not_end_the_worker(world: World, tmp_path: Path) -> None:
    """Write the cache to where nothing can be written, whatever goes wrong there."""
    world.tick(1)
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "w.cache", tmp_path / "x\0y", tmp_path / ("l" * 300)):
        with Follower.connect(world.source(), options(cache=path)) as follower:
            eventually(follower.status, lambda status: bool(status.cache_problem))
            newer = follower.view().version + 1
            world.tick(newer)
            reaches(follower, newer)
        assert not follower.status().connected
    sessions = world.sessions()
    assert [session["stopped"] for session in sessions] == [True] * 3


def test_a_fault_of_the_library_is_a_lost_connection(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Fail where nothing should: what follows goes on, says so, and shows no value."""
    world.tick(1)

    def fail(self: Gate, *_: object) -> NoReturn:
        raise ZeroDivisionError("the value 42")

    with Follower.connect(world.source(), options()) as follower:
        with monkeypatch.context() as patch:
            patch.setattr(Gate, "overview", fail)
            eventually(lambda: [r for r in caplog.records if "ZeroDivisionError" in r.getMessage()])
        world.tick(2)
        reaches(follower, 2)
        status = eventually(follower.status, lambda status: status.connected)
        assert status.reconnects >= 1
    assert "42" not in caplog.text


def test_a_section_that_is_closed_by_many_is_closed_once() -> None:
    """Close the same section on some threads at once."""
    gate = Gate()
    gate.offer(view_of(1, {"n": declared(1)}))
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(300):
            section = gate.enter(SectionKind.DECISION_CYCLE)
            threads = [threading.Thread(target=section.close) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        sys.setswitchinterval(before)
    gate.offer(view_of(2, {"n": declared(2)}))
    assert gate.view is not None
    assert gate.view.value("n") == 2


def test_an_unread_follower_takes_no_endless_memory(world: World) -> None:
    """Let applications go unread: the newest are kept."""
    world.tick(1)

    async def program() -> None:
        async with await AsyncFollower.connect(world.source(), options()) as follower:
            gate = follower._gate
            for number in range(2, 3_000):
                gate.offer(view_of(number, {"n": declared(number)}))
            await asyncio.sleep(0.05)
            told = []
            with contextlib.suppress(TimeoutError):
                while (applied := await asyncio.wait_for(follower.changed(), 1)) is not None:
                    told.append(applied.provenance.config_version)
            assert told == list(range(2_999 - 1_023, 3_000))

    asyncio.run(program())


@pytest.mark.parametrize(
    "odd",
    [
        {"files": "queues"},
        {"heartbeat": 0},
        {"heartbeat": float("nan")},
        {"answer_within": -1},
        {"silence": 0},
        {"connect_within": float("nan")},
        {"report_delay": -1},
    ],
    ids=str,
)
def test_options_that_cannot_be_meant_are_told(world: World, odd: dict[str, Any]) -> None:
    """Choose one path where a list of paths is expected, and times that are none."""
    with pytest.raises(SetupError, match=next(iter(odd))):
        Follower.connect(world.source(), options(**odd))


PROGRAM = """
import sys
from uuid import UUID
from conman_worker import Follower, Options, PostgresSource
url, app, environment, cache, then = sys.argv[1:]
source = PostgresSource(url, UUID(app), UUID(environment))
print("begins", flush=True)
follower = Follower.connect(source, Options("w", cache=cache, heartbeat=0.05, report_delay=0.01))
if then == "waits":
    with follower:
        follower.changed()
        print("waits", flush=True)
        follower.changed()
"""


def start(world: World, cache: Path, then: str) -> subprocess.Popen[str]:
    """Start a program that follows, and then does as told."""
    arguments = [world.url, str(world.app), str(world.environment), str(cache), then]
    pipe = subprocess.PIPE
    program = subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments], stdout=pipe, stderr=pipe, text=True)
    assert program.stdout is not None
    assert program.stdout.readline() == "begins\n"
    return program


def test_a_program_that_ends_without_a_goodbye_is_not_kept_alive(world: World, tmp_path: Path) -> None:
    """End at once behind the first configuration, while it is written and reported; it ends without a word."""
    world.tick(1)
    for turn in range(5):
        with start(world, tmp_path / f"{turn}.cache", "ends") as program:
            assert program.communicate(timeout=PATIENCE) == ("", "")
            assert program.returncode == 0


def test_a_program_that_is_interrupted_says_goodbye(world: World, tmp_path: Path) -> None:
    """Interrupt it while it waits for the first activation, and while it waits for a change."""
    for then in ("first", "waits"):
        with start(world, tmp_path / "w.cache", "waits") as program:
            eventually(lambda: [each for each in world.sessions() if not each["stopped"]])
            if then == "waits":
                assert program.stdout is not None
                assert program.stdout.readline() == "waits\n"
            program.send_signal(signal.SIGINT)
            _, said = program.communicate(timeout=PATIENCE)
            assert said.rstrip().endswith("KeyboardInterrupt"), said
            assert "Task was destroyed" not in said
        assert all(session["stopped"] for session in world.sessions())
        if then == "first":
            world.tick(1)
