"""The places that are tried."""

import pytest

from tests.support.buckets import Prefix, made
from tests.support.names import unique_name


@pytest.fixture(params=["moto_server", "seaweedfs"])
async def prefix(request: pytest.FixtureRequest) -> Prefix:
    """An empty place, on each server."""
    return await made(request.getfixturevalue(request.param), f"runs/{unique_name('place')}")


@pytest.fixture
async def on_moto(moto_server: str) -> Prefix:
    """An empty place on moto."""
    return await made(moto_server, f"runs/{unique_name('place')}")
