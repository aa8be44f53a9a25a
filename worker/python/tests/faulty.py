"""The server's side of the protocol over a real distribution database, with some ways to misbehave."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import psycopg
from psycopg.rows import dict_row
from support import World

from conman_worker import HttpSource

TOKEN = "cst_test"
# How often a stream that has nothing to say says so.
_COMMENT = 0.1


class Faulty:
    """Serves one environment, with the faults that are switched on."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.revoked = False
        self.failing = False
        # New streams open, and nothing ever comes; those of now go silent without an end.
        self.mute = False
        # Another content than the one that was asked for.
        self.corrupt = False
        # Answers with the snapshot whatever the worker has already.
        self.forgetful = False
        # Says that nothing changed, whatever did.
        self.behind = False
        # Takes no report.
        self.deaf = False
        # Seconds that each answer with a file's content takes.
        self.slow_files = 0.0
        # The snapshot in place of the real one.
        self.snapshot: bytes | None = None
        self.not_modified = self.streams = self.whole_snapshots = 0
        # What streams may be encoded with.
        self.encodings: list[str] = []
        self.reports: list[dict[str, Any]] = []
        self.closing = threading.Event()
        self.cuts = 0
        self.lock = threading.Lock()
        handler = type("Bound", (_Handler,), {"faults": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = False
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def source(self, token: str = TOKEN) -> HttpSource:
        """Name the environment as a worker does."""
        return HttpSource(self.url, token)

    def cut(self) -> None:
        """End every stream."""
        self.cuts += 1

    def close(self) -> None:
        """Stop serving, and wait for it."""
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # A worker that keeps its connection does not keep the server.
    timeout = 2
    # Many small answers.
    disable_nagle_algorithm = True
    faults: ClassVar[Faulty]

    def do_GET(self) -> None:
        """Answer as the protocol says, but for the faults."""
        path = self.path.removeprefix("/v1/worker/")
        if not self._lets_in():
            return
        if path == "stream":
            self._stream()
        elif path == "snapshot":
            self._snapshot()
        else:
            self._file(path.removeprefix("files/"))

    def do_POST(self) -> None:
        """Keep a report."""
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.faults.deaf:
            self._answer(503)
        elif self._lets_in():
            with self.faults.lock:
                self.faults.reports.append(json.loads(body))
            self._answer(204)

    def log_request(self, *args: Any) -> None:
        """Say nothing."""

    def handle(self) -> None:
        """Serve a connection until it ends, however it does."""
        with contextlib.suppress(OSError):
            super().handle()

    def _lets_in(self) -> bool:
        if self.headers["authorization"] != f"Bearer {TOKEN}" or self.faults.revoked:
            self._answer(401)
            return False
        if self.faults.failing:
            self._answer(500)
            return False
        return True

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        faults, cuts = self.faults, self.faults.cuts
        self.close_connection = True
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        faults.streams += 1
        faults.encodings.append(self.headers["accept-encoding"])
        if faults.mute:
            faults.closing.wait()
            return
        with psycopg.connect(faults.world.url, autocommit=True) as connection:
            connection.execute("LISTEN config_changed")
            for (version,) in connection.execute(
                "SELECT version FROM conman.active_config WHERE environment_id = %s", (faults.world.environment,)
            ):
                self._event(version)
            while not faults.closing.is_set():
                if faults.cuts != cuts:
                    if not faults.mute:
                        return
                    # Not even an end.
                    faults.closing.wait()
                    return
                for notify in connection.notifies(timeout=_COMMENT, stop_after=1):
                    self._event(json.loads(notify.payload)["version"])
                self.wfile.write(b":\n\n")

    def _event(self, version: int) -> None:
        self.wfile.write(f'event: config_changed\ndata: {{"version": {version}}}\n\n'.encode())

    def _snapshot(self) -> None:
        faults = self.faults
        known = self.headers["if-none-match"]
        found = snapshot_in(faults.world)
        if found is None:
            self._answer(204)
        elif faults.behind or (known == f'"{found["config_version"]}"' and not faults.forgetful):
            faults.not_modified += 1
            self._answer(304)
        else:
            faults.whole_snapshots += 1
            body = faults.snapshot or json.dumps(found).encode()
            self._answer(200, body, etag=f'"{found["config_version"]}"')

    def _file(self, digest: str) -> None:
        time.sleep(self.faults.slow_files)
        with psycopg.connect(self.faults.world.url) as connection:
            row = connection.execute("SELECT content FROM conman.config_blobs WHERE hash = %s", (digest,)).fetchone()
        if row is None:
            self._answer(404)
        else:
            self._answer(200, b"something else" if self.faults.corrupt else bytes(row[0]))


def snapshot_in(world: World) -> dict[str, Any] | None:
    """Read the active snapshot as the server writes it."""
    place = (world.app, world.environment)
    with psycopg.connect(world.url, row_factory=dict_row) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        where = "WHERE app_id = %s AND environment_id = %s"
        row = connection.execute(f"SELECT * FROM conman.active_config {where}", place).fetchone()
        if row is None:
            return None
        entries = connection.execute(
            f"SELECT name, value, type, category, hot_reloadable FROM conman.active_config_entries {where}", place
        ).fetchall()
        files = connection.execute(f"SELECT path, hash FROM conman.active_config_files {where}", place).fetchall()
    return {
        "app_id": str(world.app),
        "environment_id": str(world.environment),
        "config_version": row["version"],
        "activated_at": row["updated_at"].isoformat(timespec="milliseconds"),
        **{name: row[name] for name in ("release_tag", "release_commit", "tree_id", "profile_revision")},
        "parameters": {entry.pop("name"): entry for entry in entries},
        "files": {file["path"]: file["hash"] for file in files},
    }


@contextlib.contextmanager
def serving(world: World) -> Iterator[Faulty]:
    """Serve an environment for a while."""
    server = Faulty(world)
    try:
        yield server
    finally:
        server.close()
