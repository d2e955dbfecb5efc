"""One raw client for all servers.

The tests run on the stand-in as it is and as an old version. With ALTERNATOR_ENDPOINT, the URL of
a real server, they run on that instead; tests marked `stand_in`, which need switches, failures or
clocks that a real server does not have, are skipped then. What versions do otherwise a test takes
either way, or asks for what only one of them has.
"""

import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
import pytest

from tests.standin import StandIn
from tests.support.names import unique_name

REAL = os.environ.get("ALTERNATOR_ENDPOINT")
ERROR = "com.amazonaws.dynamodb.v20120810#"
Error = tuple[int, str, str]
Item = dict[str, Any]
T = TypeVar("T")
SERVERS = ["real"] if REAL else ["stand-in", "old stand-in"]


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "stand_in: needs switches that only the stand-in has")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what a real server cannot be asked for."""
    if REAL:
        for item in items:
            if item.get_closest_marker("stand_in"):
                item.add_marker(pytest.mark.skip(reason="the stand-in alone can do that"))


@dataclass
class Answer:
    """One HTTP answer."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        """The JSON of a 200."""
        assert self.status == 200, self.raw
        return json.loads(self.raw)

    @property
    def error(self) -> Error:
        """(status, type without its prefix, message) of a refusal."""
        body = json.loads(self.raw)
        assert body.keys() == {"__type", "message"}
        assert body["__type"].startswith(ERROR)
        return self.status, body["__type"].removeprefix(ERROR), body["message"]


class Client:
    """Unsigned POSTs of raw JSON; makes tables of unique names and deletes them."""

    def __init__(self, session: aiohttp.ClientSession, url: str, server: str = "stand-in") -> None:
        self.session = session
        self.url = url
        self.server = server
        self.tables: list[str] = []

    def either(self, current: T, old: T) -> tuple[T, ...]:
        """What may be answered, where versions differ: whichever, if it is a real server."""
        return {"stand-in": (current,), "old stand-in": (old,)}.get(self.server, (current, old))

    async def call(
        self,
        operation: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        url: str | None = None,
    ) -> Answer:
        """One request of `operation` with `body` as JSON, or with `raw` as it is."""
        sent = json.dumps(body if body is not None else {}).encode() if raw is None else raw
        named = {"X-Amz-Target": f"DynamoDB_20120810.{operation}", "Accept-Encoding": "identity"}
        target = f"{url or self.url}/"
        async with self.session.post(target, data=sent, headers={**named, **(headers or {})}) as r:
            return Answer(r.status, r.headers, await r.read())

    async def get(self, path: str) -> Answer:
        """GET of a path."""
        async with self.session.get(self.url + path) as r:
            return Answer(r.status, r.headers, await r.read())

    def name(self) -> str:
        """A name that no table has; deleted at the end if one was made."""
        self.tables.append(unique_name("contract"))
        return self.tables[-1]

    async def table(self, keys: str = "id:S", **more: Any) -> str:
        """A new table; `keys` is like "id:S" or "id:S at:N"."""
        name = self.name()
        answer = await self.call("CreateTable", {"TableName": name, **schema(keys), **more})
        assert answer.status == 200, answer.raw
        return name

    async def put(self, table: str, *items: Item) -> None:
        """BatchWriteItem of puts, 25 at a time."""
        for start in range(0, len(items), 25):
            batch = puts(table, *items[start : start + 25])
            assert (await self.call("BatchWriteItem", batch)).body == {"UnprocessedItems": {}}

    async def write(self, table: str, *items: Item) -> Answer:
        """BatchWriteItem of puts in one request."""
        return await self.call("BatchWriteItem", puts(table, *items))

    async def get_item(self, table: str, **key: Item) -> Any:
        """The stored item, or None."""
        body = {"TableName": table, "Key": key, "ConsistentRead": True}
        return (await self.call("GetItem", body)).body.get("Item")

    async def pages(self, operation: str, table: str, **more: Any) -> list[Any]:
        """All pages of a Scan or Query."""
        found: list[Any] = []
        start: Item = {}
        while True:
            body = {"TableName": table, **more, **start}
            found.append((await self.call(operation, body)).body)
            if "LastEvaluatedKey" not in found[-1]:
                return found
            start = {"ExclusiveStartKey": found[-1]["LastEvaluatedKey"]}

    async def scan(self, table: str, **more: Any) -> list[Item]:
        """All items of a Scan."""
        return [item for page in await self.pages("Scan", table, **more) for item in page["Items"]]

    async def arn(self, table: str) -> str:
        """The TableArn."""
        answer = await self.call("DescribeTable", {"TableName": table})
        return str(answer.body["Table"]["TableArn"])

    async def skip_if_old(self) -> None:
        """Skip the test on a server from before 2026.1."""
        described = await self.call("DescribeTable", {"TableName": await self.table()})
        if "TableSizeBytes" not in described.body["Table"]:
            pytest.skip("the server is older than 2026.1")

    async def clean(self) -> None:
        """Delete the tables."""
        for name in self.tables:
            await self.call("DeleteTable", {"TableName": name})


def definitions(keys: str) -> list[Item]:
    """AttributeDefinitions for "id:S at:N"."""
    pairs = [key.split(":") for key in keys.split()]
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in pairs]


def key_schema(keys: str) -> list[Item]:
    """KeySchema for "id:S at:N"."""
    pairs = zip(definitions(keys), ("HASH", "RANGE", "RANGE"), strict=False)
    return [{"AttributeName": one["AttributeName"], "KeyType": kind} for one, kind in pairs]


def schema(keys: str) -> Item:
    """What CreateTable needs besides a name."""
    return {
        "KeySchema": key_schema(keys),
        "AttributeDefinitions": definitions(keys),
        "BillingMode": "PAY_PER_REQUEST",
    }


def index(name: str, keys: str, projection: str = "ALL") -> Item:
    """An index of a CreateTable request."""
    shown = {"ProjectionType": projection}
    return {"IndexName": name, "KeySchema": key_schema(keys), "Projection": shown}


def puts(table: str, *items: Item) -> Item:
    """A BatchWriteItem body."""
    return {"RequestItems": {table: [{"PutRequest": {"Item": item}} for item in items]}}


def text_items(count: int, size: int = 0) -> list[Item]:
    """Items with a text key `id` and `size` bytes more."""
    return [{"id": {"S": f"item-{n}"}, "text": {"S": "x" * size}} for n in range(count)]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """HTTP that leaves answers as they are."""
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as opened:
        yield opened


@pytest.fixture(params=SERVERS)
async def alternator(
    request: pytest.FixtureRequest, session: aiohttp.ClientSession
) -> AsyncIterator[Client]:
    """A client of each server."""
    async with client_of(request.param, session) as client:
        yield client


@asynccontextmanager
async def client_of(
    server: str, session: aiohttp.ClientSession, **settings: Any
) -> AsyncIterator[Client]:
    """A client of one of `SERVERS`; `settings` are of the stand-in."""
    if server == "real":
        client = Client(session, str(REAL).rstrip("/"), server)
        yield client
        await client.clean()
        return
    async with StandIn(old=server == "old stand-in", **settings) as standin:
        yield Client(session, standin.url, server)
