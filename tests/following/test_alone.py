"""Changes alone into a target that is not there yet: made like the source, as ScyllaDB Migrator
makes it."""

from typing import Any

from tests.conftest import RunCli
from tests.following.conftest import UNTIL, Table, enable
from tests.servers.client import call, create_table
from tests.support.tables import definitions, enable_ttl, index

ALONE = {"target": {"skipInitialSnapshotTransfer": True, "indexes": "after"}}
INDEXED: dict[str, Any] = {
    "AttributeDefinitions": definitions(pk="S", city="S"),
    "GlobalSecondaryIndexes": [index("by-city", "city")],
}


async def test_the_target_is_made_and_the_changes_follow(table: Table, run_cli: RunCli) -> None:
    await call(table.url, "DeleteTable", {"TableName": table.name})
    await create_table(table.url, table.name, **INDEXED)
    await enable_ttl(table.url, table.name, "ends")
    await enable(table, "NEW_IMAGE")
    await table.put(1, 5, city={"S": "Quito"})
    table.configure(**ALONE)
    code, _, err = await run_cli("run", "config.yaml", *UNTIL)
    assert code == 0, err
    assert table.target.items(table.name) == [
        {"pk": {"S": "i1"}, "v": {"N": "5"}, "city": {"S": "Quito"}}
    ]
    made = table.target.table(table.name)
    assert set(made.indexes) == {"by-city"}
    assert made.ttl == "ends"
    await table.put(2, 6)
    code, _, err = await run_cli("run", "config.yaml", *UNTIL)
    assert code == 0, err
    assert len(table.target.items(table.name)) == 2


async def test_follow_makes_no_table(table: Table, run_cli: RunCli) -> None:
    await enable(table, "NEW_IMAGE")
    table.configure()
    code, _, err = await run_cli("follow", "config.yaml", *UNTIL)
    assert code == 2
    assert "does not exist" in err and "`run`" in err
    assert table.name not in table.target.store.tables
