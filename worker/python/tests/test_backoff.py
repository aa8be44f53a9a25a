"""Pauses between attempts, and what becomes of hints."""

from conman_worker._backoff import AskingAgain, Backoff
from conman_worker._inbox import Inbox


def test_pauses_double_with_jitter() -> None:
    """Take more pauses than it takes to get to the longest."""
    backoff = Backoff()
    for turn in range(12):
        usual = min(0.1 * 2**turn, 20)
        assert usual * 0.5 <= backoff.next() <= usual * 1.5
    backoff.reset()
    assert backoff.next() <= 0.15


def test_asking_again_ends() -> None:
    """Miss one version after another for long."""
    asking = AskingAgain()
    for version in (4, 5):
        for _ in range(6):
            asking.note(version)
            assert asking.at is not None
        asking.note(version)
        assert asking.at is None
    asking.note(6)
    asking.note(None)
    assert asking.at is None
    asking.note(6)
    assert asking.at is not None


def test_only_news_wakes() -> None:
    """Hint at what is known, at what is new, and at nothing in particular."""
    inbox = Inbox(3)
    for version in (1, 3, 2):
        inbox.hint(version)
    assert not inbox.take()
    inbox.hint(4)
    inbox.hint(5)
    assert inbox.take()
    assert not inbox.take(), "a storm is one look"
    assert inbox.newest == 5, "which is remembered behind the look"
    inbox.hint(6)
    inbox.received(6)
    assert not inbox.take(), "received in the meantime"
    for odd in (None, "7", -1, 1.5, True, 2**32, float("inf")):
        inbox.hint(odd)
        assert inbox.take()
        assert inbox.newest == 6
