"""
A complete program that works by its configuration until it is told to stop.

CONMAN_SERVER=https://conman.example CONMAN_TOKEN=cst_… python follow.py
"""

import asyncio
import contextlib
import os
import signal

from conman_worker import AsyncFollower, HttpSource, Options, View


def can_work(view: View) -> str | None:
    """Refuse a configuration that this program could not work with; the last good one stays then."""
    return None if view.parameters else "there are no parameters"


async def tell(follower: AsyncFollower) -> None:
    """Print each application."""
    while applied := await follower.changed():
        print(f"version {applied.provenance.config_version}: {len(applied.changed)} changed", flush=True)


async def work(follower: AsyncFollower) -> None:
    """Take one decision after another."""
    while True:
        # From here to the end of the block nothing changes, whatever is saved meanwhile.
        with follower.decision_cycle() as view:
            names = sorted(view.parameters)
            assert view.version >= follower.view().version
        await asyncio.sleep(1 / max(1, len(names)))


async def main() -> None:
    """Follow until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    source = HttpSource(os.environ["CONMAN_SERVER"], os.environ["CONMAN_TOKEN"])
    options = Options(name="follow.py", check=can_work, cache=os.environ.get("CONMAN_CACHE_FILE"))
    async with await AsyncFollower.connect(source, options) as follower:
        tasks = [asyncio.create_task(tell(follower)), asyncio.create_task(work(follower))]
        await stop.wait()
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)
    print("stopped", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
