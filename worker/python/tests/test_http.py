"""Following a real server over its stream."""

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from faulty import Faulty
from support import PATIENCE, Proxy, World, declared, eventually, options, quick

from conman_worker import Boundary, Follower, HttpSource, RefusedError, SetupError, UnreachableError, View
from conman_worker._errors import Unusable
from conman_worker._http import Http
from conman_worker._sse import Parser


class Server:
    """A `conman` that serves its sample app."""

    def __init__(self, binary: str, data: Path) -> None:
        command = [binary, "demo", "--serve", "--json", "--data", str(data)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        ready = json.loads(self._process.stdout.readline())
        self.url: str = ready["url"]
        self.environment, self.token = sorted(ready["service_tokens"].items())[0]
        self._path = f"/api/apps/{ready['app_id']}/environments/{ready['environments'][self.environment]}"
        self._admin = {"authorization": f"Bearer {ready['accounts']['app_admin']['token']}"}
        self._program = {"authorization": f"Bearer {self.token}"}

    def save(self, name: str, value: Any) -> None:
        """Save a parameter's value."""
        answer = httpx.put(
            f"{self.url}/v1/config/{name}", json={"value": value}, headers=self._program, timeout=PATIENCE
        )
        assert answer.status_code == httpx.codes.OK, answer.text

    def workers(self) -> list[dict[str, Any]]:
        """Read what workers said of themselves."""
        answer = httpx.get(f"{self.url}{self._path}/workers", headers=self._admin, timeout=PATIENCE)
        assert answer.status_code == httpx.codes.OK, answer.text
        found: list[dict[str, Any]] = answer.json()["data"]
        return found

    def stop(self) -> None:
        """Stop it in order."""
        self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE)
        self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a server."""
    binary = os.environ.get("CONMAN_BIN")
    assert binary, "CONMAN_BIN must name the `conman` binary; `cargo xtask test` builds it and sets it"
    server = Server(binary, tmp_path_factory.mktemp("conman"))
    yield server
    server.stop()


def own(server: Server, name: str) -> Any:
    """Give the newest report of the worker with that name."""
    found = [worker for worker in server.workers() if worker["name"] == name]
    return found[-1] if found else None


def a_number(view: View) -> str:
    """Find a whole number that may be changed at once."""
    for name, parameter in sorted(view.parameters.items()):
        if parameter.kind == "int" and parameter.hot_reloadable and parameter.category != "risk_limit":
            return name
    raise AssertionError(f"the sample app has no such parameter: {view.parameters}")


def test_a_program_follows_the_stream(server: Server) -> None:
    """See saves arrive, files and reports."""
    with Follower.connect(HttpSource(server.url, server.token), options("py-1", files="all")) as follower:
        view = follower.view()
        assert view.version >= 1
        assert view.files
        assert all(view.file(path) is not None for path in view.files)
        name = a_number(view)
        before = view.get_int(name)
        with follower.decision_cycle() as cycle:
            server.save(name, before + 1)
            status = eventually(follower.status, lambda status: bool(status.pending))
            assert [pending.name for pending in status.pending] == [name]
            assert (cycle.get_int(name), follower.view().get_int(name)) == (before, before)
            report = eventually(lambda: own(server, "py-1"), lambda found: bool(found and found["pending"]))
            assert report["pending"] == [{"name": name, "boundary": "decision_cycle_end"}]
        eventually(lambda: follower.view().get_int(name), lambda found: found == before + 1)
        report = eventually(lambda: own(server, "py-1"), lambda found: not found["pending"])
        assert report["applied"]["config_version"] == follower.view().version
        assert report["forbidden_applications"] == 0
        server.save(name, before)
        eventually(lambda: follower.view().get_int(name), lambda found: found == before)
    assert own(server, "py-1")["stopped"]


def test_a_stream_that_is_cut_is_opened_again(server: Server) -> None:
    """Cut the connection, change something, and let it through again."""
    # The server's address as a database's: the proxy takes any.
    proxy = Proxy(server.url.replace("http://", "tcp://x@"))
    source = HttpSource(proxy.url.replace("tcp://x@", "http://"), server.token)
    try:
        with Follower.connect(source, options("py-2")) as follower:
            name = a_number(follower.view())
            before = follower.view().get_int(name)
            proxy.cut()
            server.save(name, before + 1)
            eventually(follower.status, lambda status: not status.connected)
            proxy.open()
            eventually(lambda: follower.view().get_int(name), lambda found: found == before + 1)
            assert follower.status().reconnects >= 1
            server.save(name, before)
    finally:
        proxy.close()


def test_the_example_works_until_it_is_stopped(server: Server) -> None:
    """Run the program as its docs say."""
    program = Path(__file__).parents[1] / "examples" / "follow.py"
    environment = {**os.environ, "CONMAN_SERVER": server.url, "CONMAN_TOKEN": server.token}
    running = subprocess.Popen([sys.executable, program], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        report = eventually(lambda: own(server, "follow.py"), lambda found: bool(found and found["applied"]))
        with Follower.connect(HttpSource(server.url, server.token), options("py-3")) as follower:
            name = a_number(follower.view())
            before = follower.view().get_int(name)
        version = report["applied"]["config_version"]
        server.save(name, before + 1)
        eventually(
            lambda: own(server, "follow.py")["applied"]["config_version"], lambda applied: applied == version + 1
        )
        running.send_signal(signal.SIGTERM)
        said, _ = running.communicate(timeout=PATIENCE)
        assert running.returncode == 0
        assert said.splitlines()[-2:] == [f"version {version + 1}: 1 changed", "stopped"]
        assert own(server, "follow.py")["stopped"]
        server.save(name, before)
    finally:
        running.kill()
        running.communicate()


def documented_fields() -> set[str]:
    """Read from the protocol which fields a report has."""
    text = (Path(__file__).parents[3] / "docs" / "worker-protocol.md").read_text()
    table = text.partition("A **report** has these fields")[2].partition("The fields from")[0]
    return set(re.findall(r"^\| `([a-z_]+)` \|", table, re.MULTILINE))


def full_report() -> dict[str, Any]:
    """Fill every field of a report with something that is not its default."""
    commit, tree = "a" * 40, "b" * 40
    return {
        "session_id": "0198c0de-0000-7000-8000-000000000001",
        "name": "full",
        "library": "conman-worker-python/0.1.0",
        "started_at": "2026-03-21T10:15:30.001Z",
        "applied": {
            "release_tag": "r2026.03.21.1", "release_commit": commit, "tree_id": tree, "profile_revision": 2,
            "config_version": 3, "applied_at": "2026-03-21T10:15:30.002Z",
        },
        "last_notify_at": "2026-03-21T10:15:30.003Z",
        "heartbeat_at": "2026-03-21T10:15:30.004Z",
        "problem": "p",
        "pending": [{"name": f"p{number}", "boundary": each.value} for number, each in enumerate(Boundary)],
        "restart_required": ["b"],
        "refused": {"version": 4, "reason": "r", "at": "2026-03-21T10:15:30.005Z"},
        "stale": True,
        "forbidden_applications": 6,
        "stopped": True,
    }  # fmt: skip


def shape_of(value: Any) -> Any:
    """Keep of a report the names of all fields."""
    if isinstance(value, dict):
        return {name: shape_of(each) for name, each in value.items()}
    return [shape_of(value[0])] if isinstance(value, list) and value else None


def test_both_libraries_write_the_same_report(server: Server) -> None:
    """Let the server, which takes no field that the other library does not know, read every field back."""

    async def send(report: dict[str, Any]) -> None:
        transport = Http(HttpSource(server.url, server.token), options(), "test")
        try:
            await transport.report(report)
        finally:
            await transport.close()

    report = full_report()
    assert report.keys() == documented_fields()
    asyncio.run(send(report))
    shown = own(server, "full")
    assert {name: shown[name] for name in report} == report
    with pytest.raises(Unusable, match="4"):
        asyncio.run(send({**report, "session_id": str(UUID(int=1)), "more": 1}))


def test_a_worker_fills_the_report_as_the_protocol_says(world: World, faulty: Faulty) -> None:
    """Bring a worker to where it has something to say in every field; both ways say the same."""

    def three(number: int) -> dict[str, Any]:
        return {
            "fee": declared(number, "threshold"), "exposure": declared(number, "risk_limit"),
            "model": declared(number, hot=False),
        }  # fmt: skip

    def check(view: View) -> str | None:
        return "three" if view.value("fee") == 3 else None

    def is_full(said: Any) -> bool:
        return bool(said["pending"] and said["restart_required"] and said["last_notify_at"])

    world.activate(1, three(1))
    with (
        Follower.connect(faulty.source(), quick(check=check)) as one,
        Follower.connect(world.source(), options("x", check=check)) as other,
    ):
        positions = [one.open_position(), other.open_position()]
        world.activate(2, three(2))
        for follower in (one, other):
            eventually(follower.status, lambda status: status.applied == 2)
        world.activate(3, three(3))
        reports = eventually(
            lambda: faulty.reports[-1:], lambda said: bool(said and is_full(said[0]) and said[0]["refused"])
        )
        report = reports[0]
        (row,) = eventually(
            world.sessions, lambda found: len(found) == 1 and is_full(found[0]) and found[0]["refused_version"] == 3
        )
        assert shape_of(report) == shape_of({**full_report(), "problem": None})
        assert (report["pending"], report["restart_required"]) == (row["pending"], row["restart_required"])
        assert (report["refused"]["reason"], report["refused"]["version"]) == ("three", row["refused_version"])
        for name in ("release_tag", "release_commit", "tree_id", "profile_revision"):
            assert report["applied"][name] == row[name]
        instants = [report["started_at"], report["heartbeat_at"], report["applied"]["applied_at"]]
        instants += [report["last_notify_at"], report["refused"]["at"]]
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", each) for each in instants), instants
        for position in positions:
            position.close()


def test_who_is_not_let_in_is_told(server: Server) -> None:
    """Tell a wrong token from a wrong address and a silent one."""
    with pytest.raises(RefusedError) as refused:
        Follower.connect(HttpSource(server.url, "cst_wrong"), options())
    assert "cst_wrong" not in f"{refused.value}{refused.value!r}"
    with pytest.raises(UnreachableError):
        Follower.connect(HttpSource("http://127.0.0.1:1", "t"), options(connect_within=0.3))
    for url, token in (("ftp://x", "t"), ("http://", "t"), ("http://x", "a\nb")):
        with pytest.raises(SetupError):
            Follower.connect(HttpSource(url, token), options())


def test_events_come_out_however_the_stream_is_cut() -> None:
    """Cut a stream at every place."""
    text = (
        b": hi\r\n\r\nevent: config_changed\r\ndata: {}\r\n\r\n:\n\nid: 7\ndata:a\ndata: b\n\nevent: x\n\n\rdata: c\r\r"
    )
    for size in range(1, len(text)):
        parser = Parser()
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        events = [event for piece in pieces for event in parser.push(piece)]
        assert events == [("config_changed", "{}"), ("", "a\nb"), ("", "c")], size
    parser = Parser()
    assert [*parser.push(b"x" * 200_000), *parser.push(b"\n\ndata: 1\n\n")] == [("", "1")]
