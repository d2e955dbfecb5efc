"""The sample items: which server takes which, and that comparison sees what differs."""

import asyncio

import pytest
from hypothesis import given, settings

from tests.servers.client import Item, RefusedError, call, create_table, fill, scan_all
from tests.support import shapes
from tests.support.shapes import DIGITS_38, KEYS, SAMPLES, Sample, Value, same_item, same_items

TABLE = "samples"


@pytest.fixture(scope="module", params=[shapes.LOCAL, shapes.MOTO])
def server(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Name and URL of a server that has the table `TABLE`."""
    url = str(request.getfixturevalue(request.param))
    asyncio.run(_create_once(url))
    return request.param, url


@pytest.fixture(scope="module")
def local(dynamodb_local: str) -> str:
    """URL of a DynamoDB Local that has the table `TABLE`."""
    asyncio.run(_create_once(dynamodb_local))
    return dynamodb_local


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
async def test_servers_take_what_is_not_marked(server: tuple[str, str], sample: Sample) -> None:
    name, url = server
    if name in sample.refused_by:
        with pytest.raises(RefusedError):
            await _put(url, sample.item())
        return
    await _put(url, sample.item())
    found = await call(url, "GetItem", {"TableName": TABLE, "Key": {"pk": {"S": sample.name}}})
    assert same_item(found["Item"], sample.item())


@pytest.mark.parametrize("kind", KEYS)
async def test_servers_take_the_keys(server: tuple[str, str], table_name: str, kind: str) -> None:
    _, url = server
    items: list[Item] = [{"pk": {"S": "p"}, "sk": key} for key in KEYS[kind]]
    await create_table(url, table_name, {"pk": "S", "sk": kind})
    await fill(url, table_name, items)
    assert same_items(await scan_all(url, table_name, Limit=2), items)


async def _create_once(url: str) -> None:
    try:
        await create_table(url, TABLE)
    except RefusedError as error:
        if error.code != "ResourceInUseException":
            raise


async def _put(url: str, item: Item) -> None:
    await call(url, "PutItem", {"TableName": TABLE, "Item": item})


@given(shapes.items({"pk": "S"}))
@settings(max_examples=50, derandomize=True)
def test_dynamodb_local_takes_random_items(local: str, item: Item) -> None:
    async def put_and_get() -> Item:
        await _put(local, item)
        key = {"TableName": TABLE, "Key": {"pk": item["pk"]}}
        return dict((await call(local, "GetItem", key))["Item"])

    assert same_item(asyncio.run(put_and_get()), item)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"N": "1.50"}, {"N": "15E-1"}),
        ({"N": "-0"}, {"N": "0.0"}),
        ({"N": f"1{'0' * 60}"}, {"N": "1E+60"}),
        ({"NS": ["1", "2.0"]}, {"NS": ["2", "1"]}),
        ({"SS": ["a", "b"]}, {"SS": ["b", "a"]}),
        ({"M": {"a": {"N": "1"}, "b": {"L": []}}}, {"M": {"b": {"L": []}, "a": {"N": "1.0"}}}),
        ({"L": [{"BS": ["AA==", "/w=="]}]}, {"L": [{"BS": ["/w==", "AA=="]}]}),
    ],
)
def test_equal_by_value(one: Value, other: Value) -> None:
    assert same_item({"v": one}, {"v": other})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"N": "1"}, {"S": "1"}),
        ({"N": DIGITS_38}, {"N": f"{DIGITS_38[:-1]}9"}),
        ({"N": "9007199254740993"}, {"N": "9007199254740992"}),
        ({"S": "e\u0301"}, {"S": "\u00e9"}),
        ({"S": "MQ=="}, {"B": "MQ=="}),
        ({"SS": ["1"]}, {"NS": ["1"]}),
        ({"SS": ["a"]}, {"SS": ["a", "b"]}),
        ({"NS": ["1"]}, {"NS": ["1", "1.0"]}),
        ({"L": [{"S": "a"}, {"S": "b"}]}, {"L": [{"S": "b"}, {"S": "a"}]}),
        ({"L": []}, {"M": {}}),
        ({"BOOL": True}, {"BOOL": False}),
        ({"BOOL": True}, {"NULL": True}),
        ({"BOOL": True}, {"BOOL": 1}),
        ({"M": {"S": {"S": "x"}}}, {"S": "x"}),
        ({"M": {"a": {"S": "x"}}}, {"M": {"b": {"S": "x"}}}),
    ],
)
def test_different_by_value(one: Value, other: Value) -> None:
    assert not same_item({"v": one}, {"v": other})


def test_tables_differ_by_a_missing_or_doubled_item() -> None:
    items = [sample.item() for sample in SAMPLES]
    assert same_items(items, reversed(items))
    assert not same_items(items, items[1:])
    assert not same_items(items, [*items[1:], items[1]])
