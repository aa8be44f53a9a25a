"""The handle of a program that blocks."""

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from ._follower import AsyncFollower, Sections
from ._gate import Applied
from ._options import Options, Source
from ._status import Status

_T = TypeVar("_T")
# How long what still runs on a loop may go on when the loop is closed: longer than any shutdown.
_LAST_WORDS = 10.0


class Follower(Sections):
    """
    Keeps one environment's configuration in memory, on a thread of its own.

    Made by `Follower.connect(source, options)`, and best used with `with`. Every method may be called from any thread.
    """

    def __init__(self, loop: "_Loop", inner: AsyncFollower) -> None:
        """For `connect` alone."""
        super().__init__(inner._gate)
        self._loop = loop
        self._inner = inner

    @classmethod
    def connect(cls, source: Source, options: Options) -> Self:
        """Connect and wait for the environment's first configuration; see `AsyncFollower.connect`."""
        loop = _Loop()
        try:
            return cls(loop, loop.run(AsyncFollower.connect(source, options)))
        except BaseException:
            loop.close()
            raise

    def changed(self, timeout: float | None = None) -> Applied | None:
        """
        Wait for the next application; None once the worker was stopped.

        Raises `TimeoutError` when none came within that many seconds.
        """
        try:
            # Timed on the loop: what comes at the last moment is told now or the next time, and not lost in between.
            return self._loop.run(self._inner._changed_within(timeout))
        except _LoopClosed:
            return self._inner._left_unread()

    def status(self) -> Status:
        """Tell how the worker is doing."""
        return self._inner.status()

    def shutdown(self) -> None:
        """Stop following, report that the session ended, and wait for both. The last view stays readable."""
        with contextlib.suppress(_LoopClosed):
            self._loop.run(self._inner.shutdown())
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()


class _LoopClosed(Exception):
    """The loop takes nothing any more."""


class _Loop:
    """An event loop on a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        # What is asked for while it is open is answered before it is closed.
        self._lock = threading.Lock()
        self._is_open = True
        self._asked: set[concurrent.futures.Future[Any]] = set()
        # A program that ends without a goodbye is not kept alive.
        self._thread = threading.Thread(target=self._loop.run_forever, name="conman-worker", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """Run on the loop and wait for the outcome; raises `_LoopClosed` if the loop takes nothing any more."""
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise RuntimeError("what waits for the follower may not be called from its own check")
        with self._lock:
            if not self._is_open or not self._thread.is_alive():
                coroutine.close()
                raise _LoopClosed
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
            self._asked.add(future)
        future.add_done_callback(self._asked.discard)
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            raise

    def close(self) -> None:
        """End what still runs, and the thread; a second time waits for the first."""
        with self._lock:
            is_first, self._is_open = self._is_open, False
        if is_first and self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._drain(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        if is_first:
            self._loop.close()

    async def _drain(self) -> None:
        """Let everybody who waits hear the end, and leave no task behind."""
        own = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not own]
        if others:
            _, late = await asyncio.wait(others, timeout=_LAST_WORDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
        # The outcomes get to those who wait by way of the loop.
        outcomes = [asyncio.wrap_future(future) for future in list(self._asked)]
        await asyncio.gather(*outcomes, return_exceptions=True)
