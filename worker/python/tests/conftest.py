"""What tests ask for by name."""

from collections.abc import Iterator

import pytest
from faulty import Faulty, serving
from support import Proxy, World, fresh_world


@pytest.fixture
def world() -> Iterator[World]:
    """Give an environment in a database of its own."""
    with fresh_world() as world:
        yield world


@pytest.fixture
def proxy(world: World) -> Iterator[Proxy]:
    """Give a proxy before the database."""
    proxy = Proxy(world.url)
    yield proxy
    proxy.close()


@pytest.fixture
def faulty(world: World) -> Iterator[Faulty]:
    """Give a server that can misbehave, before the database."""
    with serving(world) as server:
        yield server
