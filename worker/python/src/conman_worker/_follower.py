"""The handle of a program that uses asyncio."""

import asyncio
import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import Self

from ._boundary import SectionKind
from ._cache import Cache
from ._engine import LIBRARY, Engine
from ._errors import ConnectError, SetupError
from ._gate import Applied, Gate, Section
from ._http import Http
from ._options import Options, PostgresSource, Source
from ._postgres import Postgres
from ._status import Status
from ._transport import Transport
from ._view import View

# How many applications a program may leave unread.
_UNREAD = 1_024
# How long what follows may take to end by itself, in seconds: time for an answer under way, and for a goodbye.
_ENDS_WITHIN = 5.0


class Sections:
    """What both kinds of follower read from their gate; may be used from any thread."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def view(self) -> View:
        """Give the view in use. A unit of work that must not be surprised enters a section instead."""
        view = self._gate.view
        if view is None:
            raise RuntimeError("connecting ends only behind the first application")
        return view

    def decision_cycle(self) -> Section:
        """Begin a decision cycle: one frozen view, and no change of the configuration until it is closed."""
        return self.enter(SectionKind.DECISION_CYCLE)

    def open_position(self) -> Section:
        """Say that a position is open: risk limits stay as they are until it is closed and a heartbeat came."""
        return self.enter(SectionKind.POSITION)

    def inference(self) -> Section:
        """Begin a call of a model: no change of the configuration until it is closed."""
        return self.enter(SectionKind.INFERENCE)

    def critical_section(self) -> Section:
        """Begin what must not be interrupted: no change of the configuration until it is closed."""
        return self.enter(SectionKind.CRITICAL)

    def enter(self, kind: SectionKind) -> Section:
        """Enter a section of that kind."""
        return self._gate.enter(kind)


class AsyncFollower(Sections):
    """
    Keeps one environment's configuration in memory, for a program that uses asyncio.

    Made by `await AsyncFollower.connect(source, options)`, and best used with `async with`.
    """

    def __init__(self, source: Source, options: Options) -> None:
        """For `connect` alone."""
        fault = options.fault()
        if fault is not None:
            raise SetupError(fault)
        self._loop = asyncio.get_running_loop()
        self._changes: asyncio.Queue[Applied | None] = asyncio.Queue()
        self._is_over = False
        self._news = asyncio.Event()
        gate = Gate(
            on_applied=lambda applied: self._soon(lambda: self._tell(applied)),
            on_news=lambda: self._soon(self._news.set),
        )
        super().__init__(gate)
        transport = _transport_to(source, options)
        cache = None if options.cache is None else Cache(options.cache, source)
        self._engine = Engine(transport, gate, options, cache, self._news)
        self._task = asyncio.create_task(self._run())

    @classmethod
    async def connect(cls, source: Source, options: Options) -> Self:
        """
        Connect and wait for the environment's first configuration.

        An environment without any activation is waited for as long as it takes. An unreachable source is tried for
        `connect_within`; then the disk cache, if there is one, is started from, and the source is tried on.
        """
        follower = cls(source, options)
        try:
            await follower._engine.ready
        except BaseException:
            await follower.shutdown()
            raise
        return follower

    async def changed(self) -> Applied | None:
        """
        Wait for the next application, the first one included; None once the worker was stopped.

        Who does not ask for a thousand applications misses the oldest of them.
        """
        applied = await self._changes.get()
        if applied is None:
            # For whoever else waits.
            self._changes.put_nowait(None)
        return applied

    async def _changed_within(self, seconds: float | None) -> Applied | None:
        if seconds is None or not self._changes.empty():
            return await self.changed()
        return await asyncio.wait_for(self.changed(), seconds)

    def _left_unread(self) -> Applied | None:
        """Give what is still to be told, once nobody waits on the loop any more; from any thread."""
        with contextlib.suppress(asyncio.QueueEmpty):
            applied = self._changes.get_nowait()
            if applied is not None:
                return applied
            self._changes.put_nowait(None)
        return None

    def status(self) -> Status:
        """Tell how the worker is doing."""
        return self._engine.status()

    async def shutdown(self) -> None:
        """
        Stop following, report that the session ended, and wait for both. The last view stays readable.

        A source that does not answer is not waited for longer than a few seconds.
        """
        # The loop that followed may have ended, and the task with it.
        if self._task.done():
            return
        self._engine.stop()
        try:
            await asyncio.wait([self._task], timeout=_ENDS_WITHIN)
        finally:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.shutdown()

    async def _run(self) -> None:
        try:
            await self._engine.run()
        finally:
            self._engine.fail(ConnectError("the worker was stopped before it had a configuration"))
            self._is_over = True
            self._changes.put_nowait(None)

    def _tell(self, applied: Applied) -> None:
        if self._is_over:
            return
        if self._changes.qsize() >= _UNREAD:
            self._changes.get_nowait()
        self._changes.put_nowait(applied)

    def _soon(self, call: Callable[[], None]) -> None:
        """Call on the loop that follows, from whichever thread left a section; after its end nobody listens."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call)


def _transport_to(source: Source, options: Options) -> Transport:
    if isinstance(source, PostgresSource):
        return Postgres(source, options)
    return Http(source, options, LIBRARY)
