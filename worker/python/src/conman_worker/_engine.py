"""The one task of a worker: connect, catch up, wait, report."""

import asyncio
import contextlib
import logging
import os
import random
import threading
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from ._backoff import AskingAgain, Backoff
from ._cache import Cache, NotBelieved
from ._errors import (
    ConnectError,
    NotLetIn,
    RefusedError,
    TransportError,
    UnreachableError,
    Unusable,
    UnusableError,
)
from ._gate import Gate
from ._options import Options
from ._status import Refused, Status
from ._transport import Nothing, Transport, Unchanged
from ._view import Snapshot, View, digest_of, instant

LIBRARY = "conman-worker-python/0.1.0"

_log = logging.getLogger("conman_worker")
_MAX_REASON = 2_000
# How long a worker that stops waits for its last report to be taken.
_GOODBYE = 2.0


class Engine:
    """Follows until it is told to stop."""

    def __init__(
        self, transport: Transport, gate: Gate, options: Options, cache: Cache | None, news: asyncio.Event
    ) -> None:
        self._transport, self._gate, self._options, self._cache = transport, gate, options, cache
        self._news = news
        self._stop = asyncio.Event()
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._session_id = _uuid7()
        self._started_at = datetime.now(UTC)
        # The newest version that was fetched, complete: refused or applied or not.
        self._received: View | None = None
        self._connected = False
        self._reconnects = 0
        self._last_notify_at: datetime | None = None
        self._problem: str | None = None
        # Since when what the source answers cannot be applied, and why.
        self._unusable: tuple[float, str] | None = None
        # Whether the source ever gave an answer to wait on: nothing is active yet, or the program refuses what is.
        self._answered = False
        # When the program is told, if there is no configuration until then.
        self._deadline = time.monotonic() + options.connect_within
        self._refused: Refused | None = None
        self._cache_problem: str | None = None
        self._writing: asyncio.Task[None] | None = None
        self._to_write: Snapshot | None = None

    def stop(self) -> None:
        """Ask the engine to say goodbye and end."""
        self._stop.set()

    def status(self) -> Status:
        """Tell how the worker is doing."""
        overview = self._gate.overview()
        return Status(
            connected=self._connected,
            reconnects=self._reconnects,
            applied=overview.applied[0].config_version if overview.applied else None,
            last_notify_at=self._last_notify_at,
            problem=self._problem,
            pending=overview.pending,
            restart_required=overview.restart_required,
            refused=self._refused,
            stale=overview.stale,
            forbidden_applications=overview.forbidden_applications,
            cache_problem=self._cache_problem,
        )

    async def run(self) -> None:
        """Follow until stopped, or until it is clear that there will be no configuration."""
        # What waits for a heartbeat gets it with or without a connection.
        beats = asyncio.create_task(self._beat())
        try:
            await self._follow_for_good()
        finally:
            beats.cancel()
            self._connected = False
            try:
                if self._writing is not None:
                    await self._writing
            finally:
                with contextlib.suppress(TransportError):
                    await self._transport.close()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._options.heartbeat)
            self._gate.heartbeat()

    async def _follow_for_good(self) -> None:
        ever_connected = False
        backoff = Backoff()
        while not self._stop.is_set():
            try:
                await self._or_stop(self._in_time(self._transport.connect(self._received_version())))
                if self._stop.is_set():
                    return
                ever_connected = self._connected = True
                await self._catch_up()
                await self._follow(backoff)
                await self._say_goodbye()
                return
            except Exception as error:
                lost = error if isinstance(error, TransportError) else _fault(error)
                _log.warning("listen_reconnect: the worker has no connection: %s", lost)
                self._reconnects += self._connected
                self._connected = False
                if ever_connected or self.ready.done():
                    self._problem = f"the connection was lost: {lost}"
                if not self.ready.done() and self._give_up(lost):
                    return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), backoff.next())

    async def _follow(self, backoff: Backoff) -> None:
        """Follow over the connection that was just made, until it is lost or the worker stopped."""
        heartbeat_at = time.monotonic() + self._options.heartbeat
        # Every connection begins with a report: whoever watches sees that the worker is there.
        report_at: float | None = self._report_time()
        asking = AskingAgain()
        asking.note(self._missing())
        while not self._stop.is_set():
            wakes = (heartbeat_at, report_at, asking.at, self._overdue_at())
            wake_at = min(at for at in wakes if at is not None)
            hinted = await self._wait(wake_at - time.monotonic())
            if self._stop.is_set():
                return
            if self._news.is_set():
                self._news.clear()
                report_at = report_at or self._report_time()
            if hinted:
                self._last_notify_at = datetime.now(UTC)
            if hinted or (asking.at is not None and time.monotonic() >= asking.at):
                news = await self._catch_up()
                asking.note(self._missing())
                if news:
                    report_at = report_at or self._report_time()
            now = time.monotonic()
            overdue_at = self._overdue_at()
            if overdue_at is not None and now >= overdue_at:
                if self._give_up_the_unusable():
                    return
                report_at = report_at or self._report_time()
            if now >= heartbeat_at:
                # Asking for what is newer shows whether the connection is alive, and catches a lost hint.
                heartbeat_at = now + self._options.heartbeat
                await self._catch_up()
                report_at = now
            if report_at is not None and now >= report_at:
                report_at = None
                await self._report(stopped=False)
                # Only now: a source that answers, and takes no report, is not to be asked ten times a second.
                backoff.reset()

    async def _wait(self, seconds: float) -> bool:
        """Wait for a hint, news, the stop or the time; true if there was a hint."""
        hint = asyncio.ensure_future(self._transport.hint())
        others = [asyncio.ensure_future(event.wait()) for event in (self._news, self._stop)]
        try:
            await asyncio.wait([hint, *others], timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED)
            if hint.done():
                hint.result()
                return True
            return False
        finally:
            for task in (hint, *others):
                task.cancel()
            await asyncio.gather(hint, *others, return_exceptions=True)

    async def _or_stop(self, awaitable: Awaitable[None]) -> None:
        task, stop = asyncio.ensure_future(awaitable), asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait([task, stop], return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
        finally:
            for each in (task, stop):
                each.cancel()
            await asyncio.gather(task, stop, return_exceptions=True)

    async def _in_time(self, awaitable: Awaitable[Any], factor: float = 1.0) -> Any:
        try:
            return await asyncio.wait_for(awaitable, self._options.answer_within * factor)
        except TimeoutError:
            raise TransportError("the source did not answer in time") from None

    async def _catch_up(self) -> bool:
        """
        Receive what is newer, if anything; true if there is something to report.

        What cannot be applied leaves the last good view in place: only a connection that is of no use is an error.
        """
        before = self._problem
        try:
            received = await self._receive_newest()
            self._unusable, self._answered = None, True
        except Unusable as problem:
            _log.warning("the last good configuration stays: %s", problem)
            since = self._unusable[0] if self._unusable else time.monotonic()
            self._problem, received = str(problem), False
            self._unusable = (since, self._problem)
        return received or self._problem != before

    async def _receive_newest(self) -> bool:
        began = time.monotonic()
        known = self._received_version()
        fetched = await self._in_time(self._transport.fetch(known))
        if isinstance(fetched, Unchanged):
            self._problem = None
            return False
        if isinstance(fetched, Nothing):
            if known is not None:
                raise _behind(0, known)
            self._problem = "nothing was activated in this environment yet"
            return False
        version = fetched.view.version
        if known is not None and version <= known:
            if version < known:
                raise _behind(version, known)
            self._problem = None
            return False
        self._take(await self._complete(fetched), began)
        return True

    async def _complete(self, snapshot: Snapshot) -> Snapshot:
        """Fetch the contents that are needed and not at hand."""
        view = snapshot.view
        before = self._received or self._gate.view
        at_hand = before.contents() if before else {}
        wanted = {digest: path for path, digest in view.files.items() if self._options.selects(path)}
        contents = {digest: at_hand[digest] for digest in wanted if digest in at_hand}
        missing = [digest for digest in wanted if digest not in contents]
        for start in range(0, len(missing), 64):
            # Contents can be large: some may take a few times as long as a short answer.
            some = await self._in_time(self._transport.contents(missing[start : start + 64]), factor=6)
            for digest, content in some.items():
                if digest_of(content) != digest:
                    raise Unusable("a file's content does not fit its hash")
            contents.update(some)
        for digest, path in wanted.items():
            if digest not in contents:
                raise Unusable(f"the content of `{path}` cannot be had")
        return replace(snapshot, view=view.with_contents(contents, stale=False))

    def _take(self, snapshot: Snapshot, began: float) -> None:
        """Take a complete version, unless the program refuses it: then the last good one stays."""
        view = snapshot.view
        self._transport.received(view.version)
        self._received = view
        self._problem = None
        reason = self._checked(view)
        if reason is not None:
            _log.warning("the program refused version %s: %s", view.version, reason)
            self._refused = Refused(view.version, reason, datetime.now(UTC))
            if not self.ready.done():
                self._start_from_cache()
            return
        self._refused = None
        self._gate.offer(view, began)
        self._to_write = snapshot
        if self._cache is not None and (self._writing is None or self._writing.done()):
            self._writing = asyncio.create_task(self._write(self._cache.write))
        self._become_ready()

    def _checked(self, view: View) -> str | None:
        if self._options.check is None:
            return None
        try:
            reason = self._options.check(view)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
                raise
            # Whatever else it is refuses, and does not end the loop. Its text may hold values.
            reason = f"the program's check raised {type(error).__name__}"
        if reason is None:
            return None
        if not isinstance(reason, str):
            # Programs are not always type-checked; what they mean by it is unknown, so the last good one stays.
            reason = f"the program's check returned {type(reason).__name__}, where a reason or None is expected"
        # Half a character is no text for a source.
        return reason.replace("\0", "")[:_MAX_REASON].encode("utf-8", "replace").decode()

    async def _write(self, write: Callable[[Snapshot], None]) -> None:
        """Write the newest good view, off the loop that follows."""
        while (snapshot := self._to_write) is not None:
            self._to_write = None
            try:
                await asyncio.to_thread(write, snapshot)
                self._cache_problem = None
            except OSError as error:
                self._note_cache(f"it cannot be written: {error.strerror}")
            except Exception as error:
                self._note_cache(f"it cannot be written: {type(error).__name__}")

    def _start_from_cache(self) -> bool:
        if self._cache is None:
            return False
        try:
            view = self._cache.load(self._options)
            if view is None:
                return False
            reason = self._checked(view)
            if reason is not None:
                raise NotBelieved(reason)
        except NotBelieved as problem:
            self._note_cache(str(problem))
            return False
        _log.warning("started version %s from the disk cache: it may be stale", view.version)
        self._gate.offer(view)
        self._become_ready()
        return True

    def _note_cache(self, problem: str) -> None:
        _log.warning("the disk cache is of no use: %s", problem)
        self._cache_problem = problem

    def _become_ready(self) -> None:
        if not self.ready.done():
            self.ready.set_result(None)

    def _give_up(self, lost: TransportError) -> bool:
        """Tell the program that it will have no configuration, if that is so by now."""
        error: ConnectError
        if isinstance(lost, NotLetIn):
            error = RefusedError(f"the source refuses this worker: {lost}")
        elif time.monotonic() < self._deadline:
            return False
        elif self._start_from_cache():
            self._problem = f"the source is not reached: {lost}"
            return False
        else:
            within = self._options.connect_within
            error = UnreachableError(f"the source was not reached within {within} s: {lost}{self._of_cache()}")
        if self._answered:
            return False
        self.fail(error)
        return True

    def _overdue_at(self) -> float | None:
        """Tell when waiting for something that can be applied ends, if there is a reason to end it."""
        if self._unusable is None or self.ready.done():
            return None
        # Whoever waits for a first activation gets the usual time from there.
        return self._unusable[0] + self._options.connect_within if self._answered else self._deadline

    def _give_up_the_unusable(self) -> bool:
        """Start from the cache in place of what cannot be applied; true if there is none, and the program was told."""
        if self._unusable is None or self._start_from_cache():
            return False
        within, reason = self._options.connect_within, self._unusable[1]
        told = f"what the source answers cannot be applied, for {within} s: {reason}{self._of_cache()}"
        self.fail(UnusableError(told))
        return True

    def fail(self, error: ConnectError) -> None:
        """Tell the program that there will be no configuration, unless it knows better already."""
        if not self.ready.done():
            self.ready.set_exception(error)

    def _of_cache(self) -> str:
        return f"; the disk cache: {self._cache_problem}" if self._cache_problem else ""

    async def _say_goodbye(self) -> None:
        try:
            await asyncio.wait_for(self._report(stopped=True), _GOODBYE)
        except (TransportError, TimeoutError):
            _log.debug("the last report was not taken")

    async def _report(self, *, stopped: bool) -> None:
        try:
            await self._in_time(self._transport.report(self._report_data(stopped)))
        except Unusable as problem:
            # The configuration itself may still be followed.
            _log.warning("the worker's report was not taken: %s", problem)

    def _report_data(self, stopped: bool) -> dict[str, Any]:
        overview, refused = self._gate.overview(), self._refused
        applied = overview.applied
        return {
            "session_id": str(self._session_id),
            "name": self._options.name,
            "library": LIBRARY,
            "started_at": instant(self._started_at),
            "applied": {**vars(applied[0]), "applied_at": instant(applied[1])} if applied else None,
            "last_notify_at": instant(self._last_notify_at) if self._last_notify_at else None,
            "heartbeat_at": instant(datetime.now(UTC)),
            "problem": self._problem,
            "pending": [{"name": p.name, "boundary": p.boundary.value} for p in overview.pending],
            "restart_required": list(overview.restart_required),
            "refused": {"version": refused.version, "reason": refused.reason, "at": instant(refused.at)}
            if refused
            else None,
            "stale": overview.stale,
            "forbidden_applications": overview.forbidden_applications,
            "stopped": stopped,
        }

    def _missing(self) -> int | None:
        """Give the version that was hinted at, if what was received is older."""
        hinted = self._transport.hinted()
        return hinted if hinted > (self._received_version() or 0) else None

    def _received_version(self) -> int | None:
        return self._received.version if self._received else None

    def _report_time(self) -> float:
        return time.monotonic() + self._options.report_delay * random.uniform(1.0, 2.0)


def _behind(active: int, known: int) -> Unusable:
    """Versions never go backwards: the worker keeps what it has and says so."""
    return Unusable(f"the source is at version {active}, older than {known}, which runs here")


def _fault(error: Exception) -> TransportError:
    """Keep of an error that nobody expects its kind and its place: its text may hold values."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{os.path.basename(place.filename)}:{place.lineno}"
    return TransportError(f"this worker's library has a fault: {type(error).__name__} at {where}")


def _uuid7() -> UUID:
    """Make an id that sorts by time."""
    millis = time.time_ns() // 1_000_000
    noise = int.from_bytes(os.urandom(10))
    high, low = noise >> 68 & 0xFFF, noise & (1 << 62) - 1
    return UUID(int=millis << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low)
