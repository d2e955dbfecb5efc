"""BatchWriteItem into a DynamoDB or Alternator table."""

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from alternator_migrate import wire
from alternator_migrate.batching import pack
from alternator_migrate.errors import (
    BatchTooLong,
    ItemsRefused,
    OutOfTime,
    Retryable,
    ServerFault,
    ServerRefused,
    Throttled,
)
from alternator_migrate.lane import Lane
from alternator_migrate.model import Batch, Item, Limits, Reject
from alternator_migrate.pacing import Pace, Retry

_WRITE_UNIT: Final = 1024.0
_PIECE_SECONDS: Final = 15.0


class DynamoDBTarget:
    """Puts batches at the run's pace; DynamoDB and Alternator differ in the values given.

    `limits` starts as given and follows the server's length message downwards. A batch that
    fails with a server error for the whole retry budget, while others or a part of it succeed,
    is halved too: some items are refused that way.
    """

    def __init__(
        self,
        lane: Lane,
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
        self._retry_pieces = Retry(min(retry.budget, _PIECE_SECONDS))
        self._ask_capacity = ask_capacity
        self._succeeded = float("-inf")
        self.limits = limits

    async def write(self, batch: Batch) -> Sequence[Reject]:
        """Store the batch; returns the items that the target refuses as invalid."""
        return await self._write(batch.items, batch.size, self._retry)

    async def delete(self, keys: Sequence[bytes]) -> None:
        """Delete the items of `keys`, JSON objects, as far as they are there."""
        for start in range(0, len(keys), self.limits.items):
            rest: Sequence[Item] = keys[start : start + self.limits.items]
            while rest:
                rest = await self._retry(self._put, rest, len(rest), deleting=True)

    def key_of(self, item: Item) -> bytes:
        """The item's key attributes as a JSON object."""
        return wire.key_of(item, self._key_names)

    async def _write(
        self, items: Sequence[Item], size: int, retry: Retry, witness: Item | None = None
    ) -> list[Reject]:
        rest, began = items, time.monotonic()
        try:
            while rest:
                rest = await retry(self._put, rest, size)
                size = sum(map(len, rest))
        except BatchTooLong as error:
            self.limits = replace(self.limits, items=min(self.limits.items, error.maximum))
            return await self._write_parts([run for run, _ in pack(rest, self.limits)], retry)
        except ItemsRefused as error:
            return await self._halve(rest, error.code, error.words, retry)
        except OutOfTime as error:
            if not isinstance(error.__cause__, ServerFault):
                raise
            witness = await self._taken_of(rest, witness)
            if witness is None and self._succeeded < began:
                raise
            words, retry = str(error.__cause__), self._retry_pieces
            return await self._halve(rest, "InternalServerError", words, retry, witness)
        return []

    async def _halve(
        self,
        items: Sequence[Item],
        code: str,
        words: str,
        retry: Retry,
        witness: Item | None = None,
    ) -> list[Reject]:
        """Find the items at fault in a batch that the target does not take as a whole."""
        if len(items) == 1:
            return [Reject(items[0], code, words)]
        half = len(items) // 2
        return await self._write_parts([items[:half], items[half:]], retry, witness)

    async def _taken_of(self, items: Sequence[Item], witness: Item | None) -> Item | None:
        """An item of the batch that the target takes now, in one attempt: `witness`, which it
        took before, or one of a half of `items`. None says that the server may be down."""
        half = len(items) // 2
        parts = [[witness]] if witness is not None else [items[:half], items[half:]]
        for part in filter(None, parts):
            with suppress(Retryable, ServerRefused):
                await self._put("", part, sum(map(len, part)))
                return part[0]
        return None

    async def _write_parts(
        self, parts: Iterable[Sequence[Item]], retry: Retry, witness: Item | None = None
    ) -> list[Reject]:
        rejects = []
        for part in parts:
            rejects += await self._write(part, sum(map(len, part)), retry, witness)
        return rejects

    async def _put(
        self, avoid: str, items: Sequence[Item], size: int, *, deleting: bool = False
    ) -> Sequence[Item]:
        """One request; returns what came back unprocessed. Raises `Throttled` if that is all."""
        taken = max(len(items), size / _WRITE_UNIT)
        await self._pace.take(taken)
        body = wire.batch_body(
            self._table, items, ask_capacity=self._ask_capacity, deleting=deleting
        )
        try:
            answer = await self._lane.call("BatchWriteItem", body, avoid)
        except Throttled:
            self._pace.slow_down()
            raise
        read = wire.read_deletion_answer if deleting else wire.read_batch_answer
        back, units = read(answer)
        self._pace.settle(taken, taken if units is None else units)
        self._succeeded = time.monotonic()
        if back:
            self._pace.slow_down()
            if len(back) == len(items):
                raise Throttled(f"none of {len(back)} items was processed")
            self._retry.note_throttled()
        return back
