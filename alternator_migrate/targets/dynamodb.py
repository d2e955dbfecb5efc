"""BatchWriteItem into a DynamoDB or Alternator table."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from alternator_migrate import wire
from alternator_migrate.batching import pack
from alternator_migrate.errors import BatchTooLong, ItemsRefused, Throttled
from alternator_migrate.lane import Lane
from alternator_migrate.model import Batch, Item, Limits, Reject
from alternator_migrate.pacing import Pace, Retry

_WRITE_UNIT: Final = 1024.0


class DynamoDBTarget:
    """Puts batches at the run's pace; DynamoDB and Alternator differ in the values given.

    `limits` starts as given and follows the server's length message downwards.
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
        self._ask_capacity = ask_capacity
        self.limits = limits

    async def write(self, batch: Batch) -> Sequence[Reject]:
        """Store the batch; returns the items that the target refuses as invalid."""
        return await self._write(batch.items, batch.size)

    def key_of(self, item: Item) -> bytes:
        """The item's key attributes as a JSON object."""
        return wire.key_of(item, self._key_names)

    async def _write(self, items: Sequence[Item], size: int) -> list[Reject]:
        rest = items
        try:
            while rest:
                rest = await self._retry(self._put, rest, size)
                size = sum(map(len, rest))
        except BatchTooLong as error:
            self.limits = replace(self.limits, items=min(self.limits.items, error.maximum))
            parts: Sequence[Sequence[Item]] = [run for run, _ in pack(rest, self.limits)]
        except ItemsRefused as error:
            if len(rest) == 1:
                return [Reject(rest[0], error.code, error.words)]
            half = len(rest) // 2
            parts = [rest[:half], rest[half:]]
        else:
            return []
        return [reject for part in parts for reject in await self._write(part, sum(map(len, part)))]

    async def _put(self, avoid: str, items: Sequence[Item], size: int) -> Sequence[Item]:
        """One request; returns what came back unprocessed. Raises `Throttled` if that is all."""
        taken = max(len(items), size / _WRITE_UNIT)
        await self._pace.take(taken)
        body = wire.batch_body(self._table, items, ask_capacity=self._ask_capacity)
        try:
            answer = await self._lane.call("BatchWriteItem", body, avoid)
        except Throttled:
            self._pace.slow_down()
            raise
        back, units = wire.read_batch_answer(answer)
        self._pace.settle(taken, taken if units is None else units)
        if back:
            self._pace.slow_down()
            if len(back) == len(items):
                raise Throttled(f"none of {len(back)} items was processed")
            self._retry.note_throttled()
        return back
