"""What ScyllaDB 5.1 and 5.4 do otherwise."""

import gzip
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.contract.conftest import Client, Item, definitions, index, key_schema, puts, text_items
from tests.contract.streams import changes, specification, streams_of
from tests.standin import StandIn

pytestmark = pytest.mark.stand_in
INVALID = (400, "ValidationException")


@pytest.fixture
async def old(session: aiohttp.ClientSession) -> AsyncIterator[Client]:
    """A client of an old server."""
    async with StandIn(nodes=2, old=True) as server:
        yield Client(session, server.url)


async def test_batches_have_no_limit(old: Client) -> None:
    table = await old.table()
    assert (await old.write(table, *text_items(1000))).body == {"UnprocessedItems": {}}
    assert (await old.write(table)).status == 200


async def test_names_are_longer_and_spurious_definitions_pass(old: Client) -> None:
    names = {"TableName": "x" * 222, "AttributeDefinitions": definitions("id:S more:S")}
    body = {"KeySchema": key_schema("id:S"), "BillingMode": "PAY_PER_REQUEST", **names}
    assert (await old.call("CreateTable", body)).status == 200
    answer = await old.call("CreateTable", body | {"TableName": "x" * 223})
    assert "at most 222 characters" in answer.error[2]


async def test_gzip_is_not_understood(old: Client) -> None:
    headers = {"Content-Encoding": "gzip", "Accept-Encoding": "gzip"}
    answer = await old.call("ListTables", raw=gzip.compress(b"{}"), headers=headers)
    assert answer.error == (*INVALID, "Parsing JSON failed: Invalid value.")
    table = await old.table()
    await old.put(table, *text_items(1, 5000))
    answer = await old.call("Scan", {"TableName": table}, headers={"Accept-Encoding": "gzip"})
    assert answer.body["Count"] == 1


async def test_indexes_are_made_with_the_table(old: Client) -> None:
    body = {
        "AttributeDefinitions": definitions("more:S"),
        "GlobalSecondaryIndexUpdates": [{"Create": index("added", "more:S")}],
    }
    answer = await old.call("UpdateTable", {"TableName": await old.table(), **body})
    assert answer.error == (*INVALID, "AttributeDefinitions not supported")


async def test_describe_table(old: Client) -> None:
    table = await old.table(
        AttributeDefinitions=definitions("id:S more:S"),
        GlobalSecondaryIndexes=[index("global", "more:S")],
    )
    shown = (await old.call("DescribeTable", {"TableName": table})).body["Table"]
    assert shown["GlobalSecondaryIndexes"][0]["KeySchema"] == key_schema("more:S id:S")
    assert "TableSizeBytes" not in shown
    assert shown["CreationDateTime"] == int(shown["CreationDateTime"])


@pytest.mark.parametrize("asked", ["INDEXES", "NONE"])
async def test_consumed_capacity_is_ignored(old: Client, asked: str) -> None:
    body = {**puts(await old.table(), *text_items(1)), "ReturnConsumedCapacity": asked}
    assert (await old.call("BatchWriteItem", body)).body == {"UnprocessedItems": {}}


@pytest.mark.parametrize(
    ("sent", "read"), [({"N": "1" * 39}, {"N": "1" * 39}), ({"B": "!"}, {"B": ""})]
)
async def test_values_are_checked_less(old: Client, sent: Item, read: Item) -> None:
    table = await old.table()
    await old.put(table, {"id": {"S": "x"}, "value": sent})
    assert (await old.scan(table))[0]["value"] == read


async def test_the_type_found_is_quoted(old: Client) -> None:
    answer = await old.write(await old.table(), {"id": {"N": "1"}})
    expected = 'Type mismatch: expected type S for key column id, got type "N"'
    assert answer.error == (*INVALID, expected)


async def test_tags(old: Client) -> None:
    table = await old.table()
    arn = {"ResourceArn": await old.arn(table)}
    bad = {**arn, "Tags": [{"Key": "a", "Value": "x@y"}]}
    expected = (*INVALID, "The Tag Value provided is invalid string")
    assert (await old.call("TagResource", bad)).error == expected
    ttl = {"Enabled": True, "AttributeName": "expires"}
    await old.call("UpdateTimeToLive", {"TableName": table, "TimeToLiveSpecification": ttl})
    listed = (await old.call("ListTagsOfResource", arn)).body["Tags"]
    assert listed == [{"Key": "system:ttl_attribute", "Value": "expires"}]


async def test_what_says_nothing_has_a_body(old: Client) -> None:
    arn = {"ResourceArn": await old.arn(await old.table())}
    answer = await old.call("TagResource", {**arn, "Tags": [{"Key": "a", "Value": "x"}]})
    assert (answer.status, answer.raw) == (200, b'""')


async def test_a_deleted_table_is_described(old: Client) -> None:
    name = await old.table("id:S at:N")
    shown = (await old.call("DeleteTable", {"TableName": name})).body["TableDescription"]
    assert shown["KeySchema"] == key_schema("id:S at:N")
    assert shown["TableStatus"] == "DELETING"


async def test_the_logs_of_streams_are_listed(old: Client) -> None:
    plain, streamed = await old.table(), await old.table(**specification())
    listed = (await old.call("ListTables")).body["TableNames"]
    assert set(listed) == {plain, streamed, f"{streamed}_scylla_cdc_log"}


async def test_an_attribute_without_a_name(old: Client, session: aiohttp.ClientSession) -> None:
    item: Item = {"id": {"S": "x"}, "": {"S": "y"}}
    table = await old.table()
    assert (await old.write(table, item)).status == 200
    assert await old.scan(table) == [item]
    async with StandIn() as server:
        current = Client(session, server.url)
        answer = await current.write(await current.table(), item)
        assert answer.error == (*INVALID, "Empty attribute name")


async def test_the_first_event_id_is_made_up(session: aiohttp.ClientSession) -> None:
    async with StandIn(old=True, stream_delay=0, stream_shards=1) as server:
        streams = await streams_of(Client(session, server.url))
        await streams.client.put(streams.table, *text_items(3))
        [first], [second] = [list((await streams.read()).values()) for _ in range(2)]
        assert first[0]["eventID"] != second[0]["eventID"]
        assert [one["eventID"] for one in first[1:]] == [one["eventID"] for one in second[1:]]
        assert changes(first) == changes(second)


async def test_headers_and_nodes(old: Client) -> None:
    answer = await old.get("/localnodes?dc=nowhere")
    assert answer.body == ["127.0.0.1", "127.0.0.2"]
    assert answer.headers["Server"] == "Seastar httpd"
