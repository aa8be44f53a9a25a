"""Straight from the distribution database: one connection that listens, reads and reports."""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Mapping, Sequence
from typing import Any, LiteralString
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import psycopg
from psycopg import AsyncConnection, errors
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import Jsonb

from ._errors import NotLetIn, SetupError, TransportError, Unusable
from ._inbox import Inbox
from ._options import Options, PostgresSource
from ._transport import Nothing, Unchanged
from ._view import Snapshot, loads, snapshot_after, snapshot_of

_log = logging.getLogger("conman_worker")

_ACTIVE = "SELECT version FROM conman.active_config WHERE app_id = %s AND environment_id = %s"

# With more versions than this to catch up with, the whole snapshot is read instead.
_MOST_VERSIONS = 32

# One row per version, with everything that it changed.
_NEWER = """SELECT version, base_version, release_tag, release_commit, tree_id, profile_revision, at, parameters::text,
    CASE WHEN files_added + files_changed + files_removed > 0 THEN files::text ELSE '{}' END
FROM conman.config_history WHERE app_id = %s AND environment_id = %s AND version > %s ORDER BY version LIMIT %s"""

# In one statement and so as of one instant.
_WHOLE = """SELECT version, release_tag, release_commit, tree_id, profile_revision, updated_at,
    (SELECT coalesce(json_object_agg(e.name, json_build_object('value', e.value, 'type', e.type,
            'category', e.category, 'hot_reloadable', e.hot_reloadable)), '{}')::text
     FROM conman.active_config_entries e
     WHERE e.app_id = c.app_id AND e.environment_id = c.environment_id),
    (SELECT coalesce(json_object_agg(f.path, f.hash), '{}')::text FROM conman.active_config_files f
     WHERE f.app_id = c.app_id AND f.environment_id = c.environment_id)
FROM conman.active_config c WHERE app_id = %s AND environment_id = %s"""

_CONTENTS = "SELECT hash, content FROM conman.config_blobs WHERE hash = ANY (%s)"

_KEPT: tuple[LiteralString, ...] = ("session_id", "app_id", "environment_id", "name", "library", "started_at")
_RENEWED: tuple[LiteralString, ...] = (
    "version", "release_tag", "release_commit", "tree_id", "profile_revision", "applied_at", "last_notify_at",
    "heartbeat_at", "problem", "stopped", "pending", "restart_required", "refused_version", "refused_reason",
    "refused_at", "stale", "forbidden_applications",
)  # fmt: skip
_COLUMNS = _KEPT + _RENEWED
_REPORT: LiteralString = (
    "INSERT INTO conman.worker_sessions AS w ("
    + ", ".join(_COLUMNS)
    + ", heard_at) VALUES ("
    + ", ".join("%s" for _ in _COLUMNS)
    + ", clock_timestamp()) ON CONFLICT (session_id) DO UPDATE SET "
    + ", ".join(f"{column} = excluded.{column}" for column in _RENEWED)
    + ", heard_at = excluded.heard_at"
    " WHERE w.app_id = excluded.app_id AND w.environment_id = excluded.environment_id"
)


class Postgres:
    """One connection to the database, replaced whenever it is lost."""

    def __init__(self, source: PostgresSource, options: Options) -> None:
        self._url = _checked(source.url)
        self._place = (source.app_id, source.environment_id)
        self._options = options
        self._connection: AsyncConnection[tuple[Any, ...]] | None = None
        self._inbox = Inbox(None)
        # What was read last, on which newer versions follow.
        self._fetched: Snapshot | None = None

    async def connect(self, received: int | None) -> None:
        """Listen; what is read from then on is either the newest, or a hint of a newer one follows."""
        await self.close()
        self._inbox = Inbox(received)
        with _told():
            self._connection = await AsyncConnection.connect(
                self._url,
                autocommit=True,
                fallback_application_name="conman worker",
                connect_timeout=_whole(self._options.answer_within, least=2),
                # Linux takes no more.
                keepalives_idle=_whole(self._options.heartbeat, most=32_767),
                tcp_user_timeout=_whole((self._options.heartbeat + self._options.answer_within) * 1_000),
            )
            # Hints that come with the answer to a query.
            self._connection.add_notify_handler(lambda notify: self._hear(notify.payload))
        await self._rows("LISTEN config_changed", ())

    async def hint(self) -> None:
        """Wait for a notification on the connection that is otherwise idle."""
        connection = self._open()
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        while True:
            with _told():
                # First what the driver has read already, where the system sees nothing to read any more.
                connection.pgconn.consume_input()
                while (notify := connection.pgconn.notifies()) is not None:
                    self._hear(notify.extra.decode("utf-8", "replace"))
                handle = connection.fileno()
            if self._inbox.take():
                return
            readable.clear()
            loop.add_reader(handle, readable.set)
            try:
                await readable.wait()
            finally:
                loop.remove_reader(handle)

    def _hear(self, payload: str) -> None:
        try:
            data = loads(payload)
            if (data["app_id"], data["environment_id"]) == tuple(map(str, self._place)):
                self._inbox.hint(data["version"])
        except (Unusable, LookupError, TypeError):
            # Not understood, so perhaps ours.
            self._inbox.hint(None)

    def hinted(self) -> int:
        """Give the greatest version hinted at over this connection."""
        return self._inbox.newest

    def received(self, version: int) -> None:
        """Hear that hints of this version are no news."""
        self._inbox.received(version)

    async def fetch(self, received: int | None) -> Snapshot | Nothing | Unchanged:
        """Ask for what is newer: by what it changes, where that follows on what was read before."""
        if received is not None:
            newer = await self._newer(received)
            if newer is not None:
                return newer
        rows = await self._rows(_WHOLE, self._place)
        if not rows:
            return Nothing()
        row = rows[0]
        self._fetched = snapshot_of(
            {
                "app_id": self._place[0],
                "environment_id": self._place[1],
                "config_version": row[0],
                "release_tag": row[1],
                "release_commit": row[2],
                "tree_id": row[3],
                "profile_revision": row[4],
                "activated_at": row[5],
                "parameters": loads(row[6]),
                "files": loads(row[7]),
            }
        )
        return self._fetched

    async def _newer(self, received: int) -> Snapshot | Unchanged | None:
        """Read what changed since; None where the whole snapshot has to be read."""
        rows = await self._rows(_NEWER, (*self._place, received, _MOST_VERSIONS))
        if not rows:
            active = await self._rows(_ACTIVE, self._place)
            return Unchanged() if active == [(received,)] else None
        before = self._fetched
        # Each row says what it was built on: only an unbroken chain leads from here to there.
        versions = [received, *(row[0] for row in rows)]
        is_chain = all(row[1] == base for row, base in zip(rows, versions, strict=False))
        if before is None or before.view.version != received or not is_chain or len(rows) == _MOST_VERSIONS:
            return None
        last = rows[-1]
        data = {
            "app_id": self._place[0],
            "environment_id": self._place[1],
            "config_version": last[0],
            "release_tag": last[2],
            "release_commit": last[3],
            "tree_id": last[4],
            "profile_revision": last[5],
            "activated_at": last[6],
        }
        changes = ({"parameters": loads(row[7]), "files": loads(row[8])} for row in rows)
        self._fetched = snapshot_after(before, changes, data)
        return self._fetched

    async def contents(self, digests: Sequence[str]) -> Mapping[str, bytes]:
        """Read contents by hash."""
        rows = await self._rows(_CONTENTS, (list(digests),))
        return {digest: bytes(content) for digest, content in rows}

    async def report(self, report: Mapping[str, Any]) -> None:
        """Write the session's row."""
        applied, refused = report["applied"] or {}, report["refused"] or {}
        values = {
            **report,
            **applied,
            "version": applied.get("config_version"),
            "app_id": self._place[0],
            "environment_id": self._place[1],
            "pending": Jsonb(report["pending"]),
            "restart_required": Jsonb(report["restart_required"]),
            "refused_version": refused.get("version"),
            "refused_reason": refused.get("reason"),
            "refused_at": refused.get("at"),
        }
        await self._rows(_REPORT, [values.get(column) for column in _COLUMNS])

    async def close(self) -> None:
        """Drop the connection without a word: it may be dead."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _rows(self, query: LiteralString, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """
        Run a statement; whoever cancels it severs the connection.

        The driver would otherwise ask the server to cancel and wait for its answer, for ever if it is silent.
        """
        connection = self._open()

        async def run() -> list[tuple[Any, ...]]:
            cursor = await connection.execute(query, values)
            return await cursor.fetchall() if cursor.description else []

        task = asyncio.ensure_future(run())
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            with (
                contextlib.suppress(OSError, psycopg.Error),
                socket.socket(fileno=os.dup(connection.fileno())) as same,
            ):
                same.shutdown(socket.SHUT_RDWR)
            await asyncio.gather(task, return_exceptions=True)
            raise
        with _told():
            return task.result()

    def _open(self) -> AsyncConnection[tuple[Any, ...]]:
        if self._connection is None:
            raise TransportError("there is no connection")
        return self._connection


def _whole(time: float, least: int = 1, most: int = 2_000_000_000) -> int:
    """Round to what the driver and the system can take."""
    return max(least, round(min(time, most)))


def _checked(url: str) -> str:
    """Turn the URL into one that the driver understands: TLS means a checked certificate, or there is none."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("postgres", "postgresql") or not parts.hostname:
            raise ValueError("it is not postgres://…")
        if "," not in parts.netloc and parts.port == 0:
            raise ValueError("there is no such port")
        # As the driver reads it: a plus is no space.
        pairs = [pair.partition("=") for pair in parts.query.split("&") if pair]
        query = {unquote(name): unquote(value) for name, _, value in pairs}
        if not all(separator for _, separator, _ in pairs):
            raise ValueError("it has an option without a value")
        mode = query.get("sslmode", "prefer")
        if mode not in ("disable", "prefer", "require", "verify-full"):
            raise ValueError("sslmode is neither disable, prefer, require nor verify-full")
    except ValueError as error:
        raise SetupError(f"the database's URL: {error}") from None
    if mode in ("require", "verify-full") or "sslrootcert" in query:
        query["sslmode"] = "verify-full"
        query.setdefault("sslrootcert", "system")
    else:
        query["sslmode"] = "disable"
        if parts.hostname not in ("localhost", "127.0.0.1", "::1"):
            _log.warning("the connection to PostgreSQL is not encrypted: add sslmode=require to its URL")
    options = "&".join(f"{quote(name)}={quote(value, safe='')}" for name, value in query.items())
    url = urlunsplit(parts._replace(query=options))
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # What the driver says of it may hold the password.
        raise SetupError("the database's URL: the driver does not understand it") from None
    return url


_REFUSALS = (
    errors.InvalidPassword,
    errors.InvalidAuthorizationSpecification,
    errors.InsufficientPrivilege,
    errors.InvalidCatalogName,
)

_REFUSING_WORDS = (
    "authentication failed",
    "does not exist",
    "permission denied",
    "is not permitted to log in",
    "no pg_hba.conf entry",
)


@contextlib.contextmanager
def _told() -> Any:
    """Keep of a database's complaint only what holds no row, no address and no password."""
    try:
        yield
    except _REFUSALS as error:
        raise NotLetIn(f"the database refused (SQLSTATE {error.sqlstate})") from None
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        raise Unusable(f"the database refused (SQLSTATE {error.sqlstate})") from None
    except psycopg.Error as error:
        if error.sqlstate is not None:
            raise TransportError(f"the database refused (SQLSTATE {error.sqlstate})") from None
        # While a connection is made, the driver knows the refusal as text alone.
        text = str(error)
        if any(words in text for words in _REFUSING_WORDS):
            raise NotLetIn("the database refused") from None
        raise TransportError("the database is not reachable") from None
    except OSError:
        raise TransportError("the database is not reachable") from None
