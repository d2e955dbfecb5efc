"""SIGINT and SIGTERM at every stage: in time, in good order, with numbers that hold."""

import asyncio
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.servers.cli import Cli, Result, running
from tests.servers.patience import stretched
from tests.support.cli import (
    ONE_AT_A_TIME,
    TABLE,
    Ends,
    deaf_server,
    flags,
    signed,
    until,
)

STOPS = {signal.SIGINT: 130, signal.SIGTERM: 143}
SECONDS = 5
SUMMARY = ("--summary-json", "-")


async def stopped(cli: Cli, number: signal.Signals) -> Result:
    """How the command ended after a signal; it had to within the promised time."""
    began = time.monotonic()
    cli.send_signal(number)
    result = await cli.wait(20)
    assert time.monotonic() - began < stretched(SECONDS)
    assert result.code == STOPS[number], result
    for complaint in ("Traceback", "Task was destroyed", "never awaited", "Unclosed", "Aborted"):
        assert complaint not in result.err
    return result


def counts(summary: str) -> dict[str, int]:
    """The items of the only table of a summary whose run was stopped."""
    told: dict[str, Any] = json.loads(summary)
    assert told["status"] == "stopped"
    assert told["error"] is None
    (table,) = told["tables"]
    return dict(table["items"])


@pytest.mark.parametrize("number", STOPS)
async def test_a_run_stops_in_good_order(
    ends: Ends, tmp_path: Path, number: signal.Signals
) -> None:
    ends.slow_down_target(0.15)
    options = ends.flags(*ONE_AT_A_TIME, *SUMMARY, "--set=target.maxItemsPerBatch=3")
    async with running(tmp_path, "run", *options, env=signed()) as cli:
        await until(lambda: len(ends.target.store.tables) == 1)
        await until(lambda: len(ends.target.items(TABLE)) >= 6)
        result = await stopped(cli, number)
    items = counts(result.out)
    there = len(ends.target.items(TABLE))
    assert 6 <= items["written"] <= there <= items["read"] == 40
    assert items["rejected"] == items["skipped_expired"] == 0
    assert "Migration stopped" in result.err


async def test_what_is_read_is_written_when_there_is_time(ends: Ends, tmp_path: Path) -> None:
    ends.slow_down_target(1)
    options = ends.flags(*SUMMARY)
    async with running(tmp_path, "run", *options, env=signed()) as cli:
        await until(lambda: ends.target.requests["BatchWriteItem"] > 0)
        result = await stopped(cli, signal.SIGTERM)
    items = counts(result.out)
    assert 0 < items["read"] == items["written"] == len(ends.target.items(TABLE))


async def test_a_target_too_slow_for_the_backlog_does_not_hold_it_up(
    ends: Ends, tmp_path: Path
) -> None:
    ends.slow_down_target(3)
    options = ends.flags(*ONE_AT_A_TIME, *SUMMARY, "--set=target.maxItemsPerBatch=5")
    async with running(tmp_path, "run", *options, env=signed()) as cli:
        await until(lambda: ends.target.requests["BatchWriteItem"] > 0)
        result = await stopped(cli, signal.SIGINT)
    assert counts(result.out)["written"] <= len(ends.target.items(TABLE)) < 40


@pytest.mark.parametrize("operation", ["CreateTable", "Scan"])
async def test_an_answer_that_does_not_come_does_not_hold_it_up(
    ends: Ends, tmp_path: Path, operation: str
) -> None:
    side = ends.target if operation == "CreateTable" else ends.source
    side.faults.rate(operation, "slow", 1.0, seconds=25)
    async with running(tmp_path, "run", *ends.flags(*SUMMARY), env=signed()) as cli:
        await until(lambda: side.requests[operation] > 0)
        result = await stopped(cli, signal.SIGTERM)
    told = json.loads(result.out)
    assert (told["status"], told["error"]) == ("stopped", None)
    assert not any(table["items"]["read"] for table in told["tables"])


async def test_waits_between_repeated_attempts_do_not_hold_it_up(
    ends: Ends, tmp_path: Path
) -> None:
    ends.target.faults.rate("BatchWriteItem", "overload", 1.0)
    async with running(tmp_path, "run", *ends.flags(*SUMMARY), env=signed()) as cli:
        await until(lambda: ends.target.requests["BatchWriteItem"] > 12)
        result = await stopped(cli, signal.SIGTERM)
    assert counts(result.out)["written"] == len(ends.target.items(TABLE)) == 0


async def test_the_second_signal_leaves_at_once(ends: Ends, tmp_path: Path) -> None:
    ends.slow_down_target(20)
    async with running(tmp_path, "run", *ends.flags(*ONE_AT_A_TIME), env=signed()) as cli:
        await until(lambda: ends.target.requests["BatchWriteItem"] > 0)
        cli.send_signal(signal.SIGINT)
        await cli.wait_for("stopping", 20)
        began = time.monotonic()
        cli.send_signal(signal.SIGINT)
        result = await cli.wait(20)
    assert time.monotonic() - began < stretched(2)
    assert result.code == 130
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("command", "number"),
    [("run", signal.SIGINT), ("run", signal.SIGTERM), ("plan", signal.SIGINT)],
)
async def test_a_target_that_never_answers_can_be_left(
    ends: Ends, tmp_path: Path, command: str, number: signal.Signals
) -> None:
    async with deaf_server() as deaf:
        options = flags(ends.source.url, deaf.url)
        async with running(tmp_path, command, *options, env=signed()) as cli:
            await asyncio.wait_for(deaf.asked.wait(), stretched(30))
            began = time.monotonic()
            cli.send_signal(number)
            result = await cli.wait(20)
    assert time.monotonic() - began < stretched(SECONDS)
    assert result.code == STOPS[number]
    assert "Traceback" not in result.err
    assert "never retrieved" not in result.err


async def test_a_signal_while_the_configuration_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.yaml")
    async with running(tmp_path, "run", "config.yaml", env=signed()) as cli:
        # Opening for writing succeeds once the command has opened the pipe for reading.
        writing = await asyncio.wait_for(opened(tmp_path / "config.yaml"), stretched(30))
        cli.send_signal(signal.SIGINT)
        os.close(writing)  # a signal just before the read would else wait for what never comes
        result = await cli.wait(20)
        assert result.code == STOPS[signal.SIGINT]
        assert "Traceback" not in result.err


async def opened(pipe: Path) -> int:
    """The writing end of a named pipe, as soon as somebody reads it."""
    while True:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            await asyncio.sleep(0.02)
