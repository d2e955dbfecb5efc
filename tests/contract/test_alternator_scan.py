"""Scan: segments, pages, projections and filters."""

import re
from typing import Any

import pytest

from tests.contract.conftest import Client, Item, definitions, index, text_items
from tests.standin import StandIn

INVALID = (400, "ValidationException")


def ids(items: list[Item]) -> list[str]:
    """The keys, in order."""
    return [item["id"]["S"] for item in items]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {"Segment": 2, "TotalSegments": 2},
            "Segment must be non-negative and less than TotalSegments",
        ),
        (
            {"Segment": -1, "TotalSegments": 2},
            "Segment must be non-negative and less than TotalSegments",
        ),
        (
            {"Segment": 0, "TotalSegments": 0},
            "Segment must be non-negative and less than TotalSegments",
        ),
        (
            {"Segment": 0, "TotalSegments": 1_000_001},
            "TotalSegments must be non-negative and less or equal to 1000000",
        ),
        (
            {"TotalSegments": 2},
            "Both Segment and TotalSegments attributes need to be present for a parallel scan",
        ),
        (
            {"Segment": 0},
            "Both Segment and TotalSegments attributes need to be present for a parallel scan",
        ),
        ({"Limit": 0}, "Limit must be greater than 0"),
        ({"ExclusiveStartKey": {"at": {"S": "x"}}}, "Key column id not found"),
    ],
)
async def test_refused_parameters(alternator: Client, body: Item, message: str) -> None:
    table = await alternator.table()
    answer = await alternator.call("Scan", {"TableName": table, **body})
    assert answer.error == (*INVALID, message)


@pytest.mark.parametrize("total", [1, 3, 16, 1000])
async def test_segments_make_up_the_table(alternator: Client, total: int) -> None:
    table = await alternator.table()
    await alternator.put(table, *text_items(60))
    found: list[str] = []
    for segment in range(total):
        found += ids(await alternator.scan(table, Segment=segment, TotalSegments=total))
    assert found == ids(await alternator.scan(table))
    assert sorted(found) == sorted(ids(text_items(60)))


async def test_a_start_key_of_another_segment(alternator: Client) -> None:
    table = await alternator.table()
    await alternator.put(table, *text_items(20))
    last = (await alternator.scan(table))[-1]
    body = {"TableName": table, "Segment": 0, "TotalSegments": 2, "ExclusiveStartKey": last}
    assert (await alternator.call("Scan", body)).error == (
        *INVALID,
        "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use "
        "ExclusiveStartKey with correct Segment. TotalSegments: 2 Segment: 0",
    )


async def test_a_partition_is_in_one_segment_and_in_order(alternator: Client) -> None:
    table = await alternator.table("id:S at:N")
    await alternator.put(
        table,
        *[{"id": {"S": f"p{n % 3}"}, "at": {"N": str(n)}} for n in range(60)],
    )
    found = [await alternator.scan(table, Segment=segment, TotalSegments=7) for segment in range(7)]
    for name in ("p0", "p1", "p2"):
        [segment] = [s for s in found if name in ids(s)]
        numbers = [int(item["at"]["N"]) for item in segment if item["id"]["S"] == name]
        assert numbers == list(range(int(name[1]), 60, 3))


@pytest.mark.parametrize("limit", [1, 7, 10])
async def test_limit(alternator: Client, limit: int) -> None:
    table = await alternator.table()
    await alternator.put(table, *text_items(10))
    pages = await alternator.pages("Scan", table, Limit=limit)
    assert all(page["Count"] == len(page["Items"]) <= limit for page in pages)
    assert ids([i for page in pages for i in page["Items"]]) == ids(await alternator.scan(table))


@pytest.mark.stand_in
async def test_pages_have_bytes(session: Any) -> None:
    async with StandIn(page_bytes=1000) as server:
        client = Client(session, server.url)
        table = await client.table()
        await client.put(table, *text_items(50, size=100))
        pages = await client.pages("Scan", table)
        assert sum(page["Count"] for page in pages) == 50
        assert {page["Count"] for page in pages[:-1]} == {8}


@pytest.mark.stand_in
async def test_a_small_table_may_come_in_one_page(session: Any) -> None:
    async with StandIn(page_bytes=1000, one_page_below=8 << 20) as server:
        client = Client(session, server.url)
        table = await client.table()
        await client.put(table, *text_items(50, size=100))
        [page] = await client.pages("Scan", table)
        assert page["Count"] == 50


async def test_no_consumed_capacity(alternator: Client) -> None:
    body = {"TableName": await alternator.table(), "ReturnConsumedCapacity": "INDEXES"}
    answer = (await alternator.call("Scan", body)).body
    assert answer == {"Items": [], "Count": 0, "ScannedCount": 0}


async def test_count_without_items(alternator: Client) -> None:
    table = await alternator.table()
    await alternator.put(table, *text_items(5))
    [page] = await alternator.pages("Scan", table, Select="COUNT", ConsistentRead=True)
    assert page == {"Count": 5, "ScannedCount": 5}


async def test_projection(alternator: Client) -> None:
    table = await alternator.table()
    await alternator.put(table, {"id": {"S": "x"}, "a": {"N": "1"}, "b": {"N": "2"}})
    found = await alternator.scan(
        table, ProjectionExpression="#i, b", ExpressionAttributeNames={"#i": "id"}
    )
    assert found == [{"id": {"S": "x"}, "b": {"N": "2"}}]


ROWS: list[Item] = [
    {"id": {"S": "1"}, "n": {"N": "1"}, "s": {"S": "apple"}, "tags": {"SS": ["a", "b"]}},
    {"id": {"S": "2"}, "n": {"N": "2.0"}, "s": {"S": "banana"}, "l": {"L": [{"N": "1.0"}]}},
    {"id": {"S": "3"}, "n": {"N": "1e1"}, "m": {"M": {"in": {"N": "5"}}}, "ns": {"NS": ["1.0"]}},
    {"id": {"S": "4"}, "n": {"S": "2"}},
]
VALUES: dict[str, Item] = {
    ":1": {"N": "1"},
    ":2": {"N": "2"},
    ":9": {"N": "9"},
    ":one": {"N": "1.0"},
    ":two": {"N": "2.0"},
    ":a": {"S": "a"},
    ":an": {"S": "an"},
    ":5": {"N": "5"},
    ":type": {"S": "N"},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n = :2", "2"),
        ("n <> :2", "134"),
        ("n < :2", "1"),
        ("n <= :two", "12"),
        ("n > :two", "3"),
        ("n >= :two", "23"),
        ("n BETWEEN :one AND :9", "12"),
        ("n in (:1, :2)", "12"),
        ("attribute_exists(s)", "12"),
        ("attribute_not_exists(s)", "34"),
        ("attribute_type(n, :type)", "123"),
        ("begins_with(s, :a)", "1"),
        ("contains(s, :an)", "2"),
        ("contains(tags, :a)", "1"),
        ("contains(l, :one)", "2"),
        ("attribute_exists(s) AND size(s) > :5", "2"),
        ("size(n) > :5", ""),
        ("m.#in = :5", "3"),
        ("l[0] = :one", "2"),
        ("NOT n = :2 AND attribute_exists(s)", "1"),
        ("n = :1 OR n = :2 AND attribute_exists(l)", "12"),
        ("(n = :1 OR n = :2) AND attribute_exists(l)", "2"),
        *(
            pytest.param(text, expected, id=f"{text}, by its spelling")
            for text, expected in (
                ("n = :two", ""),
                ("n <> :two", "1234"),
                ("NOT n = :two", "1234"),
                ("n IN (:1, :two)", "1"),
                ("l[0] = :1", ""),
                ("contains(l, :1)", ""),
                ("contains(ns, :1)", ""),
                ("contains(ns, :one)", "3"),
            )
        ),
    ],
)
async def test_filters(alternator: Client, text: str, expected: str) -> None:
    table = await alternator.table()
    await alternator.put(table, *ROWS)
    used = {name: VALUES[name] for name in re.findall(r":\w+", text)}
    body: Item = {"FilterExpression": text}
    body |= {"ExpressionAttributeValues": used} if used else {}
    body |= {"ExpressionAttributeNames": {"#in": "in"}} if "#in" in text else {}
    [page] = await alternator.pages("Scan", table, **body)
    assert sorted(ids(page["Items"])) == list(expected)
    assert (page["Count"], page["ScannedCount"]) == (len(expected), 4)


async def test_what_is_not_there_has_no_size(alternator: Client) -> None:
    table = await alternator.table()
    await alternator.put(table, *ROWS)
    body = {"FilterExpression": "size(s) > :5", "ExpressionAttributeValues": {":5": VALUES[":5"]}}
    answer = await alternator.call("Scan", {"TableName": table, **body})
    assert answer.error == (*INVALID, "invalid object: null")


@pytest.mark.parametrize(
    ("field", "name", "content"),
    [
        ("ExpressionAttributeValues", ":x", {"S": ""}),
        ("ExpressionAttributeNames", "#x", "x"),
    ],
)
async def test_spurious_names_and_values(
    alternator: Client, field: str, name: str, content: Any
) -> None:
    body = {
        "TableName": await alternator.table(),
        "FilterExpression": "attribute_exists(id)",
        field: {name: content},
    }
    answer = await alternator.call("Scan", body)
    assert answer.error == (*INVALID, f"{field} has spurious '{name}', not used in Scan")


async def test_indexes_are_scanned(alternator: Client) -> None:
    table = await alternator.table(
        "id:S at:S",
        AttributeDefinitions=definitions("id:S at:S more:N"),
        LocalSecondaryIndexes=[index("local", "id:S more:N", "KEYS_ONLY")],
    )
    items = [
        {"id": {"S": "p"}, "at": {"S": str(n)}, "more": {"N": str(-n)}, "text": {"S": "all"}}
        for n in range(9)
    ]
    await alternator.put(table, *items, {"id": {"S": "p"}, "at": {"S": "not in the index"}})
    found = await alternator.scan(table, IndexName="local", Limit=2)
    assert found == items[::-1]


async def test_an_unknown_index(alternator: Client) -> None:
    table = await alternator.table()
    answer = await alternator.call("Scan", {"TableName": table, "IndexName": "nope"})
    expected = f"Requested resource not found: Index 'nope' for table '{table}'"
    assert answer.error == (*INVALID, expected)


async def test_global_indexes_are_not_consistent(alternator: Client) -> None:
    table = await alternator.table(
        AttributeDefinitions=definitions("id:S more:N"),
        GlobalSecondaryIndexes=[index("global", "more:N")],
    )
    body = {"TableName": table, "IndexName": "global", "ConsistentRead": True}
    answer = await alternator.call("Scan", body)
    expected = "Consistent reads are not allowed on global indexes (GSI)"
    assert answer.error == (*INVALID, expected)
