"""BatchGetItem from a DynamoDB or Alternator table: items by their keys."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from alternator_migrate.core.capacity import CONSISTENT_READ_BYTES
from alternator_migrate.core.errors import ItemsRefused, MigrateError, Throttled
from alternator_migrate.core.model import Item
from alternator_migrate.core.pace import Pace
from alternator_migrate.core.retry import Retry
from alternator_migrate.dynamodb import wire
from alternator_migrate.dynamodb.client import HttpClient
from alternator_migrate.dynamodb.items import Reshape, rekeyed

_MOST_KEYS: Final = 100
_TOO_LARGE_A_KEY = re.compile(r"key size too large|size of (hash|range)key", re.IGNORECASE)


class DynamoDBLookup:
    """Looks items up at the run's pace, strongly consistent.

    `names` maps the names of key attributes as asked for to those of this table, and `rename`
    turns an item of this table into one as it is compared. `only` are attributes of this table
    that are read; none means all.
    """

    def __init__(
        self,
        lane: HttpClient,
        table: str,
        retry: Retry,
        pace: Pace,
        *,
        names: Mapping[str, str],
        rename: Reshape | None = None,
        only: Sequence[str] = (),
        ask_capacity: bool = False,
    ) -> None:
        self._lane, self._table, self._retry, self._pace = lane, table, retry, pace
        self._names = names if any(name != own for name, own in names.items()) else None
        self._rename = rename
        self._request: dict[str, object] = {"ConsistentRead": True}
        if only:
            self._request |= wire.projection(only, self._request)
        if ask_capacity:
            self._request["ReturnConsumedCapacity"] = "TOTAL"

    async def get(self, keys: Sequence[bytes]) -> Sequence[Item]:
        """The items of those `keys` that are there, in any order; a key too large for this table
        is not there. Raises `MigrateError`."""
        if self._names:
            names = self._names
            keys = [rekeyed(key, names) for key in keys]
        found: list[Item] = []
        for start in range(0, len(keys), _MOST_KEYS):
            found += await self._get_some(keys[start : start + _MOST_KEYS])
        return [self._rename(item) for item in found] if self._rename else found

    async def _get_some(self, keys: Sequence[bytes]) -> list[Item]:
        found: list[Item] = []
        rest = keys
        try:
            while rest:
                items, rest = await self._retry(self._get, rest)
                found += items
        except ItemsRefused as error:
            if not _TOO_LARGE_A_KEY.search(error.words):
                raise
            if len(rest) > 1:
                half = len(rest) // 2
                found += await self._get_some(rest[:half])
                found += await self._get_some(rest[half:])
        return found

    async def _get(self, avoid: str, keys: Sequence[bytes]) -> tuple[list[Item], list[bytes]]:
        """One request: the items found and the keys that came back. Raises `Throttled` where
        all came back."""
        taken = float(len(keys))
        await self._pace.take(taken)
        try:
            body = wire.get_body(self._table, keys, self._request)
            answer = await self._lane.call("BatchGetItem", body, avoid)
        except Throttled:
            self._pace.slow_down()
            raise
        items, back, units = wire.read_get_answer(answer)
        if units is None:
            units = max(len(keys) - len(back), len(answer) / CONSISTENT_READ_BYTES)
        self._pace.settle(taken, units)
        if back:
            self._pace.slow_down()
            if len(back) >= len(keys):
                raise Throttled(f"none of {len(back)} keys was looked up")
            self._retry.note_throttled()
        if len(items) + len(back) > len(keys):
            raise MigrateError(
                f"BatchGetItem of {len(keys)} keys was answered with {len(items)} items"
            )
        return items, back
