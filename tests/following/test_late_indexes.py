"""Indexes that are built after the data, which may take longer than a stream keeps changes."""

from typing import Any

from tests.following.conftest import Table, until
from tests.servers.cli import running
from tests.servers.client import call, create_table
from tests.support.tables import definitions, index


async def test_changes_are_kept_while_indexes_are_built(table: Table) -> None:
    indexed: dict[str, Any] = {
        "AttributeDefinitions": definitions(pk="S", t="S"),
        "GlobalSecondaryIndexes": [index("by-t", "t")],
    }
    await call(table.url, "DeleteTable", {"TableName": table.name})
    await create_table(table.url, table.name, **indexed)
    for number in range(10):
        await table.put(number)
    table.target.settings.backfill_polls = 10**6
    table.configure(target={"indexes": "after"})
    async with running(table.folder, "run", "config.yaml", "--until-caught-up") as cli:

        async def is_being_built() -> bool:
            there = table.target.store.tables.get(table.name)
            return bool(there and there.indexes)

        await until(is_being_built, 60)
        await table.put(1, 1, t={"S": "x"})
        await table.put(1000, 1, t={"S": "y"})
        await table.remove(3)

        async def kept() -> bool:
            stream = table.kept["stream"]
            return bool(stream["phase"] == "spool" and stream["spool"]["changes"] == 3)

        await until(kept)
        (built,) = table.target.store.tables[table.name].indexes.values()
        assert built.building
        built.building = 0
        result = await cli.wait(60)
    assert result.code == 0, result
    assert await table.equal()
