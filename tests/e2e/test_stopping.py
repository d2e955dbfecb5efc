"""Stopping in good order, whatever stops it and whenever, and going on from any savepoint."""

import asyncio
import os
import pty
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stage import SEGMENTS, TABLE, Stage, refusing
from tests.servers import faults
from tests.servers.cli import environment
from tests.servers.client import call
from tests.servers.patience import stretched
from tests.servers.process import bound
from tests.servers.proxy import FaultProxy
from tests.support.cli import until
from tests.support.tables import definitions, index

ADOPT = (
    "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    "os.execv(sys.executable, [sys.executable, '-m', 'alternator_migrate', *sys.argv[1:]])"
)


async def test_an_older_savepoint_in_place_of_the_configuration_goes_on_too(stage: Stage) -> None:
    stage.write(savepoints={"path": str(stage.savepoints), "intervalSeconds": 0.2})
    stage.read_slowly()
    async with stage.run() as cli:
        await stage.written(200)
        cli.send_signal(signal.SIGTERM)
        result = await cli.wait(20)
    stage.hurry()
    assert result.code == 143
    assert result.err.splitlines()[-1].endswith(stage.newest_path().name)
    assert (await stage.claims_hold()).status == "stopped"
    oldest = stage.saved()[0]
    assert len(stage.saved()) == 3
    (stage.folder / "config.yaml").unlink()
    whole = await stage.completes(str(oldest))
    assert whole["savepoint"].endswith(stage.newest_path().name)


async def test_a_hangup_under_nohup_is_nothing(stage: Stage) -> None:
    stage.read_slowly()
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    running = stage.run()
    try:
        cli = await running.__aenter__()
    finally:
        signal.signal(signal.SIGHUP, before)
    try:
        await stage.written(60)
        cli.send_signal(signal.SIGHUP)
        await stage.written(160)
        stage.hurry()
        assert (await cli.wait(30)).code == 0
    finally:
        await running.__aexit__(None, None, None)
    stage.is_equal()


@asynccontextmanager
async def on_a_terminal(folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """A run whose controlling terminal is the other side of a descriptor."""
    master, slave = pty.openpty()
    try:
        process = await asyncio.create_subprocess_exec(
            *bound([sys.executable, "-c", ADOPT, "run", "config.yaml"]),
            cwd=folder,
            env=environment(folder, {"TERM": "xterm"}),
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
    finally:
        os.close(slave)
    try:
        yield process, master
    finally:
        if process.returncode is None:
            process.kill()
            await asyncio.wait_for(process.wait(), stretched(10))


async def test_a_terminal_that_goes_away_stops_it_in_good_order(stage: Stage) -> None:
    stage.read_slowly()
    async with on_a_terminal(stage.folder) as (process, master):
        await stage.written(60)
        os.close(master)
        assert await asyncio.wait_for(process.wait(), stretched(20)) == 128 + signal.SIGHUP
    stage.hurry()
    assert (await stage.claims_hold()).status == "stopped"
    await stage.completes()


async def test_a_stop_before_the_copy_leaves_a_savepoint_that_goes_on(stage: Stage) -> None:
    stage.target.faults.rate("CreateTable", "slow", 1.0, 30)
    async with stage.run() as cli:
        await until(lambda: stage.target.requests["CreateTable"] > 0)
        cli.send_signal(signal.SIGINT)
        result = await cli.wait(20)
    assert result.code == 130
    assert result.err.splitlines()[-1].endswith(stage.newest_path().name)
    stage.hurry()
    stage.target.store.tables.clear()
    await stage.completes()


async def test_a_run_that_goes_on_and_is_stopped_at_once_names_its_savepoint(stage: Stage) -> None:
    stage.read_slowly()
    async with FaultProxy(stage.target.url) as proxy:
        stage.write(target__endpoint={"url": proxy.url})
        for hangs in (False, True):
            async with stage.run() as cli:
                if hangs:
                    await until(lambda: proxy.faults["hang"] > 0)
                else:
                    await stage.written(60)
                cli.send_signal(signal.SIGTERM)
                result = await cli.wait(20)
            assert result.code == 143
            assert result.err.splitlines()[-1].endswith(stage.newest_path().name)
            proxy.always("*", faults.hang())
    assert "Traceback" not in result.err


@pytest.mark.parametrize("fault", ["slow", "schema_500"])
async def test_a_kill_while_the_target_table_is_made(stage: Stage, fault: str) -> None:
    stage.target.faults.rate("CreateTable", fault, 1.0, 20)
    async with stage.run() as cli:
        await until(lambda: stage.target.requests["CreateTable"] > 0)
        await cli.kill()
    stage.hurry()
    whole = await stage.completes()
    assert whole["tables"][0]["segments"]["total"] == SEGMENTS


async def test_a_reject_limit_saves_what_it_did_and_a_higher_one_goes_on(stage: Stage) -> None:
    async with refusing(stage, "item 7", "item 300"):
        result = await stage.ended("run", "config.yaml", "--set=maxRejects=0")
        assert (result.code, "maxRejects" in result.err) == (1, True), result
        assert (await stage.claims_hold()).status == "failed"
        result = await stage.ended("run", "config.yaml")
        assert result.code == 3, result
        again = await stage.ended("run", "config.yaml")
        assert (again.code, "done already" in again.err) == (3, True), again
    point = stage.newest()
    assert point.status == "rejects"
    items = point.state.items
    assert (items.read, items.written, items.rejected) == (600, 598, 2)
    assert {line["key"]["pk"]["S"] for line in stage.rejects()} == {"item 7", "item 300"}


async def test_an_index_that_is_being_built_is_gone_on_waiting_for(stage: Stage) -> None:
    more: dict[str, Any] = {
        "AttributeDefinitions": definitions(t="S"),
        "GlobalSecondaryIndexUpdates": [{"Create": index("by-t", "t")}],
    }
    await call(stage.source.url, "UpdateTable", {"TableName": TABLE, **more})
    stage.target.settings.backfill_polls = 10**6
    stage.write(target__indexes="after")
    async with stage.run() as cli:
        await until(lambda: any(table.indexes for table in stage.target.store.tables.values()))
        cli.send_signal(signal.SIGTERM)
        assert (await cli.wait(20)).code == 143
    point = stage.newest()
    assert (point.status, len(point.state.done)) == ("stopped", SEGMENTS)
    for each in stage.target.table(TABLE).indexes.values():
        each.building = 0
    batches = stage.target.requests["BatchWriteItem"]
    await stage.completes()
    assert stage.target.requests["BatchWriteItem"] == batches
