"""What connections and requests look like to an Alternator that says how it wants them."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from alternator_migrate.core.errors import Unavailable
from alternator_migrate.dynamodb.http.connect import Transport
from alternator_migrate.dynamodb.http_client import open_http_client
from alternator_migrate.dynamodb.nodes import Nodes
from tests.e2e.stage import TABLE, rows
from tests.servers import faults
from tests.servers.exchange import Exchange
from tests.servers.filled import filled
from tests.servers.patience import stretched
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support.jobs import alternator, job, migrate
from tests.support.shapes import same_items

ITEMS = rows(300)
CREDENTIALS = {"credentials": {"accessKey": "role", "secretKey": "secret"}}


class Listener:
    """What stood in the heads of requests, and which connections they came by."""

    def __init__(self, proxy: FaultProxy) -> None:
        self.headers: list[set[str]] = []
        self.connections: dict[object, list[float]] = {}
        proxy.script(self._hear)

    def _hear(self, exchange: Exchange) -> bool:
        request = exchange.request
        if exchange.operation == "BatchWriteItem":
            self.headers.append({name.lower() for name in request.headers})
            peer = request.transport.get_extra_info("peername") if request.transport else None
            self.connections.setdefault(peer, []).append(time.monotonic())
        return False


@pytest.fixture
async def source() -> AsyncIterator[StandIn]:
    """A table of `ITEMS`."""
    async with filled(TABLE, ITEMS, page_bytes=3000) as server:
        yield server


@pytest.fixture
async def target() -> AsyncIterator[StandIn]:
    """An Alternator that checks signatures where there are any."""
    async with StandIn() as server:
        yield server


@pytest.fixture
async def proxy(target: StandIn) -> AsyncIterator[FaultProxy]:
    """The way to the target."""
    async with FaultProxy(target.url) as opened:
        yield opened


async def copied(
    source: StandIn, target: StandIn, proxy: FaultProxy, folder: Path, **options: object
) -> Listener:
    """What was heard while the table was copied."""
    listener = Listener(proxy)
    options = {"maxItemsPerBatch": 10, "maxConnections": 2, **options}
    ending = await migrate(
        folder, job(alternator(source.url, TABLE), alternator(proxy.url, TABLE, **options))
    )
    assert ending.done.items.written == len(ITEMS)
    assert same_items(target.items(TABLE), ITEMS)
    assert len(listener.headers) >= len(ITEMS) / 10
    return listener


@pytest.mark.parametrize("signed", [False, True])
async def test_optimized_headers_are_those_that_alternator_reads(
    source: StandIn, target: StandIn, proxy: FaultProxy, tmp_path: Path, signed: bool
) -> None:
    options = {"optimizeHeaders": True} | (CREDENTIALS if signed else {})
    target.auth = {"role": "secret"} if signed else None
    listener = await copied(source, target, proxy, tmp_path, **options)
    read = {"host", "content-length", "x-amz-target"}
    read |= {"authorization", "x-amz-date"} if signed else set()
    assert all(headers == read for headers in listener.headers)


async def test_optimized_headers_still_say_that_a_body_is_compressed(
    source: StandIn, target: StandIn, proxy: FaultProxy, tmp_path: Path
) -> None:
    listener = await copied(source, target, proxy, tmp_path, optimizeHeaders=True, compression=True)
    read = {"host", "content-length", "x-amz-target", "content-encoding"}
    assert all(headers == read for headers in listener.headers)


async def test_otherwise_requests_are_those_of_dynamodb(
    source: StandIn, target: StandIn, proxy: FaultProxy, tmp_path: Path
) -> None:
    listener = await copied(source, target, proxy, tmp_path)
    assert all("content-type" in headers for headers in listener.headers)


async def test_connections_are_kept_and_no_more_than_allowed(
    source: StandIn, target: StandIn, proxy: FaultProxy, tmp_path: Path
) -> None:
    listener = await copied(source, target, proxy, tmp_path)
    assert len(listener.connections) <= 3
    assert proxy.peak["BatchWriteItem"] <= 2


async def test_connections_are_renewed_when_their_time_has_come(
    source: StandIn, target: StandIn, proxy: FaultProxy, tmp_path: Path
) -> None:
    proxy.latency = 0.02
    listener = await copied(source, target, proxy, tmp_path, connectionTimeToLiveMs=100)
    assert len(listener.connections) >= 4
    for moments in listener.connections.values():
        assert max(moments) - min(moments) < 0.1 + 5 * proxy.latency + 1
    together = sum(len(moments) for moments in listener.connections.values())
    assert together > len(listener.connections), "a connection serves more than one request"


@pytest.mark.parametrize(
    ("options", "fewest"),
    [({}, 1), ({"connectionMaxIdleTimeMs": 100}, 4), ({"connectionMaxIdleTimeMs": 0}, 4)],
)
async def test_a_connection_is_not_used_again_after_its_idle_time(
    source: StandIn,
    target: StandIn,
    proxy: FaultProxy,
    tmp_path: Path,
    options: dict[str, int],
    fewest: int,
) -> None:
    source.settings.page_bytes = 6000
    async with FaultProxy(source.url) as slow:
        slow.latency = 0.25
        listener = Listener(proxy)
        reading = alternator(slow.url, TABLE, scanSegments=1)
        writing = alternator(proxy.url, TABLE, maxConnections=1, **options)
        ending = await migrate(tmp_path, job(reading, writing))
    assert ending.done.items.written == len(ITEMS)
    pages = len(listener.headers)
    assert fewest <= len(listener.connections) <= (pages if options else 2)


async def test_a_time_of_zero_is_no_limit(
    source: StandIn, target: StandIn, proxy: FaultProxy, tmp_path: Path
) -> None:
    proxy.latency = 0.02
    times = ("connectionTimeToLiveMs", "connectionAcquisitionTimeoutMs", "connectionTimeoutMs")
    listener = await copied(source, target, proxy, tmp_path, **dict.fromkeys(times, 0))
    assert len(listener.connections) <= 3, "they are kept"


async def test_a_connection_is_waited_for_as_long_as_allowed(proxy: FaultProxy) -> None:
    proxy.always("Scan", faults.hang())
    transport = Transport(connections=1, acquire_timeout=0.2)
    async with open_http_client(Nodes((proxy.url,)), transport, region="r") as http:
        first = asyncio.create_task(http.call("Scan", b"{}"))
        async with asyncio.timeout(stretched(20)):
            while not proxy.requests["Scan"]:  # noqa: ASYNC110 # the proxy's doing
                await asyncio.sleep(0.01)
        began = time.monotonic()
        with pytest.raises(Unavailable, match="no answer in time"):
            await http.call("ListTables", b"{}")
        assert 0.1 < time.monotonic() - began < stretched(2)
        first.cancel()
        await asyncio.wait({first})
        assert await http.call("ListTables", b"{}") == b'{"TableNames":[]}'


@pytest.mark.parametrize("option", ["connectionAcquisitionTimeoutMs", "connectionTimeoutMs"])
async def test_an_address_that_never_accepts_is_given_up_after_the_time_allowed(
    source: StandIn, tmp_path: Path, option: str
) -> None:
    with full_house() as url:
        began = time.monotonic()
        target = alternator(url, TABLE, **{option: 200})
        failure = (await migrate(tmp_path, job(alternator(source.url, TABLE), target))).failure
    assert time.monotonic() - began < stretched(3)
    assert failure.exit_code == 2
    assert "cannot reach the target" in str(failure)
    assert url in str(failure)


@contextmanager
def full_house() -> Iterator[str]:
    """The URL of a socket whose queue of connections is full, so that no other is answered."""
    with ExitStack() as stack:
        door = stack.enter_context(socket.socket())
        door.bind(("127.0.0.1", 0))
        door.listen(0)
        for _ in range(4):
            guest = stack.enter_context(socket.socket())
            guest.setblocking(False)
            guest.connect_ex(door.getsockname())
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
