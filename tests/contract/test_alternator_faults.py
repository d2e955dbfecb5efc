"""Failures on demand: what the client sees, and what is written all the same."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.contract.conftest import Client, schema, text_items
from tests.servers.patience import stretched
from tests.standin import Faults, StandIn

pytestmark = pytest.mark.stand_in
TIMEOUT = "Internal server error: exceptions::mutation_write_timeout_exception (Operation timed out"


@pytest.fixture
async def server() -> AsyncIterator[StandIn]:
    """A server with a table Tab, and nothing wrong yet."""
    async with StandIn() as started:
        yield started


@pytest.fixture
async def client(server: StandIn, session: aiohttp.ClientSession) -> Client:
    """A client of it."""
    made = Client(session, server.url)
    await made.call("CreateTable", {"TableName": "Tab", **schema("id:S")})
    return made


async def test_partial_500_writes_some(server: StandIn, client: Client) -> None:
    server.faults.next("BatchWriteItem", "partial_500", times=8)
    counts = set()
    for n in range(8):
        items = [{"id": {"S": f"{n}-{i}"}} for i in range(10)]
        before = len(server.items("Tab"))
        status, kind, message = (await client.write("Tab", *items)).error
        assert (status, kind) == (500, "InternalServerError")
        assert message.startswith(f"{TIMEOUT} for alternator_Tab.Tab - received only 1 responses")
        counts.add(len(server.items("Tab")) - before)
    assert len(counts) > 2
    assert (await client.write("Tab", *text_items(10))).status == 200


async def test_error_500_writes_nothing(server: StandIn, client: Client) -> None:
    server.faults.next("BatchWriteItem", "error_500")
    answer = await client.write("Tab", *text_items(10))
    assert answer.error[:2] == (500, "InternalServerError")
    assert "unavailable_exception" in answer.error[2]
    assert server.items("Tab") == []


async def test_overload(server: StandIn, client: Client) -> None:
    server.faults.next("*", "overload")
    status, kind, message = (await client.write("Tab", *text_items(1))).error
    assert (status, kind) == (400, "RequestLimitExceeded")
    assert message.startswith("too many in-flight requests (configured via max_concurrent_")
    assert (await client.write("Tab", *text_items(1))).status == 200


async def test_overload_closes_the_connection(server: StandIn) -> None:
    server.faults.next("*", "overload_close")
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), timeout=stretched(10))
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close" not in head.lower()
    assert json.loads(body)["__type"].endswith("#RequestLimitExceeded")


@pytest.mark.parametrize(("kind", "written"), [("reset_before_write", 0), ("reset_after_write", 5)])
async def test_resets(server: StandIn, client: Client, kind: str, written: int) -> None:
    server.faults.next("BatchWriteItem", kind)
    with pytest.raises(aiohttp.ClientError):
        await client.write("Tab", *text_items(5))
    assert len(server.items("Tab")) == written


async def test_slow(server: StandIn, client: Client) -> None:
    server.faults.next("BatchWriteItem", "slow", seconds=0.2)
    start = time.monotonic()
    assert (await client.write("Tab", *text_items(1))).status == 200
    assert time.monotonic() - start >= 0.2


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        ("BatchWriteItem", "mutation_write_timeout"),
        ("Scan", "read_timeout"),
        ("GetItem", "read_timeout"),
    ],
)
async def test_slow_500(server: StandIn, client: Client, operation: str, text: str) -> None:
    server.faults.next(operation, "slow_500", seconds=0.05)
    body = {
        "TableName": "Tab",
        "Key": {"id": {"S": "x"}},
        "RequestItems": {"Tab": [{"PutRequest": {"Item": {"id": {"S": "x"}}}}]},
    }
    answer = await client.call(operation, body)
    assert answer.error[:2] == (500, "InternalServerError")
    assert text in answer.error[2]
    assert server.items("Tab") == []


async def test_latency_is_added_to_everything(server: StandIn, client: Client) -> None:
    server.faults.latency = 0.1
    start = time.monotonic()
    await client.call("ListTables")
    assert time.monotonic() - start >= 0.1


async def test_a_truncated_scan(server: StandIn, client: Client) -> None:
    await client.put("Tab", *text_items(300))
    server.faults.next("Scan", "truncated")
    with pytest.raises(aiohttp.ClientPayloadError):
        await client.call("Scan", {"TableName": "Tab"})
    assert len(await client.scan("Tab")) == 300


async def test_schema_agreement(server: StandIn, client: Client) -> None:
    server.faults.next("CreateTable", "schema_500")
    body = {"TableName": "Late", **schema("id:S")}
    error = (await client.call("CreateTable", body)).error
    assert error[:2] == (500, "InternalServerError")
    assert error[2].startswith("The operation was successful, but unable to confirm cluster-wide")
    assert (await client.call("CreateTable", body)).error[1] == "ResourceInUseException"


@pytest.mark.parametrize("keys", ["id:S", "id:N", "id:B", "id:S at:N"])
async def test_empty_pages_go_on(server: StandIn, client: Client, keys: str) -> None:
    table = await client.table(keys)
    kinds = dict(key.split(":") for key in keys.split())
    texts = {"S": "key-{}", "N": "{}", "B": "AA{:02}"}
    for n in range(30):
        await client.put(table, {name: {k: texts[k].format(n)} for name, k in kinds.items()})
    server.faults.next("Scan", "empty_page", times=2)
    pages = await client.pages("Scan", table, Limit=10)
    assert [page["Count"] for page in pages[:2]] == [0, 0]
    assert sum(page["Count"] for page in pages) == 30


async def test_batch_get_leaves_keys_unprocessed(server: StandIn, client: Client) -> None:
    await client.put("Tab", *text_items(20))
    server.faults.next("BatchGetItem", "partial_500", times=5)
    left = [{"id": {"S": f"item-{n}"}} for n in range(20)]
    found = 0
    for _ in range(10):
        request = {"Tab": {"Keys": left, "ConsistentRead": True}}
        answer = await client.call("BatchGetItem", {"RequestItems": request})
        if answer.status == 500:
            continue
        found += len(answer.body["Responses"]["Tab"])
        again = answer.body["UnprocessedKeys"]
        if not again:
            break
        assert again["Tab"]["ConsistentRead"] is True
        left = again["Tab"]["Keys"]
    assert found == 20


async def test_rates_are_repeatable(session: Any) -> None:
    async def statuses(seed: int) -> list[int]:
        faults = Faults(seed=seed)
        faults.rate("ListTables", "error_500", 0.5)
        async with StandIn(faults=faults) as server:
            client = Client(session, server.url)
            return [(await client.call("ListTables")).status for _ in range(20)]

    assert await statuses(1) == await statuses(1) != await statuses(2)
    assert set(await statuses(1)) == {200, 500}


async def test_faults_are_cleared_and_named(server: StandIn, client: Client) -> None:
    server.faults.next("*", "overload", times=100)
    server.faults.clear()
    assert (await client.call("ListTables")).status == 200
    with pytest.raises(ValueError, match="no fault 'typo'"):
        server.faults.next("Scan", "typo")
