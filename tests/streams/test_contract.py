"""What holds for the changes of every server: order, images, keys, positions, tips and ends."""

import asyncio
import time
from contextlib import aclosing

import pytest

from alternator_migrate.core.model import Change
from tests.servers.client import Item
from tests.servers.patience import stretched
from tests.streams.conftest import SPEC, Served
from tests.streams.reading import (
    all_needed,
    changes,
    everything,
    image,
    never,
    reading,
    to_end,
    to_tip,
)

BIG = {"text": {"S": "x" * 300_000}}
DEEP: Item = {
    "number": {"N": "0.000001"},
    "binary": {"B": "AAEC"},
    "set": {"SS": ['"quoted"', "é"]},
    "list": {"L": [{"M": {"key": {"NULL": True}}}, {"BOOL": False}, {"NS": ["1", "20"]}]},
}


def key(part: str, number: str) -> Item:
    """A key of SPEC."""
    return {"pk": {"S": part}, "sk": {"N": number}}


def folded(found: list[Change]) -> dict[bytes, object]:
    """What is there after all changes, by key."""
    there: dict[bytes, object] = {}
    for change in found:
        there.pop(change.key, None)
        if change.image is not None:
            there[change.key] = image(change)
    return there


async def test_the_last_changes_are_what_the_table_holds(served: Served) -> None:
    expected: dict[bytes, object] = {}
    for number in range(60):
        at = key(f"p{number % 7}", str(number % 3))
        name = f'{{"pk":{{"S":"p{number % 7}"}},"sk":{{"N":"{number % 3}"}}}}'.encode()
        if number % 5 == 4 and name in expected:
            await served.delete(at)
            del expected[name]
        else:
            item = at | {"n": {"N": str(number)}}
            await served.put(item)
            expected[name] = item
    async with reading(served.url, served.arn, SPEC) as source:
        found = await everything(source)
    assert folded(found) == expected
    assert not any(change.by_service for change in found)
    now = time.time()
    assert all(now - 120 < change.created <= now + 1 for change in found)


async def test_images_are_the_items_as_written(served: Served) -> None:
    item = key("Zürich ✓", "-12.5") | DEEP
    await served.put(item)
    await served.put(key("big", "1") | BIG)
    async with reading(served.url, served.arn, SPEC) as source:
        there = folded(await everything(source))
    assert there['{"pk":{"S":"Zürich ✓"},"sk":{"N":"-12.5"}}'.encode()] == item
    assert there[b'{"pk":{"S":"big"},"sk":{"N":"1"}}'] == key("big", "1") | BIG


async def test_one_key_has_one_text(served: Served) -> None:
    for number in ("1000", "1e3", "1000.00"):
        await served.put(key("a", number))
    await served.delete(key("a", "10E2"))
    async with reading(served.url, served.arn, SPEC) as source:
        found = await everything(source)
    assert {change.key for change in found} == {b'{"pk":{"S":"a"},"sk":{"N":"1000"}}'}
    assert found[-1].image is None


async def test_a_removed_item_can_be_put_again(served: Served) -> None:
    await served.put(key("a", "1"))
    await served.delete(key("a", "1"))
    await served.put(key("a", "1") | {"again": {"BOOL": True}})
    async with reading(served.url, served.arn, SPEC) as source:
        found = await everything(source)
    assert image(found[-1]) == key("a", "1") | {"again": {"BOOL": True}}
    numbers = [int(change.sequence) for change in found]
    assert numbers == sorted(set(numbers))


async def test_reading_goes_on_at_any_position(served: Served) -> None:
    for number in range(4):
        await served.put(key("a", "1") | {"n": {"N": str(number)}})
    async with reading(served.url, served.arn, SPEC) as source:
        for shard in await source.shards():
            whole = changes(await to_tip(source, shard.id))
            for at, change in enumerate(whole):
                rest = await to_tip(source, shard.id, change.sequence)
                assert [one.sequence for one in changes(rest)] == [
                    one.sequence for one in whole[at + 1 :]
                ]
                assert rest[-1].position == whole[-1].sequence


async def test_an_open_shard_shows_what_is_written_later(served: Served) -> None:
    await served.put(key("a", "1"))
    async with reading(served.url, served.arn, SPEC) as source:
        [shard] = [
            shard.id for shard in await source.shards() if changes(await to_tip(source, shard.id))
        ]
        async with (
            asyncio.timeout(stretched(20)),
            aclosing(source.changes(shard, None, all_needed, never)) as pages,
        ):
            async for page in pages:
                if page.at_tip:
                    break
            await served.put(key("a", "2"))
            seen: list[Change] = []
            async for page in pages:
                seen += page.changes
                assert not page.ended
                if seen and page.at_tip:
                    break
    assert folded(seen) == {b'{"pk":{"S":"a"},"sk":{"N":"2"}}': key("a", "2")}


async def test_a_closed_shard_ends(served: Served) -> None:
    for number in range(20):
        await served.put(key(f"p{number}", "1"))
    async with reading(served.url, served.arn, SPEC) as source:
        shards = await source.shards()
        await served.close()
        found: list[Change] = []
        for shard in shards:
            pages = await to_end(source, shard.id)
            assert [page.ended for page in pages] == [False] * (len(pages) - 1) + [True]
            found += changes(pages)
    assert len(folded(found)) == 20


@pytest.mark.parametrize("served", ["alternator", "alternator-old"], indirect=True)
async def test_generations_of_alternator_keep_the_order_of_a_key(served: Served) -> None:
    """The parent that is named need not be the shard that had the key before."""
    names = [f"p{number}" for number in range(30)]
    for generation in range(4):
        for name in names:
            await served.put(key(name, "1") | {"n": {"N": str(generation)}})
        await served.close()
    async with reading(served.url, served.arn, SPEC) as source:
        shards = await source.shards()
        found = [
            change
            for shard in sorted(shards, key=lambda shard: shard.generation)
            for change in changes(await to_tip(source, shard.id))
        ]
    assert len({shard.generation for shard in shards}) == 5
    assert set(map(str, folded(found).values())) == {
        str(key(name, "1") | {"n": {"N": "3"}}) for name in names
    }
