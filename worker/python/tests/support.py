"""A distribution database to follow, what to put into it, and a proxy that can be cut."""

import contextlib
import copy
import hashlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from conman_worker import AsyncFollower, Follower, Options, PostgresSource

MIGRATIONS = Path(__file__).parents[3] / "distribution" / "migrations" / "postgres"
# Longer than anything here takes on a busy machine.
PATIENCE = 60.0

_T = TypeVar("_T")


def eventually(look: Callable[[], _T], accept: Callable[[_T], bool] = bool) -> _T:
    """Wait until what is looked at is as expected."""
    deadline = time.monotonic() + PATIENCE
    while not accept(found := look()):
        assert time.monotonic() < deadline, f"it did not come about: {found!r}"
        time.sleep(0.01)
    return found


def declared(value: Any, category: str | None = None, hot: bool = True, kind: str = "json") -> dict[str, Any]:
    """Declare a parameter with its value."""
    return {"value": value, "type": kind, "category": category, "hot_reloadable": hot}


def options(name: str = "w", **more: Any) -> Options:
    """Give options that suit a test."""
    return Options(**{"name": name, "heartbeat": 0.3, "report_delay": 0.01, "connect_within": PATIENCE, **more})


def quick(name: str = "w", **more: Any) -> Options:
    """Give options with which little is waited for."""
    return options(name, **{"files": "all", "silence": 0.6, **more})


def reaches(follower: Follower | AsyncFollower, version: int) -> None:
    """Wait until a worker has a version, and see that versions only grow on the way."""
    seen = 0

    def look() -> int:
        nonlocal seen
        found = follower.view().version
        assert found >= seen, "versions only grow"
        seen = found
        return found

    eventually(look, lambda found: found == version)


class World:
    """One environment in a database of its own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.app, self.environment = uuid4(), uuid4()
        # What was activated last: version, parameters, and files by their hashes.
        self._active: tuple[int, dict[str, Any], dict[str, str]] = (0, {}, {})
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE SCHEMA conman")
            for file in sorted(MIGRATIONS.glob("*.sql")):
                connection.execute(file.read_bytes())

    def source(self, url: str | None = None) -> PostgresSource:
        """Name the environment as a worker does."""
        return PostgresSource(url or self.url, self.app, self.environment)

    def elsewhere(self) -> "World":
        """Give another environment in the same database."""
        other = copy.copy(self)
        other.app, other.environment, other._active = uuid4(), uuid4(), (0, {}, {})
        return other

    def tick(self, number: int) -> None:
        """Make a version active whose one parameter `n` is its number."""
        self.activate(number, {"n": declared(number)})

    def activate(
        self, version: int, parameters: dict[str, dict[str, Any]], files: dict[str, bytes] | None = None
    ) -> None:
        """Make a version active in one transaction, as the server does."""
        place = (self.app, self.environment)
        with psycopg.connect(self.url) as connection, connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO conman.active_config VALUES"
                " (%s, %s, 'dev', %s, 'r2026.03.21.1', %s, %s, %s, '[]', 'ana', now())"
                " ON CONFLICT (app_id, environment_id) DO UPDATE SET version = excluded.version,"
                " profile_revision = excluded.profile_revision, updated_at = excluded.updated_at",
                (*place, version, "a" * 40, "b" * 40, version),
            )
            cursor.execute("DELETE FROM conman.active_config_entries WHERE app_id = %s", (self.app,))
            cursor.execute("DELETE FROM conman.active_config_files WHERE app_id = %s", (self.app,))
            for name, p in parameters.items():
                entry = (name, p["type"], json.dumps(p["value"]), p["category"], p["hot_reloadable"], version)
                cursor.execute(
                    "INSERT INTO conman.active_config_entries VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                    (*place, *entry),
                )
            for path, content in (files or {}).items():
                digest = hashlib.sha256(content).hexdigest()
                cursor.execute(
                    "INSERT INTO conman.config_blobs (hash, content) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                    (digest, content),
                )
                cursor.execute(
                    "INSERT INTO conman.active_config_files VALUES (%s, %s, %s, %s, %s)",
                    (*place, path, digest, version),
                )
            self._record(cursor, version, parameters, files or {})
            payload = {
                "app_id": str(self.app),
                "environment_id": str(self.environment),
                "version": version,
                "changed": [],
                "truncated": False,
            }
            cursor.execute("SELECT pg_notify('config_changed', %s)", (json.dumps(payload),))

    def _record(
        self, cursor: psycopg.Cursor[Any], version: int, parameters: dict[str, dict[str, Any]], files: dict[str, bytes]
    ) -> None:
        """Add the version to the history, by what it changes."""
        base, old_parameters, old_files = self._active
        digests = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
        self._active = (version, parameters, digests)

        def changes(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
            names = sorted(old.keys() | new.keys())
            both = {name: {"before": old.get(name), "after": new.get(name)} for name in names}
            return {name: change for name, change in both.items() if change["before"] != change["after"]}

        changed = changes(old_files, digests)
        counts = (
            sum(1 for change in changed.values() if change["before"] is None),
            sum(1 for change in changed.values() if None not in change.values()),
            sum(1 for change in changed.values() if change["after"] is None),
        )
        cursor.execute(
            "INSERT INTO conman.config_history VALUES (%s, %s, 'dev', %s, %s, %s, 'deployment', 'r2026.03.21.1',"
            " %s, %s, %s, %s, %s, %s, %s, %s, 'ana', NULL, NULL, now())",
            (
                self.app, self.environment, version, base, str(uuid4()), "a" * 40, "b" * 40, version,
                json.dumps(changes(old_parameters, parameters)), json.dumps(changed), *counts,
            ),
        )  # fmt: skip

    def spoil(self, content: bytes) -> None:
        """Let the database hold something else than it should under a content's hash."""
        digest = hashlib.sha256(content).hexdigest()
        with psycopg.connect(self.url) as connection:
            # As a broken disk would; nobody else gets past the trigger and the constraint.
            connection.execute(
                "ALTER TABLE conman.config_blobs DISABLE TRIGGER USER, DROP CONSTRAINT config_blobs_hash_is_of_content"
            )
            connection.execute("UPDATE conman.config_blobs SET content = 'spoiled' WHERE hash = %s", (digest,))

    def sessions(self) -> list[dict[str, Any]]:
        """Read what workers said of themselves."""
        with psycopg.connect(self.url, row_factory=dict_row) as connection:
            return connection.execute(
                "SELECT * FROM conman.worker_sessions WHERE app_id = %s ORDER BY started_at", (self.app,)
            ).fetchall()

    def terminate_workers(self) -> None:
        """End the backends of all workers."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'conman worker' AND datname = current_database()"
            )


@contextlib.contextmanager
def fresh_world() -> Iterator[World]:
    """Make a database, and drop it again."""
    server = os.environ.get("CONMAN_TEST_POSTGRES")
    assert server, "CONMAN_TEST_POSTGRES must name a PostgreSQL; `cargo xtask test` starts one and sets it"
    name = f"worker_py_{UUID(bytes=os.urandom(16)).hex}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        try:
            yield World(urlunsplit(urlsplit(server)._replace(path=f"/{name}")))
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


class Proxy:
    """Stands between a worker and its database."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname or "", parts.port or 5432)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._is_cut = False
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._all: list[socket.socket] = []
        self._swallowed: set[socket.socket] = set()
        self._trigger: bytes | None = None
        self._swallows_new = False
        port = self._listener.getsockname()[1]
        self.url = urlunsplit(parts._replace(netloc=f"{parts.username}@127.0.0.1:{port}"))
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End all connections and take no new ones."""
        with self._lock:
            self._is_cut = True
            for pair in self._pairs:
                for end in pair:
                    _hang_up(end)
            self._pairs.clear()

    def swallow(self) -> None:
        """Let nothing more through the connections of now, without a word; new ones work."""
        with self._lock:
            for pair in self._pairs:
                self._swallowed.update(pair)

    def swallow_all(self) -> None:
        """Take new connections, and let nothing through them either."""
        self.swallow()
        with self._lock:
            self._is_cut, self._swallows_new = False, True

    def swallow_from(self, words: bytes | None) -> None:
        """Let nothing more through a connection from where a client says these words on."""
        self._trigger = words

    def open(self) -> None:
        """Take connections again, and let everything through new ones."""
        with self._lock:
            self._is_cut = self._swallows_new = False

    def close(self) -> None:
        """End everything."""
        self.cut()
        _hang_up(self._listener)
        for each in (self._listener, *self._all):
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with self._lock:
                    if self._is_cut:
                        client.close()
                        continue
                server = socket.create_connection(self._target)
                with self._lock:
                    self._pairs.append((client, server))
                    self._all += (client, server)
                    if self._swallows_new:
                        self._swallowed.update((client, server))
                for one, other in ((client, server), (server, client)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := one.recv(65_536):
                if self._trigger is not None and self._trigger in piece:
                    self._swallowed.update((one, other))
                if one not in self._swallowed:
                    other.sendall(piece)
        # Even the end is swallowed: the other side never hears of it.
        if one not in self._swallowed:
            _hang_up(other)


def _hang_up(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
