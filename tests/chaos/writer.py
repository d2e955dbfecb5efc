"""A writer that changes a table while it is migrated: few hot keys, and every kind of change."""

import asyncio
import random
from typing import Any

import aiohttp

from tests.servers.client import TIMEOUT, Item, authorization
from tests.support.orders import OrderCheck

HOT = 6
BIG = 300_000


class Writer:
    """Makes `changes` seeded changes to a table, one after another, and tells `check` of each
    before it is made."""

    def __init__(self, url: str, table: str, seed: int, check: OrderCheck) -> None:
        self._url, self._table, self._check = url, table, check
        self._chance = random.Random(seed)
        self._version = 0
        self._there: set[int] = set()
        self._session: aiohttp.ClientSession | None = None
        self.made = 0

    async def __aenter__(self) -> "Writer":
        self._session = aiohttp.ClientSession(timeout=TIMEOUT)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._session is not None
        await self._session.close()

    async def fill(self, keys: int) -> None:
        """Store so many items."""
        for number in range(keys):
            await self._put(number)

    async def work(self, changes: int, pause: float) -> None:
        """So many changes, with pauses between them (seconds, on average)."""
        for _ in range(changes):
            await self._change()
            await asyncio.sleep(self._chance.uniform(0, 2 * pause))

    async def _change(self) -> None:
        chance, dice = self._chance, self._chance.random()
        number = chance.randrange(HOT) if dice < 0.6 else chance.randrange(400)
        if dice < 0.1:
            await self._put(number)
            await self._remove(number)
            await self._put(number)
        elif number in self._there and chance.random() < 0.25:
            await self._remove(number)
        else:
            await self._put(number, BIG if chance.random() < 0.02 else 0)

    async def _put(self, number: int, size: int = 0) -> None:
        self._version += 1
        key = _key(number)
        self._check.put(key, self._version)
        self._there.add(number)
        item = key | {"v": {"N": str(self._version)}, "text": {"S": "é\u2028" + "x" * size}}
        await self._call("PutItem", {"TableName": self._table, "Item": item})

    async def _remove(self, number: int) -> None:
        self._check.removed(_key(number))
        self._there.discard(number)
        await self._call("DeleteItem", {"TableName": self._table, "Key": _key(number)})

    async def _call(self, operation: str, body: dict[str, Any]) -> None:
        assert self._session is not None
        self.made += 1
        headers = authorization(operation)
        async with self._session.post(self._url, json=body, headers=headers) as response:
            text = await response.text()
            assert response.status == 200, f"{operation}: {response.status} {text[:200]}"


def _key(number: int) -> Item:
    return {"pk": {"S": f"p{number % 50}"}, "sk": {"N": str(number)}}
