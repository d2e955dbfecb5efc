"""The client: requests at a pace, repeated at another node, with what came back unprocessed."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import cast

import pytest

from alternator_migrate.core.errors import MigrateError, OutOfTime, Throttled, Unavailable
from alternator_migrate.core.pace import Pace, Scope
from alternator_migrate.core.requests import Requests
from alternator_migrate.core.retry import Retry, Turn
from alternator_migrate.core.server_clock import ServerClock
from alternator_migrate.dynamodb.client import DynamoDBClient
from alternator_migrate.dynamodb.http_client import HttpClient
from alternator_migrate.dynamodb.nodes import Nodes
from tests.support import virtual_time

FOREVER = 1e6
STORED = b'{"UnprocessedItems":{}}'
A, B = b'{"id":{"S":"a"}}', b'{"id":{"S":"b"}}'


class Server:
    """Gives its answers in turn; notes operations, bodies and the nodes to avoid or to ask."""

    def __init__(self, *answers: bytes | Exception) -> None:
        self.nodes = Nodes(("http://a", "http://b"))
        self.requests, self.side, self.clock = Requests(), "source", ServerClock()
        self.asked: list[tuple[str, object, str, str]] = []
        self._answers = list(answers)

    async def call(self, operation: str, body: bytes, avoid: str = "", at: str = "") -> bytes:
        self.asked.append((operation, json.loads(body), avoid, at))
        await asyncio.sleep(0.1)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def avoided(self) -> list[str]:
        """The nodes to avoid, request by request."""
        return [avoid for _, _, avoid, _ in self.asked]


class NotedPace(Pace):
    """A pace that notes what it is told."""

    def __init__(self, cap: float | None = None) -> None:
        super().__init__(cap)
        self.told: list[tuple[str, float]] = []

    async def take(self, units: float) -> None:
        self.told.append(("take", units))
        await super().take(units)

    def settle(self, taken: float, consumed: float) -> None:
        self.told.append(("settle", consumed))
        super().settle(taken, consumed)

    def slow_down(self, turn: Turn | None = None, scope: Scope = "") -> Scope:
        self.told.append(("slow down", 0.0))
        return super().slow_down(turn, scope)


def client_of(server: Server, pace: Pace | None = None, budget: float = FOREVER) -> DynamoDBClient:
    return DynamoDBClient(cast("HttpClient", server), Retry(budget), pace)


def unprocessed(*items: bytes) -> bytes:
    """An answer of BatchWriteItem from which these items came back."""
    back = b",".join(b'{"PutRequest":{"Item":%b}}' % item for item in items)
    return b'{"UnprocessedItems":{"T":[%b]}}' % back


def put(client: DynamoDBClient, *items: bytes) -> Sequence[bytes]:
    """The items that came back."""

    async def scene() -> list[bytes]:
        size = sum(map(len, items))
        return [bytes(each) for each in await client.put("T", items, size, ask_capacity=False)]

    return virtual_time.run(scene)


def test_a_request_is_repeated_at_another_node_than_failed_last() -> None:
    server = Server(Unavailable("reset", "http://a"), Throttled("slow", "http://b"), STORED)
    pace = NotedPace()
    assert put(client_of(server, pace), A) == []
    assert server.avoided == ["", "http://a", "http://b"]
    assert [what for what, _ in pace.told] == ["take", "take", "slow down", "take", "settle"]


def test_what_came_back_of_a_batch_is_returned_and_counts_as_throttled() -> None:
    server, pace = Server(unprocessed(B)), NotedPace()
    client = client_of(server, pace)
    assert put(client, A, B) == [B]
    assert (client.retry.retries, client.retry.throttled) == (1, 1)
    assert pace.told == [("take", 2.0), ("settle", 2.0), ("slow down", 0.0)]


def test_a_batch_of_which_nothing_was_processed_is_repeated() -> None:
    server = Server(unprocessed(A, B), STORED)
    client = client_of(server)
    assert put(client, A, B) == []
    assert (client.retry.retries, client.retry.throttled) == (1, 1)
    client = client_of(Server(unprocessed(A)), budget=0.0)
    with pytest.raises(OutOfTime, match="BatchWriteItem: none of 1 items was processed"):
        put(client, A)


def test_a_client_without_patience_makes_one_attempt_at_the_same_pace() -> None:
    server, pace = Server(Unavailable("reset"), STORED), NotedPace()
    client = client_of(server, pace)
    with pytest.raises(OutOfTime):
        put(client.within(0.0), A)
    assert len(server.asked) == 1
    assert client.retry.retries == 0
    assert put(client.within(5.0), A) == []
    assert pace.told == [("take", 1.0), ("take", 1.0), ("settle", 1.0)]


def test_a_node_is_held_while_a_request_is_under_way_and_no_longer() -> None:
    events: list[str] = []

    class HeldServer(Server):
        async def call(self, operation: str, body: bytes, avoid: str = "", at: str = "") -> bytes:
            events.append(f"asked at {at}")
            return await super().call(operation, body, avoid, at)

    @asynccontextmanager
    async def hold() -> AsyncIterator[str]:
        events.append("held")
        try:
            yield "http://b"
        finally:
            events.append("let go")

    async def scene() -> None:
        client = client_of(HeldServer(Unavailable("reset", "http://b"), STORED))
        request = b'{"DeleteRequest":{"Key":%b}}' % A
        await client.batch_write("T", [request], len(request), ask_capacity=False, at=hold)

    virtual_time.run(scene)
    assert events == ["held", "asked at http://b", "let go"] * 2


@pytest.mark.parametrize(
    ("request_", "consumed", "units"),
    [
        ({}, b"", 0.5),
        ({"ConsistentRead": True}, b',"ConsumedCapacity":{"CapacityUnits":7.5}', 7.5),
    ],
)
def test_a_scan_costs_what_is_reported_or_its_size(
    request_: dict[str, object], consumed: bytes, units: float
) -> None:
    answer = b'{"Count":1,"ScannedCount":1,"Items":[%b],"LastEvaluatedKey":%b%b}' % (A, A, consumed)

    async def scene() -> None:
        server, pace = Server(answer), NotedPace()
        page, cost = await client_of(server, pace).scan({"TableName": "T", **request_}, B)
        assert ([*map(bytes, page.items)], page.position, cost) == ([A], A, units)
        assert pace.told == [("take", 1.0), ("settle", units)]
        start = {"ExclusiveStartKey": json.loads(B)}
        assert server.asked == [("Scan", {"TableName": "T", **request_, **start}, "", "")]

    virtual_time.run(scene)


def test_items_are_looked_up_with_the_keys_that_came_back() -> None:
    answer = b'{"Responses":{"T":[%b]},"UnprocessedKeys":{"T":{"Keys":[%b]}}}' % (A, B)
    too_many = b'{"Responses":{"T":[%b,%b]}}' % (A, B)

    async def scene() -> None:
        pace = NotedPace()
        client = client_of(Server(answer, too_many), pace)
        found, back = await client.batch_get("T", [A, B], {})
        assert ([*map(bytes, found)], back) == ([A], [B])
        assert pace.told == [("take", 2.0), ("settle", 1.0), ("slow down", 0.0)]
        with pytest.raises(MigrateError, match="of 1 keys was answered with 2 items"):
            await client.batch_get("T", [A], {})

    virtual_time.run(scene)


def test_requests_to_a_stream_cost_no_units_and_are_never_slowed() -> None:
    described = b'{"StreamDescription":{"StreamStatus":"ENABLED","Shards":[{"ShardId":"s"}]}}'
    iterator = b'{"ShardIterator":"i"}'

    async def scene() -> None:
        answers: list[bytes | Exception] = [Throttled("slow"), described, iterator, iterator]
        server = Server(*answers * 20)
        client = client_of(server)
        for _ in range(20):
            page = await client.describe_stream("arn", start="r", limit=1)
            assert [shard.id for shard in page.shards] == ["s"]
            assert await client.get_shard_iterator("arn", "s", None) == "i"
            assert await client.get_shard_iterator("arn", "s", "7") == "i"
        assert not client.pace.throttled

    virtual_time.run(scene)
