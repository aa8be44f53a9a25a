"""Pauses between attempts."""

import random
import time

_FIRST, _LONGEST = 0.1, 20.0
# How often a source is asked again for a version that was hinted at: for some six seconds, then the heartbeat asks.
_ASKED_AGAIN = 6


class Backoff:
    """
    Doubles from 100 ms to 20 s, each time with jitter of a half either way.

    Workers that lost the same database do not come back all at once.
    """

    def __init__(self) -> None:
        self._pause = _FIRST

    def reset(self) -> None:
        """Begin anew."""
        self._pause = _FIRST

    def next(self) -> float:
        """Give the next pause, in seconds."""
        pause = self._pause
        self._pause = min(pause * 2, _LONGEST)
        return pause * random.uniform(0.5, 1.5)


class AskingAgain:
    """
    Tells when to ask again for a version that was hinted at, and that the source did not have when asked.

    A server may be a moment behind the one that the hint came from.
    """

    def __init__(self) -> None:
        self.at: float | None = None
        """When it is time, by the monotonic clock, if ever."""
        self._wanted: int | None = None
        self._backoff = Backoff()
        self._left = 0

    def note(self, missing: int | None) -> None:
        """Hear which version was hinted at and is still not there, after each answer of the source."""
        self.at = None
        if missing != self._wanted:
            self._wanted, self._backoff, self._left = missing, Backoff(), _ASKED_AGAIN
        if missing is not None and self._left > 0:
            self._left -= 1
            self.at = time.monotonic() + self._backoff.next()
