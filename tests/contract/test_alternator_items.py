"""PutItem, DeleteItem and UpdateItem, with conditions and without."""

import pytest

from tests.contract.conftest import Client, Item

INVALID = (400, "ValidationException")
GOOD: Item = {"id": {"S": "good"}}
FORBIDDEN = "Read-modify-write operations are disabled by 'forbid_rmw' write isolation policy."


async def test_put_item_condition_and_old_values(alternator: Client) -> None:
    table = await alternator.table()
    put = {"TableName": table, "Item": GOOD, "ReturnValues": "ALL_OLD"}
    assert (await alternator.call("PutItem", put)).body == {}
    assert (await alternator.call("PutItem", put)).body == {"Attributes": GOOD}
    condition = {"ConditionExpression": "attribute_not_exists(id)"}
    status, kind, text = (await alternator.call("PutItem", {**put, **condition})).error
    assert (status, kind) == (400, "ConditionalCheckFailedException")
    assert text in alternator.either("The conditional request failed", "Failed condition.")


async def test_delete_item(alternator: Client) -> None:
    table = await alternator.table()
    await alternator.put(table, GOOD)
    body = {"TableName": table, "Key": GOOD, "ReturnValues": "ALL_OLD"}
    assert (await alternator.call("DeleteItem", body)).body == {"Attributes": GOOD}
    assert (await alternator.call("DeleteItem", body)).body == {}


async def test_update_item(alternator: Client) -> None:
    table = await alternator.table()
    body = {
        "TableName": table,
        "Key": GOOD,
        "UpdateExpression": "SET #a = :a, b = if_not_exists(b, :one) + :one REMOVE c",
        "ExpressionAttributeNames": {"#a": "a"},
        "ExpressionAttributeValues": {":a": {"S": "x"}, ":one": {"N": "1"}},
        "ReturnValues": "ALL_NEW",
    }
    expected = {**GOOD, "a": {"S": "x"}, "b": {"N": "2"}}
    assert (await alternator.call("UpdateItem", body)).body == {"Attributes": expected}
    add = {"UpdateExpression": "ADD b :b", "ExpressionAttributeValues": {":b": {"N": "5"}}}
    body = {"TableName": table, "Key": GOOD, **add}
    assert (await alternator.call("UpdateItem", body)).body == {}
    assert (await alternator.get_item(table, **GOOD))["b"] == {"N": "7"}


@pytest.mark.parametrize(
    "extra", [{"ConditionExpression": "attribute_not_exists(id)"}, {"ReturnValues": "ALL_OLD"}]
)
async def test_forbid_rmw(alternator: Client, extra: Item) -> None:
    tag = {"Key": "system:write_isolation", "Value": "forbid_rmw"}
    table = await alternator.table(Tags=[tag])
    put = {"TableName": table, "Item": GOOD}
    error = (await alternator.call("PutItem", {**put, **extra})).error
    assert error[:2] == INVALID
    assert error[2].startswith(FORBIDDEN)
    assert (await alternator.call("PutItem", put)).status == 200
