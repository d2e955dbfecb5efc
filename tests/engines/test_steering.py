"""A run that is steered, on every engine: a pause that outlives an outage, and a limit."""

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from alternator_migrate.monitor import ask, socket_of
from tests.engines.ends import ITEMS, TABLE, Options, batches, between
from tests.servers.cli import running
from tests.servers.patience import stretched
from tests.servers.process import free_port
from tests.standin import StandIn
from tests.support.jobs import write_config
from tests.support.shapes import same_items

BUDGET = 6
RATE = 20
pytestmark = pytest.mark.timeout(900)
SEGMENTS = 8
PICTURE = rf"(\d+) of {SEGMENTS} segments done, (\d+) running, (\d+) throttled</figcaption>"


async def steered(folder: Path, *words: str) -> dict[str, Any]:
    """The answer of the run to a command."""
    return await asyncio.to_thread(_ask, folder, words)


def _ask(folder: Path, words: tuple[str, ...]) -> dict[str, Any]:
    (name,) = (each.stem for each in folder.glob("control_*.sock"))
    socket = socket_of(folder, name)
    assert socket
    return ask(socket, words)


async def told(folder: Path, words: str) -> None:
    """Return once the run says so of its state."""
    async with asyncio.timeout(stretched(60)):
        while words not in (await steered(folder, "status"))["text"]:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def quiet(target: StandIn) -> int:
    """The number of batches when none has come for a second."""
    async with asyncio.timeout(stretched(60)):
        while True:
            seen = target.requests["BatchWriteItem"]
            await asyncio.sleep(1)
            if target.requests["BatchWriteItem"] == seen:
                return seen


async def written(target: StandIn, within: float) -> None:
    """Return when the target has all items. Raises `TimeoutError` after so many seconds."""
    async with asyncio.timeout(within):
        while len(target.items(TABLE)) < len(ITEMS):  # noqa: ASYNC110 # another process's doing
            await asyncio.sleep(0.02)


async def test_a_pause_outlives_an_outage_and_limits_hold_within_two_seconds(
    engine: str, options: Options, source: StandIn, target: StandIn, tmp_path: Path
) -> None:
    source.faults.rate("Scan", "slow", 1.0, 0.2)
    write_config(tmp_path, between(source, target, retryBudgetSeconds=BUDGET))
    async with running(tmp_path, "run", "config.yaml", *options(engine)) as cli:
        await batches(target, 5)
        target.faults.rate("BatchWriteItem", "error_500", 1.0)
        await cli.wait_for("target failing since ", 60)
        assert (await steered(tmp_path / "savepoints", "pause"))["ok"]
        await told(tmp_path / "savepoints", "State paused")
        asked = await quiet(target)
        await asyncio.sleep(BUDGET)
        assert target.requests["BatchWriteItem"] == asked
        target.faults.clear()
        source.faults.clear()  # nothing but the limit holds it back
        assert (await steered(tmp_path / "savepoints", "set", f"writeThroughput={RATE}"))["ok"]
        assert (await steered(tmp_path / "savepoints", "resume"))["text"] == "going on"
        await batches(target, asked + 1)
        await asyncio.sleep(2)
        began, before = time.monotonic(), len(target.items(TABLE))
        await asyncio.sleep(2)
        more, seconds = len(target.items(TABLE)) - before, time.monotonic() - began
        assert more <= RATE * seconds + stretched(30)  # what was let through before may come late
        left = len(ITEMS) - len(target.items(TABLE))
        assert left > 8 * RATE
        assert (await steered(tmp_path / "savepoints", "set", "writeThroughput=none"))["ok"]
        await written(target, within=left / RATE)  # as long as it would take with the limit
        result = await cli.wait(60)
    assert result.code == 0, result
    assert same_items(target.items(TABLE), ITEMS)


@pytest.mark.parametrize(
    "engine", ["processes", pytest.param("dask", marks=pytest.mark.xdist_group("dask"))]
)
async def test_what_workers_see_is_told_at_home(
    engine: str, options: Options, source: StandIn, target: StandIn, tmp_path: Path
) -> None:
    """Which segments are throttled, on the status page; in the log what is for debugging."""
    write_config(tmp_path, between(source, target, segments=SEGMENTS))
    port = free_port()
    words = ("--status", str(port), "--log-level", "debug")
    source.faults.rate("Scan", "overload", 0.8)
    async with running(tmp_path, "run", "config.yaml", *options(engine), *words) as cli:
        await cli.wait_for(f":{port}/", 60)
        async with asyncio.timeout(stretched(60)):
            throttled = 0
            while not throttled:
                for found in re.findall(PICTURE, await page(port)):
                    done, under_way, throttled = map(int, found)
                    assert done + under_way <= SEGMENTS
                await asyncio.sleep(0.2)  # the page is made once a second
        source.faults.clear()
        await cli.wait_for(" BatchWriteItem: ", 60)
        assert (await cli.wait(60)).code == 0
    assert same_items(target.items(TABLE), ITEMS)


async def page(port: int) -> str:
    """The status page."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/") as page:
        return await page.text()
