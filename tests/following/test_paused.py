"""A pause while changes are followed: they are kept, written afterwards in their order, and survive
a kill."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from alternator_migrate.monitor import ask, socket_of
from tests.following.conftest import Table, until
from tests.servers.cli import running


async def steered(table: Table, *words: str) -> dict[str, Any]:
    """The answer of the run to a command."""
    return await asyncio.to_thread(ask, _socket(table), words)


def _socket(table: Table) -> Path:
    folder = table.folder / "savepoints"
    (name,) = (each.stem for each in folder.glob("control_*.sock"))
    socket = socket_of(folder, name)
    assert socket
    return socket


def kept(table: Table) -> int:
    """Changes in the spool, as the newest savepoint has them; -1 while it is not used."""
    stream = table.kept["stream"]
    assert stream["phase"] in ("live", "replay")
    return int(stream["spool"]["changes"]) if stream["phase"] == "replay" else -1


async def change(table: Table, version: int) -> None:
    """Change an item, make one, and delete one."""
    await table.put(1, version)
    await table.put(1000 + version)
    await table.remove(2 + version)


@pytest.mark.parametrize("ending", ["resume", "kill", "stop"])
async def test_changes_made_during_a_pause_are_kept_and_written_after_it(
    table: Table, ending: str
) -> None:
    table.configure()
    async with running(table.folder, "run", "config.yaml") as cli:
        await change(table, 1)
        await cli.wait_for("has caught up", 60)
        await steered(table, "pause")

        async def is_kept() -> bool:
            return kept(table) >= 0

        await until(is_kept)
        await change(table, 2)
        await change(table, 3)

        async def all_kept() -> bool:
            return kept(table) == 2 * 3

        await until(all_kept)
        assert not await table.equal()
        state = await steered(table, "status")
        assert re.search(r"State paus(ing|ed) \(by you since", state["text"])
        assert "caught up" not in state["text"]
        if ending == "kill":
            await cli.kill()
        elif ending == "stop":
            await steered(table, "stop")
            assert (await cli.wait(60)).code == 143
        else:
            await change(table, 4)
            assert (await steered(table, "resume"))["ok"]
            await change(table, 5)
            await until(table.equal)
    async with running(table.folder, "run", "config.yaml", "--until-caught-up") as cli:
        result = await cli.wait(60)
    assert result.code == 0, result
    assert await table.equal()
    counts = table.kept["stream"]
    assert not [*(table.folder / "savepoints").glob("spool_*")], counts


async def test_a_pause_in_the_copy_keeps_changes_and_outlives_the_copy_of_all_that_was_read(
    table: Table,
) -> None:
    table.configure(source={"readThroughput": 5})
    async with running(table.folder, "run", "config.yaml", "--until-caught-up") as cli:
        await cli.wait_for("steer it with", 60)
        await steered(table, "pause")

        async def placed() -> bool:
            saved = any((table.folder / "savepoints").glob("savepoint_*.yaml"))
            return saved and bool((table.kept["stream"] or {}).get("shards"))

        await until(placed)
        await change(table, 1)

        async def spooled() -> bool:
            stream = table.kept["stream"]
            return bool(stream.get("spool") and stream["spool"]["changes"] >= 3)

        await until(spooled)
        await steered(table, "resume")
        assert (await cli.wait(90)).code == 0
    assert await table.equal()
