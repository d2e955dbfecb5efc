"""BatchWriteItem into a DynamoDB or Alternator table."""

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final

from alternator_migrate.core.batching import pack
from alternator_migrate.core.errors import (
    BatchTooLong,
    ItemsRefused,
    OutOfTime,
    ServerFault,
    ServerRefused,
)
from alternator_migrate.core.model import Batch, Change, ChangeBatch, Item, Limits, Reject, Route
from alternator_migrate.dynamodb import items as dynamodb_items
from alternator_migrate.dynamodb import wire
from alternator_migrate.dynamodb.client import DynamoDBClient, Hold
from alternator_migrate.dynamodb.items import first_value
from alternator_migrate.dynamodb.key_routing import KeyRouter

Send = Callable[[DynamoDBClient, Sequence[Item], int], Awaitable[Sequence[Item]]]
"""`send(client, items, size)`: one request; returns what came back unprocessed."""
_PIECE_SECONDS: Final = 15.0


class DynamoDBTarget:
    """Writes batches at the run's pace; DynamoDB and Alternator differ in the values given.

    `limits` starts as given and follows the server's length message downwards. A batch that
    fails with a server error for the whole retry budget, while others or a part of it succeed,
    is halved too: some items are refused that way.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        key_names: Sequence[str],
        *,
        limits: Limits,
        ask_capacity: bool,
    ) -> None:
        self._client, self._table, self._key_names = client, table, key_names
        self._for_pieces = client.within(min(client.retry.budget, _PIECE_SECONDS))
        self._once = client.within(0.0)
        self._ask_capacity = ask_capacity
        self._succeeded = float("-inf")
        self._router = KeyRouter(client.nodes)
        self.limits = limits

    async def write(self, batch: Batch) -> Sequence[Reject]:
        """Store the batch; returns the items that the target refuses as invalid."""
        if batch.requests:
            rejects = await self._write(batch.items, batch.size, self._client, self._send)
            return [_of_change(each) for each in rejects]
        return await self._write(batch.items, batch.size, self._client, self._put)

    async def delete(self, keys: Sequence[bytes]) -> None:
        """Delete the items of `keys`, JSON objects, as far as they are there."""
        for requests, size in pack([*map(wire.deletion, keys)], self.limits):
            rest = requests
            while rest:
                rest = await self._send(self._client, rest, size)

    def key_of(self, item: Item, *, request: bool = False) -> bytes:
        """The key attributes, as a JSON object, of an item, or of what a WriteRequest puts or
        deletes."""
        if request:
            item, _ = wire.item_of_request(item)
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
        send = partial(self._send, at=partial(self._router.writing, batch.route))
        rejects = await self._write(batch.requests, batch.size, self._client, send)
        await self._router.settle(batch.route)
        return [_of_change(each) for each in rejects]

    def _partition(self, change: Change) -> bytes:
        return first_value(change.key) if len(self._key_names) > 1 else change.key

    async def _write(
        self,
        items: Sequence[Item],
        size: int,
        client: DynamoDBClient,
        send: Send,
        witness: Item | None = None,
    ) -> list[Reject]:
        rest, began = items, time.monotonic()
        try:
            while rest:
                rest = await send(client, rest, size)
                self._succeeded = time.monotonic()
                size = sum(map(len, rest))
        except BatchTooLong as error:
            self.limits = replace(self.limits, items=min(self.limits.items, error.maximum))
            runs = [run for run, _ in pack(rest, self.limits)]
            return await self._write_parts(runs, client, send)
        except ItemsRefused as error:
            return await self._halve(rest, error.code, error.words, client, send)
        except OutOfTime as error:
            if not isinstance(error.__cause__, ServerFault):
                raise
            witness = await self._taken_of(rest, witness, send)
            if witness is None and self._succeeded < began:
                raise
            words, client = str(error.__cause__), self._for_pieces
            return await self._halve(rest, "InternalServerError", words, client, send, witness)
        return []

    async def _halve(
        self,
        items: Sequence[Item],
        code: str,
        words: str,
        client: DynamoDBClient,
        send: Send,
        witness: Item | None = None,
    ) -> list[Reject]:
        """Find the items at fault in a batch that the target does not take as a whole."""
        if len(items) == 1:
            return [Reject(items[0], code, words)]
        half = len(items) // 2
        return await self._write_parts([items[:half], items[half:]], client, send, witness)

    async def _taken_of(
        self, items: Sequence[Item], witness: Item | None, send: Send
    ) -> Item | None:
        """An item of the batch that the target takes now, in one attempt: `witness`, which it
        took before, or one of a half of `items`. None says that the server may be down."""
        half = len(items) // 2
        parts = [[witness]] if witness is not None else [items[:half], items[half:]]
        for part in filter(None, parts):
            self._client.retry.note_repeated()
            with suppress(OutOfTime, ServerRefused):
                await send(self._once, part, sum(map(len, part)))
                self._succeeded = time.monotonic()
                return part[0]
        return None

    async def _write_parts(
        self,
        parts: Iterable[Sequence[Item]],
        client: DynamoDBClient,
        send: Send,
        witness: Item | None = None,
    ) -> list[Reject]:
        rejects = []
        for part in parts:
            rejects += await self._write(part, sum(map(len, part)), client, send, witness)
        return rejects

    def _put(
        self, client: DynamoDBClient, items: Sequence[Item], size: int
    ) -> Awaitable[Sequence[Item]]:
        """One request of puts, at any node."""
        return client.put(self._table, items, size, ask_capacity=self._ask_capacity)

    def _send(
        self, client: DynamoDBClient, requests: Sequence[Item], size: int, at: Hold | None = None
    ) -> Awaitable[Sequence[Item]]:
        """One request of puts and deletes, at a node that is held meanwhile, or any."""
        return client.batch_write(
            self._table, requests, size, ask_capacity=self._ask_capacity, at=at
        )


def _of_change(reject: Reject) -> Reject:
    """A refused WriteRequest as a reject of its item."""
    item, change = wire.item_of_request(reject.item)
    return replace(reject, item=item, change=change)
