"""DescribeTable, DeleteTable, ListTables: what is told of tables."""

from typing import Any

import pytest

from tests.contract.conftest import Client, Item, definitions, index, key_schema

INVALID = (400, "ValidationException")


async def described(alternator: Client, table: str) -> Any:
    """The Table member of DescribeTable."""
    return (await alternator.call("DescribeTable", {"TableName": table})).body["Table"]


@pytest.mark.parametrize("units", [(3, 4), (0, 0)])
async def test_throughput_is_kept(alternator: Client, units: tuple[int, int]) -> None:
    await alternator.skip_if_old()
    asked = {"ReadCapacityUnits": units[0], "WriteCapacityUnits": units[1]}
    table = await alternator.table(BillingMode="PROVISIONED", ProvisionedThroughput=asked)
    shown = await described(alternator, table)
    assert shown["ProvisionedThroughput"] == {**asked, "NumberOfDecreasesToday": 0}
    assert shown["BillingModeSummary"]["BillingMode"] == "PROVISIONED"
    assert "LastUpdateToPayPerRequestDateTime" in shown["BillingModeSummary"]


@pytest.mark.parametrize(
    "extra",
    [
        {"SSESpecification": {"Enabled": False}},
        {"StreamSpecification": {"StreamEnabled": False}},
        {"TableClass": "STANDARD_INFREQUENT_ACCESS"},
        {"DeletionProtectionEnabled": True},
        {"OnDemandThroughput": {"MaxReadRequestUnits": 1}},
    ],
)
async def test_what_is_ignored(alternator: Client, extra: Item) -> None:
    shown = await described(alternator, await alternator.table(**extra))
    assert not {"SSEDescription", "TableClassSummary", "OnDemandThroughput"} & shown.keys()
    assert "DeletionProtectionEnabled" not in shown


async def test_describe_table(alternator: Client) -> None:
    table = await alternator.table("id:S at:N")
    shown = await described(alternator, table)
    assert shown["TableArn"] == f"arn:scylla:alternator:alternator_{table}:scylla:table/{table}"
    assert shown["TableStatus"] == "ACTIVE"
    assert shown["KeySchema"] == key_schema("id:S at:N")
    assert sorted(d["AttributeName"] for d in shown["AttributeDefinitions"]) == ["at", "id"]
    assert shown["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert shown["ProvisionedThroughput"]["ReadCapacityUnits"] == 0
    assert not {"ItemCount", "Replicas", "WarmThroughput"} & shown.keys()
    assert not {"GlobalSecondaryIndexes", "LocalSecondaryIndexes"} & shown.keys()


async def test_indexes_project_all_and_have_no_sizes(alternator: Client) -> None:
    table = await alternator.table(
        "id:S at:S",
        AttributeDefinitions=definitions("id:S at:S more:N"),
        LocalSecondaryIndexes=[index("local", "id:S more:N", "KEYS_ONLY")],
        GlobalSecondaryIndexes=[index("global", "more:N", "INCLUDE")],
    )
    shown = await described(alternator, table)
    [local], [everywhere] = shown["LocalSecondaryIndexes"], shown["GlobalSecondaryIndexes"]
    assert local["Projection"] == everywhere["Projection"] == {"ProjectionType": "ALL"}
    assert "IndexStatus" not in local
    assert everywhere["IndexArn"] == f"{shown['TableArn']}/index/global"
    assert not {"ItemCount", "IndexSizeBytes", "ProvisionedThroughput"} & everywhere.keys()


async def test_a_hash_only_index_of_create_table_has_no_range_key(alternator: Client) -> None:
    await alternator.skip_if_old()
    table = await alternator.table(
        AttributeDefinitions=definitions("id:S more:N"),
        GlobalSecondaryIndexes=[index("global", "more:N")],
    )
    [shown] = (await described(alternator, table))["GlobalSecondaryIndexes"]
    assert shown["KeySchema"] == key_schema("more:N")


async def test_a_deleted_table_is_gone_at_once(alternator: Client) -> None:
    table = await alternator.table()
    answer = (await alternator.call("DeleteTable", {"TableName": table})).body
    assert answer["TableDescription"]["TableStatus"] == "DELETING"
    assert answer["TableDescription"]["TableName"] == table
    shown = "KeySchema" in answer["TableDescription"]
    assert shown in alternator.either(current=False, old=True)
    for operation in ("DescribeTable", "DeleteTable"):
        error = (await alternator.call(operation, {"TableName": table})).error
        expected = f"Requested resource not found: Table: {table} not found"
        assert error == (400, "ResourceNotFoundException", expected)


@pytest.mark.parametrize("limit", [0, 101])
async def test_list_tables_has_a_limit(alternator: Client, limit: int) -> None:
    answer = await alternator.call("ListTables", {"Limit": limit})
    assert answer.error == (*INVALID, "Limit must be greater than 0 and no greater than 100")


async def test_list_tables_in_pages(alternator: Client) -> None:
    tables = {await alternator.table() for _ in range(3)}
    seen: list[str] = []
    after: Item = {}
    while True:
        page = (await alternator.call("ListTables", {"Limit": 1, **after})).body
        seen += page["TableNames"]
        if "LastEvaluatedTableName" not in page:
            break
        after = {"ExclusiveStartTableName": page["LastEvaluatedTableName"]}
    assert tables <= set(seen)
    assert len(seen) == len(set(seen))


async def test_continuous_backups_are_disabled(alternator: Client) -> None:
    body = {"TableName": await alternator.table()}
    answer = (await alternator.call("DescribeContinuousBackups", body)).body
    shown = answer["ContinuousBackupsDescription"]
    assert shown["ContinuousBackupsStatus"] == "DISABLED"
