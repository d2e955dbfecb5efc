"""Tables of every size and shape, read in any number of segments."""

import asyncio
from collections import Counter
from collections.abc import Iterable

import pytest

from tests.servers import faults
from tests.servers.client import Item, create_table, fill, scan_all
from tests.servers.exchange import Exchange
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support.jobs import Migrate, alternator, by_key, dynamodb, job
from tests.support.shapes import same_items
from tests.support.tables import numbered

SEGMENTS = 5


def segments_asked(log: Iterable[Exchange]) -> Counter[tuple[int, int]]:
    """How often (Segment, TotalSegments) were scanned."""
    bodies = [entry.json() for entry in log if entry.operation == "Scan"]
    return Counter((body["Segment"], body["TotalSegments"]) for body in bodies)


@pytest.mark.parametrize("count", [0, 1])
async def test_a_table_of_next_to_nothing(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate, count: int
) -> None:
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, numbered(count))
    ending = await migrate(
        job(dynamodb(dynamodb_local, table_name), alternator(standin.url, table_name))
    )
    assert (ending.done.items.read, ending.done.items.written) == (count, count)
    assert ending.done.segments_done == ending.done.segments_total > 0
    assert standin.items(table_name) == numbered(count)


async def test_one_huge_partition(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    items: list[Item] = [{"pk": {"S": "hot"}, "sk": {"N": str(n)}} for n in range(5000)]
    await create_table(dynamodb_local, table_name, {"pk": "S", "sk": "N"})
    await asyncio.gather(*(fill(dynamodb_local, table_name, items[part::4]) for part in range(4)))
    async with FaultProxy(dynamodb_local, page_limit=450) as proxy:
        source = dynamodb(proxy.url, table_name)
        ending = await migrate(job(source, alternator(standin.url, table_name)))
        assert proxy.requests["Scan"] > 5000 / 450
    assert ending.done.items.read == ending.done.items.written == 5000
    assert same_items(standin.items(table_name), items)


@pytest.mark.parametrize("total", [1, 7])
async def test_the_number_of_segments_is_obeyed(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate, total: int
) -> None:
    items = numbered(20)
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, items)
    async with FaultProxy(dynamodb_local, record=True) as proxy:
        source = dynamodb(proxy.url, table_name, scanSegments=total)
        ending = await migrate(job(source, alternator(standin.url, table_name)))
        asked = segments_asked(proxy.log)
    assert asked == {(number, total): 1 for number in range(total)}
    assert (ending.done.segments_total, ending.done.segments_done) == (total, total)
    assert same_items(standin.items(table_name), items)


async def test_far_more_segments_than_items(
    standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(standin.url, table_name)
    await fill(standin.url, table_name, numbered(20))
    standin.log.clear()
    async with StandIn() as target:
        source = alternator(standin.url, table_name, scanSegments=1000)
        ending = await migrate(job(source, alternator(target.url, table_name)))
        assert by_key(target.items(table_name)) == by_key(numbered(20))
    asked = [
        (body["Segment"], body["TotalSegments"]) for name, body in standin.log if name == "Scan"
    ]
    assert sorted(asked) == [(number, 1000) for number in range(1000)]
    assert (ending.done.segments_total, ending.done.segments_done) == (1000, 1000)


@pytest.mark.parametrize("most", [1, 3])
async def test_so_many_segments_are_read_at_once(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate, most: int
) -> None:
    items = numbered(20)
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, items)
    async with FaultProxy(dynamodb_local, latency=0.05) as proxy:
        source = dynamodb(proxy.url, table_name, scanSegments=8, maxMapTasks=most)
        ending = await migrate(job(source, alternator(standin.url, table_name)))
        assert proxy.peak["Scan"] == most
    assert ending.done.items.written == 20


async def test_skipped_segments_are_left_out_and_nothing_else(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, numbered(60))
    parts = [
        await scan_all(dynamodb_local, table_name, Segment=number, TotalSegments=SEGMENTS)
        for number in range(SEGMENTS)
    ]
    async with FaultProxy(dynamodb_local, record=True) as proxy:
        source = dynamodb(proxy.url, table_name, scanSegments=SEGMENTS)
        target = alternator(standin.url, table_name)
        ending = await migrate(job(source, target, skipSegments=[0, 3]))
        asked = segments_asked(proxy.log)
    left = [item for number in (1, 2, 4) for item in parts[number]]
    assert 0 < len(left) < 60
    assert same_items(standin.items(table_name), left)
    assert {number for number, _ in asked} == {1, 2, 4}
    assert ending.done.items.read == ending.done.items.written == len(left)
    assert (ending.done.segments_total, ending.done.segments_done) == (3, 3), "no skipped ones"


async def test_empty_pages_of_dynamodb_are_not_the_end(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    items = numbered(60)
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, items)
    async with FaultProxy(dynamodb_local, page_limit=5) as proxy:
        proxy.sometimes("Scan", faults.empty_page(), probability=0.6, seed=5)
        source = dynamodb(proxy.url, table_name, scanSegments=4)
        ending = await migrate(job(source, alternator(standin.url, table_name)))
        assert proxy.faults["empty_page"] > 8
    assert ending.done.items.read == ending.done.items.written == 60
    assert same_items(standin.items(table_name), items)


async def test_empty_pages_of_an_alternator_are_not_the_end(
    standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    items = numbered(40)
    async with StandIn(page_bytes=200) as source:
        await create_table(source.url, table_name)
        await fill(source.url, table_name, items)
        # The latency lets the first page of each segment be asked for before any is answered.
        source.faults.latency = 0.05
        source.faults.next("Scan", "empty_page", times=4)
        ending = await migrate(
            job(
                alternator(source.url, table_name, scanSegments=4),
                alternator(standin.url, table_name),
            )
        )
    assert ending.done.items.read == ending.done.items.written == 40
    assert by_key(standin.items(table_name)) == by_key(items)


async def test_a_filter_that_leaves_pages_empty(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, numbered(60))
    async with FaultProxy(dynamodb_local, page_limit=3) as proxy:
        wanted = {"expression": "#n = :n", "names": {"#n": "n"}, "values": {":n": {"N": "42"}}}
        source = dynamodb(proxy.url, table_name, scanSegments=2, filter=wanted)
        ending = await migrate(job(source, alternator(standin.url, table_name)))
        assert proxy.requests["Scan"] >= 20
    assert ending.done.items.written == 1
    assert standin.items(table_name) == [numbered(43)[42]]
