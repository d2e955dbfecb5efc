"""The servers of S3 that places are tried on."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.servers.local_command import NotInstalledError
from tests.servers.process import unavailable
from tests.servers.seaweedfs import seaweedfs as run_seaweedfs
from tests.support.buckets import Prefix, made
from tests.support.names import unique_name


@pytest.fixture(scope="session")
def seaweedfs() -> Iterator[str]:
    """URL of a SeaweedFS."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(run_seaweedfs())
        except NotInstalledError as missing:
            unavailable(str(missing))
        yield url


@pytest.fixture(params=["moto_server", "seaweedfs"])
async def prefix(request: pytest.FixtureRequest) -> Prefix:
    """An empty place, on each server."""
    return await made(request.getfixturevalue(request.param), f"runs/{unique_name('place')}")


@pytest.fixture
async def on_moto(moto_server: str) -> Prefix:
    """An empty place on moto."""
    return await made(moto_server, f"runs/{unique_name('place')}")
