"""BatchGetItem from a DynamoDB or Alternator table: items by their keys."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from alternator_migrate.connectors.transform import Shaping
from alternator_migrate.core.errors import ItemsRefused
from alternator_migrate.core.model import Item
from alternator_migrate.dynamodb import wire
from alternator_migrate.dynamodb.client import DynamoDBClient
from alternator_migrate.dynamodb.items import rekeyed

_MOST_KEYS: Final = 100
_TOO_LARGE_A_KEY = re.compile(r"key size too large|size of (hash|range)key", re.IGNORECASE)


class DynamoDBLookup:
    """Looks items up at the run's pace, strongly consistent.

    `names` maps the names of key attributes as asked for to those of this table, and `shaping`
    turns items of this table into those that are compared. `only` are attributes of this table
    that are read; none means all. Where items are `wanted` by their attributes, others are not
    there.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        *,
        names: Mapping[str, str],
        shaping: Shaping | None = None,
        only: Sequence[str] = (),
        wanted: Callable[[Item], bool] | None = None,
        ask_capacity: bool = False,
    ) -> None:
        self._client, self._table, self._wanted = client, table, wanted
        self._names = names if any(name != own for name, own in names.items()) else None
        self._shaping = shaping
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
        if self._wanted:
            found = [*filter(self._wanted, found)]
        return self._shaping.reshape.each(found) if self._shaping else found

    async def _get_some(self, keys: Sequence[bytes]) -> list[Item]:
        found: list[Item] = []
        rest = keys
        try:
            while rest:
                items, rest = await self._client.batch_get(self._table, rest, self._request)
                found += items
        except ItemsRefused as error:
            if not _TOO_LARGE_A_KEY.search(error.words):
                raise
            if len(rest) > 1:
                half = len(rest) // 2
                found += await self._get_some(rest[:half])
                found += await self._get_some(rest[half:])
        return found
