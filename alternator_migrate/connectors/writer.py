"""BatchWriteItem into a DynamoDB or Alternator table."""

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from alternator_migrate.core.batching import pack
from alternator_migrate.core.capacity import write_units
from alternator_migrate.core.errors import (
    BatchTooLong,
    ItemsRefused,
    OutOfTime,
    Retryable,
    ServerFault,
    ServerRefused,
    Throttled,
)
from alternator_migrate.core.model import Batch, Change, ChangeBatch, Item, Limits, Reject, Route
from alternator_migrate.core.pace import Pace
from alternator_migrate.core.retry import Retry
from alternator_migrate.dynamodb import items as dynamodb_items
from alternator_migrate.dynamodb import wire
from alternator_migrate.dynamodb.client import HttpClient
from alternator_migrate.dynamodb.items import first_value
from alternator_migrate.dynamodb.key_routing import KeyRouter

Send = Callable[[str, Sequence[Item], int], Awaitable[Sequence[Item]]]
"""`send(avoid, items, size)`: one request; returns what came back unprocessed."""
Call = Callable[[bytes], Awaitable[bytes]]
"""`call(body)`: the answer of BatchWriteItem, from the node that is to give it."""
_PIECE_SECONDS: Final = 15.0


class DynamoDBTarget:
    """Writes batches at the run's pace; DynamoDB and Alternator differ in the values given.

    `limits` starts as given and follows the server's length message downwards. A batch that
    fails with a server error for the whole retry budget, while others or a part of it succeed,
    is halved too: some items are refused that way.
    """

    def __init__(
        self,
        lane: HttpClient,
        table: str,
        key_names: Sequence[str],
        retry: Retry,
        pace: Pace,
        *,
        limits: Limits,
        ask_capacity: bool,
    ) -> None:
        self._lane, self._table, self._key_names = lane, table, key_names
        self._retry, self._pace = retry, pace
        self._retry_pieces = retry.apart(min(retry.budget, _PIECE_SECONDS))
        self._ask_capacity = ask_capacity
        self._succeeded = float("-inf")
        self._router = KeyRouter(lane.nodes)
        self.limits = limits

    async def write(self, batch: Batch) -> Sequence[Reject]:
        """Store the batch; returns the items that the target refuses as invalid."""
        return await self._write(batch.items, batch.size, self._retry, self._put)

    async def delete(self, keys: Sequence[bytes]) -> None:
        """Delete the items of `keys`, JSON objects, as far as they are there."""

        async def send(avoid: str, requests: Sequence[Item], size: int) -> Sequence[Item]:
            return await self._send(requests, size, lambda body: self._call(body, avoid))

        for requests, size in pack([*map(wire.deletion, keys)], self.limits):
            rest = requests
            while rest:
                rest = await self._retry(send, rest, size)

    def key_of(self, item: Item) -> bytes:
        """The item's key attributes as a JSON object."""
        return dynamodb_items.key_of(item, self._key_names)

    def batches(self, changes: Sequence[Change]) -> list[ChangeBatch]:
        """Changes of different keys, packed by the nodes that are to write them."""
        by_route: dict[Route, list[Item]] = defaultdict(list)
        one = self._router.of(b"") if self._router.one else None
        for change in changes:
            route = one or self._router.of(self._partition(change))
            by_route[route].append(wire.write_request(change))
        return [
            ChangeBatch(run, size, route)
            for route, requests in by_route.items()
            for run, size in pack(requests, self.limits)
        ]

    async def apply(self, batch: ChangeBatch) -> Sequence[Reject]:
        """Put images and delete keys, all through one node; what is refused is returned."""

        async def call(body: bytes) -> bytes:
            async with self._router.writing(batch.route) as node:
                return await self._call(body, at=node)

        async def send(_: str, requests: Sequence[Item], size: int) -> Sequence[Item]:
            return await self._send(requests, size, call)

        rejects = await self._write(batch.requests, batch.size, self._retry, send)
        await self._router.settle(batch.route)
        return [_of_change(each) for each in rejects]

    def _partition(self, change: Change) -> bytes:
        return first_value(change.key) if len(self._key_names) > 1 else change.key

    async def _write(
        self,
        items: Sequence[Item],
        size: int,
        retry: Retry,
        send: Send,
        witness: Item | None = None,
    ) -> list[Reject]:
        rest, began = items, time.monotonic()
        try:
            while rest:
                rest = await retry(send, rest, size)
                size = sum(map(len, rest))
        except BatchTooLong as error:
            self.limits = replace(self.limits, items=min(self.limits.items, error.maximum))
            runs = [run for run, _ in pack(rest, self.limits)]
            return await self._write_parts(runs, retry, send)
        except ItemsRefused as error:
            return await self._halve(rest, error.code, error.words, retry, send)
        except OutOfTime as error:
            if not isinstance(error.__cause__, ServerFault):
                raise
            witness = await self._taken_of(rest, witness, send)
            if witness is None and self._succeeded < began:
                raise
            words, retry = str(error.__cause__), self._retry_pieces
            return await self._halve(rest, "InternalServerError", words, retry, send, witness)
        return []

    async def _halve(
        self,
        items: Sequence[Item],
        code: str,
        words: str,
        retry: Retry,
        send: Send,
        witness: Item | None = None,
    ) -> list[Reject]:
        """Find the items at fault in a batch that the target does not take as a whole."""
        if len(items) == 1:
            return [Reject(items[0], code, words)]
        half = len(items) // 2
        return await self._write_parts([items[:half], items[half:]], retry, send, witness)

    async def _taken_of(
        self, items: Sequence[Item], witness: Item | None, send: Send
    ) -> Item | None:
        """An item of the batch that the target takes now, in one attempt: `witness`, which it
        took before, or one of a half of `items`. None says that the server may be down."""
        half = len(items) // 2
        parts = [[witness]] if witness is not None else [items[:half], items[half:]]
        for part in filter(None, parts):
            self._retry.note_repeated()
            with suppress(Retryable, ServerRefused):
                await send("", part, sum(map(len, part)))
                return part[0]
        return None

    async def _write_parts(
        self,
        parts: Iterable[Sequence[Item]],
        retry: Retry,
        send: Send,
        witness: Item | None = None,
    ) -> list[Reject]:
        rejects = []
        for part in parts:
            rejects += await self._write(part, sum(map(len, part)), retry, send, witness)
        return rejects

    async def _put(self, avoid: str, items: Sequence[Item], size: int) -> Sequence[Item]:
        """One request of puts, at any node but `avoid`."""
        taken = await self._take(len(items), size)
        body = wire.batch_body(self._table, items, ask_capacity=self._ask_capacity)
        answer = await self._call(body, avoid)
        return self._settled(wire.read_batch_answer(answer), len(items), taken)

    async def _send(self, requests: Sequence[Item], size: int, call: Call) -> Sequence[Item]:
        """One request of puts and deletes, once the pace allows it."""
        taken = await self._take(len(requests), size)
        body = wire.requests_body(self._table, requests, ask_capacity=self._ask_capacity)
        answer = await call(body)
        return self._settled(wire.read_requests_answer(answer), len(requests), taken)

    async def _take(self, count: int, size: int) -> float:
        """Wait for the pace; the units taken for so many items."""
        taken = write_units(count, size)
        await self._pace.take(taken)
        return taken

    async def _call(self, body: bytes, avoid: str = "", at: str = "") -> bytes:
        try:
            return await self._lane.call("BatchWriteItem", body, avoid, at)
        except Throttled:
            self._pace.slow_down()
            raise

    def _settled(
        self, answer: tuple[Sequence[Item], float | None], sent: int, taken: float
    ) -> Sequence[Item]:
        """What of `sent` items came back. Raises `Throttled` if that is all."""
        back, units = answer
        self._pace.settle(taken, taken if units is None else units)
        self._succeeded = time.monotonic()
        if back:
            self._pace.slow_down()
            if len(back) == sent:
                raise Throttled(f"none of {len(back)} items was processed")
            self._retry.note_throttled()
        return back


def _of_change(reject: Reject) -> Reject:
    """A refused WriteRequest as a reject of its item."""
    item, change = wire.item_of_request(reject.item)
    return replace(reject, item=item, change=change)
