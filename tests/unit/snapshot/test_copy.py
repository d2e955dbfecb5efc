"""A copy that is ended again and again gets on: what is copied again was in flight."""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import cast

import pytest

from alternator_migrate.core.bottleneck import Sampler
from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.limiter import Limiter
from alternator_migrate.core.model import (
    Batch,
    Concurrency,
    Item,
    Limits,
    Page,
    Position,
    Reject,
    Segment,
)
from alternator_migrate.core.pace import Pace
from alternator_migrate.core.ports import Target
from alternator_migrate.core.retry import Turn
from alternator_migrate.core.state import CopyState
from alternator_migrate.dynamodb.items import key_of
from alternator_migrate.snapshot.copy import copy
from alternator_migrate.snapshot.ledger import Ledger
from alternator_migrate.snapshot.reader import Readers
from tests.support import virtual_time
from tests.support.virtual_time import now

PAGE = 400
BATCH = 25
WRITERS = 16


def number_of(item: Item | Position) -> int:
    """The number in a key or an item."""
    return int(json.loads(bytes(item))["id"]["N"])


class Table:
    """A source of numbered items in so many segments, and a target of them."""

    def __init__(self, items: int, segments: int, cap: float | None) -> None:
        self._each = items // segments
        self.limits = Limits(BATCH)
        self.written: list[int] = []
        self._cap, self._pace = cap, Pace(cap, clock=now)
        self._chance = random.Random(1)

    def begin(self) -> None:
        """A new process."""
        self._pace = Pace(self._cap, clock=now)

    async def pages(
        self, segment: Segment, position: Position | None, turn: Turn | None = None
    ) -> AsyncGenerator[Page, None]:
        """The pages of a segment after any key."""
        first, end = segment.index * self._each, (segment.index + 1) * self._each
        start = number_of(position) + 1 if position else first
        for at in range(start, end, PAGE):
            await asyncio.sleep(0.02)
            numbers = range(at, min(at + PAGE, end))
            items = [b'{"id":{"N":"%d"},"x":{"S":"y"}}' % number for number in numbers]
            last = b'{"id":{"N":"%d"}}' % numbers[-1] if numbers[-1] + 1 < end else None
            yield Page(items, 1000, last, len(items), position_of=lambda item: key_of(item, ["id"]))

    async def write(self, batch: Batch) -> Sequence[Reject]:
        """Store a batch: now and then one takes very long."""
        await self._pace.take(len(batch.items))
        slow = self._chance.random() < 0.02
        await asyncio.sleep(3.0 if slow else self._chance.uniform(0.01, 0.05))
        self._pace.settle(len(batch.items), len(batch.items))
        self.written += map(number_of, batch.items)
        return ()


class NoRejects:
    """None are expected."""

    path, left = None, 0

    def keep(self, rejects: Sequence[Reject]) -> None:
        raise AssertionError(rejects)


@pytest.mark.parametrize("segments", [1, 4, 64])
@pytest.mark.parametrize("cap", [None, 300.0])
def test_what_is_copied_again_after_a_kill_was_in_flight(segments: int, cap: float | None) -> None:
    items, seconds = 12_800, (12.0 if cap else 1.5)

    async def scene() -> tuple[int, list[int], int]:
        table, state, kills = Table(items, segments, cap), CopyState(), 0
        while True:
            ledger, before = Ledger(segments, state), len(state.done)
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await run(table, ledger, segments)
                return kills, table.written, ledger.counts.written
            settled = ledger.state.items
            assert settled.read > state.items.read or before == segments
            assert settled.accounted
            again = len(set(table.written)) - settled.written
            assert again <= WRITERS * BATCH
            state, kills = ledger.state, kills + 1

    kills, written, counted = virtual_time.run(scene)
    assert kills >= 2
    assert set(written) == set(range(items))
    assert counted == items
    assert len(written) - items <= kills * WRITERS * BATCH


class Watched(Table):
    """Notes how many batches are written at once, and how many tasks there are meanwhile."""

    at_once = most = tasks = 0

    async def write(self, batch: Batch) -> Sequence[Reject]:
        """Store a batch."""
        self.tasks = max(self.tasks, len(asyncio.all_tasks()))
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await asyncio.sleep(0.1)
        self.at_once -= 1
        return ()


class Failing(Watched):
    """Has a page of one batch at each moment, and fails with the first of them."""

    async def pages(
        self, segment: Segment, position: Position | None, turn: Turn | None = None
    ) -> AsyncGenerator[Page, None]:
        """Pages without end."""
        while True:
            await asyncio.sleep(0)
            yield Page([b'{"id":{"N":"1"}}'], 1, b"{}", 1)

    async def write(self, batch: Batch) -> Sequence[Reject]:
        """Raise, or take very long."""
        self.most += 1
        if self.most > 1:
            await asyncio.sleep(1000)
        raise MigrateError("refused")


@pytest.mark.parametrize(("items", "most"), [(BATCH, 1), (3 * BATCH, 3), (10 * PAGE, WRITERS)])
def test_a_writer_begins_when_there_is_a_batch_for_it(items: int, most: int) -> None:
    async def scene() -> Watched:
        table = Watched(items, 1, None)
        alone = len(asyncio.all_tasks())
        await run(table, Ledger(1), 1)
        table.tasks -= alone
        return table

    table = virtual_time.run(scene)
    assert table.most == most
    assert most <= table.tasks <= most + 4  # the sample, the segment, the reader, and its stop


def test_no_writer_begins_after_one_has_failed() -> None:
    async def scene() -> None:
        async with asyncio.timeout(10):
            with pytest.raises(BaseExceptionGroup) as told:
                await run(Failing(0, 2, None), Ledger(2), 2)
        refused, others = told.value.split(MigrateError)
        assert refused
        assert others is None

    virtual_time.run(scene)


async def run(table: Table, ledger: Ledger, segments: int) -> None:
    """Copy what the ledger does not have."""
    table.begin()
    left = [Segment(n, segments) for n in range(segments) if not ledger.is_done(n)]
    readers = Readers(Limiter(16, clock=now, start=16))
    await copy(
        table,
        cast(Target, table),
        ledger,
        NoRejects(),
        left,
        Concurrency(16, WRITERS, 100_000),
        readers,
        Limiter(WRITERS, clock=now),
        Sampler(lambda: ("", ""), now, lambda: 0.0),
        asyncio.Event(),
    )
