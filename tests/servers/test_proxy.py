"""The fault proxy itself, before a server that keeps a table in a list."""

import asyncio
import gzip
import json
import time
import zlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.servers import faults
from tests.servers.client import Item, RefusedError, call, exchange, scan_all
from tests.servers.exchange import Exchange, Fault
from tests.servers.patience import stretched
from tests.servers.process import free_port
from tests.servers.proxy import ANY, FaultProxy
from tests.servers.web import serving
from tests.support.shapes import same_items

SCAN = {"TableName": "t"}


class Upstream:
    """A table with the key attribute `pk`, in order of writing. It compresses nothing."""

    def __init__(self, count: int = 0) -> None:
        self.items: list[Item] = [{"pk": {"S": str(n)}} for n in range(count)]
        self.bodies: list[bytes] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        if request.method == "GET":
            return web.json_response(["127.0.0.1"])
        body = json.loads(self.bodies[-1])
        scans = request.headers["X-Amz-Target"].endswith(".Scan")
        answer = json.dumps(self._scan(body) if scans else self._write(body)).encode()
        return web.Response(body=answer, headers={"x-amz-crc32": str(zlib.crc32(answer))})

    def _scan(self, body: dict[str, Any]) -> dict[str, Any]:
        keys = [{"pk": item["pk"]} for item in self.items]
        start = keys.index(body["ExclusiveStartKey"]) + 1 if "ExclusiveStartKey" in body else 0
        end = start + body.get("Limit", len(keys))
        page = {"Items": self.items[start:end], "Count": len(self.items[start:end])}
        return page | {"LastEvaluatedKey": keys[end - 1]} if end < len(keys) else page

    def _write(self, body: dict[str, Any]) -> dict[str, Any]:
        self.items += [write["PutRequest"]["Item"] for write in body["RequestItems"]["t"]]
        return {"UnprocessedItems": {}}


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    server = Upstream(count=5)
    async with serving(server.handle) as server.url:
        yield server


@pytest.fixture
async def proxy(upstream: Upstream) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(upstream.url, record=True) as running:
        yield running


def _batch(*keys: str) -> dict[str, Any]:
    return {"RequestItems": {"t": [{"PutRequest": {"Item": {"pk": {"S": key}}}} for key in keys]}}


async def test_passes_on_counts_and_records(proxy: FaultProxy, upstream: Upstream) -> None:
    assert await scan_all(proxy.url, "t", Limit=2) == upstream.items
    async with aiohttp.ClientSession() as session, session.get(f"{proxy.url}/localnodes") as got:
        assert await got.json() == ["127.0.0.1"]
    assert proxy.requests == {"Scan": 3, "GET /localnodes": 1}
    assert [entry.body for entry in proxy.log] == upstream.bodies
    assert not proxy.faults


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (faults.throttle(), 400, "ProvisionedThroughputExceededException"),
        (faults.throttling_exception(), 400, "ThrottlingException"),
        (faults.request_limit(), 400, "RequestLimitExceeded"),
        (faults.validation("bad"), 400, "ValidationException"),
        (faults.expired_token(), 400, "ExpiredTokenException"),
        (faults.internal_500(), 500, "InternalServerError"),
        (faults.service_unavailable_503(), 503, ""),
        (faults.redirect_301(), 301, ""),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else None,
)
async def test_refuses(
    proxy: FaultProxy, upstream: Upstream, fault: Fault, status: int, code: str
) -> None:
    proxy.script("Scan", fault)
    with pytest.raises(RefusedError) as refused:
        await call(proxy.url, "Scan", SCAN)
    assert (refused.value.status, refused.value.code) == (status, code)
    assert proxy.faults == {fault.name: 1}
    assert upstream.bodies == []
    assert await scan_all(proxy.url, "t") == upstream.items


@pytest.mark.parametrize("fault", [faults.html_200(), faults.wrong_json()], ids=lambda it: it.name)
async def test_answers_200_that_is_no_answer(proxy: FaultProxy, fault: Fault) -> None:
    proxy.script("Scan", fault)
    with pytest.raises(ValueError, match="line 1"):
        await call(proxy.url, "Scan", SCAN)


@pytest.mark.parametrize(
    ("fault", "forwarded"),
    [
        (faults.reset_before(), 0),
        (faults.reset_after(), 1),
        (faults.truncate(), 1),
        (faults.truncate(chunked=True), 1),
    ],
    ids=["reset before", "reset after", "truncate", "truncate chunked"],
)
async def test_breaks_the_connection(
    proxy: FaultProxy, upstream: Upstream, fault: Fault, forwarded: int
) -> None:
    proxy.script("BatchWriteItem", fault)
    with pytest.raises((aiohttp.ClientConnectionError, aiohttp.ClientPayloadError)):
        await call(proxy.url, "BatchWriteItem", _batch("x"))
    assert len(upstream.bodies) == forwarded


async def test_a_reset_is_a_reset(proxy: FaultProxy) -> None:
    proxy.script(ANY, faults.reset_before())
    reader, writer = await asyncio.open_connection("127.0.0.1", int(proxy.url.rpartition(":")[2]))
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()


async def test_returns_a_seeded_part_unprocessed(proxy: FaultProxy, upstream: Upstream) -> None:
    proxy.always("BatchWriteItem", faults.unprocessed(share=0.5, seed=1))
    keys = [f"new {n}" for n in range(20)]
    answer = await call(proxy.url, "BatchWriteItem", _batch(*keys))
    left = [write["PutRequest"]["Item"] for write in answer["UnprocessedItems"]["t"]]
    assert 0 < len(left) < 20
    assert same_items([*upstream.items[5:], *left], [{"pk": {"S": key}} for key in keys])


async def test_returns_all_unprocessed(proxy: FaultProxy, upstream: Upstream) -> None:
    proxy.script("BatchWriteItem", faults.unprocessed_all())
    answer = await call(proxy.url, "BatchWriteItem", _batch("x"))
    assert answer == {"UnprocessedItems": _batch("x")["RequestItems"]}
    assert upstream.bodies == []


async def test_checksums(proxy: FaultProxy) -> None:
    proxy.script("Scan", faults.good_crc(), faults.bad_crc())
    good, bad = [await exchange(proxy.url, "Scan", json.dumps(SCAN).encode()) for _ in range(2)]
    assert good.headers["x-amz-crc32"] == str(zlib.crc32(good.body))
    assert good.body == bad.body
    assert bad.headers["x-amz-crc32"] != str(zlib.crc32(bad.body))


async def test_changed_answers_carry_their_own_checksum(upstream: Upstream) -> None:
    async with FaultProxy(upstream.url, capacity=True) as proxy:
        body = json.dumps({**SCAN, "ReturnConsumedCapacity": "TOTAL"}).encode()
        answer = await exchange(proxy.url, "Scan", body)
    assert b"ConsumedCapacity" in answer.body
    assert answer.headers["x-amz-crc32"] == str(zlib.crc32(answer.body))


async def test_hangs_until_the_client_leaves(proxy: FaultProxy) -> None:
    proxy.script("Scan", faults.hang())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await call(proxy.url, "Scan", SCAN)
    assert (await call(proxy.url, "Scan", SCAN))["Count"] == 5


async def test_ends_while_a_request_hangs(upstream: Upstream) -> None:
    arrived = asyncio.Event()

    def notices(_: Exchange) -> bool:
        arrived.set()
        return True

    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(FaultProxy(upstream.url))
        proxy.script(notices, faults.hang())
        client = asyncio.create_task(_fails(proxy.url))
        await asyncio.wait_for(arrived.wait(), stretched(10))
    await asyncio.wait_for(client, stretched(10))


async def _fails(url: str) -> None:
    with pytest.raises((aiohttp.ClientConnectionError, RefusedError)):
        await call(url, "Scan", SCAN)


async def test_is_slow(upstream: Upstream) -> None:
    async with FaultProxy(upstream.url, latency=0.1) as proxy:
        proxy.script("Scan", faults.slow(0.2))
        started = time.monotonic()
        assert (await call(proxy.url, "Scan", SCAN))["Count"] == 5
        assert time.monotonic() - started > 0.29


async def test_counts_requests_under_way(upstream: Upstream) -> None:
    async with FaultProxy(upstream.url, latency=0.2) as proxy:
        await asyncio.gather(*(call(proxy.url, "Scan", SCAN) for _ in range(3)))
        assert proxy.peak == {"Scan": 3}


async def test_an_endless_scan_comes_back_to_its_start(proxy: FaultProxy) -> None:
    proxy.always("Scan", faults.endless())
    key = (await call(proxy.url, "Scan", SCAN))["LastEvaluatedKey"]
    for _ in range(3):
        page = await call(proxy.url, "Scan", {**SCAN, "ExclusiveStartKey": key})
        assert page["LastEvaluatedKey"] == key


@pytest.mark.parametrize("script", ["e", "ee", ".e", "ee.e", ".ee.", "e" * 20])
async def test_empty_pages_lose_nothing(proxy: FaultProxy, upstream: Upstream, script: str) -> None:
    proxy.script("Scan", *(faults.empty_page() if mark == "e" else None for mark in script))
    assert await scan_all(proxy.url, "t", Limit=2) == upstream.items
    assert proxy.faults["empty_page"] > 0


async def test_limits_pages(upstream: Upstream) -> None:
    async with FaultProxy(upstream.url, page_limit=2) as proxy:
        assert await scan_all(proxy.url, "t") == upstream.items
        assert await scan_all(proxy.url, "t", Limit=1) == upstream.items
        assert proxy.requests["Scan"] == 3 + 5


async def test_tells_capacity_when_asked(upstream: Upstream) -> None:
    asked = {"ReturnConsumedCapacity": "TOTAL"}
    async with FaultProxy(upstream.url, capacity=True) as proxy:
        upstream.items = [{"pk": {"S": "x" * 5000}}]
        scan = await call(proxy.url, "Scan", {**SCAN, **asked})
        consistent = await call(proxy.url, "Scan", {**SCAN, **asked, "ConsistentRead": True})
        batch = await call(proxy.url, "BatchWriteItem", {**_batch("a", "b" * 1500), **asked})
        assert "ConsumedCapacity" not in await call(proxy.url, "Scan", SCAN)
    assert scan["ConsumedCapacity"] == {"TableName": "t", "CapacityUnits": 1.0}
    assert consistent["ConsumedCapacity"]["CapacityUnits"] == 2.0
    assert batch["ConsumedCapacity"] == [{"TableName": "t", "CapacityUnits": 3.0}]


async def test_rules_in_order(proxy: FaultProxy) -> None:
    proxy.script(lambda it: it.json().get("Segment") == 3, faults.internal_500())
    proxy.script(ANY, faults.throttle(), None, faults.validation())
    seen = [await _code(proxy.url, {**SCAN, "Segment": segment}) for segment in (1, 3, 1, 1, 1)]
    names = ["ProvisionedThroughputExceededException", "InternalServerError"]
    assert seen == [*names, "", "ValidationException", ""]


async def test_seeded_faults_repeat(upstream: Upstream) -> None:
    runs = []
    for _ in range(2):
        async with FaultProxy(upstream.url) as proxy:
            proxy.sometimes("Scan", faults.throttle(), probability=0.5, seed=3)
            runs.append([bool(await _code(proxy.url, SCAN)) for _ in range(20)])
            proxy.clear()
            assert await _code(proxy.url, SCAN) == ""
    assert runs[0] == runs[1]
    assert {True, False} == set(runs[0])


async def test_reads_compressed_requests(proxy: FaultProxy, upstream: Upstream) -> None:
    proxy.script("BatchWriteItem", faults.unprocessed(share=0))
    body = gzip.compress(json.dumps(_batch("z")).encode())
    await exchange(proxy.url, "BatchWriteItem", body, **{"Content-Encoding": "gzip"})
    assert upstream.items[-1] == {"pk": {"S": "z"}}


async def test_an_upstream_that_is_away() -> None:
    async with FaultProxy(f"http://127.0.0.1:{free_port()}") as lonely:
        assert (await exchange(lonely.url, "Scan", b"{}")).status == 502


async def _code(url: str, body: dict[str, Any]) -> str:
    try:
        await call(url, "Scan", body)
    except RefusedError as error:
        return error.code
    return ""
