"""A first look at the items of one table, without reading all of them."""

from collections.abc import Mapping
from typing import Any

from alternator_migrate.dynamodb.paging import LoopGuard
from alternator_migrate.dynamodb.table_requests import TableRequests


class TableContents:
    """What a table holds."""

    def __init__(self, requests: TableRequests) -> None:
        self._requests = requests

    async def holds_items(self) -> bool:
        """Whether at least one item is there: a Scan for one, page after page of emptiness."""
        start: dict[str, Any] = {}
        guard = LoopGuard()
        while True:
            with self._requests.asking(f"Scan {self._requests.name}"):
                page = await self._requests.ask(
                    "Scan", TableName=self._requests.name, Limit=1, **start
                )
                if page["Items"]:
                    return True
            if not page.get("LastEvaluatedKey"):
                return False
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
            self._requests.check(guard, start, f"Scan {self._requests.name}")

    async def sample(self, item_filter: Mapping[str, Any], size: int) -> tuple[int, int]:
        """The number of items, of up to `size`, that match a filter (Scan's parameters), and the
        number that was read."""
        with self._requests.asking(f"Scan {self._requests.name}"):
            page = await self._requests.ask(
                "Scan", TableName=self._requests.name, Limit=size, Select="COUNT", **item_filter
            )
            return page["Count"], page["ScannedCount"]
