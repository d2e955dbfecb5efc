"""The 24 hours of a stream: an error when they have passed, warnings before."""

import asyncio
import logging

import pytest

from alternator_migrate.core.errors import TrimmedData
from alternator_migrate.follow.retention import Retention, building_warning
from tests.support.virtual_time import now, run

HOUR = 3600.0


def test_a_stream_left_alone_for_a_day_is_an_error() -> None:
    for waited, fails in ((23.9, False), (24.0, True)):
        retention = Retention(lambda: 1000.0, clock=lambda at=waited: 1000.0 + at * HOUR)  # type: ignore[misc] # bound now
        if fails:
            with pytest.raises(TrimmedData, match="24"):
                retention.check()
        else:
            retention.check()


@pytest.mark.parametrize(
    ("hours", "warned"), [(5, []), (13, ["54%"]), (20, ["83%"]), (30, ["125%"])]
)
def test_a_copy_that_will_take_long_is_warned_of_at_once(
    hours: float, warned: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A copy of so many hours at an even speed, with its stream not being read."""
    caplog.set_level(logging.WARNING)

    async def scene() -> None:
        retention = Retention(lambda: 0.0, clock=now)
        task = asyncio.create_task(retention.warn(lambda: min(now() / (hours * HOUR), 1.0)))
        await asyncio.sleep(hours * HOUR)
        task.cancel()

    run(scene)
    told = "".join(record.getMessage() for record in caplog.records)
    assert all(share in told for share in warned)
    assert len(caplog.records) == len(warned)


def test_a_copy_that_slows_down_is_warned_of_at_each_level(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)

    async def scene() -> None:
        retention = Retention(lambda: 0.0, clock=now)
        task = asyncio.create_task(retention.warn(lambda: 0.5))
        await asyncio.sleep(23 * HOUR)
        task.cancel()

    run(scene)
    assert len(caplog.records) == 3


def test_nothing_is_warned_of_while_the_stream_is_read(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)

    async def scene() -> None:
        retention = Retention(lambda: 0.0, clock=now)
        task = asyncio.create_task(retention.warn(lambda: 0.1))
        with retention.reading():
            await asyncio.sleep(40 * HOUR)
        task.cancel()

    run(scene)
    assert not caplog.records


def test_what_was_warned_of_is_said_again_only_where_changes_were_read_meanwhile(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    read_until = 0.0

    async def scene() -> None:
        nonlocal read_until
        retention = Retention(lambda: read_until, clock=now)
        for hours in (13, 3, 3, 14):
            task = asyncio.create_task(retention.warn(lambda: 0.0, building_warning))
            await asyncio.sleep(hours * HOUR)
            task.cancel()
            if now() > 18.5 * HOUR:
                read_until = now()

    run(scene)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 3
    assert all(share in text for share, text in zip(("50%", "75%", "50%"), told, strict=True))
