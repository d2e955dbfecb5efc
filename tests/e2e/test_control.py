"""Steering a run while it lasts: pauses, limits, stopping, on every engine."""

import asyncio
import json
import os
import signal
import stat
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from alternator_migrate.core.state import CopyState
from alternator_migrate.monitor import ask, socket_of
from tests.e2e.stage import COUNT, TABLE, Stage
from tests.servers.cli import Cli
from tests.servers.client import call
from tests.servers.guarded import either
from tests.servers.patience import stretched
from tests.standin.state import Index
from tests.support.cli import until
from tests.support.reread import Reread
from tests.support.tables import definitions, index


async def steered(stage: Stage, *words: str) -> dict[str, Any]:
    """The answer of the run to a command."""
    socket = await listening(stage.savepoints)
    return await asyncio.to_thread(ask, socket, words)


async def listening(folder: Path) -> Path:
    """The socket of the run whose savepoints are in a folder."""
    await until(lambda: bool(sockets(folder)))
    return sockets(folder)[0]


def sockets(folder: Path) -> list[Path]:
    """The sockets of the runs in a folder; where their path is too long, they are elsewhere."""
    found = [socket_of(folder, each.stem) for each in folder.glob("control_*.sock")]
    return [each for each in found if each and each.exists()]


async def paused(stage: Stage) -> None:
    """Pause a run; return when it has written what was read, and a savepoint after that."""
    before = stage.saved()
    assert (await steered(stage, "pause"))["ok"]
    await until(lambda: stage.saved()[-1:] != before[-1:])


async def told(stage: Stage, words: str) -> None:
    """Return once the run says so of its state."""
    async with asyncio.timeout(stretched(60)):
        while words not in (await steered(stage, "status"))["text"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def asked(stage: Stage) -> Sequence[int]:
    """The requests to both sides that move items."""
    return stage.source.requests["Scan"], stage.target.requests["BatchWriteItem"]


def lines(cli: Cli, word: str) -> list[str]:
    """The lines on standard error with a word in them."""
    return [line for line in cli.result.err.splitlines() if word in line]


async def test_a_pause_holds_until_its_own_resume_and_nothing_is_lost(stage: Stage) -> None:
    budget = stretched(2)
    stage.write(retryBudgetSeconds=budget)
    stage.read_slowly(1.0)
    async with stage.run("--progress", "lines") as cli:
        await stage.written(60)
        await paused(stage)
        stage.hurry()
        assert (await steered(stage, "pause"))["text"] == "paused already"
        point = await stage.claims_hold()
        assert point.state.items.written >= 60
        before = asked(stage)
        os.kill(cli.pid, signal.SIGUSR1)
        await until(lambda: bool(lines(cli, "State paused (by you since ")))
        await asyncio.sleep(budget + 0.5)
        assert asked(stage) == before
        assert (await steered(stage, "resume"))["text"] == "going on"
        result = await cli.wait(60)
    assert result.code == 0, result
    stage.is_equal()


@pytest.mark.parametrize("killed", [signal.SIGTERM, signal.SIGKILL])
async def test_a_paused_run_stops_at_once_and_goes_on_from_where_it_was(
    stage: Stage, killed: signal.Signals
) -> None:
    stage.read_slowly(1.0)
    stage.source.record, reread = True, Reread(stage.source.table(TABLE))
    async with stage.run() as cli:
        await stage.written(60)
        await paused(stage)
        cli.send_signal(killed)
        result = await cli.wait(60)
    assert result.code == (143 if killed == signal.SIGTERM else -9)
    assert bool(sockets(stage.savepoints)) is (killed == signal.SIGKILL)
    read, state = scans(stage), stage.newest().state
    assert reread.again(read, CopyState()) == 0
    stage.hurry()
    await stage.completes()
    after = scans(stage)[len(read) :]
    assert after
    assert reread.again(after, state) == 0
    assert not sockets(stage.savepoints)


def scans(stage: Stage) -> list[dict[str, Any]]:
    """The Scans that the source was asked for by now."""
    return [body for operation, body in stage.source.log if operation == "Scan"]


async def test_a_pause_lets_the_index_under_way_be_built_and_no_other(stage: Stage) -> None:
    for name in ("by-t", "by-u"):
        more: dict[str, Any] = {
            "AttributeDefinitions": definitions(**{name[-1]: "S"}),
            "GlobalSecondaryIndexUpdates": [{"Create": index(name, name[-1])}],
        }
        await call(stage.source.url, "UpdateTable", {"TableName": TABLE, **more})
    stage.target.settings.backfill_polls = 10**6
    stage.write(target__indexes="after")
    async with stage.run() as cli:
        await until(lambda: bool(built(stage)))
        assert (await steered(stage, "pause"))["ok"]
        (first,) = built(stage).values()
        assert "pausing (by you" in (await steered(stage, "status"))["text"]
        looks = stage.target.requests["DescribeTable"]
        first.building = stage.target.settings.backfill_polls = 0
        await until(lambda: stage.target.requests["DescribeTable"] > looks)
        await told(stage, "State paused (by you")
        assert len(built(stage)) == 1
        assert (await steered(stage, "resume"))["ok"]
        assert (await cli.wait(60)).code == 0
    assert [*built(stage)] == ["by-t", "by-u"]
    stage.is_equal()


def built(stage: Stage) -> dict[str, Index]:
    """The indexes of the target by now."""
    table = stage.target.store.tables.get(TABLE)
    return table.indexes if table else {}


async def test_a_limit_holds_within_two_seconds_and_is_told(stage: Stage) -> None:
    stage.write(target__writeThroughput=5000)
    stage.read_slowly(1.0)
    async with stage.run() as cli:
        await stage.written(60)
        answer = await steered(stage, "set", "writeThroughput=20", "maxConnections=1")
        assert answer["ok"]
        assert answer["text"].splitlines() == [
            "writeThroughput: 20 units/s (the configuration allows 5,000), was 5,000 units/s",
            "maxConnections: 1 batches written at once (the configuration allows 4), "
            "was 4 batches written at once",
        ]
        stage.hurry()  # nothing but the limit holds it back
        await asyncio.sleep(2)
        began, before = time.monotonic(), len(stage.target.items(TABLE))
        await asyncio.sleep(2)
        after, seconds = len(stage.target.items(TABLE)), time.monotonic() - began
        assert after - before <= 20 * seconds + stretched(30)  # what was let through may come late
        assert COUNT - after > 8 * 20
        assert lines(cli, "writeThroughput: 20 units/s")
        beyond = await steered(stage, "set", "writeThroughput=6000")
        assert not beyond["ok"]
        assert "beyond the 5,000 units/s that the configuration allows" in beyond["text"]
        assert (await steered(stage, "set", "writeThroughput=none"))["ok"]
        told = (await steered(stage, "get", "writeThroughput"))["text"]
        assert told.startswith("writeThroughput: 5,000 units/s; changed at ")
        async with asyncio.timeout((COUNT - after) / 20):  # as long as it would take with the limit
            await stage.written(COUNT)
        assert (await cli.wait(60)).code == 0
    stage.is_equal()


async def test_commands_are_found_by_the_configuration_and_answer_mistakes(stage: Stage) -> None:
    none = await stage.ended("control", "config.yaml", "resume")
    assert none.code == 2
    assert "is not running" in none.err
    assert "`alternator-migrate run` goes on" in none.err
    alone = await stage.ended("control", "config.yaml")
    assert (alone.code, "a command is missing" in alone.err) == (2, True)
    stage.read_slowly(2.0)
    async with stage.run() as cli:
        socket = await listening(stage.savepoints)
        assert stat.S_IMODE(socket.stat().st_mode) == 0o600
        paused = await stage.ended("control", "config.yaml", "pause", "--json")
        assert (paused.code, json.loads(paused.out)["ok"]) == (0, True)
        wrong = await stage.ended("control", "config.yaml", "resme")
        assert wrong.code == 1
        assert "no such command: resme" in wrong.err
        assert "did you mean resume?" in wrong.err
        sides = ("--source-endpoint", stage.source.url, "--target-endpoint", stage.target.url)
        named = ("--table", TABLE, "--source-type", "alternator", *sides)
        assert (await stage.ended("control", *named, "resume")).out == "going on\n"
        stopped = await stage.ended("control", "config.yaml", "stop")
        assert stopped.code == 0
        assert (await cli.wait(60)).code == 143
        assert lines(cli, "control: stop (control socket, process ")


@either("stage")
async def test_bare_words_are_answered_in_words(stage: Stage) -> None:
    stage.read_slowly(1.0)
    async with stage.run() as cli:
        await stage.written(60)
        socket = str(await listening(stage.savepoints))
        assert (await bare(socket, b"writeThroughput=?\n")).startswith("writeThroughput: no limit")
        assert "set NAME=VALUE ..." in await bare(socket, b"help\n")
        assert await bare(socket, b"pause\n") == "pausing"
        assert "command" in await bare(socket, b'{"nothing": 1}\n')
        assert "not a command" in await bare(socket, b"\xff\xfe\n")
        assert await bare(socket, b"resume\n") == "going on"
        stage.hurry()
        assert (await cli.wait(60)).code == 0
    stage.is_equal()


async def bare(socket: str, line: bytes) -> str:
    """What is answered to a line, up to the end of the connection or its first line of JSON."""
    reader, writer = await asyncio.open_unix_connection(socket)
    writer.write(line)
    async with asyncio.timeout(stretched(10)):
        answer = await (reader.readline() if line.startswith(b"{") else reader.read())
    writer.close()
    return answer.decode().strip()


async def test_slow_and_hostile_clients_leave_the_run_alone(stage: Stage) -> None:
    stage.read_slowly(1.0)
    async with stage.run() as cli:
        await stage.written(60)
        socket = str(await listening(stage.savepoints))
        silent = [await asyncio.open_unix_connection(socket) for _ in range(31)]
        with suppress(OSError):
            reader, writer = await asyncio.open_unix_connection(socket)
            writer.write(b"x" * 100_000)
            await writer.drain()
            assert not await reader.read()
        assert await bare(socket, b"resume\n") == "not paused"
        for _, writer in silent:
            writer.close()
        stage.hurry()
        assert (await cli.wait(60)).code == 0
    stage.is_equal()


async def test_files_a_command_and_a_url_hold_a_run_back_each_by_itself(stage: Stage) -> None:
    file, shared, flag = (stage.folder / name for name in ("mine", "shared", "flag"))
    stage.write(
        throttle={
            "file": str(file),
            "hostFile": str(shared),
            "command": f"test ! -e {flag} || (echo the cluster is busy; false)",
            "seconds": 1.5,
        }
    )
    stage.read_slowly()
    file.touch()
    async with stage.run("--progress", "lines") as cli:
        await until(lambda: bool(lines(cli, "paused: throttle.file")))
        shared.touch()
        flag.touch()
        await until(lambda: bool(lines(cli, "paused: throttle.hostFile")))
        await told(stage, "throttle.command ended with exit code 1: the cluster is busy")
        assert lines(cli, "paused: throttle.command")
        answer = await steered(stage, "resume")
        assert answer["text"].startswith("still paused: throttle.file")
        file.unlink()
        shared.unlink()
        await until(lambda: bool(lines(cli, "no longer paused")))
        assert stage.source.requests["Scan"] <= 1  # the look at the filter, if any
        flag.unlink()
        await until(lambda: bool(lines(cli, "going on: no longer paused")))
        stage.hurry()
        assert (await cli.wait(60)).code == 0
    stage.is_equal()


async def test_a_folder_too_deep_for_a_socket_says_where_it_is(stage: Stage) -> None:
    deep = stage.folder / ("d" * 60) / ("e" * 60)
    stage.write(savepoints__path=str(deep))
    stage.read_slowly(2.0)
    async with stage.run() as cli:
        elsewhere = await listening(deep)
        (pointer,) = deep.glob("control_*.sock")
        assert pointer.read_text() == str(elsewhere)
        assert stat.S_IMODE(elsewhere.parent.stat().st_mode) == 0o700, elsewhere
        assert (await stage.ended("control", "config.yaml", "get")).code == 0
        await stage.ended("control", "config.yaml", "stop")
        assert (await cli.wait(60)).code == 143
    assert [each for each in (elsewhere, pointer) if each.exists()] == []
