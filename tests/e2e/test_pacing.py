"""Caps on capacity hold for the whole run, from its first second on."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.servers.client import Item, create_table, fill
from tests.servers.exchange import Exchange
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support.jobs import Migrate, alternator, dynamodb, job

READ_CAP = 60
WRITE_CAP = 150
TOLERANCE = 1.3


def heavy(count: int, size: int) -> list[Item]:
    """Items with `size` bytes of text."""
    return [{"pk": {"S": f"item {n}"}, "text": {"S": "x" * size}} for n in range(count)]


def check(log: Iterable[Exchange], operation: str, cap: float, units: Callable[..., float]) -> None:
    """At each request: no more was asked for than the cap allows since the first, and a burst of
    a second's units or so."""
    times = [(entry.at, units(entry.json())) for entry in log if entry.operation == operation]
    began, asked = times[0][0], 0.0
    for at, cost in times:
        asked += cost
        assert asked <= TOLERANCE * cap * (at - began) + 2.5 * cap, (round(at - began, 2), asked)


async def test_reading(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, heavy(400, 3800))
    total = 400 * 3800 / 8192
    async with FaultProxy(dynamodb_local, capacity=True, record=True) as proxy:
        source = dynamodb(proxy.url, table_name, readThroughput=READ_CAP, scanSegments=12)
        done = (await migrate(job(source, alternator(standin.url, table_name)))).done
        scans = [entry for entry in proxy.log if entry.operation == "Scan"]
    assert done.items.written == 400
    assert {scan.json()["ReturnConsumedCapacity"] for scan in scans} == {"TOTAL"}
    # The last page may be asked for with the bucket in debt; the rest must have been paced.
    assert scans[-1].at - scans[0].at > (total - 2.5 * READ_CAP) / READ_CAP / TOLERANCE
    pages = len([scan for scan in scans if "Limit" in scan.json()])
    assert pages == len(scans), "whole pages of 1 MB cost 128 units at once"
    check(scans, "Scan", READ_CAP, lambda body: min(body["Limit"], 50) * 3800 / 8192)


async def test_writing(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(standin.url, table_name)
    await fill(standin.url, table_name, heavy(250, 2600))
    async with FaultProxy(dynamodb_local, capacity=True, record=True) as proxy:
        target = dynamodb(proxy.url, table_name, writeThroughput=WRITE_CAP)
        done = (await migrate(job(alternator(standin.url, table_name), target))).done
        batches = [entry for entry in proxy.log if entry.operation == "BatchWriteItem"]
    assert done.items.written == 250
    assert {batch.json()["ReturnConsumedCapacity"] for batch in batches} == {"TOTAL"}
    total = 250 * 3
    assert batches[-1].at - batches[0].at > (total - 2 * WRITE_CAP) / WRITE_CAP / TOLERANCE
    check(
        batches, "BatchWriteItem", WRITE_CAP, lambda body: 3 * len(body["RequestItems"][table_name])
    )


async def test_writing_to_an_alternator_that_tells_no_capacity(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, heavy(400, 100))
    async with FaultProxy(standin.url, record=True) as proxy:
        target = alternator(proxy.url, table_name, writeThroughput=WRITE_CAP, maxItemsPerBatch=20)
        done = (await migrate(job(dynamodb(dynamodb_local, table_name), target))).done
        batches = [entry for entry in proxy.log if entry.operation == "BatchWriteItem"]
    assert done.items.written == 400
    assert not any("ReturnConsumedCapacity" in batch.json() for batch in batches)
    check(batches, "BatchWriteItem", WRITE_CAP, lambda body: len(body["RequestItems"][table_name]))
    assert batches[-1].at - batches[0].at > (400 - 2 * WRITE_CAP) / WRITE_CAP / TOLERANCE


@pytest.mark.parametrize("side", ["source", "target"])
async def test_a_provisioned_table_at_another_endpoint_is_not_capped(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate, side: str
) -> None:
    units = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    where: dict[str, Any] = {"source": dynamodb_local, "target": standin.url}
    for name, url in where.items():
        more: dict[str, Any] = {"ProvisionedThroughput": units} if name == side else {}
        await create_table(url, table_name, **more)
    await fill(dynamodb_local, table_name, heavy(100, 500))
    standin.log.clear()
    async with FaultProxy(dynamodb_local, record=True) as proxy:
        source = dynamodb(proxy.url, table_name, scanSegments=2)
        done = (await migrate(job(source, alternator(standin.url, table_name)))).done
        scans = [entry.json() for entry in proxy.log if entry.operation == "Scan"]
    assert done.items.written == 100
    assert done.paced == ""
    assert not any("Limit" in scan or "ReturnConsumedCapacity" in scan for scan in scans)
