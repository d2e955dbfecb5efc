"""Fixtures for tests against servers and for tests of the command line."""

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import settings

from tests.servers.cli import Result, running
from tests.servers.dynamodb_local import dynamodb_local as run_dynamodb_local
from tests.servers.local_command import NotInstalledError
from tests.servers.moto_server import moto_server as run_moto_server
from tests.servers.process import unavailable
from tests.servers.seaweedfs import seaweedfs as run_seaweedfs
from tests.support.names import unique_name

_EVERY = 16

settings.register_profile("of any machine", deadline=None)
settings.load_profile("of any machine")


def pytest_configure() -> None:
    """Have the commands under test hear signals even where these tests are started by nohup or in
    the background of a shell: they would inherit that these are ignored, and rightly stay deaf."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of following, which wait for streams nearly all of their time, one by one
    between tests that compute, so that workers do not all wait at once; they have more time."""
    waiting = [item for item in items if "following" in item.path.parts]
    for item in waiting:
        item.add_marker(pytest.mark.timeout(900))
    others = [item for item in items if "following" not in item.path.parts]
    if waiting and others:
        for place, item in enumerate(waiting):
            others.insert(min(place * _EVERY, len(others)), item)
        items[:] = others


class RunCli(Protocol):
    """`await run_cli("plan", "config.yaml", env={...}, seconds=60)` gives code, out and err."""

    async def __call__(
        self, *args: str, env: Mapping[str, str] | None = None, seconds: float = 60
    ) -> Result: ...


@pytest.fixture(scope="session")
def dynamodb_local() -> Iterator[str]:
    """URL of a DynamoDB Local; every access key and region sees the same tables."""
    yield from _serve(run_dynamodb_local)


@pytest.fixture(scope="session")
def dynamodb_local_target() -> Iterator[str]:
    """URL of a second DynamoDB Local, for a copy between tables of the same name."""
    yield from _serve(run_dynamodb_local)


@pytest.fixture(scope="session")
def moto_server() -> Iterator[str]:
    """URL of moto's DynamoDB, S3 and STS; tables are kept apart by region."""
    yield from _serve(run_moto_server)


@pytest.fixture(scope="session")
def seaweedfs() -> Iterator[str]:
    """URL of a SeaweedFS: a real S3."""
    yield from _serve(run_seaweedfs)


@pytest.fixture
def table_name(request: pytest.FixtureRequest) -> str:
    """A table name that no other test uses."""
    return unique_name(request.node.name)


@pytest.fixture
def frozen_clock(monkeypatch: pytest.MonkeyPatch) -> int:
    """The millisecond (epoch) that it is during all of a test."""
    now = int(time.time() * 1000)
    monkeypatch.setattr(time, "time", lambda: now / 1000)
    return now


@pytest.fixture
def run_cli(tmp_path: Path) -> RunCli:
    """Run the command line in `tmp_path` and return how it ended; killed after `seconds` s."""

    async def run(*args: str, env: Mapping[str, str] | None = None, seconds: float = 60) -> Result:
        async with running(tmp_path, *args, env=env) as cli:
            return await cli.wait(seconds)

    return run


def _serve(server: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    with ExitStack() as stack:
        try:
            url = stack.enter_context(server())
        except (NotInstalledError, ModuleNotFoundError) as missing:
            unavailable(str(missing))
        yield url
