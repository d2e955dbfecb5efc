"""The stand-in as a process of its own."""

import asyncio
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.contract.conftest import Client, text_items
from tests.servers.patience import stretched

pytestmark = pytest.mark.stand_in
ROOT = Path(__file__).parents[2]


async def start(*arguments: str) -> tuple[asyncio.subprocess.Process, str]:
    """The process and the URL it prints first."""
    command = (sys.executable, "-m", "tests.standin", *arguments)
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), timeout=stretched(20))
    word, url = line.decode().split()
    assert word == "listening"
    return process, url


async def refusal(*arguments: str) -> str:
    """What a command line that is refused says."""
    command = (sys.executable, "-m", "tests.standin", *arguments)
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )
    _, told = await asyncio.wait_for(process.communicate(), timeout=stretched(20))
    assert process.returncode == 2
    return told.decode()


@pytest.mark.parametrize("option", ["--next=Scan:slow:1:0.3", "--rate=Scan:slow:1:0.3"])
async def test_slow_answers_take_the_seconds_that_were_given(session: Any, option: str) -> None:
    process, url = await start(option)
    try:
        client = Client(session, url)
        table = await client.table()
        began = time.monotonic()
        assert await client.scan(table) == []
        assert time.monotonic() - began >= 0.3
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), timeout=stretched(10))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--next", "bogus"], "no operation 'bogus'"),
        (["--next", "Scan:bogus"], "no kind 'bogus'"),
        (["--next", "Scan:overload:many"], "TIMES must be"),
        (["--next", "Scan:overload:1:soon"], "not 'soon'"),
        (["--next", "Scan:overload:1:2:3"], "too many parts"),
        (["--next", "Scan:slow"], "slow needs SECONDS"),
        (["--rate", "Scan:slow_500:0.5"], "slow_500 needs SECONDS"),
        (["--rate", "Scan:overload"], "must be a number"),
        (["--rate", "Scan:overload:2"], "PROBABILITY must be at most 1"),
    ],
    ids=str,
)
async def test_faults_that_cannot_be_are_usage_errors(arguments: list[str], told: str) -> None:
    message = await refusal(*arguments)
    assert message.startswith("usage: ")
    assert told in message
    assert "Traceback" not in message


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_serves_dumps_and_stops(session: Any, number: signal.Signals) -> None:
    process, url = await start("--nodes", "2", "--next", "Scan:overload:1")
    try:
        client = Client(session, url)
        table = await client.table()
        await client.put(table, *text_items(30))
        dumped = (await client.get(f"/stand-in/dump?table={table}")).body
        assert sorted(item["id"]["S"] for item in dumped) == sorted(
            item["id"]["S"] for item in text_items(30)
        )
        answer = await client.call("Scan", {"TableName": table})
        assert answer.error[1] == "RequestLimitExceeded"
        assert await client.scan(table) == dumped
    finally:
        process.send_signal(number)
        assert await asyncio.wait_for(process.wait(), timeout=stretched(10)) == 0
