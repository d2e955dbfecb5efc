"""The control plane's requests are repeated as those of the data are, and no others."""

import asyncio
import re
import time
from collections.abc import Callable

import pytest
from aiohttp import web

from alternator_migrate.config.loading import load
from alternator_migrate.core.state import Status
from alternator_migrate.dynamodb import table
from alternator_migrate.migration.run import MigrationRun
from tests.e2e.stage import TABLE, Stage, rows
from tests.servers import faults
from tests.servers.client import call, create_table, fill
from tests.servers.exchange import Exchange, Fault
from tests.servers.patience import stretched
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support.jobs import Migrate, alternator, dynamodb, job
from tests.support.many import show_nothing

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


def showing(status: str, seen: Callable[[], None] = lambda: None) -> Fault:
    """Describe a table as one of another status; `seen` is called before."""

    async def act(exchange: Exchange) -> web.StreamResponse:
        seen()
        reply = await exchange.forward(exchange.body)
        described = {**reply.json()["Table"], "TableStatus": status}
        return reply.with_json({"Table": described}).response()

    return Fault("showing", act)


def afterwards(do: Callable[[], None]) -> Fault:
    """Pass a request on, and do something before its answer."""

    async def act(exchange: Exchange) -> web.StreamResponse:
        reply = await exchange.forward(exchange.body)
        do()
        return reply.response()

    return Fault("afterwards", act)


async def test_what_a_new_table_is_waited_for_is_told_at_each_change(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """In the log why and how long, nothing twice; in the status what is going on."""
    caplog.set_level("INFO")
    states: set[str] = set()

    def look() -> None:
        progress = run.progress()
        states.add(progress.state if progress else "")

    async with FaultProxy(stage.target.url) as proxy:
        slow = [showing(status, look) for status in ("CREATING", "CREATING", "UPDATING")]
        proxy.script("CreateTable", afterwards(lambda: proxy.script("DescribeTable", *slow)))
        run = MigrationRun(load(stage.write(target__endpoint={"url": proxy.url}), {}))
        assert await run.run(asyncio.Event(), show_nothing) == Status.COMPLETED
    stage.is_equal()
    assert states == {"preparing the target table"}
    said = [each.getMessage() for each in caplog.records if each.name.endswith("patience")]
    start = f"table {TABLE} is waited for, N s at most: its status is "
    assert [re.sub(r"\d+ s ", "N s ", text) for text in said] == [
        f"{start}CREATING",
        f"{start}UPDATING",
    ]


async def test_a_new_table_that_never_is_ready(
    stage: Stage, migrate: Migrate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is told to do then, helps."""
    monkeypatch.setattr(table, "_CREATE_SECONDS", 0.2)
    async with FaultProxy(stage.target.url) as proxy:
        slow = showing("CREATING")
        proxy.script("CreateTable", afterwards(lambda: proxy.always("DescribeTable", slow)))
        content = job(alternator(stage.source.url, TABLE), alternator(proxy.url, TABLE))
        failure = (await migrate(content)).failure
        assert "was not ACTIVE after 0 s: its status is CREATING" in str(failure)
        assert "Run again" in failure.hint
        proxy.clear()
        assert (await migrate(content)).done.items.written == len(stage.items)
    stage.is_equal()
