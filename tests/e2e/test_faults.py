"""Everything that goes wrong for a while: the copy is complete, and every repetition counted."""

import time
from collections.abc import AsyncIterator

import pytest

from tests.servers import faults
from tests.servers.client import Item, create_table, fill
from tests.servers.exchange import Fault
from tests.servers.patience import stretched
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support.jobs import Command, Job, Migrate, alternator, dynamodb, job
from tests.support.shapes import same_items

ITEMS: list[Item] = [{"pk": {"S": f"item {n}"}, "n": {"N": str(n)}} for n in range(120)]
THROTTLING = (faults.throttle(), faults.throttling_exception(), faults.request_limit())
PASSING = (
    *THROTTLING,
    faults.internal_500(),
    faults.service_unavailable_503(),
    faults.request_timeout_408(),
    faults.reset_before(),
    faults.reset_after(),
    faults.truncate(),
    faults.truncate(chunked=True),
    faults.cut_off(),
    faults.cut_off_error(),
    faults.bad_crc(),
    faults.signature_expired(),
    faults.replicated_write_conflict(),
    faults.transaction_in_progress(),
)
OF_THE_STANDIN = (
    *("error_500", "partial_500", "slow_500", "overload", "overload_close"),
    *("reset_before_write", "reset_after_write", "truncated"),
)


def named(fault: Fault) -> str:
    """A name for a test."""
    return fault.name


@pytest.fixture
async def source(dynamodb_local: str, table_name: str) -> str:
    """URL of a DynamoDB with a table of `ITEMS`."""
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, ITEMS)
    return dynamodb_local


@pytest.fixture
async def proxied(source: str) -> AsyncIterator[FaultProxy]:
    """A proxy before the source, with pages of 20 items."""
    async with FaultProxy(source, page_limit=20) as proxy:
        yield proxy


def narrow(url: str, table: str) -> Job:
    """A target written to by one connection, so that a fault hits the request it is meant for."""
    return alternator(url, table, maxConnections=1, maxItemsPerBatch=10)


@pytest.mark.parametrize("fault", PASSING, ids=named)
async def test_of_the_source(
    proxied: FaultProxy, standin: StandIn, table_name: str, migrate: Migrate, fault: Fault
) -> None:
    proxied.script("Scan", None, fault, None, fault, fault)
    source = dynamodb(proxied.url, table_name, scanSegments=3)
    done = (await migrate(job(source, alternator(standin.url, table_name)))).done
    assert proxied.faults == {fault.name: 3}
    assert done.retries == 3
    assert done.throttled == (3 if fault in THROTTLING else 0)
    assert done.items.read == done.items.written == len(ITEMS)
    assert same_items(standin.items(table_name), ITEMS)


@pytest.mark.parametrize("fault", PASSING, ids=named)
async def test_of_the_target(
    source: str, standin: StandIn, table_name: str, migrate: Migrate, fault: Fault
) -> None:
    async with FaultProxy(standin.url) as proxy:
        proxy.script("BatchWriteItem", None, None, fault, None, fault)
        target = narrow(proxy.url, table_name)
        done = (await migrate(job(dynamodb(source, table_name), target))).done
        assert proxy.faults == {fault.name: 2}
    assert done.retries == 2
    assert done.throttled == (2 if fault in THROTTLING else 0)
    assert done.items.written == len(ITEMS)
    assert same_items(standin.items(table_name), ITEMS)


@pytest.mark.parametrize("kind", OF_THE_STANDIN)
async def test_of_an_alternator(
    source: str, standin: StandIn, table_name: str, migrate: Migrate, kind: str
) -> None:
    target = narrow(standin.url, table_name)
    content = job(dynamodb(source, table_name), target)
    standin.faults.next("BatchWriteItem", "slow", seconds=0.0)
    standin.faults.next("BatchWriteItem", kind, times=2)
    done = (await migrate(content)).done
    assert done.retries == 2
    assert done.throttled == (2 if kind.startswith("overload") else 0)
    assert same_items(standin.items(table_name), ITEMS)


@pytest.mark.parametrize("kind", OF_THE_STANDIN)
async def test_of_an_alternator_that_is_read(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate, kind: str
) -> None:
    await create_table(standin.url, table_name)
    await fill(standin.url, table_name, ITEMS)
    async with StandIn() as target:
        source = alternator(standin.url, table_name, scanSegments=4)
        standin.faults.next("Scan", kind, times=2)
        done = (await migrate(job(source, alternator(target.url, table_name)))).done
        assert done.retries >= 2  # a closed socket may cost the next request too
        assert same_items(target.items(table_name), ITEMS)


@pytest.mark.parametrize("share", [0.5, 1.0])
async def test_unprocessed_items(
    source: str, standin: StandIn, table_name: str, migrate: Migrate, share: float
) -> None:
    fault = faults.unprocessed(share, seed=4) if share < 1 else faults.unprocessed_all()
    async with FaultProxy(standin.url) as proxy:
        proxy.script("BatchWriteItem", None, None, fault, None, fault)
        target = narrow(proxy.url, table_name)
        done = (await migrate(job(dynamodb(source, table_name), target))).done
        assert proxy.faults == {fault.name: 2}
    assert done.retries == done.throttled == 2
    assert done.items.written == len(ITEMS)
    assert same_items(standin.items(table_name), ITEMS)


async def test_slow_answers_are_waited_for(
    proxied: FaultProxy, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    proxied.script("Scan", faults.slow(1.0))
    async with FaultProxy(standin.url) as proxy:
        proxy.script("BatchWriteItem", faults.slow(1.0))
        source, target = dynamodb(proxied.url, table_name), alternator(proxy.url, table_name)
        done = (await migrate(job(source, target))).done
        assert proxy.faults + proxied.faults == {"slow": 2}
    assert done.retries == 0
    assert same_items(standin.items(table_name), ITEMS)


@pytest.mark.parametrize("seed", [1, 2])
async def test_all_of_it_at_once(
    proxied: FaultProxy, standin: StandIn, table_name: str, migrate: Migrate, seed: int
) -> None:
    for place, fault in enumerate((*PASSING, faults.empty_page())):
        proxied.sometimes("Scan", fault, probability=0.04, seed=100 * seed + place)
    async with FaultProxy(standin.url) as proxy:
        broken = (*PASSING, faults.unprocessed(0.5, seed), faults.unprocessed_all())
        for place, fault in enumerate(broken):
            proxy.sometimes("BatchWriteItem", fault, probability=0.03, seed=200 * seed + place)
        standin.faults.rate("BatchWriteItem", "partial_500", 0.05)
        source = dynamodb(proxied.url, table_name, scanSegments=5)
        target = alternator(proxy.url, table_name, maxItemsPerBatch=5)
        done = (await migrate(job(source, target))).done
        happened = proxied.faults + proxy.faults
    assert len(happened) > 4
    costless = happened["empty_page"] + happened["unprocessed"]  # which may give nothing back
    assert done.retries >= happened.total() - costless
    assert done.items.read == done.items.written == len(ITEMS)
    assert same_items(standin.items(table_name), ITEMS)


async def test_the_first_request_being_throttled_does_not_cost_many_seconds(
    source: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    async with FaultProxy(standin.url) as proxy:
        proxy.script("BatchWriteItem", faults.throttle())
        content = job(dynamodb(source, table_name), narrow(proxy.url, table_name))
        started = time.monotonic()
        done = (await migrate(content)).done
        assert time.monotonic() - started < stretched(6)
    assert done.throttled == 1


async def test_throttling_is_shown(
    proxied: FaultProxy, standin: StandIn, table_name: str, command: Command
) -> None:
    proxied.script("Scan", None, None, faults.throttle())
    source = dynamodb(proxied.url, table_name, scanSegments=2)
    report = await command(job(source, alternator(standin.url, table_name)), "--progress", "lines")
    assert report.code == 0
    assert (report.table["retries"], report.table["throttled"]) == (1, 1)
    assert "Retries 1" in report.err
    assert "source throttling since " in report.err
