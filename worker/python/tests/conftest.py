"""What tests ask for by name."""

from collections.abc import Iterator

import pytest
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
