"""GetItem, BatchGetItem and Query."""

from typing import Any

import pytest

from tests.contract.conftest import Client, Item, text_items

INVALID = (400, "ValidationException")


async def test_get_item(alternator: Client) -> None:
    table = await alternator.table()
    await alternator.put(table, {"id": {"S": "x"}, "a": {"N": "1"}})
    assert await alternator.get_item(table, id={"S": "x"}) == {"id": {"S": "x"}, "a": {"N": "1"}}
    assert await alternator.get_item(table, id={"S": "y"}) is None


async def test_get_item_needs_the_key(alternator: Client) -> None:
    table = await alternator.table()
    answer = await alternator.call("GetItem", {"TableName": table, "Key": {"no": {"S": "x"}}})
    assert answer.error == (*INVALID, "Key column id not found")


async def test_batch_get_takes_more_than_100_keys(alternator: Client) -> None:
    table = await alternator.table()
    await alternator.put(table, *text_items(150))
    keys = [{"id": {"S": f"item-{n}"}} for n in range(160)]
    request = {table: {"Keys": keys, "ConsistentRead": True}}
    answer = (await alternator.call("BatchGetItem", {"RequestItems": request})).body
    assert answer["UnprocessedKeys"] == {}
    found = {item["id"]["S"] for item in answer["Responses"][table]}
    assert found == {f"item-{n}" for n in range(150)}


async def test_batch_get_refuses_duplicates(alternator: Client) -> None:
    table = await alternator.table()
    request = {table: {"Keys": [{"id": {"S": "x"}}] * 2}}
    answer = await alternator.call("BatchGetItem", {"RequestItems": request})
    assert answer.error == (*INVALID, "Provided list of item keys contains duplicates")


async def test_batch_get_of_nothing(alternator: Client) -> None:
    answer = await alternator.call("BatchGetItem", {"RequestItems": {}})
    found = answer.body if answer.status == 200 else answer.error
    current = (*INVALID, "BatchGetItem requires at least one table in RequestItems")
    assert found in alternator.either(current, {"Responses": {}, "UnprocessedKeys": {}})


async def partition(alternator: Client) -> str:
    """A table with ten items in one partition and one in another."""
    table = await alternator.table("id:S at:N")
    await alternator.put(
        table,
        *[{"id": {"S": "p"}, "at": {"N": str(n)}} for n in range(10)],
        {"id": {"S": "q"}, "at": {"N": "0"}},
    )
    return table


def query(text: str, **values: Item) -> Item:
    """The key condition of a Query on partition p."""
    named = {f":{name}": value for name, value in {"p": {"S": "p"}, **values}.items()}
    return {"KeyConditionExpression": text, "ExpressionAttributeValues": named}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (query("id = :p"), list(range(10))),
        (query("id = :p AND #at >= :a", a={"N": "8"}), [8, 9]),
        (query("id = :p AND #at = :a", a={"N": "80e-1"}), [8]),
        (query("id = :p AND #at BETWEEN :a AND :b", a={"N": "2"}, b={"N": "3"}), [2, 3]),
    ],
)
async def test_query(alternator: Client, body: Item, expected: list[int]) -> None:
    table = await partition(alternator)
    if "#at" in body["KeyConditionExpression"]:
        body = {**body, "ExpressionAttributeNames": {"#at": "at"}}
    for forward in (True, False):
        pages = await alternator.pages("Query", table, **body, ScanIndexForward=forward, Limit=3)
        found = [int(item["at"]["N"]) for page in pages for item in page["Items"]]
        assert found == (expected if forward else expected[::-1])


async def test_query_of_an_unknown_partition(alternator: Client) -> None:
    body: dict[str, Any] = query("id = :p")
    body["ExpressionAttributeValues"][":p"] = {"S": "none"}
    table = await partition(alternator)
    assert await alternator.pages("Query", table, **body) == [
        {"Items": [], "Count": 0, "ScannedCount": 0}
    ]


OWN = ".scylla.alternator.system."


@pytest.mark.parametrize(
    ("table", "column", "key", "said"),
    [
        (f"{OWN}scylla_local", "key", "enabled_features", "LWT"),
        (f"{OWN}config", "name", "alternator_write_isolation", '"'),
    ],
)
async def test_tables_of_the_server_are_read_by_query_and_scan_alone(
    alternator: Client, table: str, column: str, key: str, said: str
) -> None:
    body = {**query("#key = :p"), "ExpressionAttributeNames": {"#key": column}}
    body["ExpressionAttributeValues"] = {":p": {"S": key}}
    [found] = (await alternator.pages("Query", table, **body))[0]["Items"]
    assert found[column] == {"S": key}
    assert said in found["value"]["S"]
    assert key in {item[column]["S"] for item in await alternator.scan(table)}
    answer = await alternator.call("GetItem", {"TableName": table, "Key": {column: {"S": key}}})
    assert answer.error[:2] == (400, "ResourceNotFoundException")
