"""What every test of following starts from."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.servers.client import call, create_table, fill, scan_all
from tests.servers.guarded import kind_of
from tests.servers.patience import stretched
from tests.standin import StandIn
from tests.support.jobs import Job, dynamodb, job, standin_side, write_config
from tests.support.shapes import same_items

RULE = {"maxLagSeconds": 5, "forSeconds": 1}
OFTEN = 0.2
UNTIL = ("--until-caught-up", "--summary-json", "summary.json")
STOPPED = "stopped"
WRITERS_STOP = {"onCaughtUp": f"until [ -e {STOPPED} ]; do sleep 0.05; done"}
"""Hooks: a run until caught up, which is caught up at any moment that nothing is written for a
second, ends only once the test has said by a file STOPPED that it writes no more."""


class Table:
    """A table of DynamoDB Local, the stand-in it goes to, and a folder for the tool."""

    def __init__(self, url: str, name: str, target: StandIn, folder: Path) -> None:
        self.url, self.name, self.target, self.folder = url, name, target, folder

    async def put(self, number: int, version: int = 0, **more: Any) -> None:
        """Store an item."""
        item = {"pk": {"S": f"i{number}"}, "v": {"N": str(version)}, **more}
        await call(self.url, "PutItem", {"TableName": self.name, "Item": item})

    async def remove(self, number: int) -> None:
        """Delete an item."""
        key = {"pk": {"S": f"i{number}"}}
        await call(self.url, "DeleteItem", {"TableName": self.name, "Key": key})

    def configure(self, **more: Any) -> Path:
        """Write config.yaml: a copy with following; `more` replaces sections."""
        target: Mapping[str, Any] = {"streamChanges": True, **more.pop("target", {})}
        own: Mapping[str, Any] = {"scanSegments": 2, **more.pop("source", {})}
        source = dynamodb(self.url, self.name, **own)
        ends = source, standin_side(self.target, self.name, **target)
        path = str(self.folder / "savepoints")
        rest = {"savepoints": {"path": path, "intervalSeconds": OFTEN}, "cutover": RULE, **more}
        content: Job = job(*ends, **rest)
        return write_config(self.folder, content)

    def writers_have_stopped(self) -> None:
        """What a run with the hooks WRITERS_STOP waits for."""
        (self.folder / STOPPED).touch()

    async def equal(self) -> bool:
        """Whether the target has what the source has."""
        there = self.target.items(self.name)
        return same_items(there, await scan_all(self.url, self.name))

    @property
    def kept(self) -> dict[str, Any]:
        """`progress` of the newest savepoint; of a run that goes on, one of the newest, which it
        keeps."""
        for _ in range(10):
            newest = max((self.folder / "savepoints").glob("savepoint_*.yaml"))
            with suppress(FileNotFoundError):  # newer ones came meanwhile
                return dict(json.loads(newest.read_text())["progress"])
        raise TimeoutError("savepoints come faster than they can be read")


async def enable(table: Table, view: str) -> None:
    """Give the source a stream with these views of changes."""
    specification = {"StreamEnabled": True, "StreamViewType": view}
    await call(
        table.url, "UpdateTable", {"TableName": table.name, "StreamSpecification": specification}
    )


async def until(what: Any, seconds: float = 60) -> None:
    """Return when `await what()` is true."""
    async with asyncio.timeout(stretched(seconds)):
        while not await what():  # noqa: ASYNC110 # another process's doing
            await asyncio.sleep(0.05)


@pytest.fixture
async def table(
    dynamodb_local: str, table_name: str, standin: StandIn, tmp_path: Path
) -> AsyncIterator[Table]:
    """A table of 100 items, without a stream."""
    await create_table(dynamodb_local, table_name)
    items = [{"pk": {"S": f"i{n}"}, "v": {"N": "0"}} for n in range(100)]
    await fill(dynamodb_local, table_name, items)
    yield Table(dynamodb_local, table_name, standin, tmp_path)
    await call(dynamodb_local, "DeleteTable", {"TableName": table_name})


@pytest.fixture
async def standin(request: pytest.FixtureRequest) -> AsyncIterator[StandIn]:
    """An Alternator of one node; see `EITHER`."""
    async with kind_of(request)() as server:
        yield server
