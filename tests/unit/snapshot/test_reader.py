"""Reading a table in partitions, on a clock that costs nothing: near all that they can give."""

import asyncio
import random
from collections.abc import Callable

import pytest

from alternator_migrate.core.errors import OutOfTime
from alternator_migrate.core.limiter import Limiter
from alternator_migrate.core.model import FIRST_READERS, Page, Segment
from alternator_migrate.core.retry import Retry
from alternator_migrate.core.segments import SegmentClock
from alternator_migrate.snapshot.ledger import Ledger
from alternator_migrate.snapshot.reader import Readers, read_segments
from tests.support import virtual_time
from tests.support.partitions import RATE, Bucket, PartitionedTable
from tests.support.virtual_time import now

PARTITIONS = 32
SEGMENTS = 320
MOST = 64


def read(
    table_of: Callable[[], PartitionedTable],
    *,
    segments: int = SEGMENTS,
    most: int = MOST,
    stop_at: float | None = None,
) -> tuple[PartitionedTable, Ledger, float]:
    """The table when it is read, or at the stop, the account, and the seconds that took."""

    async def scene() -> tuple[PartitionedTable, Ledger, float]:
        table, ledger, stop = table_of(), Ledger(segments), asyncio.Event()
        readers = Readers(Limiter(most, clock=now, start=FIRST_READERS))

        async def take(segment: Segment, page: Page) -> None:
            ledger.page(segment.index, page, 0)

        if stop_at is not None:
            asyncio.get_running_loop().call_later(stop_at, stop.set)
        every = [Segment(index, segments) for index in range(segments)]
        await read_segments(table, ledger, every, readers, stop, take)
        return table, ledger, now()

    random.seed(1)
    return virtual_time.run(scene)


def check_all_read(table: PartitionedTable, ledger: Ledger) -> None:
    """Every page once."""
    ledger.check()
    assert table.served == ledger.counts.read == sum(table.pages_of)


def test_equal_partitions_give_near_all_they_can_with_few_refusals() -> None:
    pages = 28
    table, ledger, seconds = read(lambda: PartitionedTable([pages] * SEGMENTS, [RATE] * PARTITIONS))
    check_all_read(table, ledger)
    least = pages * SEGMENTS / PARTITIONS / RATE - 1
    assert least / seconds >= 0.8
    assert table.refused_share <= 0.055


def test_one_large_partition_is_read_all_the_time() -> None:
    def table_of() -> PartitionedTable:
        pages = [4] * SEGMENTS
        pages[100:110] = [30] * 10
        return PartitionedTable(pages, [RATE] * PARTITIONS)

    table, ledger, seconds = read(table_of)
    check_all_read(table, ledger)
    assert (300 / RATE - 1) / seconds >= 0.8
    assert table.refused_share <= 0.05


def test_a_throttled_range_does_not_hold_up_the_others() -> None:
    """One partition gives next to nothing: all others are read as fast as without it."""
    rates = [1000.0] * PARTITIONS
    rates[3] = 0.5
    table, _, _ = read(lambda: PartitionedTable([10] * SEGMENTS, rates))
    hot = range(30, 40)
    others = [at for at, segment in table.log if segment not in hot]
    assert max(others) <= 3
    assert table.pace.cap is None
    assert not table.pace.throttled


def test_a_limit_of_the_whole_table_is_met() -> None:
    table, ledger, seconds = read(
        lambda: PartitionedTable([6] * SEGMENTS, whole=Bucket(100.0)), most=32
    )
    check_all_read(table, ledger)
    assert (6 * SEGMENTS / 100 - 1) / seconds >= 0.9
    assert table.refused_share <= 0.2


@pytest.mark.parametrize(("most", "best"), [(64, 64), (4, 4), (1, 1)])
def test_the_number_of_readers_is_found_within_its_bound(most: int, best: int) -> None:
    table, ledger, seconds = read(lambda: PartitionedTable([10] * SEGMENTS, delay=0.1), most=most)
    check_all_read(table, ledger)
    assert table.most <= most
    assert 10 * SEGMENTS * 0.1 / best / seconds >= 0.8


def test_a_stop_ends_those_that_rest_at_once() -> None:
    def table_of() -> PartitionedTable:
        return PartitionedTable([5] * SEGMENTS, [*([500.0] * (PARTITIONS - 1)), 0.01])

    table, ledger, seconds = read(table_of, stop_at=20)
    assert seconds == pytest.approx(20, abs=0.1)
    assert ledger.counts.read == table.served


def test_a_partition_that_refuses_for_ever_ends_the_reading_with_the_budget() -> None:
    def table_of() -> PartitionedTable:
        found = PartitionedTable([5] * SEGMENTS, [*([500.0] * (PARTITIONS - 1)), 1e-9])
        found.retry = Retry(30)
        return found

    with pytest.raises(ExceptionGroup) as failure:
        read(table_of)
    assert failure.group_contains(OutOfTime)


def test_segments_that_rest_are_told_apart_while_they_do() -> None:
    rates = [1000.0] * PARTITIONS
    rates[3] = 0.5
    seen: set[int] = set()

    class Board(SegmentClock):
        """Notes which segments were ever throttled."""

        def rests(self, segment: int) -> None:
            seen.update(self.throttling)
            super().rests(segment)

    async def scene() -> frozenset[int]:
        table = PartitionedTable([10] * SEGMENTS, rates)
        ledger, readers = Ledger(SEGMENTS, clock=Board(now)), Readers(Limiter(MOST, clock=now))

        async def take(segment: Segment, page: Page) -> None:
            ledger.page(segment.index, page, 0)

        every = [Segment(index, SEGMENTS) for index in range(SEGMENTS)]
        await read_segments(table, ledger, every, readers, asyncio.Event(), take)
        return frozenset(ledger.clock.throttling)

    assert virtual_time.run(scene) == frozenset()
    assert seen
    assert seen <= {*range(30, 40)}


def test_the_end_of_a_segment_is_no_answer() -> None:
    """It takes no time, which must not pass for what an answer takes at best."""
    pages = [1, 10] * 640
    table, ledger, seconds = read(lambda: PartitionedTable(pages, delay=0.02), segments=1280)
    check_all_read(table, ledger)
    assert sum(pages) * 0.02 / MOST / seconds >= 0.8
