"""For how long workers may still write, of an engine that tables have one after another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from alternator_migrate.core.model import Segment
from alternator_migrate.engines import in_turn
from alternator_migrate.engines.in_turn import InTurn
from alternator_migrate.engines.local import Local


class Clock:
    """Stands in for `time`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(in_turn, "time", SimpleNamespace(monotonic=lambda: self.now))


class Losing(Local):
    """Has lost a worker that may write for so many seconds."""

    def __init__(self, late: float) -> None:
        super().__init__()
        self._late = late

    async def lateness(self, *, goes_on: bool) -> float:
        return self._late


def engine(*late: float, until: float = 0.0) -> InTurn:
    """One whose workers were lost so in each of its runs."""
    left = list(late)

    @asynccontextmanager
    async def opening() -> AsyncIterator[Losing]:
        yield Losing(left.pop(0))

    return InTurn(opening, asyncio.Lock(), "dask", until)


async def run(each: InTurn) -> None:
    async def here(*_: object) -> None:
        return None

    work: Any = SimpleNamespace(here=here)
    await each.run(work, [Segment(0, 1)], asyncio.Event())


async def test_workers_of_the_run_before_may_write_though_nothing_is_left_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, each = Clock(monkeypatch), engine(until=1054.0)
    assert await each.lateness(goes_on=True) == 54.0
    assert await each.lateness(goes_on=False) == 0.0
    clock.now = 1050.0
    assert await each.lateness(goes_on=True) == 4.0
    clock.now = 1055.0
    assert await each.lateness(goes_on=True) == 0.0


async def test_a_worker_that_was_lost_is_waited_for_whatever_is_done_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, each = Clock(monkeypatch), engine(54.0, 0.0, until=1054.0)
    clock.now = 1010.0
    await run(each)
    clock.now = 1020.0
    await run(each)
    assert await each.lateness(goes_on=False) == 44.0
    assert await each.lateness(goes_on=True) == 44.0
