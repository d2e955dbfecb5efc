"""Which items are read: filters, expired items, consistency."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RunCli
from tests.servers.client import Item, create_table, fill
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support.jobs import Job, Migrate, alternator, by_key, dynamodb, job, write_config
from tests.support.tables import changes, enable_ttl

DAY = 86_400
NOW = int(time.time())
EXPIRED: dict[str, dict[str, Any]] = {
    "an hour ago": {"N": str(NOW - 3600)},
    "with a fraction": {"N": f"{NOW - 3600}.5"},
    "with an exponent": {"N": f"{NOW - 3600}0e-1"},
    "four years ago": {"N": str(NOW - 4 * 365 * DAY)},
}
LIVE: dict[str, dict[str, Any]] = {
    "in the future": {"N": str(NOW + DAY)},
    "far in the future": {"N": "1e30"},
    "over five years ago": {"N": str(NOW - 5 * 366 * DAY - DAY)},
    "zero": {"N": "0"},
    "negative": {"N": str(-NOW)},
    "a text": {"S": str(NOW - 3600)},
    "a set": {"NS": [str(NOW - 3600)]},
    "a list": {"L": [{"N": str(NOW - 3600)}]},
    "a map": {"M": {"N": {"N": str(NOW - 3600)}}},
    "null": {"NULL": True},
    "a boolean": {"BOOL": True},
}
WITHOUT = "without the attribute"


def items(times: dict[str, dict[str, Any]], **more: dict[str, Any]) -> list[Item]:
    """An item for each value of the TTL attribute, which is a reserved word."""
    return [{"pk": {"S": name}, "ttl": value, **more} for name, value in times.items()]


TABLE = [*items(EXPIRED), *items(LIVE), {"pk": {"S": WITHOUT}}]


async def with_ttl(url: str, table: str, content: list[Item], attribute: str = "ttl") -> None:
    """Make a table whose TTL is on."""
    await create_table(url, table)
    await fill(url, table, content)
    await enable_ttl(url, table, attribute)


@pytest.fixture(
    params=["Alternator", pytest.param("moto", marks=pytest.mark.xdist_group("second servers"))]
)
async def source(request: pytest.FixtureRequest, table_name: str) -> Any:
    """A side with `TABLE`. Not DynamoDB Local, which deletes expired items within a second."""
    if request.param == "moto":
        url = str(request.getfixturevalue("moto_server"))
        await with_ttl(url, table_name, TABLE)
        yield dynamodb(url, table_name, scanSegments=2)
        return
    async with StandIn() as server:
        await with_ttl(server.url, table_name, TABLE)
        yield alternator(server.url, table_name)


async def test_expired_items_are_skipped_and_nothing_else(
    source: Job, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    done = (await migrate(job(source, alternator(standin.url, table_name)))).done
    arrived = {item["pk"]["S"] for item in standin.items(table_name)}
    assert arrived == {*LIVE, WITHOUT}
    assert done.items.read == len(TABLE)
    assert done.items.skipped_expired == len(EXPIRED)
    assert done.items.written == len(arrived)


async def test_expired_items_are_copied_on_demand(
    source: Job, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    content = job(source | {"expiredItems": "copy"}, alternator(standin.url, table_name))
    done = (await migrate(content)).done
    assert by_key(standin.items(table_name)).keys() == by_key(TABLE).keys()
    assert (done.items.written, done.items.skipped_expired) == (len(TABLE), 0)


async def test_without_ttl_nothing_is_expired(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, TABLE)
    source = dynamodb(dynamodb_local, table_name)
    done = (await migrate(job(source, alternator(standin.url, table_name)))).done
    assert (done.items.written, done.items.skipped_expired) == (len(TABLE), 0)


async def test_a_filter_and_expired_items_are_counted_apart(
    standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    colours = [{"S": "red"}, {"S": "blue"}]
    content = [
        {**item, "pk": {"S": f"{item['pk']['S']}, {colour['S']}"}, "colour": colour}
        for item in TABLE
        for colour in colours
    ]
    async with StandIn(page_bytes=300) as server:
        await with_ttl(server.url, table_name, content)
        wanted = {"expression": "colour = :c", "values": {":c": "red"}}
        source = alternator(server.url, table_name, scanSegments=2, filter=wanted)
        done = (await migrate(job(source, alternator(standin.url, table_name)))).done
    assert done.items.read == len(TABLE), "what the filter leaves out was never read"
    assert done.items.skipped_expired == len(EXPIRED)
    assert done.items.written == len(standin.items(table_name)) == len(LIVE) + 1
    assert {item["pk"]["S"] for item in standin.items(table_name)} == {
        f"{name}, red" for name in (*LIVE, WITHOUT)
    }


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"expression": "name = :c", "values": {":c": "red"}}, "reserved keyword: name"),
        ({"expression": "size > :c", "values": {":c": {"N": "1e300"}}}, "refuses"),
    ],
    ids=["a reserved word", "a number that is too large"],
)
@pytest.mark.parametrize("command", ["run", "plan", "validate"])
async def test_a_filter_that_the_source_refuses_is_told_before_anything_is_made(
    dynamodb_local: str,
    standin: StandIn,
    table_name: str,
    tmp_path: Path,
    run_cli: RunCli,
    command: str,
    wanted: Job,
    told: str,
) -> None:
    """What only the server knows: Alternator takes both."""
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, items(LIVE))
    source = dynamodb(dynamodb_local, table_name, filter=wanted)
    write_config(tmp_path, job(source, alternator(standin.url, table_name)))
    result = await run_cli(command, "config.yaml")
    assert result.code == 2
    assert "source.filter: " in result.err and told in result.err
    assert changes(standin) == []
    assert not standin.store.tables


async def test_a_filter_is_judged_by_one_scan_of_one_item(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, items(LIVE))
    async with FaultProxy(dynamodb_local, record=True) as proxy:
        for filtered in (True, False):
            proxy.log.clear()
            wanted = {"filter": {"expression": "attribute_exists(pk)"}} if filtered else {}
            source = dynamodb(proxy.url, table_name, scanSegments=2, **wanted)
            target = alternator(standin.url, table_name)
            assert (await migrate(job(source, target), into_existing=True)).done
            scans = [entry.json() for entry in proxy.log if entry.operation == "Scan"]
            assert [scan["Limit"] for scan in scans if "Segment" not in scan] == [1] * filtered


@pytest.mark.parametrize("attribute", ['quo"te', "dotted.name", "\U0001f600", "#ttl", ":v"])
@pytest.mark.parametrize("filtered", [False, True], ids=["", "with a filter"])
async def test_ttl_attributes_of_any_name(
    standin: StandIn, table_name: str, migrate: Migrate, attribute: str, filtered: bool
) -> None:
    times = {"old": {"N": str(NOW - 3600)}, "new": {"N": str(NOW + DAY)}}
    content: list[Item] = [{"pk": {"S": n}, attribute: value} for n, value in times.items()]
    wanted = {"filter": {"expression": "attribute_exists(pk)"}} if filtered else {}
    async with StandIn() as server:
        await with_ttl(server.url, table_name, content, attribute)
        source = alternator(server.url, table_name, scanSegments=2, **wanted)
        done = (await migrate(job(source, alternator(standin.url, table_name)))).done
    assert (done.items.written, done.items.skipped_expired) == (1, 1)
    assert standin.table(table_name).ttl == attribute


@pytest.mark.parametrize("wanted", [True, False])
async def test_consistent_reads(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate, wanted: bool
) -> None:
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, items(LIVE))
    async with FaultProxy(dynamodb_local, record=True, page_limit=4) as proxy:
        source = dynamodb(proxy.url, table_name, consistentRead=wanted, scanSegments=2)
        done = (await migrate(job(source, alternator(standin.url, table_name)))).done
        scans = [entry.json() for entry in proxy.log if entry.operation == "Scan"]
    assert done.items.written == len(LIVE)
    assert {scan.get("ConsistentRead", False) for scan in scans} == {wanted}
