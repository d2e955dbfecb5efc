"""A machine whose clock is not that of the source: no live item is left out, and it is told."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.servers.client import Item, create_table, fill
from tests.standin import StandIn
from tests.support.jobs import Command, alternator, job
from tests.support.many import Many, make
from tests.support.tables import enable_ttl

TABLE, HOUR = "Example", 3600


def expiring(name: str, at: float) -> Item:
    return {"pk": {"S": name}, "ttl": {"N": str(int(at))}}


@asynccontextmanager
async def source_of(ahead: float) -> AsyncIterator[StandIn]:
    """A source by whose clock this machine's is so many seconds `ahead`: one item has expired by
    both clocks, one by this machine's only, and one lives."""

    def clock() -> float:
        return time.time() - ahead

    async with StandIn(clock=clock) as source:
        await create_table(source.url, TABLE)
        there = clock()
        items = [expiring("gone", there - HOUR), expiring("live", there + 10 * HOUR)]
        await fill(source.url, TABLE, [*items, expiring("between", there + HOUR)])
        await enable_ttl(source.url, TABLE, "ttl")
        yield source


@pytest.mark.parametrize("engine", ["local", "processes"])
async def test_a_clock_that_is_ahead_expires_no_item_that_lives(
    standin: StandIn, command: Command, engine: str
) -> None:
    async with source_of(3 * HOUR) as source:
        content = job(alternator(source.url, TABLE, scanSegments=2), alternator(standin.url, TABLE))
        told = "this machine's clock is 3h0m ahead of the source's: an item counts as expired only"
        plan = await command(content, word="plan")
        assert told in plan.out, plan
        workers = ("--engine", engine, *(("--workers", "1") if engine == "processes" else ()))
        report = await command(content, *workers)
        assert report.code == 0, report
        assert report.table["items"]["skipped_expired"] == 1
        assert {item["pk"]["S"] for item in standin.items(TABLE)} == {"between", "live"}
        assert f"warning: {told}" in report.err
        validated = await command(content, *workers, word="validate")
        assert validated.code == 0, validated
        assert validated.table["validation"]["compared"] == 2
        assert f"warning: {told}" in validated.err


async def test_an_item_that_is_lacking_is_found_by_a_clock_that_is_ahead(
    standin: StandIn, command: Command
) -> None:
    await create_table(standin.url, TABLE)
    await enable_ttl(standin.url, TABLE, "ttl")
    async with source_of(3 * HOUR) as source:
        content = job(
            alternator(source.url, TABLE, scanSegments=2),
            alternator(standin.url, TABLE),
            validation={"recheckSeconds": [0.1]},
        )
        for mode in ("digest", "lookup"):
            report = await command(content, "--mode", mode, "--fresh", word="validate")
            assert report.code == 3, report
            assert report.table["validation"]["missing"] == 2


@pytest.mark.parametrize(("ahead", "is_told"), [(0, False), (30, True), (-30, True)])
async def test_a_clock_is_told_of_where_items_are_judged_by_it(
    standin: StandIn, command: Command, ahead: float, is_told: bool
) -> None:
    async with source_of(ahead) as source:
        content = job(alternator(source.url, TABLE), alternator(standin.url, TABLE))
        plan = await command(content, word="plan")
        assert ("this machine's clock" in plan.out) == is_told
        assert "signatures" not in plan.out
        content["source"]["expiredItems"] = "copy"
        assert "this machine's clock" not in (await command(content, word="plan")).out


async def test_many_tables_are_told_of_the_clock_once(tmp_path: Path, standin: StandIn) -> None:
    async with source_of(3 * HOUR) as source:
        await create_table(source.url, "Other")
        many = Many(tmp_path, source, standin)
        many.write({"include": ["*"]})
        for word in ("run", "validate"):
            result = await many.command(word)
            assert result.code == 0, result
            assert result.err.count("this machine's clock is 3h0m ahead of the source's") == 1
        assert {item["pk"]["S"] for item in standin.items(TABLE)} == {"between", "live"}


async def test_a_run_that_validates_is_told_of_the_clock_once(
    standin: StandIn, command: Command
) -> None:
    async with source_of(3 * HOUR) as source:
        content = job(alternator(source.url, TABLE, scanSegments=2), alternator(standin.url, TABLE))
        report = await command(content, "--validate")
        assert report.code == 0, report
        assert report.err.count("this machine's clock") == 1
        again = await command(content, "--validate")
        assert again.code == 0, again
        assert again.err.count("this machine's clock") == 1, "the copy was done already"


@pytest.mark.parametrize("ahead", [60, -60])
async def test_following_many_tables_is_told_of_the_clock_once(
    tmp_path: Path, standin: StandIn, ahead: float
) -> None:
    def clock() -> float:
        return time.time() - ahead

    async with StandIn(clock=clock, stream_delay=0.3) as source:
        await make(source.url, {"One": 10, "Two": 10, "Three": 10})
        many = Many(tmp_path, source, standin)
        rule = {"maxLagSeconds": 5, "forSeconds": 1}
        many.write({"include": ["*"]}, target_streamChanges=True, cutover=rule)
        result = await many.command("run", "--until-caught-up", "--validate", seconds=120)
        assert result.code == 0, result
        assert result.err.count("this machine's clock is") == 1, result.err
        assert "are told by the source's clock" in result.err
        await many.check(["One", "Two", "Three"])
