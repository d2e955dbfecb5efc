"""What is put into one BatchWriteItem, and in which order."""

from collections.abc import Iterable
from itertools import pairwise

import pytest

from tests.servers import faults
from tests.servers.client import Item, create_table, fill, scan_all
from tests.servers.exchange import Exchange
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support.jobs import Migrate, alternator, dynamodb, job
from tests.support.shapes import same_items

MEGABYTE = 1_000_000


def sized(count: int, size: int) -> list[Item]:
    """Items with `size` bytes of text."""
    return [{"pk": {"S": f"item {n}"}, "text": {"S": "x" * size}} for n in range(count)]


def batches(log: Iterable[Exchange], table: str) -> list[int]:
    """How many items each BatchWriteItem had."""
    bodies = [entry.json() for entry in log if entry.operation == "BatchWriteItem"]
    return [len(body["RequestItems"][table]) for body in bodies]


async def test_dynamodb_gets_batches_of_25(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    items = sized(60, 10)
    await create_table(standin.url, table_name)
    await fill(standin.url, table_name, items)
    async with FaultProxy(dynamodb_local, record=True) as proxy:
        source = alternator(standin.url, table_name, scanSegments=1)
        ending = await migrate(job(source, dynamodb(proxy.url, table_name)))
        assert sorted(batches(proxy.log, table_name)) == [10, 25, 25]
    assert ending.done.batches == 3
    assert same_items(await scan_all(dynamodb_local, table_name), items)


@pytest.mark.parametrize(
    ("options", "sizes"),
    [({}, [50, 100, 100]), ({"maxItemsPerBatch": 90}, [70, 90, 90])],
    ids=["100 by default", "as configured"],
)
async def test_an_alternator_gets_more(
    dynamodb_local: str,
    standin: StandIn,
    table_name: str,
    migrate: Migrate,
    options: dict[str, int],
    sizes: list[int],
) -> None:
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, sized(250, 10))
    async with FaultProxy(standin.url, record=True) as proxy:
        source = dynamodb(dynamodb_local, table_name, scanSegments=1)
        ending = await migrate(job(source, alternator(proxy.url, table_name, **options)))
        assert sorted(batches(proxy.log, table_name)) == sizes
    assert ending.done.items.written == len(standin.items(table_name)) == 250


@pytest.mark.parametrize("most", [10, 60])
async def test_the_length_of_batches_is_learned(
    dynamodb_local: str, table_name: str, migrate: Migrate, most: int
) -> None:
    items = sized(1500, 10)
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, items)
    async with (
        FaultProxy(dynamodb_local, page_limit=200) as source,
        StandIn(max_batch=most) as standin,
        FaultProxy(standin.url, record=True) as proxy,
    ):
        here = dynamodb(source.url, table_name, scanSegments=1)
        there = alternator(proxy.url, table_name, maxConnections=2)
        ending = await migrate(job(here, there))
        sizes = batches(proxy.log, table_name)
        assert same_items(standin.items(table_name), items)
    assert ending.done.items.written == 1500
    assert ending.done.items.rejected == 0
    assert max(size for size in sizes if size <= most) == most
    # One page may be waiting, and one more be cut, before the first answer is known.
    assert len([size for size in sizes if size > most]) <= 6


async def test_batches_of_big_items_are_about_a_megabyte(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    items = sized(80, 30_000)
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, items)
    async with FaultProxy(standin.url, record=True) as proxy:
        source = dynamodb(dynamodb_local, table_name, scanSegments=1)
        ending = await migrate(job(source, alternator(proxy.url, table_name)))
        bodies = [len(each.body) for each in proxy.log if each.operation == "BatchWriteItem"]
    assert ending.done.items.written == 80
    assert max(bodies) <= 1.2 * MEGABYTE
    assert max(bodies) > 0.9 * MEGABYTE
    # Pages of the source end a little above 1 MB, so each may leave a rest.
    assert len(bodies) <= 2 * sum(bodies) / MEGABYTE + 2
    assert same_items(standin.items(table_name), items)


async def test_the_largest_items(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    items = sized(12, 400 * 1024 - 20)
    await create_table(dynamodb_local, table_name)
    for item in items:
        await fill(dynamodb_local, table_name, [item])
    async with FaultProxy(standin.url, record=True) as proxy:
        source = dynamodb(dynamodb_local, table_name, scanSegments=2)
        ending = await migrate(job(source, alternator(proxy.url, table_name)))
        assert set(batches(proxy.log, table_name)) <= {1, 2}
    assert ending.done.items.written == 12
    assert same_items(standin.items(table_name), items)


async def test_segments_take_turns(standin: StandIn, table_name: str, migrate: Migrate) -> None:
    await create_table(standin.url, table_name)
    await fill(standin.url, table_name, sized(600, 10))
    halves = [
        {
            item["pk"]["S"]
            for item in await scan_all(standin.url, table_name, Segment=half, TotalSegments=2)
        }
        for half in (0, 1)
    ]
    async with StandIn() as target, FaultProxy(target.url, record=True, latency=0.01) as proxy:
        source = alternator(standin.url, table_name, scanSegments=2)
        there = alternator(proxy.url, table_name, maxConnections=1, maxItemsPerBatch=10)
        ending = await migrate(job(source, there))
        bodies = [each.json() for each in proxy.log if each.operation == "BatchWriteItem"]
    assert ending.done.items.written == 600
    written = [body["RequestItems"][table_name] for body in bodies]
    came_from = [writes[0]["PutRequest"]["Item"]["pk"]["S"] in halves[1] for writes in written]
    turns = sum(one != other for one, other in pairwise(came_from))
    assert turns >= len(came_from) * 0.7


async def test_items_that_come_back_unprocessed_are_sent_again_and_no_others(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, sized(100, 10))
    async with FaultProxy(standin.url, record=True) as proxy:
        proxy.script("BatchWriteItem", faults.unprocessed(share=0.4, seed=1))
        source = dynamodb(dynamodb_local, table_name, scanSegments=1)
        ending = await migrate(job(source, alternator(proxy.url, table_name)))
        first, *rest = batches(proxy.log, table_name)
    assert ending.done.items.written == 100
    assert first == 100
    assert 0 < sum(rest) < 80
    assert ending.done.retries == ending.done.throttled == len(rest)
    assert len(standin.items(table_name)) == 100
