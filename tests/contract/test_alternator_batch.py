"""BatchWriteItem: what is refused, and what then is written."""

import asyncio
import gzip
from typing import Any

import pytest

from tests.contract.conftest import Answer, Client, Item, definitions, index, puts, text_items
from tests.servers.patience import stretched
from tests.standin import StandIn

INVALID = (400, "ValidationException")
GOOD: Item = {"id": {"S": "good"}}


async def test_success_always_says_nothing_is_unprocessed(alternator: Client) -> None:
    answer = await alternator.write(await alternator.table(), GOOD)
    assert answer.raw == b'{"UnprocessedItems":{}}'


@pytest.mark.parametrize("count", [26, 100])
async def test_up_to_100_items(alternator: Client, count: int) -> None:
    table = await alternator.table()
    assert (await alternator.write(table, *text_items(count))).status == 200
    assert len(await alternator.scan(table)) == count


async def test_more_than_100_items_write_nothing(alternator: Client) -> None:
    await alternator.skip_if_old()
    table = await alternator.table()
    answer = await alternator.write(table, *text_items(101))
    assert answer.error == (
        *INVALID,
        "Invalid length of BatchWriteItem command, got 101 items, maximum is 100 "
        "(from configuration variable alternator_max_items_in_batch_write)",
    )
    assert await alternator.scan(table) == []


async def test_the_limit_counts_all_tables(alternator: Client) -> None:
    await alternator.skip_if_old()
    one, two = await alternator.table(), await alternator.table()
    lists = puts(one, *text_items(60))["RequestItems"] | puts(two, *text_items(41))["RequestItems"]
    answer = await alternator.call("BatchWriteItem", {"RequestItems": lists})
    assert "got 101 items" in answer.error[2]


@pytest.mark.stand_in
async def test_the_operator_may_set_the_limit(session: Any) -> None:
    async with StandIn(max_batch=10) as server:
        client = Client(session, server.url)
        table = await client.table()
        assert (await client.write(table, *text_items(10))).status == 200
        assert (
            "got 11 items, maximum is 10 " in (await client.write(table, *text_items(11))).error[2]
        )


@pytest.mark.parametrize(
    ("requests", "message"),
    [
        ([{}], "RequestItems element: expected an object with a single member."),
        (["x"], "RequestItems element: expected an object with a single member."),
        ([{"Replace": {}}], "Unknown BatchWriteItem request type: Replace"),
        ([{"PutRequest": {}}], "PutRequest is missing a mandatory member Item"),
        ([{"DeleteRequest": {}}], "DeleteRequest is missing a mandatory member Key"),
    ],
)
async def test_shapes(alternator: Client, requests: list[Any], message: str) -> None:
    await alternator.skip_if_old()
    body = {"RequestItems": {await alternator.table(): requests}}
    assert (await alternator.call("BatchWriteItem", body)).error == (*INVALID, message)


async def test_an_empty_request(alternator: Client) -> None:
    answer = await alternator.call("BatchWriteItem", {"RequestItems": {}})
    found = answer.body if answer.status == 200 else answer.error
    current = (*INVALID, "RequestItems can't be empty")
    assert found in alternator.either(current, {"UnprocessedItems": {}})


@pytest.mark.parametrize("requests", [[], 5, "x", {}], ids=str)
async def test_an_empty_list_and_what_is_none(alternator: Client, requests: Any) -> None:
    await alternator.skip_if_old()
    body = {"RequestItems": {await alternator.table(): requests}}
    answer = await alternator.call("BatchWriteItem", body)
    expected = "Member of RequestItems must be a non-empty array of WriteRequest objects"
    assert answer.error == (*INVALID, expected)


async def test_an_unknown_table_fails_the_batch(alternator: Client) -> None:
    table, missing = await alternator.table(), alternator.name()
    lists = puts(table, GOOD)["RequestItems"] | puts(missing, GOOD)["RequestItems"]
    answer = await alternator.call("BatchWriteItem", {"RequestItems": lists})
    expected = f"Requested resource not found: Table: {missing} not found"
    assert answer.error == (400, "ResourceNotFoundException", expected)
    assert await alternator.scan(table) == []


ONE = {"id": {"N": "1000"}}
PUT_ONE, DELETE_ONE = {"PutRequest": {"Item": ONE}}, {"DeleteRequest": {"Key": ONE}}
SAME = {"PutRequest": {"Item": {"id": {"N": "1e3"}}}}


@pytest.mark.parametrize(
    "requests",
    [[PUT_ONE, PUT_ONE], [PUT_ONE, DELETE_ONE], [DELETE_ONE, DELETE_ONE], [PUT_ONE, SAME]],
)
async def test_duplicates_are_found_by_value(alternator: Client, requests: list[Item]) -> None:
    table = await alternator.table("id:N")
    answer = await alternator.call("BatchWriteItem", {"RequestItems": {table: requests}})
    assert answer.error == (*INVALID, "Provided list of item keys contains duplicates")
    assert await alternator.scan(table) == []


async def test_one_key_in_two_tables_is_no_duplicate(alternator: Client) -> None:
    one, two = await alternator.table(), await alternator.table()
    lists = puts(one, GOOD)["RequestItems"] | puts(two, GOOD)["RequestItems"]
    assert (await alternator.call("BatchWriteItem", {"RequestItems": lists})).status == 200


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"other": {"S": "x"}}, "Key column id not found"),
        (
            {"id": {"S": ""}},
            "The AttributeValue for a key attribute cannot contain an empty string value. Key: id",
        ),
        ({"id": {"S": "x"}, "set": {"SS": []}}, "PutItem: empty set not allowed"),
    ],
)
async def test_one_bad_item_and_nothing_is_written(
    alternator: Client, bad: Item, message: str
) -> None:
    table = await alternator.table()
    assert (await alternator.write(table, GOOD, bad)).error == (*INVALID, message)
    assert await alternator.scan(table) == []


async def test_a_key_of_another_type(alternator: Client) -> None:
    answer = await alternator.write(await alternator.table(), {"id": {"N": "1"}})
    message = answer.error[2].replace('"', "")
    assert message == "Type mismatch: expected type S for key column id, got type N"


async def test_a_delete_needs_exactly_the_key(alternator: Client) -> None:
    request = {"DeleteRequest": {"Key": {"id": {"S": "x"}, "more": {"S": "y"}}}}
    body = {"RequestItems": {await alternator.table(): [request]}}
    answer = await alternator.call("BatchWriteItem", body)
    assert answer.error == (*INVALID, "Given key attribute not in schema")


async def test_puts_replace_and_deletes_remove(alternator: Client) -> None:
    table = await alternator.table()
    await alternator.put(table, {**GOOD, "one": {"S": "1"}}, {"id": {"S": "gone"}})
    requests = [
        {"PutRequest": {"Item": {**GOOD, "two": {"S": "2"}}}},
        {"DeleteRequest": {"Key": {"id": {"S": "gone"}}}},
    ]
    await alternator.call("BatchWriteItem", {"RequestItems": {table: requests}})
    assert await alternator.scan(table) == [{**GOOD, "two": {"S": "2"}}]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("INDEXES", "INDEXES consumed capacity is not supported"),
        ("NONE", "Unknown consumed capacity NONE"),
    ],
)
async def test_consumed_capacity_is_total_or_refused(
    alternator: Client, asked: str, message: str
) -> None:
    await alternator.skip_if_old()
    body = {**puts(await alternator.table(), GOOD), "ReturnConsumedCapacity": asked}
    assert (await alternator.call("BatchWriteItem", body)).error == (*INVALID, message)


async def test_consumed_capacity_total(alternator: Client) -> None:
    await alternator.skip_if_old()
    table = await alternator.table()
    total = {"ReturnConsumedCapacity": "TOTAL"}
    answer = (await alternator.call("BatchWriteItem", {**puts(table, GOOD), **total})).body
    assert answer["ConsumedCapacity"] == [{"TableName": table, "CapacityUnits": 1.0}]
    put = {"TableName": table, "Item": GOOD, **total}
    assert (await alternator.call("PutItem", put)).body == {
        "ConsumedCapacity": {"CapacityUnits": 1.0}
    }


async def test_items_over_400_kb_and_keys_over_2048_bytes(alternator: Client) -> None:
    table = await alternator.table()
    item = {"id": {"S": "k" * 3000}, "text": {"S": "x" * 500_000}}
    assert (await alternator.write(table, item)).status == 200
    assert await alternator.get_item(table, id=item["id"]) == item


async def test_a_key_over_65535_bytes_is_a_500(alternator: Client) -> None:
    table = await alternator.table()
    answer = await alternator.write(table, GOOD, {"id": {"S": "k" * 70_000}})
    expected = "Internal server error: std::runtime_error (Key size too large: 70002 > 65535)"
    assert answer.error == (500, "InternalServerError", expected)
    assert await alternator.scan(table) == []


@pytest.mark.stand_in
async def test_an_item_too_large_for_a_replica_fails_its_batch(session: Any) -> None:
    async with StandIn(mutation_limit=10_000) as server:
        client = Client(session, server.url)
        table = await client.table()
        answer = await client.write(table, GOOD, {"id": {"S": "x"}, "text": {"S": "y" * 10_000}})
        status, kind, words = answer.error
        assert (status, kind) == (500, "InternalServerError")
        assert "mutation_write_failure_exception" in words
        assert await client.scan(table) == [GOOD]


async def test_index_keys_poison_a_batch(alternator: Client) -> None:
    await alternator.skip_if_old()
    table = await alternator.table(
        AttributeDefinitions=definitions("id:S more:S"),
        GlobalSecondaryIndexes=[index("global", "more:S")],
    )
    wrong = await alternator.write(table, GOOD, {"id": {"S": "x"}, "more": {"N": "1"}})
    assert wrong.error == (
        *INVALID,
        "Type mismatch: expected type S for GSI or LSI key attribute more, got type N",
    )
    empty = await alternator.write(table, GOOD, {"id": {"S": "x"}, "more": {"S": ""}})
    expected = "GSI or LSI key attribute more cannot be set to an empty string"
    assert empty.error == (*INVALID, expected)
    assert await alternator.scan(table) == []
    assert (await alternator.write(table, GOOD)).status == 200


TOO_LARGE = (413, "PayloadTooLarge", "Request content length limit of 10000 bytes exceeded")


@pytest.mark.stand_in
async def test_an_unpacked_body_is_limited(session: Any) -> None:
    async with StandIn(body_limit=10_000) as server:
        raw, packed = gzip.compress(b" " * 10_001), {"Content-Encoding": "gzip"}
        answer = await Client(session, server.url).call("ListTables", raw=raw, headers=packed)
        assert answer.error == TOO_LARGE


@pytest.mark.stand_in
@pytest.mark.parametrize("old", [False, True])
async def test_a_body_is_refused_unread(old: bool) -> None:
    async with StandIn(body_limit=10_000, old=old) as server:
        status, body = await post_head("127.0.0.1", server.port, length=10_001)
        assert status == 413
        if old:
            assert body == b"Content length limit (10000) exceeded: 10001"
        else:
            assert Answer(status, {}, body).error == TOO_LARGE


async def post_head(host: str, port: int, length: int) -> tuple[int, bytes]:
    """Send the head of a POST without its body; returns the answer up to the closing."""
    reader, writer = await asyncio.open_connection(host, port)
    head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
    writer.write(head.encode())
    answer = await asyncio.wait_for(reader.read(), timeout=stretched(10))
    writer.close()
    start, _, body = answer.partition(b"\r\n\r\n")
    return int(start.split()[1]), body
