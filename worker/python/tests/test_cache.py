"""The last good configuration on disk."""

from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from support import declared
from test_conformance import view_of

from conman_worker import HttpSource, Options, PostgresSource
from conman_worker._cache import Cache, NotBelieved
from conman_worker._view import Snapshot, digest_of

CONTENT = b"\0binary\xff"
SELECTION = Options("w", files=["q"])


def source(environment: int) -> PostgresSource:
    """Name an environment."""
    return PostgresSource("postgres://x", UUID(int=1), UUID(int=environment))


def snapshot() -> Snapshot:
    """Make a snapshot with two files, of which one is selected."""
    view = view_of(7, {"a": declared(0.1, "risk_limit"), "b": declared({"x": [1, None]}, hot=False)})
    view = replace(view, files={"q/1": digest_of(CONTENT), "r": digest_of(b"")})
    return Snapshot(UUID(int=1), UUID(int=2), view.with_contents({digest_of(CONTENT): CONTENT}, stale=False))


def test_what_was_written_comes_back_and_is_stale(tmp_path: Path) -> None:
    """Write twice, and read."""
    path = tmp_path / "deep" / "er" / "cache"
    cache = Cache(path, source(2))
    assert cache.load(SELECTION) is None
    for _ in range(2):
        cache.write(snapshot())
        back = cache.load(SELECTION)
        assert back is not None
        written = snapshot().view
        assert (back.provenance, back.activated_at, back.is_stale) == (written.provenance, written.activated_at, True)
        assert (back.parameters, back.files, back.file("q/1")) == (written.parameters, written.files, CONTENT)
    assert [each.name for each in path.parent.iterdir()] == ["cache"]
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(NotBelieved, match="lacks the content of `r`"):
        cache.load(Options("w", files="all"))


def test_what_does_not_hold_together_is_not_believed(tmp_path: Path) -> None:
    """Tear the file at every place, and flip its bits."""
    path = tmp_path / "cache"
    cache = Cache(path, source(2))
    cache.write(snapshot())
    good = path.read_bytes()
    for at in range(len(good)):
        for bad in (good[:at], good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]):
            path.write_bytes(bad)
            with pytest.raises(NotBelieved):
                cache.load(SELECTION)
    for body in (b"", b"null", b"{}", b"[" * 100_000, b'{"scope": "x", "snapshot": 1, "contents": {}}', b"NaN"):
        path.write_bytes(f"conman-worker-cache 1 {digest_of(body)}\n".encode() + body)
        with pytest.raises(NotBelieved):
            cache.load(SELECTION)


def test_what_is_somebody_elses_is_not_believed(tmp_path: Path) -> None:
    """Keep environments, tokens and odd files apart."""
    path = tmp_path / "cache"
    Cache(path, source(2)).write(snapshot())
    for foreign in (source(3), HttpSource("http://x", "t")):
        with pytest.raises(NotBelieved, match="another environment"):
            Cache(path, foreign).load(SELECTION)
    Cache(path, HttpSource("http://x", "t0ken")).write(snapshot())
    assert Cache(path, HttpSource("http://x", "t0ken")).load(SELECTION) is not None
    assert b"t0ken" not in path.read_bytes()
    link = tmp_path / "link"
    link.symlink_to(path)
    for odd in (link, tmp_path, Path("/dev/zero")):
        with pytest.raises(NotBelieved, match="not a regular file"):
            Cache(odd, source(2)).load(SELECTION)
    with pytest.raises(OSError, match="exists|directory"):
        Cache(path / "x", source(2)).write(snapshot())
