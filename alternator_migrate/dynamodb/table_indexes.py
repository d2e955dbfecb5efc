"""The global indexes of a table that is there already."""

import asyncio
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from alternator_migrate.core.errors import MigrateError, ServerRefused
from alternator_migrate.dynamodb import table_schema
from alternator_migrate.dynamodb.table_requests import TableRequests
from alternator_migrate.dynamodb.table_schema import Index, TableSpec

_CANNOT: Final = "not supported"
_NOBODY: Final = "alternator-migrate"
_ALL: Final = {"ProjectionType": "ALL"}
_POLL_SECONDS: Final = 1.0
# An index of a large table is built for days, in which nothing else is to be done.
_INDEX_SECONDS: Final = 7 * 86_400.0


class TableIndexes:
    """Adds global indexes to a table."""

    def __init__(self, requests: TableRequests) -> None:
        self._requests = requests

    async def add(self, index: Index, spec: TableSpec) -> None:
        """Add a global index to a table that holds data; return when it is ACTIVE. One that is
        there already is waited for."""
        requests = self._requests
        used = {element.name for element in index.keys}
        defined = [each for each in table_schema.definitions(spec) if each["AttributeName"] in used]
        try:
            with requests.asking(f"UpdateTable {requests.name}, index {index.name}"):
                await requests.ask(
                    "UpdateTable",
                    TableName=requests.name,
                    AttributeDefinitions=defined,
                    GlobalSecondaryIndexUpdates=[{"Create": table_schema.index_creation(index)}],
                )
        except ServerRefused:
            if index.name not in await self._statuses():
                raise
        await self._active(index.name)

    async def can_be_added(self) -> bool:
        """Whether the server can add a global index to a table that is there, which ScyllaDB
        before 2025.1 cannot: by a request that cannot succeed, for a table that does not exist.
        Such a server refuses it unread; any other misses the table, or the right to ask."""
        absent = f"{_NOBODY}-{uuid.uuid4().hex}"
        element = {"AttributeName": "id", "KeyType": "HASH"}
        index = {"IndexName": _NOBODY, "KeySchema": [element], "Projection": _ALL}
        try:
            with self._requests.asking(f"UpdateTable {absent}"):
                await self._requests.ask(
                    "UpdateTable",
                    TableName=absent,
                    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                    GlobalSecondaryIndexUpdates=[{"Create": index}],
                )
        except ServerRefused as error:
            return _CANNOT not in error.words
        return True

    async def _active(self, name: str) -> None:
        give_up = time.monotonic() + _INDEX_SECONDS
        while time.monotonic() < give_up:
            if (await self._statuses()).get(name) == "ACTIVE":
                return
            await asyncio.sleep(_POLL_SECONDS)
        raise MigrateError(f"index {name} was not ACTIVE after {_INDEX_SECONDS / 86_400:.0f} days")

    async def _statuses(self) -> dict[str, str]:
        description = await self._requests.describe() or {}
        indexes: Sequence[Mapping[str, Any]] = description.get("GlobalSecondaryIndexes", ())
        return {index["IndexName"]: index.get("IndexStatus", "ACTIVE") for index in indexes}
