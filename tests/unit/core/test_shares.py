"""One cap for several tables: kept by all together, shared by what is left, and lost by none."""

import asyncio
from dataclasses import replace

import pytest

from alternator_migrate.core.counts import Counts
from alternator_migrate.core.progress import Progress, Reason
from alternator_migrate.core.rates import Rates
from alternator_migrate.core.shares import SharedPace
from alternator_migrate.core.state import Status
from alternator_migrate.core.totals import standing, total
from tests.support import virtual_time
from tests.support.virtual_time import now


def taken(cap: float, weights: list[float], seconds: float) -> list[int]:
    """How many requests of one unit each table makes in so long, four at a time, once what a cap
    has saved up is spent."""
    counts = [0] * len(weights)

    async def ask(shared: SharedPace, table: int, weight: float) -> None:
        pace = shared.pace(None, lambda: weight)
        while True:
            await pace.take(1.0)
            counts[table] += 1
            pace.settle(1.0, 1.0)

    async def scene() -> None:
        shared = SharedPace(cap, now)
        await shared.all.take(cap)
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as tables:
            for table, weight in enumerate(weights):
                for _ in range(4):
                    tables.create_task(ask(shared, table, weight))

    with pytest.raises(TimeoutError):
        virtual_time.run(scene)
    return counts


def test_the_cap_holds_for_all_and_is_shared_by_what_is_left() -> None:
    counts = taken(400.0, [300.0, 100.0], 10)
    assert sum(counts) == pytest.approx(4000, rel=0.02)
    assert counts[0] / counts[1] == pytest.approx(3, rel=0.1)


def test_the_smallest_is_never_left_out() -> None:
    counts = taken(400.0, [1e12, 0.0], 10)
    assert counts[0] > 3900
    assert counts[1] > 0


def test_a_table_alone_has_all_of_it() -> None:
    assert taken(300.0, [5.0], 10) == [pytest.approx(3000, rel=0.02)]


async def test_a_table_that_is_cancelled_while_it_waits_blocks_nobody() -> None:
    shared = SharedPace(1.0)
    first, second = shared.pace(None, lambda: 1.0), shared.pace(None, lambda: 1.0)
    await first.take(1.5)
    waiting = [asyncio.create_task(first.take(0.1)), asyncio.create_task(second.take(0.1))]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    async with asyncio.timeout(5):
        await second.take(0.1)


async def test_without_a_cap_nobody_waits() -> None:
    pace = SharedPace(None).pace(None, lambda: 1.0)
    async with asyncio.timeout(1):
        for _ in range(1000):
            await pace.take(1e6)
            pace.settle(1e6, 1e6)
    assert not pace.reason("source")


def test_the_total_of_tables() -> None:
    whole = total(
        [
            Progress("a", "a", segments_total=4, segments_done=4, items=Counts(10, 9, 0, 1),
                     expected=10, status=Status.REJECTS),
            Progress("b", "b", "copying", segments_total=4, items=Counts(5, 5), expected=20,
                     reasons=(Reason("throttled", "target throttles"),)),
            Progress("c", "c", "waiting", segments_total=1, expected=70, status=Status.WAITING),
        ]
    )  # fmt: skip
    assert (whole.source, whole.target) == ("3 tables", "1 waiting, 1 running, 1 rejects")
    assert whole.items == Counts(15, 14, 0, 1)
    assert (whole.expected, whole.fraction) == (100, 0.15)
    assert (whole.state, whole.paced) == ("copying", "target throttles")
    assert whole.changes is None
    assert standing([]) == ""


def test_a_table_that_is_made_ready_ahead_waits_still() -> None:
    states = ("copying", "waiting", "starting", "done", "building index by-city", "copying")
    whole = total([Progress("t", "t", state) for state in states])
    assert whole.standing == "2 waiting, 4 running"
    assert whole.state == "copying, building index by-city"


def test_tables_that_are_held_back_before_they_have_begun_are_paused_and_wait() -> None:
    begun = Progress("a", "a", "paused", items=Counts(1))
    assert total([Progress("b", "b", "paused")]).state == "paused"
    assert total([begun, Progress("b", "b", "paused")]).standing == "1 waiting, 1 running"


def test_what_earlier_runs_did_is_no_speed_of_this_one() -> None:
    new = Progress("a", "a", "copying", segments_total=4, items=Counts(10, 10), expected=100)
    waits = Progress("b", "b", "waiting", segments_total=4, expected=900)
    done = Progress("b", "b", "copying", segments_total=4, segments_done=3, expected=900,
                    items=Counts(810, 810), bytes_read=8100)  # fmt: skip
    goes_on = replace(done, before=done.done)
    rates = Rates()
    rates.note(total([replace(new, items=Counts()), waits]), 0.0)
    rates.note(total([new, goes_on]), 1.0)
    assert (rates.now.items, rates.now.size) == (10.0, 0.0)
    assert rates.now.seconds_left == pytest.approx(18.0)  # 180 are left
