"""Engines under test, and two ends between which they copy."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.engines.dask import DaskCluster, dask_cluster
from tests.engines.ends import ITEMS, TABLE, Options
from tests.servers.filled import filled
from tests.standin import StandIn


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """A Dask cluster with two workers, for all tests that leave it whole."""
    with dask_cluster(tmp_path_factory.mktemp("dask"), workers=2) as started:
        yield started


DASK = (pytest.mark.xdist_group("dask"), pytest.mark.timeout(900))


@pytest.fixture(params=["local", "processes", pytest.param("dask", marks=DASK)])
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine in turn."""
    return str(request.param)


@pytest.fixture
def options(request: pytest.FixtureRequest) -> Options:
    """The options of `run` that name an engine; a cluster is started when it is first needed."""

    def of(engine: str) -> tuple[str, ...]:
        if engine == "dask":
            started: DaskCluster = request.getfixturevalue("cluster")
            return ("--engine", engine, "--scheduler", started.address)
        workers = () if engine == "local" else ("--workers", "2")
        return ("--engine", engine, *workers)

    return of


@pytest.fixture
async def source() -> AsyncIterator[StandIn]:
    """A source of 600 items in small pages."""
    async with filled(TABLE, ITEMS, page_bytes=2000) as server:
        yield server


@pytest.fixture
async def target() -> AsyncIterator[StandIn]:
    """An empty Alternator."""
    async with StandIn() as server:
        yield server
