"""A validation says the same on every engine, and goes on from one on another."""

import asyncio
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RunCli
from tests.engines.dask import children
from tests.engines.ends import TABLE, Options, between
from tests.servers.cli import Result, running
from tests.servers.client import call, create_table, fill
from tests.servers.patience import stretched
from tests.standin import StandIn
from tests.support.jobs import Job, read_summary, write_config

SECONDS = 90
QUICK = {"recheckSeconds": [0.01, 0.02]}
EQUAL = {"compared": 600, "missing": 0, "different": 0, "extra": 0, "repaired": 0}
PLANTED = {
    ("missing", "item 7"),
    ("different", "item 9"),
    ("extra", "more"),
}


async def copied(source: StandIn, target: StandIn) -> None:
    """The items of the source, in the target."""
    await create_table(target.url, TABLE)
    await fill(target.url, TABLE, source.items(TABLE))


async def plant(target: StandIn) -> None:
    """One difference of each kind."""
    await call(target.url, "DeleteItem", {"TableName": TABLE, "Key": {"pk": {"S": "item 7"}}})
    await fill(target.url, TABLE, [{"pk": {"S": "item 9"}, "n": {"N": "9.5"}}])
    await fill(target.url, TABLE, [{"pk": {"S": "more"}}])


class Validations:
    """Validates in a folder, on any engine."""

    def __init__(self, folder: Path, cli: RunCli, options: Options) -> None:
        self.folder, self._cli, self.options = folder, cli, options

    async def __call__(self, engine: str, *more: str) -> Result:
        command = ("validate", "config.yaml", "--summary-json", "summary.json")
        result = await self._cli(*command, *self.options(engine), *more, seconds=SECONDS)
        assert "Traceback" not in result.err, result.err
        return result

    @property
    def verdict(self) -> dict[str, Any]:
        (table,) = read_summary(self.folder / "summary.json")["tables"]
        return dict(table["validation"])

    @property
    def told(self) -> set[tuple[str, str]]:
        """Kind and key of every finding of the last validation."""
        newest = max((self.folder / "savepoints").glob("findings_*.jsonl"))
        lines = [json.loads(line) for line in newest.read_text().splitlines()]
        assert len(lines) == len({(line["kind"], str(line["key"])) for line in lines})
        return {(line["kind"], line["key"]["pk"]["S"]) for line in lines}


@pytest.fixture
def validate(tmp_path: Path, run_cli: RunCli, options: Options) -> Validations:
    return Validations(tmp_path, run_cli, options)


def content(source: StandIn, target: StandIn) -> Job:
    return between(source, target, validation=QUICK)


@pytest.mark.parametrize("mode", ["digest", "lookup"])
async def test_differences_of_every_kind_are_found(
    engine: str, validate: Validations, source: StandIn, target: StandIn, mode: str
) -> None:
    await copied(source, target)
    write_config(validate.folder, content(source, target))
    result = await validate(engine, "--mode", mode)
    assert (result.code, validate.verdict) == (0, EQUAL), result
    await plant(target)
    result = await validate(engine, "--mode", mode)
    assert result.code == 3, result
    assert validate.verdict == {**EQUAL, "missing": 1, "different": 1, "extra": 1}
    assert validate.told == PLANTED


async def test_what_is_found_is_repaired(
    engine: str, validate: Validations, source: StandIn, target: StandIn
) -> None:
    await copied(source, target)
    await plant(target)
    write_config(validate.folder, content(source, target))
    result = await validate(engine, "--mode", "digest", "--repair", "--delete-extra", "--yes")
    assert result.code == 0, result
    assert validate.verdict["repaired"] == 3
    result = await validate(engine)
    assert (result.code, validate.verdict) == (0, EQUAL), result


async def heard(target: StandIn, operation: str, count: int) -> None:
    """Return when the target has heard of so many requests."""
    async with asyncio.timeout(stretched(60)):
        while target.requests[operation] < count:  # noqa: ASYNC110 # another process's doing
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(("mode", "operation"), [("digest", "Scan"), ("lookup", "BatchGetItem")])
async def test_a_stopped_one_goes_on_elsewhere(
    engine: str,
    validate: Validations,
    source: StandIn,
    target: StandIn,
    mode: str,
    operation: str,
) -> None:
    await copied(source, target)
    await plant(target)
    target.faults.rate(operation, "slow", 1.0, 0.3)
    write_config(validate.folder, content(source, target))
    command = ("validate", "config.yaml", "--mode", mode, *validate.options(engine))
    async with running(validate.folder, *command) as cli:
        await heard(target, operation, 8)
        began = time.monotonic()
        cli.send_signal(signal.SIGINT)
        result = await cli.wait(20)
    assert time.monotonic() - began < stretched(5)
    assert result.code == 130, result
    assert "Traceback" not in result.err
    target.faults.clear()
    elsewhere = {"local": "processes", "processes": "local", "dask": "processes"}
    again = await validate(elsewhere[engine])
    assert (again.code, "going on from" in again.err) == (3, True), again
    assert validate.verdict == {**EQUAL, "missing": 1, "different": 1, "extra": 1}
    assert validate.told == PLANTED


@pytest.mark.parametrize(("mode", "operation"), [("digest", "Scan"), ("lookup", "BatchGetItem")])
async def test_a_killed_worker_changes_nothing(
    validate: Validations, source: StandIn, target: StandIn, mode: str, operation: str
) -> None:
    await copied(source, target)
    await plant(target)
    target.faults.rate(operation, "slow", 1.0, 0.3)
    write_config(validate.folder, content(source, target))
    options = ("--mode", mode, "--summary-json", "summary.json", *validate.options("processes"))
    async with running(validate.folder, "validate", "config.yaml", *options) as cli:
        await heard(target, operation, 8)
        os.kill(children(cli.pid)[0], signal.SIGKILL)
        target.faults.clear()
        result = await cli.wait(SECONDS)
    assert result.code == 3, result
    assert "its slice is run again" in result.err
    assert validate.verdict == {**EQUAL, "missing": 1, "different": 1, "extra": 1}
    assert validate.told == PLANTED


async def test_a_run_that_validates_does_both_on_its_engine(
    engine: str, validate: Validations, source: StandIn, target: StandIn, run_cli: RunCli
) -> None:
    write_config(validate.folder, content(source, target))
    command = ("run", "config.yaml", "--validate", "--summary-json", "summary.json")
    result = await run_cli(*command, *validate.options(engine), seconds=SECONDS)
    assert (result.code, validate.verdict) == (0, EQUAL), result


async def test_a_sample(
    engine: str, validate: Validations, source: StandIn, target: StandIn
) -> None:
    await copied(source, target)
    write_config(validate.folder, content(source, target))
    result = await validate(engine, "--sample", "20%")
    assert result.code == 0, result
    assert 0 < validate.verdict["compared"] < 600
    assert "with 95% confidence" in result.err
