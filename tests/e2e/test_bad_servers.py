"""Servers that break the API's promises: a clear end in time, and nothing lost by it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from tests.e2e.stage import TABLE, Stage
from tests.servers import faults
from tests.servers.client import create_table
from tests.servers.exchange import Exchange, Fault
from tests.servers.patience import stretched
from tests.servers.proxy import FaultProxy
from tests.support.cli import one_error
from tests.support.jobs import Migrate, alternator, job

GIGABYTE = 2**30
PIECE = b" " * 2**20
LARGEST = 64


class Flood:
    """Answers a gigabyte of spaces, with its length or in chunks; `sent` is what left."""

    def __init__(self, *, chunked: bool) -> None:
        self.sent = 0
        self.fault = Fault("flood", self._act)
        self._chunked = chunked

    async def _act(self, exchange: Exchange) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": faults.JSON_TYPE})
        if self._chunked:
            response.enable_chunked_encoding()
        else:
            response.content_length = GIGABYTE
        await response.prepare(exchange.request)
        while self.sent < GIGABYTE:
            await response.write(PIECE)
            self.sent += len(PIECE)
        return response


def missing(field: str) -> Fault:
    """The true answer without one of its fields."""

    async def act(exchange: Exchange) -> web.StreamResponse:
        reply = await exchange.forward(exchange.body)
        whole = {name: value for name, value in reply.json().items() if name != field}
        return reply.with_json(whole).response()

    return Fault(f"no {field}", act)


def circle(*names: str) -> Fault:
    """A Scan that leads from the first key to the second and so on, and back to the first."""
    keys = [{"pk": {"S": name}} for name in names]

    async def act(exchange: Exchange) -> web.StreamResponse:
        start = exchange.json().get("ExclusiveStartKey")
        after = keys[(keys.index(start) + 1) % len(keys)] if start in keys else keys[0]
        page = {"Items": [], "Count": 0, "ScannedCount": 0, "LastEvaluatedKey": after}
        return web.json_response(page)

    return Fault("circle", act)


@asynccontextmanager
async def through(stage: Stage, operation: str, **more: object) -> AsyncIterator[FaultProxy]:
    """A way to the side that takes an operation, which can be disturbed."""
    side = "source" if operation == "Scan" else "target"
    url = stage.source.url if side == "source" else stage.target.url
    async with FaultProxy(url) as proxy:
        stage.write(**{f"{side}__endpoint": {"url": proxy.url}, **more})
        yield proxy


async def fails_and_goes_on(stage: Stage, proxy: FaultProxy) -> str:
    """A run that fails; when all is well again the next one completes it. Returns what it
    said."""
    told = one_error(await stage.ended("run", "config.yaml"), code=1)
    await stage.claims_hold()
    proxy.clear()
    await stage.completes()
    return told


@pytest.mark.parametrize(("operation", "chunked"), [("Scan", True), ("BatchWriteItem", False)])
async def test_an_answer_of_a_gigabyte_is_not_read_to_its_end(
    stage: Stage, operation: str, chunked: bool
) -> None:
    flood = Flood(chunked=chunked)
    async with through(stage, operation) as proxy:
        proxy.script(operation, None, None, flood.fault)
        told = await fails_and_goes_on(stage, proxy)
    assert f"more than {LARGEST} MiB" in told
    assert flood.sent < 2 * LARGEST * 2**20


@pytest.mark.parametrize("operation", ["Scan", "BatchWriteItem"])
async def test_a_server_that_hangs_is_given_up_within_the_budget(
    stage: Stage, migrate: Migrate, operation: str
) -> None:
    async with through(stage, operation, retryBudgetSeconds=1) as proxy:
        proxy.script(operation, None, None)
        proxy.always(operation, faults.hang())
        began = time.monotonic()
        failure = (await migrate(stage.job)).failure
    assert time.monotonic() - began < stretched(6)
    assert failure.exit_code == 1
    assert "retryBudgetSeconds" in failure.hint
    assert f"{operation} at {proxy.url}: no answer in time" in str(failure)


async def test_an_answer_that_trickles_without_end_is_given_up(
    stage: Stage, migrate: Migrate
) -> None:
    async def act(exchange: Exchange) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(exchange.request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.05)

    async with through(stage, "BatchWriteItem", retryBudgetSeconds=1) as proxy:
        proxy.always("BatchWriteItem", Fault("trickle", act))
        began = time.monotonic()
        failure = (await migrate(stage.job)).failure
    assert time.monotonic() - began < stretched(15)
    assert failure.exit_code == 1
    assert "not all of the answer" in str(failure)


async def test_one_request_that_hangs_is_sent_again(stage: Stage, migrate: Migrate) -> None:
    async with through(stage, "BatchWriteItem", retryBudgetSeconds=4) as proxy:
        proxy.script("BatchWriteItem", None, None, faults.hang())
        done = (await migrate(stage.job)).done
        assert proxy.faults["hang"] == 1
        assert done.retries >= 1  # on a busy machine others are slower than the budget allows, too
    stage.is_equal()


@pytest.mark.parametrize(
    ("operation", "fault"),
    [
        ("Scan", missing("Count")),
        ("Scan", missing("Items")),
        ("Scan", missing("ScannedCount")),
        ("BatchWriteItem", missing("UnprocessedItems")),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else value,
)
async def test_an_answer_that_lacks_a_field_ends_the_run(
    stage: Stage, migrate: Migrate, operation: str, fault: Fault
) -> None:
    async with through(stage, operation) as proxy:
        proxy.always(operation, fault)
        failure = (await migrate(stage.job)).failure
    assert failure.exit_code == 1
    assert operation in str(failure)


async def test_a_wrong_answer_under_way_loses_nothing(stage: Stage) -> None:
    async with through(stage, "BatchWriteItem") as proxy:
        proxy.script("BatchWriteItem", *[None] * 8)
        proxy.always("BatchWriteItem", faults.html_200())
        told = await fails_and_goes_on(stage, proxy)
    assert "BatchWriteItem" in told


@pytest.mark.parametrize("names", ["ab", "abcdefg"])
async def test_a_scan_that_goes_round_in_a_circle_ends_the_run(
    stage: Stage, migrate: Migrate, names: str
) -> None:
    async with through(stage, "Scan", source__scanSegments=1) as proxy:
        proxy.script("Scan", None, None)
        proxy.always("Scan", circle(*names))
        failure = (await migrate(stage.job)).failure
        assert proxy.requests["Scan"] <= 3 * (2 + len(names))
    assert failure.exit_code == 1
    assert "LastEvaluatedKey" in str(failure)
    assert '{"S":"' in str(failure).replace(" ", "")


@pytest.mark.parametrize("names", ["a", "ab"])
async def test_a_target_whose_emptiness_has_no_end_is_left_alone(
    stage: Stage, migrate: Migrate, names: str
) -> None:
    await create_table(stage.target.url, TABLE)
    async with FaultProxy(stage.target.url) as proxy:
        proxy.always("Scan", circle(*names))
        content = job(alternator(stage.source.url, TABLE), alternator(proxy.url, TABLE))
        failure = (await migrate(content)).failure
        assert proxy.requests["Scan"] < 8
    assert "goes round in a circle" in str(failure)
    assert "BatchWriteItem" not in stage.target.requests


WRONG_DESCRIPTIONS: dict[str, Any] = {
    "nothing": {},
    "an empty table": {"Table": {}},
    "no table": {"Table": None},
    "a text": {"Table": "Example"},
    "a list": {"Table": []},
    "a text of keys": {"Table": {"TableName": TABLE, "KeySchema": "pk"}},
    "a key without its name": {"Table": {"TableName": TABLE, "KeySchema": [{"KeyType": "HASH"}]}},
}


@pytest.mark.parametrize("answer", WRONG_DESCRIPTIONS.values(), ids=WRONG_DESCRIPTIONS.keys())
async def test_a_table_that_is_not_described_is_told_before_anything_is_written(
    stage: Stage, migrate: Migrate, answer: object
) -> None:
    async with FaultProxy(stage.source.url) as proxy:
        proxy.always("DescribeTable", faults.wrong_json(json.dumps(answer).encode()))
        content = job(alternator(proxy.url, TABLE), alternator(stage.target.url, TABLE))
        failure = (await migrate(content)).failure
    assert failure.exit_code == 2
    assert "DescribeTable" in str(failure)
    assert proxy.url in str(failure)
    assert not stage.target.store.tables


async def test_a_server_with_an_odd_clock_is_copied_from(stage: Stage, migrate: Migrate) -> None:
    async def act(exchange: Exchange) -> web.StreamResponse:
        response = (await exchange.forward(exchange.body)).response()
        response.headers["Date"] = "yesterday"
        return response

    async with through(stage, "Scan") as proxy:
        proxy.always("*", Fault("odd_date", act))
        assert (await migrate(stage.job)).done.items.written == len(stage.items)
    stage.is_equal()
