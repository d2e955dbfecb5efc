"""What every migration test starts from."""

import itertools
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader

from tests.conftest import RunCli
from tests.e2e.stage import Stage, staged
from tests.servers.guarded import kind_of
from tests.standin import StandIn
from tests.support import jobs
from tests.support.jobs import Command, Ending, Job, Migrate, Report, read_summary, write_config


@pytest.fixture(scope="package", autouse=True)
def _service_models_are_read_once() -> Iterator[None]:
    """Let botocore keep what it reads for every client: half the time of a small migration."""
    kept: dict[str, Any] = {}
    read = JSONFileLoader.load_file

    def load_file(loader: JSONFileLoader, path: str) -> Any:
        if path not in kept:
            kept[path] = read(loader, path)
        return kept[path]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", load_file)
        yield


@pytest.fixture
async def standin(request: pytest.FixtureRequest) -> AsyncIterator[StandIn]:
    """An Alternator that keeps every request in its log; see `EITHER`."""
    async with kind_of(request)(record=True) as server:
        yield server


@pytest.fixture
def migrate(tmp_path: Path) -> Migrate:
    """Run migrations in the test's process, each with a folder of its own."""
    numbers = itertools.count()

    async def run(job: Job, *, into_existing: bool = False) -> Ending:
        folder = tmp_path / f"migration{next(numbers)}"
        folder.mkdir()
        return await jobs.migrate(folder, job, into_existing=into_existing)

    return run


@pytest.fixture
def command(tmp_path: Path, run_cli: RunCli) -> Command:
    """Run a migration as a command in `tmp_path`."""

    async def run(
        job: Job,
        *args: str,
        env: Mapping[str, str] | None = None,
        seconds: float = 60,
        word: str = "run",
    ) -> Report:
        config, summary = write_config(tmp_path, job), tmp_path / "summary.json"
        summary.unlink(missing_ok=True)
        options = () if word == "plan" else ("--summary-json", str(summary))
        result = await run_cli(word, str(config), *options, *args, env=env, seconds=seconds)
        return Report(*result, read_summary(summary))

    return run


@pytest.fixture
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    """A migration between two stand-ins; see `either`."""
    async with staged(tmp_path, kind=kind_of(request)) as opened:
        yield opened
