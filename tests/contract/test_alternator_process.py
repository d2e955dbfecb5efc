"""The stand-in as a process of its own."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.contract.conftest import Client, text_items

pytestmark = pytest.mark.stand_in
ROOT = Path(__file__).parents[2]


async def start(*arguments: str) -> tuple[asyncio.subprocess.Process, str]:
    """The process and the URL it prints first."""
    command = (sys.executable, "-m", "tests.standin", *arguments)
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), timeout=20)
    word, url = line.decode().split()
    assert word == "listening"
    return process, url


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
        assert await asyncio.wait_for(process.wait(), timeout=10) == 0
