"""The control plane's requests are repeated as those of the data are, and no others."""

import asyncio
import time

import pytest
from aiohttp import web

from tests.e2e.stage import TABLE, Stage, rows
from tests.servers import faults
from tests.servers.client import call, create_table, fill
from tests.servers.exchange import Exchange, Fault
from tests.servers.patience import stretched
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support.jobs import Migrate, alternator, dynamodb, job

LONG = 7
"""More attempts than any SDK makes by itself."""
PASSING = (
    faults.throttling_exception(),
    faults.internal_500(),
    faults.service_unavailable_503(),
    faults.reset_before(),
    faults.truncate(),
    faults.signature_expired(),
    faults.transaction_in_progress(),
)


def named(fault: Fault) -> str:
    """A name for a test."""
    return fault.name


@pytest.mark.parametrize("fault", PASSING, ids=named)
async def test_a_long_trouble_at_the_start_is_waited_for(
    stage: Stage, migrate: Migrate, fault: Fault
) -> None:
    async with FaultProxy(stage.source.url) as proxy:
        proxy.script("DescribeTable", *[fault] * LONG)
        content = job(dynamodb(proxy.url, TABLE), alternator(stage.target.url, TABLE))
        assert (await migrate(content)).done.items.written == len(stage.items)
        assert proxy.faults[fault.name] == LONG
    stage.is_equal()


@pytest.mark.parametrize("fault", [faults.throttle(), faults.reset_after()], ids=named)
@pytest.mark.parametrize("operation", ["CreateTable", "UpdateTimeToLive"])
async def test_a_repeated_change_is_made_once(
    stage: Stage, migrate: Migrate, operation: str, fault: Fault
) -> None:
    async with StandIn() as source, FaultProxy(stage.target.url) as proxy:
        await create_table(source.url, TABLE)
        await fill(source.url, TABLE, rows(9))
        ttl = {"AttributeName": "expires", "Enabled": True}
        await call(
            source.url, "UpdateTimeToLive", {"TableName": TABLE, "TimeToLiveSpecification": ttl}
        )
        proxy.script(operation, *[fault] * 3)
        ends = alternator(source.url, TABLE), alternator(proxy.url, TABLE)
        assert (await migrate(job(*ends))).done.items.written == 9
        assert proxy.requests[operation] == 4
    described = await call(stage.target.url, "DescribeTimeToLive", {"TableName": TABLE})
    assert described["TimeToLiveDescription"]["AttributeName"] == "expires"


@pytest.mark.parametrize(
    ("fault", "hint"),
    [
        (faults.throttle(), "retryBudgetSeconds"),
        (faults.signature_expired(), "Set the clock"),
        (faults.reset_before(), "network"),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else "",
)
async def test_it_is_given_up_within_the_budget(
    stage: Stage, migrate: Migrate, fault: Fault, hint: str
) -> None:
    async with FaultProxy(stage.source.url) as proxy:
        proxy.always("DescribeTable", fault)
        ends = dynamodb(proxy.url, TABLE), alternator(stage.target.url, TABLE)
        began = time.monotonic()
        failure = (await migrate(job(*ends, retryBudgetSeconds=1))).failure
    assert time.monotonic() - began < stretched(5)
    assert failure.exit_code == 2
    assert f"DescribeTable at {proxy.url}" in str(failure)
    assert "gave up" in str(failure)
    assert hint in failure.hint
    assert not stage.target.store.tables


async def test_what_no_repetition_mends_is_asked_once(stage: Stage, migrate: Migrate) -> None:
    async with FaultProxy(stage.source.url) as proxy:
        proxy.always("DescribeTable", faults.validation())
        content = job(dynamodb(proxy.url, TABLE), alternator(stage.target.url, TABLE))
        assert (await migrate(content)).failure.exit_code == 2
        assert proxy.requests["DescribeTable"] == 1


async def test_each_attempt_is_signed_anew(stage: Stage, migrate: Migrate) -> None:
    async def late(exchange: Exchange) -> web.StreamResponse:
        await asyncio.sleep(1.1)
        return await faults.signature_expired().act(exchange)

    async with FaultProxy(stage.source.url, record=True) as proxy:
        for operation in ("DescribeTable", "Scan"):
            proxy.script(operation, Fault("late", late))
        ends = dynamodb(proxy.url, TABLE, scanSegments=1), alternator(stage.target.url, TABLE)
        assert (await migrate(job(*ends))).done.items.written == len(stage.items)
        for operation in ("DescribeTable", "Scan"):
            asked = [each.request for each in proxy.log if each.operation == operation]
            assert asked[0].headers["X-Amz-Date"] < asked[1].headers["X-Amz-Date"]
