"""All tables behind one control-plane client: their names and sizes, and what their server can."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from alternator_migrate.core.errors import WRONG_SERVER, BadAnswer, MigrateError, ServerRefused
from alternator_migrate.core.stopping import together
from alternator_migrate.dynamodb import rights
from alternator_migrate.dynamodb.control_plane import ControlPlane
from alternator_migrate.dynamodb.paging import LoopGuard

ABSENT: Final = ("ResourceNotFoundException", "ResourceNotFound", "TableNotFoundException")
UNSUPPORTED: Final = "UnknownOperationException"
_AT_ONCE: Final = 10
_INTERNAL: Final = ".scylla.alternator."
_SECONDS: Final = 10.0


class Account:
    """The tables behind a control plane; `where` stands before messages."""

    def __init__(self, control: ControlPlane, where: str) -> None:
        self._control, self._where = control, where

    @property
    def is_local(self) -> bool:
        """Whether they are those of a DynamoDB Local, which was asked."""
        return self._control.is_local

    async def features(self) -> frozenset[str]:
        """The features that an Alternator's cluster has enabled, by its own table, which is only
        read; none where it may not be read, or does not say."""
        found = await self._internal("system.scylla_local", "key", "enabled_features")
        return frozenset(filter(None, found.split(",")))

    async def write_isolation(self) -> str:
        """The write isolation of an Alternator's tables whose tags name none, by the option of a
        node; "" where that may not be read, or does not say."""
        found = await self._internal("system.config", "name", "alternator_write_isolation")
        return found.strip('"')

    async def _internal(self, table: str, column: str, key: str) -> str:
        """The value of a key in a table of ScyllaDB's own, which Query reads and GetItem does not;
        "" where it may not be read, or does not say in some seconds: nothing waits for it."""
        request = {
            "TableName": _INTERNAL + table,
            "KeyConditionExpression": "#key = :key",
            "ExpressionAttributeNames": {"#key": column},
            "ExpressionAttributeValues": {":key": {"S": key}},
        }
        try:
            with asking(self._where, f"Query {table}"):
                async with asyncio.timeout(_SECONDS):
                    answer = await self._control.ask("Query", **request)
                return "".join(item["value"]["S"] for item in answer["Items"])
        except (MigrateError, TimeoutError):
            return ""

    async def names(self, pages: int = 100_000) -> list[str]:
        """The names of tables there, on so many pages of a hundred at most."""
        names: list[str] = []
        start: dict[str, Any] = {}
        guard = LoopGuard()
        for _ in range(pages):
            with asking(self._where, "ListTables"):
                answer = await self._control.ask("ListTables", **start)
                names += answer["TableNames"]
            if not answer.get("LastEvaluatedTableName"):
                break
            start = {"ExclusiveStartTableName": answer["LastEvaluatedTableName"]}
            if guard.closes(start):
                raise BadAnswer(f"{self._where}ListTables goes round in a circle", WRONG_SERVER)
        return names

    async def sizes(self, names: Iterable[str]) -> dict[str, tuple[int, int]]:
        """The number of items and of bytes of each table that is there, as its server counts
        them; 0 where it does not say. Raises `MigrateError`."""
        found: dict[str, tuple[int, int]] = {}
        left = iter(names)

        async def look() -> None:
            for name in left:
                if (size := await self._size(name)) is not None:
                    found[name] = size

        async with together() as group:
            for _ in range(_AT_ONCE):
                group.create_task(look())
        return found

    async def _size(self, name: str) -> tuple[int, int] | None:
        try:
            with asking(self._where, f"DescribeTable {name}", name):
                answer = await self._control.ask("DescribeTable", TableName=name)
                table = answer["Table"]
                return int(table.get("ItemCount", 0)), int(table.get("TableSizeBytes", 0))
        except ServerRefused as error:
            return None if error.code in ABSENT else (0, 0)


@contextmanager
def asking(where: str, request: str, table: str = "*") -> Iterator[None]:
    """Around a request about a table and the reading of its answer: what goes wrong, in words of
    ours, after `where`."""
    operation = request.partition(" ")[0]
    try:
        yield
    except ServerRefused as error:
        hint = rights.named(operation, table, error)
        raise ServerRefused(f"{where}{request}", error.code, error.words, hint) from error
    except BadAnswer as error:
        raise BadAnswer(f"{where}{error.args[0]}", error.hint or WRONG_SERVER) from error
    except (LookupError, TypeError, AttributeError) as error:
        raise BadAnswer(
            f"{where}the answer to {operation} is not a DynamoDB answer ({error!r})", WRONG_SERVER
        ) from error
