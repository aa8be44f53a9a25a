"""Following a real server over its stream."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support import PATIENCE, Proxy, eventually, options

from conman_worker import Follower, HttpSource, RefusedError, SetupError, UnreachableError, View
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
