"""Stopping a validation and going on with it, as its user does: with the command."""

import asyncio
import json
import random
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RunCli
from tests.e2e.validations import QUICK, found_in, read
from tests.servers.cli import running
from tests.servers.client import call, create_table, fill
from tests.servers.patience import stretched
from tests.standin import StandIn
from tests.support.jobs import alternator, job, write_config

TABLE = "Example"
COUNT = 600
ITEMS = [{"pk": {"S": f"item {n}"}, "n": {"N": str(n)}} for n in range(COUNT)]
MISSING = [{"pk": {"S": f"item {n}"}} for n in range(0, COUNT, 10)]
EXTRA = [{"pk": {"S": f"extra {n}"}} for n in range(40)]
SLOW = {"digest": ("Scan", 0.04), "lookup": ("BatchGetItem", 0.15)}
VERDICT = {"compared": COUNT, "missing": 60, "different": 0, "extra": 40, "repaired": 0}
Ends = tuple[StandIn, StandIn]


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    """Two tables that differ."""
    async with StandIn(page_bytes=1000) as source, StandIn(page_bytes=1000) as target:
        for server in (source, target):
            await create_table(server.url, TABLE)
            await fill(server.url, TABLE, ITEMS)
        await fill(target.url, TABLE, EXTRA)
        for key in MISSING:
            await call(target.url, "DeleteItem", {"TableName": TABLE, "Key": key})
        yield source, target


def slowly(folder: Path, ends: Ends, mode: str, **more: Any) -> None:
    """Write the configuration of a validation whose requests take a while."""
    for server in ends:
        server.faults.rate(SLOW[mode][0], "slow", 1.0, SLOW[mode][1])
    sides = alternator(ends[0].url, TABLE, scanSegments=4), alternator(ends[1].url, TABLE)
    write_config(folder, job(*sides, validation={"recheckSeconds": QUICK}, **more))


def newest(folder: Path) -> dict[str, Any]:
    """What the newest savepoint says of the validation."""
    path = max((folder / "savepoints").glob("savepoint_*.yaml"))
    return dict(json.loads(path.read_text())["progress"]["validation"])


def pages(ends: Ends) -> int:
    return sum(server.requests["Scan"] for server in ends)


async def asked(ends: Sequence[StandIn], operation: str, count: int) -> None:
    """Return when the servers have heard of so many requests."""
    async with asyncio.timeout(stretched(40)):
        while sum(each.requests[operation] for each in ends) < count:  # noqa: ASYNC110 # another's
            await asyncio.sleep(0.005)


async def goes_on(folder: Path, run_cli: RunCli, mode: str, verdict: dict[str, int]) -> None:
    """The next validation goes on, and finds all that there is, once."""
    code, out, err = await run_cli("validate", "config.yaml", "--summary-json", "-")
    assert (code, "going on from" in err) == (3, True), err
    assert json.loads(out)["tables"][0]["validation"] == verdict
    (path,) = found_in(folder)
    found = [(line["kind"], json.dumps(line["key"])) for line in read(path)]
    assert len(found) == len(set(found)) == verdict["missing"] + verdict["extra"]
    again = await run_cli("validate", "config.yaml", "--mode", mode)
    assert (again.code, "going on from" in again.err) == (3, False), "the next is a new question"


@pytest.mark.parametrize("mode", SLOW)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_stopped_validation_goes_on(
    ends: Ends, tmp_path: Path, run_cli: RunCli, mode: str, number: signal.Signals
) -> None:
    slowly(tmp_path, ends, mode)
    async with running(tmp_path, "validate", "config.yaml", "--mode", mode) as cli:
        await asked(ends, SLOW[mode][0], 30)
        cli.send_signal(number)
        code, _, err = await cli.wait(20)
    assert code == 128 + number, err
    kept = Path(err.splitlines()[-1])
    assert tmp_path / kept == max((tmp_path / "savepoints").glob("savepoint_*.yaml"))
    begun = sum(side["items"]["read"] for side in newest(tmp_path)["sides"].values())
    assert 0 < begun < 2 * COUNT
    told = (await run_cli("status", "config.yaml")).out
    assert "validation stopped; `validate` goes on from here" in told
    for server in ends:
        server.faults.clear()
    await goes_on(tmp_path, run_cli, mode, VERDICT)


@pytest.mark.parametrize("mode", SLOW)
@pytest.mark.parametrize("seed", range(2))
async def test_a_killed_validation_goes_on(
    ends: Ends, tmp_path: Path, run_cli: RunCli, mode: str, seed: int
) -> None:
    chance = random.Random(seed)
    folder = {"path": str(tmp_path / "savepoints"), "intervalSeconds": 0.1}
    slowly(tmp_path, ends, mode, savepoints=folder)
    stages = set()
    for _ in range(3):
        heard = sum(each.requests[SLOW[mode][0]] for each in ends)
        async with running(tmp_path, "validate", "config.yaml", "--mode", mode) as cli:
            await asked(ends, SLOW[mode][0], heard + chance.randint(8, 25))
            cli.send_signal(signal.SIGKILL)
            assert (await cli.wait(20)).code == -signal.SIGKILL
        stages.add(newest(tmp_path)["stage"])
    assert stages
    for server in ends:
        server.faults.clear()
    await goes_on(tmp_path, run_cli, mode, VERDICT)


async def test_findings_before_a_kill_are_told_once(
    ends: Ends, tmp_path: Path, run_cli: RunCli
) -> None:
    folder = {"path": str(tmp_path / "savepoints"), "intervalSeconds": 0.1}
    slowly(tmp_path, ends, "lookup", savepoints=folder)
    async with running(tmp_path, "validate", "config.yaml", "--mode", "lookup") as cli:
        async with asyncio.timeout(stretched(40)):
            while not any(path.stat().st_size for path in found_in(tmp_path)):  # noqa: ASYNC110 # another process's
                await asyncio.sleep(0.01)
            while not newest(tmp_path)["findingsSize"]:  # noqa: ASYNC110 # another process's
                await asyncio.sleep(0.01)
        cli.send_signal(signal.SIGKILL)
        assert (await cli.wait(20)).code == -signal.SIGKILL
    for server in ends:
        server.faults.clear()
    await goes_on(tmp_path, run_cli, "lookup", VERDICT)


async def test_what_was_summed_is_not_read_again(
    ends: Ends, tmp_path: Path, run_cli: RunCli
) -> None:
    for server in ends:
        server.faults.rate("BatchGetItem", "slow", 1.0, 0.3)
    sides = alternator(ends[0].url, TABLE, scanSegments=4), alternator(ends[1].url, TABLE)
    write_config(tmp_path, job(*sides, validation={"recheckSeconds": QUICK}))
    async with running(tmp_path, "validate", "config.yaml", "--mode", "digest") as cli:
        await asked(ends, "BatchGetItem", 4)
        cli.send_signal(signal.SIGTERM)
        assert (await cli.wait(20)).code == 128 + signal.SIGTERM
    kept = newest(tmp_path)
    assert kept["stage"] == "details"
    assert kept["verdict"]["compared"] == COUNT
    for server in ends:
        server.faults.clear()
        server.requests.clear()
    code, out, err = await run_cli("validate", "config.yaml", "--summary-json", "-")
    assert code == 3, err
    assert json.loads(out)["tables"][0]["validation"] == VERDICT
    rest = pages(ends)
    await run_cli("validate", "config.yaml", "--mode", "lookup", "--fresh")
    whole = pages(ends) - rest
    assert rest <= whole, "as many pages as one stage has, and no more"


async def test_a_savepoint_that_does_not_fit_is_refused(
    ends: Ends, tmp_path: Path, run_cli: RunCli
) -> None:
    slowly(tmp_path, ends, "digest")
    async with running(tmp_path, "validate", "config.yaml", "--mode", "digest") as cli:
        await asked(ends, "Scan", 30)
        cli.send_signal(signal.SIGTERM)
        assert (await cli.wait(20)).code == 128 + signal.SIGTERM
    for server in ends:
        server.faults.clear()
    savepoint = str(max((tmp_path / "savepoints").glob("savepoint_*.yaml")))
    for words, told in (
        (("--set", "source.expiredItems=copy"), "has changed"),
        (("--sample", "1%"), "has changed"),
        (("--mode", "lookup"), "--mode lookup"),
    ):
        code, _, err = await run_cli("validate", "config.yaml", *words)
        assert (code, told in err, "--fresh" in err) == (2, True, True), err
    code, _, err = await run_cli("run", savepoint)
    assert (code, "savepoint of a validation" in err) == (2, True), err
    assert (await run_cli("validate", savepoint)).code == 3
    fresh = await run_cli("validate", "config.yaml", "--mode", "lookup", "--fresh")
    assert (fresh.code, "going on" in fresh.err) == (3, False)


async def test_a_migration_and_its_validation_do_not_disturb_each_other(
    tmp_path: Path, run_cli: RunCli
) -> None:
    async with StandIn(page_bytes=1000) as source, StandIn() as target:
        await create_table(source.url, TABLE)
        await fill(source.url, TABLE, ITEMS)
        target.faults.rate("BatchWriteItem", "slow", 1.0, 0.5)
        options = {"maxItemsPerBatch": 10, "maxConnections": 1}
        sides = (
            alternator(source.url, TABLE, scanSegments=4),
            alternator(target.url, TABLE, **options),
        )
        write_config(tmp_path, job(*sides, validation={"recheckSeconds": [0]}))
        async with running(tmp_path, "run", "config.yaml") as cli:
            await asked([target], "BatchWriteItem", 5)
            first = await run_cli("validate", "config.yaml")
            assert first.code == 3, first.err
            told = (await run_cli("status", "config.yaml")).out
            assert f"Example -> Example: running, process {cli.pid}" in told
            assert "Example -> Example: validation differences" in told
            target.faults.clear()
            assert (await cli.wait(40)).code == 0
        assert (await run_cli("validate", "config.yaml")).code == 0
        assert "done already" in (await run_cli("run", "config.yaml")).err
