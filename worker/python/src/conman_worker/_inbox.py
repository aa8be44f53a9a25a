"""Hints from a connection to the engine that follows."""

from ._view import GREATEST_VERSION


class Inbox:
    """Holds at most one hint: a storm of notifications becomes one look."""

    def __init__(self, received: int | None) -> None:
        # Hints of this version and of older ones are no news.
        self._received = received or 0
        # The greatest version hinted at since the last look, and whether there was a hint without a version.
        self._hinted = 0
        self._unclear = False
        self.newest = 0
        """The greatest version hinted at over this connection."""

    def hint(self, version: object) -> None:
        """Hear that the environment has this version; what is no version says that it may have any."""
        if type(version) is int and 0 <= version <= GREATEST_VERSION:
            self._hinted = max(self._hinted, version)
            self.newest = max(self.newest, version)
        else:
            self._unclear = True

    def received(self, version: int) -> None:
        """Hear that a version was received."""
        self._received = max(self._received, version)

    def take(self) -> bool:
        """Tell whether there was news since the last look, and forget it."""
        # Compared only now: the version may have been received since the hint came.
        news = self._unclear or self._hinted > self._received
        self._hinted, self._unclear = 0, False
        return news
