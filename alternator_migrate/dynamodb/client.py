"""The data plane: typed operations, each at its pace and repeated while that may help."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from time import perf_counter
from typing import Final, TypeAlias, TypeVar

from alternator_migrate.core.capacity import CONSISTENT_READ_BYTES, read_bytes, write_units
from alternator_migrate.core.errors import MigrateError, Retryable, Throttled
from alternator_migrate.core.model import Item, Page, Position
from alternator_migrate.core.pace import Pace
from alternator_migrate.core.retry import Retry, Turn
from alternator_migrate.dynamodb import items, stream_wire, wire
from alternator_migrate.dynamodb.http_client import HttpClient
from alternator_migrate.dynamodb.reshaping import Reshaper

log = logging.getLogger(__name__)
T = TypeVar("T")
Read: TypeAlias = Callable[[bytes], tuple[T, float, int]]
"""`read(answer)`: its value, the units it consumed, and how many items came back unprocessed."""
Hold: TypeAlias = Callable[[], AbstractAsyncContextManager[str]]
"""`hold()` is entered while one request is under way, and gives the node to send it to."""
_LEAST_SCAN_UNITS: Final = 0.5


class DynamoDBClient:
    """The operations of one service: a request waits for `pace`, which learns what it consumed
    and of each throttling, and is repeated as `retry` allows, at another node than failed last.

    All operations raise `OutOfTime` when the budget is spent, and `ServerRefused` and `BadAnswer`
    for what no repetition mends. Where a part of a batch came back unprocessed they return it;
    that nothing of it was processed counts as throttled.
    """

    def __init__(self, http: HttpClient, retry: Retry, pace: Pace | None = None) -> None:
        self.nodes, self.clock = http.nodes, http.clock
        self.retry, self.pace = retry, pace or Pace()
        self._http = http

    def within(self, budget: float) -> "DynamoDBClient":
        """The same service and pace, with requests repeated for `budget` seconds only; 0 makes one
        attempt."""
        return DynamoDBClient(self._http, self.retry.apart(budget), self.pace)

    async def scan(
        self,
        request: Mapping[str, object],
        position: Position | None = None,
        estimate: float = 1.0,
        *,
        filtered_are_skipped: bool = False,
        reshape: Reshaper | None = None,
        turn: Turn | None = None,
    ) -> tuple[Page, float]:
        """A page of a Scan from `position` on, and the read units that it consumed, of which
        `estimate` are taken before; see `wire.read_page` for `filtered_are_skipped` and `reshape`.
        `turn` rests before a throttled request is sent again."""
        unit = read_bytes(consistent=bool(request.get("ConsistentRead")))

        def read(answer: bytes) -> tuple[tuple[Page, float], float, int]:
            page, units = wire.read_page(
                answer, filtered_are_skipped=filtered_are_skipped, reshape=reshape
            )
            if units is None:
                units = max(page.size / unit, _LEAST_SCAN_UNITS)
            return (page, units), units, 0

        body = partial(wire.scan_body, request, position)
        return await self.retry.resting(
            turn, self._attempt, "Scan", body, read, estimate, 1, None, turn
        )

    async def batch_get(
        self, table: str, keys: Sequence[bytes], options: Mapping[str, object]
    ) -> tuple[list[Item], list[bytes]]:
        """The items found of `keys` (one to 100 JSON objects), and the keys that came back;
        `options` as in `wire.get_body`."""
        asked = len(keys)

        def read(answer: bytes) -> tuple[tuple[list[Item], list[bytes]], float, int]:
            found, back, units = wire.read_get_answer(answer)
            if len(found) + len(back) > asked:
                raise MigrateError(
                    f"BatchGetItem of {asked} keys was answered with {len(found)} items"
                )
            if units is None:
                units = max(asked - len(back), len(answer) / CONSISTENT_READ_BYTES)
            return (found, back), units, len(back)

        body = partial(wire.get_body, table, keys, options)
        return await self._call("BatchGetItem", body, read, float(asked), asked)

    def put(
        self, table: str, batch: Sequence[Item], size: int, *, ask_capacity: bool
    ) -> Awaitable[list[Item]]:
        """Put items, at least one, of `size` bytes together; those that came back."""
        body = partial(wire.batch_body, table, batch, ask_capacity=ask_capacity)
        return self._write(body, wire.read_batch_answer, len(batch), size)

    def batch_write(
        self,
        table: str,
        requests: Sequence[Item],
        size: int,
        *,
        ask_capacity: bool,
        at: Hold | None = None,
    ) -> Awaitable[list[Item]]:
        """Send WriteRequests, at least one, of `size` bytes together, to the node `at`, or to
        any; those that came back."""
        body = partial(wire.requests_body, table, requests, ask_capacity=ask_capacity)
        return self._write(body, wire.read_requests_answer, len(requests), size, at)

    def describe_stream(
        self, arn: str, *, start: str | None = None, limit: int
    ) -> Awaitable[stream_wire.StreamPage]:
        """A page of at most `limit` shards of the stream, after the shard `start`."""
        request: dict[str, object] = {"StreamArn": arn, "Limit": limit}
        if start is not None:
            request["ExclusiveStartShardId"] = start
        return self._ask("DescribeStream", request, stream_wire.read_stream)

    def get_shard_iterator(self, arn: str, shard: str, after: str | None) -> Awaitable[str]:
        """An iterator that begins after a sequence number, or with the oldest change."""
        request: dict[str, object] = {"StreamArn": arn, "ShardId": shard}
        if after is None:
            request["ShardIteratorType"] = "TRIM_HORIZON"
        else:
            request |= {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": after}
        return self._ask("GetShardIterator", request, stream_wire.read_iterator)

    def get_records(
        self, iterator: str, limit: int, read: stream_wire.RecordReader
    ) -> Awaitable[tuple[stream_wire.Records, int]]:
        """At most `limit` records, and the size of the answer in bytes."""
        request = {"ShardIterator": iterator, "Limit": limit}
        return self._ask("GetRecords", request, lambda answer: (read(answer), len(answer)))

    def _write(
        self,
        body: Callable[[], bytes],
        read_back: Callable[[bytes], tuple[list[Item], float | None]],
        count: int,
        size: int,
        at: Hold | None = None,
    ) -> Awaitable[list[Item]]:
        least = write_units(count, size)

        def read(answer: bytes) -> tuple[list[Item], float, int]:
            back, units = read_back(answer)
            return back, least if units is None else units, len(back)

        return self._call("BatchWriteItem", body, read, least, count, at)

    def _ask(
        self, operation: str, request: Mapping[str, object], read: Callable[[bytes], T]
    ) -> Awaitable[T]:
        """An operation that costs no units."""
        body = partial(items.to_json, request)
        return self._call(operation, body, lambda answer: (read(answer), 0.0, 0), 0.0)

    def _call(
        self,
        operation: str,
        body: Callable[[], bytes],
        read: Read[T],
        estimate: float,
        count: int = 1,
        at: Hold | None = None,
    ) -> Awaitable[T]:
        """The value of the answer to a request of `count` items, for which `estimate` units are
        taken. The body is made when it may be sent, so that requests that wait hold none."""
        return self.retry(self._attempt, operation, body, read, estimate, count, at)

    async def _attempt(
        self,
        avoid: str,
        operation: str,
        body: Callable[[], bytes],
        read: Read[T],
        estimate: float,
        count: int,
        at: Hold | None,
        turn: Turn | None = None,
    ) -> T:
        await self.pace.take(estimate)
        try:
            if at is None:
                answer, seconds = await self._timed(operation, body(), avoid)
            else:
                async with at() as node:
                    answer, seconds = await self._timed(operation, body(), at=node)
            value, consumed, back = read(answer)
            self.pace.settle(estimate, consumed)
            self._http.requests.answered(operation, seconds, consumed)
            if back >= count:
                raise Throttled(f"{operation}: none of {back} items was processed")
        except Retryable as failure:
            failure.side = self._http.side
            self._http.requests.failed(operation, failure)
            if isinstance(failure, Throttled):
                failure.scope = self.pace.slow_down(turn, failure.scope)
            raise
        if back:
            self._http.requests.partly(operation)
            self.pace.slow_down()
            self.retry.note_throttled()
        return value

    async def _timed(
        self, operation: str, body: bytes, avoid: str = "", at: str = ""
    ) -> tuple[bytes, float]:
        """The answer to a request, and the seconds that it took."""
        began = perf_counter()
        answer = await self._http.call(operation, body, avoid, at)
        seconds = perf_counter() - began
        if log.isEnabledFor(logging.DEBUG):
            sizes = len(body), len(answer)
            log.debug("%s: %d bytes, answered by %d in %.1f ms", operation, *sizes, seconds * 1000)
        return answer, seconds
