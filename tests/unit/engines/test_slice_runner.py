"""The time of a slice: as long as it was given, and longer where its beginning has cost much."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from alternator_migrate.core.model import Segment
from alternator_migrate.core.retry import Retry
from alternator_migrate.core.steering import NO_CAPS
from alternator_migrate.core.work import Slice, SliceRun
from alternator_migrate.engines.slice_runner import work_off
from tests.support import virtual_time
from tests.support.slices import Unaccounted


class Endless(Unaccounted):
    """Work that has no end."""

    async def here(self, segments: Sequence[Segment], stop: asyncio.Event) -> None:
        await stop.wait()


def lasted(sought: Callable[[], float], hurry_at: float | None = None) -> float:
    """For how many seconds a slice of two seconds has lasted."""

    async def scene() -> float:
        piece: Slice[None] = Slice(1, {0: None}, 2.0, None, 1.0, NO_CAPS)
        run = SliceRun(piece, Endless(), Retry(1), (), sought=sought)
        hurry = asyncio.Event()
        if hurry_at is not None:
            asyncio.get_running_loop().call_later(hurry_at, hurry.set)
        await work_off(run, piece.seconds, hurry)
        return virtual_time.now()

    return virtual_time.run(scene)


@pytest.mark.parametrize(
    ("sought", "seconds"),
    [(lambda: 0.0, 2.0), (lambda: 0.2, 2.0), (lambda: 3.0, 24.0)],
)
def test_it_is_worth_its_beginning(sought: Callable[[], float], seconds: float) -> None:
    assert lasted(sought) == pytest.approx(seconds, abs=0.01)


def test_while_its_beginning_is_sought_it_is_not_over() -> None:
    assert lasted(lambda: min(virtual_time.now(), 5.0)) == pytest.approx(40.0, abs=0.01)


def test_it_hurries_all_the_same() -> None:
    assert lasted(lambda: 100.0, hurry_at=3.5) == pytest.approx(3.5, abs=0.01)
