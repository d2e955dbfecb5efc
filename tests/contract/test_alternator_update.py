"""UpdateTable: indexes one by one, streams, and much that is refused."""

from typing import Any

import pytest

from tests.contract.conftest import Client, Item, definitions, index, key_schema
from tests.standin import StandIn

INVALID = (400, "ValidationException")
NOTHING = (
    "UpdateTable requires one of GlobalSecondaryIndexUpdates, VectorIndexUpdates, "
    "StreamSpecification or BillingMode to be specified"
)


def create(name: str = "added", keys: str = "more:N") -> Item:
    """The part of a request that adds a GSI."""
    return {
        "AttributeDefinitions": definitions(keys),
        "GlobalSecondaryIndexUpdates": [{"Create": index(name, keys)}],
    }


def update(action: str, name: str = "added") -> Item:
    """The part of a request that does something to a GSI."""
    return {"GlobalSecondaryIndexUpdates": [{action: {"IndexName": name}}]}


@pytest.mark.parametrize("name", ["ProvisionedThroughput", "ReplicaUpdates", "SSESpecification"])
async def test_refused_parameters(alternator: Client, name: str) -> None:
    body = {"TableName": await alternator.table(), name: {}}
    answer = await alternator.call("UpdateTable", body)
    assert answer.error == (*INVALID, f"{name} not supported")


@pytest.mark.parametrize("extra", [{}, {"DeletionProtectionEnabled": True}])
async def test_nothing_to_do(alternator: Client, extra: Item) -> None:
    await alternator.skip_if_old()
    body = {"TableName": await alternator.table(), **extra}
    assert (await alternator.call("UpdateTable", body)).error == (*INVALID, NOTHING)


async def test_an_index_is_added_and_dropped(alternator: Client) -> None:
    await alternator.skip_if_old()
    table = {"TableName": await alternator.table()}
    answer = (await alternator.call("UpdateTable", {**table, **create()})).body
    assert answer["TableDescription"]["TableStatus"] == "ACTIVE"
    error = (await alternator.call("UpdateTable", {**table, **create()})).error
    assert error == (*INVALID, f"GSI added already exists in table {table['TableName']}")
    assert (await alternator.call("UpdateTable", {**table, **update("Delete")})).status == 200
    error = (await alternator.call("UpdateTable", {**table, **update("Delete")})).error
    expected = f"No GSI added in table {table['TableName']}"
    assert error == (400, "ResourceNotFoundException", expected)


@pytest.mark.stand_in
async def test_a_new_index_is_creating_for_a_while(session: Any) -> None:
    async with StandIn(backfill_polls=2) as server:
        client = Client(session, server.url)
        table = {"TableName": await client.table()}
        await client.call("UpdateTable", {**table, **create()})
        seen = []
        for _ in range(3):
            shown = (await client.call("DescribeTable", table)).body["Table"]
            [one] = shown["GlobalSecondaryIndexes"]
            seen.append((one["IndexStatus"], one.get("Backfilling")))
        assert seen == [("CREATING", True), ("CREATING", True), ("ACTIVE", None)]


async def test_a_hash_only_index_of_update_table_shows_a_range_key(alternator: Client) -> None:
    await alternator.skip_if_old()
    table = {"TableName": await alternator.table()}
    await alternator.call("UpdateTable", {**table, **create()})
    shown = (await alternator.call("DescribeTable", table)).body["Table"]
    assert shown["GlobalSecondaryIndexes"][0]["KeySchema"] == key_schema("more:N id:S")


async def test_one_index_at_a_time(alternator: Client) -> None:
    await alternator.skip_if_old()
    body = create()
    body["GlobalSecondaryIndexUpdates"] *= 2
    answer = await alternator.call("UpdateTable", {"TableName": await alternator.table(), **body})
    expected = "GlobalSecondaryIndexUpdates only allows one index creation or deletion"
    assert answer.error == (400, "LimitExceededException", expected)


async def test_an_index_is_not_changed(alternator: Client) -> None:
    await alternator.skip_if_old()
    table = await alternator.table()
    answer = await alternator.call("UpdateTable", {"TableName": table, **update("Update")})
    assert answer.error == (*INVALID, "GlobalSecondaryIndexUpdates Update not yet supported")


async def test_spurious_definitions_are_refused(alternator: Client) -> None:
    await alternator.skip_if_old()
    body = {**create(), "AttributeDefinitions": definitions("more:N unused:S")}
    answer = await alternator.call("UpdateTable", {"TableName": await alternator.table(), **body})
    assert answer.error[:2] == INVALID
    assert "spurious attributes not used by any KeySchema: {" in answer.error[2]


@pytest.mark.stand_in
async def test_streams_are_enabled_once(session: Any) -> None:
    async with StandIn() as server:
        client = Client(session, server.url)
        name = await client.table()
        wanted = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
        on = {"TableName": name, "StreamSpecification": wanted}
        off = {"TableName": name, "StreamSpecification": {"StreamEnabled": False}}
        error = (await client.call("UpdateTable", off)).error
        assert error == (*INVALID, f"Table has no stream to disable: TableName: {name}")
        assert (await client.call("UpdateTable", on)).status == 200
        error = (await client.call("UpdateTable", on)).error
        assert error == (*INVALID, f"Table already has an enabled stream: TableName: {name}")
        shown = (await client.call("DescribeTable", {"TableName": name})).body["Table"]
        listed = (await client.call("ListStreams")).body["Streams"]
        assert [one["StreamArn"] for one in listed] == [shown["LatestStreamArn"]]
        assert (await client.call("UpdateTable", off)).status == 200
        error = (await client.call("UpdateTable", off)).error
        assert error == (*INVALID, f"Table has no stream to disable: TableName: {name}")


@pytest.mark.stand_in
async def test_tablets_without_streams(session: Any) -> None:
    async with StandIn(tablets=True) as server:
        client = Client(session, server.url)
        streams: Item = {
            "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
        }
        name = await client.table()
        error = (await client.call("UpdateTable", {"TableName": name, **streams})).error
        assert error[:2] == INVALID
        assert error[2].startswith("Streams not yet supported on a table using tablets")
        vnodes = [{"Key": "system:initial_tablets", "Value": "none"}]
        await client.table(Tags=vnodes, **streams)
