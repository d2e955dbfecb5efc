"""The servers that the port's contract holds for, with the same writes to each."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from alternator_migrate.dynamodb.table_schema import KeyElement, TableSpec
from tests.servers.client import Item, call, create_table
from tests.servers.scripted_streams import LOCAL_ARN, StreamScript, scripted_streams
from tests.standin import StandIn

SPEC = TableSpec(
    "Example", (KeyElement("pk", "HASH"), KeyElement("sk", "RANGE")), {"pk": "S", "sk": "N"}
)


class Served(Protocol):
    """A table with a stream on some server; its keys are those of SPEC."""

    url: str

    @property
    def arn(self) -> str:
        """The stream's."""
        ...

    async def put(self, item: Item) -> None:
        """Store an item."""
        ...

    async def delete(self, key: Item) -> None:
        """Delete an item that is there."""
        ...

    async def close(self) -> None:
        """Close all shards."""
        ...


@dataclass
class OnServer:
    """A table of a server with a table API."""

    url: str
    arn: str
    name: str
    standin: StandIn | None = None

    async def put(self, item: Item) -> None:
        """PutItem."""
        await call(self.url, "PutItem", {"TableName": self.name, "Item": item})

    async def delete(self, key: Item) -> None:
        """DeleteItem."""
        await call(self.url, "DeleteItem", {"TableName": self.name, "Key": key})

    async def close(self) -> None:
        """A new generation; DynamoDB Local closes shards only when the stream is disabled."""
        if self.standin:
            self.standin.new_generation()
        else:
            off = {"StreamSpecification": {"StreamEnabled": False}}
            await call(self.url, "UpdateTable", {"TableName": self.name, **off})


@dataclass
class InScript:
    """A shard of the scripted server."""

    url: str
    script: StreamScript

    @property
    def arn(self) -> str:
        """The script's."""
        return self.script.arn

    async def put(self, item: Item) -> None:
        """A record with a new image; the key's attributes come in any order."""
        self.script.put("shard", {name: item[name] for name in ("sk", "pk")}, **item)

    async def delete(self, key: Item) -> None:
        """A record of a removal."""
        self.script.remove("shard", key)

    async def close(self) -> None:
        """Split the shard."""
        self.script.split("shard", "left", "right")


async def stream_of_new_table(url: str, name: str, view: str = "NEW_IMAGE") -> str:
    """Create a table like SPEC with a stream; the stream's ARN."""
    stream = {"StreamEnabled": True, "StreamViewType": view}
    await create_table(url, name, SPEC.attributes, StreamSpecification=stream)
    described: dict[str, Any] = await call(url, "DescribeTable", {"TableName": name})
    return str(described["Table"]["LatestStreamArn"])


@asynccontextmanager
async def _on_standin(name: str, **settings: Any) -> AsyncIterator[Served]:
    async with StandIn(stream_delay=0, stream_shards=5, **settings) as server:
        arn = await stream_of_new_table(server.url, name)
        yield OnServer(server.url, arn, name, server)


@pytest.fixture(params=["dynamodb-local", "alternator", "alternator-old", "script"])
async def served(request: pytest.FixtureRequest, table_name: str) -> AsyncIterator[Served]:
    """A table with a stream, on each kind of server in turn."""
    if request.param == "dynamodb-local":
        url = request.getfixturevalue("dynamodb_local")
        yield OnServer(url, await stream_of_new_table(url, table_name), table_name)
    elif request.param == "script":
        script = StreamScript(arn=LOCAL_ARN)
        script.add("shard")
        async with scripted_streams(script) as url:
            yield InScript(url, script)
    else:
        async with _on_standin(table_name, old=request.param == "alternator-old") as table:
            yield table
