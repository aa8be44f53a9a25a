"""Following a server that misbehaves."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faulty import TOKEN, Faulty
from support import PATIENCE, Proxy, World, declared, eventually, quick, reaches

from conman_worker import Follower, HttpSource, RefusedError, SetupError, UnreachableError, UnusableError


def n_and_file(number: int, content: bytes) -> tuple[int, dict[str, Any], dict[str, bytes]]:
    """Give a version with a parameter and a file."""
    return number, {"n": declared(number)}, {"a": content}


def problem(text: str) -> Callable[[list[dict[str, Any]]], bool]:
    """Tell whether the last report tells of a problem."""
    return lambda reports: bool(reports) and text in (reports[-1]["problem"] or "")


def test_two_workers_follow_the_stream(world: World, faulty: Faulty) -> None:
    """Begin before anything is active, and behind; heartbeats cost no snapshots."""
    early: list[Follower] = []
    thread = threading.Thread(target=lambda: early.append(Follower.connect(faulty.source(), quick("early"))))
    thread.start()
    eventually(lambda: faulty.reports, problem("nothing was activated"))
    world.activate(*n_and_file(1, b"one"))
    thread.join(PATIENCE)
    with early[0] as first, Follower.connect(faulty.source(), quick("late")) as second:
        other = world.elsewhere()
        for number in range(2, 31):
            other.tick(number)
            world.activate(*n_and_file(number, b"two" if number % 2 == 0 else b"one"))
        for follower in (first, second):
            reaches(follower, 30)
            assert (follower.view().get_int("n"), follower.view().file("a")) == (30, b"two")
            assert follower.status().reconnects == 0

        def both_at_last(reports: list[dict[str, Any]]) -> bool:
            newest = {report["name"]: report for report in reports}
            return len(newest) == 2 and all(
                report["applied"] and report["applied"]["config_version"] == 30 and report["problem"] is None
                for report in newest.values()
            )

        eventually(lambda: faulty.reports, both_at_last)
        fetched, told = faulty.whole_snapshots, len(faulty.reports)
        eventually(lambda: len(faulty.reports), lambda found: found >= told + 6)
        assert faulty.whole_snapshots == fetched
    assert [report["name"] for report in faulty.reports if report["stopped"]] == ["late", "early"]


def test_a_silent_stream_is_replaced(world: World, faulty: Faulty) -> None:
    """Open a stream on which nothing comes; no heartbeat helps. A stream with nothing but comments is alive."""
    world.tick(1)
    faulty.mute = True
    with Follower.connect(faulty.source(), quick(heartbeat=3_600)) as follower:
        assert follower.view().version == 1
        world.tick(2)
        faulty.mute = False
        reaches(follower, 2)
        assert follower.status().reconnects >= 1
        streams = faulty.streams
        world.tick(3)
        reaches(follower, 3)
        time.sleep(1.5)
        assert faulty.streams == streams


def test_a_silent_network_is_noticed_by_the_heartbeat(world: World, faulty: Faulty) -> None:
    """Swallow everything of all connections at once: no reset, no end, no answer."""
    files = {f"f{number}": bytes([number]) for number in range(20)}
    world.activate(1, {}, files)
    proxy = Proxy(faulty.url.replace("http://", "tcp://x@"))
    source = HttpSource(proxy.url.replace("tcp://x@", "http://"), TOKEN)
    try:
        with Follower.connect(source, quick(answer_within=1, silence=3_600)) as follower:
            for number in (2, 3):
                proxy.swallow()
                world.activate(number, {"n": declared(number)}, files)
                reaches(follower, number)
                assert follower.status().reconnects >= number - 1
    finally:
        proxy.close()


def test_a_closed_stream_is_opened_again_and_caught_up(world: World, faulty: Faulty) -> None:
    """Cut the stream while the server fails, a version meanwhile."""
    world.tick(1)
    with Follower.connect(faulty.source(), quick()) as follower:
        for number in (2, 3, 4):
            faulty.failing = True
            faulty.cut()
            world.tick(number)
            faulty.failing = False
            reaches(follower, number)
        assert follower.status().reconnects >= 1


def test_a_revoked_token_keeps_the_last_good_view(world: World, faulty: Faulty) -> None:
    """Take the token away while the worker runs, and give it back."""
    world.tick(1)
    with pytest.raises(RefusedError) as refused:
        Follower.connect(faulty.source("cst_wrong"), quick())
    assert "cst_wrong" not in f"{refused.value!r}"
    with pytest.raises(SetupError) as unusable:
        Follower.connect(faulty.source("cst\nwrong"), quick())
    assert "wrong" not in f"{unusable.value!r}"
    with Follower.connect(faulty.source(), quick()) as follower:
        faulty.revoked = True
        world.tick(2)
        status = eventually(follower.status, lambda status: not status.connected)
        assert "token" in (status.problem or "")
        assert follower.view().version == 1
        faulty.revoked = False
        reaches(follower, 2)
        eventually(follower.status, lambda status: status.connected and status.problem is None)


def test_a_file_that_does_not_fit_its_hash_is_not_applied(world: World, faulty: Faulty) -> None:
    """Give another content than was asked for."""
    world.activate(*n_and_file(1, b"one"))
    with Follower.connect(faulty.source(), quick()) as follower:
        faulty.corrupt = True
        world.activate(*n_and_file(2, b"two"))
        reports = eventually(lambda: faulty.reports, problem("hash"))
        assert reports[-1]["applied"]["config_version"] == 1
        assert (follower.view().version, follower.view().file("a")) == (1, b"one")
        assert follower.status().connected
        faulty.corrupt = False
        reaches(follower, 2)
        assert follower.view().file("a") == b"two"
        eventually(lambda: faulty.reports, lambda found: found[-1]["problem"] is None)


def test_a_failing_server_is_waited_for(world: World, faulty: Faulty) -> None:
    """Answer with 500 for a while, and for good."""
    world.tick(1)
    faulty.failing = True
    made: list[Follower] = []
    thread = threading.Thread(target=lambda: made.append(Follower.connect(faulty.source(), quick())))
    thread.start()
    thread.join(0.3)
    assert thread.is_alive()
    faulty.failing = False
    thread.join(PATIENCE)
    with made[0] as follower:
        assert follower.view().version == 1
        faulty.failing = True
        with pytest.raises(UnreachableError):
            Follower.connect(faulty.source(), quick(connect_within=0.3))
        # Who runs already says so and goes on.
        status = eventually(follower.status, lambda status: not status.connected)
        assert "500" in (status.problem or "")
        faulty.failing = False
        eventually(follower.status, lambda status: status.connected and status.problem is None)


def test_a_snapshot_that_is_known_is_not_applied_again(world: World, faulty: Faulty) -> None:
    """Send the same snapshot with every answer."""
    world.tick(1)
    faulty.forgetful = True
    with Follower.connect(faulty.source(), quick()) as follower:
        first, sent = follower.view(), faulty.whole_snapshots
        eventually(lambda: faulty.whole_snapshots, lambda found: found >= sent + 3)
        assert follower.view() is first
        world.tick(2)
        told = [follower.changed(PATIENCE) for _ in range(2)]
        assert [applied and applied.provenance.config_version for applied in told] == [1, 2]


def test_what_cannot_be_used_is_given_up_in_time(world: World, faulty: Faulty, tmp_path: Path) -> None:
    """Start with answers of no use, without and with a cache."""
    world.activate(*n_and_file(1, b"one"))
    faulty.corrupt = True
    with pytest.raises(UnusableError, match="hash"):
        Follower.connect(faulty.source(), quick(connect_within=0.5))
    cached = quick(connect_within=0.5, cache=tmp_path / "w.cache")
    faulty.corrupt = False
    Follower.connect(faulty.source(), cached).shutdown()
    faulty.corrupt = True
    world.activate(*n_and_file(2, b"two"))
    with Follower.connect(faulty.source(), cached) as follower:
        status = follower.status()
        assert (status.applied, status.stale, status.connected) == (1, True, True)
        assert "hash" in (status.problem or "")
        faulty.corrupt = False
        reaches(follower, 2)
        assert not follower.view().is_stale


def test_a_server_that_is_behind_its_own_hint_is_asked_again(world: World, faulty: Faulty) -> None:
    """Hint at a version and not have it for a while; no heartbeat helps."""
    world.tick(1)
    with Follower.connect(faulty.source(), quick(heartbeat=3_600)) as follower:
        answers = faulty.not_modified
        faulty.behind = True
        world.tick(2)
        eventually(lambda: faulty.not_modified, lambda found: found >= answers + 3)
        assert follower.view().version == 1
        faulty.behind = False
        reaches(follower, 2)
        assert follower.status().reconnects == 0


@pytest.mark.parametrize(
    "body", [b"", b"null", b"{}", b"[" * 100_000, b'{"config_version": 2}', b"\xff\xfe", b'{"config_version": 1e999}']
)
def test_a_snapshot_that_is_none_is_not_applied(world: World, faulty: Faulty, body: bytes) -> None:
    """Send something else than a snapshot."""
    world.tick(1)
    with Follower.connect(faulty.source(), quick()) as follower:
        faulty.snapshot = body or b" "
        world.tick(2)
        eventually(lambda: faulty.reports, problem("the source sent"))
        assert (follower.view().version, follower.status().connected) == (1, True)
        faulty.snapshot = None
        reaches(follower, 2)


def test_a_first_activation_of_no_use_is_waited_for_the_usual_time(world: World, faulty: Faulty) -> None:
    """Wait long for a first activation, which cannot be used at first: the time runs from there."""
    made: list[Follower] = []
    thread = threading.Thread(target=lambda: made.append(Follower.connect(faulty.source(), quick(connect_within=2))))
    thread.start()
    eventually(lambda: faulty.reports, problem("nothing was activated"))
    thread.join(2.5)
    faulty.corrupt = True
    world.activate(*n_and_file(1, b"one"))
    eventually(lambda: faulty.reports, problem("hash"))
    faulty.corrupt = False
    thread.join(PATIENCE)
    with made[0] as follower:
        assert follower.view().file("a") == b"one"


def test_many_files_are_fetched_side_by_side(world: World, faulty: Faulty) -> None:
    """Take a while for each of many files: together they fit the time that one connection has for them."""
    faulty.slow_files = 0.2
    world.activate(1, {}, {f"f{number}": bytes([number]) for number in range(64)})
    with Follower.connect(faulty.source(), quick(answer_within=1, connect_within=20, silence=10)) as follower:
        assert all(follower.view().file(f"f{number}") == bytes([number]) for number in range(64))


def test_what_is_no_server_is_no_setup(world: World, faulty: Faulty) -> None:
    """Name servers that are none."""
    assert "cst_" not in repr(HttpSource(faulty.url, "cst_secret"))
    for url in ("http://127.0.0.1:99999", "http://[::1", "http://x y", "//x", "x"):
        with pytest.raises((SetupError, UnreachableError)) as told:
            Follower.connect(HttpSource(url, "cst_secret"), quick(connect_within=0.3))
        assert "cst_secret" not in f"{told.value!r}"


def test_a_server_that_takes_no_report_is_not_pestered(world: World, faulty: Faulty) -> None:
    """Answer everything but reports: the pauses between connections grow, and changes arrive all the same."""
    world.tick(1)
    faulty.deaf = True
    with Follower.connect(faulty.source(), quick()) as follower:
        time.sleep(3)
        # With pauses of 100 ms it would be a connection every 120 ms.
        assert 2 <= faulty.streams <= 9
        world.tick(2)
        reaches(follower, 2)
        faulty.deaf = False
        eventually(lambda: faulty.reports, lambda found: bool(found) and found[-1]["problem"] is None)


def test_times_may_be_endless(world: World, faulty: Faulty) -> None:
    """Never beat, never give up."""
    world.tick(1)
    endless: dict[str, Any] = dict.fromkeys(("heartbeat", "answer_within", "silence", "connect_within"), float("inf"))
    for source in (world.source(), faulty.source()):
        with Follower.connect(source, quick(**endless)) as follower:
            newer = follower.view().version + 1
            world.tick(newer)
            reaches(follower, newer)


def test_a_stream_is_not_compressed(world: World, faulty: Faulty) -> None:
    """Ask for a stream that nothing on the way keeps back until it is worth compressing."""
    world.tick(1)
    with Follower.connect(faulty.source(), quick()):
        assert faulty.encodings == ["identity"]
