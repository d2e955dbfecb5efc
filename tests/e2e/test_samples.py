"""Every kind of value and of key arrives as it was, over every pair of servers."""

import json
from collections.abc import Iterable

import pytest

from tests.servers.client import Item, create_table, exchange, fill, scan_all
from tests.servers.guarded import EITHER
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support import shapes
from tests.support.jobs import Migrate, alternator, by_key, dynamodb, job, standin_side
from tests.support.shapes import KEYS, LOCAL, MOTO, Sample, same_item, same_items

REFUSED_BY_ALTERNATOR = {"39 digits", "lone surrogate"}
SAME_SERVERS = pytest.mark.xdist_group("second servers")


def for_alternator(*servers: str) -> list[Sample]:
    """The samples that `servers` and an Alternator take."""
    return [one for one in shapes.samples(*servers) if one.name not in REFUSED_BY_ALTERNATOR]


def changed(samples: Iterable[Sample], found: Iterable[Item]) -> list[str]:
    """The names of the samples that are missing in `found` or differ there."""
    there = {item["pk"]["S"]: item for item in found}
    wanted = {sample.name: sample.item() for sample in samples}
    assert there.keys() <= wanted.keys()
    return [n for n, item in wanted.items() if n not in there or not same_item(item, there[n])]


def raw_items(answer: bytes) -> list[str]:
    """The items of a Scan's answer as they stand in its text."""
    text, decoder = answer.decode(), json.JSONDecoder()
    place = text.index('"Items":[') + len('"Items":[')
    found = []
    while text[place] != "]":
        _, end = decoder.raw_decode(text, place)
        found.append(text[place:end])
        place = end + (text[end] == ",")
    return found


@EITHER
async def test_from_dynamodb_to_alternator(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    samples = for_alternator(LOCAL)
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, [sample.item() for sample in samples])
    ends = dynamodb(dynamodb_local, table_name), standin_side(standin, table_name)
    ending = await migrate(job(*ends))
    assert ending.done.items.written == len(samples)
    assert changed(samples, standin.items(table_name)) == []
    source = by_key(await scan_all(dynamodb_local, table_name))
    for key, item in by_key(standin.items(table_name)).items():
        for name, value in item.items():
            # An Alternator writes out numbers at the top level, and keeps all else to the letter.
            assert "N" in value or value == source[key][name]


async def test_bytes_pass_unchanged(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    samples = [one for one in for_alternator(LOCAL) if not one.name.startswith("large")]
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, [sample.item() for sample in samples])
    answer = await exchange(dynamodb_local, "Scan", json.dumps({"TableName": table_name}).encode())
    items = raw_items(answer.body)
    assert len(items) == len(samples)
    async with FaultProxy(standin.url, record=True) as proxy:
        target = alternator(proxy.url, table_name)
        ending = await migrate(job(dynamodb(dynamodb_local, table_name), target))
        sent = [entry.body.decode() for entry in proxy.log if entry.operation == "BatchWriteItem"]
    assert ending.done.items.written == len(samples)
    assert [item for item in items if not any(item in body for body in sent)] == []


@SAME_SERVERS
async def test_from_moto_to_alternator(
    moto_server: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    samples = for_alternator(MOTO)
    await create_table(moto_server, table_name)
    await fill(moto_server, table_name, [sample.item() for sample in samples])
    source = dynamodb(moto_server, table_name, scanSegments=4)
    ending = await migrate(job(source, alternator(standin.url, table_name)))
    assert ending.done.items.written == len(samples)
    assert changed(samples, standin.items(table_name)) == []


async def test_from_alternator_back_to_dynamodb(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    samples = for_alternator(LOCAL)
    await create_table(standin.url, table_name)
    await fill(standin.url, table_name, [sample.item() for sample in samples])
    ending = await migrate(
        job(alternator(standin.url, table_name), dynamodb(dynamodb_local, table_name))
    )
    assert ending.done.items.written == len(samples)
    assert changed(samples, await scan_all(dynamodb_local, table_name)) == []


@SAME_SERVERS
async def test_from_dynamodb_to_dynamodb(
    dynamodb_local: str, dynamodb_local_target: str, table_name: str, migrate: Migrate
) -> None:
    samples = for_alternator(LOCAL)
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, [sample.item() for sample in samples])
    ending = await migrate(
        job(dynamodb(dynamodb_local, table_name), dynamodb(dynamodb_local_target, table_name))
    )
    assert ending.done.items.written == len(samples)
    assert changed(samples, await scan_all(dynamodb_local_target, table_name)) == []


async def test_an_unreadable_text_is_never_lost_in_silence(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    items: list[Item] = [{"pk": {"S": "half"}, "s": {"S": "\ud800"}}, {"pk": {"S": "whole"}}]
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, items)
    source, target = dynamodb(dynamodb_local, table_name), alternator(standin.url, table_name)
    ending = await migrate(job(source, target, maxRejects=1))
    if ending.error:
        assert "Scan" in str(ending.error)
    else:
        assert ending.done.items.read == 2
        assert ending.done.items.written == len(standin.items(table_name))
        assert ending.done.items.accounted


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("composite", [False, True], ids=["hash", "hash and range"])
async def test_keys_of_every_type_lead_from_page_to_page(
    dynamodb_local: str,
    standin: StandIn,
    table_name: str,
    migrate: Migrate,
    kind: str,
    composite: bool,
) -> None:
    keys = {"pk": "S", "sk": kind} if composite else {"pk": kind}
    items: list[Item] = [
        {"pk": {"S": "p"}, "sk": key} if composite else {"pk": key} for key in KEYS[kind]
    ]
    await create_table(dynamodb_local, table_name, keys)
    await fill(dynamodb_local, table_name, items)
    async with FaultProxy(dynamodb_local, page_limit=1) as proxy:
        source = dynamodb(proxy.url, table_name, scanSegments=2)
        ending = await migrate(job(source, alternator(standin.url, table_name)))
        assert proxy.requests["Scan"] > len(items)
    assert ending.done.items.read == len(items)
    assert same_items(standin.items(table_name), items)


@SAME_SERVERS
@pytest.mark.parametrize("kind", KEYS)
async def test_keys_of_every_type_from_moto(
    moto_server: str, standin: StandIn, table_name: str, migrate: Migrate, kind: str
) -> None:
    items: list[Item] = [{"pk": {"S": "p"}, "sk": key} for key in KEYS[kind]]
    await create_table(moto_server, table_name, {"pk": "S", "sk": kind})
    await fill(moto_server, table_name, items)
    async with FaultProxy(moto_server, page_limit=2) as proxy:
        source = dynamodb(proxy.url, table_name, scanSegments=2)
        ending = await migrate(job(source, alternator(standin.url, table_name)))
    assert ending.done.items.read == len(items)
    assert same_items(standin.items(table_name), items)
