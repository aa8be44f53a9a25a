"""A PostgreSQL that is stopped and started again under its workers."""

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from support import World, eventually, options, reaches

from conman_worker import AsyncFollower, Follower


class Cluster:
    """A cluster of this test's own, because it is to be stopped."""

    def __init__(self, folder: Path) -> None:
        self._binaries, self._folder = _binaries(), folder
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port: int = listener.getsockname()[1]
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root.
            shutil.chown(folder, "postgres")
        data = ["--pgdata", str(self._data)]
        assert self._run("initdb", "--username", "postgres", "--auth", "trust", "--no-sync", *data)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        settings = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._data}"
        how = ["--wait", "--timeout", "60", "--log", str(self._data / "log"), "--pgdata", str(self._data)]
        assert self._run("pg_ctl", "start", "--options", settings, *how)

    def stop(self, mode: str) -> bool:
        """Stop it, and wait; false if it was not running."""
        return self._run("pg_ctl", "stop", "--wait", "--timeout", "60", "--mode", mode, "--pgdata", str(self._data))

    def _run(self, name: str, *arguments: str) -> bool:
        as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        none = subprocess.DEVNULL
        command = [*as_user, str(self._binaries / name), *arguments]
        return subprocess.run(command, cwd="/", stdin=none, stdout=none, stderr=none).returncode == 0


def _binaries() -> Path:
    """Find the server's programs: Debian keeps them out of the PATH, a folder for each version."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in (*debian, *map(Path, os.get_exec_path())):
        if (folder / "initdb").is_file() and (folder / "pg_ctl").is_file():
            return folder
    raise AssertionError("PostgreSQL's initdb and pg_ctl are not installed; `cargo xtask test` does that")


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Start a cluster, and remove it again."""
    # Not in pytest's own folders, into which only their owner may look.
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(Path(folder))
        cluster.start()
        try:
            yield cluster
        finally:
            # It may have been stopped already.
            cluster.stop("immediate")


def test_a_worker_outlives_its_database(cluster: Cluster) -> None:
    """Stop it in order and without, and change something each time; no heartbeat helps."""
    world = World(f"postgres://postgres@127.0.0.1:{cluster.port}/postgres")
    world.tick(1)
    with Follower.connect(world.source(), options(heartbeat=3_600)) as follower:
        position = follower.open_position()
        for mode, number in (("fast", 2), ("immediate", 3)):
            assert cluster.stop(mode)
            status = eventually(follower.status, lambda status: not status.connected)
            assert "lost" in (status.problem or "")
            assert follower.view().version == number - 1
            cluster.start()
            world.tick(number)
            reaches(follower, number)
            assert follower.view().get_int("n") == number
        assert position.view.get_int("n") == 1
        status = eventually(follower.status, lambda status: status.connected and status.problem is None)
        assert status.reconnects >= 2
        eventually(
            world.sessions,
            lambda found: [(each["version"], each["problem"]) for each in found] == [(3, None)],
        )
        position.close()
    assert world.sessions()[0]["stopped"]


def test_a_worker_that_awaits_outlives_its_database(cluster: Cluster) -> None:
    """Stop it under some workers of one loop, of which one is stopped meanwhile."""
    world = World(f"postgres://postgres@127.0.0.1:{cluster.port}/postgres")
    world.tick(1)

    async def program() -> None:
        followers = [await AsyncFollower.connect(world.source(), options(f"w{number}")) for number in range(3)]
        await asyncio.to_thread(eventually, world.sessions, lambda found: len(found) == 3)
        assert await asyncio.to_thread(cluster.stop, "immediate")
        for follower in followers:
            while follower.status().connected:
                await asyncio.sleep(0.01)
        # Without its database it ends too, though nobody hears the goodbye.
        await asyncio.wait_for(followers[2].shutdown(), 5)
        await asyncio.to_thread(cluster.start)
        await asyncio.to_thread(world.tick, 2)
        for follower in followers[:2]:
            applied = await follower.changed()
            while applied is not None and applied.provenance.config_version != 2:
                applied = await follower.changed()
            assert applied is not None
            await follower.shutdown()

    asyncio.run(program())
    with psycopg.connect(world.url) as connection:
        told = connection.execute("SELECT name, stopped FROM conman.worker_sessions ORDER BY name").fetchall()
    assert told == [("w0", True), ("w1", True), ("w2", False)]
