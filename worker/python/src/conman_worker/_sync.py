"""The handle of a program that blocks."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from ._follower import AsyncFollower, Sections
from ._gate import Applied
from ._options import Options, Source
from ._status import Status

_T = TypeVar("_T")


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
        if self._loop.is_closed():
            return None
        return self._loop.run(self._inner.changed(), timeout)

    def status(self) -> Status:
        """Tell how the worker is doing."""
        return self._inner.status()

    def shutdown(self) -> None:
        """Stop following, report that the session ended, and wait for both. The last view stays readable."""
        if not self._loop.is_closed():
            self._loop.run(self._inner.shutdown())
            self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()


class _Loop:
    """An event loop on a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        # A program that ends without a goodbye is not kept alive.
        self._thread = threading.Thread(target=self._loop.run_forever, name="conman-worker", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, _T], timeout: float | None = None) -> _T:
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result(timeout)
        except (concurrent.futures.TimeoutError, KeyboardInterrupt):
            future.cancel()
            raise

    def is_closed(self) -> bool:
        return self._loop.is_closed()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
